"""Procedural scenes: the same by seed, well-formed shells, every class, heights where they belong."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcrafter_core.data.preview import preview
from earthcrafter_core.data.synthetic import THEMES, make_scene
from earthcrafter_core.data.training_scene import TrainingScene
from earthcrafter_core.errors import BadInput
from earthcrafter_core.scene import classes as c
from earthcrafter_core.scene.voxels import GROUND_INDEX, index_to_height, pack_keys

SIZE = 64


def columns(scene: TrainingScene) -> np.ndarray:
    """Flat layout cell of each voxel."""
    xyz = scene.coords.astype(np.int64)
    h, w = scene.layout.shape
    return (h - 1 - xyz[:, 1]) * w + xyz[:, 0]


def check_well_formed(scene: TrainingScene, size: int) -> None:
    keys = pack_keys(scene.coords)
    assert (np.diff(keys) > 0).all(), "sorted by x, y, z and unique"
    assert scene.coords.min() >= 0 and scene.coords[:, :2].max() < size and scene.coords[:, 2].max() < 128
    assert scene.layout.shape == scene.height.shape == (size, size)
    assert scene.elevation.shape == (size // 8, size // 8)
    assert np.isfinite(scene.elevation).all() and np.isfinite(scene.height.astype(float)).all()
    assert len(np.unique(columns(scene))) == size * size, "every column holds a voxel"
    assert scene.layout.min() >= 1 and scene.layout.max() < c.NUM_CLASSES
    assert scene.class_id.min() >= 1 and scene.class_id.max() < c.NUM_CLASSES
    assert np.abs(scene.offset).max() <= 50
    length = np.linalg.norm(scene.normal.astype(float), axis=1)
    assert np.abs(length - 127).max() < 1.6
    assert scene.rgb.shape == (len(scene.coords), 4, 3) and scene.rgb.dtype == np.uint8
    assert scene.seen.all()


def check_heights(scene: TrainingScene) -> None:
    highest = np.full(scene.layout.size, -99.0)
    np.maximum.at(highest, columns(scene), index_to_height(scene.coords[:, 2]))
    difference = np.abs(highest.reshape(scene.layout.shape) - scene.height.astype(float))
    assert difference.max() <= 0.6, "the heights plane agrees with the voxels"


def check_ground(scene: TrainingScene) -> None:
    """One sheet of ground outside buildings, within a voxel of the ground's index or two."""
    open_cells = ~c.is_in(scene.layout, c.BUILDING_IDS).ravel()
    at = columns(scene)
    low = (scene.coords[:, 2] >= GROUND_INDEX - 2) & (scene.coords[:, 2] <= GROUND_INDEX + 3)
    assert np.isin(np.flatnonzero(open_cells), at[low]).all()
    flat = c.is_in(scene.layout, c.FLAT_IDS)
    assert np.abs(scene.height[flat].astype(float)).max(initial=0) <= 1.0


@pytest.mark.parametrize("theme", THEMES)
def test_scenes_of_every_theme_are_well_formed(theme):
    scene = make_scene(11, 128, theme)
    check_well_formed(scene, 128)
    check_heights(scene)
    check_ground(scene)
    assert scene.meta["theme"] == theme and scene.meta["source"] == "synthetic" and scene.meta["seed"] == 11


@given(st.integers(0, 2**40))
@settings(max_examples=12, deadline=None)
def test_any_seed_gives_a_well_formed_scene(seed):
    scene = make_scene(seed, SIZE)
    check_well_formed(scene, SIZE)
    check_heights(scene)
    check_ground(scene)


def test_flat_cells_beside_rocks_stay_flat():
    check_ground(make_scene(1_364_208_172, 128))  # a valley with boulders in a meadow


def test_the_same_seed_gives_the_same_scene_and_another_a_different_one():
    first, again, other = make_scene(5, SIZE, "village"), make_scene(5, SIZE, "village"), make_scene(6, SIZE, "village")
    for name in TrainingScene.ARRAYS:
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert not np.array_equal(first.layout, other.layout)


def test_all_classes_occur():
    count = np.zeros(c.NUM_CLASSES, int)
    for seed, theme in enumerate(["swatches"] * 10 + list(THEMES)):
        count += np.bincount(make_scene(seed, 128, theme).layout.ravel(), minlength=c.NUM_CLASSES)
    assert count[0] == 0
    assert (count[1:] > 60).all(), [c.NAMES[k] for k in range(1, c.NUM_CLASSES) if count[k] <= 60]


def test_shells_have_no_gaps_in_walls():
    """A tower's wall goes down to the ground all around it without a missing voxel."""
    scene = make_scene(3, 128, "downtown")
    building = c.is_in(scene.layout, c.BUILDING_IDS)
    filled = set(pack_keys(scene.coords).tolist())
    h = scene.layout.shape[0]
    rows, cols = np.nonzero(building[1:-1, 1:-1])
    checked = 0
    for row, col in zip(rows + 1, cols + 1, strict=True):
        outside = [not building[row + dr, col + dc] for dr, dc in ((0, 1), (0, -1), (1, 0), (-1, 0))]
        if not any(outside):
            continue
        top = int(np.floor(float(scene.height[row, col]) + 0.5)) + GROUND_INDEX
        wall = np.array([(col, h - 1 - row, z) for z in range(GROUND_INDEX + 1, top)])
        if len(wall):
            assert set(pack_keys(wall).tolist()) <= filled
            checked += 1
    assert checked > 50


def test_heights_by_class():
    """Towers are high, houses are not, crowns rise, roads and water lie low."""
    scenes = [make_scene(seed, 128, theme) for seed, theme in enumerate(["downtown", "suburb", "valley", "swatches"])]
    layout = np.concatenate([s.layout.ravel() for s in scenes])
    height = np.concatenate([s.height.ravel().astype(float) for s in scenes])
    assert np.median(height[layout == c.TOWER]) > 29
    assert 3 < np.median(height[layout == c.HOUSE]) < 11
    assert np.mean(height[c.is_in(layout, c.TREE_IDS)] >= 2) > 0.97
    assert (height[layout == c.WATER] < 0).all() and (height[layout == c.WATER] >= -1).all()


def test_texture_is_finer_than_a_voxel():
    scene = make_scene(2, 128, "downtown")
    wall = (np.abs(scene.normal[:, 2]) < 20) & c.is_in(scene.class_id, c.BUILDING_IDS)
    spread = np.ptp(scene.rgb[wall].astype(float).mean(2), axis=1)
    assert np.mean(spread > 25) > 0.15


def test_bad_arguments_are_told():
    with pytest.raises(BadInput, match="multiple of 8"):
        make_scene(0, 100)
    with pytest.raises(BadInput, match="theme"):
        make_scene(0, 64, "moon")


def test_preview_shows_the_scene():
    scene = make_scene(1, SIZE, "coast")
    picture = preview(scene, 2)
    assert picture.dtype == np.uint8 and picture.shape[0] == 2 * SIZE and picture.shape[1] > 6 * SIZE
    classes = picture[::2, 2 * SIZE:4 * SIZE:2]
    expected = np.array([k.color for k in c.CLASSES], np.uint8)[scene.layout]
    assert np.array_equal(classes, expected)
    top = picture[:, :2 * SIZE].reshape(-1, 3)
    assert top.std(0).min() > 5
