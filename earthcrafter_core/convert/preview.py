"""What there is of a place before it is finished, as a few coloured faces: occupied cells, then voxels.

Seen from above nothing overhangs: a column's highest voxel shows its top, and each of its voxels the sides on which the
neighbouring column is lower. The faces are shaded by where they look, so that forms read without any light.
"""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from ..scene.preview import Preview
from ..scene.voxels import flat_origin, highest_voxels

MOST_FACES = 200_000
"""Two triangles each; beyond it voxels are joined two by two."""
CELL = 8  # voxels along one side of a cell
RAISED = 0.82  # brightness of a cell over others: what stands out is darker than the ground of the same class
_TOP = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
_SIDES = [  # step to the neighbouring column, corners counter-clockwise from outside, brightness
    ((1, 0), np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1]]), 0.86),
    ((-1, 0), np.array([[0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]]), 0.7),
    ((0, 1), np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1]]), 0.6),
    ((0, -1), np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]]), 0.78)]


def preview_of_cells(grid: np.ndarray, class_id: np.ndarray, size: tuple[int, int], elevation: np.ndarray,
                     voxel_size: float) -> Preview:
    """Occupied cells as blocks in the colour of the class that is painted most in each.

    Args:
        grid: bool [Z, Y, X] cells. class_id: uint8 [8 Y, 8 X] painted classes, elevation: float32 [8 Y, 8 X] metres, row 0
            south. size: rows and columns (H, W) of the canvas that the layout covers. voxel_size: metres.
    """
    ny, nx = (-(-n // CELL) for n in size)
    z, y, x = np.nonzero(grid[:, :ny, :nx])
    painted = class_id[:ny * CELL, :nx * CELL].reshape(ny, CELL, nx, CELL).transpose(0, 2, 1, 3).reshape(ny * nx, -1)
    key = painted.astype(np.int64) + sem.NUM_CLASSES * np.arange(ny * nx)[:, None]
    most = np.bincount(key.ravel(), minlength=ny * nx * sem.NUM_CLASSES).reshape(ny, nx, -1).argmax(2)
    rgb = sem.PALETTE[most[y, x]] * np.where(z > 0, RAISED, 1.0)[:, None]
    height = _corners(elevation[:ny * CELL, :nx * CELL])[::CELL, ::CELL]
    preview = _blocks(np.stack([x, y, z], 1), rgb, height, voxel_size * CELL, flat_origin(voxel_size)[2])
    limit = np.array(size[::-1]) * voxel_size  # the last cells end where the layout ends
    preview.position[:, :2] = np.minimum(preview.position[:, :2], limit)
    return preview


def preview_of_voxels(coords: np.ndarray, rgb: np.ndarray, elevation: np.ndarray, voxel_size: float) -> Preview:
    """Voxels of a structure in their colours.

    Args:
        coords: int [N, 3] in height above ground. rgb: uint8 [N, 3] sRGB. elevation: float32 [H, W] metres, row 0 north.
    """
    height, size, origin = _corners(elevation[::-1]), voxel_size, flat_origin(voxel_size)[2]
    while sum(len(rows) for rows, _, _ in _exposed(coords)) > MOST_FACES:
        coarse = coords // 2
        order = np.lexsort((-coords[:, 2], coarse[:, 2], coarse[:, 1], coarse[:, 0]))  # of equals the highest gives its colour
        coarse, rgb = coarse[order], rgb[order]
        first = np.append(True, (np.diff(coarse, axis=0) != 0).any(1))
        coords, rgb, size = coarse[first], rgb[first], size * 2
        rows, cols = (np.minimum(np.arange(-(-(n - 1) // 2) + 1) * 2, n - 1) for n in height.shape)
        height = height[np.ix_(rows, cols)]
    return _blocks(coords, rgb, height, size, origin)


def _corners(elevation: np.ndarray) -> np.ndarray:
    """Elevation at the corners of cells [H + 1, W + 1], the mean of those around: neighbours share it, so nothing tears."""
    return ndimage.uniform_filter(np.pad(elevation, 1, mode="edge").astype(np.float64), 2)[1:, 1:]


def _exposed(coords: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """For the top and the four sides: rows of the blocks that show it, its corners [4, 3], its brightness."""
    shape = tuple(coords[:, :2].max(0) + 1)
    top = highest_voxels(coords, shape)  # [X, Y]
    level = np.pad(np.where(top >= 0, coords[top, 2], -1), 1, constant_values=-1)
    x, y, z = coords.T
    sides = [(np.flatnonzero(level[x + 1 + dx, y + 1 + dy] < z), corners, shade) for (dx, dy), corners, shade in _SIDES]
    return [(np.flatnonzero(z == level[x + 1, y + 1]), _TOP, 1.0), *sides]


def _blocks(coords: np.ndarray, rgb: np.ndarray, height: np.ndarray, size: float, origin: float) -> Preview:
    """Faces of blocks [N, 3] in their colours [N, 3], raised by `height` at the corners of their columns."""
    parts = _exposed(coords)
    at = np.concatenate([(coords[rows][:, None] + corners).reshape(-1, 3) for rows, corners, _ in parts])
    color = np.concatenate([rgb[rows] * shade for rows, _, shade in parts])
    position = at * float(size)
    position[:, 2] += origin + height[np.minimum(at[:, 1], height.shape[0] - 1), np.minimum(at[:, 0], height.shape[1] - 1)]
    first = 4 * np.arange(len(color), dtype=np.int32)[:, None, None]
    triangles = (first + np.array([[0, 1, 2], [0, 2, 3]], np.int32)).reshape(-1, 3)
    rgba = np.column_stack([np.clip(color + 0.5, 0, 255), np.full(len(color), 255)]).astype(np.uint8)
    return Preview(position.astype(np.float32), np.repeat(rgba, 4, 0), triangles)
