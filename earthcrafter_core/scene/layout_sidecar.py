"""The JSON beside a layout's picture: what pixels alone do not say. One schema for the core and Blender. NumPy alone.

NAME.png goes with NAME.json, an object with
    cell_size    metres along one side of a pixel
    cells        [rows, columns]
    classes      name of each class that occurs -> number of cells
    source       what the layout was made from
    crs, origin  coordinate reference system and the south-west corner in it, or null
    height_hint, elevation   names of .npy files beside it with metres for each cell; missing where there are none
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from .classes import NAMES, NUM_CLASSES
from .layout import Layout

PLANES = {"height_hint": ".height.npy", "elevation": ".elevation.npy"}


@dataclass
class Sidecar:
    """What NAME.json says.

    Attributes:
        cell_size: metres, or None where it is not said.
        source: what the layout was made from.
        crs, origin: see `Layout`.
        planes: "height_hint" and "elevation" -> path of the .npy, for those that are there.
    """

    cell_size: float | None = None
    source: str = ""
    crs: str | None = None
    origin: tuple[float, float] | None = None
    planes: dict[str, Path] = field(default_factory=dict)


def plane_path(picture: Path, name: str) -> Path:
    """Where the plane "height_hint" or "elevation" of a layout's picture lies."""
    return picture.with_suffix(PLANES[name])


def describe(picture: Path, layout: Layout, source: str = "", planes: bool = True) -> bytes:
    """Content of NAME.json in UTF-8 for a layout saved as `picture`; `planes`: whether its planes are saved beside it."""
    counts = np.bincount(layout.class_id.ravel(), minlength=NUM_CLASSES)
    about: dict[str, Any] = {"cell_size": layout.cell_size, "cells": list(layout.shape), "source": source,
                             "classes": {NAMES[k]: int(n) for k, n in enumerate(counts) if n}, "crs": layout.crs,
                             "origin": None if layout.origin is None else [float(v) for v in layout.origin]}
    about |= {name: plane_path(picture, name).name for name in PLANES if planes and getattr(layout, name) is not None}
    return json.dumps(about, indent=1, ensure_ascii=False).encode("utf-8")


def read(picture: Path) -> Sidecar:
    """The sidecar of a picture, an empty one where there is none. Raises BadInput where it is damaged."""
    path = picture.with_suffix(".json")
    if not path.is_file():
        return Sidecar()
    try:
        about = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(about, dict) or "cell_size" not in about:  # some other program's JSON
            return Sidecar()
        origin = about.get("origin")
        planes = {name: picture.with_name(str(about[name])) for name in PLANES if about.get(name)}
        return Sidecar(float(about["cell_size"]), str(about.get("source", "")), about.get("crs"),
                       None if origin is None else (float(origin[0]), float(origin[1])),
                       {name: plane for name, plane in planes.items() if plane.is_file()})
    except (OSError, ValueError, TypeError, KeyError, IndexError) as e:
        raise BadInput(f"The file {path.name} beside the picture cannot be read ({e}).",
                       "Mend or delete it; without it the cell size that you give is used.") from e


def read_plane(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A plane of metres, float32 of a layout's shape. Raises BadInput."""
    try:
        plane = np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError, EOFError) as e:
        raise BadInput(f"The plane {path.name} cannot be read ({e}).", "Write the layout again, or delete the file.") from e
    if plane.shape != tuple(shape):
        raise BadInput(f"The plane {path.name} has the shape {plane.shape}, the picture {tuple(shape)}.",
                       "Write the layout again, or delete the file.")
    return plane
