"""The plants of a place, told from the plan of its columns: trees by the canopy, orchards in rows, shrubs side by side.

Trees stand at local maxima of the canopy in a window that grows with height (Popescu and Wynne 2004, "Seeing the Trees in the
Forest"), and between them where a closed canopy shows none; each column of the canopy belongs to the tree that is nearest in
crowns. Street furniture has no class of its own and is not found.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ...scene import classes as sem
from ...scene.splats import Splats
from ..columns import Columns
from ..place import Instances

SMOOTH = 1.0  # metres: standard deviation of the blur that takes the steps of voxels off the canopy
ROUND = 0.6  # metres of height that a metre further inside the canopy counts as: round crowns of one height have their middle
REACH = 4.0  # metres inside the canopy beyond which height alone counts
CLOSED_WIDTH = 7.0  # metres: crowns of a closed canopy
FILL = 0.8  # of a crown's width within which every column of a closed canopy has a tree
CORE = 1.5  # metres inside the canopy from which a column asks for a tree of its own
SLIM, MIN_WIDTH = 0.35, 1.8  # of its height, metres: thinnest crown of a tree; thinner ones are cut by the place's border
WINDOW = 0.45  # of the expected width of a crown: radius in which a tree has no higher neighbour
ROWS = (4.2, 5.0)  # metres between the trees of an orchard, along and across its rows
SINGLE = 20.0  # square metres: an orchard's patch that is smaller is one tree
SHRUB_WIDTH = (1.5, 3.6)  # metres: thinnest and thickest shrub
SPACING = 0.7  # of a shrub's width to the next, so that a hedge closes
FOOT = 0.5  # of a crown's width that a foot on pavement or in water counts further away than it is
OVERLAP = 1.35  # of the width that its own columns give it: a shrub grows into its neighbours
MIN_HEIGHT = 0.4  # metres, of a shrub
MIN_AREA, MIN_TREE = 2.5, 1.2  # square metres, metres: what is smaller is no tree but a stray voxel or a neighbour's rim
HARD_IDS = np.array([sem.ROAD, sem.PARKING, sem.RAILWAY, sem.WATER, sem.POOL], np.uint8)


def find_plants(columns: Columns, splats: Splats, check: Callable[[], None] = lambda: None) -> Instances:
    """Trees, orchard trees and shrubs of a draped place, in the order of their columns (x, then y).

    `check` is called between the kinds and may raise to end the work.
    """
    rise = columns.top - columns.ground
    label = np.zeros(columns.shape, np.int32)
    for ids, crowns_of in ((sem.TREE_IDS, _tree_crowns), (np.array([sem.ORCHARD]), _orchard_crowns),
                       (np.array([sem.SHRUB]), _shrub_crowns)):
        mask = sem.is_in(columns.above, ids)
        if mask.any():
            crowns = crowns_of(mask, np.where(mask, rise, 0.0), columns.cell)
            label += np.where(mask, crowns + label.max(), 0)
        check()
    return _measured(label, rise, columns, splats)


def expected_width(height: np.ndarray) -> np.ndarray:
    """Diameter in metres of the crown of a tree so many metres high, of whatever kind (Popescu and Wynne 2004, eq. 3)."""
    return 2.51503 + 0.00901 * np.square(height)


def _tree_crowns(mask: np.ndarray, rise: np.ndarray, cell: float) -> np.ndarray:
    """Number of the tree, from 1, in each column of the canopy; int32 [X, Y]."""
    sigma = SMOOTH / cell
    weight = ndimage.gaussian_filter(mask.astype(float), sigma, mode="nearest")
    smooth = ndimage.gaussian_filter(rise, sigma, mode="nearest")[mask] / np.maximum(weight[mask], 1e-6)
    inside = (ndimage.distance_transform_edt(mask) * cell)[mask]
    score = np.zeros(mask.shape)
    score[mask] = smooth + ROUND * np.minimum(inside, REACH)
    peak = (score >= ndimage.maximum_filter(score, 3, mode="constant"))[mask]
    at = np.argwhere(mask) * cell
    rows = np.flatnonzero(peak)
    first = rows[_leaders(at[rows], score[mask][rows], np.maximum(WINDOW * expected_width(smooth[rows]), 1.5 * cell))]
    marks = _spread(at, score[mask], FILL * np.maximum(expected_width(smooth), CLOSED_WIDTH), 1.2 * inside, first,
                    np.flatnonzero(inside >= CORE))
    return _shared(mask, at, marks, np.clip(inside[marks], cell, REACH))


def _orchard_crowns(mask: np.ndarray, _rise: np.ndarray, cell: float) -> np.ndarray:
    """Number of the tree, from 1, in each column of orchards: small patches are a tree each, others are planted in rows along
    their main direction. int32 [X, Y]."""
    patch, _ = ndimage.label(mask)
    at = np.argwhere(mask)
    marks = []
    for number in range(1, int(patch.max()) + 1):
        rows = np.flatnonzero(patch[mask] == number)
        middle = at[rows].mean(0)
        spots = np.zeros((1, 2))
        if len(rows) * cell ** 2 > SINGLE:
            along = np.linalg.eigh(np.cov((at[rows] - middle).T))[1][:, 1]
            frame = np.stack([along, [-along[1], along[0]]])
            reach = (np.ptp(frame @ (at[rows] - middle).T, axis=1) + 1) * cell
            steps = [(np.arange(n) - (n - 1) / 2) * step for step, n in zip(ROWS, np.maximum(np.rint(reach / ROWS), 1))]
            spots = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 2) @ frame / cell
        away, nearest = cKDTree(at[rows]).query(spots + middle)
        found = np.unique(rows[nearest[away < 1]])
        marks.append(found if len(found) else rows[:1])
    chosen = np.concatenate(marks)
    return _shared(mask, at * cell, chosen, np.ones(len(chosen)))


def _shrub_crowns(mask: np.ndarray, rise: np.ndarray, cell: float) -> np.ndarray:
    """Number of the shrub, from 1, in each column of shrubs and hedges: round ones as thick as the hedge; int32 [X, Y]."""
    inside = (ndimage.distance_transform_edt(mask) * cell)[mask]
    at = np.argwhere(mask)
    score = inside + 0.05 * rise[mask] + 0.01 * _scatter(at)
    marks = _spread(at * cell, score, SPACING * np.clip(2 * inside, *SHRUB_WIDTH), np.zeros(len(at)), np.zeros(0, np.int64),
                    np.arange(len(at)))
    return _shared(mask, at * cell, marks, inside[marks])


def _leaders(at: np.ndarray, score: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Which of the places [N, 2] have no better one within their own radius; of equal ones the first. bool [N]."""
    rank = np.empty(len(at), np.int64)
    rank[np.lexsort((np.arange(len(at)), -score))] = np.arange(len(at))
    near = cKDTree(at).query_ball_point(at, radius)
    return np.fromiter((rank[n].min() == r for n, r in zip(near, rank)), bool, len(at))


def _spread(at: np.ndarray, score: np.ndarray, spacing: np.ndarray, reach: np.ndarray, marks: np.ndarray,
            left: np.ndarray) -> np.ndarray:
    """Rows of marks: the given ones, and more, the best of their neighbourhood first, until each of the places `left` (rows of
    `at` [N, 2]) has a mark that is nearer than its spacing or than the mark's own reach (metres, [N])."""
    while True:
        if len(marks):
            away, near = cKDTree(at[marks]).query(at[left])
            left = left[away > np.maximum(spacing[left], reach[marks][near])]
        if not len(left):
            return marks
        marks = np.append(marks, left[_leaders(at[left], score[left], spacing[left])])


def _shared(mask: np.ndarray, at: np.ndarray, marks: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The mask's columns, at `at` [N, 2], shared among the marks (rows of `at`): each goes to the one that is nearest in
    multiples of its size. Number of the mark from 1, 0 elsewhere, int32 [X, Y]."""
    away, near = cKDTree(at[marks]).query(at, k=min(6, len(marks)))
    away, near = away.reshape(len(at), -1), near.reshape(len(at), -1)
    label = np.zeros(mask.shape, np.int32)
    label[mask] = near[np.arange(len(at)), (away / size[near]).argmin(1)] + 1
    return label


def _measured(label: np.ndarray, rise: np.ndarray, columns: Columns, splats: Splats) -> Instances:
    """The plants of a plan of crowns (number from 1, 0 elsewhere), ordered by the column of their foot."""
    at = np.argwhere(label > 0)
    number = label[label > 0] - 1
    if not len(at):
        none = np.zeros(0, np.float32)
        return Instances(np.zeros((0, 3)), none, none, none, np.zeros(0, np.uint8), np.zeros((0, 3), np.uint8))
    count = int(number.max()) + 1
    high = rise[label > 0]
    height = np.zeros(count)
    np.maximum.at(height, number, high)
    votes = np.zeros((count, sem.NUM_CLASSES), np.int64)
    np.add.at(votes, (number, columns.above[label > 0]), 1)
    area = votes.sum(1) * columns.cell ** 2
    width = 2 * np.sqrt(area / np.pi)
    middle = _mean(number, at + 0.5, np.maximum(high - 0.5 * height[number], 0.05), count)
    away = np.linalg.norm(at + 0.5 - middle[number], axis=1) * columns.cell
    away += FOOT * width[number] * sem.is_in(columns.cover[label > 0], HARD_IDS)
    order = np.lexsort((away, number))
    foot = at[order[np.searchsorted(number[order], np.arange(count))]]
    exact = np.where(np.abs(middle - 0.5 - foot).max(1, keepdims=True) < 0.5, middle, foot + 0.5)
    position = np.column_stack([columns.origin + exact * columns.cell, columns.ground[tuple(foot.T)]])
    width = np.where(votes[:, sem.SHRUB] > 0, OVERLAP * width, np.maximum(width, np.maximum(SLIM * height, MIN_WIDTH)))
    rgb = _colours(label, len(position), columns, splats)
    keep = np.flatnonzero(np.where(votes[:, sem.SHRUB] > 0, area > 0, (area >= MIN_AREA) & (height >= MIN_TREE)))
    keep = keep[np.lexsort((foot[keep, 1], foot[keep, 0]))]
    return Instances(position[keep], np.maximum(height, MIN_HEIGHT).astype(np.float32)[keep], width.astype(np.float32)[keep],
                     (2 * np.pi * _scatter(foot)).astype(np.float32)[keep], votes.argmax(1).astype(np.uint8)[keep], rgb[keep])


def _colours(label: np.ndarray, count: int, columns: Columns, splats: Splats) -> np.ndarray:
    """Mean sRGB of each plant's surfels, the palette's green of broadleaf where it has none; uint8 [N, 3]."""
    rows = np.flatnonzero(sem.is_in(splats.class_id, np.append(sem.CROWN_IDS, sem.SHRUB)))
    cells = np.floor((splats.mean[rows, :2] - columns.origin) / columns.cell).astype(int)
    number = label[tuple(np.clip(cells, 0, np.array(label.shape) - 1).T)] - 1
    rows, number = rows[number >= 0], number[number >= 0]
    mean = _mean(number, splats.rgb()[rows].astype(float), np.ones(len(rows)), count)
    empty = np.bincount(number, minlength=count) == 0
    return np.where(empty[:, None], sem.PALETTE[sem.BROADLEAF], np.rint(mean)).astype(np.uint8)


def _mean(number: np.ndarray, values: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """Weighted means [count, K] of values [N, K] by number; 0 where there are none."""
    total = np.bincount(number, weight, count)
    sums = np.stack([np.bincount(number, weight * v, count) for v in values.T], 1)
    return sums / np.maximum(total, 1e-12)[:, None]


def _scatter(at: np.ndarray) -> np.ndarray:
    """A number in 0..1 for each column [N, 2] that looks random and depends on the column alone; float64 [N]."""
    h = at[:, 0].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + at[:, 1].astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    return ((h ^ (h >> np.uint64(32))) >> np.uint64(11)).astype(np.float64) / 2 ** 53
