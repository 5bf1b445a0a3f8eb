"""Borders on the ground finer than the cells of the map: a road painted askew gets a smooth kerb, not a flight of steps.

The four surfels of a ground voxel lie half a voxel apart. On that grid each class's area is blurred and the strongest wins;
a surfel that changes sides takes the colour of the nearest one that was there. Where the ground steps down, the step has the
colour of what lies on it.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from ..scene.splats import Splats
from ..scene.voxels import highest_voxels

FINE = 2  # surfels along one side of a voxel
BLUR = 1.3  # standard deviation in surfels: rounds steps of three voxels, and leaves lines of one voxel


def smooth_kerbs(coords: np.ndarray, class_id: np.ndarray, splats: Splats, voxel_size: float = 1.0) -> Splats:
    """Splats of a flattened scene with smooth borders between the classes on the ground, and steps of one colour with it.

    Args:
        coords: int [N, 3] voxels. class_id: uint8 [N]. splats: four for each voxel in their order, then any others; metres.
    """
    ground = sem.is_in(class_id, sem.GROUND_IDS)
    columns = coords[:, :2].max(0) + 1
    shape = tuple(columns * FINE)
    rows = np.flatnonzero(np.repeat(ground, FINE * FINE) & (splats.normals()[:FINE * FINE * len(coords), 2] > 0.7))
    place = np.floor(splats.mean[rows, :2] / voxel_size * FINE).astype(int)
    inside = ((place >= 0) & (place < shape)).all(1)
    rows, place = rows[inside], place[inside]
    order = np.argsort(splats.mean[rows, 2], kind="stable")  # the highest of a place is the one that is seen
    owner = np.full(shape, -1, np.int64)
    owner[place[order, 0], place[order, 1]] = rows[order]
    here = np.where(owner >= 0, splats.class_id[owner], 0)
    wanted = smoothed_classes(here)
    sh = splats.sh.copy()
    soil = np.flatnonzero(ground)
    above = soil[highest_voxels(coords[soil], tuple(columns))[coords[soil, 0], coords[soil, 1]]]  # itself, or what lies on it
    each = np.arange(FINE * FINE)
    sh[soil[:, None] * FINE * FINE + each] = splats.sh[above[:, None] * FINE * FINE + each]
    for c in np.unique(wanted[wanted != here]):
        moved = (wanted == c) & (here != c)
        x, y = ndimage.distance_transform_edt(here != c, return_distances=False, return_indices=True)
        sh[owner[moved]] = splats.sh[owner[x[moved], y[moved]]]
    return replace(splats, sh=sh)


def smoothed_classes(ids: np.ndarray) -> np.ndarray:
    """The strongest class around each cell of uint8 [X, Y]; 0 is no ground: it stays, and its cells count for nobody."""
    best, out = np.zeros(ids.shape), ids.copy()
    for c in np.unique(ids[ids > 0]):
        share = ndimage.gaussian_filter((ids == c).astype(np.float32), BLUR, mode="nearest")
        wins = (share > best) & (ids > 0)
        best[wins], out[wins] = share[wins], c
    return out
