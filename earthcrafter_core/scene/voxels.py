"""Voxel scenes: where something is, and what it is. NumPy alone."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

GROUND_INDEX = 5
"""z index of the ground's voxel in a flattened scene: its centre lies at height 0. The lowest L/8 cell therefore spans
-5.5 to +2.5 m at 1 m voxels, so that everything raised lives in cells of its own."""


@dataclass
class VoxelScene:
    """Voxels of a scene in world coordinates (draped) or in height above ground (flattened).

    Attributes:
        coords: int32 [N, 3] x, y, z index (x east, y north, z up), unique rows.
        class_id: uint8 [N].
        rgb: uint8 [N, 3] sRGB.
        origin: float64 [3] world position in metres of the corner of index (0, 0, 0).
        voxel_size: metres. A voxel's centre is origin + (index + 0.5) * voxel_size.
    """

    coords: np.ndarray
    class_id: np.ndarray
    rgb: np.ndarray
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    voxel_size: float = 1.0

    def centres(self) -> np.ndarray:
        """World positions of the voxels' centres, float64 [N, 3], metres."""
        return self.origin + (self.coords + 0.5) * self.voxel_size


def flat_origin(voxel_size: float) -> np.ndarray:
    """Origin of a flattened scene, float64 [3]: the centre of z index GROUND_INDEX is at height 0."""
    return np.array([0.0, 0.0, -(GROUND_INDEX + 0.5) * voxel_size])


def height_to_index(height: np.ndarray, voxel_size: float = 1.0) -> np.ndarray:
    """z index of a height above ground in metres, int32, same shape."""
    return np.floor(np.asarray(height) / voxel_size + 0.5).astype(np.int32) + GROUND_INDEX


def index_to_height(z: np.ndarray, voxel_size: float = 1.0) -> np.ndarray:
    """Height above ground in metres of the centre of z index `z`, float64, same shape."""
    return (np.asarray(z, np.float64) - GROUND_INDEX) * voxel_size


def column_tops(coords: np.ndarray, shape: tuple[int, ...], voxel_size: float = 1.0) -> np.ndarray:
    """Height above ground in metres of the highest voxel's centre in each column, float64 [H, W], row 0 north; -inf: none."""
    top = np.full(shape, -np.inf)
    np.maximum.at(top, (shape[0] - 1 - coords[:, 1], coords[:, 0]), index_to_height(coords[:, 2], voxel_size))
    return top


def highest_voxels(coords: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Row of the highest of voxels [N, 3] in each column, int64 [X, Y], -1 where there is none; shape: X, Y."""
    out = np.full(shape, -1, np.int64)
    order = np.argsort(coords[:, 2], kind="stable")  # the highest is written last
    out[coords[order, 0], coords[order, 1]] = order
    return out


def pack_keys(coords: np.ndarray) -> np.ndarray:
    """One sortable int64 for each coordinate row [N, 3] (each component in -2^20 .. 2^20 - 1), order x, y, z."""
    c = np.asarray(coords, np.int64) + (1 << 20)
    return (c[:, 0] << 42) | (c[:, 1] << 21) | c[:, 2]


def tangent_frame(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit tangents u, v of unit normals [N, 3] with u x v = n, both [N, 3] of the normal's dtype.

    v points up on walls and north on roofs and ground, so that the sub-samples of neighbouring voxels line up.
    """
    n = np.asarray(normal)
    flat = np.abs(n[:, 2:3]) > 0.7
    ref = np.where(flat, np.array([0, 1, 0], n.dtype), np.array([0, 0, 1], n.dtype))
    v = ref - (ref * n).sum(1, keepdims=True) * n
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    return np.cross(v, n), v
