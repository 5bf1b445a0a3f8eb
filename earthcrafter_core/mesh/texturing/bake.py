"""Colours of surfels on flat pieces: each texel gets the mean of the surfels over it, weighted by opacity * exp(-r^2 / 2).

The weight is that of a 2D Gaussian splat (Huang et al. 2024) seen along its normal. Sums of weight * colour and of the
weights are kept apart until the end, so that they can be blurred and gaps filled without an edge.
"""
from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from ...scene.splats import Splats, rotation_matrices
from ..kernel import KERNEL, SMALL

CELL = 4.0  # metres, of the grid that surfels are looked up in
REACH = 2.6  # standard deviations that a surfel is drawn to
NEAR = 1.0  # metres that surfels beside a panel still reach into it
ALIKE = 0.6  # least cosine between the normals of a surfel and a panel that it colours


@dataclass
class Surfels:
    """Surfels in a grid of cells over x and y, sorted by cell.

    Attributes:
        mean, normal: float64 [N, 3]. axes: float64 [N, 2, 3] axes of the discs, each divided by its standard deviation.
        weight: float32 [N] opacity 0..1. rgb: float32 [N, 3] 0..255. class_id: uint8 [N]. reach: float32 [N] metres.
        corner: float64 [2] of the grid. starts: int64 [cells + 1]. shape: cells along x and y.
    """

    mean: np.ndarray
    normal: np.ndarray
    axes: np.ndarray
    weight: np.ndarray
    rgb: np.ndarray
    class_id: np.ndarray
    reach: np.ndarray
    corner: np.ndarray
    starts: np.ndarray
    shape: tuple[int, int]

    def near(self, origin: np.ndarray, right: np.ndarray, up: np.ndarray, normal: np.ndarray, bounds: np.ndarray,
             class_id: int, depth: float) -> np.ndarray:
        """Rows int64 [M] of the surfels of a class that lie on a panel: within `depth` metres of its plane, looking its way.

        bounds: float64 [4] u and v (from, to) of the panel, metres.
        """
        return _near(self.mean, self.normal, self.class_id, self.corner, self.starts, self.shape[0], self.shape[1], origin,
                     right, up, normal, bounds, class_id, depth)


def surfels_of(splats: Splats, rows: np.ndarray) -> Surfels:
    """Some surfels (rows: int [M]), ready to be looked up by place."""
    corner = splats.mean[rows, :2].min(0).astype(np.float64) if len(rows) else np.zeros(2)
    cell = np.floor((splats.mean[rows, :2] - corner) / CELL).astype(np.int64)
    shape = tuple(int(n) + 1 for n in cell.max(0)) if len(rows) else (1, 1)
    key = cell[:, 0] * shape[1] + cell[:, 1]
    order = np.argsort(key, kind="stable")
    rows = rows[order]
    frame = rotation_matrices(splats.quat[rows]).astype(np.float64)
    sigma = np.exp(splats.log_scale[rows]).astype(np.float64)
    rgb = splats.rgb()[rows].astype(np.float32)
    weight = (1 / (1 + np.exp(-splats.opacity[rows]))).astype(np.float32)
    axes = np.ascontiguousarray(np.swapaxes(frame[:, :, :2], 1, 2)) / sigma[:, :, None]
    return Surfels(splats.mean[rows].astype(np.float64), np.ascontiguousarray(frame[:, :, 2]), axes, weight, rgb,
                   splats.class_id[rows], (REACH * sigma.max(1)).astype(np.float32), corner,
                   np.searchsorted(key[order], np.arange(shape[0] * shape[1] + 1)), (shape[0], shape[1]))


@numba.njit(**KERNEL)
def _near(mean, normals, class_ids, corner, starts, nx, ny, origin, right, up, normal, bounds, class_id, depth):
    u0, u1, v0, v1 = bounds[0] - NEAR, bounds[1] + NEAR, bounds[2] - NEAR, bounds[3] + NEAR
    x0 = y0 = np.inf
    x1 = y1 = -np.inf
    for u in (u0, u1):
        for v in (v0, v1):
            x, y = origin[0] + u * right[0] + v * up[0], origin[1] + u * right[1] + v * up[1]
            x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
    i0, i1 = max(0, int(np.floor((x0 - NEAR - corner[0]) / CELL))), min(nx - 1, int(np.floor((x1 + NEAR - corner[0]) / CELL)))
    j0, j1 = max(0, int(np.floor((y0 - NEAR - corner[1]) / CELL))), min(ny - 1, int(np.floor((y1 + NEAR - corner[1]) / CELL)))
    out = np.empty(1024, np.int64)
    count = 0
    for i in range(i0, i1 + 1):
        for k in range(starts[i * ny + j0], starts[i * ny + j1 + 1] if j1 >= j0 else starts[i * ny + j0]):
            if class_ids[k] != class_id:
                continue
            if normals[k, 0] * normal[0] + normals[k, 1] * normal[1] + normals[k, 2] * normal[2] < ALIKE:
                continue
            dx, dy, dz = mean[k, 0] - origin[0], mean[k, 1] - origin[1], mean[k, 2] - origin[2]
            if abs(dx * normal[0] + dy * normal[1] + dz * normal[2]) > depth:
                continue
            u, v = dx * right[0] + dy * right[1] + dz * right[2], dx * up[0] + dy * up[1] + dz * up[2]
            if u < u0 or u > u1 or v < v0 or v > v1:
                continue
            if count == len(out):
                larger = np.empty(2 * count, np.int64)
                larger[:count] = out
                out = larger
            out[count] = k
            count += 1
    return out[:count].copy()


@numba.njit(**KERNEL)
def splat(rows, mean, axes, weight, rgb, reach, origin, right, up, density, pad, first, stop, total):
    """Add surfels to the sums of a chart.

    Args:
        rows .. reach: see `Surfels`. origin, right, up: of the panel.
        density: texels a metre. pad: texels before u = 0 and v = 0. first, stop: columns of the chart that the panel owns.
        total: float32 [H, W, 4] in place: sums of weight * rgb, and of the weight.
    """
    h, w, _ = total.shape
    step = 1 / density
    for n in range(len(rows)):
        k = rows[n]
        dx, dy, dz = mean[k, 0] - origin[0], mean[k, 1] - origin[1], mean[k, 2] - origin[2]
        u, v = dx * right[0] + dy * right[1] + dz * right[2], dx * up[0] + dy * up[1] + dz * up[2]
        x0, x1 = max(first, _texel(u - reach[k], density, pad)), min(stop, _texel(u + reach[k], density, pad) + 1)
        y0, y1 = max(0, _texel(v - reach[k], density, pad)), min(h, _texel(v + reach[k], density, pad) + 1)
        a_u = np.float32(axes[k, 0, 0] * right[0] + axes[k, 0, 1] * right[1] + axes[k, 0, 2] * right[2])
        a_v = np.float32(axes[k, 0, 0] * up[0] + axes[k, 0, 1] * up[1] + axes[k, 0, 2] * up[2])
        b_u = np.float32(axes[k, 1, 0] * right[0] + axes[k, 1, 1] * right[1] + axes[k, 1, 2] * right[2])
        b_v = np.float32(axes[k, 1, 0] * up[0] + axes[k, 1, 1] * up[1] + axes[k, 1, 2] * up[2])
        for y in range(y0, y1):
            q = np.float32((y + 0.5 - pad) * step - v)
            for x in range(x0, x1):
                p = np.float32((x + 0.5 - pad) * step - u)
                a, b = a_u * p + a_v * q, b_u * p + b_v * q
                r = a * a + b * b
                if r > REACH * REACH:
                    continue
                g = weight[k] * np.exp(np.float32(-0.5) * r)
                total[y, x, 0] += g * rgb[k, 0]
                total[y, x, 1] += g * rgb[k, 1]
                total[y, x, 2] += g * rgb[k, 2]
                total[y, x, 3] += g


@numba.njit(**SMALL)
def _texel(metres, density, pad):
    """The texel that a place of a chart is in."""
    return int(np.floor(metres * density + pad))


@numba.njit(**KERNEL)
def blur(total, radius, passes):
    """Box blur of [H, W, C] in place, `passes` times along both axes; nothing lies outside."""
    h, w, n = total.shape
    line = np.empty((max(h, w) + 1, n), np.float32)
    for axis in range(2):
        length, lines = (w, h) if axis == 0 else (h, w)
        for _ in range(passes):
            for i in range(lines):
                for c in range(n):
                    line[0, c] = 0
                    for j in range(length):
                        line[j + 1, c] = line[j, c] + (total[i, j, c] if axis == 0 else total[j, i, c])
                    for j in range(length):
                        mean = (line[min(length, j + radius + 1), c] - line[max(0, j - radius), c]) / (2 * radius + 1)
                        if axis == 0:
                            total[i, j, c] = mean
                        else:
                            total[j, i, c] = mean


@numba.njit(**KERNEL)
def resolve(total, scale, tone, keep, shift, color):
    """The colours of a chart from its sums.

    Args:
        total: float32 [h, w, 4] sums, `scale` times as coarse as `color`, both with `shift` = (fine pad, coarse pad).
        tone: float32 [3] where there are no surfels. keep: 0..1, how much of the surfels' colours stays, the rest is the tone.
        color: out, float32 [H, W, 3].
    """
    h, w, _ = total.shape
    value = np.empty(4, np.float32)
    for y in range(color.shape[0]):
        v = min(max((y + 0.5 - shift[0]) * scale + shift[1] - 0.5, 0.0), h - 1.0)
        j = min(int(v), max(h - 2, 0))
        b = np.float32(v - j)
        for x in range(color.shape[1]):
            u = min(max((x + 0.5 - shift[0]) * scale + shift[1] - 0.5, 0.0), w - 1.0)
            i = min(int(u), max(w - 2, 0))
            a = np.float32(u - i)
            i1, j1 = min(i + 1, w - 1), min(j + 1, h - 1)
            for c in range(4):
                value[c] = ((total[j, i, c] * (1 - a) + total[j, i1, c] * a) * (1 - b)
                            + (total[j1, i, c] * (1 - a) + total[j1, i1, c] * a) * b)
            part = np.float32(keep) / (value[3] + np.float32(1e-4))
            for c in range(3):
                color[y, x, c] = tone[c] + part * (value[c] - value[3] * tone[c])


@numba.njit(**KERNEL)
def rasterise(triangles, values, out):
    """Write values [T] into the texels of out [H, W] whose middles lie in triangles float64 [T, 3, 2] (x, y in texels)."""
    h, w = out.shape
    for t in range(len(triangles)):
        ax, ay, bx, by, cx, cy = (triangles[t, 0, 0] - 0.5, triangles[t, 0, 1] - 0.5, triangles[t, 1, 0] - 0.5,
                                  triangles[t, 1, 1] - 0.5, triangles[t, 2, 0] - 0.5, triangles[t, 2, 1] - 0.5)
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        sign = 1.0 if area > 0 else -1.0
        for y in range(max(0, int(np.ceil(min(ay, by, cy)))), min(h - 1, int(np.floor(max(ay, by, cy)))) + 1):
            low, high = max(0.0, np.ceil(min(ax, bx, cx))), min(w - 1.0, np.floor(max(ax, bx, cx)))
            for x in range(int(low), int(high) + 1):
                if (sign * ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) >= -1e-9
                        and sign * ((cx - bx) * (y - by) - (cy - by) * (x - bx)) >= -1e-9
                        and sign * ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) >= -1e-9):
                    out[y, x] = values[t]
