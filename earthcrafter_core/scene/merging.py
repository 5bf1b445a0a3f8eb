"""Fewer splats that look as many: neighbours that are alike become one, the least different ones first. NumPy alone."""
from __future__ import annotations

import numpy as np

from .splats import SH_C0, Splats, concatenated, quaternions, rotation_matrices

FIRST = 2.0  # median standard deviations: side of the cells whose splats are neighbours, in the first round
GROWTH = 1.6  # of the cells from round to round
ALIKE = (16 / 255 / SH_C0) ** 2  # variance of colours in a cell up to which its splats are merged, in the first round
LENIENCY = 3.0  # growth of that from round to round
SAME = 1e-4  # what two splats differ by in any case (squared, in harmonics), so that small ones are merged first
SIDES = 6  # directions of normals that are told apart
LONGEST = 4.0  # largest ratio of a merged splat's axes


def merged(splats: Splats, most: int) -> Splats:
    """At most `most` splats that cover what all do; the splats themselves where they are no more than that.

    Splats of one class whose normals have the same largest component become one where they lie in one cell: those first
    that differ the least in colour for their area. A merged splat has their mean place, colour, opacity and normal, the
    area that they have together, and lies along them. From round to round cells grow and so may the differences in them.

    Args:
        most: at least about the number of classes times SIDES, else there may be more.

    Returns:
        The same for the same input. Splats that were kept come first, in their order.
    """
    if len(splats) <= most:
        return splats
    cell = FIRST * float(np.exp(np.median(splats.log_scale)))
    limit, extent = ALIKE, float(np.ptp(splats.mean, axis=0).max())
    while len(splats) > most and cell < 4 * extent + 1:
        splats = _round(splats, len(splats) - most, cell, limit)
        cell, limit = cell * GROWTH, limit * LENIENCY
    return splats


def _round(splats: Splats, excess: int, cell: float, limit: float) -> Splats:
    """Merge cells until there are just `excess` splats fewer, or all whose colours vary by less than `limit` are merged."""
    normal = splats.normals()
    weight = areas(splats)
    order, first, number = _groups(splats, normal, cell)
    color = splats.sh[order, 0].astype(np.float64)
    total = np.add.reduceat(weight[order], first)
    summed = np.add.reduceat(weight[order, None] * color, first)
    squared = np.add.reduceat(weight[order] * np.einsum("nk,nk->n", color, color), first)
    varied = squared - np.einsum("gk,gk->g", summed, summed) / total
    cost = varied + SAME * total
    several = np.flatnonzero((number > 1) & (varied <= limit * total))
    cheapest = several[np.argsort(cost[several] / (number[several] - 1), kind="stable")]
    fewer = np.cumsum(number[cheapest] - 1)
    count = int(np.searchsorted(fewer, excess)) + 1
    chosen = np.zeros(len(first), bool)
    chosen[cheapest[:count]] = True
    joining = np.repeat(chosen, number)
    if count <= len(cheapest):  # of the last group only as many as are still too many
        last, spare = cheapest[count - 1], int(fewer[count - 1]) - excess
        joining[first[last]:first[last] + spare] = False
        number[last] -= spare
    if not joining.any():
        return splats
    one = _joined(splats, order[joining], number[chosen], normal, weight)
    kept = np.sort(order[~joining])
    return concatenated([splats.take(kept), one])


def areas(splats: Splats) -> np.ndarray:
    """What each splat covers: the product of its standard deviations times its opacity, float64 [N] square metres."""
    disc = np.exp(splats.log_scale[:, 0].astype(np.float64) + splats.log_scale[:, 1])
    return disc / (1 + np.exp(-splats.opacity.astype(np.float64)))


def _groups(splats: Splats, normal: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows int64 [N] sorted by group, and each group's first place in them and number of splats."""
    axis = np.abs(normal).argmax(1)
    side = 2 * axis + (normal[np.arange(len(normal)), axis] > 0)
    at = np.floor(splats.mean / cell).astype(np.int64)
    at -= at.min(0)
    size = at.max(0) + 1
    key = (((at[:, 0] * size[1] + at[:, 1]) * size[2] + at[:, 2]) * SIDES + side) * 256 + splats.class_id
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return order, first, np.diff(np.append(first, len(key)))


def _joined(splats: Splats, rows: np.ndarray, number: np.ndarray, normal: np.ndarray, weight: np.ndarray) -> Splats:
    """One splat for each group of `number` [G] consecutive rows, by weights [N]."""
    first = np.concatenate([[0], np.cumsum(number)[:-1]])
    group = np.repeat(np.arange(len(number)), number)
    w = weight[rows]
    total = np.add.reduceat(w, first)

    def mean(values: np.ndarray) -> np.ndarray:
        across = (...,) + (None,) * (values.ndim - 1)
        return np.asarray(np.add.reduceat(w[across] * values, first) / total[across])

    place, up = mean(splats.mean[rows]), _unit(mean(normal[rows]))
    right = rotation_matrices(splats.quat[rows[first]])[:, :, 0].astype(np.float64)
    right = _unit(right - np.einsum("gk,gk->g", right, up)[:, None] * up)
    other = np.cross(up, right)
    offset = splats.mean[rows] - place[group]
    x, y = (np.einsum("nk,nk->n", offset, axis[group]) for axis in (right, other))
    own = mean(np.exp(splats.log_scale[rows, 0] + splats.log_scale[rows, 1]))  # the members' own spread, taken as round
    xx, yy, xy = mean(x * x) + own, mean(y * y) + own, mean(x * y)
    turn = 0.5 * np.arctan2(2 * xy, xx - yy)
    half = np.hypot((xx - yy) / 2, xy)
    ratio = np.minimum(np.sqrt(((xx + yy) / 2 + half) / np.maximum((xx + yy) / 2 - half, 1e-12)), LONGEST)
    along = np.cos(turn)[:, None] * right + np.sin(turn)[:, None] * other
    opacity = mean(splats.opacity[rows])
    area = total * (1 + np.exp(-opacity))  # the product of its standard deviations
    scale = np.stack([np.log(area * ratio), np.log(area / ratio)], 1) / 2
    frames = np.stack([along, np.cross(up, along), up], 2)
    return Splats(place.astype(np.float32), scale.astype(np.float32), quaternions(frames).astype(np.float32),
                  opacity.astype(np.float32), mean(splats.sh[rows]).astype(np.float32), splats.class_id[rows[first]])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)[:, None])
