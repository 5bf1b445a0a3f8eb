"""A place as meshes: what terrain, buildings, decks, crowns, textures, hulls and files pass to one another. NumPy alone."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..scene.instances import Instances

if TYPE_CHECKING:
    from .planting.foliage import PlantTexture

TERRAIN, WATER, BUILDING, DECK, CROWN = "terrain", "water", "building", "deck", "crown"


@dataclass
class Part:
    """One thing of a place as triangles: the terrain, one building, one bridge, all crowns of a class.

    Attributes:
        name: unique in the place: "terrain", "house_012".
        kind: TERRAIN, WATER, BUILDING, DECK or CROWN.
        class_id: its class; 0 where its faces have several (terrain).
        vertices: float64 [V, 3] metres, world, z up; corners that meet share a vertex.
        faces: int32 [F, 3] counter-clockwise from outside.
        face_class: uint8 [F].
        corner_normal: float32 [F, 3, 3] unit; smooth within a surface, split at its edges.
        corner_color: uint8 [F, 3, 3] sRGB of each face's corners (the light variant); grey until baked.
        uv: float32 [F, 3, 2] in 0..1, v up, of the place's texture `texture`; None without.
        texture: key of `PlaceMesh.textures`, "" without.
        solid: whether it is closed, and must be watertight.
        attributes: what an artist selects by: "height", "area" (footprint, square metres), "base" (elevation), "storeys" ...
        convex: convex pieces that together cover the part, each float64 [P, 3] corner points; for collisions. Empty: none.
    """

    name: str
    kind: str
    class_id: int
    vertices: np.ndarray
    faces: np.ndarray
    face_class: np.ndarray
    corner_normal: np.ndarray
    corner_color: np.ndarray
    uv: np.ndarray | None = None
    texture: str = ""
    solid: bool = False
    attributes: dict[str, float] = field(default_factory=dict)
    convex: list[np.ndarray] = field(default_factory=list)


@dataclass
class Texture:
    """A baked texture: color uint8 [H, W, 3] sRGB, row 0 at the top (v = 1); roughness uint8 [H, W] (255 rough) or None."""

    color: np.ndarray
    roughness: np.ndarray | None = None


@dataclass
class Hull:
    """One collision mesh.

    Attributes:
        of: name of the part that it stands for. number: counts the hulls of that part from 0.
        vertices: float64 [V, 3] metres, z up. faces: int32 [F, 3] counter-clockwise from outside.
        convex: whether it is convex; the ground is not.
    """

    of: str
    number: int
    vertices: np.ndarray
    faces: np.ndarray
    convex: bool = True


@dataclass
class PlaceMesh:
    """A place: its parts, the textures they use, and what stands at points (drawn by the crown parts as well).

    leaves: where on the texture "plants" the leaves of these plants and of coarser ones lie; None: crowns have no texture.
    """

    parts: list[Part]
    textures: dict[str, Texture]
    instances: Instances
    about: dict[str, Any] = field(default_factory=dict)
    leaves: PlantTexture | None = None

    def triangles(self) -> int:
        """Triangles of all parts."""
        return sum(len(part.faces) for part in self.parts)
