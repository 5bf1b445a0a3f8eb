"""How high the top of each bridge's deck lies: what its surfels say, smooth along it, with one fall across."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...scene import classes as sem
from ..columns import Columns

LEAST = 10.0  # square metres: smaller pieces are none
ROUNDS = 8  # of reweighting: the fit minimises absolute errors, not their squares
SMOOTHING = 3.0  # columns, where a bridge is no plain curve ...
MISFIT = 0.5  # ... which it is if half of its columns lie within this many metres of one
_AXIS, _BESIDE = 1, 0


@dataclass
class Deck:
    """One bridge.

    Attributes:
        mask: bool [X, Y] its columns. box: slices of the part of the scene around it.
        level: float64 [X, Y] height of its top in the box, continued around it.
    """

    mask: np.ndarray
    box: tuple[slice, slice]
    level: np.ndarray


def find_decks(columns: Columns) -> list[Deck]:
    """The bridges of a place, from the south-west."""
    bridge = columns.above == sem.BRIDGE
    if not bridge.any():
        return []
    crowned = sem.is_in(columns.above, sem.CROWN_IDS)
    number, count = ndimage.label(bridge | (ndimage.binary_closing(bridge, np.ones((3, 3))) & crowned), np.ones((3, 3)))
    out = []
    for k, box in enumerate(ndimage.find_objects(number), 1):
        box = tuple(slice(max(s.start - 3, 0), s.stop + 3) for s in box)
        mask = number[box] == k
        if mask.sum() * columns.cell ** 2 >= LEAST:
            out.append(Deck(mask, box, _level(mask & bridge[box], columns.top[box])))
    return out


def _level(known: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Heights [X, Y] of a deck everywhere, from those of its columns."""
    place = np.argwhere(known).astype(np.float64)
    centre, z = place.mean(0), top[known]
    axes = np.linalg.eigh(np.cov(place.T))[1]
    length = max(float(np.ptp((place - centre) @ axes[:, _AXIS])) / 2, 1.0)

    def basis(at: np.ndarray) -> np.ndarray:
        along, across = (at - centre) @ axes[:, _AXIS] / length, (at - centre) @ axes[:, _BESIDE] / length
        along = np.clip(along, -1.1, 1.1)
        return np.stack([np.ones_like(along), along, along ** 2, along ** 3, across, across * along], -1)

    a, weight = basis(place), np.ones(len(z))
    for _ in range(ROUNDS):
        fit = np.linalg.lstsq(a * weight[:, None], z * weight, rcond=None)[0]
        weight = 1 / np.sqrt(np.maximum(np.abs(z - a @ fit), 0.02))
    every = np.moveaxis(np.indices(known.shape), 0, -1)
    if np.median(np.abs(z - a @ fit)) < MISFIT:
        return basis(every) @ fit
    r, c = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return ndimage.gaussian_filter(top[r, c], SMOOTHING, mode="nearest")
