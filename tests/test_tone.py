"""Tones of paving and grass, driveways and pools: what keeps classes apart in real colours."""
import numpy as np
import pytest

from earthcrafter_core.data import classify
from earthcrafter_core.data.tone import BRIGHTNESS, LARGEST_GAIN, harmonise
from earthcrafter_core.scene import classes as c


@pytest.mark.parametrize("level", [90.0, 130.0, 200.0])
def test_roads_of_every_flight_come_to_one_brightness_and_keep_their_contrast(level):
    layout = np.full((40, 40), c.ROAD, np.uint8)
    layout[:, 20:] = c.WATER
    fine = np.full((80, 80, 3), level)
    fine[10:14, 4:8] *= 1.25  # a car
    made = harmonise(fine, layout)
    assert np.median(made[:, :30]) == pytest.approx(BRIGHTNESS[c.ROAD], abs=1)
    assert made[12, 6, 0] / made[40, 6, 0] == pytest.approx(1.25, abs=0.01)
    assert np.allclose(made[:, 50:], fine[:, 50:])  # what has no tone of its own stays


def test_gains_are_bounded_and_a_few_cells_tell_no_tone():
    layout = np.full((20, 20), c.ROAD, np.uint8)
    assert harmonise(np.full((40, 40, 3), 20.0), layout).max() == pytest.approx(20 * LARGEST_GAIN, abs=0.1)
    layout[:] = c.WATER
    layout[:3, :3] = c.ROAD
    fine = np.full((40, 40, 3), 180.0)
    assert np.allclose(harmonise(fine, layout), fine)


def street() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A street with three drives to three houses: paved cells, brightness, houses."""
    road, homes = np.zeros((80, 80), bool), np.zeros((80, 80), bool)
    road[:, 10:19] = True
    bright = np.full((80, 80), 90.0)
    bright[road] = 150
    for top in (10, 34, 58):
        homes[top:top + 12, 34:46] = True
        road[top + 3:top + 8, 19:34] = True
        bright[top + 3:top + 8, 19:34] = 190
    return road, bright, homes


def test_pale_drives_beside_houses_are_no_road():
    road, bright, homes = street()
    drives = classify.driveways(road, bright, homes)
    assert drives[14:17, 24:34].all() and not drives[:, 10:17].any()


def test_drives_as_dark_as_the_street_are_kept_and_without_houses_all_is_road():
    road, bright, homes = street()
    bright[road] = 150
    assert not classify.driveways(road, bright, homes)[14:17, 22:30].any()
    assert not classify.driveways(road, bright, np.zeros_like(homes)).any()


def test_pools_are_small_cyan_and_near_houses():
    rgb = np.full((60, 60, 3), (90.0, 110.0, 60.0))
    homes = np.zeros((60, 60), bool)
    homes[10:20, 10:20] = True
    for spot in ((slice(24, 29), slice(12, 18)), (slice(24, 29), slice(52, 58))):  # in the garden; far from the house
        rgb[spot] = (90, 170, 200)
    none = np.zeros((60, 60))
    planes = classify.Planes(none, none > 0, none, none, rgb, none == 0, {})
    pools = classify.pools(planes, homes, homes)
    assert pools[25:28, 13:17].all() and not pools[:, 52:].any() and pools.sum() < 50
    rgb[22:50, 8:50] = (90, 170, 200)  # a lake is no pool
    assert not classify.pools(planes, homes, homes).any()
