"""Classes of a picture's pixels, by the palette or by a mapping table of one's own. NumPy alone: core and Blender share it."""
from __future__ import annotations

import csv
import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInput
from .classes import CLASSES, NAMES, NUM_CLASSES, PALETTE

_HEX = re.compile(r"#?([0-9a-fA-F]{6})$")
_REMEDY = 'Give JSON like {"#4d4d4d": "road", "17": "cropland"}, or CSV lines like #4d4d4d,road.'


@dataclass(frozen=True)
class Mapping:
    """Which colours and grey values stand for which class.

    Attributes:
        colours: 0xRRGGBB -> class id.
        values: grey value or palette index, 0..65535 -> class id.
    """

    colours: dict[int, int]
    values: dict[int, int]


PALETTE_MAPPING = Mapping({int(r) << 16 | int(g) << 8 | int(b): k for k, (r, g, b) in enumerate(PALETTE)},
                          {k: k for k in range(NUM_CLASSES)})


def read_mapping(path: Path) -> Mapping:
    """A mapping table: a JSON object or CSV lines of "#rrggbb" or a grey value, and a class's name or id.

    Raises BadInput where the file is missing or no table, or names a class that there is none of.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no mapping table {path}.", _REMEDY)
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows: Iterable[tuple[str, str]]
        if path.suffix.lower() == ".json":
            rows = [(str(k), str(v)) for k, v in dict(json.loads(text)).items()]
        else:
            lines = csv.reader(text.splitlines(), delimiter=";" if ";" in text else ",")
            rows = [(row[0], row[1]) for row in lines if len(row) >= 2]
            if rows and _key(rows[0][0]) is None:  # a line of headings
                rows = rows[1:]
    except (OSError, ValueError, TypeError) as e:
        raise BadInput(f"The mapping table {path.name} cannot be read ({e}).", _REMEDY) from e
    return mapping_of(rows, path.name)


def mapping_of(rows: Iterable[tuple[str, str]], name: str = "the table") -> Mapping:
    """A mapping from pairs of colour or grey value and class. Raises BadInput."""
    colours: dict[int, int] = {}
    values: dict[int, int] = {}
    for key, value in rows:
        at = _key(key)
        if at is None:
            raise BadInput(f"The mapping table {name} has {key!r}, which is neither #rrggbb nor a grey value.", _REMEDY)
        (colours if key.strip().startswith("#") else values)[at] = _class_id(value, name)
    if not colours and not values:
        raise BadInput(f"The mapping table {name} is empty.", _REMEDY)
    return Mapping(colours, values)


def _key(text: str) -> int | None:
    text = text.strip()
    match = _HEX.match(text)
    if text.startswith("#"):
        return int(match[1], 16) if match else None
    return int(text) if text.isdecimal() and int(text) < 65536 else None


def _class_id(text: str, name: str) -> int:
    word = text.strip().lower()
    if word.isdecimal() and int(word) < NUM_CLASSES:
        return int(word)
    by_name = {**{c.label.lower(): c.id for c in CLASSES}, **{c.name: c.id for c in CLASSES}}
    if word.replace(" ", "_") in by_name:
        return by_name[word.replace(" ", "_")]
    if word in by_name:
        return by_name[word]
    near = difflib.get_close_matches(word, NAMES, 1)
    raise BadInput(f"The mapping table {name} names the class {text.strip()!r}, which there is none of.",
                   f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(NAMES)}.")


def classify(pixels: np.ndarray, mapping: Mapping | None = None, tolerance: float = 0.0) -> tuple[np.ndarray, Counter[str]]:
    """Class ids of pixels; what maps to nothing becomes unpainted.

    Args:
        pixels: integers [H, W] (grey values or palette indices) or [H, W, 1..4] 0..255 (grey, grey + alpha, RGB, RGBA);
            where alpha is 0, the cell is unpainted.
        mapping: None: class ids as grey values, or the palette's colours.
        tolerance: longest distance in sRGB (0..442) at which a colour counts as the nearest one of the mapping.

    Returns:
        uint8 [H, W], and how many pixels of which colour or value ("#rrggbb" or "17") mapped to nothing.
    """
    table = mapping or PALETTE_MAPPING
    pixels = np.asarray(pixels)
    if pixels.ndim == 2:
        return _by_value(pixels, table, tolerance)
    clear = pixels[..., -1] == 0 if pixels.shape[2] in (2, 4) else np.zeros(pixels.shape[:2], bool)
    rgb = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, -1)
    grey = bool((rgb == rgb[..., :1]).all())
    if grey and (mapping is None and rgb.max() < NUM_CLASSES or mapping is not None and table.values):
        ids, unmapped = _by_value(np.where(clear, -1, rgb[..., 0].astype(np.int64)), table, tolerance)
    else:
        r, g, b = np.moveaxis(rgb.astype(np.int64), -1, 0)
        ids, unmapped = _by_colour(np.where(clear, -1, r << 16 | g << 8 | b), table, tolerance)
    return ids, unmapped


def _by_value(values: np.ndarray, table: Mapping, tolerance: float) -> tuple[np.ndarray, Counter[str]]:
    """Class ids of grey values [H, W], -1: unpainted. Values that the table lacks are looked up as grey colours."""
    known, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ids = np.zeros(len(known), np.uint8)
    unmapped: Counter[str] = Counter()
    for k, value in enumerate(known.tolist()):
        if value == -1:
            continue
        found = table.values.get(value)
        if found is None and 0 <= value < 256 and table is not PALETTE_MAPPING:
            found = _nearest(value * 0x010101, table, tolerance)
        if found is None:
            unmapped[str(value)] += int(counts[k])
        else:
            ids[k] = found
    return ids[inverse].reshape(values.shape), unmapped


def _by_colour(packed: np.ndarray, table: Mapping, tolerance: float) -> tuple[np.ndarray, Counter[str]]:
    """Class ids of colours 0xRRGGBB [H, W], -1: unpainted."""
    known, inverse, counts = np.unique(packed, return_inverse=True, return_counts=True)
    ids = np.zeros(len(known), np.uint8)
    unmapped: Counter[str] = Counter()
    for k, colour in enumerate(known.tolist()):
        if colour == -1:
            continue
        found = _nearest(colour, table, tolerance)
        if found is None:
            unmapped[f"#{colour:06x}"] += int(counts[k])
        else:
            ids[k] = found
    return ids[inverse].reshape(packed.shape), unmapped


def _nearest(colour: int, table: Mapping, tolerance: float) -> int | None:
    """Class of a colour, of the nearest one within the tolerance, or None."""
    if colour in table.colours or tolerance <= 0 or not table.colours:
        return table.colours.get(colour)
    keys = np.array(list(table.colours), np.int64)
    parts = np.stack([keys >> 16, keys >> 8 & 255, keys & 255], 1) - (colour >> 16, colour >> 8 & 255, colour & 255)
    distance = np.sqrt((parts * parts).sum(1))
    best = int(distance.argmin())
    return table.colours[int(keys[best])] if distance[best] <= tolerance else None


def describe(unmapped: Counter[str], cells: int, tolerance: float, most: int = 6) -> list[str]:
    """What a picture held that maps to no class, in a sentence; nothing where everything did.

    Raises BadInput where not a single pixel mapped.
    """
    if not unmapped:
        return []
    total = sum(unmapped.values())
    shown = ", ".join(f"{key} ({count})" for key, count in unmapped.most_common(most))
    rest = f" and {len(unmapped) - most} more" if len(unmapped) > most else ""
    if total == cells:
        raise BadInput(f"No pixel has a colour that stands for a class; the picture has {shown}{rest}.",
                       "Use the palette's colours or class ids as grey values, or give a mapping table or a tolerance.")
    more = "" if tolerance > 0 else "; a tolerance takes the nearest class for colours that are nearly right"
    return [f"{total} pixels ({100 * total / cells:.1f} %) have colours that stand for no class and stay unpainted: "
            f"{shown}{rest}{more}."]
