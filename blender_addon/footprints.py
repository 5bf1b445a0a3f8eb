"""What an object covers of a layout, seen from above: faces of meshes, areas of filled curves, lines of others."""
from __future__ import annotations

import bpy
import numpy as np

from .earthcrafter_core.scene import shapes
from .earthcrafter_core.scene.shapes import Patch
from .layout_mesh import cell_size, grid_shape
from .terrain import mesh_arrays

SURFACES = {"MESH", "SURFACE", "META", "FONT"}
"""Types of objects with faces; curves besides."""


def is_line(obj: bpy.types.Object) -> bool:
    """A curve that is a line and no area: not filled in two dimensions, or without a closed spline."""
    return obj.type == "CURVE" and not (obj.data.dimensions == "2D" and obj.data.fill_mode != "NONE"
                                        and any(spline.use_cyclic_u for spline in obj.data.splines))


def to_layout(layout: bpy.types.Object, obj: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    """Points [N, 3] of the object's own space in metres from the layout's south-west corner."""
    matrix = np.array(layout.matrix_world.inverted()) @ np.array(obj.matrix_world)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def footprint(layout: bpy.types.Object, obj: bpy.types.Object,
              depsgraph: bpy.types.Depsgraph) -> tuple[Patch, np.ndarray] | None:
    """The cells under the object's faces and the height of the highest of them over its own lowest point.

    Heights: float32 [h, w] metres of the patch's window, NaN where nothing is. None where the object has no faces.
    """
    vertices, triangles = mesh_arrays(obj, depsgraph)
    if not len(triangles):
        return None
    vertices = to_layout(layout, obj, vertices)
    patch, top = shapes.triangles(grid_shape(layout), cell_size(layout), vertices[triangles])
    return patch, top - np.float32(vertices[:, 2].min())


def line_patches(layout: bpy.types.Object, obj: bpy.types.Object, width: float) -> list[Patch]:
    """The cells along each spline of a curve, `width` metres wide."""
    shape, size = grid_shape(layout), cell_size(layout)
    lines = [to_layout(layout, obj, points)[:, :2] for points in _splines(obj)]
    return [shapes.line(shape, size, line, width) for line in lines]


def _splines(obj: bpy.types.Object) -> list[np.ndarray]:
    """The points of each spline at the curve's own resolution, [N, 3] in the object's space."""
    bare = obj.data.copy()
    try:
        bare.dimensions = "3D"  # neither filled nor thick: its edges are the line itself
        bare.bevel_mode, bare.bevel_object = "ROUND", None
        bare.bevel_depth = bare.extrude = bare.offset = 0.0
        holder = bpy.data.objects.new("earthcrafter footprint", bare)
        try:
            mesh = holder.to_mesh()
            vertices = np.empty(len(mesh.vertices) * 3, np.float32)
            mesh.vertices.foreach_get("co", vertices)
            edges = np.empty(len(mesh.edges) * 2, np.int32)
            mesh.edges.foreach_get("vertices", edges)
            holder.to_mesh_clear()
        finally:
            bpy.data.objects.remove(holder)
    finally:
        bpy.data.curves.remove(bare)
    return _chains(vertices.reshape(-1, 3).astype(float), edges.reshape(-1, 2))


def _chains(vertices: np.ndarray, edges: np.ndarray) -> list[np.ndarray]:
    """Edges that follow each other, as rows of points."""
    if not len(edges):
        return []
    breaks = np.flatnonzero(edges[1:, 0] != edges[:-1, 1]) + 1
    return [vertices[np.append(part[:, 0], part[-1, 1])] for part in np.split(edges, breaks)]
