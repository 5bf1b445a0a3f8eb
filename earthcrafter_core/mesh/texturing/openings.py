"""The brush for openings: windows, doors, shop fronts and gates painted on the chart of a wall, borders exactly covered."""
from __future__ import annotations

import numba
import numpy as np

from ..kernel import KERNEL, SMALL, hashed, rectangle
from .facades import DOOR, FRENCH, GATE, SHOP, SKYLIGHT, WINDOW

SKY = np.array([150, 172, 196], np.float32)  # what upper panes mirror
CURTAIN = np.array([188, 182, 170], np.float32)
BLACK = np.array([18, 18, 20], np.float32)
WARM = np.array([196, 168, 120], np.float32)
STEP = np.array([150, 146, 140], np.float32)
GLOSSY, PAINTED, KEEP = 0.07, 0.5, -1.0  # roughness of glass, of frames, and none of its own


@numba.njit(**KERNEL)
def paint_openings(color, rough, density, pad, rects, kinds, panes, seeds, trim, leaf, glass):
    """Paint openings, in place.

    Args:
        color: float32 [H, W, 3] 0..255, row 0 below. rough: float32 [H, W] 0..1. density: texels a metre. pad: texels.
        rects, kinds, panes, seeds: see `facades.Openings`. trim, leaf, glass: float32 [3] 0..255.
    """
    for k in range(len(rects)):
        u0, u1, v0, v1 = rects[k, 0], rects[k, 1], rects[k, 2], rects[k, 3]
        kind, seed = kinds[k], seeds[k]
        if kind == DOOR:
            _door(color, rough, density, pad, u0, u1, v0, v1, panes[k, 0], trim, leaf, glass)
        elif kind == GATE:
            _gate(color, rough, density, pad, u0, u1, v0, v1, trim, seed)
        elif kind == SHOP:
            _block(color, rough, density, pad, u0, u1, v0, v1, BLACK, PAINTED, 0.75)
            _panes(color, rough, density, pad, u0 + 0.06, u1 - 0.06, v0 + 0.35, v1 - 0.06, panes[k, 0], 1, 0.07, glass, seed,
                   True)
            _block(color, rough, density, pad, u0, u1, v1 - 0.05, v1, BLACK, KEEP, 0.5)
        else:
            if kind == SKYLIGHT:
                _block(color, rough, density, pad, u0, u1, v0, v1, STEP, PAINTED, 0.9)
                _block(color, rough, density, pad, u0 + 0.12, u1 - 0.12, v0 + 0.12, v1 - 0.12, SKY, GLOSSY, 0.55)
                continue
            frame = 0.09
            if kind == WINDOW:  # the shadow beneath the sill, and the sill
                _block(color, rough, density, pad, u0 - 0.1, u1 + 0.1, v0 - 0.26, v0 - 0.1, BLACK, KEEP, 0.22)
                _block(color, rough, density, pad, u0 - 0.13, u1 + 0.13, v0 - 0.12, v0, trim, PAINTED, 0.85)
            _block(color, rough, density, pad, u0 - 0.04, u1 + 0.04, v0 - 0.02, v1 + 0.04, trim, PAINTED, 0.9)
            _panes(color, rough, density, pad, u0 + frame, u1 - frame, v0 + frame, v1 - frame, panes[k, 0], panes[k, 1], 0.07,
                   glass, seed, False)
            _block(color, rough, density, pad, u0, u1, v1 - 0.2, v1, BLACK, KEEP, 0.42)  # the wall is deep: its shadow
            _block(color, rough, density, pad, u0, u0 + 0.09, v0, v1, BLACK, KEEP, 0.25)
            if kind == FRENCH:
                _railing(color, rough, density, pad, u0, u1, v0)


@numba.njit(**SMALL)
def _block(color, rough, density, pad, u0, u1, v0, v1, rgb, roughness, strength):
    """A rectangle in metres of the chart."""
    rectangle(color, rough, u0 * density + pad, u1 * density + pad, v0 * density + pad, v1 * density + pad, rgb, roughness,
              strength)


@numba.njit(**SMALL)
def _panes(color, rough, density, pad, u0, u1, v0, v1, columns, rows, bar, glass, seed, lit):
    """Glass between bars: each pane a little other, the upper part mirrors the sky, behind some hang curtains."""
    wide, high = (u1 - u0 + bar) / columns, (v1 - v0 + bar) / rows
    rgb = np.empty(3, np.float32)
    drawn, closed = hashed(seed, 11, 3) < 0.4, hashed(seed, 12, 3) < 0.1
    for i in range(columns):
        for j in range(rows):
            a, b = u0 + i * wide, v0 + j * high
            c, d = a + wide - bar, b + high - bar
            bright = np.float32(0.8) + np.float32(0.45) * hashed(i + 31 * seed, j, 9)
            for n in range(3):
                rgb[n] = glass[n] * bright
            _block(color, rough, density, pad, a, c, b, d, rgb, GLOSSY, 1.0)
            _block(color, rough, density, pad, a, c, b + 0.45 * (d - b), d, SKY, KEEP, 0.10 + 0.16 * hashed(seed, i, 10))
            if lit:
                _block(color, rough, density, pad, a, c, b, b + 0.5 * (d - b), WARM, KEEP, 0.08 + 0.12 * hashed(seed, i, 14))
    if not lit and closed:
        _block(color, rough, density, pad, u0, u1, v0 + 0.3 * (v1 - v0), v1, CURTAIN, 0.35, 0.55)
    elif not lit and drawn:
        side = 0.22 * (u1 - u0)
        _block(color, rough, density, pad, u0, u0 + side, v0, v1, CURTAIN, 0.25, 0.4)
        _block(color, rough, density, pad, u1 - side, u1, v0, v1, CURTAIN, 0.25, 0.4)


@numba.njit(**SMALL)
def _door(color, rough, density, pad, u0, u1, v0, v1, leaves, trim, leaf, glass):
    """A door with its frame, sunk fields or panes, its shadow and a step."""
    _block(color, rough, density, pad, u0 - 0.1, u1 + 0.1, v0, v1 + 0.1, trim, PAINTED, 0.9)
    _block(color, rough, density, pad, u0, u1, v0, v1, leaf, 0.45, 1.0)
    wide = (u1 - u0) / leaves
    for i in range(leaves):
        a, b = u0 + i * wide + 0.16, u0 + (i + 1) * wide - 0.16
        top = v0 + 0.62 * (v1 - v0)
        _block(color, rough, density, pad, a, b, top if leaves == 1 else v0 + 0.3, v1 - 0.2, glass, GLOSSY, 0.95)
        if leaves == 1:
            _block(color, rough, density, pad, a, b, v0 + 0.25, top - 0.2, BLACK, KEEP, 0.22)
        else:
            _block(color, rough, density, pad, u0 + i * wide - 0.03, u0 + i * wide + 0.03, v0, v1, BLACK, KEEP, 0.5)
    _block(color, rough, density, pad, u0, u1, v1 - 0.16, v1, BLACK, KEEP, 0.4)
    _block(color, rough, density, pad, u0 - 0.25, u1 + 0.25, v0 - 0.18, v0, STEP, 0.85, 0.9)


@numba.njit(**SMALL)
def _gate(color, rough, density, pad, u0, u1, v0, v1, trim, seed):
    """A gate of horizontal slats."""
    rgb = np.empty(3, np.float32)
    tone = np.float32(0.55) + np.float32(0.4) * hashed(seed, 1, 21)
    for n in range(3):
        rgb[n] = np.float32(205) * tone
    _block(color, rough, density, pad, u0 - 0.1, u1 + 0.1, v0, v1 + 0.1, trim, PAINTED, 0.8)
    _block(color, rough, density, pad, u0, u1, v0, v1, rgb, 0.4, 1.0)
    count = max(2, int((v1 - v0) / 0.5))
    for k in range(1, count):
        at = v0 + k * (v1 - v0) / count
        _block(color, rough, density, pad, u0, u1, at - 0.05, at, BLACK, KEEP, 0.35)
    _block(color, rough, density, pad, u0, u1, v1 - 0.22, v1, BLACK, KEEP, 0.4)


@numba.njit(**SMALL)
def _railing(color, rough, density, pad, u0, u1, v0):
    """Bars before a window that goes down to the floor."""
    _block(color, rough, density, pad, u0 - 0.08, u1 + 0.08, v0 + 0.92, v0 + 1.0, BLACK, PAINTED, 0.8)
    _block(color, rough, density, pad, u0 - 0.08, u1 + 0.08, v0 + 0.02, v0 + 0.08, BLACK, PAINTED, 0.8)
    count = max(3, int((u1 - u0) / 0.25))
    for k in range(count + 1):
        at = u0 + (u1 - u0) * k / count
        _block(color, rough, density, pad, at - 0.03, at + 0.03, v0, v0 + 0.95, BLACK, PAINTED, 0.6)
