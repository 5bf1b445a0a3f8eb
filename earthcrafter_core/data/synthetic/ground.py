"""Colours of the ground at half a metre."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ...scene import classes as c
from .canvas import Canvas

# Strength of the brightness noise of each class: grain (0.5 m), tufts (2 m), patches (16 m), fields (64 m).
_NOISE = np.tile(np.array([0.03, 0.02, 0.03, 0.03], np.float32), (c.NUM_CLASSES, 1))
for _id, _row in {
    c.ROAD: (0.025, 0.015, 0.035, 0.03), c.PATH: (0.03, 0.012, 0.03, 0.03), c.PARKING: (0.03, 0.02, 0.05, 0.03),
    c.RAILWAY: (0.09, 0.04, 0.05, 0.02), c.LAWN: (0.05, 0.05, 0.06, 0.05), c.MEADOW: (0.07, 0.08, 0.09, 0.07),
    c.SHRUB: (0.10, 0.11, 0.07, 0.04), c.CROPLAND: (0.05, 0.05, 0.06, 0.06), c.SOIL: (0.06, 0.06, 0.08, 0.06),
    c.SAND: (0.03, 0.03, 0.04, 0.04), c.ROCK: (0.12, 0.14, 0.12, 0.06), c.SNOW: (0.012, 0.015, 0.02, 0.01),
    c.WATER: (0.02, 0.02, 0.05, 0.06), c.POOL: (0.03, 0.04, 0.01, 0.01), c.SPORTS: (0.04, 0.03, 0.03, 0.02),
    c.ORCHARD: (0.06, 0.06, 0.06, 0.05),
}.items():
    _NOISE[_id] = _row
# Colour that patches drift towards (positive noise), sRGB differences.
_DRIFT = np.zeros((c.NUM_CLASSES, 3), np.float32)
for _id, _rgb in {c.LAWN: (9, 4, 2), c.MEADOW: (15, 8, 5), c.CROPLAND: (10, 6, 2), c.SOIL: (8, 2, -4),
                  c.ROCK: (6, 2, -6), c.WATER: (-2, 4, 2), c.SHRUB: (6, 2, 0), c.ORCHARD: (14, 6, 2)}.items():
    _DRIFT[_id] = _rgb


def ground_colours(canvas: Canvas) -> np.ndarray:
    """Albedo of the ground with its marks, float32 [n, n, 3] sRGB 0..255."""
    cover, noise, n = canvas.cover, canvas.noise, canvas.n
    rgb = canvas.style.ground[cover]  # [n, n, 3]
    strength = _NOISE[cover]
    factor = np.ones(cover.shape, np.float32)
    for k, wavelength in enumerate((0.5, 2.0, 16.0, 64.0)):
        factor += strength[..., k] * noise.plane(n, n, wavelength)
    rgb = rgb + _DRIFT[cover] * np.clip(noise.plane(n, n, 24.0, 1), -1.5, 1.5)[..., None]
    water = cover == c.WATER
    if water.any():
        _shade_water(canvas, rgb, factor, water)
    sand = cover == c.SAND
    if sand.any():
        x, y = canvas.x[None, :], canvas.y[:, None]
        ripple = np.sin((x * 0.7 + y * 0.5) * 2.4 + 2.5 * noise.plane(n, n, 16.0, 2))
        factor[sand] += 0.02 * ripple[sand]
    mark = canvas.mark
    rgb = rgb * factor[..., None] * canvas.shade[..., None]
    worn = 0.94 + 0.05 * noise.plane(n, n, 0.5, 1)
    return rgb * (1 - mark[..., 3:]) + mark[..., :3] * mark[..., 3:] * worn[..., None]


def _shade_water(canvas: Canvas, rgb: np.ndarray, factor: np.ndarray, water: np.ndarray) -> None:
    """Shallows along the shore, glints and ripples."""
    n = canvas.n
    shore = ndimage.distance_transform_edt(water[::2, ::2]).repeat(2, 0).repeat(2, 1)[:n, :n]
    shallow = np.exp(-shore / 4.0).astype(np.float32)[..., None]
    tint = rgb * 0.8 + np.array([42, 40, 26], np.float32)
    rgb[water] = (rgb * (1 - 0.7 * shallow) + tint * 0.7 * shallow)[water]
    x, y = canvas.x[None, :], canvas.y[:, None]
    wave = np.sin((x * 0.3 + y) * 1.7 + 3 * canvas.noise.plane(n, n, 8.0, 2))
    factor[water] += 0.018 * wave[water]


def shadow(top: np.ndarray, sun: np.ndarray) -> np.ndarray:
    """Share of shadow 0..1 of each cell [size, size] under the sun, softened; `top` in metres, row 0 north."""
    flat = float(np.hypot(sun[0], sun[1]))
    rise = float(sun[2] / flat)
    excess = np.zeros(top.shape, np.float32)
    top = top.astype(np.float32)
    highest = min(float(top.max()), 45.0)
    step = 1.0
    while step * rise < highest:
        dc, dr = round(sun[0] / flat * step), round(-sun[1] / flat * step)
        source = _shifted(top, dr, dc)
        np.maximum(excess, source - step * rise - top, out=excess)
        step += 1.0 if step < 12 else 2.0
    return ndimage.gaussian_filter(np.clip(excess / 1.2, 0, 1), 0.7)


def _shifted(plane: np.ndarray, dr: int, dc: int) -> np.ndarray:
    """plane[row + dr, col + dc], the edge repeated."""
    rows = np.clip(np.arange(plane.shape[0]) + dr, 0, plane.shape[0] - 1)
    cols = np.clip(np.arange(plane.shape[1]) + dc, 0, plane.shape[1] - 1)
    return plane[rows][:, cols]


def occlusion(top: np.ndarray) -> np.ndarray:
    """Ambient occlusion factor 0.7..1 of each cell [size, size] from what stands around it."""
    capped = np.clip(top, -1, 12).astype(np.float32)
    near = ndimage.gaussian_filter(capped, 1.6) - capped
    wide = ndimage.gaussian_filter(capped, 5.0) - capped
    return np.clip(1 - 0.045 * np.clip(near, 0, 4) - 0.02 * np.clip(wide, 0, 6), 0.7, 1)
