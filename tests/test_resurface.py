"""Decoded voxels back to clean surfaces: holes, strays, painted classes, roofs of every form."""
import numpy as np
import pytest
import small_scene
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcrafter_core.data.resurface import framed_shell, surfaces_of
from earthcrafter_core.data.roofs import regular_roof
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.voxels import GROUND_INDEX


def keys(coords) -> set[tuple[int, ...]]:
    return set(map(tuple, np.asarray(coords).tolist()))


def shell_of(surfaces, rows):
    shell = framed_shell(surfaces)
    return np.stack([shell.col, rows - 1 - shell.row, shell.z], 1), shell


def test_a_clean_scene_stays_as_it_is():
    voxels, _, ids = small_scene.scene()
    made, shell = shell_of(surfaces_of(voxels.coords, voxels.class_id, ids), len(ids))
    top = {(x, y): z for x, y, z in sorted(keys(made))}
    house = np.argwhere(ids == sem.HOUSE)
    assert {top[c, len(ids) - 1 - r] for r, c in house} == {small_scene.GROUND_INDEX + small_scene.ROOF}
    solid = [k for k, c in zip(map(tuple, made.tolist()), shell.class_id) if c == sem.HOUSE]
    assert set(solid) == keys(voxels.coords[voxels.class_id == sem.HOUSE])
    assert len(np.unique(made[:, :2], axis=0)) == ids.size


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2 ** 31), st.floats(0.05, 0.5))
def test_holes_in_roofs_are_closed(seed, share):
    voxels, _, ids = small_scene.scene()
    rng = np.random.default_rng(seed)
    roof = (voxels.class_id == sem.HOUSE) & (voxels.coords[:, 2] == small_scene.GROUND_INDEX + small_scene.ROOF)
    column = voxels.coords[:, 0] * len(ids) + voxels.coords[:, 1]
    roof &= np.bincount(column)[column] == 1  # over a wall a missing roof is no hole: the wall's own top is a height too
    kept = ~roof | (rng.random(len(roof)) > share)
    surfaces = surfaces_of(voxels.coords[kept], voxels.class_id[kept], ids)
    assert np.allclose(surfaces.top[ids == sem.HOUSE], small_scene.ROOF, atol=0.51)


def test_painted_cells_are_what_was_painted():
    painted = np.array([[sem.HOUSE, sem.ROAD, sem.BROADLEAF, 0, 0]], np.uint8)
    coords = np.array([[0, 0, 5], [0, 0, 9], [1, 0, 5], [1, 0, 12], [2, 0, 5], [2, 0, 15], [3, 0, 5], [4, 0, 5], [4, 0, 11]])
    decoded = np.array([sem.LAWN, sem.TOWER, sem.LAWN, sem.BROADLEAF, sem.LAWN, sem.CONIFER, sem.SAND, sem.ROCK, sem.HOUSE],
                       np.uint8)
    s = surfaces_of(coords, decoded, painted)
    assert s.layout.tolist() == [[sem.HOUSE, sem.ROAD, sem.BROADLEAF, sem.SAND, sem.HOUSE]]
    assert s.top.tolist() == [[4, 0, 10, 0, 6]] and s.cover[0, 2] == sem.LAWN


def test_a_painted_house_without_a_voxel_stays_ground_and_every_column_is_filled():
    painted = np.full((6, 6), sem.HOUSE, np.uint8)
    s = surfaces_of(np.array([[0, 0, 5]]), np.array([sem.MEADOW], np.uint8), painted)
    made, shell = shell_of(s, 6)
    assert len(keys(made)) == 36 and set(shell.class_id) == {sem.HOUSE}


def test_a_hint_sets_the_height_and_the_roof_keeps_its_form():
    voxels, _, ids = small_scene.scene()
    free = surfaces_of(voxels.coords, voxels.class_id, ids)
    house, tree = ids == sem.HOUSE, ids == sem.BROADLEAF
    hint = np.full(ids.shape, np.nan)
    hint[house] = 11.0
    held = surfaces_of(voxels.coords, voxels.class_id, ids, hint=hint)
    assert held.top[house].max() == pytest.approx(11.0) and np.array_equal(held.top[~house], free.top[~house])
    assert np.allclose(held.top[house] / held.top[house].max(), free.top[house] / free.top[house].max())
    slope = 3 + np.arange(ids.shape[1]) * 0.2 * np.ones((len(ids), 1))
    hint[:] = np.where(tree, slope, np.nan)  # numbers that differ are the form itself
    held = surfaces_of(voxels.coords, voxels.class_id, ids, hint=hint)
    assert np.allclose(held.top[tree], slope[tree]) and np.array_equal(held.top[house], free.top[house])
    hint[:] = np.where(house, 0.2, np.nan)
    assert surfaces_of(voxels.coords, voxels.class_id, ids, hint=hint).top[house].max() > 2


def test_no_tree_is_as_tall_as_the_tower_beside_it():
    painted = np.array([[sem.TOWER, sem.BROADLEAF, sem.LAWN]], np.uint8)
    coords = np.array([[0, 0, 75], [1, 0, 5], [1, 0, 14], [1, 0, 75], [2, 0, 5]])
    decoded = np.array([sem.TOWER, sem.LAWN, sem.BROADLEAF, sem.BROADLEAF, sem.LAWN], np.uint8)
    assert surfaces_of(coords, decoded, painted).top.tolist() == [[70, 9, 0]]


def test_a_tree_alone_is_no_pillar():
    painted = np.full((20, 20), sem.LAWN, np.uint8)
    painted[8:11, 8:11] = sem.BROADLEAF
    y, x = (a.ravel() for a in np.mgrid[:20, :20])
    tree = painted[::-1].ravel() == sem.BROADLEAF
    high = 5 + np.where(np.arange(tree.sum()) % 3 > 0, 35, 12)
    coords = np.concatenate([np.stack([x, y, np.full(len(x), 5)], 1), np.stack([x[tree], y[tree], high], 1)])
    ids = np.concatenate([np.full(len(x), sem.LAWN), np.full(tree.sum(), sem.BROADLEAF)]).astype(np.uint8)
    top = surfaces_of(coords, ids, painted).top[painted == sem.BROADLEAF]
    assert (top == 12).all()


def test_the_ground_slopes_and_water_lies_level():
    painted = np.full((20, 40), sem.LAWN, np.uint8)
    painted[:, 20:] = sem.WATER
    y, x = (a.ravel() for a in np.mgrid[:20, :40])
    rng = np.random.default_rng(0)
    z = np.where(x < 10, 7, np.where(x < 20, 6, 5 + (rng.random(len(x)) < 0.2)))
    s = surfaces_of(np.stack([x, y, z], 1), painted[::-1].ravel(), painted)
    assert (s.ground[:, 20:] == 0).all() and np.abs(np.diff(s.ground[:, :20], axis=1)).max() < 0.5
    assert s.ground[:, 3] == pytest.approx(2.0, abs=0.1) and s.ground[:, 15] == pytest.approx(1.0, abs=0.1)


def test_walls_stand_at_the_maps_border():
    painted = np.full((8, 8), sem.HOUSE, np.uint8)
    y, x = np.mgrid[:8, :8]
    roof = np.stack([x.ravel(), y.ravel(), np.full(64, 11)], 1)
    made, _ = shell_of(surfaces_of(roof, np.full(64, sem.HOUSE, np.uint8), painted), 8)
    assert {(0, 3, z) for z in range(6, 12)} <= keys(made) and (3, 3, 7) not in keys(made)


def test_a_bridge_rises_from_its_roads_to_one_level():
    painted = np.full((12, 70), sem.WATER, np.uint8)
    painted[4:8] = sem.BRIDGE
    painted[:, :6] = painted[:, -6:] = sem.ROAD
    y, x = (a.ravel() for a in np.mgrid[:12, :70])
    deck = (painted[::-1].ravel() == sem.BRIDGE)
    rng = np.random.default_rng(0)
    coords = np.concatenate([np.stack([x, y, np.full(len(x), 5)], 1),
                             np.stack([x[deck], y[deck], 8 + rng.integers(0, 2, deck.sum()) * (x[deck] > 30)], 1)])
    ids = np.concatenate([np.where(deck, sem.WATER, painted[::-1].ravel()), np.full(deck.sum(), sem.BRIDGE)]).astype(np.uint8)
    top = surfaces_of(coords, ids, painted).top[5]
    assert abs(top[6]) < 0.2 and abs(top[63]) < 0.2 and top[35] == pytest.approx(3, abs=0.2)
    assert np.abs(np.diff(top)).max() < 0.2


def gable(patch, eave=4.0, pitch=0.6):
    rows = np.arange(patch.shape[0])[:, None] - np.nonzero(patch)[0].mean()
    return np.where(patch, eave + pitch * (patch.any(1).sum() / 2 - np.abs(rows)), 0.0)


@pytest.mark.parametrize("form", ["flat", "gable", "hip"])
def test_a_noisy_house_roof_gets_its_form_back(form):
    from scipy import ndimage
    patch = np.zeros((14, 20), bool)
    patch[2:12, 2:18] = True
    true = {"flat": np.where(patch, 5.0, 0), "gable": gable(patch),
            "hip": np.where(patch, 4 + 0.5 * ndimage.distance_transform_edt(patch), 0)}[form]
    noisy = true + np.random.default_rng(0).normal(0, 0.6, true.shape) * patch
    made = regular_roof(noisy, patch, sem.HOUSE)
    assert np.abs(made - true)[patch].mean() < 0.25 < np.abs(noisy - true)[patch].mean()
    assert np.array_equal(made[~patch], noisy[~patch])


def test_large_roofs_become_terraces_and_what_fits_nothing_stays():
    patch = np.ones((24, 40), bool)
    true = np.where(np.arange(40) < 20, 12.0, 6.0) * np.ones((24, 1))
    made = regular_roof(true + np.random.default_rng(1).normal(0, 0.7, true.shape), patch, sem.COMMERCIAL)
    assert len(np.unique(made)) == 2 and np.abs(made - true)[:, 3:-3].mean() < 0.3
    wild = np.random.default_rng(2).uniform(3, 20, (10, 10))
    assert regular_roof(wild, np.ones((10, 10), bool), sem.HOUSE) is None


def test_ground_is_not_taken_from_the_walls_of_a_tower():
    rows, cols = (a.ravel() for a in np.mgrid[:16, :16])
    flat = np.stack([cols, 15 - rows, np.full(256, GROUND_INDEX)], 1)
    high = (np.abs(rows - 8) < 3) & (np.abs(cols - 8) < 3)  # its voxels there were taken for soil
    coords = np.concatenate([flat, flat[high] + [0, 0, 10]])
    class_id = np.concatenate([np.full(256, sem.LAWN), np.full(high.sum(), sem.SOIL)]).astype(np.uint8)
    made = surfaces_of(coords, class_id, np.full((16, 16), sem.LAWN, np.uint8))
    assert np.abs(made.ground).max() < 0.3
