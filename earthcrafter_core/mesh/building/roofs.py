"""Roofs of planes over a footprint: the form that fits the surfels best, and its solid as convex pieces.

The families are those of data/roofs.py: flat, hip, gable, terraces. Over rectangles a hip is the largest of the rectangles' own
hips (of all rectangles that cannot be made larger: the straight skeleton of a rectilinear outline), a gable is one ridge over
all, or the largest of the gables of its wings. All of these are a + b * shape of slope 1, so one robust line finds the heights.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

FLAT, GABLE, HIP, TERRACES = 0, 1, 2, 3
STEEPEST = 1.6  # rise over run
LEAST_RISE = 0.35  # metres from eaves to ridge below which a roof is flat
SLOPE_PRICE, WING_PRICE = 0.03, 0.05  # metres that a roof with slopes, with several ridges, must fit better than a simpler one
MOST_WINGS = 24  # rectangles over which a roof can have hips or ridges of its own
SQUARE = 1.1  # length over width up to which a wing has its ridge where the whole building has it
EAVES, VERGE, BOARD = 0.375, 0.25, 0.16  # metres that a roof stands out over walls, over gables; and its thickness


@dataclass
class Roof:
    """A roof that was fitted.

    Attributes:
        code: FLAT, GABLE, HIP or TERRACES. error: median |surfel - roof|, metres. score: mean of that, and the form's price.
        eaves: world z of its lowest edge.
        pieces: convex pieces of the building under it, each float64 [P, 3] corners in its frame, from `floor` up.
        height: its world z at points [N, 2] of the frame.
        trims: convex pieces that stand out: eaves, parapets.
    """

    code: int
    error: float
    score: float
    eaves: float
    pieces: list[np.ndarray]
    height: Callable[[np.ndarray], np.ndarray]
    trims: list[np.ndarray] = field(default_factory=list)


@dataclass
class Form:
    """A shape of slope 1: heights above the eaves at points, and the corners of its convex pieces.

    Attributes:
        code: FLAT, GABLE or HIP. price: metres, see SLOPE_PRICE.
        shape: heights [N] at points [N, 2] of the frame, 0 at the lowest eaves.
        corners: of each piece its plan points with their heights, float64 [P, 3].
        boards: what stands out over the walls: the upper corners of each convex piece and those of its lower side (which lies
            BOARD deeper), float64 [P, 3] both; below 0 over the eaves.
    """

    code: int
    price: float
    shape: Callable[[np.ndarray], np.ndarray]
    corners: list[np.ndarray] = field(default_factory=list)
    boards: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def rise(self) -> float:
        """Its highest corner."""
        return float(max(c[:, 2].max() for c in self.corners))


def fitted(form: Form, points: np.ndarray, z: np.ndarray, floor: float) -> Roof:
    """The form at the heights that fit best, down to a floor; points: [N, 2] of the frame, z: [N] world."""
    a, b = robust_line(form.shape(points), z)
    if b * form.rise() < LEAST_RISE:
        a, b = float(np.median(z)), 0.0
    missed = np.abs(a + b * form.shape(points) - z)
    level, slope = np.array([0.0, 0.0, a]), np.array([1.0, 1.0, b])
    pieces = [prism(c * slope + level, floor) for c in form.corners]
    boards = [np.concatenate([upper * slope + level, lower * slope + level - (0.0, 0.0, BOARD)])
              for upper, lower in form.boards]
    return Roof(form.code if b else FLAT, float(np.median(missed)), float(missed.mean()) + form.price, a, pieces,
                lambda at: a + b * form.shape(at), boards)


def prism(top: np.ndarray, floor: float) -> np.ndarray:
    """Corners of the convex piece between top points [P, 3] and a floor, [2 P, 3]."""
    return np.concatenate([top, np.column_stack([top[:, :2], np.full(len(top), floor)])])


def robust_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """a and b, 0..STEEPEST, of the line a + b x of least absolute error, by reweighting."""
    weight = np.ones(len(x))
    a = b = 0.0
    for _ in range(8):
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = np.average((x - mean_x) ** 2, weights=weight)
        slope = np.average((x - mean_x) * (y - mean_y), weights=weight) / spread if spread > 1e-6 else 0.0
        b = float(np.clip(slope, 0.0, STEEPEST))
        a = float(mean_y - b * mean_x)
        weight = 1 / np.maximum(np.abs(a + b * x - y), 0.05)
    return a, b


# -------------------------------------------------------------------------------------------------------------- forms

def flat_form(cover: np.ndarray) -> Form:
    """A flat roof over rectangles [K, 4] that cover the footprint."""
    outer = [_corners(r + (-EAVES, -EAVES, EAVES, EAVES)) for r in cover]
    return Form(FLAT, 0.0, lambda at: np.zeros(len(at)), [_corners(r) for r in cover], [(o, o) for o in outer])


def hip_form(rects: np.ndarray) -> Form:
    """Slopes from all walls; rects [K, 4]: all largest rectangles of the footprint."""
    def shape(at: np.ndarray) -> np.ndarray:
        d = np.minimum(np.minimum(at[:, None, 0] - rects[:, 0], rects[:, 2] - at[:, None, 0]),
                       np.minimum(at[:, None, 1] - rects[:, 1], rects[:, 3] - at[:, None, 1]))
        return np.maximum(d.max(1), 0.0)

    corners, boards = [], []
    for u0, v0, u1, v1 in rects:
        half = min(u1 - u0, v1 - v0) / 2
        ridge = np.array([(u0 + half, v0 + half, half), (u1 - half, v1 - half, half)])
        outer = _corners((u0 - EAVES, v0 - EAVES, u1 + EAVES, v1 + EAVES)) - (0.0, 0.0, EAVES)
        corners.append(np.concatenate([_corners((u0, v0, u1, v1)), ridge]))
        boards.append((np.concatenate([outer, ridge]), outer))
    return Form(HIP, SLOPE_PRICE if len(rects) == 1 else WING_PRICE, shape, corners, boards)


def gable_form(cover: np.ndarray, axis: int) -> Form:
    """One ridge along an axis (0: u) in the middle of all; cover [K, 4]: rectangles of the footprint."""
    across = 1 - axis
    low, high = float(cover[:, across].min()), float(cover[:, across + 2].max())
    middle = (low + high) / 2

    def shape(at: np.ndarray) -> np.ndarray:
        return np.maximum((high - low) / 2 - np.abs(at[:, across] - middle), 0.0)

    pieces = [_ridged(rect, axis, middle, (high - low) / 2) for rect in cover]
    return Form(GABLE, SLOPE_PRICE, shape, [c for c, _ in pieces], [b for _, boards in pieces for b in boards])


def wings_form(rects: np.ndarray, main_axis: int) -> Form:
    """A ridge along each of the largest rectangles [K, 4]; nearly square ones have it along the main axis."""
    size = rects[:, 2:] - rects[:, :2]
    across = np.where(size.max(1) > SQUARE * size.min(1), size.argmin(1), 1 - main_axis)
    rects, ends = _against_ridges(rects, across)
    rows = np.arange(len(rects))
    half = (rects[rows, across + 2] - rects[rows, across]) / 2
    middle = rects[rows, across] + half

    def shape(at: np.ndarray) -> np.ndarray:
        d = half - np.abs(at[:, across] - middle)
        within = ((at[:, None] >= rects[:, :2]) & (at[:, None] <= rects[:, 2:])).all(2)
        return np.maximum(np.where(within, d, 0.0).max(1), 0.0)

    pieces = [_ridged(rect, int(1 - across[k]), float(middle[k]), float(half[k]), ends[k]) for k, rect in enumerate(rects)]
    return Form(GABLE, WING_PRICE, shape, [c for c, _ in pieces], [b for _, boards in pieces for b in boards])


def _against_ridges(rects: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wings [K, 4] that run across a wider one and no farther than its wall end at that one's ridge.

    Returns:
        the rectangles; float64 [K, 2] how far the roof stands out at both ends of each: 0 where it meets a ridge.
    """
    out, ends = rects.copy(), np.full((len(rects), 2), VERGE)
    width = rects[np.arange(len(rects)), across + 2] - rects[np.arange(len(rects)), across]
    for k, rect in enumerate(rects):
        along = 1 - across[k]
        for wide in np.flatnonzero((across == along) & (width >= width[k])):
            main = rects[wide]
            if not (main[across[k]] <= rect[across[k]] and main[across[k] + 2] >= rect[across[k] + 2]):
                continue
            ridge = (main[along] + main[along + 2]) / 2
            beyond = rect[along] < main[along], rect[along + 2] > main[along + 2]
            if beyond == (False, True) and rect[along] == main[along] and ridge > out[k, along]:
                out[k, along], ends[k, 0] = ridge, 0.0
            elif beyond == (True, False) and rect[along + 2] == main[along + 2] and ridge < out[k, along + 2]:
                out[k, along + 2], ends[k, 1] = ridge, 0.0
    return out, ends


def _ridged(rect: np.ndarray, axis: int, middle: float, half: float,
            ends: Sequence[float] = (VERGE, VERGE)) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Corners and boards over a rectangle of a gable whose ridge runs along `axis` at `middle`, `half` from its eaves."""
    across = 1 - axis

    def line(where: float, low: float, high: float) -> np.ndarray:
        """Two points of the roof along the axis."""
        points = np.full((2, 3), half - abs(where - middle))
        points[:, across], points[:, axis] = where, (low, high)
        return points

    stops = [rect[across], *([middle] if rect[across] < middle < rect[across + 2] else []), rect[across + 2]]
    corners = np.concatenate([line(s, rect[axis], rect[axis + 2]) for s in stops])
    stops[0], stops[-1] = stops[0] - EAVES, stops[-1] + EAVES
    if len(stops) == 2 and stops[0] < middle < stops[1]:  # eaves do not go over the ridge
        stops = [stops[0], min(stops[1], middle)] if corners[0, across] < middle else [max(stops[0], middle), stops[1]]
    lines = [line(s, rect[axis] - ends[0], rect[axis + 2] + ends[1]) for s in stops]
    slabs = [np.concatenate(pair) for pair in zip(lines, lines[1:])]
    return corners, [(slab, slab) for slab in slabs]


def rectangle_forms(rects: np.ndarray, cover: np.ndarray) -> list[Form]:
    """All forms but terraces over a footprint's largest rectangles and few that cover it."""
    span = cover[:, 2:].max(0) - cover[:, :2].min(0)
    forms = [flat_form(cover), gable_form(cover, 0), gable_form(cover, 1)]
    if len(rects) <= MOST_WINGS:
        forms += [hip_form(rects)] + ([wings_form(rects, int(span.argmax()))] if len(rects) > 1 else [])
    return forms


def _corners(rect: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """The corners of a rectangle at height 0, float64 [4, 3]."""
    u0, v0, u1, v1 = rect
    return np.array([(u0, v0, 0.0), (u1, v0, 0.0), (u1, v1, 0.0), (u0, v1, 0.0)])
