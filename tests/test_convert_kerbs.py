"""Smooth kerbs: steps of a border vanish, straight borders, thin lines and everything off the ground stay."""
import numpy as np
import small_scene

from earthcrafter_core.convert.kerbs import smooth_kerbs, smoothed_classes
from earthcrafter_core.scene import classes as sem


def steps_of(ids: np.ndarray) -> np.ndarray:
    """Where the first class ends in each row."""
    return (ids == sem.ROAD).sum(1)


def test_a_flight_of_steps_becomes_an_even_slope():
    row, col = np.indices((60, 80))
    ids = np.where(col // 2 < 12 + row // 6, sem.ROAD, sem.LAWN).astype(np.uint8)  # cells of 2, one step each 3 cells
    before, after = np.diff(steps_of(ids)), np.diff(steps_of(smoothed_classes(ids))[6:-6])
    assert before.max() == 2 and after.max() == 1 and after.min() == 0
    assert abs(steps_of(smoothed_classes(ids))[6:-6] - steps_of(ids)[6:-6]).max() <= 1


def test_straight_borders_and_lines_of_one_voxel_stay():
    ids = np.full((40, 40), sem.LAWN, np.uint8)
    ids[:, 20:] = sem.WATER
    ids[10:12, :20] = sem.PATH
    made = smoothed_classes(ids)
    assert np.array_equal(made[14:], ids[14:]) and (made[10:12, 4:16] == sem.PATH).all()


def test_no_ground_stays_no_ground_and_wins_nowhere():
    ids = np.zeros((20, 20), np.uint8)
    ids[:, :10] = sem.LAWN
    assert np.array_equal(smoothed_classes(ids), ids)


def test_colours_change_only_beside_borders_and_are_those_of_the_class_that_won():
    voxels, splats, ids = small_scene.scene()
    made = smooth_kerbs(voxels.coords, voxels.class_id, splats)
    changed = np.flatnonzero((made.sh != splats.sh).any((1, 2)))
    assert 0 < len(changed) < 0.02 * len(splats)  # the corners of road, pond and the like
    assert sem.is_in(splats.class_id[changed], sem.GROUND_IDS).all()
    colours = {tuple(np.round(s[0], 4)) for s in splats.sh}
    assert {tuple(np.round(s[0], 4)) for s in made.sh} <= colours
    for name in ("mean", "quat", "log_scale", "opacity", "class_id"):
        assert getattr(made, name) is getattr(splats, name)


def test_further_splats_are_left_alone():
    voxels, splats, _ = small_scene.scene()
    more = type(splats)(*(np.concatenate([getattr(splats, k), getattr(splats, k)[:8]]) for k in splats.__dataclass_fields__))
    made = smooth_kerbs(voxels.coords, voxels.class_id, more)
    assert np.array_equal(made.sh[:-8], smooth_kerbs(voxels.coords, voxels.class_id, splats).sh)
    assert np.array_equal(made.sh[-8:], splats.sh[:8])


def test_a_step_down_has_the_colour_of_what_lies_on_it():
    voxels, splats, _ = small_scene.scene()
    lawn = np.flatnonzero(voxels.class_id == sem.LAWN)[0]
    coords = np.concatenate([voxels.coords, voxels.coords[lawn:lawn + 1] - [0, 0, 1]])
    more = type(splats)(*(np.concatenate([getattr(splats, k), getattr(splats, k)[:4]]) for k in splats.__dataclass_fields__))
    more.sh[-4:] = 9.0
    made = smooth_kerbs(coords, np.append(voxels.class_id, np.uint8(sem.LAWN)), more)
    assert np.array_equal(made.sh[-4:], splats.sh[4 * lawn:4 * lawn + 4])
