"""Parts of a scene that have one tone each: every building's roof, every building's walls, and every other class as a whole."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from ..scene.voxels import highest_voxels

UPRIGHT = 0.5  # a surface whose normal rises less than this is a wall
FEWEST = 4  # voxels with a colour that a part's tone takes
TONE_SPREAD, BUILT_SPREAD = 0.35, 0.9
"""How far the drawn tone of a class as a whole, and of a building, strays from the class's mean, as a share of how far it
strays in the data: lawns and roads that were photographed on different days are to lie side by side."""


@dataclass
class Parts:
    """Parts and which voxels belong to them.

    Attributes:
        part: int64 [N] part of each voxel.
        class_id: uint8 [P]. wall: bool [P] walls of a building.
        place: int64 [P, 2] x, y of one column that tells a building from others of its class; -1 where a class is one part.
    """

    part: np.ndarray
    class_id: np.ndarray
    wall: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.class_id)

    def size(self) -> np.ndarray:
        """Voxels of each part, int64 [P]."""
        return np.bincount(self.part, minlength=len(self))


def parts_of(coords: np.ndarray, class_id: np.ndarray, normal: np.ndarray) -> Parts:
    """Parts of a flattened scene's voxels.

    Buildings are the connected areas of one building class, seen from above.

    Args:
        coords: int [N, 3] x, y, z. class_id: uint8 [N]. normal: float [N, 3] unit.
    """
    shape = tuple(coords[:, :2].max(0) + 1)
    top = highest_voxels(coords, shape)
    above = np.where(top >= 0, class_id[top], 0)
    number, buildings = np.zeros(shape, np.int64), 0
    for c in sem.BUILDING_IDS:
        label, count = ndimage.label(above == c)
        number += np.where(label > 0, label + buildings, 0)
        buildings += count
    of_building = np.where(sem.is_in(class_id, sem.BUILDING_IDS), number[coords[:, 0], coords[:, 1]], 0)
    wall = (of_building > 0) & (np.abs(normal[:, 2]) < UPRIGHT)
    key = np.where(of_building > 0, sem.NUM_CLASSES + 2 * of_building + wall, class_id)
    _, first, part = np.unique(key, return_index=True, return_inverse=True)
    place = np.full((len(first), 2), -1, np.int64)
    own = of_building[first] > 0
    numbers, at = np.unique(number, return_index=True)
    place[own] = np.stack(np.unravel_index(at[np.searchsorted(numbers, of_building[first][own])], shape), 1)
    return Parts(part, class_id[first], wall[first], place)


def tones(parts: Parts, rgb: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean colour of each part where it was seen.

    Args:
        rgb: uint8 [N, K, 3] sRGB samples. seen: bool [N].

    Returns:
        float32 [P, 4]: r, g, b in -1..1 and 1; all 0 for parts of which too little was seen.
    """
    count = np.bincount(parts.part[seen], minlength=len(parts))
    mean = rgb[seen].mean(1, dtype=np.float32) / 127.5 - 1  # [S, 3]
    total = np.stack([np.bincount(parts.part[seen], m, len(parts)) for m in mean.T], 1)
    known = count >= FEWEST
    return np.column_stack([total / np.maximum(count, 1)[:, None] * known[:, None], known]).astype(np.float32)


def draw_tones(parts: Parts, palette: np.ndarray, size: np.ndarray, seed: int) -> np.ndarray:
    """A tone for each part from the palette of its class, a function of seed and place alone.

    Args:
        palette: float32 [26, 2, K, 3] tones of each class, its walls at index 1. size: int [26, 2] how many of them there are.

    Returns:
        float32 [P, 4] as `tones` gives; 0 where the palette is empty.
    """
    out = np.zeros((len(parts), 4), np.float32)
    for i, (c, wall, place) in enumerate(zip(parts.class_id, parts.wall.astype(int), parts.place)):
        own = palette[c, wall, :size[c, wall]]
        if len(own):
            drawn = own[np.random.default_rng([seed & (2 ** 64 - 1), c, wall, *(place + 1)]).integers(len(own))]
            spread = BUILT_SPREAD if place[0] >= 0 else TONE_SPREAD
            out[i] = *(own.mean(0) + spread * (drawn - own.mean(0))), 1
    return out
