"""Regular roofs: the form that fits a building's sampled heights best, flat, hipped or gabled, or terraces of levels.

A roof that was sampled voxel by voxel is lumpy by half a metre. Real ones are made of planes; which planes, the heights say.
"""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..scene import classes as sem

TERRACED = (sem.APARTMENTS, sem.TOWER, sem.COMMERCIAL, sem.INDUSTRIAL)
LEVELS, LEVEL_ERROR = 3, 0.8  # at most so many terraces; mean error in metres at which more are not needed
POOR = 1.3  # metres: a form whose mean error is above this is no form of the roof
FLAT_BONUS = 0.03  # metres that a form with a slope must fit better than a flat one
STEEPEST = 1.6  # rise over run


def regular_roof(height: np.ndarray, patch: np.ndarray, kind: int) -> np.ndarray | None:
    """Heights of one building's roof by the form that fits best, float64 [H, W]; None where none fits.

    Args:
        height: float64 [H, W] metres. patch: bool [H, W] the building's columns. kind: its class.
    """
    if kind in TERRACED and patch.sum() >= 9:
        return _terraces(height, patch)
    best, least = None, POOR
    for form in _forms(patch):
        made, error = _fitted(height, patch, form)
        if error < least:
            best, least = made, error - FLAT_BONUS * (best is None)
    return best


def _forms(patch: np.ndarray) -> list[np.ndarray]:
    """Flat, hipped (distance to the edge) and gabled along either principal axis: shapes of slope 1, [H, W] each."""
    inside = np.pad(patch, 1)
    hip = ndimage.distance_transform_edt(inside)[1:-1, 1:-1]
    rows, cols = np.nonzero(patch)
    where = np.stack([rows, cols], 1).astype(float)
    centre = where.mean(0)
    forms = [np.zeros(patch.shape), hip]
    if len(where) >= 12:
        _, axes = np.linalg.eigh(np.cov((where - centre).T))
        grid = np.moveaxis(np.indices(patch.shape), 0, -1) - centre  # [H, W, 2]
        for axis in axes.T:
            along = grid @ axis
            low, high = along[patch].min(), along[patch].max()
            forms.append((high - low) / 2 - np.abs(along - (high + low) / 2))
    return forms


def _fitted(height: np.ndarray, patch: np.ndarray, form: np.ndarray) -> tuple[np.ndarray, float]:
    """a + b form nearest to the heights (least absolute error by reweighting), and its mean error in metres."""
    x, y = form[patch], height[patch]
    weight = np.ones(len(x))
    a = b = 0.0
    for _ in range(6):
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = np.average((x - mean_x) ** 2, weights=weight)
        b = np.average((x - mean_x) * (y - mean_y), weights=weight) / spread if spread > 1e-6 else 0.0
        b = float(np.clip(b, 0.0, STEEPEST))
        a = mean_y - b * mean_x
        weight = 1 / np.maximum(np.abs(a + b * x - y), 0.2)
    return np.where(patch, a + b * form, height), float(np.abs(a + b * x - y).mean())


def _terraces(height: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """The patch at as few flat levels as its heights allow, their borders smoothed."""
    smooth = _median(height, patch, 3)
    y = smooth[patch]
    for count in range(1, LEVELS + 1):
        levels = np.quantile(y, (np.arange(count) + 0.5) / count)
        for _ in range(8):
            nearest = np.abs(y[:, None] - levels).argmin(1)
            levels = np.array([np.median(y[nearest == i]) if (nearest == i).any() else levels[i] for i in range(count)])
        if np.abs(y - levels[nearest]).mean() < LEVEL_ERROR:
            break
    flat = height.copy()
    flat[patch] = levels[nearest]
    return _median(flat, patch, 3)


def _median(plane: np.ndarray, patch: np.ndarray, radius: int) -> np.ndarray:
    """The median of the window around each cell of the patch, over the patch's cells alone."""
    near = neighbours(plane, patch, radius)
    out = plane.copy()
    out[patch] = np.nanpercentile(near, 50, axis=1, method="lower") if len(near) else out[patch]
    return out


def neighbours(plane: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """The square window around each of the mask's n cells, [n, (2 radius + 1)^2], NaN outside the mask."""
    inside = np.pad(np.where(mask, plane, np.nan), radius, constant_values=np.nan)
    side = 2 * radius + 1
    return np.lib.stride_tricks.sliding_window_view(inside, (side, side))[mask].reshape(-1, side * side)
