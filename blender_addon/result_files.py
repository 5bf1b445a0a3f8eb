"""Reads the files that a generation leaves behind: scene.json, splats.ply, points.ply; mesh.glb: glb_file.py. NumPy alone."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.splats import Splats

_PLY_TYPES = {"char": "i1", "uchar": "u1", "short": "<i2", "ushort": "<u2", "int": "<i4", "uint": "<u4",
              "float": "<f4", "double": "<f8", "int8": "i1", "uint8": "u1", "int16": "<i2", "uint16": "<u2",
              "int32": "<i4", "uint32": "<u4", "float32": "<f4", "float64": "<f8"}


@dataclass
class Points:
    """A coloured point cloud: position float32 [N, 3] metres, normal float32 [N, 3], rgb uint8 [N, 3], class_id uint8 [N]."""

    position: np.ndarray
    normal: np.ndarray
    rgb: np.ndarray
    class_id: np.ndarray


def read_scene(folder: Path) -> dict[str, Any]:
    """scene.json of a result. Raises BadInput where the folder holds no whole result."""
    try:
        scene = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
        if not isinstance(scene, dict):
            raise ValueError("no JSON object")
        return scene
    except (OSError, ValueError) as e:
        raise BadInput(f"The folder {folder} holds no generated place ({e}).",
                       "Choose the folder of a result, the one with scene.json.") from e


def read_ply(path: Path) -> np.ndarray:
    """The vertices of a binary little-endian PLY as a structured array [N], one field for each property.

    Raises BadInput where the file is missing, cut off, or of another kind.
    """
    try:
        with open(path, "rb") as f:
            if f.readline().strip() != b"ply":
                raise ValueError("it is no PLY file")
            count, fields, element, binary = 0, [], "", False
            while (line := f.readline().split()) != [b"end_header"]:
                if not line:
                    if f.tell() >= path.stat().st_size:
                        raise ValueError("its header is cut off")
                    continue
                words = [w.decode("ascii") for w in line]
                if words[0] == "format":
                    binary = words[1] == "binary_little_endian"
                elif words[0] == "element":
                    element = words[1]
                    count = int(words[2]) if element == "vertex" else count
                elif words[0] == "property" and element == "vertex":
                    fields.append((words[2], _PLY_TYPES[words[1]]))
            if not binary:
                raise ValueError("it is not binary little-endian")
            dtype = np.dtype(fields)
            data = f.read(count * dtype.itemsize)
        if len(data) < count * dtype.itemsize:
            raise ValueError("it is cut off")
        return np.frombuffer(data, dtype)
    except (OSError, ValueError, KeyError, IndexError) as e:
        raise BadInput(f"The file {path} cannot be read ({e}).", "Generate the place again.") from e


def _columns(vertices: np.ndarray, names: tuple[str, ...], dtype: type, path: Path) -> np.ndarray:
    """The named properties side by side, [N, len(names)]."""
    missing = [n for n in names if n not in (vertices.dtype.names or ())]
    if missing:
        raise BadInput(f"The file {path} lacks the property {missing[0]}.", "Generate the place again.")
    return np.stack([vertices[n].astype(dtype) for n in names], 1)


def _class_ids(vertices: np.ndarray) -> np.ndarray:
    """Class ids uint8 [N], 0 where the file has none."""
    if "class_id" in (vertices.dtype.names or ()):
        return vertices["class_id"].astype(np.uint8)
    return np.zeros(len(vertices), np.uint8)


def read_points(path: Path) -> Points:
    """points.ply. Raises BadInput."""
    v = read_ply(path)
    return Points(_columns(v, ("x", "y", "z"), np.float32, path), _columns(v, ("nx", "ny", "nz"), np.float32, path),
                  _columns(v, ("red", "green", "blue"), np.uint8, path), _class_ids(v))


def read_splats(path: Path) -> Splats:
    """splats.ply in the 3DGS layout; the third scale and the higher harmonics are left out. Raises BadInput."""
    v = read_ply(path)
    return Splats(mean=_columns(v, ("x", "y", "z"), np.float32, path),
                  log_scale=_columns(v, ("scale_0", "scale_1"), np.float32, path),
                  quat=_columns(v, ("rot_0", "rot_1", "rot_2", "rot_3"), np.float32, path),
                  opacity=_columns(v, ("opacity",), np.float32, path)[:, 0],
                  sh=_columns(v, ("f_dc_0", "f_dc_1", "f_dc_2"), np.float32, path)[:, None],
                  class_id=_class_ids(v))
