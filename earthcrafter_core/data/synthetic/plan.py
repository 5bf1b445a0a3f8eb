"""A plan as a layout: what covers each cell, and how high it is, without building the scene."""
from __future__ import annotations

import numpy as np

from ...scene import classes as c
from .canvas import PITCH, Canvas
from .form import TOP, crown_height, deck_height, inside_wing, roof_height

LOWEST_CROWN = 1.2  # metres


def cover_of(canvas: Canvas, shape: tuple[int, int], cell_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Classes and heights of the canvas's middle, sampled at the centres of a grid's cells.

    Args:
        shape: rows and columns; their extent must lie within the canvas.
        cell_size: metres.

    Returns:
        class_id uint8 [H, W] and height float32 [H, W]: metres above ground of buildings, decks and crowns, NaN elsewhere.
    """
    rows, cols = shape
    x = canvas.size / 2 + (np.arange(cols) + 0.5 - cols / 2) * cell_size
    y = canvas.size / 2 - (np.arange(rows) + 0.5 - rows / 2) * cell_size
    i = np.clip(((canvas.size - y) / PITCH).astype(int), 0, canvas.n - 1)
    j = np.clip((x / PITCH).astype(int), 0, canvas.n - 1)
    ids = canvas.cover[np.ix_(i, j)].copy()
    height = np.full(shape, -np.inf, np.float32)
    grid = _Grid(x, y)
    for building in canvas.buildings:
        for wing in building.wings:
            w, px, py = grid.window(wing.x, wing.y, float(np.hypot(wing.hu, wing.hv)))
            u, v = wing.local(px, py)
            top = np.where(inside_wing(wing, u, v), np.minimum(roof_height(wing, u, v), TOP), -np.inf)
            _raise(ids, height, w, top, building.class_id)
    house = c.is_in(ids, c.BUILDING_IDS)
    for deck in canvas.decks:
        (x0, y0), (x1, y1) = deck.start, deck.end
        length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
        w, px, py = grid.window((x0 + x1) / 2, (y0 + y1) / 2, (length + deck.width) / 2)
        t = ((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / length**2
        across = np.abs((py - y0) * (x1 - x0) - (px - x0) * (y1 - y0)) / length
        inside = (t >= 0) & (t <= 1) & (across <= deck.width / 2) & ~house[w]
        _raise(ids, height, w, np.where(inside, deck_height(deck, t), -np.inf), c.BRIDGE)
    blocked = house | (ids == c.BRIDGE)
    for tx, ty, tall, radius, class_id in canvas.trees:
        w, px, py = grid.window(tx, ty, radius)
        r = np.hypot(px - tx, py - ty) / radius
        crown = np.maximum(crown_height(tall, r, class_id), LOWEST_CROWN)
        _raise(ids, height, w, np.where((r <= 1) & ~blocked[w], crown, -np.inf), class_id)
    return ids, np.where(np.isfinite(height), height, np.nan).astype(np.float32)


def _raise(ids: np.ndarray, height: np.ndarray, w: tuple[slice, slice], top: np.ndarray, class_id: int) -> None:
    """Give the cells of a window where `top` is the highest yet its height and the class."""
    higher = top > height[w]
    height[w][higher] = top[higher]
    ids[w][higher] = class_id


class _Grid:
    """Positions of the columns (ascending) and rows (descending) of a grid, metres."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self.x, self.y, self._south = x, y, -y

    def window(self, x: float, y: float, reach: float) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Rows and columns of the cells within a box around a place, and their x [1, w] and y [h, 1]."""
        cols = slice(*np.searchsorted(self.x, (x - reach, x + reach)))
        rows = slice(*np.searchsorted(self._south, (-y - reach, -y + reach)))
        return (rows, cols), self.x[cols][None, :], self.y[rows][:, None]
