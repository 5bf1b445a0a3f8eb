"""A place's meshes as binary glTF 2.0, by pygltflib.

    root node "place" (extras: crs and origin where the place has them)
      one node and mesh for each part, called as the part; extras: kind, class_id, and the part's attributes
        one primitive for each class of its faces; materials are called as the class, extras: class_id
          textured: POSITION NORMAL TEXCOORD_0, colour as JPEG (or PNG), roughness as PNG (its green channel)
          else: POSITION NORMAL COLOR_0 (linear)
      coarser levels: MSFT_lod on the part's node (with MSFT_screencoverage in extras), or nodes NAME_LOD1, NAME_LOD2
      collision meshes without materials: UCX_NAME_00 (Unreal), or NAME_00-convcolonly and NAME-colonly (Godot)

Specification: Khronos glTF 2.0; MSFT_lod from its vendor extensions.
"""
from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
from PIL import Image

from ..errors import WriteError
from ..mesh.place import Hull, Part, PlaceMesh
from ..scene.colour import srgb_to_linear
from .axes import GLTF, flip_v, georeference
from .corners import indexed
from .glb_options import GlbOptions
from .gltf_buffer import Buffer
from .materials import Material, materials_of

_REMEDY = "Choose another folder or free some space."


def write_glb(path: Path, place: PlaceMesh, options: GlbOptions | None = None, levels: Sequence[PlaceMesh] = (),
              hulls: Sequence[Hull] = (), check: Callable[[], None] = lambda: None) -> None:
    """Write `glb_bytes` as a whole or not at all. Raises WriteError."""
    data = glb_bytes(place, options, levels, hulls, check)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise WriteError(f"The mesh {path} could not be written ({e.strerror or e}).", _REMEDY) from e


def glb_bytes(place: PlaceMesh, options: GlbOptions | None = None, levels: Sequence[PlaceMesh] = (),
              hulls: Sequence[Hull] = (), check: Callable[[], None] = lambda: None) -> bytes:
    """The .glb file of a place; the same bytes for the same input.

    Args:
        place: the finest level, with the textures of all.
        levels: coarser ones, whose parts are told by their names; a part that one lacks ends at the level before.
        hulls: collision meshes.
        check: called between the parts and textures; may raise.
    """
    return _File(place, options or GlbOptions(), check).data(levels, hulls)


class _File:
    """One file in the making."""

    def __init__(self, place: PlaceMesh, options: GlbOptions, check: Callable[[], None]) -> None:
        self.place, self.options, self.check = place, options, check
        self.buffer, self.materials = Buffer(), materials_of(place)
        self.document = pygltflib.GLTF2(asset=pygltflib.Asset(generator="EarthCrafter"), scene=0,
                                        scenes=[pygltflib.Scene(nodes=[0])])
        self.root = pygltflib.Node(name="place", children=[], extras=_where(place))
        self.document.nodes.append(self.root)

    def data(self, levels: Sequence[PlaceMesh], hulls: Sequence[Hull]) -> bytes:
        coarser = [{part.name: part for part in level.parts} for level in levels]
        for part in self.place.parts:
            node = self._part(part, part.name)
            self.root.children.append(node)
            self._levels(node, _distinct([part, *(level[part.name] for level in coarser if part.name in level)]))
        for hull in hulls:
            self.check()
            self.root.children.append(self._node(collision_name(hull, self.options.collision_names),
                                                 [self._hull(hull)], {"kind": "collision", "of": hull.of}))
        self._materials()
        document = self.document
        document.accessors = self.buffer.accessors
        document.bufferViews, binary = self.buffer.finish()
        document.buffers = [pygltflib.Buffer(byteLength=len(binary))]
        document.set_binary_blob(binary)
        return b"".join(document.save_to_bytes())

    def _part(self, part: Part, name: str) -> int:
        """Add a part's mesh and node; the node's index."""
        self.check()
        primitives = [self._primitive(part, class_id) for class_id in np.unique(part.face_class)]
        extras = {"kind": part.kind, "class_id": int(part.class_id)}
        return self._node(name, primitives, extras | {k: round(float(v), 4) for k, v in part.attributes.items()})

    def _node(self, name: str, primitives: list[pygltflib.Primitive], extras: dict[str, Any]) -> int:
        self.document.meshes.append(pygltflib.Mesh(name=name, primitives=primitives))
        self.document.nodes.append(pygltflib.Node(name=name, mesh=len(self.document.meshes) - 1, extras=extras))
        return len(self.document.nodes) - 1

    def _primitive(self, part: Part, class_id: int) -> pygltflib.Primitive:
        rows = indexed(part, part.face_class == class_id)
        attributes = pygltflib.Attributes(
            POSITION=self.buffer.vertices("position", GLTF.points(rows.position).astype("<f4"), bounds=True),
            NORMAL=self.buffer.vertices("normal", GLTF.directions(rows.normal).astype("<f4")))
        if rows.uv is not None:
            attributes.TEXCOORD_0 = self.buffer.vertices("uv", flip_v(rows.uv).astype("<f4"))
        if rows.rgb is not None:
            color = np.full((len(rows.position), 4), 65535, "<u2")  # 3 shorts would not be aligned
            color[:, :3] = np.rint(srgb_to_linear(rows.rgb).astype(np.float64) * 65535)
            attributes.COLOR_0 = self.buffer.vertices("color", color, normalized=True)
        texture = part.texture if rows.uv is not None else ""
        return pygltflib.Primitive(attributes=attributes, material=self.materials.of(part.kind, class_id, texture),
                                   indices=self.buffer.indices(rows.triangles, len(rows.position)))

    def _levels(self, node: int, parts: dict[int, Part]) -> None:
        """Add the coarser levels of a node: the parts by level, of which that of level 0 is there."""
        nodes = [self._part(part, f"{part.name}_LOD{k}") for k, part in parts.items() if k]
        if self.options.levels == "nodes":
            self.root.children += nodes
        elif nodes:
            self.document.nodes[node].extensions = {"MSFT_lod": {"ids": nodes}}
            self.document.nodes[node].extras["MSFT_screencoverage"] = screen_coverage(list(parts))
            self.document.extensionsUsed = ["MSFT_lod"]

    def _hull(self, hull: Hull) -> pygltflib.Primitive:
        position = self.buffer.vertices("position", GLTF.points(hull.vertices).astype("<f4"), bounds=True)
        return pygltflib.Primitive(attributes=pygltflib.Attributes(POSITION=position),
                                   indices=self.buffer.indices(hull.faces, len(hull.vertices)))

    def _materials(self) -> None:
        """Add the materials, and the textures that they use."""
        document = self.document
        indices = {name: self._texture(name) for name in dict.fromkeys(m.texture for m in self.materials.list if m.texture)}
        document.materials = [_material(m, *indices.get(m.texture, (None, None))) for m in self.materials.list]
        if document.textures:
            document.samplers = [pygltflib.Sampler(magFilter=pygltflib.LINEAR, minFilter=pygltflib.LINEAR_MIPMAP_LINEAR,
                                                   wrapS=pygltflib.CLAMP_TO_EDGE, wrapT=pygltflib.CLAMP_TO_EDGE)]

    def _texture(self, name: str) -> tuple[int, int | None]:
        """Add a texture's pictures; indices of those for colour and roughness."""
        texture = self.place.textures[name]
        self.check()
        kind, settings = ("png", {"compress_level": 6}) if self.options.lossless else (
            "jpeg", {"quality": self.options.quality, "subsampling": 0})
        color = self._picture(name, texture.color, kind, settings)
        self.check()
        if texture.roughness is None:
            return color, None
        return color, self._picture(f"{name}_roughness", texture.roughness, "png", {"compress_level": 6})

    def _picture(self, name: str, pixels: np.ndarray, kind: str, settings: dict[str, int]) -> int:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, **settings)
        document = self.document
        view = self.buffer.picture(file.getvalue())
        document.images.append(pygltflib.Image(name=name, mimeType=f"image/{kind}", bufferView=view))
        document.textures.append(pygltflib.Texture(name=name, sampler=0, source=len(document.images) - 1))
        return len(document.textures) - 1


def screen_coverage(levels: list[int]) -> list[float]:
    """MSFT_screencoverage: the least share of the screen at which each of some levels is shown; the last one always is.

    A level has about a quarter of the triangles of the one before, so it follows at a quarter of the area: then triangles
    cover as many pixels as before.
    """
    return [0.25 ** level for level in levels[1:]] + [0.0]


def _distinct(parts: list[Part]) -> dict[int, Part]:
    """Levels of a part by number, without those that are the same as the one before."""
    return {k: part for k, part in enumerate(parts) if k == 0 or part is not parts[k - 1]}


def collision_name(hull: Hull, names: str) -> str:
    """The node's name by which an engine knows a collision mesh.

    Unreal makes every UCX_ mesh convex, so the ground is not called so: it is assigned as "Complex Collision Mesh" there.
    """
    if names == "unreal":
        return f"UCX_{hull.of}_{hull.number:02d}" if hull.convex else f"{hull.of}_collision"
    return f"{hull.of}_{hull.number:02d}-convcolonly" if hull.convex else f"{hull.of}-colonly"


def _where(place: PlaceMesh) -> dict[str, Any]:
    """Extras of the root: where the place lies on the earth."""
    at = georeference(place.about)
    return {} if at.crs is None else {"crs": at.crs, "origin": list(at.origin)}


def _material(material: Material, color: int | None, roughness: int | None) -> pygltflib.Material:
    pbr = pygltflib.PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=material.roughness,
                                         baseColorFactor=[1.0, 1.0, 1.0, 1.0])
    if color is not None:
        pbr.baseColorTexture = pygltflib.TextureInfo(index=color, texCoord=0)
    if roughness is not None:  # a grey picture: green is the roughness; blue, the metalness, is multiplied by 0
        pbr.roughnessFactor = 1.0
        pbr.metallicRoughnessTexture = pygltflib.TextureInfo(index=roughness, texCoord=0)
    return pygltflib.Material(name=material.name, doubleSided=material.both_sides, pbrMetallicRoughness=pbr,
                              extras={"class_id": material.class_id}, emissiveFactor=None, alphaMode=None)
