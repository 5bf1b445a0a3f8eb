"""Reads the files that a generation leaves behind: scene.json, splats.ply, points.ply and mesh.glb. NumPy alone."""
from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.classes import CLASSES
from .earthcrafter_core.scene.splats import Splats

_PLY_TYPES = {"char": "i1", "uchar": "u1", "short": "<i2", "ushort": "<u2", "int": "<i4", "uint": "<u4",
              "float": "<f4", "double": "<f8", "int8": "i1", "uint8": "u1", "int16": "<i2", "uint16": "<u2",
              "int32": "<i4", "uint32": "<u4", "float32": "<f4", "float64": "<f8"}
_GLTF_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_GLTF_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclass
class Surface:
    """Triangles of a generated mesh; corners that meet share a vertex, whatever their normals and colours.

    Attributes:
        vertices: float32 [V, 3] metres, z up.
        triangles: int32 [T, 3] counter-clockwise from outside.
        corner_normal: float32 [T, 3, 3] unit normals of the corners.
        corner_color: float32 [T, 3, 3] linear colours of the corners.
        class_id: uint8 [T].
    """

    vertices: np.ndarray
    triangles: np.ndarray
    corner_normal: np.ndarray
    corner_color: np.ndarray
    class_id: np.ndarray


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


def read_mesh(path: Path) -> Surface:
    """mesh.glb: every primitive is one class, told by its material's name. Raises BadInput."""
    try:
        document, binary = _glb_chunks(path.read_bytes())
        parts = [_primitive(document, binary, primitive)
                 for mesh in document["meshes"] for primitive in mesh["primitives"]]
        if not parts:
            raise ValueError("it holds no mesh")
        corners, normals, colors, ids = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        vertices, triangles = weld(corners.reshape(-1, 3))
        return Surface(vertices, triangles.reshape(-1, 3), normals, colors, ids)
    except (OSError, ValueError, KeyError, IndexError, struct.error) as e:
        raise BadInput(f"The file {path} cannot be read ({e}).", "Generate the place again.") from e


def _glb_chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON document and the binary chunk of a GLB."""
    magic, _version, length = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or length > len(data):
        raise ValueError("it is no whole GLB file")
    size, _kind = struct.unpack_from("<I4s", data, 12)
    document = json.loads(data[20:20 + size])
    start = 20 + size
    return document, data[start + 8:start + 8 + struct.unpack_from("<I", data, start)[0]]


def _accessor(document: dict[str, Any], binary: bytes, index: int) -> np.ndarray:
    """An accessor's values [count, width]; normalised integers as floats in 0..1."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    dtype, width = np.dtype(_GLTF_TYPES[accessor["componentType"]]), _GLTF_WIDTH[accessor["type"]]
    stride = view.get("byteStride", dtype.itemsize * width)
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    values: np.ndarray = np.ndarray((accessor["count"], width), dtype, binary, start, (stride, dtype.itemsize))
    return values / np.float32(np.iinfo(dtype).max) if accessor.get("normalized") else values


def _primitive(document: dict[str, Any], binary: bytes, primitive: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """Of each triangle's corners: position, normal, linear colour, float32 [T, 3, 3] each; and class_id uint8 [T]."""
    attributes = primitive["attributes"]
    triangles = _accessor(document, binary, primitive["indices"]).reshape(-1, 3)
    position = _z_up(_accessor(document, binary, attributes["POSITION"]))[triangles]
    if "NORMAL" in attributes:
        normal = _z_up(_accessor(document, binary, attributes["NORMAL"]))[triangles]
    else:
        flat = np.cross(position[:, 1] - position[:, 0], position[:, 2] - position[:, 0])
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
        normal = np.repeat(flat[:, None], 3, 1)
    if "COLOR_0" in attributes:
        color = _accessor(document, binary, attributes["COLOR_0"])[:, :3].astype(np.float32)[triangles]
    else:
        color = np.full(position.shape, 0.5, np.float32)
    material = document["materials"][primitive["material"]] if "material" in primitive else {}
    return position, normal, color, np.full(len(triangles), _class_of(material), np.uint8)


def _z_up(v: np.ndarray) -> np.ndarray:
    """glTF's y up to Blender's z up, float32 [N, 3]."""
    return np.stack([v[:, 0], -v[:, 2], v[:, 1]], 1).astype(np.float32)


def weld(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of float32 [N, 3] (equal bit by bit) and the index of each row among them, int32 [N]."""
    order = np.lexsort(points.T)
    ordered = points[order]
    new = np.ones(len(points), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(1)
    index = np.empty(len(points), np.int32)
    index[order] = np.cumsum(new) - 1
    return ordered[new], index


def _class_of(material: dict[str, Any]) -> int:
    """Class id of a material by its extras or its name, 0 where neither tells."""
    if "class_id" in material.get("extras", {}):
        return int(material["extras"]["class_id"])
    name = material.get("name", "").lower()
    return next((c.id for c in CLASSES if name in (c.name, c.label.lower())), 0)
