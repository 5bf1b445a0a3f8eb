"""Rasters of LiDAR points, and the ground surface: terrain model, smooth relief, heights above ground.

All rasters have row 0 in the north, as layouts do.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

COARSE = 8  # cells of the elevation plane's spacing


@dataclass(frozen=True)
class Frame:
    """A raster's place: west and north edge in metres, rows, columns and cell size in metres."""

    west: float
    north: float
    rows: int
    cols: int
    cell: float

    @classmethod
    def around(cls, xyz: np.ndarray, cell: float) -> Frame:
        """The largest frame of whole cells inside the points' extent whose sides are multiples of COARSE cells."""
        low, high = xyz[:, :2].min(0), xyz[:, :2].max(0)
        cols, rows = np.maximum((high - low + 0.5 * cell) // (COARSE * cell), 1).astype(int) * COARSE
        return cls(float(low[0]), float(low[1] + rows * cell), int(rows), int(cols), cell)

    def finer(self, factor: int) -> Frame:
        """The same place with cells smaller by `factor`."""
        return Frame(self.west, self.north, self.rows * factor, self.cols * factor, self.cell / factor)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.cols

    def cells(self, xyz: np.ndarray) -> np.ndarray:
        """Flat cell index of each point [N], -1 outside."""
        col = np.floor((xyz[:, 0] - self.west) / self.cell).astype(np.int64)
        row = np.floor((self.north - xyz[:, 1]) / self.cell).astype(np.int64)
        inside = (col >= 0) & (col < self.cols) & (row >= 0) & (row < self.rows)
        return np.where(inside, row * self.cols + col, -1)


def raster_sum(frame: Frame, cells: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Sum of the weights (or count) of the points in each cell, float64 [H, W]; cells of -1 are left out."""
    keep = cells >= 0
    w = None if weights is None else weights[keep]
    return np.bincount(cells[keep], w, frame.rows * frame.cols).reshape(frame.shape).astype(np.float64)


def raster_extreme(frame: Frame, cells: np.ndarray, values: np.ndarray, ufunc: np.ufunc) -> np.ndarray:
    """Highest (np.maximum) or lowest (np.minimum) value in each cell, float64 [H, W], NaN where there is no point."""
    out = np.full(frame.rows * frame.cols, -np.inf if ufunc is np.maximum else np.inf)
    keep = cells >= 0
    ufunc.at(out, cells[keep], values[keep])
    out[~np.isfinite(out)] = np.nan
    return out.reshape(frame.shape)


def fill(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill the cells that are not valid by pull-push interpolation; [H, W] or [H, W, C] float64, shape kept.

    Averages are pulled up a pyramid until every cell has a value, then pushed down bilinearly into the holes.
    """
    flat = values.ndim == 2
    v = np.where(valid[..., None], values.reshape(*values.shape[:2], -1), 0.0).astype(np.float64)
    out = _pull_push(v, valid.astype(np.float64))
    return out[..., 0] if flat else out


def _pull_push(v: np.ndarray, w: np.ndarray) -> np.ndarray:
    h, width = w.shape
    if (w > 0).all() or max(h, width) == 1:
        return v
    pad = ((0, h % 2), (0, width % 2))
    vp, wp = np.pad(v, (*pad, (0, 0))), np.pad(w, pad)
    quads = wp.reshape(wp.shape[0] // 2, 2, -1, 2)
    total = quads.sum((1, 3))
    weighted = (vp * wp[..., None]).reshape(vp.shape[0] // 2, 2, vp.shape[1] // 2, 2, -1).sum((1, 3))
    coarse = _pull_push(weighted / np.maximum(total, 1e-12)[..., None], np.minimum(total, 1.0))
    rows, cols = ((np.arange(n) + 0.5) / 2 - 0.5 for n in (h, width))
    up = np.stack([bilinear(coarse[..., c], rows, cols) for c in range(v.shape[2])], 2)
    return np.where((w > 0)[..., None], v, up)


def bilinear(plane: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Bilinear samples of a plane at fractional rows [R] and columns [C] (cell centres are whole numbers); [R, C].

    Outside the centres of the border cells the nearest border value holds.
    """
    def weights(n: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        at = np.clip(at, 0, n - 1)
        low = np.minimum(np.floor(at).astype(int), max(n - 2, 0))
        return low, np.minimum(low + 1, n - 1), at - low

    r0, r1, fr = weights(plane.shape[0], rows)
    c0, c1, fc = weights(plane.shape[1], cols)
    across = plane[:, c0] * (1 - fc) + plane[:, c1] * fc  # [H, C]
    return across[r0] * (1 - fr)[:, None] + across[r1] * fr[:, None]


def terrain(frame: Frame, xyz: np.ndarray, spike: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Terrain model of ground points [N, 3]: float64 [H, W] metres without holes, and where it was measured, bool.

    Cells that stand out by more than `spike` metres from the median of their surroundings are interpolated anew.
    """
    cells = frame.cells(xyz)
    count = raster_sum(frame, cells)
    measured = count > 0
    if not measured.any():
        return np.zeros(frame.shape), measured
    base = xyz[:, 2].min()
    height = fill(raster_sum(frame, cells, xyz[:, 2] - base) / np.maximum(count, 1), measured)
    rough = np.abs(height - ndimage.median_filter(height, 5, mode="nearest"))
    gradient = ndimage.gaussian_gradient_magnitude(height, 4, mode="nearest")  # rise a cell: steep banks are no spikes
    good = measured & (rough < spike + 2 * gradient)
    height = fill(height, good)
    smooth = ndimage.gaussian_filter(height, 3, mode="nearest")
    return np.where(ndimage.binary_dilation(good, np.ones((3, 3))), height, smooth) + base, measured


def relief(ground: np.ndarray, water: np.ndarray, sigma: float = 5.0) -> np.ndarray:
    """Smooth relief [H/8, W/8] of a terrain model [H, W], sampled at the centres of the 8 x 8 columns, float32 metres.

    Columns that are mostly `water` (bool [H, W]) take the level of the water in them, so that it lies flat.
    """
    smooth = ndimage.gaussian_filter(ground, sigma, mode="nearest")
    h, w = ground.shape
    blocks = (h // COARSE, COARSE, w // COARSE, COARSE)
    at = (np.arange(h // COARSE) * COARSE + (COARSE - 1) / 2, np.arange(w // COARSE) * COARSE + (COARSE - 1) / 2)
    coarse = bilinear(smooth, *at)
    wet = water.reshape(blocks).sum((1, 3))
    level = np.where(water, ground, 0).reshape(blocks).sum((1, 3)) / np.maximum(wet, 1)
    return np.where(wet > COARSE * COARSE / 2, level, coarse).astype(np.float32)


def drape(elevation: np.ndarray) -> np.ndarray:
    """The elevation plane [H/8, W/8] bilinearly interpolated at every cell, float64 [H, W]."""
    at = [(np.arange(n * COARSE) + 0.5) / COARSE - 0.5 for n in elevation.shape]
    return bilinear(elevation.astype(np.float64), *at)
