"""A canvas becomes surfaces: roofs, crowns, decks and shrubs over the sheet of the ground."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...scene import classes as c
from ..shell import Surfaces
from .canvas import Canvas, Wing

TOP = 115.0  # metres, higher than any tower


@dataclass
class Solid:
    """What stands in each cell, planes [size, size].

    Attributes:
        surfaces: input of the shell.
        wing: int32 number of the wing that makes the roof, -1 elsewhere.
        wings: (building number, wing) of each wing number.
        tree: int32 number of the tree that makes the crown, -1 elsewhere.
        deck: int32 number of the deck, -1 elsewhere.
    """

    surfaces: Surfaces
    wing: np.ndarray
    wings: list[tuple[int, Wing]]
    tree: np.ndarray
    deck: np.ndarray


def build_solid(canvas: Canvas) -> Solid:
    """Surfaces of everything on the canvas at one metre."""
    size = canvas.size
    cover = canvas.cover[1::2, ::2].copy()
    ground = canvas.ground.reshape(size, 2, size, 2).mean((1, 3))
    flat = c.is_in(cover, c.FLAT_IDS)  # a cell takes the class of one of its quarters: the others may be rocks
    ground[flat] = np.clip(ground[flat], -1.0, 1.0)
    top = ground.copy()
    x = (np.arange(size) + 0.5)[None, :]
    y = (size - 0.5 - np.arange(size))[:, None]
    layout = cover.copy()
    _raise_shrubs(canvas, layout, top)
    wing = np.full((size, size), -1, np.int32)
    footprint = np.zeros((size, size), np.int32)
    roof = np.zeros((size, size))
    wings: list[tuple[int, Wing]] = []
    for number, building in enumerate(canvas.buildings):
        for part in building.wings:
            reach = float(np.hypot(part.hu, part.hv)) + 1
            w = _window(part.x, part.y, reach, size)
            u, v = part.local(x[:, w[1]], y[w[0]])
            height = np.where(inside_wing(part, u, v), roof_height(part, u, v), -1.0)
            higher = (height > 0) & (height > roof[w])
            roof[w][higher] = height[higher]
            wing[w][higher] = len(wings)
            footprint[w][higher] = number + 1
            layout[w][higher] = building.class_id
            wings.append((number, part))
    house = footprint > 0
    top[house] = np.minimum(roof[house], TOP)
    cover[house] = layout[house]
    deck = _raise_decks(canvas, x, y, house, layout, top, ground)
    tree = _raise_trees(canvas, x, y, house | (deck >= 0), layout, top, ground)
    ground[house] = 0.0
    return Solid(Surfaces(layout, cover, ground.astype(np.float64), top.astype(np.float64), footprint), wing, wings,
                 tree, deck)


def _window(x: float, y: float, reach: float, size: int) -> tuple[slice, slice]:
    low = np.clip(np.floor([size - y - reach, x - reach]), 0, size).astype(int)
    high = np.clip(np.ceil([size - y + reach, x + reach]), 0, size).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def inside_wing(wing: Wing, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Whether positions in a wing's axes lie in it, bool."""
    if wing.roof == "round":
        return np.hypot(u, v) <= wing.hu
    return (np.abs(u) <= wing.hu) & (np.abs(v) <= wing.hv)


def roof_height(wing: Wing, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Height of a wing's roof above the ground in metres at positions in its axes."""
    a, b = wing.hu - np.abs(u), wing.hv - np.abs(v)
    if wing.roof == "gable":
        return wing.eave + wing.pitch * np.clip(b, 0, None) + 0 * u
    if wing.roof == "hip":
        return wing.eave + wing.pitch * np.clip(np.minimum(a, b), 0, None)
    if wing.roof == "shed":
        return wing.eave + wing.pitch * (v + wing.hv) + 0 * u
    if wing.roof == "saw":
        return wing.eave + 2.2 * np.mod((u + wing.hu) / 8.0, 1.0) + 0 * v
    if wing.roof == "round":
        return wing.eave + wing.pitch * (wing.hu - np.hypot(u, v))
    parapet = 0.6 * np.clip((1.0 - np.minimum(a, b)) / 0.3, 0, 1) if wing.eave > 5 and wing.hv > 4 else 0.0
    return wing.eave + parapet + 0 * (u + v)


def roof_slope(wing: Wing, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope of the roof along u and v."""
    su, sv = np.zeros(np.broadcast(u, v).shape), np.zeros(np.broadcast(u, v).shape)
    if wing.roof == "gable":
        sv = -wing.pitch * np.sign(v) + 0 * u
    elif wing.roof == "hip":
        end = (wing.hu - np.abs(u)) < (wing.hv - np.abs(v))
        su, sv = np.where(end, -wing.pitch * np.sign(u), 0), np.where(end, 0, -wing.pitch * np.sign(v))
    elif wing.roof == "shed":
        sv = np.full(su.shape, wing.pitch)
    elif wing.roof == "saw":
        su = np.full(su.shape, 2.2 / 8.0)
    elif wing.roof == "round":
        r = np.maximum(np.hypot(u, v), 1e-3)
        su, sv = -wing.pitch * u / r, -wing.pitch * v / r
    return su, sv


def _raise_shrubs(canvas: Canvas, layout: np.ndarray, top: np.ndarray) -> None:
    """Shrubs 0.8 to 2.6 m high, lower at their edges; vines and crops stay on the ground."""
    bush = layout == c.SHRUB
    if not bush.any():
        return
    n = canvas.size
    lump = canvas.noise.plane(2 * n, 2 * n, 6.0, 3)[::2, ::2]
    high = 1.5 + 0.5 * canvas.noise.plane(2 * n, 2 * n, 24.0, 4)[::2, ::2] + 0.45 * lump
    edge = np.clip(ndimage.distance_transform_edt(bush) / 2.0, 0.5, 1)
    top[bush] += np.clip(high * edge, 0.75, 2.9)[bush]


def _raise_decks(canvas: Canvas, x: np.ndarray, y: np.ndarray, house: np.ndarray, layout: np.ndarray, top: np.ndarray,
                 ground: np.ndarray) -> np.ndarray:
    number = np.full(layout.shape, -1, np.int32)
    for k, deck in enumerate(canvas.decks):
        (x0, y0), (x1, y1) = deck.start, deck.end
        length = float(np.hypot(x1 - x0, y1 - y0))
        du, dv = (x1 - x0) / length, (y1 - y0) / length
        along = (x - x0) * du + (y - y0) * dv
        across = (y - y0) * du - (x - x0) * dv
        mask = (along >= 0) & (along <= length) & (np.abs(across) <= deck.width / 2) & ~house
        height = deck_height(deck, along / length)
        height = height + np.where((np.abs(across) > deck.width / 2 - 1.0) & (height > 1.5), 0.9, 0.0)
        mask &= height > top + 0.3
        layout[mask] = c.BRIDGE
        top[mask] = height[mask]
        number[mask] = k
    return number


def deck_height(deck, t: np.ndarray) -> np.ndarray:
    """Height of a deck in metres at shares 0..1 of its length: ramps at both ends."""
    ramp = np.clip(np.minimum(t, 1 - t) / 0.28, 0, 1)
    return deck.rest + (deck.height - deck.rest) * ramp * ramp * (3 - 2 * ramp)


def _raise_trees(canvas: Canvas, x: np.ndarray, y: np.ndarray, blocked: np.ndarray, layout: np.ndarray,
                 top: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Crowns, highest first where they overlap; the plane of tree numbers."""
    number = np.full(layout.shape, -1, np.int32)
    size = canvas.size
    crown = np.zeros(layout.shape)
    lump = canvas.noise.plane(2 * size, 2 * size, 3.0, 5)[::2, ::2]
    for k, (tx, ty, height, radius, class_id) in enumerate(canvas.trees):
        w = _window(tx, ty, radius + 1, size)
        r = np.hypot(x[:, w[1]] - tx, y[w[0]] - ty) / radius
        h = crown_height(height, r, class_id) + lump[w] * (0.35 if class_id != c.ORCHARD else 0.1)
        higher = (r <= 1) & (h > crown[w]) & ~blocked[w]
        crown[w][higher] = h[higher]
        number[w][higher] = k
        layout[w][higher] = class_id
    tree = number >= 0
    top[tree] = ground[tree] + np.maximum(crown[tree], 1.2)
    return number


def crown_height(height: float, r: np.ndarray, class_id: int) -> np.ndarray:
    """Height of a crown's upper side at shares r of its radius, metres."""
    if class_id == c.CONIFER:
        return height * (1 - 0.72 * np.clip(r, 0, 1) ** 1.15)
    return height * (0.44 + 0.56 * np.sqrt(np.clip(1 - r * r, 0, 1)))
