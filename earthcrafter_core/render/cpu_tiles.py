"""Numba kernels of the CPU rasteriser, tile by tile: depth order, tile lists, and the tiles forward and backward.

Every array is C-contiguous. The kernels are serial and hold no lock of Python's (nogil): the caller gives each thread a
range of tiles, which own what they write, and sums run in a fixed order, so that the same input gives the same
bits whatever the number of threads.
"""
from __future__ import annotations

import numba
import numpy as np

from ..compiling import INLINE, PARALLEL
from .cpu_projection import N_PARAMS
from .definition import ALPHA_MAX, ALPHA_MIN, LOW_PASS, TRANSMITTANCE_MIN

TILE = 16  # pixels along one side of a tile
F = np.float32
_ALPHA_MIN, _ALPHA_MAX, _T_MIN = F(ALPHA_MIN), F(ALPHA_MAX), F(TRANSMITTANCE_MIN)
_LOW_PASS, _HALF, _ONE, _ZERO = F(LOW_PASS), F(0.5), F(1.0), F(0.0)
_FAR, _EIGHTH = F(12.0), F(0.125)  # beyond r = 12 nothing reaches ALPHA_MIN: REACH^2 = 11.1
_E0, _E1, _E2, _E3, _E4, _E5, _E6 = (F(c) for c in np.polynomial.Chebyshev.interpolate(
    np.exp, 6, [-0.75, 0.0]).convert(kind=np.polynomial.Polynomial).coef)  # exp on -6/8 .. 0
_FAST = {"contract", "nsz", "arcp"}  # keeps NaN and infinity, so that hostile values behave


@numba.njit(**PARALLEL)
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


@numba.njit(**PARALLEL)
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


@numba.njit(**INLINE)
def _exp(x):
    """exp(x) for -6 <= x <= 0, float32, relative error below 1e-6 (e^x = (e^(x/8))^8, Chebyshev of degree 6)."""
    t = x * _EIGHTH
    y = _E0 + t * (_E1 + t * (_E2 + t * (_E3 + t * (_E4 + t * (_E5 + t * _E6)))))
    y = y * y
    y = y * y
    return y * y


@numba.njit(**INLINE)
def _falloff(dx, dy, a, b, w0, w1):
    """min(r3, r2) at the offset d with q = (a, b); whether it is r3; 1 - w . q."""
    den = _ONE - w0 * a - w1 * b
    r2 = _LOW_PASS * (dx * dx + dy * dy)
    r3 = a * a + b * b
    den2 = den * den
    if den > _ZERO and r3 <= r2 * den2:
        return r3 / den2, True, den
    return r2, False, den


@numba.njit(**PARALLEL, fastmath=_FAST)
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

@numba.njit(**PARALLEL, fastmath=_FAST)
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
