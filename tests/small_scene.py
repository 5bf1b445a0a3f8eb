"""A small flattened scene for tests: lawn, a road, a house, a pond, a tree and, when asked, a bridge over a river."""
from __future__ import annotations

from functools import lru_cache

import numpy as np

from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.splats import SH_C0, Splats, quaternions
from earthcrafter_core.scene.voxels import GROUND_INDEX, VoxelScene, flat_origin, tangent_frame

HOUSE = (slice(8, 16), slice(6, 18))  # rows, columns
POND = (slice(24, 34), slice(24, 36))
TREE = (slice(6, 13), slice(26, 33))
ROAD = (slice(18, 22), slice(0, 40))
ROOF = 6  # voxels above the ground
SIZE = 40


def layout(bridge: bool = False) -> np.ndarray:
    """uint8 [40, 40], row 0 north."""
    ids = np.full((SIZE, SIZE), sem.LAWN, np.uint8)
    if bridge:
        ids[:, 14:22] = sem.WATER
        ids[18:22, 12:24] = sem.BRIDGE
        return ids
    ids[ROAD], ids[HOUSE], ids[POND], ids[TREE] = sem.ROAD, sem.HOUSE, sem.WATER, sem.BROADLEAF
    return ids


@lru_cache
def scene(bridge: bool = False) -> tuple[VoxelScene, Splats, np.ndarray]:
    """Voxels, four splats for each in their order, and the layout; a closed shell. Not to be changed."""
    ids = layout(bridge)
    h, w = ids.shape
    rows = []  # x, y, z above ground, class, normal
    for r in range(h):
        for c in range(w):
            x, y, k = c, h - 1 - r, ids[r, c]
            if k == sem.HOUSE:
                rows.append((x, y, ROOF, k, 0, 0, 1))
                side = [(dx, dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)) if ids[r - dy, c + dx] != sem.HOUSE]
                if side:
                    n = np.array(side).sum(0) / np.linalg.norm(np.array(side).sum(0))
                    rows += [(x, y, z, k, n[0], n[1], 0) for z in range(ROOF)]
            elif k == sem.BRIDGE:
                rows += [(x, y, 3, k, 0, 0, 1), (x, y, 0, sem.WATER if 14 <= c < 22 else sem.LAWN, 0, 0, 1)]
            else:
                rows.append((x, y, 0, sem.LAWN if k == sem.BROADLEAF else k, 0, 0, 1))
    if not bridge:
        middle = np.array([29.5, h - 1 - 9.0, 8.0])
        places = np.indices((SIZE, SIZE, 16)).reshape(3, -1).T
        away = np.linalg.norm(places - middle, axis=1)
        for k in np.flatnonzero((np.abs(away - 3.0) < 0.75) & (places[:, 2] > 5)):
            rows.append((*places[k], sem.BROADLEAF, *((places[k] - middle) / away[k])))
    table = np.array(rows, float)
    order = np.lexsort((table[:, 2], table[:, 1], table[:, 0]))
    table = table[order]
    coords = (table[:, :3] + [0, 0, GROUND_INDEX]).astype(np.int32)
    class_id = table[:, 3].astype(np.uint8)
    rgb = sem.PALETTE[class_id]
    voxels = VoxelScene(coords, class_id, rgb, flat_origin(1.0), 1.0)
    u, v = tangent_frame(table[:, 4:])
    spread = np.array([[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]])
    mean = voxels.centres()[:, None] + spread[:, :1] * u[:, None] + spread[:, 1:] * v[:, None]
    quat = np.repeat(quaternions(np.stack([u, v, table[:, 4:]], 2)), 4, 0)
    n = 4 * len(table)
    sh = ((np.repeat(rgb, 4, 0)[:, None] / 255 - 0.5) / SH_C0).astype(np.float32)
    return voxels, Splats(mean.reshape(-1, 3).astype(np.float32), np.full((n, 2), np.log(0.3), np.float32),
                          quat.astype(np.float32), np.full(n, 4, np.float32), sh, np.repeat(class_id, 4)), ids


def slope(share: float, size: int = SIZE) -> np.ndarray:
    """Elevation that rises to the east, float32 [size, size] metres."""
    return np.broadcast_to((np.arange(size) + 0.5) * share, (size, size)).astype(np.float32)
