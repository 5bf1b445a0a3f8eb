"""The 25 classes of the ground (and 0, unpainted): ids, names, colours and ASPRS codes (OSM tags: osm_tags.py).

The ids are a contract: layouts, training data, weights and files all use them. NumPy alone.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNPAINTED = 0
HOUSE, APARTMENTS, TOWER, COMMERCIAL, INDUSTRIAL, STRUCTURE = 1, 2, 3, 4, 5, 6
ROAD, PATH, PARKING, RAILWAY, BRIDGE = 7, 8, 9, 10, 11
LAWN, MEADOW, SHRUB, BROADLEAF, CONIFER, CROPLAND = 12, 13, 14, 15, 16, 17
SOIL, SAND, ROCK, SNOW, WATER, POOL, SPORTS, ORCHARD = 18, 19, 20, 21, 22, 23, 24, 25
NUM_CLASSES = 26  # 25 classes and 0, unpainted


@dataclass(frozen=True)
class SemanticClass:
    """One class of the ground.

    Attributes:
        id: layout value, 0..25.
        name: identifier, snake_case.
        label: what an artist reads.
        color: sRGB, 0..255 each, unique among the classes (the palette of indexed layouts).
        kind: "unpainted", "building", "paved", "low_vegetation", "tall_vegetation", "bare" or "water".
        height: typical lowest and highest height above ground in metres of what stands in a cell of this class.
        asprs: ASPRS LAS classification codes that map to the class by themselves.
    """

    id: int
    name: str
    label: str
    color: tuple[int, int, int]
    kind: str
    height: tuple[float, float]
    asprs: tuple[int, ...] = ()


CLASSES: tuple[SemanticClass, ...] = (
    SemanticClass(0, "unpainted", "Unpainted", (0, 0, 0), "unpainted", (0, 0)),
    SemanticClass(1, "house", "House", (214, 96, 77), "building", (4, 10)),
    SemanticClass(2, "apartments", "Apartment block", (178, 24, 43), "building", (9, 24)),
    SemanticClass(3, "tower", "Tower", (103, 0, 31), "building", (30, 90), (15,)),
    SemanticClass(4, "commercial", "Commercial or public building", (231, 138, 195), "building", (5, 18)),
    SemanticClass(5, "industrial", "Industrial building", (152, 78, 163), "building", (6, 16)),
    SemanticClass(6, "structure", "Other structure", (188, 128, 189), "building", (2.5, 5), (6, 14, 16, 19, 20, 64)),
    SemanticClass(7, "road", "Road", (77, 77, 77), "paved", (0, 0), (11,)),
    SemanticClass(8, "path", "Path or pavement", (186, 186, 186), "paved", (0, 0)),
    SemanticClass(9, "parking", "Parking", (135, 135, 160), "paved", (0, 0)),
    SemanticClass(10, "railway", "Railway", (110, 80, 60), "paved", (0, 0.5), (10,)),
    SemanticClass(11, "bridge", "Bridge", (230, 171, 2), "paved", (3, 10), (17,)),
    SemanticClass(12, "lawn", "Lawn", (144, 211, 96), "low_vegetation", (0, 0), (2,)),
    SemanticClass(13, "meadow", "Meadow", (186, 214, 120), "low_vegetation", (0, 0.5), (3,)),
    SemanticClass(14, "shrub", "Shrub", (102, 150, 60), "low_vegetation", (0.5, 3), (4,)),
    SemanticClass(15, "broadleaf", "Broadleaf trees", (35, 139, 69), "tall_vegetation", (5, 20), (5,)),
    SemanticClass(16, "conifer", "Conifers", (0, 82, 56), "tall_vegetation", (8, 28)),
    SemanticClass(17, "cropland", "Cropland", (236, 215, 98), "low_vegetation", (0, 1)),
    SemanticClass(18, "soil", "Bare soil", (166, 118, 80), "bare", (0, 0)),
    SemanticClass(19, "sand", "Sand or beach", (253, 225, 165), "bare", (0, 0)),
    SemanticClass(20, "rock", "Rock", (150, 140, 130), "bare", (0, 2)),
    SemanticClass(21, "snow", "Snow or ice", (240, 248, 255), "bare", (0, 0)),
    SemanticClass(22, "water", "Water", (49, 130, 189), "water", (0, 0), (9,)),
    SemanticClass(23, "pool", "Swimming pool", (64, 224, 235), "water", (0, 0)),
    SemanticClass(24, "sports", "Sports field", (255, 127, 80), "low_vegetation", (0, 0)),
    SemanticClass(25, "orchard", "Orchard or vineyard", (160, 160, 20), "tall_vegetation", (2, 5)),
)

PALETTE = np.array([c.color for c in CLASSES], np.uint8)  # [26, 3] sRGB
NAMES = tuple(c.name for c in CLASSES)


def _ids(*kinds: str) -> np.ndarray:
    return np.array([c.id for c in CLASSES if c.kind in kinds], np.uint8)


BUILDING_IDS = _ids("building")
TREE_IDS = np.array([BROADLEAF, CONIFER], np.uint8)  # raised by several metres; orchards stay low
CROWN_IDS = np.array([BROADLEAF, CONIFER, ORCHARD], np.uint8)
GROUND_IDS = np.array([c.id for c in CLASSES if c.kind in ("paved", "low_vegetation", "bare", "water")
                       and c.id not in (BRIDGE, SHRUB)], np.uint8)
"""Classes whose cells lie on the ground."""
FLAT_IDS = np.array([ROAD, PATH, PARKING, LAWN, MEADOW, WATER, POOL, SPORTS], np.uint8)
"""Water, road and grass: layout adherence asks these within 1 m of the local ground."""


def _asprs_of(c: SemanticClass) -> int:
    """The code that readers of point clouds expect for the surface of a class."""
    special = {ROAD: 11, PARKING: 11, RAILWAY: 10, BRIDGE: 17, SHRUB: 4, ORCHARD: 4, SNOW: 21, UNPAINTED: 1}
    by_kind = {"building": 6, "tall_vegetation": 5, "water": 9}
    return special.get(c.id, by_kind.get(c.kind, 2))  # 2: ground


_KIND_ROUGHNESS = {"unpainted": 0.9, "building": 0.8, "paved": 0.9, "low_vegetation": 1.0, "tall_vegetation": 1.0, "bare": 1.0,
                   "water": 0.08}
ROUGHNESS = tuple(_KIND_ROUGHNESS[c.kind] for c in CLASSES)
"""Of each class's surface, 0 (a mirror) to 1 (chalk)."""

ASPRS_TO_CLASS = np.zeros(256, np.uint8)  # [256]; 0 where the code alone does not tell
for _c in CLASSES:
    for _code in _c.asprs:
        ASPRS_TO_CLASS[_code] = _c.id

CLASS_TO_ASPRS = np.array([_asprs_of(c) for c in CLASSES], np.uint8)  # [26]; ASPRS LAS 1.4 R15, table 17


def is_in(class_id: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Mask of the cells or voxels whose class is one of `ids`; any shape, bool of the same shape."""
    table = np.zeros(256, bool)
    table[ids] = True
    return table[class_id]
