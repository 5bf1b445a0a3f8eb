"""Shapes and strokes on the grid, against what is plain to see and against slow definitions."""
from __future__ import annotations

import numpy as np
import pytest

from earthcrafter_core.scene import shapes
from earthcrafter_core.scene.stroke import Paint, Stroke, runs

SHAPE, SIZE = (30, 41), 1.3


def centres(shape=SHAPE, size=SIZE):
    return ((np.arange(shape[1]) + 0.5) * size)[None, :], ((shape[0] - np.arange(shape[0]) - 0.5) * size)[:, None]


def even_odd(rings):
    """The definition, one edge after another."""
    x, y = centres()
    inside = np.zeros(SHAPE, bool)
    for ring in rings:
        for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if ay != by:
                inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


@pytest.mark.parametrize("seed", range(30))
def test_polygons_follow_the_even_odd_rule(seed):
    rng = np.random.default_rng(seed)
    rings = [[tuple(p) for p in rng.uniform(-20, 70, (int(rng.integers(3, 9)), 2))] for _ in range(int(rng.integers(1, 4)))]
    patch = shapes.polygon(SHAPE, SIZE, rings)
    assert np.array_equal(patch.whole(SHAPE), even_odd(rings))
    assert patch.mask.shape == (patch.rows.stop - patch.rows.start, patch.cols.stop - patch.cols.start)


def test_a_ring_inside_another_is_a_hole_and_neighbours_share_no_cell():
    outer, inner = [(2, 2), (18, 2), (18, 18), (2, 18)], [(6, 6), (14, 6), (14, 14), (6, 14)]
    mask = shapes.polygon((20, 20), 1.0, [outer, inner]).whole((20, 20))
    assert mask.sum() == 16 * 16 - 8 * 8 and not mask[10, 10]
    left, right = (shapes.rectangle((20, 20), 1.0, (x, 3), (x + 4.5, 9)).whole((20, 20)) for x in (1.0, 5.5))
    assert not (left & right).any() and (left | right).sum() == 9 * 6


def test_shapes_outside_the_grid_or_without_area_are_empty():
    for patch in (shapes.polygon(SHAPE, SIZE, [[(100, 100), (120, 100), (110, 130)]]), shapes.polygon(SHAPE, SIZE, []),
                  shapes.polygon(SHAPE, SIZE, [[(1, 1), (5, 5)]]), shapes.line(SHAPE, SIZE, [], 3),
                  shapes.line(SHAPE, SIZE, [(-50, -50), (-40, -60)], 3), shapes.rectangle(SHAPE, SIZE, (5, 5), (5, 9)),
                  shapes.disc(SHAPE, SIZE, (900, 900), 20)):
        assert not patch.whole(SHAPE).any()


@pytest.mark.parametrize("seed", range(20))
def test_lines_are_what_lies_within_half_their_width(seed):
    rng = np.random.default_rng(seed)
    points = [tuple(p) for p in rng.uniform(-10, 60, (3, 2))]
    x, y = centres()
    covered = np.zeros(SHAPE, bool)
    for (ax, ay), (bx, by) in zip(points[:-1], points[1:], strict=True):
        t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        covered |= (x - ax - t * (bx - ax)) ** 2 + (y - ay - t * (by - ay)) ** 2 <= 2.5 ** 2
    assert np.array_equal(shapes.line(SHAPE, SIZE, points, 5.0).whole(SHAPE), covered)


def test_a_square_brush_covers_the_squares_on_its_way():
    a, b, reach = np.array([5.0, 8.0]), np.array([31.0, 22.0]), 3.0
    x, y = centres()
    swept = np.zeros(SHAPE, bool)
    for t in np.linspace(0, 1, 2001):
        p = a + t * (b - a)
        swept |= (np.abs(x - p[0]) <= reach) & (np.abs(y - p[1]) <= reach)
    mask = shapes.line(SHAPE, SIZE, [tuple(a), tuple(b)], 2 * reach, square=True).whole(SHAPE)
    assert np.array_equal(mask, swept)
    assert shapes.line((9, 9), 1.0, [(4.9, 4.1)], 0.1, square=True).whole((9, 9)).sum() == 1  # the cell under the mouse


def test_thin_lines_have_no_gaps_and_regions_stop_at_borders():
    assert shapes.line((40, 40), 1.0, [(1, 1), (38, 20)], 0.0).whole((40, 40)).any(0)[1:38].all()
    ids = np.zeros((10, 10), np.uint8)
    ids[:, 5] = 7
    region = shapes.region(ids, 3, 2)
    assert region[:, :5].all() and not region[:, 5:].any()
    spiral = np.array([[0, 0, 0, 0], [1, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]], np.uint8)
    assert np.array_equal(shapes.region(spiral, 0, 0), spiral == 0)
    patch = shapes.patch_of(region)
    assert np.array_equal(patch.whole((10, 10)), region) and patch.mask.shape == (10, 5)


def test_triangles_cover_like_polygons_and_say_the_highest_surface():
    rng = np.random.default_rng(3)
    corners = rng.uniform(-10, 60, (40, 3, 3))
    patch, top = shapes.triangles(SHAPE, SIZE, corners)
    x, y = centres()
    best = np.full(SHAPE, -np.inf)
    for t in corners:
        inside = even_odd([[tuple(p[:2]) for p in t]])
        normal = np.cross(t[1] - t[0], t[2] - t[0])
        z = t[0, 2] - (normal[0] * (x - t[0, 0]) + normal[1] * (y - t[0, 1])) / normal[2]
        best = np.where(inside, np.maximum(best, z), best)
    assert np.array_equal(patch.whole(SHAPE), np.isfinite(best))
    assert np.allclose(top[patch.mask], patch.of(best)[patch.mask], atol=1e-3)


def test_a_stroke_changes_each_cell_once_and_keeps_to_its_mask():
    ids = np.full((20, 20), 12, np.uint8)
    ids[:, 10:] = 22
    stroke = Stroke(ids.copy(), None, Paint(7, only_over=12))
    first = stroke.add(shapes.rectangle((20, 20), 1.0, (5, 5), (15, 10)))
    assert stroke.count == first.mask.sum() == 5 * 5
    assert not stroke.add(shapes.rectangle((20, 20), 1.0, (5, 5), (15, 10))).mask.any()
    stroke.add(shapes.rectangle((20, 20), 1.0, (0, 18), (2, 20)))
    changed = stroke.changed.whole((20, 20))
    assert changed.sum() == stroke.count == 29 and not changed[:, 10:].any()


def test_heights_count_as_changes_only_where_they_are_painted():
    ids, heights = np.full((4, 4), 1, np.uint8), np.full((4, 4), 8, np.float32)
    heights[0] = np.nan
    everything = shapes.whole((4, 4))
    assert Stroke(ids.copy(), heights, Paint(1)).add(everything).mask.sum() == 0
    assert Stroke(ids.copy(), heights, Paint(1, height=8.0)).add(everything).mask.sum() == 4
    assert Stroke(ids.copy(), None, Paint(1, height=8.0)).add(everything).mask.sum() == 16


def test_runs_are_the_cells():
    mask = np.random.default_rng(0).random((9, 17)) < 0.5
    again = np.zeros((30, 30), bool)
    for row, start, end in runs(shapes.Patch(slice(4, 13), slice(6, 23), mask)):
        again[row, start:end] = True
    assert np.array_equal(again[4:13, 6:23], mask) and again.sum() == mask.sum()
