"""FLUX-VAE features: the library's encoder is stood in for by one of its shape, for its weights are not ours to ship."""
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from earthcrafter_core.data.dataset import build
from earthcrafter_core.data.training_scene import TrainingScene
from earthcrafter_core.errors import BadInput
from earthcrafter_core.models.config import DEFAULT
from earthcrafter_core.models.flux import CHANNELS, FluxFeatures
from earthcrafter_core.train import stages, trainer
from earthcrafter_core.train.batches import Batch
from earthcrafter_core.train.trainer import TrainSettings, train
from earthcrafter_core.weights import store


class Encoder(torch.nn.Module):
    """Mean colour of each 8 x 8 pixels in the first three of 16 channels, as diffusers' AutoencoderKL gives its latents."""

    config = SimpleNamespace(latent_channels=16, shift_factor=0.5, scaling_factor=2.0)

    @classmethod
    def from_pretrained(cls, folder, local_files_only, use_safetensors):
        assert local_files_only and use_safetensors  # nothing is fetched, nothing unpickled
        if "missing" in folder:
            raise OSError("no file named config.json")
        return cls()

    def encode(self, image):
        mean = F.pad(F.avg_pool2d(image, 8), (0, 0, 0, 0, 0, 13))
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean))


@pytest.fixture
def diffusers(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", SimpleNamespace(AutoencoderKL=Encoder))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    build(None, folder, synthetic=1)
    return folder


def test_planes_lie_where_the_picture_does(diffusers, tmp_path):
    picture = torch.full((1, 3, 32, 64), -1.0)
    picture[:, 0, :, 32:] = 1.0  # red in the east
    planes = FluxFeatures(tmp_path, "cpu").planes(picture)
    assert planes.shape == (1, CHANNELS, 16, 32)
    for first in range(0, CHANNELS, 16):  # each scale: (value - shift) * scale
        assert planes[0, first, 8, 28] == pytest.approx(1.0, abs=0.05)
        assert planes[0, first, 8, 3] == pytest.approx(-3.0, abs=0.05)
        assert torch.allclose(planes[0, first + 1], torch.tensor(-3.0), atol=0.05)


def test_voxels_read_the_features_of_their_column(diffusers, data, tmp_path):
    scene = TrainingScene.load(next((data / "scenes").glob("*train.npz"))).crop(0, 0, 32, 32)
    picture = scene.from_above()
    tops = {(int(x), int(y)): i for i, (x, y, _) in enumerate(scene.coords)}  # sorted: the highest is the last of its column
    for (x, y), i in list(tops.items())[::37]:
        for k, (u, v) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
            assert np.array_equal(picture[2 * y + v, 2 * x + u], scene.rgb[i, k])
    batch = Batch([scene, scene], flux=FluxFeatures(tmp_path, "cpu"))
    features = batch.features()
    assert features.shape == (len(batch.coords), 66) and torch.equal(features[:, 48:], Batch([scene, scene]).features())
    x, y = batch.coords.bxyz[0, 1:3].tolist()
    wanted = picture[2 * y:2 * y + 2, 2 * x:2 * x + 2].mean((0, 1)) / 127.5 - 1
    assert torch.allclose(features[0, :3] / 2 + 0.5, torch.from_numpy(wanted).float(), atol=0.35)  # bicubic, 8 pixels a voxel


def test_both_texture_networks_train_on_them_and_say_when_they_lack_them(diffusers, data, tmp_path, monkeypatch):
    monkeypatch.setattr(stages.TexVaeStage, "size", 32)
    monkeypatch.setattr(stages.TexFlowStage, "size", 32)
    monkeypatch.setattr(trainer, "MEASURED", 2)
    out = tmp_path / "w"

    def settings(network, flux=tmp_path):
        return TrainSettings(network, data, out, steps=1, batch=1, precision="fp32", flux=flux)
    train(settings("tex-vae"))
    assert store.tex_vae_of(DEFAULT, out).reads_flux
    with pytest.raises(BadInput, match="FLUX"):
        train(settings("tex-flow", flux=None))
    train(settings("tex-flow"))
    with pytest.raises(BadInput, match="reads no FLUX"):
        train(settings("struct-vae"))
    assert not store.tex_vae_of(DEFAULT).reads_flux


@pytest.mark.parametrize("module, folder, words", [(None, "w", "diffusers"), (Encoder, "missing", "holds no FLUX-VAE weights")])
def test_a_missing_library_or_folder_is_one_sentence(monkeypatch, module, folder, words):
    monkeypatch.setitem(sys.modules, "diffusers", module and SimpleNamespace(AutoencoderKL=module))
    with pytest.raises(BadInput, match=words):
        FluxFeatures(folder, "cpu")


def test_another_vae_is_refused(diffusers, monkeypatch, tmp_path):
    monkeypatch.setattr(Encoder, "config", SimpleNamespace(latent_channels=4, shift_factor=None, scaling_factor=1.0))
    with pytest.raises(BadInput, match="4 latent channels"):
        FluxFeatures(tmp_path, "cpu")
