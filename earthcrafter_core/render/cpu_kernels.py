"""Numba kernels of the CPU rasteriser: projection, depth order, tile lists, and the tiles forward and backward.

Every array is C-contiguous. The kernels are serial and hold no lock of Python's (nogil): the caller gives each thread a
range of surfels or tiles, which own what they write, and sums run in a fixed order, so that the same input gives the
same bits whatever the number of threads.
"""
from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import numba
import numpy as np

from .definition import ALPHA_MAX, ALPHA_MIN, EDGE_ON, LOW_PASS, REACH, TRANSMITTANCE_MIN


def _cache_directory() -> str:
    """A writable folder for compiled kernels outside the package: the user's cache, else a temporary one."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "earthcrafter" / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return str(folder)
    except OSError:
        pass
    return str(Path(tempfile.gettempdir()) / f"earthcrafter-numba-{os.getuid() if hasattr(os, 'getuid') else 0}")


if not numba.config.CACHE_DIR:  # the person's NUMBA_CACHE_DIR wins
    numba.config.CACHE_DIR = _cache_directory()

TILE = 16  # pixels along one side of a tile
N_PARAMS = 9  # centre x, y; inverse(J) 00, 01, 10, 11; w 0, 1; opacity
F = np.float32
_ALPHA_MIN, _ALPHA_MAX, _T_MIN = F(ALPHA_MIN), F(ALPHA_MAX), F(TRANSMITTANCE_MIN)
_LOW_PASS, _HALF, _ONE, _ZERO = F(LOW_PASS), F(0.5), F(1.0), F(0.0)
_FAR, _EIGHTH = F(12.0), F(0.125)  # beyond r = 12 nothing reaches ALPHA_MIN: REACH^2 = 11.1
_E0, _E1, _E2, _E3, _E4, _E5, _E6 = (F(c) for c in np.polynomial.Chebyshev.interpolate(
    np.exp, 6, [-0.75, 0.0]).convert(kind=np.polynomial.Polynomial).coef)  # exp on -6/8 .. 0
_FAST = {"contract", "nsz", "arcp"}  # keeps NaN and infinity, so that hostile values behave


@numba.njit(cache=True, error_model="numpy")
def _camera_axes(quat, log_scale, view, i, rotation, axes):
    """Tangents of surfel i: `rotation` [3, 2] in the world, `axes` [3, 2] the a_k in camera space; returns |quat|."""
    w, x, y, z = float(quat[i, 0]), float(quat[i, 1]), float(quat[i, 2]), float(quat[i, 3])
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if norm == 0.0:
        return norm
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    rotation[0, 0], rotation[0, 1] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z)
    rotation[1, 0], rotation[1, 1] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z)
    rotation[2, 0], rotation[2, 1] = 2 * (x * z - w * y), 2 * (y * z + w * x)
    for k in range(2):
        s = math.exp(float(log_scale[i, k]))
        for j in range(3):
            axes[j, k] = s * (view[j, 0] * rotation[0, k] + view[j, 1] * rotation[1, k] + view[j, 2] * rotation[2, k])
    return norm


@numba.njit(cache=True, error_model="numpy")
def _camera_point(mean, view, i):
    """Centre of surfel i in camera space, three float64."""
    mx, my, mz = float(mean[i, 0]), float(mean[i, 1]), float(mean[i, 2])
    return (view[0, 0] * mx + view[0, 1] * my + view[0, 2] * mz + view[0, 3],
            view[1, 0] * mx + view[1, 1] * my + view[1, 2] * mz + view[1, 3],
            view[2, 0] * mx + view[2, 1] * my + view[2, 2] * mz + view[2, 3])


@numba.njit(cache=True, error_model="numpy")
def _first_last(low, high, size):
    """First and last pixel whose centre lies in low .. high (pixels), within 0 .. size - 1; last < first: none."""
    slack = 1e-3  # rounding of the float32 kernels
    first = math.ceil(min(max(low - 0.5 - slack, 0.0), float(size)))
    last = math.floor(max(min(high - 0.5 + slack, size - 1.0), -1.0))
    return int(first), int(last)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def project(begin, end, mean, log_scale, quat, opacity, view, focal, orthographic, near, width, height, params, box,
            depth):
    """Step 1 of the definition for the surfels begin .. end - 1.

    Args:
        mean, log_scale, quat, opacity: float32 [N, 3], [N, 2], [N, 4], [N].
        view: float64 [3, 4] world to camera. focal: float64 [4] fx, fy, cx, cy.
        params: out, float32 [N, 9] (see N_PARAMS), zeros.
        box: out, int32 [N, 4] first and last column, first and last row; last < first where the surfel is left out.
        depth: out, float32 [N].
    """
    fx, fy, cx, cy = focal[0], focal[1], focal[2], focal[3]
    rotation, axes = np.empty((3, 2)), np.empty((3, 2))
    for i in range(begin, end):
        box[i, 0], box[i, 1] = 0, -1
        finite = (mean[i, 0] + mean[i, 1] + mean[i, 2] + log_scale[i, 0] + log_scale[i, 1] + opacity[i]
                  + quat[i, 0] + quat[i, 1] + quat[i, 2] + quat[i, 3])
        if not math.isfinite(finite):
            continue
        o = 1.0 / (1.0 + math.exp(-float(opacity[i])))
        if o < ALPHA_MIN:
            continue
        if _camera_axes(quat, log_scale, view, i, rotation, axes) == 0.0:
            continue
        px, py, pz = _camera_point(mean, view, i)
        if not pz - REACH * math.hypot(axes[2, 0], axes[2, 1]) >= near:
            continue
        if orthographic:
            ox, oy = fx * px + cx, fy * py + cy
            j00, j01, j10, j11 = fx * axes[0, 0], fx * axes[0, 1], fy * axes[1, 0], fy * axes[1, 1]
            w0 = w1 = 0.0
        else:
            x, y = px / pz, py / pz
            ox, oy = fx * x + cx, fy * y + cy
            j00, j01 = fx * (axes[0, 0] - x * axes[2, 0]) / pz, fx * (axes[0, 1] - x * axes[2, 1]) / pz
            j10, j11 = fy * (axes[1, 0] - y * axes[2, 0]) / pz, fy * (axes[1, 1] - y * axes[2, 1]) / pz
            w0, w1 = axes[2, 0] / pz, axes[2, 1] / pz
        # bounds: the image of the circle |u| = reach, and the low-pass
        reach2 = 2.0 * math.log(o / ALPHA_MIN)
        q = 1.0 - reach2 * (w0 * w0 + w1 * w1)  # > 0 in front of the near plane
        mid_x, mid_y = -reach2 * (j00 * w0 + j01 * w1) / q, -reach2 * (j10 * w0 + j11 * w1) / q
        half_x = math.sqrt(mid_x * mid_x + reach2 * (j00 * j00 + j01 * j01) / q)
        half_y = math.sqrt(mid_y * mid_y + reach2 * (j10 * j10 + j11 * j11) / q)
        around = math.sqrt(reach2 / LOW_PASS)
        x_first, x_last = _first_last(ox + min(mid_x - half_x, -around), ox + max(mid_x + half_x, around), width)
        y_first, y_last = _first_last(oy + min(mid_y - half_y, -around), oy + max(mid_y + half_y, around), height)
        if x_last < x_first or y_last < y_first:
            continue
        det = j00 * j11 - j01 * j10
        p = params[i]
        p[0], p[1], p[8] = ox, oy, o
        if abs(det) < EDGE_ON * math.sqrt(j00 * j00 + j01 * j01 + j10 * j10 + j11 * j11):
            p[2] = p[5] = 1.0 / EDGE_ON
        else:
            p[2], p[3], p[4], p[5] = j11 / det, -j01 / det, -j10 / det, j00 / det
            p[6], p[7] = w0, w1
        box[i, 0], box[i, 1], box[i, 2], box[i, 3] = x_first, x_last, y_first, y_last
        depth[i] = pz


@numba.njit(cache=True, nogil=True, error_model="numpy")
def depth_order(box, depth):
    """Rows of the surfels that are drawn, front to back, equal depths by row: int32 [M]. Radix sort, 3 x 11 bits."""
    count = 0
    for i in range(len(box)):
        count += box[i, 1] >= box[i, 0]
    bits = depth.view(np.uint32)
    rows, keys = np.empty(count, np.int32), np.empty(count, np.uint32)
    m = 0
    for i in range(len(box)):
        if box[i, 1] >= box[i, 0]:
            rows[m], keys[m] = i, bits[i]  # depths are positive: their bits sort like integers
            m += 1
    other_rows, other_keys = np.empty_like(rows), np.empty_like(keys)
    for shift in (0, 11, 22):
        starts = np.zeros(2049, np.int64)
        for m in range(count):
            starts[((keys[m] >> np.uint32(shift)) & np.uint32(2047)) + 1] += 1
        for b in range(2048):
            starts[b + 1] += starts[b]
        for m in range(count):
            b = (keys[m] >> np.uint32(shift)) & np.uint32(2047)
            to = starts[b]
            starts[b] = to + 1
            other_rows[to], other_keys[to] = rows[m], keys[m]
        rows, other_rows = other_rows, rows
        keys, other_keys = other_keys, keys
    return rows


@numba.njit(cache=True, nogil=True, error_model="numpy")
def tile_lists(order, box, width, height):
    """Which surfels touch which tile.

    Returns:
        starts: int64 [tiles + 1] bounds of each tile's part of `entries`; entries: int32 [E] rows of surfels, front to
        back; slots: int64 [N + 1] bounds of each surfel's entries when counted surfel by surfel, its tiles row by row.
    """
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    n = len(box)
    slots = np.zeros(n + 1, np.int64)
    starts = np.zeros(tiles_x * tiles_y + 1, np.int64)
    for i in range(n):
        touched = 0
        if box[i, 1] >= box[i, 0]:
            x0, x1, y0, y1 = box[i, 0] // TILE, box[i, 1] // TILE, box[i, 2] // TILE, box[i, 3] // TILE
            touched = (x1 - x0 + 1) * (y1 - y0 + 1)
            for ty in range(y0, y1 + 1):
                for tx in range(x0, x1 + 1):
                    starts[ty * tiles_x + tx + 1] += 1
        slots[i + 1] = slots[i] + touched
    for t in range(tiles_x * tiles_y):
        starts[t + 1] += starts[t]
    entries = np.empty(slots[n], np.int32)
    fill = starts[:-1].copy()
    for i in order:
        x0, x1, y0, y1 = box[i, 0] // TILE, box[i, 1] // TILE, box[i, 2] // TILE, box[i, 3] // TILE
        for ty in range(y0, y1 + 1):
            for tx in range(x0, x1 + 1):
                t = ty * tiles_x + tx
                entries[fill[t]] = i
                fill[t] += 1
    return starts, entries, slots


@numba.njit(cache=True, error_model="numpy", inline="always")
def _exp(x):
    """exp(x) for -6 <= x <= 0, float32, relative error below 1e-6 (e^x = (e^(x/8))^8, Chebyshev of degree 6)."""
    t = x * _EIGHTH
    y = _E0 + t * (_E1 + t * (_E2 + t * (_E3 + t * (_E4 + t * (_E5 + t * _E6)))))
    y = y * y
    y = y * y
    return y * y


@numba.njit(cache=True, error_model="numpy", inline="always")
def _falloff(dx, dy, a, b, w0, w1):
    """min(r3, r2) at the offset d with q = (a, b); whether it is r3; 1 - w . q."""
    den = _ONE - w0 * a - w1 * b
    r2 = _LOW_PASS * (dx * dx + dy * dy)
    r3 = a * a + b * b
    den2 = den * den
    if den > _ZERO and r3 <= r2 * den2:
        return r3 / den2, True, den
    return r2, False, den


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def tiles_forward(first, stop, starts, entries, params, box, channels, image, trans, last):
    """Steps 2 to 4 of the definition over nothing, for the tiles first .. stop - 1.

    Args:
        starts, entries: see `tile_lists`. params, box: see `project`. channels: float32 [N, C].
        image: out, float32 [H, W, C].
        trans: out, float32 [H, W] what is left of the background.
        last: out, int32 [H, W] number of the tile's entries up to the last one that counted.
    """
    height, width, n_channels = image.shape
    tiles_x = (width + TILE - 1) // TILE
    left = np.empty(TILE * TILE, np.float32)
    live = np.empty(TILE * TILE, np.bool_)
    upto = np.empty(TILE * TILE, np.int32)
    total = np.empty((TILE * TILE, n_channels), np.float32)
    for t in range(first, stop):
        begin, end = starts[t], starts[t + 1]
        tx, ty = (t % tiles_x) * TILE, (t // tiles_x) * TILE
        tx_end, ty_end = min(tx + TILE, width), min(ty + TILE, height)
        left[:] = _ONE
        live[:] = True
        upto[:] = 0
        total[:] = _ZERO
        n_live = (tx_end - tx) * (ty_end - ty)
        for k in range(begin, end):
            i = entries[k]
            cx, cy, o = params[i, 0], params[i, 1], params[i, 8]
            i00, i01, i10, i11 = params[i, 2], params[i, 3], params[i, 4], params[i, 5]
            w0, w1 = params[i, 6], params[i, 7]
            xa, xb = max(box[i, 0], tx), min(box[i, 1] + 1, tx_end)
            for y in range(max(box[i, 2], ty), min(box[i, 3] + 1, ty_end)):
                dy = F(y) + _HALF - cy
                row_a, row_b = i01 * dy, i11 * dy
                base = (y - ty) * TILE - tx
                for x in range(xa, xb):
                    pixel = base + x
                    if not live[pixel]:
                        continue
                    dx = F(x) + _HALF - cx
                    r, _, _ = _falloff(dx, dy, row_a + i00 * dx, row_b + i10 * dx, w0, w1)
                    if r > _FAR:
                        continue
                    alpha = min(_ALPHA_MAX, o * _exp(-_HALF * r))
                    if alpha < _ALPHA_MIN:
                        continue
                    before = left[pixel]
                    after = before * (_ONE - alpha)
                    if after <= _T_MIN:
                        live[pixel] = False
                        n_live -= 1
                        continue
                    weight = alpha * before
                    for c in range(n_channels):
                        total[pixel, c] += weight * channels[i, c]
                    left[pixel] = after
                    upto[pixel] = k - begin + 1
            if n_live == 0:
                break
        for y in range(ty, ty_end):
            for x in range(tx, tx_end):
                pixel = (y - ty) * TILE + x - tx
                trans[y, x] = left[pixel]
                last[y, x] = upto[pixel]
                for c in range(n_channels):
                    image[y, x, c] = total[pixel, c]

@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def tiles_backward(first, stop, starts, entries, slots, params, box, channels, trans, last, g_image, g_alpha, out):
    """Gradients of the tiles first .. stop - 1.

    Args:
        starts .. last: as in `tiles_forward`.
        g_image: float32 [H, W, C]; g_alpha: float32 [H, W] gradients of the outputs (alpha = 1 - trans).
        out: out, float32 [E, 9 + C] for each surfel and tile (`slots` order), zeros: gradients of the surfel's params
            and channels.
    """
    height, width, n_channels = g_image.shape
    tiles_x = (width + TILE - 1) // TILE
    left = np.empty(TILE * TILE, np.float32)
    behind = np.empty(TILE * TILE, np.float32)  # sum of weight * (channels . gradient) of what lies behind
    upto = np.empty(TILE * TILE, np.int32)
    gradient = np.empty((TILE * TILE, n_channels), np.float32)
    for t in range(first, stop):
        begin = starts[t]
        tx, ty = (t % tiles_x) * TILE, (t // tiles_x) * TILE
        tx_end, ty_end = min(tx + TILE, width), min(ty + TILE, height)
        longest = 0
        for y in range(ty, ty_end):
            for x in range(tx, tx_end):
                pixel = (y - ty) * TILE + x - tx
                left[pixel], upto[pixel] = trans[y, x], last[y, x]
                behind[pixel] = -g_alpha[y, x] * trans[y, x]
                longest = max(longest, upto[pixel])
                for c in range(n_channels):
                    gradient[pixel, c] = g_image[y, x, c]
        for k in range(longest - 1, -1, -1):
            i = entries[begin + k]
            cx, cy, o = params[i, 0], params[i, 1], params[i, 8]
            i00, i01, i10, i11 = params[i, 2], params[i, 3], params[i, 4], params[i, 5]
            w0, w1 = params[i, 6], params[i, 7]
            x0, x1, y0 = box[i, 0] // TILE, box[i, 1] // TILE, box[i, 2] // TILE
            g = out[slots[i] + (ty // TILE - y0) * (x1 - x0 + 1) + tx // TILE - x0]
            xa, xb = max(box[i, 0], tx), min(box[i, 1] + 1, tx_end)
            sum_o = sum_ax = sum_ay = sum_bx = sum_by = sum_a = sum_b = sum_w0 = sum_w1 = sum_x = sum_y = _ZERO
            for y in range(max(box[i, 2], ty), min(box[i, 3] + 1, ty_end)):
                dy = F(y) + _HALF - cy
                row_a, row_b = i01 * dy, i11 * dy
                base = (y - ty) * TILE - tx
                for x in range(xa, xb):
                    pixel = base + x
                    if k >= upto[pixel]:
                        continue
                    dx = F(x) + _HALF - cx
                    a, b = row_a + i00 * dx, row_b + i10 * dx
                    r, is_plane, den = _falloff(dx, dy, a, b, w0, w1)
                    if r > _FAR:
                        continue
                    e = _exp(-_HALF * r)
                    alpha = min(_ALPHA_MAX, o * e)
                    if alpha < _ALPHA_MIN:
                        continue
                    through = _ONE / (_ONE - alpha)
                    before = left[pixel] * through
                    weight = alpha * before
                    value = _ZERO
                    for c in range(n_channels):
                        value += channels[i, c] * gradient[pixel, c]
                        g[N_PARAMS + c] += weight * gradient[pixel, c]
                    g_a = before * value - behind[pixel] * through
                    behind[pixel] += weight * value
                    left[pixel] = before
                    if o * e > _ALPHA_MAX:
                        continue
                    sum_o += e * g_a
                    g_r = -_HALF * alpha * g_a
                    if is_plane:
                        g_den = -(g_r + g_r) * r / den
                        common = (g_r + g_r) / (den * den)
                        ga, gb = common * a - w0 * g_den, common * b - w1 * g_den
                        sum_w0 -= g_den * a
                        sum_w1 -= g_den * b
                        sum_a += ga
                        sum_b += gb
                        sum_ax += ga * dx
                        sum_ay += ga * dy
                        sum_bx += gb * dx
                        sum_by += gb * dy
                    else:
                        sum_x += g_r * dx
                        sum_y += g_r * dy
            g[0] = -(i00 * sum_a + i10 * sum_b + (_LOW_PASS + _LOW_PASS) * sum_x)
            g[1] = -(i01 * sum_a + i11 * sum_b + (_LOW_PASS + _LOW_PASS) * sum_y)
            g[2], g[3], g[4], g[5] = sum_ax, sum_ay, sum_bx, sum_by
            g[6], g[7], g[8] = sum_w0, sum_w1, sum_o


@numba.njit(cache=True, nogil=True, error_model="numpy")
def project_backward(begin, end, g_entries, slots, params, box, mean, log_scale, quat, view, focal, orthographic,
                     g_mean, g_log_scale, g_quat, g_opacity, g_channels):
    """Sum the tiles' gradients of the surfels begin .. end - 1, in order, and take them back to their parameters.

    Args:
        g_entries: `out` of `tiles_backward`; slots .. orthographic: as above.
        g_mean .. g_channels: out, float32 [N, 3], [N, 2], [N, 4], [N] (logits), [N, C], zeros.
    """
    n_channels = g_entries.shape[1] - N_PARAMS
    fx, fy = focal[0], focal[1]
    g = np.empty(N_PARAMS)
    rotation, axes = np.empty((3, 2)), np.empty((3, 2))
    jacobian, g_jacobian, g_w = np.empty((2, 2)), np.empty((2, 2)), np.empty(2)
    g_axes, g_rotation = np.empty((3, 2)), np.empty((3, 2))
    for i in range(begin, end):
        if box[i, 1] < box[i, 0]:
            continue
        g[:] = 0.0
        for slot in range(slots[i], slots[i + 1]):
            for j in range(N_PARAMS):
                g[j] += g_entries[slot, j]
            for c in range(n_channels):
                g_channels[i, c] += g_entries[slot, N_PARAMS + c]
        o = float(params[i, 8])
        g_opacity[i] = g[8] * o * (1.0 - o)

        # inverse(J) -> J: -inverse^T G inverse^T; nothing for edge-on surfels
        norm = _camera_axes(quat, log_scale, view, i, rotation, axes)
        px, py, pz = _camera_point(mean, view, i)
        h = 0.0 if orthographic else 1.0
        depth = pz if not orthographic else 1.0
        x, y = h * px / depth, h * py / depth
        for k in range(2):
            jacobian[0, k] = fx * (axes[0, k] - x * axes[2, k]) / depth
            jacobian[1, k] = fy * (axes[1, k] - y * axes[2, k]) / depth
        det = jacobian[0, 0] * jacobian[1, 1] - jacobian[0, 1] * jacobian[1, 0]
        size = math.sqrt(jacobian[0, 0] ** 2 + jacobian[0, 1] ** 2 + jacobian[1, 0] ** 2 + jacobian[1, 1] ** 2)
        g_jacobian[:] = 0.0
        g_w[:] = 0.0
        if not abs(det) < EDGE_ON * size:
            i00, i01 = jacobian[1, 1] / det, -jacobian[0, 1] / det
            i10, i11 = -jacobian[1, 0] / det, jacobian[0, 0] / det
            left00, left01 = i00 * g[2] + i10 * g[4], i00 * g[3] + i10 * g[5]  # inverse^T G
            left10, left11 = i01 * g[2] + i11 * g[4], i01 * g[3] + i11 * g[5]
            g_jacobian[0, 0], g_jacobian[0, 1] = -(left00 * i00 + left01 * i01), -(left00 * i10 + left01 * i11)
            g_jacobian[1, 0], g_jacobian[1, 1] = -(left10 * i00 + left11 * i01), -(left10 * i10 + left11 * i11)
            g_w[0], g_w[1] = h * g[6], h * g[7]

        # J, w, c -> axes and centre in camera space
        g_x, g_y, g_inverse_depth = fx * g[0], fy * g[1], 0.0
        for k in range(2):
            gu, gv = fx * g_jacobian[0, k] / depth, fy * g_jacobian[1, k] / depth
            g_axes[0, k], g_axes[1, k] = gu, gv
            g_axes[2, k] = g_w[k] / depth - x * gu - y * gv
            g_x -= h * gu * axes[2, k]
            g_y -= h * gv * axes[2, k]
            g_inverse_depth += (g_jacobian[0, k] * jacobian[0, k] + g_jacobian[1, k] * jacobian[1, k]) * depth
            g_inverse_depth += g_w[k] * axes[2, k]
        g_inverse_depth += g_x * px + g_y * py
        g_point = (g_x / depth, g_y / depth, -h * g_inverse_depth / (depth * depth))
        for j in range(3):
            g_mean[i, j] = view[0, j] * g_point[0] + view[1, j] * g_point[1] + view[2, j] * g_point[2]

        # axes -> scales and quaternion
        for k in range(2):
            s = math.exp(float(log_scale[i, k]))
            g_log_scale[i, k] = (axes[0, k] * g_axes[0, k] + axes[1, k] * g_axes[1, k] + axes[2, k] * g_axes[2, k])
            for j in range(3):
                g_rotation[j, k] = s * (view[0, j] * g_axes[0, k] + view[1, j] * g_axes[1, k]
                                        + view[2, j] * g_axes[2, k])
        qw, qx, qy, qz = quat[i, 0] / norm, quat[i, 1] / norm, quat[i, 2] / norm, quat[i, 3] / norm
        r00, r10, r20 = g_rotation[0, 0], g_rotation[1, 0], g_rotation[2, 0]
        r01, r11, r21 = g_rotation[0, 1], g_rotation[1, 1], g_rotation[2, 1]
        gw = 2 * (qz * r10 - qy * r20 - qz * r01 + qx * r21)
        gx = 2 * (qy * r10 + qz * r20 + qy * r01 - 2 * qx * r11 + qw * r21)
        gy = 2 * (-2 * qy * r00 + qx * r10 - qw * r20 + qx * r01 + qz * r21)
        gz = 2 * (-2 * qz * r00 + qw * r10 + qx * r20 - qw * r01 - 2 * qz * r11 + qy * r21)
        along = qw * gw + qx * gx + qy * gy + qz * gz
        g_quat[i, 0], g_quat[i, 1] = (gw - qw * along) / norm, (gx - qx * along) / norm
        g_quat[i, 2], g_quat[i, 3] = (gy - qy * along) / norm, (gz - qz * along) / norm
