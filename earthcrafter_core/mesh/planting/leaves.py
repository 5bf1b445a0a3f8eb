"""Sheets of leaves, needles and bark for the plants' texture: leaf over leaf, the deep ones darker, in clusters lit from above.

A sheet is a factor on a plant's colour, and a share of warmth (sunlit leaves are yellower). In linear light its mean is that of
the light which the plants' corner colours have, so that from afar both look the same.
"""
from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from ...scene import classes as sem
from ..kernel import KERNEL
from . import unfold
from .plant_forms import CONE_REPEATS, sheet_light

BORDER = 3  # texels around what is painted of a sheet: filters take from there
LIGHT = (0.45, 1.3)  # factors on the colour where no sky is seen and where all of it is
BARK = (116.0, 101.0, 84.0)  # sRGB
GAP, DEEP = 0.12, 0.28  # factors between the leaves, and on those deep in a crown
GAMMA = 2.2  # of sRGB, about
COVERS, LAYERS = 3.0, 1.6  # clusters one before another, and leaves of each


@dataclass(frozen=True)
class Foliage:
    """Leaves of a lobed crown, in metres.

    Attributes:
        radius: of the crown whose leaves have their size. flat: height of the crown, in its width.
        long, wide: half the length and width of a leaf.
        cluster: radius of a cluster of leaves.
    """

    radius: float
    flat: float
    long: float
    wide: float
    cluster: float


FOLIAGES = {sem.BROADLEAF: Foliage(4.0, 0.9, 0.1, 0.058, 0.5), sem.ORCHARD: Foliage(2.2, 0.5, 0.075, 0.04, 0.36),
            sem.SHRUB: Foliage(1.1, 0.5, 0.042, 0.025, 0.2)}
CONIFER_RADIUS, TIER, LOWER = 3.5, 3.2, 1.5  # metres: of the conifer, length of the upper and of the lower sides of its tiers
SPRAY, TWIGS, NEEDLE = 0.85, 11, 0.042  # metres, number, metres: length of a spray, its twigs, half a twig's width with needles


@dataclass
class Sheet:
    """factor, warmth: float32 [h, w], row 0 at the top; factor times a colour (0..255, sRGB) is that texel's colour."""

    factor: np.ndarray
    warmth: np.ndarray


def sheet_of(class_id: int, number: int, width: int, height: int) -> Sheet:
    """A sheet (of unfold) of a class, with BORDER texels around it; class 0: bark."""
    rng = np.random.default_rng([class_id, number])
    if class_id == 0:
        return _bark(rng, width, height)
    if class_id == sem.CONIFER:
        return _needles(rng, number, width, height)
    return _leaves(rng, class_id, number, width, height)


def _up(height: int) -> np.ndarray:
    """0..1 up a sheet at its rows [height], beyond it in the border."""
    return (np.arange(height)[::-1] + 0.5 - BORDER) / (height - 2 * BORDER)


def _factor(light: np.ndarray) -> np.ndarray:
    return LIGHT[0] + (LIGHT[1] - LIGHT[0]) * light


def _bark(rng: np.random.Generator, width: int, height: int) -> Sheet:
    """Streaks along the trunk, less light below the crown."""
    turn = (np.arange(width) + 0.5 - BORDER) / (width - 2 * BORDER) * unfold.OVER * 2 * np.pi
    up = _up(height)
    bend = 0.1 * np.sin(2 * np.pi * np.outer(up, [1.3, 3.1]) + rng.uniform(0, 6, 2)).sum(1)
    streak = np.zeros((height, width))
    for k in rng.integers(5, 23, 40):
        drift = rng.uniform(0, 6) + 5 * np.sin(rng.uniform(2, 9) * up)
        streak += np.sin(k * (turn[None] + bend[:, None]) + drift[:, None]) / np.sqrt(20)
    light = np.broadcast_to(_factor(0.8 - 0.25 * np.clip(up, 0, 1))[:, None], streak.shape)
    return Sheet(_even(light, np.clip(1 + 0.22 * streak, 0.35, 1.7)), np.zeros(streak.shape, np.float32))


def _leaves(rng: np.random.Generator, class_id: int, number: int, width: int, height: int) -> Sheet:
    """Leaves of a lobed crown in clusters, one before another: around the crown they are lit from above and hang."""
    kind, side = FOLIAGES[class_id], number == unfold.SIDE
    size = np.full(2, 2 * unfold.CAP * kind.radius)
    if side:
        arc = unfold.SIDE_ANGLES[1] - unfold.SIDE_ANGLES[0]
        size[:] = (2 * np.pi / unfold.REPEATS * kind.radius, arc * kind.radius * kind.flat)
    leaf = 4 / 3 * kind.long * kind.wide
    clusters = int(COVERS * size.prod() / (np.pi * kind.cluster ** 2))
    middle, front = rng.random((clusters, 2)) * size, rng.random(clusters)
    radius = kind.cluster * rng.uniform(0.45, 1.55, clusters)
    own = np.repeat(np.arange(clusters), (LAYERS * np.pi * radius ** 2 / leaf).astype(int))
    turn, away = rng.uniform(0, 2 * np.pi, len(own)), np.sqrt(rng.random(len(own)))
    facing = np.sqrt(np.maximum(1 - away ** 2, 0))
    out = away[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    at = middle[own] + out * radius[own, None]
    lit = 0.5 + 0.3 * facing + 0.3 * out[:, 1] if side else 0.45 + 0.45 * facing
    factor = lit * (0.6 + 0.4 * front[own]) * rng.uniform(0.86, 1.14, clusters)[own]
    factor *= np.where(rng.random(len(own)) < 0.06, 1.35, 1.0)  # some mirror the sky
    behind = int(2 * size.prod() / leaf)  # leaves deep in the crown, seen between the clusters
    at = np.concatenate([at, rng.random((behind, 2)) * size])
    depth = np.append(front[own] + 0.25 * facing + 0.06 * rng.random(len(own)), rng.uniform(-1, 0, behind))
    along = np.append(np.arctan2(out[:, 1] - 0.5 * side, out[:, 0]), rng.uniform(0, 6, behind)) + rng.normal(0, 0.6, len(at))
    factor = np.append(factor, np.full(behind, DEEP)) * rng.uniform(0.65, 1.35, len(at))
    warmth = rng.normal(scale=0.3, size=len(at)) + 0.6 * (factor - 0.6)
    warmth[:len(own)] += rng.normal(scale=0.4, size=clusters)[own]
    grow = rng.uniform(0.7, 1.25, len(at))
    texels = (np.array([width, height]) - 2 * BORDER) / size / [unfold.OVER if side else 1, 1]
    axes = np.stack([np.stack([np.cos(along), np.sin(along)], 1) * (kind.long * grow)[:, None],
                     np.stack([-np.sin(along), np.cos(along)], 1) * (kind.wide * grow)[:, None]], 1) * texels
    sheet = _painted(width, height, at * texels + BORDER, axes, depth, factor, warmth, size[0] * texels[0] if side else 0.0)
    sheet.factor = _even(_light(class_id, number, width, height), sheet.factor)
    return sheet


def _light(class_id: int, number: int, width: int, height: int) -> np.ndarray:
    """Factors of the light that a class's plants get at the texels of a sheet, [height, width]."""
    at, light = sheet_light(class_id, number)
    up = _up(height)
    if class_id == sem.CONIFER or number == unfold.SIDE:
        return np.broadcast_to(_factor(np.interp(up, at, light))[:, None], (height, width))
    return _factor(np.interp(np.hypot(*np.meshgrid(2 * up - 1, 2 * _up(width) - 1, indexing="ij")), at, light))


def _needles(rng: np.random.Generator, number: int, width: int, height: int) -> Sheet:
    """Sprays of twigs that hang outwards on a tier, those nearer the trunk over the ones below; its lower side in shadow."""
    period = 2 * np.pi * CONIFER_RADIUS / CONE_REPEATS
    texels = (width - 2 * BORDER) / unfold.CONE_OVER / period
    scale = (height - 2 * BORDER) * np.array([unfold.UPPER / LOWER, (1 - unfold.UPPER) / TIER])  # texels a metre below, above
    count = int(8 * period * (TIER + LOWER) / SPRAY ** 2)
    x, y = rng.random(count) * period, rng.uniform(-LOWER, TIER + 0.5 * SPRAY, count)
    lean, size, part = rng.normal(0, 0.4, count), rng.uniform(0.7, 1.3, count) * SPRAY, np.linspace(0, 1, TWIGS)
    angle = lean[:, None] + np.where(np.arange(TWIGS) % 2, 1, -1) * (0.9 - 0.5 * part) + rng.normal(0, 0.15, (count, TWIGS))
    long, stem = size[:, None] * (0.3 - 0.12 * part), size[:, None] * part
    east = x[:, None] + stem * np.sin(lean)[:, None] + long * np.sin(angle)
    north = y[:, None] - stem * np.cos(lean)[:, None] - long * np.cos(angle)
    rise = np.where(north < 0, scale[0], scale[1])
    place = np.stack([east * texels, (height - 2 * BORDER) * unfold.UPPER + north * rise], -1) + BORDER
    axes = np.stack([np.stack([texels * np.sin(angle), -rise * np.cos(angle)], -1) * long[..., None],
                     np.stack([texels * np.cos(angle), rise * np.sin(angle)], -1) * NEEDLE], -2)
    factor = (0.4 + 0.55 * part) * rng.uniform(0.65, 1.25, count)[:, None] * rng.uniform(0.85, 1.15, (count, TWIGS))
    warmth = 0.8 * (part - 0.5) + rng.normal(scale=0.25, size=count)[:, None]
    depth = y[:, None] + rng.uniform(-0.3, 0.3, count)[:, None] + 0.05 * rng.random((count, TWIGS))
    sheet = _painted(width, height, place.reshape(-1, 2), axes.reshape(-1, 2, 2), depth.ravel(), factor.ravel(), warmth.ravel(),
                     period * texels)
    light, border = _light(sem.CONIFER, number, width, height), int(height - BORDER - (height - 2 * BORDER) * unfold.UPPER)
    sheet.factor = np.concatenate([_even(light[:border], sheet.factor[:border]), _even(light[border:], sheet.factor[border:])])
    return sheet


def _painted(width: int, height: int, place: np.ndarray, axes: np.ndarray, depth: np.ndarray, factor: np.ndarray,
             warmth: np.ndarray, period: float) -> Sheet:
    """Leaves painted over one another, deep ones first.

    Args:
        place: float64 [N, 2] texels, x right, y up. axes: float64 [N, 2, 2] half their length and half their width, as vectors.
        depth: [N] the higher is painted the later. factor, warmth: [N].
        period: texels after which the leaves come again to the right; 0: they do not.
    """
    order = np.argsort(depth, kind="stable")
    place, axes = place[order], axes[order]
    place[:, 1] = height - place[:, 1]
    axes[:, :, 1] *= -1
    out = Sheet(np.full((height, width), GAP, np.float32), np.zeros((height, width), np.float32))
    _paint(place, axes, factor[order].astype(np.float32), warmth[order].astype(np.float32), float(period), out.factor,
           out.warmth)
    out.warmth -= out.warmth.mean()
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
                        side = 1.08 if t > 0 else 0.88
                        out[j, i] += np.float32(k) * (factor[n] * np.float32(side) - out[j, i])
                        warm[j, i] += np.float32(k) * (warmth[n] - warm[j, i])
            if period <= 0:
                break
            x += period


def _even(light: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """light * pattern, float32 [h, w], scaled so that its mean in linear light is that of `light` alone."""
    both = light * pattern
    return (both * (np.mean(light ** GAMMA) / np.mean(both ** GAMMA)) ** (1 / GAMMA)).astype(np.float32)
