"""Lines on sports fields and car parks."""
from __future__ import annotations

import numpy as np
import pytest

from earthcrafter_core.mesh.texturing.markings import BAY, paint_markings
from earthcrafter_core.scene import classes as sem

DENSITY = 8.0
GREEN = 80


def ground(class_id: int, length: float, width: float, angle: float = 0.0, side: float = 64.0) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture and the classes of an oblong patch in lawn, its long side at an angle."""
    n = int(side * DENSITY)
    y, x = (np.mgrid[:n, :n] + 0.5) / DENSITY - side / 2
    u, v = np.cos(angle) * x + np.sin(angle) * y, -np.sin(angle) * x + np.cos(angle) * y
    inside = (np.abs(u) < length / 2) & (np.abs(v) < width / 2)
    return np.full((n, n, 3), GREEN, np.uint8), np.where(inside, class_id, sem.LAWN).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2])
def test_a_pitch_is_drawn_in_its_field_alone_and_is_symmetric(angle):
    color, classes = ground(sem.SPORTS, 48, 30, angle)
    paint_markings(color, classes, DENSITY)
    white = color[..., 0] > GREEN + 20
    assert not white[classes != sem.SPORTS].any()
    assert 0.02 < white[classes == sem.SPORTS].mean() < 0.08
    assert (white == white[::-1, ::-1]).mean() > 0.995  # turned by half a turn
    middle = len(white) // 2
    assert white[middle - 2:middle + 2, middle - 2:middle + 2].any()  # the halfway line


def test_bays_are_as_wide_as_cars_need():
    color, classes = ground(sem.PARKING, 40, 17)
    paint_markings(color, classes, DENSITY)
    white = color[..., 0] > GREEN + 20
    row = np.flatnonzero(white[int((32 - 8.5 + 2.5) * DENSITY)])  # across the bays of the southern row
    lines = row[np.append(True, np.diff(row) > 2)]
    assert len(lines) >= 10 and np.abs(np.diff(lines) / DENSITY - BAY).max() < 0.2
    assert not white[len(white) // 2].any()  # the aisle is free


@pytest.mark.parametrize("class_id,length,width", [(sem.PARKING, 12, 6), (sem.SPORTS, 14, 7)])
def test_what_is_too_small_stays_plain(class_id, length, width):
    color, classes = ground(class_id, length, width)
    paint_markings(color, classes, DENSITY)
    assert (color == GREEN).all()


def test_what_is_not_oblong_stays_plain():
    color, classes = ground(sem.SPORTS, 48, 30)
    classes[:classes.shape[0] // 2, :classes.shape[1] // 2] = sem.LAWN  # an L
    paint_markings(color, classes, DENSITY)
    assert (color == GREEN).all()


def test_lines_need_texels():
    color, classes = ground(sem.SPORTS, 48, 30)
    paint_markings(color, classes, 1.0)
    assert (color == GREEN).all()
