"""How high the sheet of terrain lies: the ground without outliers, carriageways a kerb lower, banks and beds of water.

At natural shores the ground comes down to the water's edge and goes on as its bed; where something paved or built stands at the
water, it ends at an upright quay.
"""
from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ...convert.kerbs import FINE
from ...scene import classes as sem
from ..columns import WATER_IDS, Columns
from .deck_levels import Deck, find_decks
from .sheet_labels import BASIN, BED, LOW, ground_cover, nearest_where, water_bodies

KERB = 0.10  # metres from the carriageway up to what has a kerb
KERB_REACH = 2.5  # columns: standard deviation of the blur of what has one
WINDOW = 7  # columns around each that tell whether it stands out: it does when it differs from their median by more than ...
OUTLIER, SPREADS = 0.5, 3.0  # ... these metres and so many times what half of them differ by
MEMBRANE_ROUNDS, MEMBRANE_SIGMA, GROUND_SIGMA = 24, 1.0, 0.8
UNDER_DECK = 0.3  # metres from the top of a bridge down to the ground, at least
JOINT, JOINT_GAP = 4.0, 1.2  # columns over which the ground meets the end of a bridge; metres that it may differ from it there
BANK_SLOPE = 0.4  # of natural banks, on average
FREE, QUAY_FREE, FREE_REACH = 0.12, 0.25, 8.0  # metres the ground at water lies above it at least; over how many metres
QUAY_WIDTH = 1.5  # metres from the water, over which a kerb begins
BED_SLOPE, DEPTH, QUAY_DEPTH = 0.4, 1.5, 0.9
POOL_DEPTH, POOL_FREE = 1.4, 0.12
KERBED_IDS = np.array([sem.PATH, sem.LAWN, sem.SPORTS, *sem.BUILDING_IDS], np.uint8)
CARRIAGEWAY_IDS = np.array([sem.ROAD, sem.PARKING], np.uint8)
QUAY_IDS = np.array([sem.ROAD, sem.PATH, sem.PARKING, sem.RAILWAY, *sem.BUILDING_IDS], np.uint8)


class Heights:
    """Heights of every level of the ground at places in metres from the scene's south-west corner.

    Attributes:
        levels: float64 [B + 1] height of each water, from 1.
    """

    def __init__(self, columns: Columns, labels: np.ndarray) -> None:
        """Of columns, with the labels uint8 [2X, 2Y] of their half cells."""
        self.cell = columns.cell
        (cover, hidden), built = ground_cover(columns), columns.building > 0
        wet = sem.is_in(cover, WATER_IDS)
        self._ground = _dry_ground(columns, wet | hidden)
        seen = np.where(built, columns.above, cover)
        self._kerb = _sharp(_share(sem.is_in(seen, KERBED_IDS), ~sem.is_in(cover, CARRIAGEWAY_IDS), KERB_REACH))
        deck = ndimage.binary_dilation(columns.above == sem.BRIDGE, iterations=3)
        self._kerb *= 1 - ndimage.gaussian_filter(deck.astype(float), 1.0, mode="nearest")
        self._quay = _sharp(_share(sem.is_in(seen, QUAY_IDS), ~wet, 1.0))
        numbers, count = water_bodies(labels)
        self.levels = self._levels(columns, labels, numbers, count)
        self._nearest = {c: nearest_where(numbers, labels == c) for c in (sem.WATER, sem.POOL)}
        self._level = {BED: self.levels[self._nearest[sem.WATER]], BASIN: self.levels[self._nearest[sem.POOL]]}
        self._shore: cKDTree | None = None

    def set_shore(self, shore: np.ndarray) -> None:
        """Where lakes and rivers begin: places [N, 2], close together. Without it there are neither banks nor beds."""
        self._shore = cKDTree(shore) if len(shore) else None

    def nearest_body(self, class_id: int) -> np.ndarray:
        """Number of the nearest water of a class (WATER or POOL) in each half cell, int32 [2X, 2Y]."""
        return self._nearest[class_id]

    def ground(self, place: np.ndarray) -> np.ndarray:
        """Heights [N] of the bare ground at places [N, 2], as if there were no water."""
        return ndimage.map_coordinates(self._ground, place.T / self.cell - 0.5, order=1, mode="nearest")

    def at(self, place: np.ndarray, level: int) -> np.ndarray:
        """Heights [N] of one level of the ground (HIGH, LOW, BED or BASIN) at places [N, 2]."""
        if level == BASIN:
            return self._water(place, BASIN) - POOL_DEPTH
        if level == BED:
            depth = np.clip(BED_SLOPE * self._away(place), QUAY_DEPTH * self._at(self._quay, place), DEPTH)
            return self._water(place, BED) - depth
        out = self._banked(place)
        if level == LOW:  # at the water without a kerb: never below it
            out -= KERB * self._at(self._kerb, place) * np.clip(self._away(place) / QUAY_WIDTH, 0, 1)
        return out

    def _banked(self, place: np.ndarray) -> np.ndarray:
        """The ground with its banks and quays."""
        ground = self.ground(place)
        away = self._away(place)
        near = np.flatnonzero(away < 4 * FREE_REACH)
        if not len(near):
            return ground
        away, level, quay = away[near], self._water(place[near], BED), self._at(self._quay, place[near])
        least = level + FREE + (QUAY_FREE - FREE) * quay
        raised = ground[near] + np.maximum(least - ground[near], 0) * (1 - _smooth(away / FREE_REACH))
        bank = _smooth(away / (0.6 * self.cell + np.abs(raised - level) / BANK_SLOPE))
        ground[near] = level + (raised - level) * (bank + (1 - bank) * quay)
        return ground

    def _water(self, place: np.ndarray, level: int) -> np.ndarray:
        """Heights [N] of the nearest lake or river (BED), or pool (BASIN)."""
        plane = self._level[level]
        i, j = np.clip(np.floor(place.T / self.cell * FINE).astype(int), 0, np.array(plane.shape)[:, None] - 1)
        return plane[i, j]

    def _away(self, place: np.ndarray) -> np.ndarray:
        """Metres [N] to the nearest shore; infinite where there is none."""
        return np.full(len(place), np.inf) if self._shore is None else self._shore.query(place)[0]

    def _at(self, plane: np.ndarray, place: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(plane, place.T / self.cell - 0.5, order=1, mode="nearest")

    def _levels(self, columns: Columns, labels: np.ndarray, numbers: np.ndarray, count: int) -> np.ndarray:
        """Height of each water: the median of its columns; a pool's lies a little below the ground around it."""
        seen = np.where(columns.shown & sem.is_in(columns.cover, WATER_IDS), columns.ground, np.nan)
        seen, dry = (np.repeat(np.repeat(plane, FINE, 0), FINE, 1) for plane in (seen, self._ground))
        out = np.zeros(count + 1)
        for k, box in enumerate(ndimage.find_objects(numbers), 1):
            wide = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in box)
            mask = numbers[wide] == k
            known = seen[wide][mask & np.isfinite(seen[wide])]
            out[k] = np.median(known) if len(known) else dry[wide][mask].min()
            if labels[wide][mask][0] == sem.POOL:
                rim = ndimage.binary_dilation(mask, np.ones((3, 3)), 2) & ~mask
                out[k] = min(out[k], dry[wide][rim if rim.any() else mask].min()) - POOL_FREE
        return out


def _dry_ground(columns: Columns, other: np.ndarray) -> np.ndarray:
    """Heights [X, Y] of the ground: where it is `other` than dry land, or stands out, a membrane between the rest."""
    known = columns.shown & ~other & ~sem.is_in(columns.cover, WATER_IDS)
    if not known.any():
        return columns.ground.copy()
    plane = nearest_where(columns.ground, known)
    off = np.abs(plane - ndimage.median_filter(plane, WINDOW, mode="nearest"))
    known &= off < OUTLIER + SPREADS * ndimage.median_filter(off, WINDOW, mode="nearest")
    plane = nearest_where(plane, known)
    smooth = plane
    for _ in range(MEMBRANE_ROUNDS):
        smooth = np.where(known, plane, ndimage.gaussian_filter(smooth, MEMBRANE_SIGMA, mode="nearest"))
    for deck in find_decks(columns):
        smooth[deck.box] = _under_deck(smooth[deck.box], deck)
    return ndimage.gaussian_filter(smooth, GROUND_SIGMA, mode="nearest")


def _under_deck(ground: np.ndarray, deck: Deck) -> np.ndarray:
    """Heights [X, Y] of the ground around a bridge: meeting it at its ends, and never coming up through it."""
    away = ndimage.distance_transform_edt(~deck.mask)
    gap = deck.level - ground
    joined = ground + gap * np.clip(1 - away / JOINT, 0, 1) * _smooth(2 * (1 - np.abs(gap) / JOINT_GAP))
    inner = ndimage.binary_erosion(deck.mask, np.ones((3, 3)), border_value=1)
    return np.minimum(joined, np.where(inner, deck.level - UNDER_DECK, np.where(deck.mask, deck.level, np.inf)))


def _share(mask: np.ndarray, among: np.ndarray, sigma: float) -> np.ndarray:
    """Share [X, Y] of `mask` in what is `among` around each column; continued where there is nothing of that."""
    whole = ndimage.gaussian_filter(among.astype(np.float64), sigma, mode="nearest")
    part = ndimage.gaussian_filter((mask & among).astype(np.float64), sigma, mode="nearest")
    return nearest_where(part / np.maximum(whole, 1e-6), whole > 1e-3)


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _sharp(share: np.ndarray) -> np.ndarray:
    """Shares below a quarter to 0, above three quarters to 1."""
    return _smooth((share - 0.25) / 0.5)
