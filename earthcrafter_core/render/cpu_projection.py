"""Numba kernels of the CPU rasteriser, one surfel after the other: projection, and its way back.

Every array is C-contiguous. The kernels are serial and hold no lock of Python's (nogil): the caller gives each thread a
range of surfels, which own what they write, and sums run in a fixed order, so that the same input gives the same
bits whatever the number of threads.
"""
from __future__ import annotations

import math

import numba
import numpy as np

from ..compiling import PARALLEL
from .definition import ALPHA_MIN, EDGE_ON, LOW_PASS, REACH

N_PARAMS = 9  # centre x, y; inverse(J) 00, 01, 10, 11; w 0, 1; opacity


@numba.njit(**PARALLEL)
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


@numba.njit(**PARALLEL)
def _camera_point(mean, view, i):
    """Centre of surfel i in camera space, three float64."""
    mx, my, mz = float(mean[i, 0]), float(mean[i, 1]), float(mean[i, 2])
    return (view[0, 0] * mx + view[0, 1] * my + view[0, 2] * mz + view[0, 3],
            view[1, 0] * mx + view[1, 1] * my + view[1, 2] * mz + view[1, 3],
            view[2, 0] * mx + view[2, 1] * my + view[2, 2] * mz + view[2, 3])


@numba.njit(**PARALLEL)
def _first_last(low, high, size):
    """First and last pixel whose centre lies in low .. high (pixels), within 0 .. size - 1; last < first: none."""
    slack = 1e-3  # rounding of the float32 kernels
    first = math.ceil(min(max(low - 0.5 - slack, 0.0), float(size)))
    last = math.floor(max(min(high - 0.5 + slack, size - 1.0), -1.0))
    return int(first), int(last)


@numba.njit(**PARALLEL)
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


@numba.njit(**PARALLEL)
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
