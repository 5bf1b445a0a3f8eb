"""A result folder as arrays in the form that Blender's attributes take: no bpy, so that a thread can make them.

Each array goes into an attribute by one copy of memory; what Blender would have to work out (edges, linear colours) is
worked out here.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.colour import srgb_to_linear
from .result_files import Points, Surface, read_mesh, read_points, read_scene, read_splats
from .splat_arrays import CloudArrays, most_important, rgba, splat_arrays

MAX_TRIANGLES = 700_000
"""Most triangles of one mesh object: its largest array is then copied in some 40 ms on a slow machine."""


@dataclass
class MeshArrays:
    """A triangle mesh.

    Attributes:
        position: float32 [V, 3] metres.
        corner_vert, corner_edge: int32 [3 T] vertex and edge of each corner. edge_verts: int32 [E, 2].
        class_id, material_index: int32 [T]. classes: ids of the classes that occur, one material slot each.
        corner_color: float32 [3 T, 4] linear RGBA. corner_normal: float32 [3 T, 3] unit.
    """

    position: np.ndarray
    corner_vert: np.ndarray
    corner_edge: np.ndarray
    edge_verts: np.ndarray
    class_id: np.ndarray
    material_index: np.ndarray
    classes: list[int]
    corner_color: np.ndarray
    corner_normal: np.ndarray


@dataclass
class ResultArrays:
    """A whole result: its folder, scene.json, meshes (one, or strips of a large place from west to east), points, the splats
    that are shown, and how many there are in all."""

    folder: Path
    scene: dict[str, Any]
    meshes: list[MeshArrays]
    points: CloudArrays
    splats: CloudArrays
    splats_total: int

    @property
    def voxel_size(self) -> float:
        """Metres."""
        return float(self.scene.get("settings", {}).get("voxel_size", 1.0))


def read_result(folder: Path, splat_cap: int) -> ResultArrays:
    """Read a result with at most `splat_cap` of its splats, the most important ones everywhere.

    Raises:
        BadInput: the folder holds no result, or a file of it is missing or damaged.
    """
    scene = read_scene(folder)
    surface, points, splats = (read_mesh(folder / "mesh.glb"), read_points(folder / "points.ply"),
                               read_splats(folder / "splats.ply"))
    try:
        return ResultArrays(folder, scene, [mesh_arrays(part) for part in strips(surface)], point_arrays(points),
                            splat_arrays(splats, most_important(splats, splat_cap)), len(splats))
    except (ValueError, IndexError, MemoryError) as e:
        raise BadInput(f"The result in {folder} cannot be used ({e}).", "Generate the place again.") from e


def strips(surface: Surface, largest: int = MAX_TRIANGLES) -> list[Surface]:
    """A surface cut into strips from west to east of at most about `largest` triangles each: every one is an object that
    Blender takes without a pause and draws only where it is in view."""
    count = -(-len(surface.triangles) // largest)
    if count <= 1:
        return [surface]
    order = np.argsort(surface.vertices[surface.triangles[:, 0], 0], kind="stable")
    parts = []
    for rows in np.array_split(order, count):
        used, corner = np.unique(surface.triangles[rows], return_inverse=True)
        parts.append(Surface(surface.vertices[used], corner.reshape(-1, 3).astype(np.int32), surface.corner_normal[rows],
                             surface.corner_color[rows], surface.class_id[rows]))
    return parts


def mesh_arrays(surface: Surface) -> MeshArrays:
    """The arrays of a mesh."""
    corner = np.ascontiguousarray(surface.triangles, np.int32)
    edge_verts, corner_edge = edges_of(corner)
    classes = np.unique(surface.class_id)
    slot = np.zeros(256, np.int32)
    slot[classes] = np.arange(len(classes))
    return MeshArrays(np.ascontiguousarray(surface.vertices, np.float32), corner.ravel(), corner_edge, edge_verts,
                      surface.class_id.astype(np.int32), slot[surface.class_id], classes.tolist(),
                      rgba(surface.corner_color.reshape(-1, 3)),
                      np.ascontiguousarray(surface.corner_normal.reshape(-1, 3), np.float32))


def edges_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges int32 [E, 2] of triangles int32 [T, 3], and the edge from each corner to the next one, int32 [3 T]."""
    ends = np.stack([triangles, np.roll(triangles, -1, 1)], -1).reshape(-1, 2)
    key = ends.min(1).astype(np.int64) << 32 | ends.max(1)
    keys, corner_edge = np.unique(key, return_inverse=True)
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], 1).astype(np.int32), corner_edge.ravel().astype(np.int32)


def point_arrays(points: Points) -> CloudArrays:
    """The arrays of a point cloud."""
    return CloudArrays(np.ascontiguousarray(points.position, np.float32), points.class_id.astype(np.int32),
                       rgba(srgb_to_linear(points.rgb)), {"normal": np.ascontiguousarray(points.normal, np.float32)})
