"""When each thing on a map is drawn, and what is not: things without a class or an extent, under the ground, not built."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..scene import classes as c
from ..scene.osm_tags import from_osm_tags
from .osm_features import AREA, POINT, Feature

Tags = dict[str, str]
NOT_BUILT = ("proposed", "construction", "abandoned", "razed", "demolished", "dismantled", "planned", "corridor")

_PAVED_KEYS = ("highway", "area:highway", "railway", "public_transport")
_PAVED_PAIRS = ("place=square", "aeroway=apron", "aeroway=helipad", "aeroway=runway", "aeroway=taxiway", "amenity=parking",
                "amenity=parking_space", "amenity=marketplace", "amenity=bus_station", "amenity=fuel", "man_made=pier")
_NO_THINGS = frozenset(("type", "source", "note", "name", "created_by", "fixme", "FIXME", "area", "layer"))
TOWERS = {"tower": 3.0, "communications_tower": 3.0, "chimney": 2.0, "water_tower": 4.0, "silo": 3.0, "storage_tank": 6.0}
"""Radius in metres of what is mapped as a point."""


@dataclass
class Sorted:
    """Features in the order of drawing.

    Attributes:
        stages: "ground", "water", "rails", "paved", "paths", "roads", "walls", "bridges", "buildings", "parts", "trees"
            -> features.
        unmapped: "key=value" -> how many lines and areas have no class.
        left_out: why -> "key=value" -> how many were left out.
    """

    stages: dict[str, list[Feature]] = field(default_factory=dict)
    unmapped: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)

    def leave_out(self, why: str, feature: Feature) -> None:
        """Note that a feature is not drawn."""
        self.left_out.setdefault(why, Counter())[main_tag(feature.tags)] += 1


def main_tag(tags: Tags) -> str:
    """The tag that says best what something is, "key=value"."""
    keys = ("building", "building:part", "highway", "railway", "waterway", "landuse", "natural", "leisure", "amenity",
            "man_made", "barrier", "shop", "tourism", "power", "aeroway", "historic", "place", "military",
            "public_transport", "office")
    key = next((k for k in keys if k in tags), None) or next((k for k in sorted(tags) if not k.startswith("addr:")), None)
    return "address" if key is None else f"{key}={tags[key]}"


def sort(features: list[Feature]) -> Sorted:
    """The features of each stage; what has no class, no extent or lies under the ground is noted."""
    sorted_ = Sorted()
    for feature in features:
        stage = _stage(sorted_, feature)
        if stage:
            sorted_.stages.setdefault(stage, []).append(feature)
    return sorted_


def _stage(sorted_: Sorted, feature: Feature) -> str:
    """The stage that draws a feature, "" for none."""
    tags = feature.tags
    unbuilt = any(tags.get(key) in NOT_BUILT for key in ("highway", "railway", "building", "waterway", "power"))
    if unbuilt or tags.get("landuse") in ("proposed", "planned"):  # ground under construction is there: bare soil
        sorted_.leave_out("not built, or no longer there", feature)
        return ""
    if tags.get("tunnel") in ("yes", "culvert") or "underground" in (tags.get("location"), tags.get("parking")):
        sorted_.leave_out("under the ground", feature)
        return ""
    class_id = from_osm_tags(tags)
    if feature.kind == POINT:
        if tags.get("natural") == "tree":
            return "trees"
        if tags.get("man_made") in TOWERS and "building" not in tags:
            return "buildings"
        sorted_.leave_out("points without an extent", feature)
        return ""
    if "building:part" in tags and "building" not in tags:
        return "parts"
    if class_id == c.UNPAINTED:
        if tags.get("natural") != "coastline" and not set(tags) & {"boundary", "route", "place"} and set(tags) - _NO_THINGS:
            sorted_.unmapped[main_tag(tags)] += 1
        return ""
    if class_id <= c.STRUCTURE and (feature.kind == AREA or "building" in tags):
        return "buildings" if feature.kind == AREA else ""
    if class_id == c.BRIDGE:
        return "bridges"
    if feature.kind == AREA:
        if class_id in (c.WATER, c.POOL):
            return "water"
        paved = any(key in tags for key in _PAVED_KEYS) or any(f"{k}={v}" in _PAVED_PAIRS for k, v in tags.items())
        return "paved" if paved else "ground"
    if "highway" in tags:
        return "roads" if class_id == c.ROAD else "paths"
    if "waterway" in tags:
        return "water"
    if "railway" in tags:
        return "rails" if class_id == c.RAILWAY else "paths"
    if tags.get("natural") == "tree_row":
        return "trees"
    if "aeroway" in tags:
        return "roads"
    if class_id in (c.SHRUB, c.STRUCTURE) or "man_made" in tags:
        return "walls"
    if tags.get("leisure") == "track":
        return "paths"
    sorted_.unmapped[main_tag(tags)] += 1
    return ""
