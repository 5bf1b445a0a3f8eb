"""A plan of triangles whose edges follow the borders between labels, finer where the ground bends."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .sheet_borders import Borders, grid_borders
from .triangulate import constrained, regions

WIDEST, FINEST = 4, 1  # cells: the largest and the smallest distance between points inside an area
BEND = 0.03  # metres that the ground may differ from the triangles
WIDER = 2.5  # times the length of an edge that the distance beside it may be
CLEAR = 0.45  # of that distance is kept free beside borders


@dataclass
class Sheet:
    """A plan: every half cell's label as areas of triangles.

    Attributes:
        points: float64 [P, 2] metres from the grid's corner; the first are the borders'. triangles: int64 [T, 3]
            counter-clockwise. label: uint8 [T]. borders: their lines.
    """

    points: np.ndarray
    triangles: np.ndarray
    label: np.ndarray
    borders: Borders


def sheet_of(labels: np.ndarray, cell: float, borders: Borders, height: Callable[[np.ndarray], np.ndarray],
             check: Callable[[], None] = lambda: None) -> Sheet:
    """The plan of labels [X, Y] with their smooth borders (sheet_borders.borders_of).

    Args:
        cell: metres of one label. height: heights [N, K] of K surfaces at places [N, 2]; all are followed to BEND.
    """
    inner = spread(np.array(labels.shape) * cell, height, 2 * cell, borders, check)
    sheet = _triangulated(borders, inner, 2 * cell)
    check()
    if sheet is None:  # lines that cross in spite of all: those of the grid never do
        sheet = _triangulated(grid_borders(labels, cell), inner, 2 * cell)
        check()
    if sheet is None:
        raise ArithmeticError("the ground could not be cut into triangles")
    return sheet


def _triangulated(borders: Borders, inner: tuple[np.ndarray, np.ndarray], unit: float) -> Sheet | None:
    place, spacing = inner
    away = cKDTree(borders.along(slice(None), 0.25 * unit)).query(place)[0]
    points = np.concatenate([borders.points, place[away > np.maximum(CLEAR * spacing, 0.35 * unit)]])
    triangles, missing = constrained(points, borders.edges)
    if len(missing):
        return None
    try:
        label = regions(triangles, borders.edges, borders.left, borders.right)
    except ValueError:
        return None
    return Sheet(points, triangles, label.astype(np.uint8), borders)


def split(sheet: Sheet, rows: np.ndarray) -> Sheet:
    """The plan with a point in the middle of some of its triangles (mask)."""
    t, middle = sheet.triangles[rows], len(sheet.points) + np.arange(rows.sum())
    parts = [np.column_stack([t[:, k], t[:, (k + 1) % 3], middle]) for k in range(3)]
    return Sheet(np.concatenate([sheet.points, sheet.points[t].mean(1)]), np.concatenate([sheet.triangles[~rows], *parts]),
                 np.concatenate([sheet.label[~rows], *[sheet.label[rows]] * 3]), sheet.borders)


def spread(size: np.ndarray, height: Callable[[np.ndarray], np.ndarray], unit: float, borders: Borders,
           check: Callable[[], None] = lambda: None) -> tuple[np.ndarray, np.ndarray]:
    """Points inside a rectangle of `size` metres, closer where a surface bends: places [N, 2] and their spacing [N] in metres.

    They are the corners of a quadtree whose leaves, of WIDEST to FINEST units, are as flat as BEND asks, not much wider than
    the edges of the borders in them, and change by one size at most from one to the next.
    """
    count = np.maximum(np.ceil(size / unit - 1e-9).astype(int), 1)
    blocks = -(-count // WIDEST)
    n = blocks * WIDEST + 1
    x, y = (np.minimum(np.arange(m) * unit, s) for m, s in zip(n, size))
    place = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    z = height(place).reshape(*n, -1)
    check()
    leaf = np.full(n - 1, WIDEST)  # of each unit square
    short = _shortest_edges(borders, unit, n - 1)
    side = WIDEST
    while side > FINEST:
        bent = (_bent(z, side) | (_block_min(short, side) * WIDER < side)) & (leaf[::side, ::side] == side)
        leaf[_larger(bent, side)] = side // 2
        side //= 2
    side = 2 * FINEST
    while side < WIDEST:  # no leaf beside one of less than half its size
        fine = leaf[::side, ::side] * 0 + _block_min(leaf, side)
        near = ndimage.minimum_filter(fine, 3, mode="nearest")
        wide = 2 * side
        crowded = (_block_min(near, 2) <= side // 2) & (leaf[::wide, ::wide] == wide)
        leaf[_larger(crowded, wide)] = side
        side = wide
    spacing = np.zeros(n)
    side = WIDEST
    while side >= FINEST:
        i, j = np.nonzero(leaf[::side, ::side] == side)
        for di, dj in ((0, 0), (1, 0), (0, 1), (1, 1)):
            spacing[(i + di) * side, (j + dj) * side] = side
        side //= 2
    used = (spacing > 0).ravel() & (place > 0).all(1) & (place < size).all(1)
    return place[used], spacing.ravel()[used] * unit


def _shortest_edges(borders: Borders, unit: float, shape: np.ndarray) -> np.ndarray:
    """Length in units of the shortest edge whose middle lies in each unit square, [X, Y]; infinite where there is none."""
    a, b = borders.points[borders.edges].transpose(1, 0, 2)
    out = np.full(shape, np.inf)
    at = np.clip(((a + b) / (2 * unit)).astype(int), 0, shape - 1)
    np.minimum.at(out, tuple(at.T), np.linalg.norm(b - a, axis=1) / unit)
    return out


def _bent(z: np.ndarray, side: int) -> np.ndarray:
    """Which blocks of side x side squares differ from the plane through their corners by more than BEND; z: [X, Y, K]."""
    corner = z[::side, ::side]
    t = np.arange(side + 1) / side
    worst = np.zeros((len(corner) - 1, corner.shape[1] - 1))
    for i, u in enumerate(t):
        for j, v in enumerate(t):
            flat = ((1 - u) * ((1 - v) * corner[:-1, :-1] + v * corner[:-1, 1:])
                    + u * ((1 - v) * corner[1:, :-1] + v * corner[1:, 1:]))
            here = z[i:i + (len(corner) - 1) * side:side, j:j + (corner.shape[1] - 1) * side:side]
            worst = np.maximum(worst, np.abs(here - flat).max(2))
    return worst > BEND


def _larger(blocks: np.ndarray, side: int) -> np.ndarray:
    return np.repeat(np.repeat(blocks, side, 0), side, 1)


def _block_min(plane: np.ndarray, side: int) -> np.ndarray:
    x, y = np.array(plane.shape) // side
    return plane.reshape(x, side, y, side).min((1, 3))
