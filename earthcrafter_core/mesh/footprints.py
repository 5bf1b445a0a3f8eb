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

GRID = 0.125  # metres: lines lie on multiples, so that ridges, eaves and hips meet in exact points and leave no slivers
NARROWEST = 1.0  # metres between lines
STEP = 0.25  # cells: pitch of the raster in the building's frame
BLUR = 0.7  # cells: standard deviation of the blur that takes the steps off a border askew
RIGHT_ANGLED = 0.4  # share of the border that must agree on two directions, else the footprint is round
APART = 1.4  # metres between parallel walls: nearer ones are one
SHORTEST = 1.5  # metres of wall that make a line
CORNER_PRICE = 0.9  # square metres that may be wrong for each corner saved
FEW = 60  # cells of a building too small for its border to tell its direction
MARGIN = 4  # cells around a building that are looked at
_REFINE = np.radians(np.linspace(-4, 4, 17))


@dataclass(frozen=True)
class Frame:
    """A plane frame: u runs at `angle` (radians from east), v to its left, metres from `centre` (world x, y)."""

    centre: np.ndarray
    angle: float

    def axes(self) -> np.ndarray:
        """Rows u and v in the world, float64 [2, 2]."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, s], [-s, c]])

    def own(self, world: np.ndarray) -> np.ndarray:
        """World x, y [..., 2] in this frame."""
        return (world - self.centre) @ self.axes().T

    def world(self, own: np.ndarray) -> np.ndarray:
        """Points [..., 2] of this frame in the world."""
        return own @ self.axes() + self.centre


@dataclass
class Patch:
    """The columns around one building: its window of the place's planes, continued at the place's border.

    Attributes:
        mask: bool [X, Y] its columns. height: float64 [X, Y] world z of their roofs, the nearest column's outside.
        origin: world x, y of the window's south-west corner. cell: metres. extent: (x0, y0, x1, y1) of the whole place.
    """

    mask: np.ndarray
    height: np.ndarray
    origin: np.ndarray
    cell: float
    extent: tuple[float, float, float, float]

    def sample(self, plane: np.ndarray, world: np.ndarray, order: int = 1) -> np.ndarray:
        """Values of a plane [X, Y] at world x, y [..., 2]; order 0 nearest, 1 bilinear."""
        at = (world - self.origin) / self.cell - 0.5
        return ndimage.map_coordinates(plane, np.moveaxis(at, -1, 0), order=order, mode="nearest")

    def inside(self, world: np.ndarray) -> np.ndarray:
        """Whether world x, y [..., 2] lie in the place."""
        x0, y0, x1, y1 = self.extent
        return (world[..., 0] >= x0) & (world[..., 0] <= x1) & (world[..., 1] >= y0) & (world[..., 1] <= y1)


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


@dataclass
class Raster:
    """A fine raster [I, J] in a building's frame.

    Attributes:
        u, v: float64 [I], [J] of the samples' middles, metres. step: metres.
        share: float64 [I, J] share of the sample that is the building's. known: bool, whether it lies in the place.
        world: float64 [I, J, 2].
    """

    u: np.ndarray
    v: np.ndarray
    step: float
    share: np.ndarray
    known: np.ndarray
    world: np.ndarray

    def area(self) -> float:
        """Square metres of the building that lie in the place."""
        return float(((self.share > 0.5) & self.known).sum() * self.step ** 2)


def patch_of(building: np.ndarray, top: np.ndarray, number: int, box: tuple[slice, slice], origin: np.ndarray,
             cell: float) -> Patch:
    """The patch of building `number` of planes [X, Y]; box: where it lies."""
    i, j = (np.arange(s.start - MARGIN, s.stop + MARGIN) for s in box)
    at = np.ix_(*(np.clip(k, 0, n - 1) for k, n in zip((i, j), building.shape)))
    mask = building[at] == number
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    far = origin + np.array(building.shape) * cell
    return Patch(mask, top[at][tuple(nearest)], origin + np.array([i[0], j[0]]) * cell, cell,
                 (origin[0], origin[1], far[0], far[1]))


def main_direction(patch: Patch) -> tuple[float, float]:
    """Angle of the walls, radians, and the share 0..1 of the border that agrees on it (1: a rectangle).

    The border's slopes vote with e^(4i angle), as in data/walls.py; the angle is then turned to where the walls are thinnest.
    """
    soft = ndimage.gaussian_filter(patch.mask.astype(np.float64), 1.2)
    gx, gy = np.gradient(soft)
    slope = np.hypot(gx, gy)
    border = patch.mask & ~ndimage.binary_erosion(patch.mask, border_value=1) & (slope > 1e-6)
    if not border.any():
        return 0.0, 0.0
    if patch.mask.sum() < FEW:
        return _box_direction(np.argwhere(patch.mask)), 1.0
    away = np.arctan2(-gy[border], -gx[border])
    weight = slope[border]
    turn = (weight * np.exp(4j * away)).sum()
    angle = float(np.angle(turn) / 4)
    edge = np.stack(np.nonzero(border), 1) + ((soft[border] - 0.5) / slope[border]).clip(-1, 1)[:, None] * np.stack(
        [np.cos(away), np.sin(away)], 1)
    scores = [_thinness(edge, away, weight, angle + d) - 1e-3 * abs(d) for d in _REFINE]
    return angle + float(_REFINE[int(np.argmax(scores))]), float(np.abs(turn) / weight.sum())


def _box_direction(cells: np.ndarray) -> float:
    """Angle of the box of the cells' [N, 2] own spread that holds most of them: for huts of few cells."""
    points = (cells[:, None] + np.array([(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)])).reshape(-1, 2)
    points = points - points.mean(0)
    angles = np.radians(np.arange(0, 90, 2.5))
    held = []
    for angle in angles:
        own = np.abs(points @ Frame(np.zeros(2), float(angle)).axes().T)
        held.append((own <= np.sqrt(3 * (own ** 2).mean(0))).all(1).mean())
    best = np.array(held) > max(held) - 1e-9
    return float(angles[best][int(best.sum()) // 2])


def _thinness(edge: np.ndarray, away: np.ndarray, weight: np.ndarray, angle: float) -> float:
    """How much the border points [N, 2] (cells) gather on lines along and across an angle."""
    quarter = np.rint((away - angle) / (np.pi / 2)).astype(int) % 4
    total = 0.0
    for k in range(4):
        own = quarter == k
        across = edge[own] @ np.array([np.cos(angle + k * np.pi / 2), np.sin(angle + k * np.pi / 2)])
        if len(across):
            near = np.abs(across[:, None] - across[None, :])
            total += float((np.exp(-2 * near ** 2) * np.outer(weight[own], weight[own])).sum())
    return total / float(weight.sum()) ** 2


def raster_of(patch: Patch, frame: Frame) -> Raster:
    """The patch in a frame."""
    step = STEP * patch.cell
    cells = (np.stack(np.nonzero(patch.mask), 1) + 0.5) * patch.cell + patch.origin
    own = frame.own(cells[patch.inside(cells)])
    low, high = own.min(0) - 2 * patch.cell, own.max(0) + 2 * patch.cell
    u, v = (a + (np.arange(int(np.ceil((b - a) / step))) + 0.5) * step for a, b in zip(low, high))
    world = frame.world(np.stack(np.meshgrid(u, v, indexing="ij"), -1))
    soft = ndimage.gaussian_filter(patch.mask.astype(np.float64), BLUR)
    return Raster(u, v, step, patch.sample(soft, world), patch.inside(world), world)


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
    gain = np.pad(gain, 1)
    for _ in range(4 * gain.size):
        best, where = -1e-9, None
        corners = _corners(inside)
        for i, j in np.argwhere(np.abs(gain[1:-1, 1:-1]) < 4 * CORNER_PRICE) + 1:
            around = slice(i - 1, i + 2), slice(j - 1, j + 2)
            before = _corners(inside[around])
            inside[i, j] ^= True
            saved = before - _corners(inside[around])
            inside[i, j] ^= True
            price = abs(gain[i, j]) * (1 if inside[i, j] == (gain[i, j] > 0) else -1) - CORNER_PRICE * saved
            if price < best:
                best, where = price, (i, j)
        if where is None or corners == 0:
            break
        inside[where] ^= True
    level = fixed_corners(inside.astype(np.int64)[1:-1, 1:-1], gain[1:-1, 1:-1])
    return level > 0


def _corners(inside: np.ndarray) -> int:
    """Corners of the outline of a grid's cells, where two cells that touch at a point count two."""
    quad = inside[:-1, :-1].astype(int) + inside[1:, :-1] + inside[:-1, 1:] + inside[1:, 1:]
    crossed = (quad == 2) & (inside[:-1, :-1] == inside[1:, 1:])
    return int((quad % 2).sum() + 2 * crossed.sum())


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
