"""Reading OpenStreetMap extracts (.osm, .osm.bz2, .osm.pbf) through osmium, only what a square needs."""
from __future__ import annotations

import bz2
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, Cancelled
from .osm_features import AREA, LINE, POINT, Feature, Found, Square, is_area
from .osm_rings import close_rings

Progress = Callable[[float], None]
_IN_MEMORY = 64 << 20  # bytes of a packed file that is unpacked once instead of for each pass
_STEP = 20_000  # objects between two looks at `cancel`
Box = tuple[float, float, float, float]
Refs = list[tuple[int, str]]  # ids and roles of a relation's ways
Member = tuple[np.ndarray, dict[str, str]]  # longitudes and latitudes [K, 2] of a way, and its tags


class Extract:
    """An extract on disk.

    Attributes:
        path: the file.
        bounds: west, south, east, north in degrees, as its header says or as its nodes lie.
    """

    def __init__(self, path: Path):
        """Raises BadInput where the file is missing, no OSM file or empty."""
        self.path = path
        self._unpacked: bytes | None = None
        name = path.name.lower()
        if name.endswith(".bz2") and path.stat().st_size <= _IN_MEMORY:
            try:
                self._unpacked = bz2.decompress(path.read_bytes())
            except (OSError, ValueError) as e:
                raise self._bad(e) from e
            self._format = "pbf" if name.endswith(".pbf.bz2") else "osm"
        self.bounds = self._bounds()

    def _objects(self, *entities: Any):
        """An osmium FileProcessor over the file from its beginning."""
        import osmium
        what = (osmium.osm.NODE | osmium.osm.WAY | osmium.osm.RELATION,) if not entities else entities
        if self._unpacked is not None:
            return osmium.FileProcessor(osmium.io.FileBuffer(self._unpacked, self._format), *what)
        return osmium.FileProcessor(str(self.path), *what)

    def _bad(self, error: Exception) -> BadInput:
        return BadInput(f"The file {self.path.name} is no OpenStreetMap file, or it is damaged ({error}).",
                        "Give an .osm, .osm.bz2, .osm.pbf or .geojson extract; download or export it again.")

    def _bounds(self) -> Box:
        import osmium
        try:
            box = self._objects().header.box()
            if box.valid():
                return box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat
            low, high = np.full(2, np.inf), np.full(2, -np.inf)
            for node in self._objects(osmium.osm.NODE):
                if node.location.valid():
                    at = node.location.lon, node.location.lat
                    low, high = np.minimum(low, at), np.maximum(high, at)
        except (RuntimeError, OSError, ValueError) as e:
            raise self._bad(e) from e
        if not np.isfinite(low).all():
            raise BadInput(f"The extract {self.path.name} is empty: it holds no nodes.",
                           "Export it again with the nodes of its ways.")
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def read(self, square: Square, cancel: Callable[[], bool] | None = None, progress: Progress | None = None) -> Found:
        """Everything tagged that reaches into the square, in metres from its corner.

        Raises:
            BadInput: a damaged file. Cancelled: `cancel` said so.
        """
        import osmium
        tell = progress or (lambda fraction: None)
        relations: list[tuple[dict[str, str], Refs]] = []
        try:
            for relation in self._objects(osmium.osm.RELATION):
                if relation.tags.get("type") == "multipolygon":
                    relations.append((dict(relation.tags), [(m.ref, m.role) for m in relation.members if m.type == "w"]))
            tell(0.2)
            wanted = {ref: "" for _, refs in relations for ref, _ in refs}
            wanted.update((ref, "outer") for tags, refs in relations if _is_bare(tags) for ref, role in refs if role != "inner")
            found, members = self._ways_and_points(square, wanted, cancel)
        except (RuntimeError, OSError, ValueError) as e:
            raise self._bad(e) from e
        for tags, refs in relations:
            _add_relation(found, square, tags, refs, members)
        square.place(found.features)
        tell(1.0)
        return found

    def _ways_and_points(self, square: Square, wanted: dict[int, str],
                         cancel: Callable[[], bool] | None) -> tuple[Found, dict[int, Member]]:
        """Tagged ways and nodes as features in degrees; and the ways that relations need.

        wanted: these ways, "outer" for those that give a relation its tags and are no area by themselves.
        """
        import osmium
        found = Found()
        members: dict[int, Member] = {}
        wkb = osmium.geom.WKBFactory()
        west, south, east, north = square.bounds
        tagged_nodes = osmium.filter.EmptyTagFilter()
        tagged_nodes.enable_for(osmium.osm.NODE)  # the others only place ways
        for count, thing in enumerate(self._objects().with_locations().with_filter(tagged_nodes)):
            if count % _STEP == 0 and cancel is not None and cancel():
                raise Cancelled
            if thing.is_node():
                if len(thing.tags):
                    lon, lat = thing.location.lon, thing.location.lat
                    if west <= lon <= east and south <= lat <= north:
                        found.features.append(Feature(dict(thing.tags), POINT, [np.array([(lon, lat)])]))
                    else:
                        found.outside += 1
            elif thing.is_way():
                tagged = len(thing.tags) > 0
                if not tagged and thing.id not in wanted:
                    continue
                parts, missing = _way(thing, wkb)
                if thing.id in wanted and parts:
                    members[thing.id] = np.concatenate(parts), dict(thing.tags)
                if not tagged or wanted.get(thing.id) == "outer":
                    continue
                if not parts or not square.touches(np.concatenate(parts)):
                    found.outside += 1
                    continue
                if missing:
                    found.faults["ways with nodes that the extract does not hold"] += 1
                _add_way(found, dict(thing.tags), parts, thing.is_closed())
        return found, members


def _is_bare(tags: dict[str, str]) -> bool:
    """Whether a multipolygon has its tags on its outline, as was the custom once."""
    return not set(tags) - {"type", "source", "created_by", "name", "note"}


def _way(way: Any, wkb: Any) -> tuple[list[np.ndarray], bool]:
    """Longitudes and latitudes [K, 2] of a way, in pieces where nodes are missing; and whether any is."""
    import osmium
    try:
        raw = bytes.fromhex(wkb.create_linestring(way, osmium.geom.use_nodes.ALL))
        return [np.frombuffer(raw, "<f8", offset=9).reshape(-1, 2)], False  # 9 bytes: order, type, count
    except (RuntimeError, ValueError, osmium.InvalidLocationError):  # a node without a place
        pass
    pieces: list[list[tuple[float, float]]] = [[]]
    for node in way.nodes:
        if node.location.valid():
            pieces[-1].append((node.lon, node.lat))
        elif pieces[-1]:
            pieces.append([])
    return [np.array(piece) for piece in pieces if piece], True


def _add_way(found: Found, tags: dict[str, str], parts: list[np.ndarray], closed: bool) -> None:
    """One way as an area or a line."""
    if closed and is_area(tags):
        ring = np.concatenate(parts)
        if len(ring) >= 3:
            found.features.append(Feature(tags, AREA, [ring]))
        return
    if not closed and ("building" in tags or "landuse" in tags):
        found.faults["areas whose outline is not closed"] += 1
    lines = [part for part in parts if len(part) >= 2]
    if lines:
        found.features.append(Feature(tags, LINE, lines))


def _add_relation(found: Found, square: Square, tags: dict[str, str], refs: Refs, members: dict[int, Member]) -> None:
    """One multipolygon as an area with holes."""
    by_role: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for ref, role in refs:
        if ref in members:
            by_role[role == "inner"].append(members[ref][0])
            if _is_bare(tags) and role != "inner":
                tags = {**members[ref][1], **tags}
    lines = by_role[False] + by_role[True]
    if not lines or not square.touches(np.concatenate(lines)):
        found.outside += 1
        return
    rings: list[np.ndarray] = []
    for lines in by_role.values():
        closed, mended = close_rings(lines)
        rings += closed
        found.faults["gaps in the outlines of multipolygons, closed by straight lines"] += mended
    found.faults["outlines of multipolygons that the extract does not hold"] += sum(ref not in members for ref, _ in refs)
    if rings:
        found.features.append(Feature(tags, AREA, rings))
