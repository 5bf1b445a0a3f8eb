"""Parts of a scene and their tones: from voxels, through the prior of TexFM, to what is drawn for a new place."""
import numpy as np
import pytest
import small_scene
import torch

from earthcrafter_core.data.parts import BUILT_SPREAD, Parts, draw_tones, parts_of, tones
from earthcrafter_core.models.config import DEFAULT, TEXTURE_LATENT
from earthcrafter_core.models.tex_flow import PALETTE, TexFlow
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.sparse.coords import Coords
from earthcrafter_core.train.batches import drop_tones


@pytest.fixture(scope="module")
def scene():
    voxels, splats, _ = small_scene.scene()
    return voxels, splats.normals().reshape(-1, 4, 3)[:, 0]


def test_a_house_has_a_roof_and_walls_and_each_other_class_is_one_part(scene):
    voxels, normal = scene
    parts = parts_of(voxels.coords, voxels.class_id, normal)
    assert len(np.unique(parts.part)) == len(parts) and (parts.class_id[parts.part] == voxels.class_id).all()
    house = parts.class_id == sem.HOUSE
    assert sorted(parts.wall[house]) == [False, True] and not parts.wall[~house].any()
    assert (parts.place[house] == parts.place[house][0]).all() and (parts.place[house] >= 0).all()
    assert (parts.place[~house] == -1).all() and len(set(parts.class_id[~house])) == (~house).sum()
    roof = parts.part == np.flatnonzero(house & ~parts.wall)[0]
    assert (voxels.coords[roof, 2] == small_scene.GROUND_INDEX + small_scene.ROOF).all()


def test_two_houses_apart_are_two_and_touching_they_are_one():
    def row_of(xs):
        coords = np.array([[x, 0, 9] for x in xs])
        return parts_of(coords, np.full(len(xs), sem.HOUSE, np.uint8), np.tile([0.0, 0, 1], (len(xs), 1)))
    assert len(row_of([0, 1, 5, 6])) == 2 and len(row_of([0, 1, 2, 3])) == 1
    apart = row_of([0, 1, 5, 6])
    assert len({tuple(p) for p in apart.place}) == 2


def test_tones_are_means_of_what_was_seen():
    parts = Parts(np.repeat([0, 1], 8), np.array([sem.LAWN, sem.ROAD], np.uint8), np.zeros(2, bool), np.full((2, 2), -1))
    rgb = np.zeros((16, 4, 3), np.uint8)
    rgb[:8] = 255
    seen = np.arange(16) < 11  # three of the road: too few
    made = tones(parts, rgb, seen)
    assert np.allclose(made[0], (1, 1, 1, 1)) and not made[1].any()


def test_dropped_tones_are_zero_and_the_others_close():
    tone = [torch.cat([torch.full((400, 3), 0.5), torch.ones(400, 1)], 1) for _ in range(40)]
    made = torch.cat(drop_tones(tone, np.random.default_rng(0)))
    gone = made[:, 3] == 0
    assert 0.1 < float(gone.float().mean()) < 0.35 and not made[gone].any()
    assert float((made[~gone, :3] - 0.5).abs().mean()) < 0.05


@pytest.fixture(scope="module")
def flow() -> TexFlow:
    """A network whose prior knows lawns, houses with red or grey roofs, and white walls."""
    torch.manual_seed(0)
    net = TexFlow(DEFAULT.tex_flow, DEFAULT.condition)
    n = 4000
    class_id = torch.where(torch.arange(n) % 2 > 0, sem.LAWN, sem.HOUSE)
    tone = torch.cat([torch.rand(n, 3) * 2 - 1, torch.ones(n, 1)], 1)
    tone[::5] = 0
    effect = torch.randn(3, TEXTURE_LATENT)
    latent = tone[:, :3] @ effect + class_id[:, None] * 0.1 + 0.1 * torch.randn(n, TEXTURE_LATENT)
    net.measure_prior(latent, class_id, tone)
    assert torch.allclose(net.tone_effect, effect, atol=0.1)
    roofs = torch.tensor([[0.4, -0.4, -0.5, 1.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])  # the third was not seen
    white = torch.tensor([[0.9, 0.9, 0.9, 1.0]])
    net.measure_palette(torch.full((4,), sem.HOUSE), torch.tensor([False, False, False, True]), torch.cat([roofs, white]))
    return net


def test_the_prior_follows_the_tone_and_is_surer_where_it_is_known(flow):
    coords = Coords(torch.tensor([[0, 0, 0, 5], [0, 1, 0, 5], [0, 2, 0, 5]]))
    class_id = torch.tensor([sem.HOUSE, sem.HOUSE, 0])
    tone = torch.tensor([[0.8, -0.5, 0.0, 1.0], [0.0] * 4, [0.0] * 4])
    planes = tuple(torch.zeros(1, d, 8, 8) for d in DEFAULT.condition)
    *_, mean, std = flow.voxels(planes, coords, class_id, tone)
    want = flow.prior_mean[sem.HOUSE] + (tone[0, :3] - flow.tone_mean[sem.HOUSE]) @ flow.tone_effect
    assert torch.allclose(mean[0], want) and torch.equal(mean[1], flow.prior_mean[sem.HOUSE]) and not mean[2].any()
    assert float(std[0].mean()) < float(std[1].mean()) and bool((std[2] == 1).all())


def test_drawn_tones_are_of_the_palette_and_a_function_of_seed_and_place(flow):
    place = np.stack([np.arange(60), np.zeros(60, int)], 1)
    parts = Parts(np.arange(61), np.array([sem.HOUSE] * 60 + [sem.SNOW], np.uint8), np.zeros(61, bool),
                  np.concatenate([place, [[-1, -1]]]))
    palette = flow.palette.numpy(), flow.palette_size.numpy().astype(int)
    made = draw_tones(parts, *palette, 5)
    roofs = np.array([[0.0, 0.0, 0.0], [0.4, -0.4, -0.5]])
    kept = roofs.mean(0) + BUILT_SPREAD * (roofs - roofs.mean(0))
    assert np.allclose(np.unique(made[:60, :3], axis=0), kept, atol=1e-6) and (made[:60, 3] == 1).all()
    assert not made[60].any()  # a class that was never seen
    assert np.array_equal(made, draw_tones(parts, *palette, 5)) and not np.array_equal(made, draw_tones(parts, *palette, -6))
    half = Parts(np.arange(30), parts.class_id[30:60], parts.wall[30:60], place[30:])
    assert np.array_equal(draw_tones(half, *palette, 5), made[30:60])


def test_a_palette_keeps_at_most_its_size(flow):
    count = 3 * PALETTE
    net = TexFlow(DEFAULT.tex_flow, DEFAULT.condition)
    net.measure_palette(torch.full((count,), sem.LAWN), torch.zeros(count, dtype=torch.bool), torch.ones(count, 4))
    assert net.palette_size[sem.LAWN].tolist() == [PALETTE, 0] and bool((net.palette[sem.LAWN, 0] == 1).all())
