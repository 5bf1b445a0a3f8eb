"""Straight walls of stepped footprints, and surfels that lie in them."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcrafter_core.data.resurface import framed_shell
from earthcrafter_core.data.shell import Surfaces
from earthcrafter_core.data.walls import straight_walls, wall_surface
from earthcrafter_core.models.config import DEFAULT
from earthcrafter_core.models.tex_vae import KnownSurface, TexVAE
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.voxels import GROUND_INDEX
from earthcrafter_core.sparse.coords import Coords


def rectangle(angle: float, hu: float, hv: float, size: int = 48) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A house askew: footprint int32 [size, size], and the places u, v of all cells along its axes."""
    row, col = np.indices((size, size))
    x, y = col - size / 2 + 0.5, size / 2 - 0.5 - row
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return ((np.abs(u) <= hu) & (np.abs(v) <= hv)).astype(np.int32), u, v


@settings(max_examples=60, deadline=None)
@given(st.floats(0, np.pi), st.floats(6, 14), st.floats(5, 9))
def test_walls_of_a_house_askew_are_its_four_sides(angle, hu, hv):
    footprint, u, v = rectangle(angle, hu, hv)
    walls = straight_walls(footprint)
    own = np.isfinite(walls.distance[0])
    assert own.sum() > 20 and not own[footprint == 0].any()
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    along = walls.normal[0][own] @ axes.T  # [B, 2] share of the normal along u and v
    assert (np.abs(along).max(1) > np.cos(np.radians(7))).all()  # one step of a cell in a short side is five degrees
    end = np.abs(along[:, 0]) > np.abs(along[:, 1])
    distance = walls.distance[0][own]
    place = np.where(end, u[own] * np.sign(along[:, 0]), v[own] * np.sign(along[:, 1])) + distance
    assert np.abs(place - np.where(end, hu, hv)).mean() < 0.55 and (np.abs(distance) <= 0.75).all()
    for side in range(4):
        own_side = place[(2 * end + ((along[:, 0] + along[:, 1]) > 0)) == side]
        assert len(own_side) and own_side.std() < 0.5  # one plane, turned by that step at most


def test_walls_along_the_grid_lie_on_the_cells_edges_and_corners_have_two():
    footprint = np.zeros((20, 20), np.int32)
    footprint[4:12, 6:16] = 3  # the number of a building need not be the first
    walls = straight_walls(footprint)
    own = np.isfinite(walls.distance[0])
    assert own.sum() == 2 * (8 + 10) - 4 and np.allclose(walls.distance[0][own], 0.5)
    assert np.allclose(walls.normal[0, 8, 6], (-1, 0), atol=1e-6) and np.allclose(walls.normal[0, 4, 10], (0, 1), atol=1e-6)
    assert {tuple(c) for c in np.argwhere(np.isfinite(walls.distance[1]))} == {(4, 6), (4, 15), (11, 6), (11, 15)}
    for r, c in ((4, 6), (11, 15)):
        assert abs(walls.normal[0, r, c] @ walls.normal[1, r, c]) < 1e-6


def test_round_buildings_keep_round_walls():
    row, col = np.indices((40, 40)) - 19.5
    walls = straight_walls((np.hypot(row, col) < 12).astype(np.int32))
    own = np.isfinite(walls.distance[0])
    outward = np.stack([col, -row], -1)[own] / np.hypot(row, col)[own][:, None]
    assert (walls.normal[0][own] * outward).sum(1).min() > 0.95 and not np.isfinite(walls.distance[1]).any()


def test_one_cell_and_no_building():
    footprint = np.zeros((5, 5), np.int32)
    assert not np.isfinite(straight_walls(footprint).distance).any()
    footprint[2, 2] = 1
    assert np.isfinite(straight_walls(footprint).distance[0, 2, 2])


@pytest.fixture(scope="module")
def house():
    """Shell and wall surface of a house of 8 x 10 m, 6 m high."""
    footprint = np.zeros((24, 24), np.int32)
    footprint[8:16, 6:16] = 1
    layout = np.where(footprint > 0, sem.HOUSE, sem.LAWN).astype(np.uint8)
    surfaces = Surfaces(layout, np.full_like(layout, sem.LAWN), np.zeros(layout.shape), footprint * 6.0, footprint)
    shell = framed_shell(surfaces)
    return shell, wall_surface(shell, footprint)


def test_only_walls_change(house):
    shell, surface = house
    flat = ~shell.side
    assert np.array_equal(surface.normal[flat], shell.normal[flat]) and np.array_equal(surface.offset[flat], shell.offset[flat])
    assert len(surface.corner) == 4 * 6 and np.allclose(np.linalg.norm(surface.corner_normal, axis=1), 1)


def test_steps_of_a_sloping_roof_belong_to_the_roof_and_terraces_keep_their_walls():
    footprint = np.zeros((24, 24), np.int32)
    footprint[4:20, 4:20] = 1
    layout = np.where(footprint > 0, sem.HOUSE, sem.LAWN).astype(np.uint8)
    col = np.indices(footprint.shape)[1]
    for top, upright in ((4 + 0.45 * (col - 4), False), (np.where(col < 12, 5.0, 14.0), True)):
        lawn = np.full_like(layout, sem.LAWN)
        shell = framed_shell(Surfaces(layout, lawn, np.zeros(layout.shape), footprint * top, footprint))
        surface = wall_surface(shell, footprint)
        inside = shell.side & (shell.col > 5) & (shell.col < 18) & (shell.row > 5) & (shell.row < 18)
        assert inside.sum() > 10
        if upright:
            assert (surface.normal[inside][:, 2] == 0).all()
        else:
            assert (surface.normal[inside][:, 2] > 0.8).all()
            place = shell.z[inside] - GROUND_INDEX + surface.offset[inside][:, 2]
            assert np.abs(place - top[shell.row[inside], shell.col[inside]]).max() < 0.51


def test_surfels_lie_in_a_known_surface_and_elsewhere_where_the_network_says(house):
    shell, surface = house
    torch.manual_seed(0)
    vae = TexVAE(DEFAULT.tex_vae)
    bxyz = torch.from_numpy(np.stack([np.zeros_like(shell.z), shell.col, shell.row, shell.z], 1))
    order = torch.from_numpy(np.lexsort(bxyz.numpy().T[::-1]))
    coords, latent = Coords(bxyz[order]), torch.randn(len(bxyz), 8)
    normal, offset = (torch.from_numpy(a)[order] for a in (surface.normal, surface.offset))
    known = torch.arange(len(bxyz)) % 3 > 0
    free, bound = vae.decode(latent, coords), vae.decode(latent, coords, KnownSurface(normal, offset, known))
    away = ((bound.mean.detach() - (coords.bxyz[:, None, 1:] + 0.5 + offset[:, None])) * normal[:, None]).sum(2)
    assert float(away[known].abs().max()) < 1e-4 and torch.equal(bound.normal[known], normal[known])
    for name in ("mean", "quat", "normal"):
        assert torch.equal(getattr(bound, name)[~known], getattr(free, name)[~known])
    assert torch.equal(bound.color, free.color)
