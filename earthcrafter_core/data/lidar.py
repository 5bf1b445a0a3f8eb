"""Reading airborne LiDAR (LAS / LAZ) into arrays: metres, 8-bit colour, one sentence where a file is bad."""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInput

CHUNK = 1_000_000  # points decoded at a time
NOISE_CODES = (7, 18)  # ASPRS low and high noise
_MODEL_TYPE, _PROJECTED, _LINEAR_UNITS, _VERTICAL_UNITS = 1024, 3072, 3076, 4099  # GeoTIFF keys
_METRES = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937}  # EPSG unit codes: metre, foot, US survey foot


@dataclass
class Points:
    """The points of one file, noise left out.

    Attributes:
        xyz: float64 [N, 3] metres (east, north, up).
        rgb: uint8 [N, 3] sRGB, or None where the file has no colour.
        classification: uint8 [N] ASPRS codes.
        return_number: uint8 [N], 1 is the first.
        number_of_returns: uint8 [N], 0 where the file does not tell.
        intensity: uint16 [N].
    """

    xyz: np.ndarray
    rgb: np.ndarray | None
    classification: np.ndarray
    return_number: np.ndarray
    number_of_returns: np.ndarray
    intensity: np.ndarray

    def __len__(self) -> int:
        return len(self.xyz)

    def first(self) -> np.ndarray:
        """Mask of the first returns, bool [N]."""
        return self.return_number <= 1

    def select(self, mask: np.ndarray) -> Points:
        """The points under a mask [N]."""
        return Points(self.xyz[mask], None if self.rgb is None else self.rgb[mask], self.classification[mask],
                      self.return_number[mask], self.number_of_returns[mask], self.intensity[mask])


def read_points(path: Path | str) -> Points:
    """Read a LAS or LAZ file chunk by chunk.

    Coordinates in feet become metres (GeoTIFF keys), 16-bit colour becomes 8-bit, noise and withheld points go.

    Raises:
        BadInput: the file is missing, no LAS, truncated, damaged, empty or in degrees.
    """
    import laspy

    path = Path(path)
    if not path.is_file():
        raise BadInput(f"The LiDAR file {path} does not exist.", "Give the path of a .las or .laz file.")
    try:
        with laspy.open(path) as reader:
            count = reader.header.point_count
            scale = _unit_scale(reader.header, path)
            parts = [_decode(chunk) for chunk in reader.chunk_iterator(CHUNK)]
    except BadInput:
        raise
    except Exception as e:  # laspy, lazrs, struct and numpy errors: all mean the same to the person
        raise BadInput(f"The LiDAR file {path.name} is no LAS or LAZ file, or it is damaged or truncated ({e}).",
                       "Download or export it again.") from e
    got = sum(p[1] for p in parts)
    if got < count:
        raise BadInput(f"The LiDAR file {path.name} is truncated: {got} of {count} points can be read.",
                       "Download or export it again.")
    if got == 0 or sum(len(p[0][0]) for p in parts) == 0:
        raise BadInput(f"The LiDAR file {path.name} holds no points.", "Give a file with at least the ground returns.")
    columns = [list(column) for column in zip(*(p[0] for p in parts), strict=True)]
    colours = columns.pop(1)
    rgb = None if colours[0] is None else np.concatenate(colours)
    xyz, code, return_number, number_of_returns, intensity = (np.concatenate(column) for column in columns)
    if not np.isfinite(xyz).all():
        raise BadInput(f"The LiDAR file {path.name} holds coordinates that are no numbers.",
                       "Download or export it again.")
    xyz *= scale
    return Points(xyz, _eight_bit(rgb), code, return_number, number_of_returns, intensity)


@dataclass(frozen=True)
class Place:
    """Where a file's coordinates belong.

    Attributes:
        crs: "EPSG:n" of the horizontal coordinate system, or None where the file does not name one.
        unit: metres in one of its units.
    """

    crs: str | None
    unit: float


def read_place(path: Path | str) -> Place:
    """The coordinate system that a LAS or LAZ file names, by GeoTIFF keys or WKT. Raises BadInput for a damaged file."""
    import laspy

    try:
        with laspy.open(path) as reader:
            header = reader.header
            unit = float(_unit_scale(header, Path(path))[0])
            keys = {key.id: key.value_offset for vlr in header.vlrs for key in getattr(vlr, "geo_keys", ())
                    if key.tiff_tag_location == 0}
            found = [getattr(vlr, "string", None) for vlr in [*header.vlrs, *(header.evlrs or [])]]
            texts = [text for text in found if isinstance(text, str)]
    except BadInput:
        raise
    except Exception as e:
        raise BadInput(f"The LiDAR file {Path(path).name} cannot be read ({e}).", "Download or export it again.") from e
    code = keys.get(_PROJECTED, 0)
    if not 0 < code < 32767:  # 32767: user-defined
        code = next((epsg for epsg in map(_epsg_of_wkt, texts) if epsg), 0)
    return Place(f"EPSG:{code}" if code else None, unit)


def _epsg_of_wkt(text: str) -> int:
    """EPSG code of the projected system in a WKT text, also inside a compound one; 0 where none is named."""
    start = re.search(r"PROJ(?:CS|CRS)\s*\[", text)
    if start is None:
        return 0
    depth, end = 0, len(text)
    for k in range(start.end() - 1, len(text)):
        depth += (text[k] == "[") - (text[k] == "]")
        if depth == 0:
            end = k
            break
    last = re.search(r'(?:ID|AUTHORITY)\s*\[\s*"EPSG"\s*,\s*"?(\d+)"?\s*\]\s*$', text[start.start():end])
    return int(last[1]) if last else 0


def _decode(chunk) -> tuple[tuple, int]:
    """Columns of one chunk without noise, and its number of points."""
    code = np.asarray(chunk.classification).astype(np.uint8)
    keep = ~np.isin(code, NOISE_CODES) & ~np.asarray(chunk.withheld).astype(bool)
    names = set(chunk.point_format.dimension_names)
    rgb = None
    if {"red", "green", "blue"} <= names:
        rgb = np.stack([np.asarray(chunk[c])[keep] for c in ("red", "green", "blue")], 1)
    xyz = np.stack([np.asarray(chunk[c], np.float64)[keep] for c in "xyz"], 1)
    return (xyz, rgb, code[keep], np.asarray(chunk.return_number).astype(np.uint8)[keep],
            np.asarray(chunk.number_of_returns).astype(np.uint8)[keep],
            np.asarray(chunk.intensity).astype(np.uint16)[keep]), len(code)


def _eight_bit(rgb: np.ndarray | None) -> np.ndarray | None:
    """uint8 colours of 16-bit or (against the standard) 8-bit ones; None where all are black."""
    if rgb is None or not rgb.any():
        return None
    return (rgb if rgb.max() <= 255 else rgb >> 8).astype(np.uint8)


def _unit_scale(header, path: Path) -> np.ndarray:
    """Factors [3] that turn the file's coordinates into metres, from its GeoTIFF keys (metres without them)."""
    keys: dict[int, int] = {}
    for vlr in header.vlrs:
        for key in getattr(vlr, "geo_keys", ()):
            if key.tiff_tag_location == 0:
                keys[key.id] = key.value_offset
    if keys.get(_MODEL_TYPE) == 2:
        raise BadInput(f"The LiDAR file {path.name} has coordinates in degrees.",
                       "Reproject it to a metric system such as UTM first.")
    horizontal = _METRES.get(keys.get(_LINEAR_UNITS, 9001), 1.0)
    vertical = _METRES.get(keys.get(_VERTICAL_UNITS, keys.get(_LINEAR_UNITS, 9001)), 1.0)
    return np.array([horizontal, horizontal, vertical])
