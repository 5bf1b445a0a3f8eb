"""Reads a place's mesh.glb: its parts (terrain, water, each building ...), materials and textures. NumPy alone.

The file is the core's own: every node with a mesh is a part in world metres, y up, and each of its primitives is one class.
Levels of detail and hulls for physics, which other programs need, are left out.
"""
from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.classes import CLASSES

SURFACE = "surface"
"""Kind of the one part of a place whose mesh is a plain surface around its voxels, and the name of its node."""
_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_COARSER = re.compile(r"_LOD[1-9]\d*$")
_COLLISION = "collision"


@dataclass
class Surface:
    """Triangles; corners that meet share a vertex, whatever their normals and colours.

    Attributes:
        vertices: float32 [V, 3] metres, z up.
        triangles: int32 [T, 3] counter-clockwise from outside.
        corner_normal: float32 [T, 3, 3] unit normals of the corners.
        corner_color: float32 [T, 3, 3] linear colours of the corners, None where every face has a texture.
        corner_uv: float32 [T, 3, 2], v up, None where no face has a texture.
        class_id: uint8 [T].
        material: int32 [T] indices of `Place.materials`.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    corner_normal: np.ndarray
    corner_color: np.ndarray | None
    corner_uv: np.ndarray | None
    class_id: np.ndarray
    material: np.ndarray


@dataclass
class Part:
    """One thing of a place: its name ("" where it is the whole), kind ("terrain", "building" ... or SURFACE), class (0: its
    faces tell), what is known of it by name (height, area ... in metres), and its triangles."""

    name: str
    kind: str
    class_id: int
    attributes: dict[str, float]
    surface: Surface


@dataclass
class Picture:
    """An embedded picture file, JPEG or PNG: its name and bytes."""

    name: str
    data: bytes


@dataclass
class PartMaterial:
    """The look of a class: `color` and `roughness` are indices of `Place.pictures`, None without texture. Roughness is in
    the green channel."""

    class_id: int
    color: int | None = None
    roughness: int | None = None


@dataclass
class Place:
    """All that stands in a mesh.glb."""

    parts: list[Part]
    materials: list[PartMaterial] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def read_place(path: Path) -> Place:
    """Read mesh.glb. Raises BadInput where it is missing, cut off, or no mesh."""
    try:
        document, binary = _chunks(path.read_bytes())
        materials = [_material(document, m) for m in document.get("materials", [])] or [PartMaterial(0)]
        parts = [_part(document, binary, node, materials) for node in _nodes(document)]
        if not parts:
            raise ValueError("it holds no mesh")
        pictures = [_picture(document, binary, image) for image in document.get("images", [])]
        return Place(parts, materials, pictures)
    except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error) as e:
        raise BadInput(f"The file {path} cannot be read ({e}).", "Generate the place again.") from e


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON document and the binary chunk of a GLB."""
    magic, _version, length = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or length > len(data):
        raise ValueError("it is no whole GLB file")
    size, _kind = struct.unpack_from("<I4s", data, 12)
    document = json.loads(data[20:20 + size])
    start = 20 + size
    return document, data[start + 8:start + 8 + struct.unpack_from("<I", data, start)[0]]


def _nodes(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes with a mesh that belong to the finest level, in the file's order."""
    nodes = document["nodes"]
    waiting = list(document["scenes"][document.get("scene", 0)]["nodes"])
    while waiting:
        node = nodes[waiting.pop(0)]
        if _COARSER.search(node.get("name", "")) or node.get("extras", {}).get("kind") == _COLLISION:
            continue
        waiting[:0] = node.get("children", [])
        if "mesh" in node:
            yield node


def _part(document: dict[str, Any], binary: bytes, node: dict[str, Any], materials: list[PartMaterial]) -> Part:
    """A node's mesh and what its extras tell."""
    told = dict(node.get("extras", {}))
    kind, class_id = str(told.pop("kind", SURFACE)), int(told.pop("class_id", 0))
    attributes = {name: value for name, value in told.items() if isinstance(value, int | float)}
    surface = _surface(document, binary, document["meshes"][node["mesh"]]["primitives"], materials)
    name = str(node.get("name", kind))
    return Part("", SURFACE, 0, {}, surface) if SURFACE in (kind, name) else Part(name, kind, class_id, attributes, surface)


def _surface(document: dict[str, Any], binary: bytes, primitives: list[dict[str, Any]],
             materials: list[PartMaterial]) -> Surface:
    """The primitives of a mesh as one surface whose corners are joined where they meet."""
    points, triangles, normals, colors, uvs, used = [], [], [], [], [], []
    count = 0
    for primitive in primitives:
        at = primitive["attributes"]
        corners = _accessor(document, binary, primitive["indices"]).reshape(-1, 3).astype(np.int64)
        position = _z_up(_accessor(document, binary, at["POSITION"]))
        points.append(position)
        triangles.append(corners + count)
        count += len(position)
        normals.append(_z_up(_accessor(document, binary, at["NORMAL"]))[corners] if "NORMAL" in at
                       else np.repeat(flat_normals(position[corners])[:, None], 3, 1))
        colors.append(_accessor(document, binary, at["COLOR_0"])[:, :3].astype(np.float32)[corners] if "COLOR_0" in at
                      else None)
        uvs.append(_v_up(_accessor(document, binary, at["TEXCOORD_0"]))[corners] if "TEXCOORD_0" in at else None)
        used.append(np.full(len(corners), primitive.get("material", 0), np.int32))
    vertices, index = weld(np.concatenate(points))
    material = np.concatenate(used)
    classes = np.array([m.class_id for m in materials], np.uint8)
    return Surface(vertices, index[np.concatenate(triangles)], np.concatenate(normals),
                   joined(colors, [len(n) for n in normals], 3, 1.0), joined(uvs, [len(n) for n in normals], 2, 0.5),
                   classes[material], material)


def joined(arrays: list[np.ndarray | None], counts: list[int], width: int, missing: float) -> np.ndarray | None:
    """Corner values [T, 3, width] of several pieces behind one another, `missing` where a piece has none; None where no
    piece has any."""
    if all(a is None for a in arrays):
        return None
    return np.concatenate([np.full((n, 3, width), missing, np.float32) if a is None else a
                           for a, n in zip(arrays, counts, strict=True)])


def _accessor(document: dict[str, Any], binary: bytes, index: int) -> np.ndarray:
    """An accessor's values [count, width]; normalised integers as floats in 0..1."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    dtype, width = np.dtype(_TYPES[accessor["componentType"]]), _WIDTH[accessor["type"]]
    stride = view.get("byteStride", dtype.itemsize * width)
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    values: np.ndarray = np.ndarray((accessor["count"], width), dtype, binary, start, (stride, dtype.itemsize))
    return values / np.float32(np.iinfo(dtype).max) if accessor.get("normalized") else values


def flat_normals(corners: np.ndarray) -> np.ndarray:
    """Unit normals float32 [T, 3] of triangles' corner positions [T, 3, 3]."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def _z_up(v: np.ndarray) -> np.ndarray:
    """glTF's y up to Blender's z up, float32 [N, 3]."""
    return np.stack([v[:, 0], -v[:, 2], v[:, 1]], 1).astype(np.float32)


def _v_up(uv: np.ndarray) -> np.ndarray:
    """glTF's v, which goes down, to Blender's, float32 [N, 2]."""
    return np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32)


def weld(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of float32 [N, 3] (equal bit by bit) and the index of each row among them, int32 [N]."""
    order = np.lexsort(points.T)
    ordered = points[order]
    new = np.ones(len(points), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(1)
    index = np.empty(len(points), np.int32)
    index[order] = np.cumsum(new) - 1
    return ordered[new], index


def _material(document: dict[str, Any], material: dict[str, Any]) -> PartMaterial:
    """Class and textures of a material."""
    look = material.get("pbrMetallicRoughness", {})

    def source(name: str) -> int | None:
        return document["textures"][look[name]["index"]]["source"] if name in look else None

    return PartMaterial(_class_of(material), source("baseColorTexture"), source("metallicRoughnessTexture"))


def _class_of(material: dict[str, Any]) -> int:
    """Class id of a material by its extras or its name, 0 where neither tells."""
    if "class_id" in material.get("extras", {}):
        return int(material["extras"]["class_id"])
    name = material.get("name", "").lower()
    return next((c.id for c in CLASSES if name in (c.name, c.label.lower())), 0)


def _picture(document: dict[str, Any], binary: bytes, image: dict[str, Any]) -> Picture:
    """The bytes of an embedded picture."""
    view = document["bufferViews"][image["bufferView"]]
    start = view.get("byteOffset", 0)
    data = binary[start:start + view["byteLength"]]
    if len(data) < view["byteLength"]:
        raise ValueError("a texture of it is cut off")
    return Picture(image.get("name", "texture"), data)
