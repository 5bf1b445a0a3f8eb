"""Shapes on the painted grid, in NumPy alone: which cells a rectangle, a disc, a line or a polygon covers.

Coordinates are metres from the layout's south-west corner, x east and y north; row 0 of a mask is north. A cell is
covered when its centre is. A shape is a `Patch`: it costs what the shape's own bounding box holds, whatever the size of
the grid.

    patch = polygon(ids.shape, 1.0, [[(10, 10), (30, 10), (20, 25)]])
    patch.of(ids)[patch.mask] = HOUSE
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Point = tuple[float, float]
Line = Sequence[Point] | np.ndarray  # or float [N, 2]
Shape = tuple[int, int]
_DIAGONAL = 0.7072  # of a cell: a line this far to both sides leaves no gap


class Patch(NamedTuple):
    """Covered cells inside a window of the grid.

    Attributes:
        rows, cols: the window, slices with start and stop inside the grid (both may be empty).
        mask: bool [h, w], the covered cells of the window.
    """

    rows: slice
    cols: slice
    mask: np.ndarray

    def of(self, plane: np.ndarray) -> np.ndarray:
        """The window of a plane [H, W] as a view [h, w]."""
        return plane[self.rows, self.cols]

    def whole(self, shape: Shape) -> np.ndarray:
        """The mask of the whole grid, bool [H, W]."""
        mask = np.zeros(shape, bool)
        mask[self.rows, self.cols] = self.mask
        return mask


EMPTY = Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), bool))


def cell_of(shape: Shape, cell_size: float, place: Point) -> tuple[int, int] | None:
    """Row and column of the cell at a place, None outside the grid."""
    row, col = shape[0] - 1 - int(np.floor(place[1] / cell_size)), int(np.floor(place[0] / cell_size))
    return (row, col) if 0 <= row < shape[0] and 0 <= col < shape[1] else None


def rectangle(shape: Shape, cell_size: float, corner: Point, opposite: Point) -> Patch:
    """Cells inside the rectangle with these two corners."""
    (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(corner, opposite, strict=True))
    return polygon(shape, cell_size, [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]])


def disc(shape: Shape, cell_size: float, centre: Point, radius: float) -> Patch:
    """Cells within `radius` of the centre; at least the cell under the centre."""
    return line(shape, cell_size, [centre], 2 * radius)


def line(shape: Shape, cell_size: float, points: Line, width: float, square: bool = False) -> Patch:
    """Cells within width / 2 of the polyline through the points; EMPTY without points.

    The ends are round, or those of a square brush with sides along the grid. A line thinner than a cell still covers
    the cells under it, so that strokes have no gaps.
    """
    if len(points) == 0:
        return EMPTY
    ends = np.asarray(points, float).reshape(-1, 2)
    reach = max(width / 2, cell_size * (0.5 if square else _DIAGONAL))
    rows, cols = _window(shape, cell_size, ends.min(0) - reach, ends.max(0) + reach)
    mask = np.zeros((rows.stop - rows.start, cols.stop - cols.start), bool)
    for a, b in zip(ends[:-1] if len(ends) > 1 else ends, ends[1:] if len(ends) > 1 else ends, strict=True):
        r, c = _window(shape, cell_size, np.minimum(a, b) - reach, np.maximum(a, b) + reach)
        x = ((np.arange(c.start, c.stop) + 0.5) * cell_size - a[0])[None, :]  # [1, w] from the segment's beginning
        y = ((shape[0] - np.arange(r.start, r.stop) - 0.5) * cell_size - a[1])[:, None]  # [h, 1]
        covered = _square_sweep(x, y, b - a, reach) if square else _round_sweep(x, y, b - a, reach)
        mask[r.start - rows.start:r.stop - rows.start, c.start - cols.start:c.stop - cols.start] |= covered
    return Patch(rows, cols, mask)


def _round_sweep(x: np.ndarray, y: np.ndarray, d: np.ndarray, reach: float) -> np.ndarray:
    """Places within `reach` of the segment from the origin to d."""
    t = np.clip((x * d[0] + y * d[1]) / max(float(d @ d), 1e-12), 0, 1)
    return (x - t * d[0]) ** 2 + (y - t * d[1]) ** 2 <= reach * reach


def _square_sweep(x: np.ndarray, y: np.ndarray, d: np.ndarray, reach: float) -> np.ndarray:
    """Places that a square of half side `reach` covers on its way from the origin to d: its box and its strip."""
    inside = [(v >= min(0.0, e) - reach) & (v < max(0.0, e) + reach) for v, e in ((x, d[0]), (y, d[1]))]
    return inside[0] & inside[1] & (np.abs(x * d[1] - y * d[0]) <= reach * np.abs(d).sum() + 1e-9)


def polygon(shape: Shape, cell_size: float, rings: Sequence[Line]) -> Patch:
    """Cells inside closed rings by the even-odd rule: a ring inside another is a hole. EMPTY without an area.

    rings: each [N, 2] metres, not repeating the first point (repeating it does no harm). Scan lines: every edge
    toggles, in each row whose centres it crosses, the first cell east of the crossing; a running sum is the parity.
    """
    ends = [np.asarray(ring, float).reshape(-1, 2) / cell_size for ring in rings if len(ring) >= 3]
    if not ends:
        return EMPTY
    row, col, _edge = _crossings(shape, np.concatenate(ends), np.concatenate([np.roll(ring, -1, 0) for ring in ends]))
    if not len(row):
        return EMPTY
    rows, cols = slice(int(row.min()), int(row.max()) + 1), slice(int(col.min()), int(col.max()))
    h, w = rows.stop - rows.start, cols.stop - cols.start
    toggles = np.bincount((row - rows.start) * (w + 1) + col - cols.start, minlength=h * (w + 1)).reshape(h, w + 1)
    return Patch(rows, cols, np.cumsum(toggles[:, :w], axis=1) % 2 == 1)


def triangles(shape: Shape, cell_size: float, corners: np.ndarray) -> tuple[Patch, np.ndarray]:
    """Cells under triangles, and the height of the highest one over each cell's centre.

    corners: float [M, 3, 3] metres, x east, y north, z up, in any winding. The heights are float32 [h, w] of the
    patch's window, metres, NaN where it covers nothing.
    """
    corners = np.asarray(corners, float)
    row, col, edge = _crossings(shape, corners[:, :, :2].reshape(-1, 2) / cell_size,
                                np.roll(corners, -1, 1)[:, :, :2].reshape(-1, 2) / cell_size)
    order = np.lexsort((col, row, edge // 3))  # each triangle crosses a row twice: where its run begins and ends
    row, start, end, which = row[order][::2], col[order][::2], col[order][1::2], edge[order][::2] // 3
    count = end - start
    if not count.any():
        return EMPTY, np.zeros((0, 0), np.float32)
    run = np.repeat(np.arange(len(count)), count)
    col = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count) + start[run]
    row, which = row[run], which[run]
    height = _plane_heights(corners[which], (col + 0.5) * cell_size, (shape[0] - row - 0.5) * cell_size)
    rows, cols = slice(int(row.min()), int(row.max()) + 1), slice(int(col.min()), int(col.max()) + 1)
    top = np.full((rows.stop - rows.start, cols.stop - cols.start), -np.inf, np.float32)
    np.maximum.at(top, (row - rows.start, col - cols.start), height.astype(np.float32))
    mask = np.isfinite(top)
    return Patch(rows, cols, mask), np.where(mask, top, np.float32(np.nan))


def _plane_heights(corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """z of the planes through corners [N, 3, 3] at x, y [N]; within the triangle's own heights."""
    a, u, v = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(u, v)
    flat = np.abs(normal[:, 2]) < 1e-12
    z = a[:, 2] - (normal[:, 0] * (x - a[:, 0]) + normal[:, 1] * (y - a[:, 1])) / np.where(flat, 1.0, normal[:, 2])
    low, high = corners[:, :, 2].min(1), corners[:, :, 2].max(1)
    return np.where(flat, high, np.clip(z, low, high))


def _crossings(shape: Shape, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where edges from a to b [E, 2] (in cells from the south-west corner) cross the middles of the grid's rows.

    Row, first column whose centre lies east of the crossing (0..W) and edge of each crossing, int64 [N].
    """
    a, b = a - 0.5, b - 0.5  # centres on whole numbers
    a[:, 1], b[:, 1] = shape[0] - 1 - a[:, 1], shape[0] - 1 - b[:, 1]  # y to rows
    low, high = np.minimum(a[:, 1], b[:, 1]), np.maximum(a[:, 1], b[:, 1])
    first = np.clip(np.floor(low) + 1, 0, shape[0]).astype(np.int64)  # the south side belongs to the shape
    count = np.clip(np.floor(high) + 1, 0, shape[0]).astype(np.int64) - first
    edge = np.repeat(np.arange(len(a)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    slope = (b[:, 0] - a[:, 0]) / np.where(b[:, 1] == a[:, 1], 1.0, b[:, 1] - a[:, 1])
    col = np.ceil(a[edge, 0] + (row - a[edge, 1]) * slope[edge] - 1e-9)
    return row, np.clip(col, 0, shape[1]).astype(np.int64), edge


def region(class_id: np.ndarray, row: int, col: int) -> np.ndarray:
    """Mask [H, W] of the cells of the same class that hang together (over edges) with the cell (row, col)."""
    same = class_id == class_id[row, col]
    mask = np.zeros(same.shape, bool)
    mask[row, col] = True
    while True:  # grow along whole runs of rows and columns: a few rounds for any usual shape
        grown = _sweep(_sweep(mask, same).T, same.T).T
        if np.array_equal(grown, mask):
            return mask
        mask = grown


def _sweep(mask: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Extend the mask along each row over every run of `same` that it touches."""
    edges = np.ones(same.shape, bool)
    edges[:, 1:] = same[:, 1:] != same[:, :-1]
    runs = np.cumsum(edges.ravel()) - 1
    touched = np.zeros(runs[-1] + 1, bool)
    touched[runs[mask.ravel()]] = True
    return (touched[runs].reshape(same.shape)) & same


def _window(shape: Shape, cell_size: float, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the cells that the box from `low` to `high` [2] metres touches, inside the grid."""
    rows = shape[0] - np.array([high[1], low[1]]) / cell_size
    cols = np.array([low[0], high[0]]) / cell_size
    return _inside(rows, shape[0]), _inside(cols, shape[1])


def _inside(ends: np.ndarray, count: int) -> slice:
    """Whole cells from ends[0] to ends[1], within 0..count."""
    start = int(np.clip(np.floor(ends[0]), 0, count))
    return slice(start, int(np.clip(np.ceil(ends[1]), start, count)))


def whole(shape: Shape) -> Patch:
    """Every cell."""
    return Patch(slice(0, shape[0]), slice(0, shape[1]), np.ones(shape, bool))


def patch_of(mask: np.ndarray) -> Patch:
    """The patch of a mask [H, W] of the whole grid."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return EMPTY
    r, c = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)
    return Patch(r, c, mask[r, c])
