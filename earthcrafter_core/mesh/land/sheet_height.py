"""The height of a sheet of triangles at any place."""
from __future__ import annotations

import numpy as np

from ..topology import plane_cross

CELL = 4.0  # metres: side of the bins that triangles are looked up by
NEAR = 1e-9  # share of a triangle: places on an edge belong to both sides


class SheetHeight:
    """Looks up how high a sheet is.

    Attributes:
        box: float64 [2] each, the least and the greatest x and y.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        """vertices float64 [V, 3] metres; faces int [F, 3]: a sheet without overhangs (upright faces do no harm)."""
        p = vertices[faces]
        self._p = p
        self.box = p[..., :2].reshape(-1, 2).min(0), p[..., :2].reshape(-1, 2).max(0)
        self._low = self.box[0]
        first = ((p[..., :2].min(1) - self._low) // CELL).astype(np.int64)
        last = ((p[..., :2].max(1) - self._low) // CELL).astype(np.int64)
        span = last - first + 1
        self._shape = last.max(0) + 1
        face = np.repeat(np.arange(len(p)), span.prod(1))
        k = np.arange(len(face)) - np.repeat(np.cumsum(span.prod(1)) - span.prod(1), span.prod(1))
        x, y = first[face, 0] + k // span[face, 1], first[face, 1] + k % span[face, 1]
        key = x * self._shape[1] + y
        order = np.argsort(key, kind="stable")
        self._faces = face[order]
        self._start = np.searchsorted(key[order], np.arange(self._shape.prod() + 1))

    def at(self, places: np.ndarray) -> np.ndarray:
        """Heights float64 [N] at places [N, 2]: the highest of the sheet there, NaN beside it."""
        bins = np.floor((places - self._low) / CELL).astype(np.int64)
        inside = ((bins >= 0) & (bins < self._shape)).all(1)
        key = np.where(inside, bins[:, 0] * self._shape[1] + bins[:, 1], 0)
        count = np.where(inside, self._start[key + 1] - self._start[key], 0)
        place = np.repeat(np.arange(len(places)), count)
        k = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
        p = self._p[self._faces[self._start[key[place]] + k]]
        z = _height_in(p, places[place])
        out = np.full(len(places), -np.inf)
        np.maximum.at(out, place, np.where(np.isnan(z), -np.inf, z))
        return np.where(np.isinf(out), np.nan, out)


def _height_in(p: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Height of triangles [K, 3, 3] at places [K, 2], NaN where a place is not inside; upright ones are left out."""
    a, b, c = (p[:, k, :2] for k in range(3))
    area = plane_cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = plane_cross(place - a, c - a) / area, plane_cross(b - a, place - a) / area
    with np.errstate(invalid="ignore"):
        inside = (np.abs(area) > 1e-12) & (u >= -NEAR) & (v >= -NEAR) & (u + v <= 1 + NEAR)
    with np.errstate(invalid="ignore"):
        return np.where(inside, p[:, 0, 2] + u * (p[:, 1, 2] - p[:, 0, 2]) + v * (p[:, 2, 2] - p[:, 0, 2]), np.nan)
