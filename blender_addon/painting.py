"""Shapes on the painted grid, in NumPy alone: which cells a rectangle, a disc or a line with a width covers.

Coordinates are metres from the layout's south-west corner, x east and y north; row 0 of a mask is north. A cell is
covered when its centre is.
"""
from __future__ import annotations

import numpy as np

Point = tuple[float, float]


def _centres(shape: tuple[int, int], cell_size: float) -> tuple[np.ndarray, np.ndarray]:
    """x of the columns [1, W] and y of the rows [H, 1], metres."""
    rows, cols = shape
    return ((np.arange(cols) + 0.5) * cell_size)[None, :], ((rows - np.arange(rows) - 0.5) * cell_size)[:, None]


def rectangle(shape: tuple[int, int], cell_size: float, corner: Point, opposite: Point) -> np.ndarray:
    """Mask [H, W] of the cells inside the rectangle with these two corners."""
    x, y = _centres(shape, cell_size)
    (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(corner, opposite, strict=True))
    return (x >= x0) & (x < x1) & (y >= y0) & (y < y1)


def disc(shape: tuple[int, int], cell_size: float, centre: Point, radius: float) -> np.ndarray:
    """Mask [H, W] of the cells within `radius` of the centre; at least the cell under the centre."""
    return line(shape, cell_size, [centre], 2 * radius)


def line(shape: tuple[int, int], cell_size: float, points: list[Point], width: float) -> np.ndarray:
    """Mask [H, W] of the cells within width / 2 of the polyline through the points (round ends).

    A line thinner than a cell still covers the cells under it, so that strokes have no gaps.
    """
    x, y = _centres(shape, cell_size)
    reach = max(width / 2, cell_size * 0.7072)
    mask = np.zeros(shape, bool)
    for (ax, ay), (bx, by) in zip(points[:-1] or points, points[1:] or points, strict=True):
        cols = _span(ax, bx, reach, cell_size, shape[1])
        rows = _span(shape[0] * cell_size - ay, shape[0] * cell_size - by, reach, cell_size, shape[0])
        px, py = x[:, cols] - ax, y[rows] - ay
        dx, dy = bx - ax, by - ay
        t = np.clip((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
        mask[rows, cols] |= (px - t * dx) ** 2 + (py - t * dy) ** 2 <= reach * reach
    return mask


def _span(a: float, b: float, reach: float, cell_size: float, count: int) -> slice:
    """Indices of the cells between a - reach and b + reach along one side, a and b in any order."""
    low, high = min(a, b) - reach, max(a, b) + reach
    first = int(np.clip(np.floor(low / cell_size), 0, count))
    return slice(first, int(np.clip(np.ceil(high / cell_size), first, count)))


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
