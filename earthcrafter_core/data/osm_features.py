"""What a map extract holds inside a square: tagged points, lines and areas in metres, and what was broken."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .utm import from_utm, to_utm, zone_of

POINT, LINE, AREA = "point", "line", "area"
MARGIN = 30.0  # metres around the square: what lies there can still reach into it

AREA_KEYS = ("building", "building:part", "landuse", "natural", "leisure", "amenity", "place", "water", "tourism", "shop",
             "office", "military", "golf", "area:highway", "landcover", "parking", "craft", "power", "man_made", "historic",
             "healthcare")
LINE_VALUES = frozenset(("natural=coastline", "natural=tree_row", "natural=cliff", "natural=ridge", "natural=valley",
                         "man_made=pipeline", "man_made=embankment", "man_made=breakwater", "man_made=groyne",
                         "historic=citywalls", "power=line", "power=minor_line", "power=cable"))
CLOSED_AREAS = frozenset(("waterway=riverbank", "waterway=dock", "waterway=boatyard", "highway=rest_area",
                          "highway=services", "railway=platform", "railway=roundhouse", "railway=station",
                          "public_transport=platform", "aeroway=apron", "aeroway=helipad", "aeroway=aerodrome",
                          "aeroway=terminal", "aeroway=hangar"))


@dataclass
class Feature:
    """One thing on the map.

    Attributes:
        tags: its OSM tags.
        kind: POINT, LINE or AREA.
        parts: float64 [K, 2] each, metres east and north of the square's south-west corner: a point's place (K = 1), pieces
            of a line, or rings of an area (the even-odd rule makes the holes).
    """

    tags: dict[str, str]
    kind: str
    parts: list[np.ndarray]


@dataclass
class Square:
    """The square to draw.

    Attributes:
        origin: east and north in metres of the south-west corner in `epsg`.
        size: metres a side.
        epsg: code of the UTM zone.
        bounds: west, south, east, north in degrees, wider than the square by MARGIN.
    """

    origin: tuple[float, float]
    size: float
    epsg: int
    bounds: tuple[float, float, float, float]

    @classmethod
    def around(cls, lat: float, lon: float, size: float) -> Square:
        """The square of `size` metres around a place in degrees; its corner lies on a whole metre."""
        epsg = zone_of(lat, lon)
        east, north = (float(v) for v in to_utm(np.array(lat), np.array(lon), epsg))
        origin = (float(round(east - size / 2)), float(round(north - size / 2)))
        t = np.array([-MARGIN, size / 2, size + MARGIN])
        x, y = (g.ravel() for g in np.meshgrid(origin[0] + t, origin[1] + t))
        lats, lons = from_utm(x, y, epsg)
        return cls(origin, size, epsg, (float(lons.min()), float(lats.min()), float(lons.max()), float(lats.max())))

    def touches(self, lonlat: np.ndarray) -> bool:
        """Whether the bounding box of longitudes and latitudes [K, 2] reaches into the square or its margin."""
        if not len(lonlat):
            return False
        west, south, east, north = self.bounds
        low, high = lonlat.min(0), lonlat.max(0)
        return bool(high[0] >= west and low[0] <= east and high[1] >= south and low[1] <= north)

    def place(self, features: list[Feature]) -> None:
        """Turn the features' parts from longitude and latitude in degrees into metres from the square's corner."""
        parts = [part for feature in features for part in feature.parts]
        if not parts:
            return
        lonlat = np.concatenate(parts)
        x, y = to_utm(lonlat[:, 1], lonlat[:, 0], self.epsg)
        placed = np.stack([x - self.origin[0], y - self.origin[1]], 1)
        pieces = iter(np.split(placed, np.cumsum([len(part) for part in parts])[:-1]))
        for feature in features:
            feature.parts = [next(pieces) for _ in feature.parts]


@dataclass
class Found:
    """What was read.

    Attributes:
        features: what reaches into the square.
        faults: how often what was broken there: a sentence's subject -> count.
        outside: tagged objects of the file that lie outside of the square.
    """

    features: list[Feature] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    outside: int = 0


def is_area(tags: dict[str, str]) -> bool:
    """Whether a closed line with these tags stands for what it encloses."""
    if tags.get("area") in ("yes", "no"):
        return tags["area"] == "yes"
    if any(f"{key}={tags[key]}" in LINE_VALUES for key in ("natural", "man_made", "power", "historic") if key in tags):
        return False
    if any(f"{key}={tags[key]}" in CLOSED_AREAS for key in ("waterway", "highway", "railway", "public_transport", "aeroway")
           if key in tags):
        return True
    if "highway" in tags or "barrier" in tags and "building" not in tags and "landuse" not in tags:
        return False
    return any(key in tags for key in AREA_KEYS)
