"""Where a part of a scene was made anew beside columns that stay as they are: what closes the steps between them."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ..scene import classes as sem
from ..scene.splats import Splats, concatenated
from ..scene.voxels import VoxelScene
from .drape import upright_splats

FADE, NEAR = 20.0, 4.0  # metres: how far into what is new its colours change, and over which they are compared
LEAST = 1e-3  # share of the ground nearby that must be of a class for its colours to be compared
SIDES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])


@dataclass
class Fill:
    """Voxels that close the steps, all in columns that were made anew.

    Attributes:
        place: int64 [M, 3] x, y, z. source: int64 [M] the voxel that each continues downwards. normal: float32 [M, 3] unit, to
            the side that it faces.
    """

    place: np.ndarray
    source: np.ndarray
    normal: np.ndarray


def fill_seam(coords: np.ndarray, anew: np.ndarray) -> Fill:
    """Voxels for every pair of neighbouring columns, one of them new, whose surfaces do not touch.

    The lowest voxel of a column touches the neighbouring column where that has a voxel at most one below or beside it.

    Args:
        coords: int [N, 3] voxels of the scene, both the kept and the new ones, at least one in each column.
        anew: bool [X, Y] columns that were made anew.
    """
    order = np.lexsort((coords[:, 2], coords[:, 1], coords[:, 0]))
    column = coords[order, 0].astype(np.int64) * anew.shape[1] + coords[order, 1]
    start = np.searchsorted(column, np.arange(anew.size + 1))
    made: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    for dx, dy in SIDES:
        beside = np.zeros_like(anew)  # new columns whose neighbour against (dx, dy) is kept
        xs, ys = np.nonzero(anew)
        inside = (xs - dx >= 0) & (xs - dx < anew.shape[0]) & (ys - dy >= 0) & (ys - dy < anew.shape[1])
        xs, ys = xs[inside], ys[inside]
        beside[xs, ys] = ~anew[xs - dx, ys - dy]
        for x, y in np.argwhere(beside):
            new, old = (order[start[c]:start[c + 1]] for c in (x * anew.shape[1] + y, (x - dx) * anew.shape[1] + y - dy))
            if not len(new) or not len(old):
                continue
            for upper, lower, facing in ((old, new, 1), (new, old, -1)):
                z = int(coords[upper[0], 2])
                below = coords[lower, 2][coords[lower, 2] <= z]
                if len(below):
                    for fill in range(int(below[-1]) + 1, z):
                        made.setdefault((int(x), int(y), fill), (int(upper[0]), facing * dx, facing * dy))
    taken = {tuple(p) for p in coords[anew[coords[:, 0], coords[:, 1]]].tolist()}
    places = [p for p in made if p not in taken]
    said = np.array([made[p] for p in places], np.int64).reshape(-1, 3)
    normal = np.column_stack([said[:, 1:], np.zeros(len(said))]).astype(np.float32)
    return Fill(np.array(places, np.int64).reshape(-1, 3), said[:, 0], normal)


def join_colours(coords: np.ndarray, class_id: np.ndarray, rgb: np.ndarray, anew: np.ndarray, voxel_size: float) -> np.ndarray:
    """What to add to the new voxels' colours so that ground of one class shows no border: the difference on both sides of it,
    less and less over FADE metres; float32 [N, 3], 0 elsewhere.

    Args:
        coords: int [N, 3]. class_id: uint8 [N]. rgb: uint8 [N, 3]. anew: bool [X, Y] columns that were made anew.
    """
    out = np.zeros(rgb.shape, np.float32)
    x, y, _ = coords.T
    away = ndimage.distance_transform_edt(anew) * voxel_size
    t = np.clip(away / FADE, 0, 1)
    fade = 1 - t * t * (3 - 2 * t)
    for c in np.intersect1d(sem.GROUND_IDS, class_id):
        rows = np.flatnonzero(class_id == c)
        new = anew[x[rows], y[rows]]
        means, weights = [], []
        for side in (rows[~new], rows[new]):
            planes = [np.bincount(x[side] * anew.shape[1] + y[side], v, anew.size).reshape(anew.shape)
                      for v in (np.ones(len(side)), *rgb[side].T.astype(float))]
            weight, *sums = (ndimage.gaussian_filter(p, NEAR / voxel_size, mode="constant") for p in planes)
            weights.append(weight)
            means.append(np.stack([s / np.maximum(weight, 1e-9) for s in sums], 2))
        there = (weights[0] > LEAST) & (weights[1] > LEAST)
        change = np.where(there[..., None], means[0] - means[1], 0) * fade[..., None]
        own = rows[new]
        out[own] = change[x[own], y[own]]
    return out


def close_seam(scene: VoxelScene, splats: Splats, anew: np.ndarray) -> tuple[VoxelScene, Splats]:
    """The draped scene with its seam closed: voxels in the new columns, and four upright splats for each.

    Their colours are those of walls of the same class nearby, where there are some, else of the splats that they continue.

    Args:
        scene, splats: both the kept and the new. anew: bool [X, Y] columns that were made anew.
    """
    fill = fill_seam(scene.coords, anew)
    if not len(fill.place):
        return scene, splats
    class_id = scene.class_id[fill.source]
    centre = scene.origin + (fill.place + 0.5 + 0.45 * fill.normal) * scene.voxel_size
    nearest = np.empty(len(centre), np.int64)
    upright = np.abs(splats.normals()[:, 2]) < 0.5
    for c in np.unique(class_id):
        of_class, here = splats.class_id == c, class_id == c
        rows = np.flatnonzero(of_class & upright)
        rows = rows if len(rows) else np.flatnonzero(of_class)
        rows = rows if len(rows) else np.arange(len(splats))
        nearest[here] = rows[cKDTree(splats.mean[rows]).query(centre[here])[1]]
    voxels = VoxelScene(np.concatenate([scene.coords, fill.place]).astype(np.int32), np.append(scene.class_id, class_id),
                        np.concatenate([scene.rgb, splats.rgb()[nearest]]), scene.origin, scene.voxel_size)
    added = upright_splats(centre, fill.normal.astype(np.float64), splats.sh[nearest], class_id, scene.voxel_size)
    return voxels, concatenated([splats, added])
