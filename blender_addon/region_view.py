"""Draws the area that is to be regenerated as an outline over the 3D views."""
from __future__ import annotations

import bpy
from mathutils import Vector

from . import jobs, layout_mesh

_COLOR, _WIDTH = (1.0, 0.62, 0.1, 1.0), 2.5
_handle: object | None = None


def _draw() -> None:
    """Draw handler of every 3D view: the scene's area on its layout, through whatever stands there."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    context = bpy.context
    settings, obj = context.scene.earthcrafter, layout_mesh.active_layout(context)
    (x0, y0), (x1, y1) = settings.region_corner, settings.region_opposite
    if obj is None or jobs.region_of(context.scene, obj) is None:
        return
    corners = [obj.matrix_world @ Vector((x, y, 0.1)) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))]
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": [tuple(c) for c in corners]})
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", _WIDTH)
    shader.uniform_float("color", _COLOR)
    gpu.state.depth_test_set("NONE")
    batch.draw(shader)


def register() -> None:
    """Begin to draw; Blender without a window has nothing to draw on."""
    global _handle
    if not bpy.app.background:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def unregister() -> None:
    """Draw no more."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
