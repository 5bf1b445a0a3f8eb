"""Where each thing of a layout stands on the relief: the ground, levels of buildings and water, decks of bridges.

Planes are float64 [H, W], metres, row 0 north; `Bodies` says for every voxel or splat by how much it rises.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..scene import classes as sem

WATER_IDS = np.array([sem.WATER, sem.POOL], np.uint8)
BUILDING_PERCENTILE = 60  # of the ground around a building: its level, half buried at most on a slope
WATER_PERCENTILE = 10  # of the relief under a lake: its level
SHORE_SLOPE = 0.4  # the shore comes down to the water about this steeply ...
SHORE_WIDTH = (3.0, 30.0)  # ... within these metres
CROWN_SIGMA = 3.0  # metres over which the relief under crowns is smoothed
JOIN = 12.0  # metres over which ground that is made anew joins the ground around it
REACH = 3.0  # metres: something of a building, lake or bridge this near to its cells still belongs to it
GROUND, BUILDING, WET, DECK, CROWN = range(5)  # bodies


@dataclass
class Bodies:
    """The relief of a scene and what stands on it.

    Attributes:
        ground: float64 [H, W] the ground: shores come down to their water, the ground under buildings is the relief's.
        building: float64 [H, W] level of the nearest building. wet: level of the nearest water.
        deck: float64 [H, W] elevation from which the nearest bridge's heights count. crown: ground under crowns, smoothed.
        label: int32 [H, W] number of the building in the cell, 0 elsewhere.
        near: bool [3, H, W] whether a building, water, a bridge is within REACH.
        cell: metres.
    """

    ground: np.ndarray
    building: np.ndarray
    wet: np.ndarray
    deck: np.ndarray
    crown: np.ndarray
    label: np.ndarray
    near: np.ndarray
    cell: float

    def body(self, class_id: np.ndarray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """Body (GROUND .. CROWN) of things [N] by their class and cell; uint8 [N]."""
        out = np.where(sem.is_in(class_id, sem.CROWN_IDS), CROWN, GROUND).astype(np.uint8)
        for kind, ids in ((BUILDING, sem.BUILDING_IDS), (WET, WATER_IDS), (DECK, np.array([sem.BRIDGE], np.uint8))):
            out[sem.is_in(class_id, ids) & self.near[kind - 1][row, col]] = kind
        return out

    def planes(self) -> np.ndarray:
        """float64 [5, H, W]: by how much each body rises in each cell."""
        return np.stack([self.ground, self.building, self.wet, self.deck, self.crown])


@dataclass
class KeptRelief:
    """What stays as it is where a part of a scene is made anew.

    Attributes:
        bodies: of the scene before. outside: bool [H, W] cells where it is kept.
    """

    bodies: Bodies
    outside: np.ndarray


def find_bodies(layout: np.ndarray, elevation: np.ndarray, cell: float, kept: KeptRelief | None = None) -> Bodies:
    """Levels of everything on a layout.

    Args:
        layout: uint8 [H, W] class ids, row 0 north.
        elevation: [H, W] metres.
        cell: metres along one side of a cell.
        kept: a scene that the layout changes in part: its levels stay outside, and what reaches from there inside keeps its
            own.
    """
    relief = np.asarray(elevation, np.float64)
    water, wet = _water(layout, relief)
    if kept is not None:
        wet = _kept_levels(water, wet, kept.bodies.wet, kept.outside)
    ground = _with_shores(relief, water > 0, wet, cell)
    if kept is not None:
        ground = np.where((water > 0) & ~kept.outside, ground, continued(ground, kept.bodies.ground, kept.outside, cell))
    label, _ = ndimage.label(sem.is_in(layout, sem.BUILDING_IDS))
    levels = _building_levels(label, layout, ground)
    if kept is not None:
        levels = _kept_levels(label, levels, kept.bodies.building, kept.outside)
    building, near_building = _spread(levels, label > 0, cell)
    bridge = layout == sem.BRIDGE
    decks = np.maximum(_decks(bridge, ground), ground)
    if kept is not None:
        decks = continued(decks, kept.bodies.deck, kept.outside & bridge, cell)
    deck, near_deck = _spread(decks, bridge, cell)
    wet_everywhere, near_wet = _spread(wet, water > 0, cell)
    crown = ndimage.gaussian_filter(ground, CROWN_SIGMA / cell, mode="nearest")
    planes = [ground, building, wet_everywhere, deck, crown]
    if kept is not None:
        planes = [np.where(kept.outside, old, new) for old, new in zip(kept.bodies.planes(), planes)]
    ground, building, wet_everywhere, deck, crown = planes
    return Bodies(ground, building, wet_everywhere, deck, crown, label.astype(np.int32),
                  np.stack([near_building, near_wet, near_deck]), cell)


def known_bodies(levels: np.ndarray, cell: float) -> Bodies:
    """Bodies by their planes [5, H, W] alone, for `KeptRelief`."""
    shape = levels.shape[1:]
    ground, building, wet, deck, crown = np.asarray(levels, np.float64)
    return Bodies(ground, building, wet, deck, crown, np.zeros(shape, np.int32), np.zeros((3, *shape), bool), cell)


def _kept_levels(label: np.ndarray, level: np.ndarray, before: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Levels [H, W] where each labelled body that reaches outside has the level that it had there."""
    out = level.copy()
    for k, box in enumerate(ndimage.find_objects(label), 1):
        if box is not None:
            mask = label[box] == k
            there = mask & outside[box]
            if there.any():
                out[box][mask] = np.median(before[box][there])
    return out


def continued(plane: np.ndarray, before: np.ndarray, outside: np.ndarray, cell: float) -> np.ndarray:
    """`before` outside; inside the plane, moved by what it differs there at the border, less and less over JOIN metres."""
    if not outside.any() or outside.all():
        return np.where(outside, before, plane)
    away, (r, c) = ndimage.distance_transform_edt(~outside, return_indices=True)
    t = np.clip(away * cell / JOIN, 0, 1)
    fade = 1 - t * t * (3 - 2 * t)
    return np.where(outside, before, plane + fade * (before - plane)[r, c])


def _water(layout: np.ndarray, relief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the water in each cell (0: none) and its level; a bridge does not part the river beneath it."""
    label = np.zeros(layout.shape, np.int64)
    level = relief.copy()
    for class_id in WATER_IDS:
        here = layout == class_id
        bodies, count = ndimage.label(here | ((layout == sem.BRIDGE) & (class_id == sem.WATER)), np.ones((3, 3)))
        bodies = np.where(here, bodies, 0)
        for k, box in enumerate(ndimage.find_objects(bodies, count), 1):
            if box is not None:
                mask = bodies[box] == k
                level[box][mask] = np.percentile(relief[box][mask], WATER_PERCENTILE)
        label = np.where(here, bodies + label.max(), label)
    return label, level


def _with_shores(relief: np.ndarray, wet: np.ndarray, level: np.ndarray, cell: float) -> np.ndarray:
    """The relief with the water's levels in it, and shores that come down to them."""
    if not wet.any():
        return relief.copy()
    away, (r, c) = ndimage.distance_transform_edt(~wet, return_indices=True)
    away = np.maximum(away - 1, 0) * cell  # the cell next to the water lies at the water's edge
    shore = level[r, c]
    width = np.clip(1.5 * np.abs(relief[r, c] - shore) / SHORE_SLOPE, *SHORE_WIDTH)
    t = np.clip((away + 0.5 * cell) / width, 0, 1)
    t = t * t * (3 - 2 * t)  # smoothstep: level at the water, the relief's slope at the other end
    return np.where(wet, level, shore + (relief - shore) * t)


def _building_levels(label: np.ndarray, layout: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """One level for each building, from the ground around it; the ground elsewhere."""
    out = ground.copy()
    open_ground = (label == 0) & (layout != sem.BRIDGE)
    for k, box in enumerate(ndimage.find_objects(label), 1):
        wide = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        mask = label[wide] == k
        border = ndimage.binary_dilation(mask, np.ones((3, 3))) & open_ground[wide]
        out[wide][mask] = np.percentile(ground[wide][border if border.any() else mask], BUILDING_PERCENTILE)
    return out


def _decks(bridge: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Straight lines between the ground at the ends of each bridge, along its longest axis; the ground elsewhere."""
    out = ground.copy()
    label, _ = ndimage.label(bridge, np.ones((3, 3)))
    for k, box in enumerate(ndimage.find_objects(label), 1):
        wide = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        mask = label[wide] == k
        places = np.argwhere(mask).astype(np.float64)
        centre = places.mean(0)
        axis = np.linalg.eigh(np.cov(places.T) if len(places) > 1 else np.eye(2))[1][:, 1]
        along = (np.indices(mask.shape).transpose(1, 2, 0) - centre) @ axis  # [h, w]
        low, high = along[mask].min(), along[mask].max()
        ring = ndimage.binary_dilation(mask, np.ones((3, 3))) & ~bridge[wide]
        margin = min(2.0, 0.25 * (high - low))
        ends = []
        for side in (along <= low + margin, along >= high - margin):
            at_end = ring & side
            ends.append(ground[wide][at_end if at_end.any() else mask & side].mean())
        t = np.clip((along - low) / max(high - low, 1e-9), 0, 1)
        out[wide][mask] = (ends[0] + (ends[1] - ends[0]) * t)[mask]
    return out


def _spread(level: np.ndarray, mask: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """The level of the nearest cell in the mask everywhere, and where that is within REACH."""
    if not mask.any():
        return level.copy(), np.zeros(mask.shape, bool)
    away, (r, c) = ndimage.distance_transform_edt(~mask, return_indices=True)
    return level[r, c], away * cell <= REACH
