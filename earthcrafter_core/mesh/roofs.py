"""Roofs of planes over a footprint: the form that fits the surfels best, and its solid as convex pieces.

The families are those of data/roofs.py: flat, hip, gable, terraces. Over rectangles a hip is the largest of the rectangles' own
hips (of all rectangles that cannot be made larger: the straight skeleton of a rectilinear outline), a gable is one ridge over
all, or the largest of the gables of its wings. All of these are a + b * shape of slope 1, so one robust line finds the heights.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

FLAT, GABLE, HIP, TERRACES = 0, 1, 2, 3
STEEPEST = 1.6  # rise over run
LEAST_RISE = 0.35  # metres from eaves to ridge below which a roof is flat
SLOPE_PRICE, WING_PRICE = 0.03, 0.05  # metres that a roof with slopes, with several ridges, must fit better than a simpler one
SQUARE = 1.1  # length over width up to which a wing has its ridge where the whole building has it


@dataclass
class Roof:
    """A roof that was fitted.

    Attributes:
        code: FLAT, GABLE, HIP or TERRACES. error: median |surfel - roof|, metres. score: mean of that, and the form's price.
        eaves, ridge: world z of its lowest edge and of its highest point.
        pieces: convex pieces of the building under it, each float64 [P, 3] corners in its frame, from `floor` up.
        height: its world z at points [N, 2] of the frame.
    """

    code: int
    error: float
    score: float
    eaves: float
    ridge: float
    pieces: list[np.ndarray]
    height: Callable[[np.ndarray], np.ndarray]


@dataclass
class Form:
    """A shape of slope 1: heights above the eaves at points, and the corners of its convex pieces.

    Attributes:
        code: FLAT, GABLE or HIP. price: metres, see SLOPE_PRICE.
        shape: heights [N] at points [N, 2] of the frame, 0 at the lowest eaves.
        corners: of each piece its plan points with their heights, float64 [P, 3].
    """

    code: int
    price: float
    shape: Callable[[np.ndarray], np.ndarray]
    corners: list[np.ndarray] = field(default_factory=list)

    def rise(self) -> float:
        """Its highest corner."""
        return float(max(c[:, 2].max() for c in self.corners))


def fitted(form: Form, points: np.ndarray, z: np.ndarray, floor: float) -> Roof:
    """The form at the heights that fit best, down to a floor; points: [N, 2] of the frame, z: [N] world."""
    a, b = robust_line(form.shape(points), z)
    if b * form.rise() < LEAST_RISE:
        a, b = float(np.median(z)), 0.0
    missed = np.abs(a + b * form.shape(points) - z)
    pieces = [prism(np.column_stack([c[:, :2], a + b * c[:, 2]]), floor) for c in form.corners]
    return Roof(form.code if b else FLAT, float(np.median(missed)), float(missed.mean()) + form.price, a, a + b * form.rise(),
                pieces, lambda at: a + b * form.shape(at))


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
    return Form(FLAT, 0.0, lambda at: np.zeros(len(at)), [_corners(r) for r in cover])


def hip_form(rects: np.ndarray) -> Form:
    """Slopes from all walls; rects [K, 4]: all largest rectangles of the footprint."""
    def shape(at: np.ndarray) -> np.ndarray:
        d = np.minimum(np.minimum(at[:, None, 0] - rects[:, 0], rects[:, 2] - at[:, None, 0]),
                       np.minimum(at[:, None, 1] - rects[:, 1], rects[:, 3] - at[:, None, 1]))
        return np.maximum(d.max(1), 0.0)

    corners = []
    for u0, v0, u1, v1 in rects:
        half = min(u1 - u0, v1 - v0) / 2
        ridge = [(u0 + half, v0 + half, half), (u1 - half, v1 - half, half)]
        corners.append(np.concatenate([_corners((u0, v0, u1, v1)), ridge]))
    return Form(HIP, SLOPE_PRICE if len(rects) == 1 else WING_PRICE, shape, corners)


def gable_form(cover: np.ndarray, axis: int) -> Form:
    """One ridge along an axis (0: u) in the middle of all; cover [K, 4]: rectangles of the footprint."""
    across = 1 - axis
    low, high = float(cover[:, across].min()), float(cover[:, across + 2].max())
    middle = (low + high) / 2

    def shape(at: np.ndarray) -> np.ndarray:
        return np.maximum((high - low) / 2 - np.abs(at[:, across] - middle), 0.0)

    corners = []
    for rect in cover:
        points = _corners(rect)
        if rect[across] < middle < rect[across + 2]:
            ridge = np.full((2, 3), middle)
            ridge[:, axis] = rect[axis], rect[axis + 2]
            points = np.concatenate([points, ridge])
        points[:, 2] = shape(points[:, :2])
        corners.append(points)
    return Form(GABLE, SLOPE_PRICE, shape, corners)


def wings_form(rects: np.ndarray, main_axis: int) -> Form:
    """A ridge along each of the largest rectangles [K, 4]; nearly square ones have it along the main axis."""
    size = rects[:, 2:] - rects[:, :2]
    across = np.where(size.max(1) > SQUARE * size.min(1), size.argmin(1), 1 - main_axis)
    rows = np.arange(len(rects))
    half = size[rows, across] / 2
    middle = rects[rows, across] + half

    def shape(at: np.ndarray) -> np.ndarray:
        d = half - np.abs(at[:, across] - middle)
        within = ((at[:, None] >= rects[:, :2]) & (at[:, None] <= rects[:, 2:])).all(2)
        return np.maximum(np.where(within, d, 0.0).max(1), 0.0)

    corners = []
    for k, rect in enumerate(rects):
        ridge = np.full((2, 3), middle[k])
        ridge[:, 1 - across[k]] = rect[1 - across[k]], rect[3 - across[k]]
        ridge[:, 2] = half[k]
        corners.append(np.concatenate([_corners(rect), ridge]))
    return Form(GABLE, WING_PRICE, shape, corners)


def rectangle_forms(rects: np.ndarray, cover: np.ndarray) -> list[Form]:
    """All forms but terraces over a footprint's largest rectangles and few that cover it."""
    span = cover[:, 2:].max(0) - cover[:, :2].min(0)
    forms = [flat_form(cover), hip_form(rects), gable_form(cover, 0), gable_form(cover, 1)]
    return forms + ([wings_form(rects, int(span.argmax()))] if len(rects) > 1 else [])


def _corners(rect: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """The corners of a rectangle at height 0, float64 [4, 3]."""
    u0, v0, u1, v1 = rect
    return np.array([(u0, v0, 0.0), (u1, v0, 0.0), (u1, v1, 0.0), (u0, v1, 0.0)])
