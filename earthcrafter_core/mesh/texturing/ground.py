"""The picture of the ground, seen from above: each texel takes the surfels of its own class alone, so that kerbs stay crisp."""
from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from scipy import ndimage

from ...scene import classes as sem
from ...scene.splats import Splats, rotation_matrices
from ..kernel import KERNEL, SMALL, hashed, noise
from .bake import REACH

BAND = 128  # rows of texels that are worked on at once
FILL_CELL = 4.0  # metres, of the planes of tones that fill gaps
BROAD = 1.5  # cells: standard deviation of the blur of these planes
CALM = 42.0  # 0..255: what differs from the tone by as much is halved where detail is painted: no stains
BED = np.array([96, 88, 74], np.float32)  # tone of ground of which a place shows nothing, such as the bed of a lake
STONE = np.array([152, 150, 145], np.float32)  # of kerbs
KERB = 0.16  # metres
SLAB = 0.8  # metres, of paving
CARRIAGEWAY = np.array([sem.ROAD, sem.PARKING], np.uint8)
KERBED = np.array([sem.PATH, sem.LAWN, sem.MEADOW, sem.SOIL, sem.SHRUB], np.uint8)
NATURAL = np.array([sem.LAWN, sem.MEADOW, sem.CROPLAND, sem.ORCHARD, sem.SOIL, sem.SAND, sem.ROCK, sem.SNOW], np.uint8)
RAGGED = 0.55  # metres that one of these grows into another
SMOOTH, ASPHALT, GRASS, LOOSE, SLABS = 0, 1, 2, 3, 4
GRAIN = np.zeros(sem.NUM_CLASSES, np.uint8)
GRAIN[[sem.ROAD, sem.PARKING, sem.BRIDGE]] = ASPHALT
GRAIN[[sem.LAWN, sem.MEADOW, sem.CROPLAND, sem.ORCHARD, sem.SHRUB, sem.BROADLEAF, sem.CONIFER]] = GRASS
GRAIN[[sem.SOIL, sem.SAND, sem.ROCK, sem.RAILWAY, sem.SNOW]] = LOOSE
GRAIN[sem.PATH] = SLABS


def ground_texture(splats: Splats, rows: np.ndarray, class_map: np.ndarray, corner: np.ndarray, density: float,
                   roughness: np.ndarray, detail: bool, run: Callable[..., None]) -> tuple[np.ndarray, np.ndarray]:
    """Colour uint8 [H, W, 3] and roughness uint8 [H, W] of the ground, row 0 south.

    Args:
        splats, rows: the surfels (int [M]) of the ground. class_map: uint8 [H, W] class of each texel, row 0 south.
        corner: float64 [2] world x, y of the south-west corner. density: texels a metre.
        roughness: float32 [26] of classes, 0..1. detail: whether grain and kerbs are painted.
        run: run(kernel, bounds, *arguments) calls kernel(bounds[i], bounds[i + 1], *arguments) for each i.
    """
    h, w = class_map.shape
    bounds = np.arange(0, h + BAND, BAND).clip(max=h)
    if detail:
        ragged, natural = np.empty_like(class_map), np.zeros(sem.NUM_CLASSES, bool)
        natural[NATURAL] = True
        run(_ragged, bounds, class_map, natural, float(density), ragged)
        class_map = ragged
    order = rows[np.argsort(splats.mean[rows, 1], kind="stable")]
    sigma = np.exp(splats.log_scale[order]).astype(np.float64)
    frame = rotation_matrices(splats.quat[order]).astype(np.float64)
    axes = np.ascontiguousarray(np.swapaxes(frame[:, :2, :2], 1, 2) / sigma[:, :, None])  # [M, axis, x y]
    at = (splats.mean[order, :2] - corner) * density
    weight = (1 / (1 + np.exp(-splats.opacity[order]))).astype(np.float32)
    rgb, class_id = splats.rgb()[order].astype(np.float32), splats.class_id[order]
    fill, number = _fill_planes(at / density, rgb, class_id, weight, np.array([w, h]) / density, class_map)
    reach = REACH * float(sigma.max(initial=0.1)) * density
    color, rough = np.empty((h, w, 3), np.uint8), np.empty((h, w), np.uint8)
    kerbed = np.zeros(sem.NUM_CLASSES, np.uint8)
    kerbed[KERBED], kerbed[CARRIAGEWAY] = 1, 2
    starts = np.searchsorted(at[:, 1], bounds - reach)
    stops = np.searchsorted(at[:, 1], bounds + reach)
    run(_band, bounds, np.stack([starts[:-1], stops[1:]], 1), at, axes, weight, rgb, class_id, class_map, float(density), fill,
        number, roughness, GRAIN, kerbed, detail, color, rough)
    soft = np.empty_like(color)
    run(_soften, bounds, class_map, color, soft)
    return soft, rough


def _fill_planes(at: np.ndarray, rgb: np.ndarray, class_id: np.ndarray, weight: np.ndarray, size: np.ndarray,
                 class_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tones float32 [K, Y, X, 3] of each class at every place, in cells of FILL_CELL, and the plane int64 [26] of each class.

    Where a cell has no surfel of a class, its tone is that of larger and larger cells around it (pull-push).
    """
    present = np.unique(class_map)
    shape = tuple(int(n) for n in np.ceil(size[::-1] / FILL_CELL).astype(int).clip(1))
    number = np.zeros(sem.NUM_CLASSES, np.int64)
    number[present] = np.arange(len(present))
    planes = np.empty((len(present), *shape, 3), np.float32)
    cell = np.clip((at / FILL_CELL).astype(np.int64), 0, np.array(shape[::-1]) - 1)
    key = cell[:, 1] * shape[1] + cell[:, 0]
    for k, c in enumerate(present):
        own = class_id == c
        if not own.any():
            planes[k] = BED
            continue
        total = np.stack([np.bincount(key[own], weight[own] * v, shape[0] * shape[1]).reshape(shape)
                          for v in (*rgb[own].T, np.ones(own.sum()))], -1)
        planes[k] = ndimage.gaussian_filter(_pulled(total), (BROAD, BROAD, 0), mode="nearest")
    return planes, number


def _pulled(total: np.ndarray) -> np.ndarray:
    """Means [Y, X, 3] of sums [Y, X, 4], gaps filled from halves of the resolution."""
    mean = total[..., :3] / np.maximum(total[..., 3:], 1e-9)
    if (total[..., 3] > 0).all() or total.shape[:2] == (1, 1):
        return mean
    y, x = total.shape[:2]
    even = np.pad(total, ((0, y % 2), (0, x % 2), (0, 0)))
    coarse = _pulled(even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 4).sum((1, 3)))
    return np.where(total[..., 3:] > 0, mean, coarse.repeat(2, 0).repeat(2, 1)[:y, :x])


@numba.njit(**KERNEL)
def _ragged(first, stop, class_map, natural, density, out):
    """Copy rows first .. stop - 1 of the class map; where natural [26] classes meet, they grow into one another."""
    h, w = class_map.shape
    for y in range(first, stop):
        for x in range(w):
            c = class_map[y, x]
            out[y, x] = c
            if not natural[c]:
                continue
            u, v = x / density, y / density
            a = np.float32(0.6) * noise(u * 1.1, v * 1.1, 41) + np.float32(0.8) * (hashed(x, y, 43) - np.float32(0.5))
            b = np.float32(0.6) * noise(u * 1.1, v * 1.1, 42) + np.float32(0.8) * (hashed(x, y, 44) - np.float32(0.5))
            i = min(max(int(round(x + a * RAGGED * density)), 0), w - 1)
            j = min(max(int(round(y + b * RAGGED * density)), 0), h - 1)
            if natural[class_map[j, i]]:
                out[y, x] = class_map[j, i]


@numba.njit(**KERNEL)
def _band(first, stop, ranges, at, axes, weight, rgb, class_id, class_map, density, fill, number, roughness, grain, kerbed,
          detail, color, rough):
    """Rows first .. stop - 1 of the ground; see `ground_texture`. ranges: [bands, 2] rows of surfels that reach each band."""
    h, w = class_map.shape
    total = np.zeros((stop - first, w, 4), np.float32)
    step = np.float32(1 / density)
    for k in range(ranges[first // BAND, 0], ranges[first // BAND, 1]):
        a0, a1, b0, b1 = (np.float32(axes[k, 0, 0]), np.float32(axes[k, 0, 1]), np.float32(axes[k, 1, 0]),
                          np.float32(axes[k, 1, 1]))
        norm = max(min(a0 * a0 + b0 * b0, a1 * a1 + b1 * b1), np.float32(1e-6))
        size = REACH / np.sqrt(norm) * density
        for y in range(max(first, int(np.floor(at[k, 1] - size))), min(stop, int(np.ceil(at[k, 1] + size)))):
            q = np.float32(y + 0.5 - at[k, 1]) * step
            for x in range(max(0, int(np.floor(at[k, 0] - size))), min(w, int(np.ceil(at[k, 0] + size)))):
                if class_map[y, x] != class_id[k]:
                    continue
                p = np.float32(x + 0.5 - at[k, 0]) * step
                a, b = a0 * p + a1 * q, b0 * p + b1 * q
                r = a * a + b * b
                if r <= REACH * REACH:
                    g = weight[k] * np.exp(np.float32(-0.5) * r)
                    total[y - first, x, 0] += g * rgb[k, 0]
                    total[y - first, x, 1] += g * rgb[k, 1]
                    total[y - first, x, 2] += g * rgb[k, 2]
                    total[y - first, x, 3] += g
    tone = np.empty(3, np.float32)
    kerb = max(1, int(round(KERB * density)))
    for y in range(first, stop):
        for x in range(w):
            c = class_map[y, x]
            _tone(fill[number[c]], (x + 0.5) / (density * FILL_CELL) - 0.5, (y + 0.5) / (density * FILL_CELL) - 0.5, tone)
            part = np.float32(1) / (total[y - first, x, 3] + np.float32(0.02))
            for n in range(3):
                own = part * (total[y - first, x, n] - total[y - first, x, 3] * tone[n])
                tone[n] += own / (1 + abs(own) / np.float32(CALM)) if detail else own
            ro = roughness[c]
            if detail:
                stone = False
                if kerbed[c] == 1:
                    for j in range(max(0, y - kerb), min(h, y + kerb + 1)):
                        for i in range(max(0, x - kerb), min(w, x + kerb + 1)):
                            stone |= kerbed[class_map[j, i]] == 2
                if stone:
                    for n in range(3):
                        tone[n] = np.float32(0.35) * tone[n] + np.float32(0.65) * STONE[n]
                    _scale(tone, 1 + np.float32(0.10) * (hashed(x, y, 5) - np.float32(0.5)))
                else:
                    ro += _grain(tone, grain[c], x, y, density)
            for n in range(3):
                color[y, x, n] = np.uint8(min(max(tone[n] + np.float32(0.5), np.float32(0)), np.float32(255)))
            rough[y, x] = np.uint8(min(max(ro * 255 + 0.5, 0.0), 255.0))


@numba.njit(**SMALL)
def _tone(plane, x, y, out):
    """Bilinear value of a plane [Y, X, 3] at a cell position, into out [3]."""
    h, w, _ = plane.shape
    x, y = min(max(x, 0.0), w - 1.0), min(max(y, 0.0), h - 1.0)
    i, j = int(x), int(y)
    a, b = np.float32(x - i), np.float32(y - j)
    i1, j1 = min(i + 1, w - 1), min(j + 1, h - 1)
    for c in range(3):
        out[c] = ((plane[j, i, c] * (1 - a) + plane[j, i1, c] * a) * (1 - b)
                  + (plane[j1, i, c] * (1 - a) + plane[j1, i1, c] * a) * b)


@numba.njit(**SMALL)
def _scale(tone, factor):
    for c in range(3):
        tone[c] *= factor


@numba.njit(**SMALL)
def _grain(tone, kind, x, y, density):
    """Paint what a surfel is too coarse for on a texel's tone [3], in place; what it adds to the roughness."""
    u, v = x / density, y / density
    fine = hashed(x, y, 1) - np.float32(0.5)
    if kind == ASPHALT:  # stones, and large patches of wear
        _scale(tone, 1 + np.float32(0.11) * fine + np.float32(0.03) * noise(u * 1.7, v * 1.7, 2))
        return np.float32(0.06) * fine
    if kind == GRASS:  # tufts, and blades that are yellower or greener
        tuft, patch = noise(u * 3.3, v * 3.3, 3), noise(u * 0.45, v * 0.45, 4)
        _scale(tone, 1 + np.float32(0.20) * fine + np.float32(0.10) * tuft + np.float32(0.06) * patch)
        tone[0] += np.float32(5) * patch + np.float32(3) * tuft
        tone[2] -= np.float32(3) * tuft
        return np.float32(0)
    if kind == LOOSE:
        _scale(tone, 1 + np.float32(0.14) * fine + np.float32(0.07) * noise(u * 2.2, v * 2.2, 6))
        return np.float32(0)
    if kind == SLABS:  # paving, 0.8 m; joints are thinner than a texel
        i, j = int(np.floor(u / SLAB)), int(np.floor(v / SLAB))
        _scale(tone, 1 + np.float32(0.05) * (hashed(i, j, 7) - np.float32(0.5)) + np.float32(0.05) * fine)
        joint = min(min(u / SLAB - i, 1 - (u / SLAB - i)), min(v / SLAB - j, 1 - (v / SLAB - j))) * SLAB * density
        if joint < 0.5:
            _scale(tone, np.float32(0.95))
        return np.float32(0.04) * fine
    _scale(tone, 1 + np.float32(0.03) * fine)
    return np.float32(0)


@numba.njit(**KERNEL)
def _soften(first, stop, class_map, color, out):
    """Copy rows, each texel beside another class mixed with its neighbours: borders without steps."""
    h, w = class_map.shape
    for y in range(first, stop):
        for x in range(w):
            border = False
            y0, y1, x0, x1 = max(y - 1, 0), min(y + 1, h - 1), max(x - 1, 0), min(x + 1, w - 1)
            c = class_map[y, x]
            border = class_map[y0, x] != c or class_map[y1, x] != c or class_map[y, x0] != c or class_map[y, x1] != c
            for n in range(3):
                if border:
                    out[y, x, n] = (4 * int(color[y, x, n]) + int(color[y0, x, n]) + int(color[y1, x, n])
                                    + int(color[y, x0, n]) + int(color[y, x1, n]) + 4) // 8
                else:
                    out[y, x, n] = color[y, x, n]
