"""Straight walls: where a building's outer walls run, finer than the voxels that its footprint is made of.

A house that stands askew has a footprint of steps. Its walls are straight all the same, nearly always along two directions at
right angles, so every run of border cells that looks the same way is one plane. Cells at corners belong to two.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .shell import Shell

RIGHT_ANGLED = 0.45  # share of the border that must agree on two directions, else walls are taken as curved
SMOOTH = 1.2  # cells: standard deviation of the blur whose slope is the border's direction
FARTHEST = 0.75  # cells between a border cell's middle and its wall
STEP = 1.6  # voxels: a step in a roof up to this height is its slope
CORNER = (-0.1, 1.0)  # cells between a corner cell's middle and its second wall
_MARGIN = 4


@dataclass
class Walls:
    """Outer walls of all buildings, planes [H, W]; the second wall is that of corner cells.

    Attributes:
        normal: float64 [2, H, W, 2] unit, east and north, away from the building.
        distance: float64 [2, H, W] cells from the cell's middle to its wall along the normal, NaN where there is none.
    """

    normal: np.ndarray
    distance: np.ndarray


@dataclass
class WallSurface:
    """Surface of the voxels of a shell, with its walls straight.

    Attributes:
        normal: float32 [N, 3] unit. offset: float32 [N, 3] surface point minus voxel centre, in voxels.
        corner: int64 [M] voxels with a second wall. corner_normal, corner_offset: float32 [M, 3] of that.
    """

    normal: np.ndarray
    offset: np.ndarray
    corner: np.ndarray
    corner_normal: np.ndarray
    corner_offset: np.ndarray


def wall_surface(shell: Shell, footprint: np.ndarray, voxel_size: float = 1.0) -> WallSurface:
    """The shell's normals and offsets, those of outer walls as `straight_walls` of the footprints [H, W] says.

    Where a sloping roof steps up by a voxel, the voxels beneath the step belong to the roof, not to a wall.
    """
    walls = straight_walls(footprint)
    at = shell.row, shell.col
    distance = walls.distance[:, at[0], at[1]]  # [2, N]
    own, corner = (np.flatnonzero(shell.side & np.isfinite(d)) for d in distance)
    normal, offset = shell.normal.astype(np.float32), shell.offset.astype(np.float32)
    normal[own], offset[own] = _upright(walls, 0, shell, own)
    roof = np.zeros((*footprint.shape, 3), np.float32)
    top = ~shell.side & (footprint[at] > 0)
    roof[shell.row[top], shell.col[top]] = normal[top]
    inner = np.flatnonzero(shell.side & (footprint[at] > 0) & ~np.isfinite(distance[0]))
    deepest = np.zeros(footprint.shape)
    np.maximum.at(deepest, (shell.row[inner], shell.col[inner]), shell.depth[inner])
    step = inner[deepest[shell.row[inner], shell.col[inner]] <= STEP * voxel_size]
    normal[step] = roof[shell.row[step], shell.col[step]]
    offset[step] = np.minimum(shell.depth[step] / voxel_size, 0.5)[:, None] * (0, 0, 1)
    return WallSurface(normal, offset, corner, *_upright(walls, 1, shell, corner))


def _upright(walls: Walls, which: int, shell: Shell, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normal and offset float32 [M, 3] of the first or second wall of voxels."""
    at = which, shell.row[rows], shell.col[rows]
    normal = np.pad(walls.normal[at], ((0, 0), (0, 1))).astype(np.float32)
    return normal, normal * walls.distance[at][:, None].astype(np.float32)


def straight_walls(footprint: np.ndarray) -> Walls:
    """Walls of the buildings of a map; footprint: int32 [H, W] number of the building, 0 elsewhere, row 0 north."""
    out = Walls(np.zeros((2, *footprint.shape, 2)), np.full((2, *footprint.shape), np.nan))
    padded = np.pad(footprint, _MARGIN)
    core = (slice(None),) + (slice(_MARGIN, -_MARGIN),) * 2
    for number, box in enumerate(ndimage.find_objects(footprint), 1):
        if box is None:
            continue
        wide = tuple(slice(s.start, s.stop + 2 * _MARGIN) for s in box)  # the box and its margin in the padded map
        made = _of_building(padded[wide] == number)
        rows = np.isfinite(made.distance[core])
        out.normal[:, box[0], box[1]][rows] = made.normal[core][rows]
        out.distance[:, box[0], box[1]][rows] = made.distance[core][rows]
    return out


def _of_building(mask: np.ndarray) -> Walls:
    """Walls of one building; mask: bool [h, w] with a margin."""
    soft = ndimage.gaussian_filter(mask.astype(np.float64), SMOOTH)
    south, east = np.gradient(soft)
    slope = np.maximum(np.hypot(south, east), 1e-9)
    border = mask & ~ndimage.binary_erosion(mask)
    outward = np.stack([-east, south], -1) / slope[..., None]
    out = Walls(np.stack([outward, outward]), np.full((2, *mask.shape), np.nan))
    out.distance[0][border] = np.clip((soft - 0.5) / slope, 0.0, FARTHEST)[border]  # to where the blurred footprint ends
    angle = np.arctan2(outward[..., 1], outward[..., 0])
    turn = (slope * np.exp(4j * angle))[border].sum()
    if np.abs(turn) < RIGHT_ANGLED * slope[border].sum():
        return out
    main = np.angle(turn) / 4
    quarter = np.rint((angle - main) / (np.pi / 2)).astype(int) % 4
    planes = [_planes(border & (quarter == k), main + k * np.pi / 2) for k in range(4)]
    for k, (across, away, _) in enumerate(planes):
        own = border & (quarter == k)
        out.normal[0][own], out.distance[0][own] = across, np.clip(away, -FARTHEST, FARTHEST)[own]
        for second, _, nearby in (planes[k - 1], planes[(k + 1) % 4]):
            corner = own & (nearby > CORNER[0]) & (nearby < CORNER[1])  # NaN is neither
            out.normal[1][corner], out.distance[1][corner] = second, nearby[corner]
    return out


def _planes(cells: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The walls made of border cells bool [h, w] that look along an angle.

    Returns:
        direction [2], east and north; distance [h, w] of each of the cells to its run's wall; distance [h, w] of cells beside
        a run to that run's wall, NaN elsewhere.
    """
    across = np.array([np.cos(angle), np.sin(angle)])
    half = 0.5 * np.abs(across).max()  # mean depth of the border cells' middles under a straight edge
    row, col = np.indices(cells.shape)
    position = across[0] * col - across[1] * row
    runs, count = ndimage.label(cells, np.ones((3, 3)))
    wall = np.full(count + 1, np.nan)
    if count:
        wall[1:] = ndimage.mean(position, runs, np.arange(1, count + 1)) + half
    away = wall[runs] - position
    away = np.where(np.abs(away - half) <= FARTHEST, away, half)  # a run that bends is no plane
    beside = ndimage.grey_dilation(runs, (3, 3))
    return across, away, wall[beside] - position
