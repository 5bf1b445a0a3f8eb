"""A small town on paper, written as each of the formats that OpenStreetMap comes in."""
from __future__ import annotations

import bz2
import json
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from earthcrafter_core.data.utm import from_utm, to_utm, zone_of

LAT, LON = 53.5, 13.25
EPSG = zone_of(LAT, LON)
WEST, SOUTH = (float(np.round(v)) for v in to_utm(np.array(LAT), np.array(LON), EPSG))  # of metre (0, 0)


def lonlat(x: float, y: float) -> tuple[float, float]:
    lat, lon = from_utm(np.array(WEST + x), np.array(SOUTH + y), EPSG)
    return float(lon), float(lat)


class Map:
    """Nodes, ways and relations in metres; the square of 200 m around (100, 100) is what the tests draw."""

    def __init__(self) -> None:
        self.nodes: list[tuple[float, float, dict]] = [(-100.0, -100.0, {}), (300.0, 300.0, {})]  # what the extract covers
        self.ways: list[tuple[list[int], dict]] = []
        self.relations: list[tuple[list[tuple[int, str]], dict]] = []

    def node(self, x: float, y: float, **tags: str) -> int:
        self.nodes.append((x, y, tags))
        return len(self.nodes)

    def line(self, points: list[tuple[float, float]], **tags: str) -> int:
        return self._way([self.node(x, y) for x, y in points], tags)

    def area(self, x0: float, y0: float, x1: float, y1: float, **tags: str) -> int:
        ids = [self.node(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
        return self._way([*ids, ids[0]], tags)

    def _way(self, ids: list[int], tags: dict) -> int:
        self.ways.append((ids, {k.replace("__", ":"): v for k, v in tags.items()}))
        return len(self.ways)

    def multipolygon(self, members: list[tuple[int, str]], **tags: str) -> None:
        self.relations.append((members, {"type": "multipolygon", **tags}))

    def xml(self) -> bytes:
        def tagged(tags: dict) -> str:
            return "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())
        out = ['<?xml version="1.0" encoding="UTF-8"?><osm version="0.6" generator="test">']
        for i, (x, y, tags) in enumerate(self.nodes, 1):
            lon, lat = lonlat(x, y)
            out.append(f'<node id="{i}" version="1" lat="{lat:.7f}" lon="{lon:.7f}">{tagged(tags)}</node>')
        for i, (ids, tags) in enumerate(self.ways, 1):
            out.append(f'<way id="{i}" version="1">' + "".join(f'<nd ref="{n}"/>' for n in ids) + tagged(tags) + "</way>")
        for i, (members, tags) in enumerate(self.relations, 1):
            refs = "".join(f'<member type="way" ref="{ref}" role="{role}"/>' for ref, role in members)
            out.append(f'<relation id="{i}" version="1">{refs}{tagged(tags)}</relation>')
        return ("".join(out) + "</osm>").encode()

    def write(self, path: Path) -> Path:
        """In the format of the path's suffix."""
        if path.suffix == ".geojson":
            path.write_text(json.dumps(self.geojson()), encoding="utf-8")
        elif path.suffix == ".bz2":
            path.write_bytes(bz2.compress(self.xml()))
        elif path.suffix == ".pbf":
            import osmium
            with osmium.SimpleWriter(str(path)) as writer:
                for thing in osmium.FileProcessor(osmium.io.FileBuffer(self.xml(), "osm")):
                    writer.add(thing)
        else:
            path.write_bytes(self.xml())
        return path

    def geojson(self) -> dict:
        features = []

        def add(kind: str, coordinates: object, tags: dict) -> None:
            if tags:
                features.append({"type": "Feature", "properties": tags,
                                 "geometry": {"type": kind, "coordinates": coordinates}})
        for x, y, tags in self.nodes:
            add("Point", lonlat(x, y), tags)
        places = {i: [lonlat(*self.nodes[n - 1][:2]) for n in ids] for i, (ids, _) in enumerate(self.ways, 1)}
        for i, (ids, tags) in enumerate(self.ways, 1):
            add(*("Polygon", [places[i]]) if ids[0] == ids[-1] and "highway" not in tags else ("LineString", places[i]), tags)
        for members, tags in self.relations:
            add("MultiPolygon", [[places[ref] for ref, _ in members]], tags)
        return {"type": "FeatureCollection", "features": features}


def small_town() -> Map:
    """A road with a bridge over a river, houses, a lake with an island, a wood, trees, a hedge, a railway."""
    town = Map()
    town.area(0, 0, 200, 200, landuse="residential")
    town.line([(-50, 100), (60, 100)], highway="residential", width="8", sidewalk="none")
    town.line([(60, 100), (80, 100)], highway="residential", width="8", bridge="yes", layer="1")
    town.line([(80, 100), (250, 100)], highway="residential", width="8", sidewalk="none")
    town.line([(70, -50), (70, 250)], waterway="river", width="10")
    town.area(20, 120, 30, 132, building="yes")
    town.area(100, 120, 150, 132, building="yes")
    town.area(160, 120, 170, 130, building="house", building__levels="2", **{"roof:shape": "flat"})
    town.area(160, 140, 175, 155, building="apartments", height="45 m")
    town.area(100, 140, 104, 145, building="yes")
    outer, inner = town.area(100, 20, 160, 80), town.area(120, 40, 140, 60)
    town.multipolygon([(outer, "outer"), (inner, "inner")], natural="water")
    town.area(10, 10, 40, 40, natural="wood", leaf_type="needleleaved")
    town.node(180, 180, natural="tree", diameter_crown="8")
    town.node(10, 180, amenity="bench")
    town.line([(10, 60), (50, 60)], barrier="hedge")
    town.line([(-10, 190), (210, 190)], railway="rail")
    town.line([(0, 150), (15, 150)], highway="proposed")
    town.line([(120, 180), (150, 180)], aerialway="chair_lift")
    town.area(600, 600, 620, 620, building="yes")
    return town
