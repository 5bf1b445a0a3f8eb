"""Decoded voxels back to surfaces: the reverse of shell.py, so that what was sampled is as clean as what was learnt from.

A decoded shell has holes where the decoder was in doubt, and roofs that wander by a voxel. Read as surfaces (one ground,
roof, crown or deck height for each column) it is mended with the means that LiDAR is: holes take the heights around them,
roofs become planes, and `build_shell` makes a gap-free shell of it. The painted map decides what each column is.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from ..scene.voxels import column_tops, index_to_height
from .classify import smooth_planar
from .roofs import neighbours, regular_roof
from .shell import Shell, Surfaces, build_shell

HIGHEST_GROUND = 3.0  # metres from the smooth relief: ground further up or down is a wall of something else
LOWEST_ROOF, LOWEST_CROWN = 2.2, 1.5  # metres: what is lower on a painted building or tree is a hole
TALLEST_CROWN = 42.0  # metres: what is higher beside a tower was meant for the tower
SLENDER = 8.0, 3.0  # metres, and metres for each cell that a group of trees is wide: what is higher likewise
HIGH_SHARE = 0.6  # of its patch's height: a tower or block of flats that is lower at some place has a hole there
HINT_STEP = 0.5  # metres that the hints of one patch may differ and still be one number
STRAY = 1.5  # metres by which a height may differ from the median around it
RAMP = 0.12  # rise over run of a bridge's approach
EVEN = 1.2  # cells: standard deviation of the blur that evens the ground
WATER_IDS = np.array([sem.WATER, sem.POOL], np.uint8)
WAY_IDS = np.array([sem.ROAD, sem.PATH, sem.PARKING, sem.RAILWAY], np.uint8)


def surfaces_of(coords: np.ndarray, class_id: np.ndarray, painted: np.ndarray, voxel_size: float = 1.0,
                hint: np.ndarray | None = None, check: Callable[[], None] = lambda: None) -> Surfaces:
    """Surfaces of decoded voxels in height above ground.

    Args:
        coords: int [N, 3], x east, y north, z; inside the map. class_id: uint8 [N].
        painted: uint8 [H, W], row 0 north, 0 where the voxels decide what a column is.
        hint: float [H, W] metres above ground that buildings and crowns are to reach, NaN where free; None is free everywhere.
        check: called between steps; may raise.
    """
    shape = painted.shape
    column = (shape[0] - 1 - coords[:, 1], coords[:, 0])
    height = index_to_height(coords[:, 2], voxel_size)

    def highest(mask: np.ndarray) -> np.ndarray:
        out = column_tops(coords[mask], shape, voxel_size)
        return np.where(np.isinf(out), np.nan, out)

    soil = sem.is_in(class_id, sem.GROUND_IDS) & (np.abs(height) <= HIGHEST_GROUND)
    ground = highest(soil)
    cover = np.zeros(shape, np.uint8)
    top_soil = soil & (height == ground[column])
    cover[column[0][top_soil], column[1][top_soil]] = class_id[top_soil]
    seen = np.zeros(shape, np.uint8)
    on_top = height == highest(np.ones(len(coords), bool))[column]
    seen[column[0][on_top], column[1][on_top]] = class_id[on_top]
    layout = np.where(painted > 0, painted, seen).astype(np.uint8)

    own_ground = sem.is_in(layout, sem.GROUND_IDS)
    cover = np.where(own_ground, layout, cover)
    ground, cover = _nearest(ground, np.isfinite(ground), 0.0), _nearest(cover, cover > 0, sem.MEADOW)
    layout = np.where(layout > 0, layout, cover).astype(np.uint8)
    ground = _even_ground(_without_strays(ground, ~sem.is_in(layout, sem.BUILDING_IDS)), cover)

    check()
    house, tree, deck = sem.is_in(layout, sem.BUILDING_IDS), sem.is_in(layout, sem.CROWN_IDS), layout == sem.BRIDGE
    top = ground.copy()
    roof = highest(sem.is_in(class_id, sem.BUILDING_IDS))
    crown = highest(sem.is_in(class_id, sem.CROWN_IDS) & (height <= TALLEST_CROWN))
    for group, level, lowest in ((house, roof, LOWEST_ROOF), (tree, crown, LOWEST_CROWN),
                                 (deck, highest(class_id == sem.BRIDGE), -np.inf)):
        top = np.where(group, _mended(np.where(level >= lowest, level, np.nan), layout, group, ground), top)
    if house.any():
        check()
        top = np.where(house, smooth_planar(top, house, 3, 2), top)
        check()
        top = _regular_roofs(top, layout, house)
    check()
    if hint is not None:
        top = _as_hinted(top, layout, house | tree, hint)
    if deck.any():
        top = _level_decks(top, layout, deck)
    shrub = layout == sem.SHRUB
    top = np.where(shrub, np.fmax(ground, highest(class_id == sem.SHRUB)), top)
    footprint = np.zeros(shape, np.int32)
    for number, (_, box, patch) in enumerate(_patches(layout, house), 1):
        footprint[box][patch] = number
    return Surfaces(layout, cover.astype(np.uint8), ground, top, footprint)


def _even_ground(ground: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Heights of the ground that were whole voxels as a slope without steps; each water lies at one level."""
    out = ndimage.gaussian_filter(ground, EVEN, mode="nearest")
    for _, box, patch in _patches(cover, sem.is_in(cover, WATER_IDS)):
        out[box][patch] = np.median(ground[box][patch])
    return out


def framed_shell(s: Surfaces, voxel_size: float = 1.0) -> Shell:
    """As build_shell, with walls at the map's border too: what lies beyond is taken for ground."""
    ground, cover = (np.pad(p, 1, mode="edge") for p in (s.ground, s.cover))
    framed = Surfaces(cover.copy(), cover, ground, ground.copy(), np.zeros(cover.shape, np.int32))
    for name in ("layout", "top", "footprint"):
        getattr(framed, name)[1:-1, 1:-1] = getattr(s, name)
    shell = build_shell(framed, voxel_size)
    own = (shell.row > 0) & (shell.row <= s.layout.shape[0]) & (shell.col > 0) & (shell.col <= s.layout.shape[1])
    kept = {name: getattr(shell, name)[own] for name in Shell.__dataclass_fields__}
    return Shell(**kept | {"row": kept["row"] - 1, "col": kept["col"] - 1})


def _mended(level: np.ndarray, layout: np.ndarray, group: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Heights of a group of columns without holes (NaN) and strays; where a whole patch has none, the ground's."""
    out = ground.copy()
    for c, box, patch in _patches(layout, group):
        there = level[box]
        known = patch & np.isfinite(there)
        if known.any():
            if c in (sem.APARTMENTS, sem.TOWER):
                known &= there > HIGH_SHARE * np.quantile(there[known], 0.75)
            elif c in sem.CROWN_IDS:
                low_enough = known & (there - out[box] <= SLENDER[0] + SLENDER[1] * 2 * np.sqrt(patch.sum() / np.pi))
                known = low_enough if low_enough.any() else known
            heights = _without_strays(_nearest(there, known, 0.0), patch)
            out[box] = np.where(patch, heights, out[box])
    return out


def _patches(layout: np.ndarray, group: np.ndarray) -> Iterator[tuple[int, tuple[slice, slice], np.ndarray]]:
    """(class, box, cells of the box that belong) of every patch of one class within the group."""
    for c in np.unique(layout[group]):
        label, count = ndimage.label(layout == c)
        for i, box in enumerate(ndimage.find_objects(label, count), 1):
            yield int(c), box, label[box] == i


def _regular_roofs(top: np.ndarray, layout: np.ndarray, house: np.ndarray) -> np.ndarray:
    """Every building's roof by the form that fits it, where one does."""
    out = top.copy()
    for c, box, patch in _patches(layout, house):
        roof = regular_roof(top[box], patch, c)
        if roof is not None:
            out[box] = np.where(patch, roof, out[box])
    return out


def _as_hinted(top: np.ndarray, layout: np.ndarray, group: np.ndarray, hint: np.ndarray) -> np.ndarray:
    """Patches as high as their hint says: one number for a patch is the height of its highest point, a roof or crown keeps its
    form; numbers that differ from cell to cell are the form."""
    out = top.copy()
    for _, box, patch in _patches(layout, group):
        known = patch & np.isfinite(hint[box])
        if not known.any():
            continue
        wanted, made = hint[box][known], out[box]
        if np.ptp(wanted) > HINT_STEP:
            made[known] = wanted
        else:
            made[patch] *= max(float(np.median(wanted)), _least_height(layout[box][patch][0])) / max(made[patch].max(), 0.1)
    return out


def _least_height(class_id: int) -> float:
    """Metres that what stands on a painted cell of a building or tree has at least."""
    return LOWEST_ROOF if class_id in sem.BUILDING_IDS else LOWEST_CROWN


def _level_decks(top: np.ndarray, layout: np.ndarray, deck: np.ndarray) -> np.ndarray:
    """Bridges at one level, which they reach from the ways that lead onto them at no more than RAMP."""
    out = top.copy()
    way = ndimage.distance_transform_edt(~sem.is_in(layout, WAY_IDS))  # cells to the nearest way
    for _, box, patch in _patches(layout, deck):
        level = max(float(np.median(top[box][patch])), 0.0)
        reached = bool((way[box][patch] < 1.5).any())
        rise = np.minimum(level, RAMP * (way[box] - 1)) if reached else np.full(patch.shape, level)
        out[box] = np.where(patch, rise, out[box])
    return out


def _nearest(plane: np.ndarray, known: np.ndarray, otherwise: float) -> np.ndarray:
    """The plane with unknown cells filled by the nearest known one."""
    if not known.any():
        return np.full_like(plane, otherwise)
    r, c = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return plane[r, c]


def _without_strays(plane: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Cells in the mask that differ from the median of the 5 x 5 around them (in the mask) by more than STRAY take it."""
    near = neighbours(plane, mask, 2)
    median = np.nanmedian(near, 1) if len(near) else np.zeros(0)
    out = plane.copy()
    out[mask] = np.where(np.abs(plane[mask] - median) > STRAY, median, plane[mask])
    return out
