"""Reading GeoJSON whose features carry OSM tags, as overpass turbo, osmium, osmtogeojson and GDAL write it."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from .osm_features import AREA, LINE, POINT, Feature, Found, Square, is_area

_HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')  # GDAL's other_tags
_DEGREES = ("CRS84", "4326", "WGS84")


class GeoJson:
    """A GeoJSON file in memory; `bounds` and `read` as `osm_read.Extract` has them."""

    def __init__(self, path: Path):
        """Raises BadInput where the file is no GeoJSON of longitudes and latitudes, or empty."""
        self.path = path
        remedy = "Give a GeoJSON FeatureCollection in longitude and latitude (WGS 84)."
        try:
            data = json.loads(path.read_text(encoding="utf-8-sig"))
            crs = str(((data.get("crs") or {}).get("properties") or {}).get("name", "CRS84"))
            self._features = [(_tags(f), shape) for f in data["features"] for shape in _shapes(f.get("geometry"))]
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise BadInput(f"The file {path.name} is no GeoJSON of features ({e}).", remedy) from e
        points = [part for _, (_, parts) in self._features for part in parts if len(part)]
        if not points:
            raise BadInput(f"The extract {path.name} is empty: it holds no features with a place.", remedy)
        every = np.concatenate(points)
        (west, south), (east, north) = every.min(0), every.max(0)
        if not any(name in crs for name in _DEGREES) or max(-west, east) > 180 or max(-south, north) > 90:
            raise BadInput(f"The coordinates of {path.name} are no longitudes and latitudes.", remedy)
        self.bounds = float(west), float(south), float(east), float(north)

    def read(self, square: Square, cancel: Callable[[], bool] | None = None,
             progress: Callable[[float], None] | None = None) -> Found:
        """Everything tagged that reaches into the square, in metres from its corner."""
        found = Found()
        for tags, (kind, parts) in self._features:
            if not tags:
                continue
            if not square.touches(np.concatenate(parts)):
                found.outside += 1
                continue
            if kind == LINE and len(parts[0]) > 3 and (parts[0][0] == parts[0][-1]).all() and is_area(tags):
                kind = AREA
            found.features.append(Feature(tags, kind, list(parts)))
        square.place(found.features)
        return found


def _tags(feature: dict[str, Any]) -> dict[str, str]:
    """OSM tags of a feature: its properties, those in a nested "tags", those in GDAL's other_tags."""
    properties = dict(feature.get("properties") or {})
    nested = properties.pop("tags", None)
    if isinstance(nested, dict):
        properties.update(nested)
    for key, value in _HSTORE.findall(str(properties.pop("other_tags", None) or "")):
        properties.setdefault(key, value)
    return {str(k): str(v) for k, v in properties.items()
            if v is not None and not isinstance(v, dict | list) and not str(k).startswith("@") and k not in ("id", "osm_id")}


def _shapes(geometry: dict[str, Any] | None) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Kind and parts of a GeoJSON geometry, one for each thing in it."""
    if geometry is None:
        return
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _shapes(part)
        return
    at = geometry["coordinates"]
    if kind == "Point":
        yield POINT, [_places([at])]
    elif kind == "MultiPoint":
        yield from ((POINT, [_places([p])]) for p in at)
    elif kind == "LineString":
        yield LINE, [_places(at)]
    elif kind == "MultiLineString":
        yield LINE, [_places(line) for line in at]
    elif kind == "Polygon":
        yield AREA, [_places(ring) for ring in at]
    elif kind == "MultiPolygon":
        yield from ((AREA, [_places(ring) for ring in rings]) for rings in at)
    else:
        raise ValueError(f"the geometry {kind!r} is unknown")


def _places(coordinates: list[list[float]]) -> np.ndarray:
    """Longitudes and latitudes [K, 2] of coordinates with or without a height."""
    return np.array([p[:2] for p in coordinates], np.float64).reshape(-1, 2)
