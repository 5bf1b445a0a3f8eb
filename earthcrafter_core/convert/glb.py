"""Meshes as binary glTF 2.0: one primitive and one material for each class, vertex colours, y up, metres."""
from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..scene import classes as sem
from ..scene.colour import srgb_to_linear
from .mesh import Mesh

ROUGHNESS = {"unpainted": 0.9, "building": 0.8, "paved": 0.9, "low_vegetation": 1.0, "tall_vegetation": 1.0, "bare": 1.0,
             "water": 0.08}
_FLOAT, _USHORT, _UINT = 5126, 5123, 5125
_ARRAY, _ELEMENT = 34962, 34963
_COMPONENTS = {np.dtype("<f4"): _FLOAT, np.dtype("<u2"): _USHORT, np.dtype("<u4"): _UINT}
_SHAPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


def write_glb(path: Path, mesh: Mesh, check: Callable[[], None] = lambda: None) -> None:
    """Write a mesh as .glb. Corners that share position, normal and colour share a vertex. Raises OSError.

    `check` is called between its primitives and may raise.
    """
    path.write_bytes(glb_bytes(mesh, check))


def glb_bytes(mesh: Mesh, check: Callable[[], None] = lambda: None) -> bytes:
    """The .glb file of a mesh; `check` as for `write_glb`."""
    builder = _Builder()
    primitives = []
    for index, class_id in enumerate(np.unique(mesh.face_class)):
        check()
        position, normal, rgb, triangles = _primitive_arrays(mesh, mesh.face_class == class_id)
        color = np.full((len(rgb), 4), 65535, "<u2")
        color[:, :3] = np.rint(srgb_to_linear(rgb).astype(np.float64) * 65535)
        primitives.append({
            "attributes": {"POSITION": builder.add(_y_up(position), _ARRAY, bounds=True),
                           "NORMAL": builder.add(_y_up(normal), _ARRAY),
                           "COLOR_0": builder.add(color, _ARRAY, normalized=True)},
            "indices": builder.add(triangles.astype("<u4").reshape(-1, 1), _ELEMENT), "material": index})
    materials = [_material(sem.CLASSES[k]) for k in np.unique(mesh.face_class)]
    document = {"asset": {"version": "2.0", "generator": "EarthCrafter"}, "scene": 0, "scenes": [{"nodes": [0]}],
                "nodes": [{"mesh": 0, "name": "scene"}], "meshes": [{"name": "scene", "primitives": primitives}],
                "materials": materials, "accessors": builder.accessors, "bufferViews": builder.views,
                "buffers": [{"byteLength": len(builder.data)}]}
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = bytes(builder.data) + b"\0" * (-len(builder.data) % 4)
    return (struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary)) + struct.pack("<I4s", len(text), b"JSON") + text
            + struct.pack("<I4s", len(binary), b"BIN\0") + binary)


def _primitive_arrays(mesh: Mesh, faces: np.ndarray) -> tuple[np.ndarray, ...]:
    """position float32 [V, 3], normal float32 [V, 3], rgb uint8 [V, 3], triangles [F, 3] of some faces."""
    vertex = mesh.faces[faces].reshape(-1)
    normal, rgb = mesh.corner_normal[faces].reshape(-1, 3), mesh.corner_color[faces].reshape(-1, 3)
    coarse = np.rint(normal * 127).astype(np.int64) + 128
    key = ((vertex.astype(np.int64) << 24) | (coarse[:, 0] << 16) | (coarse[:, 1] << 8) | coarse[:, 2])
    colour = (rgb[:, 0].astype(np.int64) << 16) | (rgb[:, 1].astype(np.int64) << 8) | rgb[:, 2]
    order = np.lexsort((colour, key))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(key[order]) != 0) | (np.diff(colour[order]) != 0)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(new) - 1
    first = order[new]
    return mesh.vertices[vertex[first]], normal[first], rgb[first], number.reshape(-1, 3)


def _y_up(v: np.ndarray) -> np.ndarray:
    return np.stack([v[:, 0], v[:, 2], -v[:, 1]], 1).astype("<f4")


def _material(c: sem.SemanticClass) -> dict[str, Any]:
    return {"name": c.name, "extras": {"class_id": c.id}, "doubleSided": True,
            "pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 1], "metallicFactor": 0,
                                     "roughnessFactor": ROUGHNESS[c.kind]}}


class _Builder:
    """Collects accessors, their views and the binary chunk."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: np.ndarray, target: int, bounds: bool = False, normalized: bool = False) -> int:
        """Append an array [N, width]; its accessor's index."""
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": values.nbytes, "target": target})
        accessor: dict[str, Any] = {"bufferView": len(self.views) - 1, "componentType": _COMPONENTS[values.dtype],
                                    "count": len(values), "type": _SHAPES[values.shape[1]]}
        if bounds:
            accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        if normalized:
            accessor["normalized"] = True
        self.accessors.append(accessor)
        self.data += values.tobytes()  # every type here has a size that is a multiple of four bytes for each element
        return len(self.accessors) - 1
