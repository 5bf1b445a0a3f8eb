"""From height above ground to the world: the flattened scene is laid over its relief.

Ground follows the relief, every building stands on one level with its walls down to the lowest ground around it, water
stays flat, bridges span, crowns move with the smoothed ground beneath them. What touched before touches afterwards:
gaps that steps open are filled with voxels and splats.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ..scene import classes as sem
from ..scene.splats import Splats, concatenated, quaternions, rotation_matrices
from ..scene.voxels import VoxelScene, highest_voxels, pack_keys, tangent_frame
from .relief import BUILDING, CROWN, DECK, GROUND, Bodies, KeptRelief, find_bodies

STEEPEST = 1.5  # slope up to which splats are stretched; steeper steps get splats of their own
FILL_SIGMA = 0.3  # standard deviation of a filling splat, in voxels
FILL_OPACITY = 4.0  # its opacity logit
_SIDES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
_SPREAD = np.array([[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]])  # of four splats, in voxels


def drape(flat: VoxelScene, splats: Splats, layout_ids: np.ndarray, elevation: np.ndarray, kept: KeptRelief | None = None,
          datum: float | None = None, check: Callable[[], None] = lambda: None) -> tuple[VoxelScene, Splats]:
    """Lay a flattened scene over its relief.

    Args:
        flat: voxels in height above ground (scene.voxels.flat_origin), column (x, y) = (col, H - 1 - row).
        splats: surfels of the same frame, metres.
        layout_ids: uint8 [H, W] classes at voxel resolution, row 0 north; where 0, the highest voxel's class counts.
        elevation: [H, W] ground elevation of every cell, metres.
        kept: a scene of which a part is made anew, see relief.py. datum: metres, elevation of a border between layers of
            voxels; the lowest ground where None. check: called between steps; may raise.

    Returns:
        Voxels (sorted by x, y, z; z indices from 0) and splats in world coordinates.
    """
    h, _ = layout_ids.shape
    size = flat.voxel_size
    bodies = find_bodies(seen_from_above(flat, layout_ids), elevation, size, kept)
    check()
    planes = bodies.planes()
    row, col = h - 1 - flat.coords[:, 1], flat.coords[:, 0]
    body = bodies.body(flat.class_id, row, col)
    base = float(planes[0].min()) if datum is None else datum
    lift = np.rint((planes[body, row, col] - base) / size).astype(np.int32)  # [N] voxels
    z = flat.coords[:, 2] + lift
    draped = _draped_splats(splats, bodies, planes, size)
    check()
    source, column, fill_z, side = _fillings(flat, bodies, body, z)
    check()
    keep = _unique_rows(np.concatenate([np.column_stack([flat.coords[:, :2], z]), np.column_stack([column, fill_z])]),
                        np.concatenate([flat.coords[:, 2], np.full(len(source), -1)]))
    origin = flat.origin + np.array([0, 0, base])
    every = np.concatenate([np.arange(len(z)), source])[keep]
    coords = np.concatenate([np.column_stack([flat.coords[:, :2], z]), np.column_stack([column, fill_z])])[keep]
    floor = min(int(coords[:, 2].min()), 0)
    voxels = VoxelScene((coords - [0, 0, floor]).astype(np.int32), flat.class_id[every], flat.rgb[every],
                        origin + np.array([0, 0, floor * size]), size)
    new = keep[keep >= len(z)] - len(z)
    if not len(new):
        return voxels, draped
    filling = _filling_splats(flat, splats, draped, source[new], np.column_stack([column, fill_z])[new], side[new], origin)
    return voxels, concatenated([draped, filling])


def seen_from_above(flat: VoxelScene, layout: np.ndarray) -> np.ndarray:
    """The layout, with the class of the highest voxel where it is unpainted; uint8 [H, W]."""
    top = highest_voxels(flat.coords, layout.shape[::-1]).T[::-1]  # rows from the north
    return np.where((layout == sem.UNPAINTED) & (top >= 0), flat.class_id[top], layout)


# ------------------------------------------------------------------------------------------------------------- splats

def _draped_splats(splats: Splats, bodies: Bodies, planes: np.ndarray, size: float) -> Splats:
    """Splats raised by the exact (bilinear) plane of their body, and sheared by its slope."""
    h, w = bodies.ground.shape
    r = h - 0.5 - splats.mean[:, 1] / size  # [N] continuous rows: whole numbers at cell centres
    c = splats.mean[:, 0] / size - 0.5
    row, col = np.clip(np.rint(r), 0, h - 1).astype(int), np.clip(np.rint(c), 0, w - 1).astype(int)
    body = bodies.body(splats.class_id, row, col)
    rise = np.empty(len(splats))
    slope = np.zeros((len(splats), 2))
    for kind in np.unique(body):
        here = body == kind
        at = np.stack([r[here], c[here]])
        if kind in (GROUND, DECK, CROWN):
            south, east = np.gradient(planes[kind], size) if min(h, w) > 1 else (np.zeros((h, w)),) * 2
            rise[here] = ndimage.map_coordinates(planes[kind], at, order=1, mode="nearest")
            slope[here] = np.stack([ndimage.map_coordinates(g, at, order=1, mode="nearest") for g in (east, -south)], 1)
        else:
            rise[here] = planes[kind][row[here], col[here]]
    mean = splats.mean.astype(np.float64)
    mean[:, 2] += rise
    out = replace(splats, mean=mean.astype(np.float32))
    steep = np.flatnonzero(np.abs(slope).max(1) > 1e-6)
    out.quat, out.log_scale = splats.quat.copy(), splats.log_scale.copy()
    out.quat[steep], out.log_scale[steep] = _sheared(splats.quat[steep], splats.log_scale[steep],
                                                     np.clip(slope[steep], -STEEPEST, STEEPEST))
    return out


def _sheared(quat: np.ndarray, log_scale: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quaternions and scales of discs after z += slope . (x, y). quat [N, 4], log_scale [N, 2], slope [N, 2]."""
    frame = rotation_matrices(quat.astype(np.float64))  # columns u, v, n
    frame[:, 2, :2] += np.einsum("ni,nik->nk", slope, frame[:, :2, :2])
    u, v = frame[:, :, 0], frame[:, :, 1]
    length = np.linalg.norm(u, axis=1, keepdims=True)
    u = u / length
    v = v - (u * v).sum(1, keepdims=True) * u
    breadth = np.linalg.norm(v, axis=1, keepdims=True)
    v = v / np.maximum(breadth, 1e-9)
    axes = np.stack([u, v, np.cross(u, v)], 2)
    stretched = log_scale + np.log(np.maximum(np.concatenate([length, breadth], 1), 1e-3))
    return quaternions(axes).astype(np.float32), stretched.astype(np.float32)


# ------------------------------------------------------------------------------------------------------------ filling

def _fillings(flat: VoxelScene, bodies: Bodies, body: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Voxels that close the gaps which draping opened.

    Returns:
        source: int64 [M] the voxel that each is made from. column: int32 [M, 2] x, y. z: int64 [M] index (as `z`).
        side: int64 [M] row of _SIDES that it looks to.
    """
    contacts = _contacts(flat.coords, bodies, body, z)
    walls = _walls(flat.coords, bodies, body, z)
    source, low, high, side = (np.concatenate(p) for p in zip(contacts, walls))  # fill low .. high
    count = np.maximum(high - low + 1, 0)
    start = np.repeat(np.cumsum(count) - count, count)
    fill_z = np.repeat(low, count) + np.arange(count.sum()) - start
    source, side = np.repeat(source, count), np.repeat(side, count)
    nearest = np.argsort(z[source] - fill_z, kind="stable")  # where two would fill a place, the voxel closest above does
    source, side, fill_z = source[nearest], side[nearest], fill_z[nearest]
    column = flat.coords[source, :2]
    _, first = np.unique(pack_keys(np.column_stack([column, fill_z])), return_index=True)
    return source[first], column[first], fill_z[first], side[first]


def _contacts(coords: np.ndarray, bodies: Bodies, body: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Runs below voxels that touched a neighbour (or the voxel beneath) and have risen above it."""
    keys = pack_keys(coords)
    order = np.argsort(keys)
    sorted_keys = keys[order]
    top = np.full(bodies.ground.shape, -1 << 30)
    np.maximum.at(top, (len(top) - 1 - coords[:, 1], coords[:, 0]), z)
    parts = []
    steps = [(dx, dy, dz, s) for s, (dx, dy) in enumerate(_SIDES) for dz in (-1, 0, 1)] + [(0, 0, -1, 3)]
    for dx, dy, dz, side in steps:
        want = pack_keys(coords + np.array([dx, dy, dz], coords.dtype))
        at = np.minimum(np.searchsorted(sorted_keys, want), len(keys) - 1)
        upper = np.flatnonzero(sorted_keys[at] == want)
        lower = order[at[upper]]
        gap = z[upper] > z[lower] + 1
        upper, lower = upper[gap], lower[gap]
        # ground beside a building that is higher than it: the building's wall closes the step
        closed = (body[upper] != BUILDING) & (body[lower] == BUILDING) & (
            top[len(top) - 1 - coords[lower, 1], coords[lower, 0]] >= z[upper])
        upper, lower = upper[~closed], lower[~closed]
        parts.append((upper, z[lower] + 1, z[upper] - 1, np.full(len(upper), side)))
    return tuple(np.concatenate(p).astype(np.int64) for p in zip(*parts))


def _walls(coords: np.ndarray, bodies: Bodies, body: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Runs that bring the walls of buildings down to the lowest ground beside each of their outer columns."""
    h, w = bodies.ground.shape
    row, col = h - 1 - coords[:, 1], coords[:, 0]
    far = 1 << 30
    ground = np.full((h, w), far)  # lowest voxel of each column without a building
    open_cell = bodies.label[row, col] == 0
    np.minimum.at(ground, (row[open_cell], col[open_cell]), z[open_cell])
    lowest = np.full((h, w), far)
    built = np.flatnonzero((body == BUILDING) & ~open_cell)
    np.minimum.at(lowest, (row[built], col[built]), z[built])
    foot = built[z[built] == lowest[row[built], col[built]]]
    padded = np.pad(ground, 1, constant_values=far)
    beside = np.stack([padded[row[foot] + 1 - dy, col[foot] + 1 + dx] for dx, dy in _SIDES], 1)  # [F, 4]
    side = beside.argmin(1)
    low = beside[np.arange(len(foot)), side]
    outer = (low < far) & (low < z[foot])
    return foot[outer], low[outer], z[foot][outer] - 1, side[outer]


def _unique_rows(coords: np.ndarray, priority: np.ndarray) -> np.ndarray:
    """Indices of one row for each place, sorted by x, y, z; of equals the one of highest priority."""
    keys = pack_keys(coords)
    order = np.lexsort((-priority, keys))
    return order[np.unique(keys[order], return_index=True)[1]]


def _filling_splats(flat: VoxelScene, before: Splats, draped: Splats, source: np.ndarray, place: np.ndarray,
                    side: np.ndarray, origin: np.ndarray) -> Splats:
    """Four upright splats for each filling voxel, in the colours of the voxel it was made from.

    Args:
        before, draped: the splats in the flattened and in the world frame.
        source [M], place [M, 3] (index before rebasing), side [M]: as _fillings gives. origin: of the index frame.
    """
    size = flat.voxel_size
    owned = _splats_of(flat, before, source)  # [M, 4]
    normal = np.column_stack([_SIDES[side], np.zeros(len(side))]).astype(np.float64)
    out = upright_splats(origin + (place + 0.5 + 0.5 * normal) * size, normal, before.sh[owned], flat.class_id[source], size)
    wall = np.abs(before.normals()[owned][..., 2]).max(1) < 0.5  # made from a wall: stay in its plane
    mean = out.mean.reshape(-1, 4, 3)
    mean[wall, :, :2] = draped.mean[owned[wall]][..., :2]
    out.quat[np.repeat(wall, 4)] = draped.quat[owned[wall].ravel()]
    return out


def upright_splats(centre: np.ndarray, normal: np.ndarray, sh: np.ndarray, class_id: np.ndarray, size: float) -> Splats:
    """Four splats that close the side of each of M voxels.

    Args:
        centre: float64 [M, 3] middle of the side, metres. normal: float64 [M, 3] horizontal unit. sh: float32 [M, 4, R, 3] of
            each splat, or [M, R, 3] for all four. class_id: uint8 [M]. size: metres along one side of a voxel.
    """
    u, v = tangent_frame(normal)
    mean = centre[:, None] + size * (_SPREAD[:, :1] * u[:, None] + _SPREAD[:, 1:] * v[:, None])  # [M, 4, 3]
    quat = np.repeat(quaternions(np.stack([u, v, normal], 2)), 4, 0)
    n = 4 * len(centre)
    sh = sh.reshape(n, *sh.shape[2:]) if sh.ndim == 4 else np.repeat(sh, 4, 0)
    return Splats(mean.reshape(-1, 3).astype(np.float32), np.full((n, 2), np.log(FILL_SIGMA * size), np.float32),
                  quat.astype(np.float32), np.full(n, FILL_OPACITY, np.float32), sh, np.repeat(class_id, 4))


def _splats_of(flat: VoxelScene, splats: Splats, voxel: np.ndarray) -> np.ndarray:
    """Four splats of each of the voxels [M], int64 [M, 4]: its own where they are in the voxels' order, else the nearest."""
    each = len(splats) // len(flat.coords)  # those of corners' second walls follow
    if each >= 1 and np.array_equal(splats.class_id[:each * len(flat.coords)], np.repeat(flat.class_id, each)):
        return voxel[:, None] * each + np.arange(4) % each
    index = cKDTree(splats.mean).query(flat.centres()[voxel], k=min(4, len(splats)))[1]
    return index.reshape(len(voxel), -1)[:, np.arange(4) % min(4, len(splats))]
