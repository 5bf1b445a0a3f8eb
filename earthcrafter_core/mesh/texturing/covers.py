"""What walls and roofs are made of: boards, bricks, slabs, tiles, sheets, gravel, painted on a chart's base tone."""
from __future__ import annotations

import numba
import numpy as np

from ...scene import classes as sem
from ..kernel import KERNEL, SMALL, hashed, noise, shade
from .facades import BRICK, PANELS, RIBS, SIDING, Look

TILES, SHINGLES, SEAMS, GRAVEL, MEMBRANE, CONCRETE, PAVING = range(7)
"""Kinds of roofs and decks."""
COPING = np.array([168, 167, 164], np.float32)
LOW = 0.6  # metres: lower walls are boards at the eaves, or the inner sides of parapets
COURSE, TILE = 0.36, 0.30  # metres: rows of tiles and the width of one
SHINGLE = 0.30  # metres: rows of shingles
SEAM = 0.62  # metres between the seams of sheets


def roof_cover(look: Look, tone: np.ndarray, flat: bool) -> int:
    """What a roof is made of, by the building and the tone float32 [3] of its roof."""
    if flat:
        return MEMBRANE if tone.mean() > 150 or look.class_id in (sem.INDUSTRIAL, sem.STRUCTURE) else GRAVEL
    if look.class_id in (sem.INDUSTRIAL, sem.COMMERCIAL):
        return SEAMS
    return TILES if tone[0] > 1.12 * tone[2] or look.seed % 3 == 0 else SHINGLES


@numba.njit(**KERNEL)
def edge_distance(mask, farthest):
    """Distance float32 [H, W] in texels to the nearest texel out of the mask, at most `farthest` (chamfer 3-4: within 8 %)."""
    h, w = mask.shape
    out = np.empty((h, w), np.float32)
    for y in range(h):
        for x in range(w):
            d = np.float32(farthest) if mask[y, x] else np.float32(0)
            if d > 0:
                d = min(d, (out[y, x - 1] if x else np.float32(0)) + 1, (out[y - 1, x] if y else np.float32(0)) + 1)
                if y:
                    d = min(d, (out[y - 1, x - 1] if x else np.float32(0)) + np.float32(1.4),
                            (out[y - 1, x + 1] if x + 1 < w else np.float32(0)) + np.float32(1.4))
            out[y, x] = d
    for y in range(h - 1, -1, -1):
        for x in range(w - 1, -1, -1):
            d = out[y, x]
            if d > 0:
                d = min(d, (out[y, x + 1] if x + 1 < w else np.float32(0)) + 1,
                        (out[y + 1, x] if y + 1 < h else np.float32(0)) + 1)
                if y + 1 < h:
                    d = min(d, (out[y + 1, x - 1] if x else np.float32(0)) + np.float32(1.4),
                            (out[y + 1, x + 1] if x + 1 < w else np.float32(0)) + np.float32(1.4))
                out[y, x] = d
    return out


def tops(mask: np.ndarray) -> np.ndarray:
    """Row int64 [W] at which each column of a wall's mask uint8 [H, W] ends; columns beside the wall as the nearest of it."""
    found = mask.any(0)
    top = mask.shape[0] - mask[::-1].argmax(0)
    if not found.any():
        return np.full(mask.shape[1], mask.shape[0])
    known = np.flatnonzero(found)
    right = np.minimum(np.searchsorted(known, np.arange(mask.shape[1])), len(known) - 1)
    left = np.maximum(right - 1, 0)
    at = np.arange(mask.shape[1])
    return top[known[np.where(np.abs(known[left] - at) < np.abs(known[right] - at), left, right)]]


@numba.njit(**KERNEL)
def cover_wall(color, rough, top, density, pad, ground, cladding, seed, floor, storey, joint, pitch, pitched):
    """Paint what a wall is made of, its plinth, its upper end and the soft shadows at both, in place.

    Args:
        color: float32 [H, W, 3] 0..255, row 0 below. rough: float32 [H, W]. top: int64 [W], see `tops`.
        density: texels a metre. pad: texels. ground: float64 [W] v of the ground at each column, metres.
        cladding: kind of wall. floor: v of the ground floor. storey: metres. joint, pitch: see
            `facades.joints`. pitched: eaves instead of a coping.
    """
    h, w = rough.shape
    for x in range(w):
        end = (top[x] - pad) / density
        u = (x + 0.5 - pad) / density
        plinth = floor + storey * np.floor((ground[x] - floor) / storey + 0.6)  # steps by storeys on a slope
        for y in range(h):
            v = (y + 0.5 - pad) / density
            f = np.float32(1) + np.float32(0.05) * (hashed(x, y, seed) - np.float32(0.5))
            f += np.float32(0.03) * noise(u * 0.7, v * 0.35, seed)
            f *= _clad(cladding, u - joint, v - floor, density, seed, storey, pitch)
            above = v - ground[x]
            f *= np.float32(1 - 0.26 * np.exp(-max(above, 0.0) / 0.45))  # dirt and shade above the ground
            if v < plinth:
                f *= np.float32(0.80)
                rough[y, x] = np.float32(0.9)
            if pitched:
                f *= np.float32(1 - 0.34 * np.exp(-max(end - v, 0.0) / 0.35))  # shade of the eaves
            elif 0.28 > end - v:
                for c in range(3):
                    color[y, x, c] += np.float32(0.7) * (COPING[c] - color[y, x, c])
            elif 0.46 > end - v:
                f *= np.float32(0.8)
            shade(color, y, x, f)


@numba.njit(**SMALL)
def _clad(cladding, u, v, density, seed, storey, pitch):
    """Brightness of a wall's stuff at a point in metres, about 1; lines thinner than a texel get fainter."""
    line = np.float32(min(1.0, density * 0.035) * 2)
    if cladding == SIDING:  # boards of 0.25 m: each casts a shadow on the next
        k = v / 0.25
        part = np.float32(k - np.floor(k))
        return np.float32(1.03) - np.float32(0.13) * max(np.float32(0), np.float32(0.45) - part) * line
    if cladding == BRICK:
        i = int(np.floor(v / 0.15))
        j = int(np.floor(u / 0.24 + 0.5 * (i % 2)))
        return np.float32(1) + np.float32(0.16) * (hashed(j, i, seed + 1) - np.float32(0.5))
    if cladding == PANELS:  # a joint at each floor, and upright ones
        a, b = u / pitch - np.floor(u / pitch), v / storey - np.floor(v / storey)
        near = min(min(a, 1 - a) * pitch, min(b, 1 - b) * storey) * density
        slab = np.float32(0.04) * (hashed(int(np.floor(u / pitch)), int(np.floor(v / storey)), seed + 2) - np.float32(0.5))
        return np.float32(1) + slab - (np.float32(0.14) if near < 0.5 else np.float32(0))
    if cladding == RIBS:
        k = u / 0.5
        part = k - np.floor(k)
        return np.float32(1) + np.float32(0.09) * np.float32(np.sin(2 * np.pi * part)) * line
    return np.float32(1)


@numba.njit(**KERNEL)
def cover_roof(color, rough, distance, density, pad, cover, seed, coped):
    """Paint what a roof or a deck is made of, in place; u along the eaves, v up the slope.

    Args: color, rough, density, pad as for `cover_wall`. distance: float32 [H, W] texels to the roof's edge. cover: kind.
        coped: whether a flat roof ends in a parapet that is not there as a wall.
    """
    h, w = rough.shape
    for y in range(h):
        v = (y + 0.5 - pad) / density
        for x in range(w):
            u = (x + 0.5 - pad) / density
            edge = distance[y, x] / density
            f = np.float32(1) + np.float32(0.06) * (hashed(x, y, seed) - np.float32(0.5))
            if cover == TILES or cover == SHINGLES:
                f *= _courses(u, v, cover, seed)
                rough[y, x] = np.float32(0.75) if cover == TILES else np.float32(0.9)
                if edge < 0.2:
                    f *= np.float32(0.86)  # ridges, hips and eaves
            elif cover == SEAMS:
                k = u / SEAM
                near = min(k - np.floor(k), np.ceil(k) - k) * SEAM * density
                f *= np.float32(0.86) if near < 0.55 else np.float32(1.02)
                rough[y, x] = np.float32(0.45)
            elif cover == PAVING or cover == CONCRETE:
                f *= np.float32(1) + np.float32(0.08) * (hashed(x, y, seed + 3) - np.float32(0.5))
                f *= np.float32(1) + np.float32(0.04) * noise(u * 1.3, v * 1.3, seed)
                rough[y, x] = np.float32(0.9)
            else:
                f *= _flat(u, v, density, cover, seed)
                rough[y, x] = np.float32(0.95) if cover == GRAVEL else np.float32(0.7)
                if coped and edge < 0.32:  # the coping of the parapet, and what it shades
                    f = np.float32(1) + np.float32(0.04) * (hashed(x, y, seed) - np.float32(0.5))
                    for c in range(3):
                        color[y, x, c] += np.float32(0.7) * (COPING[c] - color[y, x, c])
                    rough[y, x] = np.float32(0.6)
                else:
                    f *= np.float32(1 - 0.38 * np.exp(-(edge - (0.32 if coped else 0.0)) / 0.3))
            shade(color, y, x, f)


@numba.njit(**SMALL)
def _courses(u, v, cover, seed):
    """Brightness of tiles or shingles at a point: dark where a row overlaps the next, each piece a little other."""
    row = COURSE if cover == TILES else SHINGLE
    i = int(np.floor(v / row))
    part = np.float32(v / row - i)
    wide = TILE if cover == TILES else np.float32(0.45)
    j = int(np.floor(u / wide + 0.5 * (i % 2)))
    piece = (np.float32(0.15) if cover == TILES else np.float32(0.2)) * (hashed(j, i, seed) - np.float32(0.5))
    shadow = np.float32(0.30) * max(np.float32(0), np.float32(1) - np.float32(2.6) * part)
    round_ = np.float32(0)
    if cover == TILES:
        k = u / wide + 0.5 * (i % 2)
        round_ = np.float32(0.07) * np.float32(np.sin(np.pi * (k - np.floor(k)))) - np.float32(0.04)
    return np.float32(1.05) + piece - shadow + round_ + np.float32(0.04) * noise(u * 0.4, v * 0.4, seed)


@numba.njit(**SMALL)
def _flat(u, v, density, cover, seed):
    """Brightness of a flat roof at a point: gravel, or sheets with seams; puddles dry to darker patches."""
    f = np.float32(1) + np.float32(0.07) * noise(u * 0.35, v * 0.35, seed)
    f += np.float32(0.04) * noise(u * 1.3, v * 1.3, seed + 1)
    if cover == GRAVEL:
        return f * (np.float32(1) + np.float32(0.14) * (hashed(int(u * 12), int(v * 12), seed + 2) - np.float32(0.5)))
    k = v / 1.8
    near = min(k - np.floor(k), np.ceil(k) - k) * 1.8 * density
    return f * (np.float32(0.88) if near < 0.5 else np.float32(1))
