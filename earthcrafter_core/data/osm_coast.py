"""The sea, which OSM maps by its coastline alone: land lies to the left of the line, water to the right."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..scene import classes as c
from ..scene.shapes import line
from .osm_features import Feature


def flood_sea(class_id: np.ndarray, cell_size: float, features: list[Feature]) -> None:
    """Paint unpainted cells [H, W] on the sea's side of the coastlines as water, in place.

    The lines cut the grid into parts; a part is sea where more of the cells just right of a line than left of one lie in it.
    """
    coasts = [part for f in features if f.tags.get("natural") == "coastline" for part in f.parts if len(part) >= 2]
    if not coasts:
        return
    shape = (class_id.shape[0], class_id.shape[1])
    barrier = np.zeros(shape, bool)
    for points in coasts:
        patch = line(shape, cell_size, points, 0.0)
        patch.of(barrier)[patch.mask] = True
    if not barrier.any():
        return
    parts, count = ndimage.label(~barrier)
    votes = np.zeros(count + 1)
    for points in coasts:
        for sign, cells in ((1, _beside(points, -2.0 * cell_size, shape, cell_size)),
                            (-1, _beside(points, 2.0 * cell_size, shape, cell_size))):
            np.add.at(votes, parts[cells], sign)
    sea = (votes > 0)[parts] & (parts > 0)
    shore = ndimage.binary_dilation(sea, iterations=2) & barrier
    class_id[(sea | shore) & (class_id == c.UNPAINTED)] = c.WATER


def _beside(points: np.ndarray, by: float, shape: tuple[int, int], cell_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the cells `by` metres left of places along a line [K, 2]."""
    a, d = points[:-1], np.diff(points, axis=0)
    length = np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-9)
    count = np.maximum(1, (length / (2 * cell_size)).astype(int))
    k = np.repeat(np.arange(len(a)), count)
    t = (np.arange(len(k)) - np.repeat(np.cumsum(count) - count, count) + 0.5) / count[k]
    left = np.stack([-d[:, 1], d[:, 0]], 1) / length[:, None]
    p = a[k] + t[:, None] * d[k] + by * left[k]
    rows, cols = shape[0] - 1 - np.floor(p[:, 1] / cell_size).astype(int), np.floor(p[:, 0] / cell_size).astype(int)
    inside = (rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1])
    return rows[inside], cols[inside]
