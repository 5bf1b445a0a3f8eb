"""The ground that an artist brings: a sculpted mesh or a file of heights, as the engine takes it."""
from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.terrain import Terrain


def terrain_of(obj: bpy.types.Object, context: bpy.types.Context | None = None) -> Terrain | None:
    """The terrain that the scene's settings bring under the layout `obj`, None where the relief is generated or flat.

    Raises:
        BadInput: no object or file is chosen, or it has no ground.
    """
    context = context or bpy.context
    settings = context.scene.earthcrafter
    if settings.relief == "object":
        if settings.terrain_object is None:
            raise BadInput("No object is chosen as the terrain.", "Choose one in Layout > Terrain, or another relief.")
        return mesh_terrain(obj, settings.terrain_object, context.evaluated_depsgraph_get())
    if settings.relief == "file":
        if not settings.terrain_file:
            raise BadInput("No file is chosen as the terrain.", "Choose one in Layout > Terrain, or another relief.")
        return Terrain("raster", path=str(Path(bpy.path.abspath(settings.terrain_file)).resolve()))
    return None


def mesh_terrain(layout: bpy.types.Object, ground: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Terrain:
    """The evaluated mesh of `ground` in metres from the layout's south-west corner. Raises BadInput without faces."""
    vertices, triangles = mesh_arrays(ground, depsgraph)
    if not len(triangles):
        raise BadInput(f"The terrain {ground.name} has no faces.", "Choose a mesh with faces.")
    to_layout = np.array(layout.matrix_world.inverted()) @ np.array(ground.matrix_world)
    return Terrain("mesh", (vertices @ to_layout[:3, :3].T + to_layout[:3, 3]).astype(np.float32), triangles)


def mesh_arrays(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> tuple[np.ndarray, np.ndarray]:
    """Vertices float64 [N, 3] in the object's own space and triangles int32 [M, 3] of what the object evaluates to."""
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    if mesh is None:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32)
    try:
        mesh.calc_loop_triangles()
        vertices = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", vertices)
        triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("vertices", triangles)
    finally:
        evaluated.to_mesh_clear()
    return vertices.reshape(-1, 3).astype(float), triangles.reshape(-1, 3)
