"""Terraces: a flat roof at several levels, each a prism from the ground, borders in the building's frame."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from .footprints import Plan, cell_sums, cover, fixed_corners, on_grid, strong_lines, without_idle_lines
from .frames import Raster
from .parapets import grid_parapets
from .roofs import TERRACES, Roof, prism

LEVELS = 4
LEVEL_ERROR = 0.12  # metres: mean error at which more levels are not needed
STEP = 0.6  # metres between levels; nearer ones are one
WIDE = 2.4  # metres that a terrace is wide, at least
BORDER = 3.0  # metres of step that make a line of the grid
BORDER_PRICE = 1.2  # cubic metres for each metre of border between levels
LEAST_TERRACE = 15.0  # square metres
PRICE = 0.06  # metres that terraces must fit better than a flat roof


def levels_of(z: np.ndarray) -> np.ndarray:
    """As few levels as heights [N] need, ascending."""
    levels, error = np.array([np.median(z)]), float(np.abs(z - np.median(z)).mean())
    low, high = np.quantile(z, (0.02, 0.98))
    for count in range(2, LEVELS + 1):
        if error < LEVEL_ERROR:
            break
        share = (np.arange(count) + 0.5) / count
        for made in (np.quantile(z, share), low + share * (high - low)):
            for _ in range(12):
                nearest = np.abs(z[:, None] - made).argmin(1)
                made = np.array([np.median(z[nearest == i]) if (nearest == i).any() else made[i] for i in range(count)])
            missed = float(np.abs(z - made[nearest]).mean())
            if np.diff(made).min() >= STEP and missed < error:
                levels, error = made, missed
    return levels


def terraced(plan: Plan, raster: Raster, roof: np.ndarray, points: np.ndarray, z: np.ndarray, floor: float) -> Roof | None:
    """The footprint's roof at levels; None where one level is enough.

    Args:
        roof: float64 [I, J] heights of the raster's samples. points: [N, 2] of the frame, z: [N] surfels that are to be met.
    """
    levels = levels_of(z)
    if len(levels) < 2:
        return None
    label = np.abs(roof[..., None] - levels).argmin(-1)
    solid = (raster.share > 0.5) & raster.known
    u, v = (_with_steps(lines, label, solid, levels, raster, axis) for axis, lines in enumerate((plan.u, plan.v)))
    inside = plan.inside[np.ix_(*(np.searchsorted(old, (new[1:] + new[:-1]) / 2) - 1
                                  for old, new in ((plan.u, u), (plan.v, v))))]
    grid = _level_cells(u, v, inside, label, solid, levels, raster)
    u, v, grid = without_idle_lines(u, v, grid)
    if grid.max() == grid[grid > 0].min():
        return None
    heights = np.concatenate([[floor], levels])
    made = Plan(plan.frame, u, v, grid > 0)

    def height(at: np.ndarray) -> np.ndarray:
        return heights[grid[made.cell(at)]]

    pieces = []
    for k in np.unique(grid[grid > 0]):
        for rect in cover(u, v, grid >= k):
            if (grid[np.searchsorted(u, rect[0]):np.searchsorted(u, rect[2]),
                     np.searchsorted(v, rect[1]):np.searchsorted(v, rect[3])] == k).any():  # else a higher one holds it
                top = np.array([(a, b, heights[k]) for a, b in (rect[[0, 1]], rect[[2, 1]], rect[[2, 3]], rect[[0, 3]])])
                pieces.append(prism(top, floor))
    missed = np.abs(height(points) - z)
    return Roof(TERRACES, float(np.median(missed)), float(missed.mean()) + PRICE, float(heights[grid[grid > 0].min()]),
                pieces, height, grid_parapets(u, v, grid, heights))


def _with_steps(lines: np.ndarray, label: np.ndarray, solid: np.ndarray, levels: np.ndarray, raster: Raster,
                axis: int) -> np.ndarray:
    """The lines of a plan and those along which its roof steps up or down."""
    label, solid = (np.moveaxis(p, axis, 0) for p in (label, solid))
    at = (raster.u, raster.v)[axis]
    rise = np.minimum(np.abs(levels[label[1:]] - levels[label[:-1]]), 2.0) / 2.0
    steps = (rise * (solid[1:] & solid[:-1])).sum(1) * raster.step
    new = strong_lines(at[1:] - raster.step / 2, steps, raster.step, list(lines), BORDER, WIDE)
    return np.sort(np.concatenate([lines, on_grid(np.array(new, np.float64))]))


def _level_cells(u: np.ndarray, v: np.ndarray, inside: np.ndarray, label: np.ndarray, solid: np.ndarray, levels: np.ndarray,
                 raster: Raster) -> np.ndarray:
    """Level of each cell from 1, 0 outside, int64 [M, N]: least error in volume, few borders."""
    cost = np.stack([cell_sums(u, v, np.minimum(np.abs(levels[label] - z), 2.0) * solid, raster) for z in levels], -1)
    cost *= raster.step ** 2  # cubic metres, of each cell at each level
    wide, deep = np.diff(u)[:, None], np.diff(v)[None, :]
    grid = np.where(inside, cost.argmin(-1) + 1, 0)
    for _ in range(3):
        for i, j in np.argwhere(inside):
            price = cost[i, j].copy()
            for k, l, side in ((i - 1, j, deep[0, j]), (i + 1, j, deep[0, j]), (i, j - 1, wide[i, 0]), (i, j + 1, wide[i, 0])):
                if 0 <= k < len(wide) and 0 <= l < deep.shape[1] and inside[k, l]:
                    price += BORDER_PRICE * side * (np.arange(len(levels)) + 1 != grid[k, l])
            grid[i, j] = price.argmin() + 1
    return fixed_corners(_without_small(grid, wide * deep), np.zeros(grid.shape))


def _without_small(grid: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Levels [M, N] of which patches smaller than LEAST_TERRACE have joined what lies most beside them; size: [M, N]."""
    out = grid.copy()
    for level in np.unique(grid[grid > 0]):
        label, count = ndimage.label(out == level)
        for k in range(1, count + 1):
            patch = label == k
            if size[patch].sum() < LEAST_TERRACE:
                beside = out[ndimage.binary_dilation(patch) & ~patch & (out > 0)]
                if len(beside):
                    out[patch] = np.bincount(beside).argmax()
    return out


