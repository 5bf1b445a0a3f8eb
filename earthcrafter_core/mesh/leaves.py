"""Patterns of leaves, needles and bark for the tiles of the plants' texture: leaf over leaf, the deep ones darker.

A pattern is a factor on a plant's colour, and a share of warmth (sunlit leaves are yellower). In linear light its mean is that
of the light which the plants' corner colours have, so that from afar both look the same.
"""
from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ..scene import classes as sem
from .kernel import KERNEL
from .lobes import fibonacci, folded, unfolded
from .plant_forms import FINE_TIERS, LOWEST, OVER, UNDER, conifer_light, crown_light

BORDER = 3  # texels around what is painted of a tile: filters take from there
LIGHT = (0.45, 1.3)  # factors on the colour where no sky is seen and where all of it is
BARK = (116.0, 101.0, 84.0)  # sRGB
GAP = 0.34  # factor between the leaves
GAMMA = 2.2  # of sRGB, about
COARSE = 8  # texels of a cell in which light is told
CROWN_WIDTH, CROWN_HEIGHT = 7.0, 14.0  # metres, of the conifer whose needles have their size
SLOPE = 1.25  # length of a conifer's upper sides together, in its heights
SPRAYS, TWIGS = 3000, 13  # of a conifer, and of each spray
SPRAY, NEEDLE = 1.1, 0.075  # metres: length of a spray, half the width of a twig with its needles
SHADOW = 0.6  # factor on the lower sides of boughs


@dataclass(frozen=True)
class Foliage:
    """Leaves of a lobed crown, in its radii.

    Attributes:
        long, wide: half the length and width of a leaf. clusters: of leaves all around. lowest: z of directions with leaves.
    """

    long: float
    wide: float
    clusters: int
    lowest: float


FOLIAGES = {sem.BROADLEAF: Foliage(0.045, 0.026, 150, -0.97), sem.ORCHARD: Foliage(0.06, 0.033, 70, -0.97),
            sem.SHRUB: Foliage(0.062, 0.036, 60, -0.35)}
LAYERS = 5.0  # leaves one over another


@dataclass
class Pattern:
    """factor, warmth: float32 [h, w], row 0 at the top; factor times a colour (0..255, sRGB) is that texel's colour."""

    factor: np.ndarray
    warmth: np.ndarray


def pattern_of(class_id: int, number: int, width: int, height: int) -> Pattern:
    """The leaves of a class's form of some number, unfolded as `plant_forms` says; BORDER texels around them."""
    rng = np.random.default_rng([class_id, number, 7])
    if class_id == sem.CONIFER:
        return _needles(rng, width, height)
    return _leaves(rng, class_id, number, width)


def bark_factor(width: int, height: int) -> np.ndarray:
    """Factor float32 [height, width] on the colour of bark: streaks along the trunk, less light below the crown."""
    rng = np.random.default_rng(11)
    turns = (np.arange(width) + 0.5 - BORDER) / (width - 2 * BORDER) * OVER
    up = (np.arange(height)[::-1] + 0.5 - BORDER) / (height - 2 * BORDER)
    wave, x = rng.integers(5, 23, 40), 2 * np.pi * turns
    bend = 0.35 * np.sin(2 * np.pi * np.outer(up, [1.3, 3.1]) + rng.uniform(0, 6, 2)).sum(1)
    streak = sum(np.sin(k * (x[None] + 0.3 * bend[:, None]) + rng.uniform(0, 6) + 5 * np.sin(rng.uniform(2, 9) * up)[:, None])
                 for k in wave) / np.sqrt(len(wave) / 2)
    light = LIGHT[0] + (LIGHT[1] - LIGHT[0]) * (0.8 - 0.25 * np.clip(up, 0, 1))
    return _even(np.broadcast_to(light[:, None], streak.shape), np.clip(1 + 0.22 * streak, 0.35, 1.7),
                 np.ones(streak.shape, bool))


def _leaves(rng: np.random.Generator, class_id: int, number: int, size: int) -> Pattern:
    kind, radius = FOLIAGES[class_id], size / 2 - BORDER
    share = (1 - kind.lowest) / 2
    count = int(LAYERS * share * 4 / (kind.long * kind.wide))
    z, turn = 1 - 2 * share * rng.random(count), 2 * np.pi * rng.random(count)
    level = np.sqrt(1 - z * z)
    at = np.stack([level * np.cos(turn), level * np.sin(turn), z], 1)
    middles = fibonacci(kind.clusters) + rng.normal(scale=0.5 / np.sqrt(kind.clusters), size=(kind.clusters, 3))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    away, own = cKDTree(middles).query(at)
    reach = 2.2 / np.sqrt(kind.clusters)
    bump = np.clip(1 - (away / reach) ** 2, 0, 1)
    above = (z - middles[own, 2]) / reach  # on the sunny side of its cluster
    deep = rng.random(count)
    depth = bump + 0.9 * deep
    tone = rng.uniform(0.86, 1.14, kind.clusters)[own]
    factor = (0.42 + 0.36 * bump + 0.34 * deep) * (1 + 0.28 * np.clip(above, -1, 1)) * tone * rng.uniform(0.82, 1.18, count)
    half = np.sqrt((1 + np.maximum(z, -0.8)) / 2)  # cosine of half the angle from the top
    along, out = rng.uniform(0, 2 * np.pi, count), np.stack([np.cos(turn), np.sin(turn)], 1)
    aside = np.stack([-out[:, 1], out[:, 0]], 1)
    grow = rng.uniform(0.75, 1.25, count)
    axes = np.stack([(np.cos(a) / (2 * half))[:, None] * aside + (np.sin(a) * half / 2)[:, None] * out
                     for a in (along, along + np.pi / 2)], 1) * radius
    axes *= np.stack([kind.long * grow, kind.wide * grow], 1)[:, :, None]
    place = (unfolded(at) * radius + size / 2)
    pattern = _painted(size, size, place, axes, depth, factor, rng.normal(scale=0.35, size=count) + 0.5 * (factor - 0.8), 0.0)
    ticks = (np.arange(0, size + COARSE, COARSE) - size / 2) / radius
    grid = np.stack(np.meshgrid(ticks, -ticks, indexing="xy"), -1)
    light = crown_light(class_id, number, folded(grid).reshape(-1, 3)).reshape(grid.shape[:2])
    x = (np.arange(size) + 0.5) / COARSE
    light = ndimage.map_coordinates(light, np.meshgrid(x, x, indexing="ij"), order=1, mode="nearest")
    texel = (np.arange(size) + 0.5 - size / 2) / radius
    square = texel[:, None] ** 2 + texel[None] ** 2
    pattern.factor = _even(LIGHT[0] + (LIGHT[1] - LIGHT[0]) * light, pattern.factor, 1 - 2 * square > max(kind.lowest, -0.9))
    return pattern


def _needles(rng: np.random.Generator, width: int, height: int) -> Pattern:
    """Sprays of twigs that hang outwards, upper ones over lower ones."""
    turn_size, rise = (width - 2 * BORDER) / OVER, (height - 2 * BORDER) / (1 + LOWEST)
    share = rng.uniform(-LOWEST, 1, SPRAYS)
    share = share[rng.random(SPRAYS) < np.maximum(1 - share, 0.15)]
    count = len(share)
    across = turn_size / (np.pi * CROWN_WIDTH * np.maximum(1 - share, 0.08))  # texels a metre
    down = rise * UNDER / (SLOPE * CROWN_HEIGHT)
    turn, lean, size = rng.random(count), rng.uniform(-0.5, 0.5, count), rng.uniform(0.7, 1.3, count)
    part = np.linspace(0, 1, TWIGS)
    side = np.where(np.arange(TWIGS) % 2, 1.0, -1.0)
    angle = lean[:, None] + side * (0.95 - 0.5 * part) + rng.normal(scale=0.15, size=(count, TWIGS))
    long = size[:, None] * SPRAY * (0.36 - 0.16 * part)
    stem = size[:, None] * SPRAY * part
    east = stem * np.sin(lean)[:, None] + long * np.sin(angle)
    south = stem * np.cos(lean)[:, None] + long * np.cos(angle)
    place = np.stack([(turn * turn_size)[:, None] + across[:, None] * east, ((share + LOWEST) * rise)[:, None] - down * south],
                     -1)
    axes = np.stack([np.stack([across[:, None] * np.sin(angle), -down * np.cos(angle)], -1) * long[..., None],
                     np.stack([across[:, None] * np.cos(angle), down * np.sin(angle)], -1) * NEEDLE], -2)
    depth = share[:, None] + rng.uniform(-0.05, 0.05, count)[:, None] + 0.004 * rng.random((count, TWIGS))
    factor = (0.5 + 0.45 * part) * rng.uniform(0.7, 1.2, count)[:, None] * rng.uniform(0.85, 1.15, (count, TWIGS))
    warmth = 0.8 * (part - 0.5) + rng.normal(scale=0.2, size=count)[:, None]
    pattern = _painted(width, height, place.reshape(-1, 2) + BORDER, axes.reshape(-1, 2, 2), depth.ravel(), factor.ravel(),
                       warmth.ravel(), turn_size)
    up = (np.arange(height)[::-1] + 0.5 - BORDER) / rise - LOWEST
    tier = np.clip(up, -LOWEST, 1) * FINE_TIERS % 1
    under = (up < 0) | ((tier > UNDER) & (up < 1 - 1 / FINE_TIERS))
    light = np.broadcast_to((LIGHT[0] + (LIGHT[1] - LIGHT[0]) * conifer_light(up))[:, None], pattern.factor.shape)
    pattern.factor = _even(light, pattern.factor * np.where(under, SHADOW, 1.0)[:, None], light > 0)
    return pattern


def _painted(width: int, height: int, place: np.ndarray, axes: np.ndarray, depth: np.ndarray, factor: np.ndarray,
             warmth: np.ndarray, period: float) -> Pattern:
    """Leaves painted over one another, deep ones first.

    Args:
        place: float64 [N, 2] texels, x right, y up. axes: float64 [N, 2, 2] half their length and half their width, as vectors.
        depth: [N] the higher is painted the later. factor, warmth: [N].
        period: texels after which the leaves come again to the right; 0: they do not.
    """
    order = np.argsort(depth, kind="stable")
    place, axes = place[order].copy(), axes[order].copy()
    place[:, 1] = height - place[:, 1]
    axes[:, :, 1] *= -1
    out = Pattern(np.full((height, width), GAP, np.float32), np.zeros((height, width), np.float32))
    _paint(place, axes, factor[order].astype(np.float32), warmth[order].astype(np.float32), float(period), out.factor,
           out.warmth)
    return out


@numba.njit(**KERNEL)
def _paint(place, axes, factor, warmth, period, out, warm):
    """Blend lens-shaped leaves over out and warm, float32 [h, w]; as `_painted` tells, y down."""
    h, w = out.shape
    for n in range(len(place)):
        a, c, b, d = axes[n, 0, 0], axes[n, 0, 1], axes[n, 1, 0], axes[n, 1, 1]
        area = a * d - b * c
        if abs(area) < 1e-6:
            continue
        reach_x, reach_y = abs(a) + abs(b) + 0.5, abs(c) + abs(d) + 0.5
        sharp = np.sqrt(b * b + d * d)
        x = place[n, 0]
        if period > 0:
            x -= period * np.floor((x + reach_x) / period)
        while x - reach_x < w:
            for j in range(max(0, int(place[n, 1] - reach_y)), min(h, int(place[n, 1] + reach_y) + 1)):
                for i in range(max(0, int(x - reach_x)), min(w, int(x + reach_x) + 1)):
                    dx, dy = i + 0.5 - x, j + 0.5 - place[n, 1]
                    s, t = (d * dx - b * dy) / area, (a * dy - c * dx) / area
                    k = min(max((1 - s * s - abs(t)) * sharp + 0.5, 0.0), 1.0)
                    if k > 0 and abs(s) < 1.2:
                        side = 1.07 if t > 0 else 0.9
                        out[j, i] += np.float32(k) * (factor[n] * np.float32(side) - out[j, i])
                        warm[j, i] += np.float32(k) * (warmth[n] - warm[j, i])
            if period <= 0:
                break
            x += period


def _even(light: np.ndarray, pattern: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """light * pattern, float32 [h, w], scaled so that inside its mean in linear light is that of `light` alone."""
    both = light * pattern
    scale = (np.mean(light[inside] ** GAMMA) / np.mean(both[inside] ** GAMMA)) ** (1 / GAMMA)
    return (both * scale).astype(np.float32)
