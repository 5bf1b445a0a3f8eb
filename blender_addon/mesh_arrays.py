"""A place's parts as arrays in the form that Blender's meshes take: no bpy, so that a thread can make them.

Each array goes into an attribute by one copy of memory; what Blender would have to work out (edges, which faces are flat) is
worked out here.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .earthcrafter_core.scene.classes import CLASSES
from .glb_file import SURFACE, Part, Surface, flat_normals, joined
from .splat_arrays import rgba

PARTS, BY_CLASS, ONE = "PARTS", "CLASSES", "ONE"
"""How a place is divided into objects: every part, one for each class, or a single one."""
CLASS_KIND = "class"
"""Kind of an object that holds all faces of a class."""
MAX_TRIANGLES = 250_000
"""Most triangles of one mesh object: its largest array is then copied in some 15 ms on a slow machine."""
_OWN_ORIGIN = ("building", "deck")  # kinds that an artist turns, scales and replaces one by one
_SAME = 0.02  # of each component: normals that differ less are one
_FLAT = 0.9995  # cosine between a corner's and its face's normal from which it is the face's


@dataclass
class MeshArrays:
    """A triangle mesh object.

    Attributes:
        name: of the object, "" for the place's own name. kind: see `glb_file.Part`, or CLASS_KIND.
        attributes: what becomes custom properties: height, area ... in metres.
        one_class: the class of all faces, 0 where they differ.
        origin: float64 [3] metres: where the object stands in the place; positions count from there.
        position: float32 [V, 3] metres.
        corner_vert, corner_edge: int32 [3 T] vertex and edge of each corner. edge_verts: int32 [E, 2].
        class_id, material_index: int32 [T]. materials: indices of the place's materials, one slot each.
        corner_color: float32 [3 T, 4] linear RGBA or None. corner_uv: float32 [3 T, 2] or None.
        corner_normal: float32 [3 T, 3] unit, None where all faces are flat.
        sharp_edge: bool [E] where the normals of the faces beside an edge differ, None where all faces are flat. Cycles has one
            normal for each vertex and splits the mesh at such edges.
    """

    name: str
    kind: str
    attributes: dict[str, float]
    one_class: int
    origin: np.ndarray
    position: np.ndarray
    corner_vert: np.ndarray
    corner_edge: np.ndarray
    edge_verts: np.ndarray
    class_id: np.ndarray
    material_index: np.ndarray
    materials: list[int]
    corner_color: np.ndarray | None
    corner_uv: np.ndarray | None
    corner_normal: np.ndarray | None
    sharp_edge: np.ndarray | None


def arranged(parts: list[Part], how: str) -> list[Part]:
    """The parts as they are, those that `how` (PARTS, BY_CLASS, ONE) makes of them; no part has more than about
    MAX_TRIANGLES."""
    if how == ONE:
        parts = [Part("", SURFACE, 0, {}, join([p.surface for p in parts]))]
    elif how == BY_CLASS:
        whole = join([p.surface for p in parts])
        parts = [Part(CLASSES[c].label, CLASS_KIND, int(c), {}, taken(whole, whole.class_id == c))
                 for c in np.unique(whole.class_id)]
    return [Part(p.name, p.kind, p.class_id, p.attributes, strip) for p in parts for strip in strips(p.surface)]


def join(surfaces: list[Surface]) -> Surface:
    """Several surfaces as one; their vertices stay apart."""
    first = np.cumsum([0, *(len(s.vertices) for s in surfaces[:-1])])
    counts = [len(s.triangles) for s in surfaces]
    return Surface(np.concatenate([s.vertices for s in surfaces]),
                   np.concatenate([s.triangles + n for s, n in zip(surfaces, first, strict=True)]).astype(np.int32),
                   np.concatenate([s.corner_normal for s in surfaces]),
                   joined([s.corner_color for s in surfaces], counts, 3, 1.0),  # white: exporters multiply textures by it
                   joined([s.corner_uv for s in surfaces], counts, 2, 0.5),
                   np.concatenate([s.class_id for s in surfaces]), np.concatenate([s.material for s in surfaces]))


def taken(surface: Surface, rows: np.ndarray) -> Surface:
    """Some triangles of a surface (mask or indices) with the vertices that they use."""
    used, corner = np.unique(surface.triangles[rows], return_inverse=True)
    return Surface(surface.vertices[used], corner.reshape(-1, 3).astype(np.int32), surface.corner_normal[rows],
                   None if surface.corner_color is None else surface.corner_color[rows],
                   None if surface.corner_uv is None else surface.corner_uv[rows], surface.class_id[rows],
                   surface.material[rows])


def strips(surface: Surface, largest: int = MAX_TRIANGLES) -> list[Surface]:
    """A surface cut into strips from west to east of at most about `largest` triangles each: every one is an object that
    Blender takes without a pause and draws only where it is in view."""
    count = -(-len(surface.triangles) // largest)
    if count <= 1:
        return [surface]
    order = np.argsort(surface.vertices[surface.triangles[:, 0], 0], kind="stable")
    return [taken(surface, rows) for rows in np.array_split(order, count)]


def mesh_arrays(part: Part) -> MeshArrays:
    """The arrays of a part."""
    surface = part.surface
    corner = np.ascontiguousarray(surface.triangles, np.int32)
    edge_verts, corner_edge = edges_of(corner)
    materials, index = np.unique(surface.material, return_inverse=True)
    origin = _origin(part)
    flat = flat_normals(surface.vertices[surface.triangles])
    smooth = (np.einsum("tcd,td->tc", surface.corner_normal, flat) < _FLAT).any()
    classes = np.unique(surface.class_id)
    return MeshArrays(part.name, part.kind, part.attributes, int(classes[0]) if len(classes) == 1 else part.class_id, origin,
                      (surface.vertices - origin).astype(np.float32), corner.ravel(), corner_edge, edge_verts,
                      surface.class_id.astype(np.int32), index.astype(np.int32), materials.tolist(),
                      None if surface.corner_color is None else rgba(surface.corner_color.reshape(-1, 3)),
                      None if surface.corner_uv is None else np.ascontiguousarray(surface.corner_uv.reshape(-1, 2), np.float32),
                      np.ascontiguousarray(surface.corner_normal.reshape(-1, 3), np.float32) if smooth else None,
                      sharp_edges(corner, corner_edge, len(edge_verts), surface.corner_normal) if smooth else None)


def _origin(part: Part) -> np.ndarray:
    """Where a part's own origin lies, metres: the middle of a building at its base; the place's for what is not moved alone."""
    if part.kind not in _OWN_ORIGIN:
        return np.zeros(3)
    low, high = part.surface.vertices.min(0), part.surface.vertices.max(0)
    middle = {"x": (low[0] + high[0]) / 2, "y": (low[1] + high[1]) / 2, "base": low[2]}
    return np.array([float(part.attributes.get(name, value)) for name, value in middle.items()])


def edges_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges int32 [E, 2] of triangles int32 [T, 3], and the edge from each corner to the next one, int32 [3 T]."""
    ends = np.stack([triangles, np.roll(triangles, -1, 1)], -1).reshape(-1, 2)
    key = ends.min(1).astype(np.int64) << 32 | ends.max(1)
    keys, corner_edge = np.unique(key, return_inverse=True)
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], 1).astype(np.int32), corner_edge.ravel().astype(np.int32)


def sharp_edges(triangles: np.ndarray, corner_edge: np.ndarray, count: int, corner_normal: np.ndarray) -> np.ndarray:
    """Which of `count` edges have different normals on their two sides, at either end; bool. For triangles [T, 3], the edge
    from each corner to the next [3 T] and the corners' normals [T, 3, 3]."""
    ends = np.stack([corner_normal, np.roll(corner_normal, -1, 1)], 2).reshape(-1, 2, 3)
    swap = (triangles > np.roll(triangles, -1, 1)).ravel()  # the end with the lower number first
    ends[swap] = ends[swap][:, ::-1]
    first = np.zeros(count, np.int64)
    first[corner_edge] = np.arange(len(corner_edge))
    differs = (np.abs(ends - ends[first[corner_edge]]) > _SAME).any((1, 2))
    sharp = np.zeros(count, bool)
    sharp[corner_edge[differs]] = True
    return sharp
