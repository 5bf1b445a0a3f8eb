"""Sizes that OSM's tags state or that are usual: widths of ways, heights and kinds of buildings."""
from __future__ import annotations

import re

import numpy as np

from ..scene import classes as c
from ..scene.osm_tags import building_kind

Tags = dict[str, str]
_NUMBER = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(m|metres?|meters?|ft|feet|')?")
_FOOT = 0.3048

# Metres from kerb to kerb where neither width nor lanes are tagged: two-way, one-way.
_ROADS = {"motorway": (22.0, 11.0), "trunk": (12.0, 9.0), "primary": (8.0, 6.5), "secondary": (7.5, 6.0),
          "tertiary": (7.0, 5.5), "unclassified": (6.0, 4.5), "residential": (6.0, 4.5), "living_street": (5.0, 4.0),
          "motorway_link": (7.0, 5.0), "trunk_link": (7.0, 5.0), "primary_link": (6.0, 4.5), "secondary_link": (6.0, 4.5),
          "tertiary_link": (6.0, 4.5), "service": (4.0, 3.5), "road": (5.0, 4.0), "busway": (6.5, 3.5), "raceway": (10.0, 10.0)}
_PATHS = {"footway": 2.0, "path": 1.5, "cycleway": 2.5, "track": 3.0, "steps": 2.5, "pedestrian": 6.0, "bridleway": 2.0}
_SERVICE = {"driveway": 3.0, "alley": 3.5, "parking_aisle": 5.5, "drive-through": 3.5}
_LANE = {"motorway": 3.75, "trunk": 3.6, "primary": 3.4, "secondary": 3.25, "tertiary": 3.1}
_OTHERS = {"waterway": {"river": 10.0, "canal": 10.0, "stream": 2.0, "drain": 1.5, "ditch": 1.2, "tidal_channel": 4.0},
           "railway": {"rail": 4.5, "light_rail": 4.0, "tram": 3.0, "narrow_gauge": 3.0, "platform": 3.0},
           "aeroway": {"runway": 30.0, "taxiway": 15.0},
           "barrier": {"hedge": 1.5, "city_wall": 2.5}, "historic": {"citywalls": 2.5},
           "man_made": {"pier": 2.5, "breakwater": 4.0, "groyne": 2.0}, "leisure": {"track": 6.0}}
_SIDEWALK = 2.0
_WALKED = ("primary", "secondary", "tertiary", "unclassified", "residential")  # in towns they nearly always have pavements


def metres(text: str | None) -> float | None:
    """A length like "3", "3.5 m", "4,5" or "12 ft" in metres; None for anything else."""
    match = _NUMBER.match(text or "")
    if match is None:
        return None
    return float(match[1].replace(",", ".")) * (_FOOT if match[2] in ("ft", "feet", "'") else 1.0)


def way_width(tags: Tags) -> float:
    """Width in metres of the carriageway, path, track, watercourse or wall that a line stands for."""
    stated = metres(tags.get("width")) or metres(tags.get("est_width"))
    if stated is not None and 0.3 <= stated <= 100:
        return stated
    highway = tags.get("highway", "")
    if highway in _ROADS:
        lanes = metres(tags.get("lanes"))
        if lanes:
            return lanes * _LANE.get(highway.removesuffix("_link"), 3.0) + (1.5 if highway == "motorway" else 0.5)
        two_way, one_way = _ROADS[highway]
        width = one_way if tags.get("oneway") in ("yes", "1", "-1") else two_way
        return _SERVICE.get(tags.get("service", ""), width) if highway == "service" else width
    if highway:
        return 3.5 if tags.get("tracktype") == "grade1" else _PATHS.get(highway, 2.0)
    return next((widths.get(tags[key], 2.0) for key, widths in _OTHERS.items() if key in tags), 2.0)


def side_paths(tags: Tags, urban: bool) -> tuple[float, float]:
    """Metres of pavement and cycle track to the left and to the right of a road, seen along its line.

    urban: whether a road without a tag for it has pavements by custom.
    """
    left = right = 0.0
    walk = tags.get("sidewalk", "both" if urban and tags.get("highway") in _WALKED else "none")
    walk = {"yes": "both"}.get(walk, walk)
    if tags.get("sidewalk:both") == "yes":
        walk = "both"
    left += _SIDEWALK * (walk in ("both", "left") or tags.get("sidewalk:left") == "yes")
    right += _SIDEWALK * (walk in ("both", "right") or tags.get("sidewalk:right") == "yes")
    for key, sides in (("cycleway", (1, 1)), ("cycleway:both", (1, 1)), ("cycleway:left", (1, 0)), ("cycleway:right", (0, 1))):
        if tags.get(key) in ("track", "opposite_track"):
            left, right = left + 2.0 * sides[0], right + 2.0 * sides[1]
    return left, right


def building_height(tags: Tags, class_id: int) -> float:
    """Metres from the ground to the ridge by the tags height or building:levels; NaN where neither is stated."""
    height = metres(tags.get("height")) or metres(tags.get("building:height")) or metres(tags.get("est_height"))
    if height is not None and 1.5 <= height <= 600:
        return height
    levels = metres(tags.get("building:levels"))
    if not levels:
        return float("nan")
    storey = {c.COMMERCIAL: 3.6, c.INDUSTRIAL: 4.5, c.TOWER: 3.2}.get(class_id, 2.9)
    attic = metres(tags.get("roof:levels"))
    flat = tags.get("roof:shape") == "flat" or "roof:shape" not in tags and class_id != c.HOUSE
    roof = 2.5 * attic if attic else 0.5 if flat else 3.0
    return levels * storey + roof


def ring_area(ring: np.ndarray) -> float:
    """Area in square metres of a ring [K, 2]."""
    x, y = (ring - ring[0]).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def depth(rings: list[np.ndarray]) -> float:
    """How deep a building of these outer and inner rings [K, 2] is, in metres: the width of its wings, however they bend.

    It is the short side of the rectangle with the same area and the same length of walls.
    """
    areas = [ring_area(ring) for ring in rings]
    area = max(2 * max(areas) - sum(areas), 0.0)
    half = sum(float(np.hypot(*(np.roll(ring, -1, 0) - ring).T).sum()) for ring in rings) / 2
    return float((half - np.sqrt(max(half * half - 4 * area, 0.0))) / 2)


def building_class(tags: Tags, rings: list[np.ndarray], zone: str) -> int:
    """Class of a building by its kind and use; where the map says just "building", by its zone, size and height.

    Args:
        rings: its outline and inner courts, [K, 2] each, metres.
        zone: the landuse or kind of site around it ("residential", "industrial", "school" ...), "" where none is mapped.
    """
    area = max(ring_area(ring) for ring in rings)
    class_id = building_kind(tags) or _by_zone(zone, area, depth(rings), len(max(rings, key=ring_area)))
    if class_id == c.HOUSE and area > 300 and tags.get("building") == "residential":
        class_id = c.APARTMENTS  # terraces stay below: each house has its own outline
    height = building_height(tags, class_id)
    levels = metres(tags.get("building:levels")) or 0
    if class_id == c.HOUSE and (levels >= 4 or height > 13):
        class_id = c.APARTMENTS
    if class_id in (c.APARTMENTS, c.COMMERCIAL) and (levels >= 10 or height >= 30) and "church" not in tags.get("building", ""):
        return c.TOWER
    return class_id


def _by_zone(zone: str, area: float, deep: float, corners: int) -> int:
    """Class of a building of unknown kind; `deep`: see `depth`."""
    if area < 45 or deep < 7.2 and area > 100 and corners <= 6 or zone in ("garages", "allotments") and area < 120:
        return c.STRUCTURE  # sheds, huts and rows of garages
    if zone in ("industrial", "railway", "port", "depot", "quarry", "landfill", "works", "wastewater_plant", "water_works",
                "military"):
        return c.INDUSTRIAL
    if zone == "farmyard":
        return c.INDUSTRIAL if area > 170 else c.HOUSE
    if zone in ("commercial", "retail", "school", "university", "college", "hospital", "kindergarten", "sports_centre"):
        return c.COMMERCIAL if area > 90 else c.STRUCTURE
    if area <= 300:
        return c.HOUSE
    if zone == "":
        return c.INDUSTRIAL  # large and outside of any settlement: barns and halls
    return c.APARTMENTS if deep <= 18 else c.COMMERCIAL


def crown_radius(tags: Tags) -> float:
    """Radius in metres of a tree's crown: as tagged, by its height, or 3 m."""
    width = metres(tags.get("diameter_crown"))
    height = metres(tags.get("height"))
    return float(np.clip(width / 2 if width else 0.25 * height if height else 3.0, 1.0, 12.0))
