"""The training loop: it learns, resumes as if it was never stopped, writes curves and weights that load."""
import csv

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from earthcrafter_core.data.dataset import build
from earthcrafter_core.data.training_scene import TrainingScene
from earthcrafter_core.errors import BadInput, WeightsError
from earthcrafter_core.models.condition import Condition
from earthcrafter_core.models.config import DEFAULT
from earthcrafter_core.models.struct_vae import StructVAE
from earthcrafter_core.train import stages, trainer
from earthcrafter_core.train.batches import Batch, drop_condition, drop_relief
from earthcrafter_core.train import schedule
from earthcrafter_core.train.evaluate import adherence, column_tops, iou
from earthcrafter_core.precision import autocast, bfloat16_is_fast
from earthcrafter_core.train.trainer import TrainSettings, train
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.weights import store


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    build(None, folder, synthetic=1)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(stages.StructVaeStage, "size", 16)  # an untrained decoder keeps every candidate
    monkeypatch.setattr(stages.TexVaeStage, "size", 32)
    monkeypatch.setattr(stages.TexFlowStage, "size", 32)
    monkeypatch.setattr(trainer, "MEASURED", 2)


def settings(data, out, network="struct-vae", **more) -> TrainSettings:
    return TrainSettings(network, data, out, batch=1, precision="fp32", save_every=2, **more)


def test_resumed_training_is_the_unbroken_one(data, tmp_path, monkeypatch):
    """A run killed after 2 of 4 steps and started again ends with the very weights of one that was not."""
    train(settings(data, tmp_path / "a", steps=4))
    draw = stages.draw_batch

    def killed(data_, stage, seed, step, *more):
        if step == 3:
            raise KeyboardInterrupt
        return draw(data_, stage, seed, step, *more)
    monkeypatch.setattr(stages, "draw_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(settings(data, tmp_path / "b", steps=4))
    monkeypatch.setattr(stages, "draw_batch", draw)
    train(settings(data, tmp_path / "b", steps=4))
    a, b = (load_file(store.path_of("struct-vae", tmp_path / k)) for k in "ab")
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_training_lowers_the_loss_and_writes_curves(data, tmp_path):
    path = train(settings(data, tmp_path, steps=30, seed=1))
    rows = list(csv.DictReader(open(tmp_path / "struct-vae.csv")))
    assert len(rows) == 3 and float(rows[-1]["loss"]) < 0.9 * float(rows[0]["loss"])
    assert (tmp_path / "struct-vae.png").read_bytes()[:4] == b"\x89PNG"
    vae = StructVAE(DEFAULT.struct_vae, DEFAULT.condition)
    meta = store.load("struct-vae", vae, tmp_path)
    assert path.is_file() and meta["steps"] == "30" and len(meta["data_hash"]) == 64
    assert float(vae.latent_std.std()) > 0  # measured, not the start's ones


def test_every_stage_trains(data, tmp_path):
    for network in store.NETWORKS:
        train(settings(data, tmp_path, network, steps=1))
        assert store.path_of(network, tmp_path).is_file()


def test_the_schedule_trains_all_five_and_refines_the_decoder(data, tmp_path):
    schedule.run(data, tmp_path, minutes=0.01)
    assert all(store.path_of(n, tmp_path).is_file() for n in store.NETWORKS)
    assert store.path_of("struct-vae", tmp_path).read_bytes() == store.path_of("struct-vae", tmp_path / "refined").read_bytes()
    before = store.path_of("tex-flow", tmp_path).stat().st_mtime_ns
    schedule.run(data, tmp_path, minutes=0.01)  # a second call finds everything done
    assert store.path_of("tex-flow", tmp_path).stat().st_mtime_ns == before


def test_a_frozen_encoder_stays(data, tmp_path):
    train(settings(data, tmp_path / "a", steps=2))
    train(settings(data, tmp_path / "a", "struct-fine", steps=1))
    train(settings(data, tmp_path / "b", steps=2, init=tmp_path / "a", freeze="encoder"))
    a, b = (load_file(store.path_of("struct-vae", tmp_path / k)) for k in "ab")
    kept = [k for k in a if k.startswith(("encoder", "latent"))]
    assert all(torch.equal(a[k], b[k]) for k in kept)
    assert any(not torch.equal(a[k], b[k]) for k in a if k.startswith("decoder"))


def test_a_flow_without_its_vae_says_what_is_missing(data, tmp_path):
    with pytest.raises(WeightsError, match="missing"):
        train(settings(data, tmp_path, "struct-fine", steps=1))


def test_bad_data_and_networks_are_refused(tmp_path):
    with pytest.raises(BadInput, match="network"):
        train(settings(tmp_path, tmp_path, "unknown"))
    with pytest.raises(BadInput, match="dataset"):
        train(settings(tmp_path, tmp_path))


def test_conditions_are_dropped_at_random(data):
    rng = np.random.default_rng(0)
    maps = Condition(torch.ones(400, 16, 16, dtype=torch.long), torch.full((400, 16, 16), 5.0))
    dropped = drop_condition(maps, rng)
    empty = (dropped.class_id == 0).flatten(1).all(1).float().mean()
    assert 0.05 < float(empty) < 0.2
    hinted = (~torch.isnan(dropped.height)).flatten(1).any(1).float().mean()
    assert 0.3 < float(hinted) < 0.6
    assert bool(torch.isnan(dropped.height[dropped.class_id == 0]).all())
    relief = drop_relief(torch.zeros(400, 4, 4), rng)
    assert 0.3 < float(relief.known.flatten(1).all(1).float().mean()) < 0.55


def test_batches_agree_with_their_scenes(data):
    scene = TrainingScene.load(next((data / "scenes").glob("*train.npz"))).crop(0, 0, 32, 32)
    batch = Batch([scene, scene])
    n = len(scene.coords)
    assert len(batch.coords) == 2 * n and torch.equal(batch.class_id[:n], batch.class_id[n:])
    x, y = 3, 5  # the layout's row 0 is north, the map's is y = 0
    assert int(batch.maps.class_id[0, y, x]) == scene.layout[32 - 1 - y, x]
    surfels = batch.surfels()
    assert float((surfels.mean[:n] - batch.coords.bxyz[:n, None, 1:] - 0.5).abs().max()) < 1.1
    cells = batch.coords.pool().parents.pool().parents.pool().parents
    assert torch.equal(cells.bxyz, batch.cells.bxyz)


def test_adherence_counts_what_stands_where_it_was_painted():
    layout = np.array([[sem.HOUSE, sem.ROAD], [sem.BROADLEAF, sem.WATER]], np.uint8)  # row 0 is north: y = 1
    coords = np.array([[0, 0, 5], [0, 0, 9], [0, 1, 6], [1, 0, 3], [1, 1, 5]], np.int32)
    got = adherence(coords, layout)
    assert got == {"building": (0, 1), "tree": (1, 1), "flat": (1, 2)}  # low house; water 2 m below
    assert column_tops(coords, (2, 2)).tolist() == [[1, 0], [4, -2]]
    assert iou(coords, coords[:4]) == pytest.approx(0.8)


def test_precision():
    for precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32),
                             ("auto", torch.bfloat16 if bfloat16_is_fast("cpu") else torch.float32)):
        with autocast("cpu", precision):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is dtype
