"""How the kernels of the textures are compiled, and the small functions that they share: noise by place, blending."""
from __future__ import annotations

import numba
import numpy as np

from ..compiling import PARALLEL

KERNEL = PARALLEL
"""Options of kernels: compiled once and kept, without Python's lock."""
SMALL = {"cache": True, "error_model": "numpy"}
"""Options of functions that kernels call."""


@numba.njit(**SMALL)
def hashed(x, y, seed):
    """A number 0..1 of a lattice point and a seed, the same on every machine."""
    h = (np.uint32(x) * np.uint32(0x9E3779B1)) ^ (np.uint32(y) * np.uint32(0x85EBCA77))
    h ^= np.uint32(seed) * np.uint32(0xC2B2AE3D)
    h = np.uint32(h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = np.uint32(h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    return np.float32(np.uint32(h ^ (h >> np.uint32(15)))) * np.float32(2.3283064e-10)


@numba.njit(**SMALL)
def noise(x, y, seed):
    """Smooth noise -1..1 at a point, one bump a unit (value noise, Perlin's fade of degree 3)."""
    i, j = int(np.floor(x)), int(np.floor(y))
    a, b = np.float32(x - i), np.float32(y - j)
    a, b = a * a * (np.float32(3) - a - a), b * b * (np.float32(3) - b - b)
    low = hashed(i, j, seed) * (1 - a) + hashed(i + 1, j, seed) * a
    high = hashed(i, j + 1, seed) * (1 - a) + hashed(i + 1, j + 1, seed) * a
    return np.float32(2) * (low * (1 - b) + high * b) - np.float32(1)


@numba.njit(**SMALL)
def shade(color, y, x, factor):
    """Multiply a texel's colour."""
    for c in range(3):
        color[y, x, c] *= factor


@numba.njit(**SMALL)
def covered(a, b, low, high):
    """Length of what a texel [a, b] shares with [low, high]; all in texels."""
    return max(np.float32(0), np.float32(min(b, high) - max(a, low)))


@numba.njit(**SMALL)
def rectangle(color, rough, x0, x1, y0, y1, rgb, roughness, strength):
    """Blend a rectangle with exact coverage of its border texels over color [H, W, 3] and rough [H, W].

    x0 .. y1: texels. rgb: [3] 0..255. roughness: 0..1, below 0 leaves it. strength: 0..1.
    """
    h, w = rough.shape
    for y in range(max(0, int(np.floor(y0))), min(h, int(np.ceil(y1)))):
        part = covered(y, y + 1, y0, y1) * np.float32(strength)
        for x in range(max(0, int(np.floor(x0))), min(w, int(np.ceil(x1)))):
            k = part * covered(x, x + 1, x0, x1)
            for c in range(3):
                color[y, x, c] += k * (np.float32(rgb[c]) - color[y, x, c])
            if roughness >= 0:
                rough[y, x] += k * (np.float32(roughness) - rough[y, x])
