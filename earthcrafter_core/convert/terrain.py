"""Terrain to a layout's elevation: the highest point of a mesh over each cell's middle, or a raster of heights."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from numba import njit
from scipy import ndimage

from ..errors import BadInput
from ..scene.terrain import Terrain
from .layout_io import read_elevation

EDGE = 1e-6
"""How far outside a triangle, as a share of it, a cell's middle still counts as on it: neighbours leave no crack."""


def elevation_of(terrain: Terrain, shape: tuple[int, int], cell_size: float) -> np.ndarray:
    """Elevation of each cell, float32 [H, W] metres, row 0 north; where a mesh does not reach, that of the nearest cell where
    it does.

    Args:
        terrain: a mesh in metres from the layout's south-west corner, or the path of a raster that covers the layout.
        shape: rows and columns (H, W). cell_size: metres.

    Raises:
        BadInput: a mesh that covers no cell of the layout; a raster that cannot be read.
    """
    if terrain.kind == "raster":
        return read_elevation(Path(terrain.path), shape)
    assert terrain.vertices is not None and terrain.triangles is not None
    points = terrain.vertices.astype(np.float64) / [cell_size, cell_size, 1.0]
    points[:, 1] = shape[0] - points[:, 1]  # columns and rows of the layout, continuous
    highest = np.full(shape, -np.inf)
    _rasterise(points, terrain.triangles.astype(np.int64), highest)
    known = np.isfinite(highest)
    if not known.any():
        raise BadInput("The terrain does not lie over or under the layout.", "Move it there, or choose another object.")
    if not known.all():
        rows, cols = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        highest = highest[rows, cols]
    return highest.astype(np.float32)


@njit(cache=True)
def _rasterise(points: np.ndarray, triangles: np.ndarray, highest: np.ndarray) -> None:
    """Raise `highest` [H, W] to each triangle's height over the cells' middles; points: float64 [N, 3] column, row, metres."""
    rows, cols = highest.shape
    for k in range(len(triangles)):
        a, b, c = points[triangles[k, 0]], points[triangles[k, 1]], points[triangles[k, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) < 1e-12:  # upright
            continue
        col0, col1 = max(min(a[0], b[0], c[0]) - 0.5, 0.0), min(max(a[0], b[0], c[0]) - 0.5, cols - 1.0)
        row0, row1 = max(min(a[1], b[1], c[1]) - 0.5, 0.0), min(max(a[1], b[1], c[1]) - 0.5, rows - 1.0)
        for row in range(int(np.ceil(row0 - EDGE)), int(np.floor(row1 + EDGE)) + 1):
            for col in range(int(np.ceil(col0 - EDGE)), int(np.floor(col1 + EDGE)) + 1):
                x, y = col + 0.5, row + 0.5
                u = ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area
                v = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area
                w = 1 - u - v
                if u >= -EDGE and v >= -EDGE and w >= -EDGE:
                    highest[row, col] = max(highest[row, col], u * a[2] + v * b[2] + w * c[2])
