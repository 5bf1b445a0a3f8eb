"""Corners of triangles as the vertices of a file: those that agree in everything share one."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.place import Part

UV_STEPS = 1 << 20  # corners whose texture coordinates differ by less than one step share a vertex


@dataclass
class Indexed:
    """Triangles over vertices that hold all that a corner has.

    Attributes:
        position: float64 [K, 3] metres, z up. normal: float32 [K, 3] unit. triangles: int64 [F, 3].
        uv: float32 [K, 2] v up, or None. rgb: uint8 [K, 3] sRGB, or None where there is a texture.
    """

    position: np.ndarray
    normal: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray | None
    rgb: np.ndarray | None


def indexed(part: Part, faces: np.ndarray) -> Indexed:
    """Some faces (bool [F] or indices) of a part. Textured parts have uv, others rgb; the order follows the faces' vertices."""
    vertex = part.faces[faces].reshape(-1)
    normal = _unit(part.corner_normal[faces].reshape(-1, 3))
    coarse = np.rint(normal * 127).astype(np.int64) + 128
    key = (vertex.astype(np.int64) << 24) | (coarse[:, 0] << 16) | (coarse[:, 1] << 8) | coarse[:, 2]
    uv = part.uv[faces].reshape(-1, 2) if part.texture and part.uv is not None else None
    rgb = part.corner_color[faces].reshape(-1, 3) if uv is None else None
    if uv is not None:
        step = np.rint(np.clip(uv, 0, 1) * UV_STEPS).astype(np.int64)
        look = (step[:, 0] << 32) | step[:, 1]
    else:
        shade = part.corner_color[faces].reshape(-1, 3).astype(np.int64)
        look = (shade[:, 0] << 16) | (shade[:, 1] << 8) | shade[:, 2]
    order = np.lexsort((look, key))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(key[order]) != 0) | (np.diff(look[order]) != 0)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(new) - 1
    first = order[new]
    return Indexed(part.vertices[vertex[first]], normal[first], number.reshape(-1, 3), None if uv is None else uv[first],
                   None if rgb is None else rgb[first])


def _unit(normal: np.ndarray) -> np.ndarray:
    """Normals of length 1; up where there is none."""
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return np.where(length > 1e-6, normal / np.maximum(length, 1e-6), [0, 0, 1]).astype(np.float32)
