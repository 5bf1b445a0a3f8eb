"""From a shell of voxels to a solid: ground filled downwards, buildings from roof to ground, crowns down to their base."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from ..scene.voxels import VoxelScene

CROWN_WINDOW = 5  # voxels: the base of a crown is the lowest crown voxel this near
FOREST_WINDOW = 11  # voxels: where everything this near is crown, the space below cannot be seen and is filled
TRUNK_WINDOW = 7  # voxels: crowns whose tops are this near share a trunk
FLOATERS = 4  # pieces of at most this many voxels that touch nothing are left out
FAR = 1 << 20


@dataclass
class Solid:
    """Class of every voxel of a box, 0 for air; one column of ground is added on each side, and one layer below.

    Attributes:
        class_id: uint8 [X + 2, Y + 2, Z + 3]; voxel (x, y, z) of the box is at (x + 1, y + 1, z + 1).
        corner: int64 [3] index of the box's first voxel in the scene.
    """

    class_id: np.ndarray
    corner: np.ndarray


def solidify(voxels: VoxelScene) -> Solid:
    """The solid that a shell of voxels bounds."""
    corner = voxels.coords.min(0).astype(np.int64)
    x, y, z = (voxels.coords - corner).astype(np.int64).T
    shape = np.array([x.max(), y.max(), z.max()]) + 1
    out = np.zeros(shape + [2, 2, 3], np.uint8)
    out[x + 1, y + 1, z + 1] = voxels.class_id
    inner = out[1:-1, 1:-1]
    level = np.arange(out.shape[2])

    built, crown = sem.is_in(inner, sem.BUILDING_IDS), sem.is_in(inner, sem.CROWN_IDS)
    ground_class = (inner > 0) & ~built & ~crown & (inner != sem.BRIDGE)
    ground = np.where(ground_class.any(2), ground_class.argmax(2), FAR)
    roof = np.where(built.any(2), len(level) - 1 - built[:, :, ::-1].argmax(2), -1)
    cover = np.where(ground < FAR, np.take_along_axis(inner, np.minimum(ground, len(level) - 1)[..., None], 2)[..., 0], 0)
    known = (ground < FAR) & (roof < 0)
    ground, cover = _filled_ground(ground, cover, known, inner)

    _fill(inner, level < roof[..., None], _top_class(inner, built))
    _fill(inner, level <= np.where(roof < 0, ground, 0)[..., None], cover)
    _fill_crowns(inner, crown, ground, level)
    slab = np.zeros(inner.shape, bool)  # decks two voxels thick: where one steps down, its pieces stay joined
    slab[:, :, :-1] = inner[:, :, 1:] == sem.BRIDGE
    inner[slab & (inner == 0)] = sem.BRIDGE
    _drop_floaters(inner)
    out[0], out[-1] = out[1], out[-2]
    out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
    edge = np.pad(ground, 1, mode="edge")[..., None]
    border = np.ones(out.shape[:2], bool)
    border[1:-1, 1:-1] = False
    out[border[..., None] & (level > edge)] = 0
    border_cover = np.broadcast_to(np.pad(cover, 1, mode="edge")[..., None], out.shape)
    solid_border = border[..., None] & (level <= edge)
    out[solid_border] = border_cover[solid_border]
    return Solid(out, corner)


def _filled_ground(ground: np.ndarray, cover: np.ndarray, known: np.ndarray, inner: np.ndarray,
                   ) -> tuple[np.ndarray, np.ndarray]:
    """Ground index and class of every column: the nearest known one where a column shows no ground."""
    if not known.any():
        lowest = (inner > 0).argmax(2)
        return np.maximum(lowest - 1, 0), np.full(ground.shape, sem.SOIL, np.uint8)
    r, c = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return ground[r, c], cover[r, c]


def _top_class(inner: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Class of the highest voxel of each column in the mask, uint8 [X, Y]."""
    top = mask.shape[2] - 1 - mask[:, :, ::-1].argmax(2)
    return np.take_along_axis(inner, top[..., None], 2)[..., 0]


def _fill(inner: np.ndarray, mask: np.ndarray, class_id: np.ndarray) -> None:
    """Air in the mask [X, Y, Z] gets its column's class [X, Y], in place."""
    mask = mask & (inner == 0)
    inner[mask] = np.broadcast_to(class_id[..., None], inner.shape)[mask]


def _fill_crowns(inner: np.ndarray, crown: np.ndarray, ground: np.ndarray, level: np.ndarray) -> None:
    """Crowns are solid from their top to the lowest crown voxel nearby; inside a forest and where a trunk is, to the ground."""
    has = crown.any(2)
    if not has.any():
        return
    top = np.where(has, len(level) - 1 - crown[:, :, ::-1].argmax(2), -1)
    low, joined = top.copy(), has.copy()
    for k in range(1, len(level)):  # downwards as long as the run goes on
        z = np.maximum(top - k, 0)
        joined &= np.take_along_axis(crown, z[..., None], 2)[..., 0] & (top - k > ground)
        if not joined.any():
            break
        low[joined] = z[joined]
    base = ndimage.minimum_filter(np.where(has, low, FAR), CROWN_WINDOW, mode="nearest")
    inside = ndimage.minimum_filter(has, FOREST_WINDOW, mode="nearest")
    base = np.where(inside, ground, np.maximum(base, ground + 1))
    base = np.where(_trunks(top) & ~inside, ground, base)
    _fill(inner, has[..., None] & (level >= base[..., None]) & (level <= top[..., None]), _top_class(inner, crown))


def _trunks(top: np.ndarray) -> np.ndarray:
    """One column for each crown, its highest, that stands on the ground; top: int [X, Y], -1 where there is none."""
    peak = (top >= 0) & (top == ndimage.maximum_filter(top, TRUNK_WINDOW, mode="nearest"))
    label, count = ndimage.label(peak, np.ones((3, 3)))
    out = np.zeros(top.shape, bool)
    if count:
        middle = np.rint(ndimage.center_of_mass(peak, label, np.arange(1, count + 1))).astype(int)
        out[tuple(middle.T)] = True
    return out & (top >= 0)


def _drop_floaters(inner: np.ndarray) -> None:
    """Empty the small pieces that touch nothing, in place."""
    label, count = ndimage.label(inner > 0, np.ones((3, 3, 3)))
    if count > 1:
        small = np.bincount(label.ravel()) <= FLOATERS
        small[0] = False
        inner[small[label]] = 0
