"""Drawing what a map holds onto the grid: ground, water, ways, bridges, walls, buildings and trees, in this order."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..scene import classes as c
from ..scene.osm_tags import from_osm_tags
from ..scene.shapes import Patch, disc, line, polygon
from . import osm_sizes as sizes
from .osm_features import AREA, LINE, POINT, Feature
from .osm_stages import TOWERS

_ZONE_KEYS = ("landuse", "amenity", "leisure", "man_made")
_TOWN = ("residential", "commercial", "retail", "industrial", "garages", "school", "university", "college", "hospital",
         "kindergarten", "education", "institutional", "religious", "sports_centre")  # sites whose streets have pavements
_ZONES = frozenset((*_TOWN, "farmyard", "allotments", "military", "railway", "port", "depot", "quarry", "landfill", "works",
                    "wastewater_plant", "water_works"))
"""Sites that tell what kind of buildings stand there."""
_TREE_STEP = 7.0  # metres between the trees of a row


@dataclass
class Drawing:
    """The grid in the making.

    Attributes:
        class_id: uint8 [H, W], 0 where nothing is drawn yet.
        height: float32 [H, W] metres above ground, NaN where unknown.
        cell_size: metres.
    """

    class_id: np.ndarray
    height: np.ndarray
    cell_size: float
    zone: np.ndarray = field(init=False)
    zones: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.zone = np.zeros(self.class_id.shape, np.uint8)
        self.zones = [""]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.class_id.shape[0], self.class_id.shape[1]

    def paint(self, patch: Patch, class_id: int, spare: np.ndarray | None = None) -> bool:
        """Give a patch's cells a class, but for those of the classes `spare`; whether it covers any cell."""
        view = patch.of(self.class_id)
        mask = patch.mask if spare is None else patch.mask & ~c.is_in(view, spare)
        view[mask] = class_id
        return bool(patch.mask.any())

    def area(self, feature: Feature) -> Patch:
        """Cells of an area."""
        return polygon(self.shape, self.cell_size, feature.parts)

    def lines(self, feature: Feature, width: float, class_id: int, spare: np.ndarray | None = None) -> None:
        """Paint a feature's lines with a width in metres."""
        for part in feature.parts:
            self.paint(line(self.shape, self.cell_size, part, width), class_id, spare)

    def zone_at(self, patch: Patch) -> str:
        """The kind of site under most of a patch's cells."""
        values = patch.of(self.zone)[patch.mask]
        return self.zones[int(np.bincount(values).argmax())] if len(values) else ""

    def zone_of_line(self, points: np.ndarray) -> str:
        """The kind of site at the middle of those points of a line that lie on the grid."""
        rows = self.class_id.shape[0] - 1 - np.floor(points[:, 1] / self.cell_size).astype(int)
        cols = np.floor(points[:, 0] / self.cell_size).astype(int)
        inside = (rows >= 0) & (rows < self.zone.shape[0]) & (cols >= 0) & (cols < self.zone.shape[1])
        at = np.flatnonzero(inside)
        return self.zones[self.zone[rows[at[len(at) // 2]], cols[at[len(at) // 2]]]] if len(at) else ""


def draw(drawing: Drawing, stages: dict[str, list[Feature]], step: Callable[[float], None]) -> None:
    """Draw the features of all stages (`osm_stages.sort`); `step` is told the share done and may raise Cancelled."""
    for k, (stage, paint) in enumerate((("ground", _ground), ("water", _water), ("rails", _rails), ("paved", _paved),
                                        ("paths", _paths), ("roads", _roads), ("walls", _walls), ("bridges", _bridges),
                                        ("buildings", _buildings), ("parts", _parts), ("trees", _trees))):
        step(k / 11)
        paint(drawing, stages.get(stage, []))


def _by_size(features: list[Feature]) -> list[Feature]:
    """Largest area first, so that the smaller ones lie on top."""
    return sorted(features, key=lambda f: -max((sizes.ring_area(part) for part in f.parts), default=0.0))


def _ground(drawing: Drawing, features: list[Feature]) -> None:
    for feature in _by_size(features):
        patch, class_id = drawing.area(feature), from_osm_tags(feature.tags)
        drawing.paint(patch, class_id)
        if "mixed" in (feature.tags.get("leaf_type"), feature.tags.get("wood")) and class_id == c.BROADLEAF:
            drawing.paint(Patch(patch.rows, patch.cols, patch.mask & _groves(drawing, patch)), c.CONIFER)
        kind = next((feature.tags[key] for key in _ZONE_KEYS if feature.tags.get(key) in _ZONES), "")
        if kind:
            if kind not in drawing.zones:
                drawing.zones.append(kind)
            patch.of(drawing.zone)[patch.mask] = drawing.zones.index(kind)


def _groves(drawing: Drawing, patch: Patch) -> np.ndarray:
    """Every other grove of a mixed wood, about 12 m across, bool of the patch's shape: a fixed pattern of the place."""
    rows = np.arange(patch.rows.start, patch.rows.stop)[:, None] * drawing.cell_size
    cols = np.arange(patch.cols.start, patch.cols.stop)[None, :] * drawing.cell_size
    waves = np.sin(rows / 4.1 + 2 * np.sin(cols / 9.3)) + np.sin(cols / 3.7 + 2 * np.sin(rows / 7.9))
    return waves > 0.1


def _water(drawing: Drawing, features: list[Feature]) -> None:
    areas = [f for f in features if f.kind == AREA]
    for feature in [f for f in features if f.kind == LINE] + _by_size(areas):
        if feature.kind == LINE:
            drawing.lines(feature, sizes.way_width(feature.tags), c.WATER)
        else:
            drawing.paint(drawing.area(feature), from_osm_tags(feature.tags))


def _rails(drawing: Drawing, features: list[Feature]) -> None:
    for feature in features:
        drawing.lines(feature, sizes.way_width(feature.tags), c.RAILWAY)


def _paved(drawing: Drawing, features: list[Feature]) -> None:
    for feature in _by_size(features):
        drawing.paint(drawing.area(feature), from_osm_tags(feature.tags))


def _paths(drawing: Drawing, features: list[Feature]) -> None:
    for feature in features:
        class_id = from_osm_tags(feature.tags)
        drawing.lines(feature, sizes.way_width(feature.tags), class_id)


def _roads(drawing: Drawing, features: list[Feature]) -> None:
    """Pavements first, then the carriageways, so that crossings stay open; aisles of car parks stay car park."""
    separate = any(f.tags.get("footway") == "sidewalk" for f in features)
    for feature in features:
        width = sizes.way_width(feature.tags)
        for part in feature.parts:
            urban = not separate and drawing.zone_of_line(part) in _TOWN
            left, right = sizes.side_paths(feature.tags, urban)
            for side, extra in ((1.0, left), (-1.0, right)):
                if extra:
                    edge = offset(part, side * (width + extra) / 2)
                    drawing.paint(line(drawing.shape, drawing.cell_size, edge, extra), c.PATH)
    aisle = np.array([c.PARKING], np.uint8)
    for feature in features:
        in_car_park = feature.tags.get("service") in ("parking_aisle", "parking_space")
        drawing.lines(feature, sizes.way_width(feature.tags), c.ROAD, aisle if in_car_park else None)


def offset(points: np.ndarray, by: float) -> np.ndarray:
    """A line [K, 2] shifted to its left by `by` metres."""
    d = np.gradient(points, axis=0) if len(points) > 2 else np.tile(points[-1] - points[0], (len(points), 1))
    d = d / np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-9)[:, None]
    return points + by * np.stack([-d[:, 1], d[:, 0]], 1)


_SOLID = np.array([c.ROAD, c.RAILWAY, c.PARKING], np.uint8)


def _walls(drawing: Drawing, features: list[Feature]) -> None:
    """Hedges, town walls, groynes: not across roads, which pass through gates."""
    for feature in features:
        drawing.lines(feature, sizes.way_width(feature.tags), from_osm_tags(feature.tags), _SOLID)


def _bridges(drawing: Drawing, features: list[Feature]) -> None:
    for feature in sorted(features, key=lambda f: sizes.metres(f.tags.get("layer")) or 0):
        if feature.kind == AREA:
            drawing.paint(drawing.area(feature), c.BRIDGE)
        else:
            width = sizes.way_width(feature.tags) + sum(sizes.side_paths(feature.tags, False)) + 1.0
            for part in feature.parts:  # square ends: a short, wide deck is no disc
                ring = np.concatenate([offset(part, width / 2), offset(part, -width / 2)[::-1]])
                drawing.paint(polygon(drawing.shape, drawing.cell_size, [ring]), c.BRIDGE)
                drawing.paint(line(drawing.shape, drawing.cell_size, part, 0.0), c.BRIDGE)


def _buildings(drawing: Drawing, features: list[Feature]) -> None:
    """Footprints, and their heights where these are known."""
    for feature in features:
        if feature.kind == POINT:
            radius = (sizes.metres(feature.tags.get("diameter")) or 2 * TOWERS[feature.tags["man_made"]]) / 2
            patch = disc(drawing.shape, drawing.cell_size, tuple(feature.parts[0][0]), radius)
            class_id = from_osm_tags(feature.tags)
        else:
            patch = drawing.area(feature)
            if not patch.mask.any():
                continue
            class_id = sizes.building_class(feature.tags, feature.parts, drawing.zone_at(patch))
        drawing.paint(patch, class_id)
        patch.of(drawing.height)[patch.mask] = sizes.building_height(feature.tags, class_id)


def _parts(drawing: Drawing, features: list[Feature]) -> None:
    """Parts of buildings refine the height; where no outline was drawn, the part is the building."""
    for feature in features:
        patch = drawing.area(feature)
        view = patch.of(drawing.class_id)
        bare = patch.mask & ~c.is_in(view, c.BUILDING_IDS)
        if bare.any():
            view[bare] = sizes.building_class({**feature.tags, "building": feature.tags["building:part"]}, feature.parts,
                                              drawing.zone_at(patch))
        height = sizes.building_height(feature.tags, c.STRUCTURE)
        if np.isfinite(height):
            patch.of(drawing.height)[patch.mask] = height


_NO_CROWN = np.concatenate([c.BUILDING_IDS, np.array([c.ROAD, c.RAILWAY, c.BRIDGE, c.WATER, c.POOL], np.uint8)])


def _trees(drawing: Drawing, features: list[Feature]) -> None:
    """Crowns of single trees and of rows, not over roads, buildings and water."""
    for feature in features:
        radius = sizes.crown_radius(feature.tags)
        kind = from_osm_tags(feature.tags)
        for part in feature.parts:
            for place in part if feature.kind == POINT else along(part, _TREE_STEP):
                drawing.paint(disc(drawing.shape, drawing.cell_size, tuple(place), radius), kind, _NO_CROWN)


def along(points: np.ndarray, step: float) -> np.ndarray:
    """Places [N, 2] every `step` metres along a line [K, 2], its beginning included."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    s = np.arange(0, length[-1] + 1e-6, step)
    return np.stack([np.interp(s, length, points[:, k]) for k in (0, 1)], 1)
