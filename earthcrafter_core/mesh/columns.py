"""What stands in each column of a draped place, read from its voxels and surfels: the plan that all meshes are made from."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from ..scene.splats import Splats
from ..scene.voxels import VoxelScene

UP = 0.5  # surfels that face up more than this show a height
SINK = 0.75  # cells: standard deviation of the blur of the ground that is made up under buildings
WATER_IDS = np.array([sem.WATER, sem.POOL], np.uint8)
LOW_IDS = np.array([sem.BRIDGE, sem.SHRUB], np.uint8)


@dataclass
class Columns:
    """Planes [X, Y] (x east, y north) of a place; the middle of column (i, j) is at origin + (i + 0.5, j + 0.5) * cell.

    Attributes:
        origin: float64 [2] world x, y of the south-west corner. cell: metres.
        cover: uint8 [X, Y] class of the ground; under buildings that of the nearest ground.
        ground: float64 [X, Y] world z of the ground's surface; under buildings continued from around them. Water: its level.
        shown: bool [X, Y] where the place has ground of its own (not under buildings).
        above: uint8 [X, Y] class of what stands on the ground (building, crown, bridge, shrub), 0 where nothing.
        top: float64 [X, Y] world z of its highest surface; the ground's where nothing stands.
        building: int32 [X, Y] number of the building, from 1; 0 elsewhere. Touching columns of one class are one building.
    """

    origin: np.ndarray
    cell: float
    cover: np.ndarray
    ground: np.ndarray
    shown: np.ndarray
    above: np.ndarray
    top: np.ndarray
    building: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(X, Y)."""
        return self.cover.shape  # type: ignore[return-value]


def columns_of(voxels: VoxelScene, splats: Splats) -> Columns:
    """The columns of a draped place, at least one voxel in each."""
    shape = tuple(voxels.coords[:, :2].max(0) + 1)
    x, y, z = voxels.coords.T
    height = voxels.origin[2] + (z + 0.5) * voxels.voxel_size
    up = splats.normals()[:, 2] > UP
    at = np.floor((splats.mean[:, :2] - voxels.origin[:2]) / voxels.voxel_size).astype(np.int64)
    at = np.clip(at, 0, np.array(shape) - 1)

    def highest(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Class [X, Y] (0: none) and height [X, Y] (NaN: none) of the highest voxel of these classes."""
        rows = np.flatnonzero(sem.is_in(voxels.class_id, ids))
        rows = rows[np.argsort(z[rows], kind="stable")]
        class_id, top = np.zeros(shape, np.uint8), np.full(shape, np.nan)
        class_id[x[rows], y[rows]], top[x[rows], y[rows]] = voxels.class_id[rows], height[rows]
        return class_id, top

    def exact(ids: np.ndarray, top: np.ndarray) -> np.ndarray:
        """The heights [X, Y] by the surfels that face up and lie within a voxel of the highest voxel, where there are any."""
        rows = np.flatnonzero(up & sem.is_in(splats.class_id, ids))
        rows = rows[np.abs(splats.mean[rows, 2] - top[at[rows, 0], at[rows, 1]]) < voxels.voxel_size]
        key = np.ravel_multi_index(tuple(at[rows].T), shape)
        count = np.bincount(key, minlength=top.size).reshape(shape)
        mean = np.bincount(key, splats.mean[rows, 2], top.size).reshape(shape) / np.maximum(count, 1)
        return np.where(count > 0, mean, top)

    cover, ground = highest(sem.GROUND_IDS)
    ground = exact(sem.GROUND_IDS, ground)
    above, top = np.zeros(shape, np.uint8), np.full(shape, -np.inf)
    for ids in (sem.BUILDING_IDS, sem.CROWN_IDS, LOW_IDS):
        class_id, level = highest(ids)
        level = exact(ids, level)
        higher = (class_id > 0) & (level > top)
        above, top = np.where(higher, class_id, above), np.where(higher, level, top)
    built = sem.is_in(above, sem.BUILDING_IDS)
    shown = (cover > 0) & ~built
    cover, ground = _continued(cover, ground, shown)
    top = np.where(above > 0, np.maximum(top, ground), ground)
    building, count = np.zeros(shape, np.int32), 0
    for c in sem.BUILDING_IDS:
        label, found = ndimage.label(above == c)
        building += np.where(label > 0, label + count, 0).astype(np.int32)
        count += found
    return Columns(np.asarray(voxels.origin[:2], np.float64), float(voxels.voxel_size), cover, ground, shown, above, top,
                   building)


def _continued(cover: np.ndarray, ground: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Class and height of the ground where it is not shown: those around it, the heights without steps."""
    if not shown.any():
        return np.full_like(cover, sem.SOIL), np.nan_to_num(ground, nan=0.0)
    dry = shown & ~sem.is_in(cover, WATER_IDS)
    r, c = ndimage.distance_transform_edt(~(dry if dry.any() else shown), return_distances=False, return_indices=True)
    filled = np.where(shown, ground, ground[r, c])
    smooth = filled.copy()
    for _ in range(24):  # towards a membrane between the known heights
        smooth = np.where(shown, ground, ndimage.gaussian_filter(smooth, SINK, mode="nearest"))
    return np.where(shown, cover, cover[r, c]).astype(np.uint8), smooth
