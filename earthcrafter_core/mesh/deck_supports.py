"""What carries a bridge: abutments where its ends hang above the ground, piers between them, clear of roads below."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from .columns import WATER_IDS, Columns
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

    Args:
        plan: float64 [P, 2] corners of its outline, metres from the corner of the deck's box. thickness: metres of the slab.
    """
    place = (np.argwhere(deck.mask) + 0.5) * columns.cell
    centre = place.mean(0)
    axes = np.linalg.eigh(np.cov(place.T))[1][:, ::-1].T  # along, across
    along, across = (plan - centre) @ axes[0], (plan - centre) @ axes[1]
    cover = ground_cover(columns)[0][deck.box]
    corner = np.array([s.start for s in deck.box])
    border = np.array(columns.shape) - corner
    out = []
    stops = np.linspace(along.min(), along.max(), max(int(np.ceil(np.ptp(along) / SPAN)), 1) + 1)
    for k, t in enumerate(stops):
        end = k in (0, len(stops) - 1)
        length, share = ABUTMENT if end else PIER
        t = np.clip(t, along.min() + length / 2, along.max() - length / 2)
        middle = centre + t * axes[0]
        cell = middle / columns.cell
        i, j = np.clip(np.floor(cell).astype(int), 0, np.array(deck.mask.shape) - 1)
        if (end and ((cell + corner < 2) | (border - cell < 2)).any()) or not deck.mask[i, j]:
            continue  # the bridge goes on beyond the scene; or this is beside it
        ground = columns.ground[deck.box][i, j]
        bottom = ndimage.map_coordinates(deck.level, cell[:, None] - 0.5, order=1, mode="nearest")[0] - thickness
        if bottom - ground < (END_GAP if end else PIER_GAP) or (not end and cover[i, j] in CLEAR_IDS):
            continue
        foot = ground - (WET_FOOTING if cover[i, j] in WATER_IDS else FOOTING)
        half = np.array([length / 2, share * np.ptp(across) / 2])
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        ring = middle + 0.5 * (across.min() + across.max()) * axes[1] + (signs * half) @ axes
        if np.linalg.det(axes) < 0:
            ring = ring[::-1]
        out.append((np.concatenate([np.column_stack([ring, np.full(4, z)]) for z in (foot, bottom + OVERLAP)]), _BOX))
    return out


_BOX = np.array([[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7],
                 *(t for k in range(4) for t in ([k, (k + 1) % 4, (k + 1) % 4 + 4], [k, (k + 1) % 4 + 4, k + 4]))], np.int64)
