"""Which class covers each half cell of the ground, without specks and without areas that touch at a corner alone."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ...convert.kerbs import FINE, smoothed_classes
from ...scene import classes as sem
from ..columns import WATER_IDS, Columns

HIGH, LOW, BED, BASIN, OUTSIDE = range(5)
"""Levels of the ground: pavement and everything natural; carriageways; under water; under pools; beyond the scene."""
OUTSIDE_LABEL = 255
SPECK = 6.0  # square metres: smaller areas take the class around them
BELOW = 1.0  # metres from a bridge down to ground that is not its own
PAVED_IDS = np.array([sem.ROAD, sem.PATH, sem.PARKING], np.uint8)
_FIRST = (sem.WATER, sem.POOL, sem.ROAD, sem.PARKING, sem.RAILWAY, sem.PATH, sem.SPORTS)

LEVEL_OF = np.full(256, HIGH, np.uint8)
LEVEL_OF[[sem.ROAD, sem.PARKING]] = LOW
LEVEL_OF[sem.WATER], LEVEL_OF[sem.POOL], LEVEL_OF[OUTSIDE_LABEL] = BED, BASIN, OUTSIDE

RANK = np.zeros(256, np.int64)
"""The line around the label of highest rank runs on where three labels meet; each label has a rank of its own."""
RANK[[*(c for c in range(sem.NUM_CLASSES) if c not in _FIRST), *reversed(_FIRST), OUTSIDE_LABEL]] = np.arange(
    sem.NUM_CLASSES + 1)


def ground_cover(columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Class of the ground in each column, uint8 [X, Y]; and where it is hidden by a bridge, bool [X, Y].

    There it is that of the nearest ground beside, water too: what was generated below a bridge is often the bridge's own road.
    Paving below a bridge's edge is what was painted of its pavement, and does not lie there either.
    """
    bridge = columns.above == sem.BRIDGE
    if not bridge.any():
        return columns.cover, np.zeros(columns.shape, bool)
    below = nearest_where(columns.top, bridge) - columns.ground > BELOW
    edge = ndimage.binary_dilation(bridge, np.ones((3, 3))) & ~bridge & (columns.above == 0)
    hidden = (bridge & (below | ~columns.shown)) | (edge & below & sem.is_in(columns.cover, PAVED_IDS))
    return nearest_where(columns.cover, ~hidden), hidden


def ground_labels(columns: Columns) -> np.ndarray:
    """Class of each half cell, uint8 [2X, 2Y]: rounded as the colours of the surfels are (convert/kerbs.py)."""
    cover = np.where(columns.building > 0, 0, ground_cover(columns)[0]).astype(np.uint8)
    if not cover.any():
        return np.repeat(np.repeat(columns.cover, FINE, 0), FINE, 1)
    labels = smoothed_classes(np.repeat(np.repeat(cover, FINE, 0), FINE, 1))
    labels = nearest_where(labels, labels > 0)
    wet = sem.is_in(labels, WATER_IDS)
    joined, _ = ndimage.label(wet, np.ones((3, 3)))
    labels[wet & np.isin(joined, np.unique(joined[labels == sem.WATER]))] = sem.WATER  # a pool that touches a lake is one
    return cleaned(labels, columns.cell / FINE)


def nearest_where(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values [X, Y], each that is not known replaced by the nearest that is."""
    if known.all() or not known.any():
        return values
    r, c = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return values[r, c]


def cleaned(labels: np.ndarray, cell: float) -> np.ndarray:
    """Labels [X, Y] without areas below SPECK, and without corners at which an area or a level touches only itself."""
    for _ in range(3):
        keep = np.ones(labels.shape, bool)
        for c in np.unique(labels):
            area, count = ndimage.label(labels == c)
            small = np.bincount(area.ravel(), minlength=count + 1) * cell * cell < SPECK
            small[0] = False
            keep &= ~small[area]
        mended = _without_corner_contacts(nearest_where(labels, keep) if keep.any() else labels)
        if np.array_equal(mended, labels):
            break
        labels = mended
    return labels


def _without_corner_contacts(labels: np.ndarray) -> np.ndarray:
    """In each such block of 2 x 2 the label of lowest rank gives way to its highest neighbour, until there are none.

    Every step raises a rank, so it ends.
    """
    labels = labels.copy()
    while min(labels.shape) > 1:
        block = np.stack([labels[:-1, :-1], labels[1:, :-1], labels[1:, 1:], labels[:-1, 1:]])  # around the corner
        level = LEVEL_OF[block]
        contact = (((block[0] == block[2]) | (block[1] == block[3])) & (block[0] != block[1]) & (block[1] != block[2])
                   & (block[2] != block[3]) & (block[3] != block[0]))
        for kind in (level, level >= BED):  # dry levels may meet at the water
            apart = (kind != np.roll(kind, 1, 0)) & (kind != np.roll(kind, -1, 0))  # from both beside it
            contact |= (apart[0] & (kind[0] == kind[2])) | (apart[1] & (kind[1] == kind[3]))
        x, y = np.nonzero(contact)
        if not len(x):
            break
        around = block[:, x, y]  # [4, M]
        every = np.arange(len(x))
        lowest = RANK[around].argmin(0)
        sides = np.stack([around[(lowest + 1) % 4, every], around[(lowest + 3) % 4, every]])
        labels[x + np.array([0, 1, 1, 0])[lowest], y + np.array([0, 0, 1, 1])[lowest]] = sides[RANK[sides].argmax(0), every]
    return labels


def water_bodies(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Number of the lake, river or pool in each half cell, int32 [X, Y] from 1, 0 on land; and how many there are."""
    out, count = np.zeros(labels.shape, np.int32), 0
    for c in WATER_IDS:
        area, found = ndimage.label(labels == c, np.ones((3, 3)))
        out += np.where(area > 0, area + count, 0).astype(np.int32)
        count += found
    return out, count
