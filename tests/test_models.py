"""Shapes, ranges and gradients of the five networks, in both configurations."""
import numpy as np
import pytest
import torch

from earthcrafter_core.models import config as configs
from earthcrafter_core.models.condition import CondNet, Condition
from earthcrafter_core.models.struct_flow import CoarseFlow, FineFlow, Relief, dilate, valid_cells
from earthcrafter_core.models.struct_vae import StructVAE
from earthcrafter_core.models.surface import surface
from earthcrafter_core.models.tex_flow import TexFlow
from earthcrafter_core.models.tex_vae import TexVAE, cross_features, frame_quaternions, tangents
from earthcrafter_core.scene.splats import rotation_matrices
from earthcrafter_core.scene.voxels import tangent_frame
from earthcrafter_core.sparse.coords import Coords

BOTH = pytest.mark.parametrize("c", [configs.DEFAULT, configs.PAPER], ids=lambda c: c.name)
SIDE = 16


@pytest.fixture
def scene() -> tuple[Coords, torch.Tensor]:
    """A sheet of ground with a box on it, two tiles of 16 x 16."""
    rows = [(b, x, y, z) for b in range(2) for x in range(SIDE) for y in range(SIDE)
            for z in ([9] if 4 <= x < 9 and 4 <= y < 10 else [5])]
    coords = Coords(torch.tensor(sorted(rows)))
    return coords, torch.where(coords.bxyz[:, 3] > 5, 1, 12)


def condition() -> Condition:
    ids = torch.randint(0, 26, (2, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    height = torch.where(ids > 20, 3.0, torch.nan)
    return Condition(ids, height)


@BOTH
def test_struct_vae(c, scene):
    coords, ids = scene
    vae, maps = StructVAE(c.struct_vae, c.condition), condition()
    cells, mean, log_var = vae.encoder(coords, ids)
    assert mean.shape == log_var.shape == (len(cells), configs.LATENT) and int(cells.bxyz[:, 1:].max()) < SIDE // 8
    planes = vae.decoder.planes(maps)
    forced = vae.decoder(mean, cells, planes, coords)
    assert torch.equal(forced.coords.bxyz, coords.bxyz) and forced.class_logits.shape == (len(coords), 26)
    assert [len(x) for x in forced.logits] == [len(x) for x in forced.candidates]
    free = vae.decoder(mean, cells, planes)
    assert len(free.class_logits) == len(free.coords)
    loss, _ = vae.loss(coords, ids, maps)
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in vae.parameters())


def test_struct_decoder_refuses_a_target_outside_its_cells(scene):
    coords, ids = scene
    vae = StructVAE(configs.DEFAULT.struct_vae, configs.DEFAULT.condition)
    cells, mean, _ = vae.encoder(coords, ids)
    with pytest.raises(ValueError, match="outside"):
        vae.decoder(mean[:-1], Coords(cells.bxyz[:-1]), vae.decoder.planes(condition()), coords)


@BOTH
def test_tex_vae(c, scene):
    coords, _ = scene
    vae = TexVAE(c.tex_vae)
    mean, _ = vae.encode(torch.randn(len(coords), c.tex_vae.features), coords)
    assert mean.shape == (len(coords), configs.TEXTURE_LATENT)
    s = vae.decode(mean, coords)
    k = c.tex_vae.surfels
    assert k >= 4 and s.mean.shape == (len(coords), k, 3) and s.color.shape == (len(coords), k, 3)
    assert bool((s.color >= 0).all()) and bool((s.color <= 1).all())
    assert torch.allclose(s.quat.norm(dim=2), torch.ones(len(coords), k), atol=1e-4)
    assert float((s.mean - coords.bxyz[:, None, 1:] - 0.5).detach().abs().max()) < 2  # surfels stay near their voxel


@BOTH
@pytest.mark.parametrize("known", [True, False])
def test_coarse(c, known):
    net = CoarseFlow(c.coarse, c.condition)
    side = SIDE // 8
    x = torch.randn(2, c.coarse.height + 1, side, side)
    relief = Relief(torch.zeros(2, side, side), torch.full((2, side, side), known))
    out = net(x, torch.rand(2), net.condition(condition()), relief)
    assert out.shape == x.shape
    clean = net.clean(out)
    assert bool((clean[:, :-1].abs() <= 1).all())


@BOTH
def test_flows_on_voxels(c, scene):
    coords, ids = scene
    cells = coords.pool().parents.pool().parents.pool().parents
    fine = FineFlow(c.fine, c.condition)
    out = fine(torch.randn(len(cells), configs.LATENT), cells, torch.rand(2), fine.cells(fine.condition(condition()), cells))
    assert out.shape == (len(cells), configs.LATENT)
    texture = TexFlow(c.tex_flow, c.condition)
    features = texture.voxels(texture.condition(condition()), coords, ids, torch.rand(len(coords), 4))
    out = texture(torch.randn(len(coords), configs.TEXTURE_LATENT), coords, torch.rand(2), features)
    assert out.shape == (len(coords), configs.TEXTURE_LATENT)
    out.sum().backward()


def test_coarse_takes_canvases_that_are_no_multiple_of_the_patch():
    net = CoarseFlow(configs.CoarseConfig(32, 1, (2, 2, 2), 4), (32, 64, 128))
    c = Condition(torch.ones(1, 24, 40, dtype=torch.long), torch.full((1, 24, 40), torch.nan))
    relief = Relief(torch.zeros(1, 3, 5), torch.zeros(1, 3, 5, dtype=torch.bool))
    assert net(torch.randn(1, 5, 3, 5), torch.rand(1), net.condition(c), relief).shape == (1, 5, 3, 5)


def test_paper_configuration_is_the_papers():
    p = configs.PAPER
    assert p.tile == 360 and p.tex_vae.layers == 12 and p.tex_vae.features == 66 and p.struct_vae.encoder[0] == 4
    assert p.coarse.patch == (2, 2, 2) and configs.LATENT == 32 and configs.TEXTURE_LATENT == 8
    assert p.coarse.height - 1 == p.tile // configs.CELL


def test_conditions_change_what_is_predicted():
    torch.manual_seed(0)
    net = CondNet((32, 64, 128))
    c = condition()
    for full, empty in zip(net(c), net(c.empty())):
        assert full.shape == empty.shape and not torch.allclose(full, empty)


def test_the_image_branch_has_its_place():
    net = CondNet((32, 64, 128), image_channels=7)
    c = condition()
    with_image = Condition(c.class_id, c.height, torch.randn(2, 7, SIDE // 8, SIDE // 8))
    assert not torch.allclose(net(with_image)[2], net(c)[2])


def test_valid_cells_need_more_than_half_of_the_channels():
    latent = torch.zeros(3, 32)
    latent[1, :16] = 1
    latent[2, :17] = -1
    assert valid_cells(latent).tolist() == [False, False, True]


def test_dilation_stays_on_the_canvas():
    cells = dilate(Coords(torch.tensor([[0, 0, 0, 0], [0, 3, 1, 2]])), (2, 4))
    assert int(cells.bxyz[:, 1].max()) == 3 and int(cells.bxyz[:, 2].max()) == 1 and int(cells.bxyz.min()) == 0
    assert len(cells) == (1 + 3) + (1 + 4)  # the corner has 3 neighbours inside; (3, 1, 2) has x-1, y-1, z+-1


def test_tangents_and_quaternions_agree_with_the_scene_forms():
    normal = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    u, v = tangents(torch.from_numpy(normal))
    a, b = tangent_frame(normal)
    np.testing.assert_allclose(u.numpy(), a, atol=1e-5)
    np.testing.assert_allclose(v.numpy(), b, atol=1e-5)
    quat = frame_quaternions(torch.stack([u, v, torch.from_numpy(normal)], 2))
    np.testing.assert_allclose(rotation_matrices(quat.numpy())[:, :, 2], normal, atol=1e-4)


def test_cross_features():
    rgb = torch.rand(6, 4, 3)
    f = cross_features(rgb, torch.nn.functional.normalize(torch.randn(6, 3), dim=1))
    assert f.shape == (6, 18)
    torch.testing.assert_close(f[:, :3], rgb.mean(1) * 2 - 1)


def test_a_surface_of_uncertain_height_gets_one_voxel_and_sure_ones_no_more():
    rows = [[0, x, y, z] for x in range(8) for y in range(8) for z in range(8)]
    candidates = Coords(torch.tensor(rows))
    z = candidates.bxyz[:, 3]
    unsure = torch.where((z == 4) | (z == 5), -0.2, -6.0)  # 0.45 each, none above a half
    kept = surface(candidates, unsure)
    column = candidates.bxyz[kept][:, 1:3]
    assert len(torch.unique(column, dim=0)) == 64
    sure = torch.where(z == 4, 3.0, -6.0)
    assert torch.equal(surface(candidates, sure), sure > 0)
    assert not surface(candidates, torch.full((len(rows),), -6.0)).any()


def test_a_texture_flow_that_knows_nothing_gives_each_class_its_own_latent(scene):
    coords, ids = scene
    c = configs.DEFAULT
    flow = TexFlow(c.tex_flow, c.condition)
    noise = torch.randn(len(ids), 8, generator=torch.Generator().manual_seed(0))
    latent = torch.where(ids[:, None] == 1, 2.0, -1.0) + 0.5 * noise
    tone = torch.zeros(len(ids), 4)  # of no part is the tone known
    flow.measure_prior(latent, ids, tone)
    assert torch.allclose(flow.prior_mean[1], torch.full((8,), 2.0), atol=0.3) and (flow.prior_mean[3] == 0).all()
    torch.nn.init.zeros_(flow.unet.out.weight)
    torch.nn.init.zeros_(flow.unet.out.bias)
    features = flow.voxels(flow.condition(condition()), coords, ids, tone)
    x1 = flow(torch.randn(len(ids), 8), coords, torch.zeros(2), features)
    assert torch.allclose(x1, flow.prior_mean[ids], atol=1e-4)
    late = flow(latent, coords, torch.full((2,), 0.999), features)
    assert torch.allclose(late, latent, atol=0.05)


def test_a_shifted_map_stays_under_its_voxels(scene):
    coords, _ = scene
    maps = condition()
    moved, there = maps.shifted(2, 6), coords.shifted(2, 6)
    b, x, y, _ = coords.bxyz.unbind(1)
    b2, x2, y2, _ = there.bxyz.unbind(1)
    assert torch.equal(maps.class_id[b, y, x], moved.class_id[b2, y2, x2]) and moved.class_id.shape == (2, 24, 24)
    assert torch.equal(torch.isnan(maps.height[b, y, x]), torch.isnan(moved.height[b2, y2, x2]))
    assert maps.shifted(0, 0) is maps and coords.shifted(0, 0) is coords
