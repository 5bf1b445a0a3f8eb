"""Footprints of buildings in their own frame: rectangles of a grid of few straight lines, fitted to the painted cells.

A house that stands askew has a footprint of steps. Its walls run along two directions at right angles (as in data/walls.py),
so in the frame of these directions every wall lies on one of a few lines. The lines are where the footprint's border gathers;
cells of the grid that they make belong to the building or not. Walls closer than a man's step become one line, so no
sliver is left, and walls of several wings that look along one line are coplanar.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .frames import Frame, Raster

GRID = 0.125  # metres: lines lie on multiples, so that ridges, eaves and hips meet in exact points and leave no slivers
NARROWEST = 1.0  # metres between lines
RIGHT_ANGLED = 0.4  # share of the border that must agree on two directions, else the footprint is round
APART = 1.4  # metres between parallel walls: nearer ones are one
SHORTEST = 1.5  # metres of wall that make a line
_CORNERS = np.array([0, 1, 1, 0, 1, 0, 2, 1, 1, 2, 0, 1, 0, 1, 1, 0])  # of the outline at a point, by _corner_codes
CORNER_PRICE = 0.9  # square metres that may be wrong for each corner saved


@dataclass
class Plan:
    """A footprint as cells of a grid of lines in its frame.

    Attributes:
        frame: where it lies. u: float64 [M + 1], v: float64 [N + 1] lines, metres, ascending.
        inside: bool [M, N] cells that belong to the building; no two of them touch at a corner alone.
    """

    frame: Frame
    u: np.ndarray
    v: np.ndarray
    inside: np.ndarray

    def area(self) -> float:
        """Square metres."""
        return float((np.outer(np.diff(self.u), np.diff(self.v)) * self.inside).sum())

    def corners(self) -> int:
        """Corners of its outline."""
        return _corners(np.pad(self.inside, 1))

    def cell(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cells [...] i, j of points [..., 2] of the frame, those outside the grid in its outermost ones."""
        return tuple(np.clip(np.searchsorted(lines, points[..., k]) - 1, 0, len(lines) - 2)  # type: ignore[return-value]
                     for k, lines in enumerate((self.u, self.v)))

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether points [..., 2] of the frame lie in the footprint."""
        low, high = np.array([self.u[0], self.v[0]]), np.array([self.u[-1], self.v[-1]])
        return self.inside[self.cell(points)] & ((points >= low) & (points <= high)).all(-1)


def rectilinear_plan(raster: Raster, frame: Frame) -> Plan | None:
    """The plan whose lines gather most of the border, as large as the footprint; None where nothing is left."""
    solid = raster.share > 0.5
    u, v = (_wall_lines(solid, raster, axis) for axis in (0, 1))
    if len(u) < 2 or len(v) < 2:
        return None
    for _ in range(2):  # cells by the lines, then the lines by the cells: what is between them keeps its area
        inside = _filled(u, v, solid, raster)
        u, v, inside = without_idle_lines(u, v, inside)
        if not inside.any():
            return None
        u, v = _moved(u, v, inside, solid & raster.known, raster)
    return Plan(frame, u, v, inside)


def _wall_lines(solid: np.ndarray, raster: Raster, axis: int) -> np.ndarray:
    """Where walls across an axis are, metres; those at the ends of what is known too, where the place's border cuts."""
    solid, known = (np.moveaxis(p, axis, 0) for p in (solid, raster.known))
    at = (raster.u, raster.v)[axis]
    walls = ((solid[1:] != solid[:-1]) & known[1:] & known[:-1]).sum(1) * raster.step
    lines = strong_lines(at[1:] - raster.step / 2, walls, raster.step, [])
    own = np.flatnonzero((solid & known).any(1))
    ends = (at[own[0]] - raster.step / 2, at[own[-1]] + raster.step / 2) if len(own) else ()
    if len(lines) < 2:
        return np.array(ends, np.float64)
    for end in ends:
        if all(abs(end - line) > APART for line in lines):
            lines.append(float(end))
    return np.array(sorted(lines))


def strong_lines(at: np.ndarray, walls: np.ndarray, step: float, taken: list[float], shortest: float = SHORTEST,
                 apart: float = APART) -> list[float]:
    """Positions at which walls gather, the longest first, none within `apart` of another or of those taken.

    Args:
        at: float64 [K] metres, evenly spaced by `step`. walls: float64 [K] metres of wall there.
    """
    reach = int(np.ceil(1.5 / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / 0.45) ** 2)
    near = ndimage.correlate1d(walls, kernel, mode="constant")
    free = np.ones(len(at), bool)
    for line in taken:
        free &= np.abs(at - line) >= apart
    out: list[float] = []
    while free.any():
        best = int(np.argmax(np.where(free, near, -1.0)))
        if near[best] < shortest:
            break
        close = np.abs(at - at[best]) <= 0.7
        own = walls[close].sum()
        line = float((at[close] * walls[close]).sum() / own) if own > 0 else float(at[best])
        out.append(line)
        free &= (np.abs(at - line) >= apart) & (np.abs(at - at[best]) >= apart)
    return out


def cell_sums(u: np.ndarray, v: np.ndarray, plane: np.ndarray, raster: Raster) -> np.ndarray:
    """Sums [M, N] of a raster's plane over the cells of a grid of lines."""
    i, j = np.searchsorted(u, raster.u), np.searchsorted(v, raster.v)
    rows = np.zeros((len(u) + 1, plane.shape[1]))
    np.add.at(rows, i, plane)
    out = np.zeros((len(u) + 1, len(v) + 1))
    np.add.at(out.T, j, rows.T)
    return out[1:-1, 1:-1]


def _filled(u: np.ndarray, v: np.ndarray, solid: np.ndarray, raster: Raster) -> np.ndarray:
    """Which cells belong to the building, bool [M, N]: mostly covered, and with few corners."""
    pixel = raster.step ** 2
    gain = cell_sums(u, v, np.where(solid, 1.0, -1.0) * raster.known, raster) * pixel  # square metres won by having a cell
    inside = np.pad(gain > 0, 1)
    for _ in range(gain.size):  # the cell whose change wins most, one by one
        wrong = np.where(inside[1:-1, 1:-1] == (gain > 0), np.abs(gain), -np.abs(gain))
        price = wrong - CORNER_PRICE * _corners_saved(inside)
        best = np.unravel_index(int(price.argmin()), price.shape)
        if price[best] > -1e-9:
            break
        inside[1:-1, 1:-1][best] ^= True
    return fixed_corners(inside[1:-1, 1:-1].astype(np.int64), gain) > 0


def _corner_codes(inside: np.ndarray) -> np.ndarray:
    """For each inner point of a grid's cells [M, N] which of the four around it belong, uint8 [M - 1, N - 1], a bit each."""
    cells = inside.astype(np.uint8)
    return cells[:-1, :-1] | cells[1:, :-1] << 1 | cells[:-1, 1:] << 2 | cells[1:, 1:] << 3


def _corners(inside: np.ndarray) -> int:
    """Corners of the outline of a grid's cells, where two cells that touch at a point count two."""
    return int(_CORNERS[_corner_codes(inside)].sum())


def _corners_saved(inside: np.ndarray) -> np.ndarray:
    """How many corners fewer the outline has if a cell changes, int64 [M, N]; inside: bool [M + 2, N + 2] with a margin."""
    codes = _corner_codes(inside)
    around = ((codes[1:, 1:], 1), (codes[:-1, 1:], 2), (codes[1:, :-1], 4), (codes[:-1, :-1], 8))
    return sum((_CORNERS[code] - _CORNERS[code ^ bit] for code, bit in around), np.zeros((1, 1), np.int64))


def fixed_corners(level: np.ndarray, preference: np.ndarray) -> np.ndarray:
    """Levels [M, N] (0 outside) of which none touches its like at a corner alone, which would not be a manifold.

    Of the two lower cells at such a corner the one with the higher preference is raised.
    """
    level = np.pad(level, 1)
    wish = np.pad(preference, 1, constant_values=-np.inf)
    for _ in range(level.size):
        a, b, c, d = level[:-1, :-1], level[1:, :-1], level[:-1, 1:], level[1:, 1:]
        bad = np.argwhere((np.minimum(a, d) > np.maximum(b, c)) | (np.minimum(b, c) > np.maximum(a, d)))
        if not len(bad):
            break
        i, j = bad[0]
        main = min(level[i, j], level[i + 1, j + 1]) > max(level[i + 1, j], level[i, j + 1])
        low = [(i + 1, j), (i, j + 1)] if main else [(i, j), (i + 1, j + 1)]
        high = [(i, j), (i + 1, j + 1)] if main else [(i + 1, j), (i, j + 1)]
        raised = max(low, key=lambda at: (level[at], wish[at]))
        level[raised] = min(level[at] for at in high)
    return level[1:-1, 1:-1]


def without_idle_lines(u: np.ndarray, v: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The grid without lines that separate nothing."""
    padded = np.pad(level, 1)
    keep_u = (padded[1:, 1:-1] != padded[:-1, 1:-1]).any(1)
    keep_v = (padded[1:-1, 1:] != padded[1:-1, :-1]).any(0)
    first_u, first_v = np.flatnonzero(keep_u)[:-1], np.flatnonzero(keep_v)[:-1]
    return u[keep_u], v[keep_v], level[np.ix_(first_u, first_v)]


def _moved(u: np.ndarray, v: np.ndarray, inside: np.ndarray, solid: np.ndarray,
           raster: Raster) -> tuple[np.ndarray, np.ndarray]:
    """The lines where they leave each wall as much of the footprint outside as they take in."""
    new_u = _balanced(u, v, inside, solid, raster.known, raster.u, raster.v, raster.step)
    new_v = _balanced(v, u, inside.T, solid.T, raster.known.T, raster.v, raster.u, raster.step)
    return new_u, new_v


def _balanced(lines: np.ndarray, across: np.ndarray, inside: np.ndarray, solid: np.ndarray, known: np.ndarray, at: np.ndarray,
              at_across: np.ndarray, step: float) -> np.ndarray:
    """New positions of lines, each moved by at most half a wall's distance."""
    padded = np.pad(inside, ((1, 1), (0, 0))).astype(int)
    out = lines.copy()
    stripe = np.searchsorted(across, at_across) - 1
    for k, line in enumerate(lines):
        side = padded[k] - padded[k + 1]  # +1: the building lies below the line
        near = np.flatnonzero(np.abs(at - line) <= APART / 2)
        cols = np.flatnonzero((stripe >= 0) & (stripe < len(side)))
        cols = cols[side[stripe[cols]] != 0]
        cols = cols[known[np.ix_(near, cols)].all(0)] if len(near) else cols[:0]
        if not len(cols):
            continue
        facing = side[stripe[cols]]
        part = solid[np.ix_(near, cols)]
        wanted = np.where(facing > 0, at[near[0]] - step / 2 + part.sum(0) * step, at[near[-1]] + step / 2 - part.sum(0) * step)
        out[k] = wanted.mean()
    out = on_grid(out)
    return out if (np.diff(out) >= NARROWEST).all() else on_grid(lines)


def on_grid(lines: np.ndarray) -> np.ndarray:
    """The nearest multiples of GRID."""
    return np.rint(lines / GRID) * GRID


def rectangles(u: np.ndarray, v: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """All rectangles of a grid's cells that cannot be made larger, float64 [K, 4]: u0, v0, u1, v1."""
    found = []
    m = len(inside)
    for low in range(m):
        full = np.ones(inside.shape[1], bool)
        for high in range(low, m):
            full &= inside[high]
            if not full.any():
                break
            change = np.flatnonzero(np.diff(np.pad(full.astype(int), 1)))
            for a, b in zip(change[::2], change[1::2]):
                wider = (low > 0 and inside[low - 1, a:b].all()) or (high + 1 < m and inside[high + 1, a:b].all())
                if not wider:
                    found.append((u[low], v[a], u[high + 1], v[b]))
    return np.array(found, np.float64).reshape(-1, 4)


def cover(u: np.ndarray, v: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Few of the largest rectangles that together cover the cells, float64 [K, 4]; the largest first."""
    left = inside.copy()
    every = rectangles(u, v, inside)
    size = np.outer(np.diff(u), np.diff(v))
    chosen = []
    spans = [(slice(*np.searchsorted(u, r[[0, 2]])), slice(*np.searchsorted(v, r[[1, 3]]))) for r in every]
    while left.any():
        best = int(np.argmax([(size[s] * left[s]).sum() for s in spans]))
        chosen.append(every[best])
        left[spans[best]] = False
    return np.array(chosen).reshape(-1, 4)
