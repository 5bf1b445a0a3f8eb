"""What carries a bridge: abutments where its ends hang above the ground, piers between them, clear of roads below."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ...scene import classes as sem
from ..columns import WATER_IDS, Columns
from .deck_levels import Deck
from .sheet_labels import ground_cover

SPAN = 18.0  # metres between supports, at most
END_GAP, PIER_GAP = 0.3, 2.0  # metres from the ground up to the slab, from which on an end, and the middle, is carried
ABUTMENT, PIER = (1.2, 0.9), (1.0, 0.6)  # metres along the bridge; share of its width
FOOTING, WET_FOOTING = 0.6, 2.2  # metres into the ground; below the level of water
OVERLAP = 0.2  # metres into the slab
CLEAR_IDS = np.array([sem.ROAD, sem.PARKING, sem.RAILWAY, sem.PATH], np.uint8)


def supports(deck: Deck, columns: Columns, plan: np.ndarray, thickness: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Closed boxes (vertices float64 [8, 3] in metres from the corner of the deck's box, faces int64 [12, 3]) under a bridge.

    One that would hang in the air, because it is bent or cut off at the edge of the scene, gets a pier where it is widest.

    Args:
        plan: float64 [P, 2] corners of its outline, metres from the corner of the deck's box. thickness: metres of the slab.
    """
    place = (np.argwhere(deck.mask) + 0.5) * columns.cell
    centre = place.mean(0)
    axes = np.linalg.eigh(np.cov(place.T))[1][:, ::-1].T  # along, across
    along, across = (plan - centre) @ axes[0], (plan - centre) @ axes[1]
    middle = 0.5 * (across.min() + across.max()) * axes[1]
    ground, cover = columns.ground[deck.box], ground_cover(columns)[0][deck.box]
    gap = deck.level - thickness - ground  # [X, Y] metres below the slab
    corner = np.array([s.start for s in deck.box])
    stops = np.linspace(along.min(), along.max(), max(int(np.ceil(np.ptp(along) / SPAN)), 1) + 1)
    lowest = ndimage.minimum_filter(ground, 5, mode="nearest")
    near = ndimage.binary_dilation(deck.mask, np.ones((3, 3)))
    boxes: list[tuple[np.ndarray, np.ndarray]] = []

    def carry(at: np.ndarray, length: float, width: float) -> None:
        i, j = cell = tuple(np.clip((at / columns.cell).astype(int), 0, np.array(deck.mask.shape) - 1))
        foot = lowest[cell] - (WET_FOOTING if cover[i, j] in WATER_IDS else FOOTING)
        boxes.append(_box(at, axes, (length, width), foot, ground[cell] + gap[cell] + OVERLAP))

    for k, t in enumerate(stops):
        end = k in (0, len(stops) - 1)
        length, share = ABUTMENT if end else PIER
        at = centre + middle + np.clip(t, along.min() + length / 2, along.max() - length / 2) * axes[0]
        cell = (at / columns.cell).astype(int)
        if ((cell < 0) | (cell >= deck.mask.shape)).any() or not near[tuple(cell)]:
            continue  # the line between its ends leaves a bent bridge
        if end and ((cell + corner < 2) | (columns.shape - cell - corner <= 2)).any():
            continue  # the bridge goes on beyond the scene
        if gap[tuple(cell)] > (END_GAP if end else PIER_GAP) and (end or cover[tuple(cell)] not in CLEAR_IDS):
            carry(at, length, share * np.ptp(across))
    if not boxes and gap[deck.mask].min() > 0:
        inside = ndimage.distance_transform_edt(np.pad(deck.mask, 1))[1:-1, 1:-1]
        carry((np.array(np.unravel_index(inside.argmax(), inside.shape)) + 0.5) * columns.cell, PIER[0], PIER[0])
    return boxes


def _box(at: np.ndarray, axes: np.ndarray, size: tuple[float, float], foot: float, top: float) -> tuple[np.ndarray, np.ndarray]:
    """A box around a place [2], its sides along the axes [2, 2]: vertices [8, 3] and faces [12, 3], outward."""
    ring = at + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.5 * np.array(size) @ axes
    ring = ring if np.linalg.det(axes) > 0 else ring[::-1]
    sides = [t for k in range(4) for t in ([k, (k + 1) % 4, (k + 1) % 4 + 4], [k, (k + 1) % 4 + 4, k + 4])]
    return (np.concatenate([np.column_stack([ring, np.full(4, z)]) for z in (foot, top)]),
            np.array([[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], *sides], np.int64))
