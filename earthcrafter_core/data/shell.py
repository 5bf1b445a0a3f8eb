"""Surfaces to voxels: a gap-free shell of ground, roofs, walls, crowns and decks, one voxel thick.

Works on planes with row 0 in the north, heights in metres above the smooth ground.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..scene import classes as c
from ..scene.voxels import height_to_index, index_to_height
from .classify import smooth_planar

MAX_INDEX = 127  # highest z index of a scene
CROWN_BASE = 0.3  # crowns begin at this share of the tree's height


@dataclass
class Surfaces:
    """What stands where, each plane [H, W].

    Attributes:
        layout: uint8 class seen from above, 0 outside the survey (no voxels there).
        cover: uint8 class of the ground, under trees and bridges too.
        ground: float64 height of the ground above the smooth relief, metres.
        top: float64 height of the highest surface above the smooth relief (buildings: above their own level), metres.
        footprint: int32 number of the building, 0 elsewhere.
    """

    layout: np.ndarray
    cover: np.ndarray
    ground: np.ndarray
    top: np.ndarray
    footprint: np.ndarray


@dataclass
class Shell:
    """Voxels of a shell, unsorted but unique: see TrainingScene for the columns of the same name.

    Attributes:
        row, col, z: int64 [N] cell and z index.
        class_id: uint8 [N].
        normal: float32 [N, 3] unit, east north up.
        offset: float32 [N, 3] surface point minus voxel centre, in voxels.
        side: bool [N] walls and the flanks of crowns: never seen from above.
        depth: float32 [N] metres below the top of the column.
    """

    row: np.ndarray
    col: np.ndarray
    z: np.ndarray
    class_id: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    side: np.ndarray
    depth: np.ndarray


def build_shell(s: Surfaces, voxel_size: float = 1.0) -> Shell:
    """Voxelise the surfaces: every surveyed column holds at least one voxel, neighbours leave no gap."""
    inside = s.layout > 0
    house = s.footprint > 0
    tree = c.is_in(s.layout, c.CROWN_IDS)
    deck = s.layout == c.BRIDGE
    solid = ~house & ~tree & ~deck & (s.top > s.ground + 0.5 * voxel_size)  # shrubs
    zg = np.where(inside, _index(s.ground, voxel_size), MAX_INDEX)
    zt = np.where(inside, _index(s.top, voxel_size), MAX_INDEX)
    outer = np.where(house, zt, zg)  # what a wall must come down to
    below = np.where(inside, _lowest_neighbour(np.where(inside, outer, MAX_INDEX)), MAX_INDEX)
    up = _normals(s.ground, inside & ~house, 1.5, voxel_size)
    roof = _roof_normals(s.top, house, voxel_size)
    crown = _normals(s.top, tree | solid, 1.0, voxel_size)
    aside = _outward(np.where(house, s.top, s.ground))
    aside_crown = _outward(np.where(tree | solid, s.top, s.ground))

    crown_base = np.minimum(zt, zg + np.maximum(2, ((zt - zg) * CROWN_BASE).astype(int)))
    tree_low = np.clip(_lowest_neighbour(np.where(tree, zt, np.where(house, MAX_INDEX, zg))) + 1, crown_base, zt)
    solid_low = np.clip(_lowest_neighbour(np.where(solid, zt, zg)) + 1, np.minimum(zg + 1, zt), zt)
    deck_low = np.where(deck, np.clip(_lowest_neighbour(np.where(deck, zt, MAX_INDEX)) + 1, zg, zt), zt)
    ground_low = np.clip(_lowest_neighbour(np.where(inside & ~house, zg, MAX_INDEX)) + 1, 0, zg)
    roof_low = np.clip(below, 0, zt)

    parts = [  # earlier parts win where two share a voxel
        _runs(house, zt, zt, s.layout, roof, s.top, s.top, voxel_size, False),
        _runs(tree, zt, zt, s.layout, crown, s.top, s.top, voxel_size, False),
        _runs(deck, zt, zt, s.layout, up, s.top, s.top, voxel_size, False),
        _runs(solid, zt, zt, s.layout, crown, s.top, s.top, voxel_size, False),
        _runs(inside & ~house, zg, zg, s.cover, up, s.ground, s.top, voxel_size, False),
        _runs(house, roof_low, zt - 1, s.layout, aside, None, s.top, voxel_size, True),
        _runs(tree, tree_low, zt - 1, s.layout, aside_crown, None, s.top, voxel_size, True),
        _runs(solid, solid_low, zt - 1, s.layout, aside_crown, None, s.top, voxel_size, True),
        _runs(deck, deck_low, zt - 1, s.layout, aside, None, s.top, voxel_size, True),
        _runs(inside & ~house, ground_low, zg - 1, s.cover, up, None, s.top, voxel_size, False),
    ]
    shell = Shell(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    key = (shell.row * s.layout.shape[1] + shell.col) * (MAX_INDEX + 1) + shell.z
    _, first = np.unique(key, return_index=True)
    return Shell(*(getattr(shell, k)[first] for k in Shell.__dataclass_fields__))


def _index(height: np.ndarray, voxel_size: float) -> np.ndarray:
    return np.clip(height_to_index(height, voxel_size), 0, MAX_INDEX).astype(np.int64)


def _lowest_neighbour(z: np.ndarray) -> np.ndarray:
    """Lowest of the four neighbours of each cell (edge cells: their own value), same dtype."""
    p = np.pad(z, 1, mode="edge")
    return np.minimum(np.minimum(p[:-2, 1:-1], p[2:, 1:-1]), np.minimum(p[1:-1, :-2], p[1:-1, 2:]))


def _runs(mask: np.ndarray, low: np.ndarray, high: np.ndarray, class_id: np.ndarray, normal: np.ndarray,
          surface: np.ndarray | None, top: np.ndarray, voxel_size: float, side: bool) -> tuple:
    """Columns of Shell for the voxels low..high of the masked cells. `surface`: exact height, None on sides."""
    mask = mask & (high >= low)
    row, col = np.nonzero(mask)
    count = (high - low)[mask] + 1
    start = np.repeat(np.cumsum(count) - count, count)
    z = np.repeat(low[mask], count) + np.arange(count.sum()) - start
    row, col = np.repeat(row, count), np.repeat(col, count)
    n = normal[row, col].astype(np.float32)
    height = index_to_height(z, voxel_size)
    offset = np.zeros((len(z), 3), np.float32)
    if surface is not None:
        offset[:, 2] = np.clip((surface[row, col] - height) / voxel_size, -0.5, 0.5)
    elif side:
        offset[:, :2] = 0.5 * n[:, :2]
    depth = np.maximum(top[row, col] - height, 0).astype(np.float32)
    return row, col, z, class_id[row, col], n, offset, np.full(len(z), side), depth


def _unit(gx: np.ndarray, gy: np.ndarray, gz: np.ndarray | float) -> np.ndarray:
    n = np.stack([gx, gy, np.broadcast_to(gz, gx.shape)], -1)
    return n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-9)


def _normals(height: np.ndarray, mask: np.ndarray, sigma: float, voxel_size: float) -> np.ndarray:
    """Upward unit normals [H, W, 3] of the heights in the mask, smoothed by a Gaussian that stays in the mask."""
    weight = ndimage.gaussian_filter(mask.astype(np.float64), sigma)
    smooth = ndimage.gaussian_filter(np.where(mask, height, 0.0), sigma) / np.maximum(weight, 1e-3)
    return _from_heights(np.where(mask, smooth, np.nan), voxel_size, 2.0)


def _roof_normals(height: np.ndarray, house: np.ndarray, voxel_size: float) -> np.ndarray:
    return _from_heights(np.where(house, smooth_planar(height, house, 1, 1), np.nan), voxel_size, 1.2)


def _from_heights(height: np.ndarray, voxel_size: float, steepest: float) -> np.ndarray:
    """Unit normals of a height field with NaN outside: one-sided differences at its edges, slopes clipped."""
    def slope(axis: int) -> np.ndarray:
        forward = np.diff(height, axis=axis, append=np.nan) / voxel_size
        backward = np.diff(height, axis=axis, prepend=np.nan) / voxel_size
        # the flatter side of a step belongs to the surface
        pick = np.where(np.abs(np.nan_to_num(forward, nan=1e9)) < np.abs(np.nan_to_num(backward, nan=1e9)),
                        forward, backward)
        both = np.where(np.abs(forward - backward) < 1.0, (forward + backward) / 2, pick)
        return np.clip(np.nan_to_num(both), -steepest, steepest)

    return _unit(-slope(1), slope(0), 1.0)  # rows run south


def _outward(height: np.ndarray) -> np.ndarray:
    """Horizontal unit normals [H, W, 3] away from what is higher, from the drops to the four neighbours."""
    p = np.pad(height, 1, mode="edge")
    drop = [np.clip(height - q, 0, None) for q in (p[1:-1, 2:], p[1:-1, :-2], p[:-2, 1:-1], p[2:, 1:-1])]
    gx, gy = drop[0] - drop[1], drop[2] - drop[3]  # east, north
    still = np.hypot(gx, gy) < 1e-3
    return _unit(np.where(still, (drop[0] > 0.5) | (drop[2] + drop[3] <= 0.5), gx), np.where(still, 0.0, gy)
                 + (still & (drop[0] <= 0.5) & (drop[2] > 0.5)), 0.0)


