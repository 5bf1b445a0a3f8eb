"""Normals of corners: smooth within a surface, split at edges that bend sharply."""
from __future__ import annotations

import numba
import numpy as np

from ..kernel import SMALL

CREASE = np.cos(np.radians(40.0))


def corner_normals(vertices: np.ndarray, faces: np.ndarray, crease: float = CREASE) -> np.ndarray:
    """Unit normals float32 [F, 3, 3]: of the faces at each corner's vertex that turn from its own by less than the crease,
    weighted by their angles there (Thuermer and Wuethrich 1998).

    Args:
        vertices: float64 [V, 3]. faces: int [F, 3]. crease: cosine of the angle.
    """
    p = vertices[faces]
    normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    to, fro = np.roll(p, -1, 1) - p, np.roll(p, 1, 1) - p
    cosine = (to * fro).sum(2) / np.maximum(np.linalg.norm(to, axis=2) * np.linalg.norm(fro, axis=2), 1e-30)
    angle = np.arccos(np.clip(cosine, -1, 1))
    order = np.argsort(faces.ravel(), kind="stable")
    start = np.searchsorted(faces.ravel()[order], np.arange(len(vertices) + 1))
    return _summed(normal, angle.ravel(), order, start, crease).reshape(-1, 3, 3).astype(np.float32)


@numba.njit(**SMALL)
def _summed(normal: np.ndarray, angle: np.ndarray, order: np.ndarray, start: np.ndarray, crease: float) -> np.ndarray:
    out = np.zeros((len(order), 3))
    for v in range(len(start) - 1):
        for a in range(start[v], start[v + 1]):
            own = normal[order[a] // 3]
            sum_x, sum_y, sum_z = 0.0, 0.0, 0.0
            for b in range(start[v], start[v + 1]):
                n = normal[order[b] // 3]
                if n[0] * own[0] + n[1] * own[1] + n[2] * own[2] >= crease:
                    w = angle[order[b]]
                    sum_x, sum_y, sum_z = sum_x + w * n[0], sum_y + w * n[1], sum_z + w * n[2]
            length = np.sqrt(sum_x * sum_x + sum_y * sum_y + sum_z * sum_z)
            if length > 0:
                out[order[a], 0], out[order[a], 1], out[order[a], 2] = sum_x / length, sum_y / length, sum_z / length
            else:
                out[order[a]] = own
    return out
