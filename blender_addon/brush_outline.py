"""The cursor of the painting tools: the outline of what a press of the button would cover, in the class's colour."""
from __future__ import annotations

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from . import view_place
from .class_materials import class_by_name
from .earthcrafter_core.scene.shapes import Point
from .layout_mesh import active_layout
from .layout_overlay import overlay_color
from .tool_settings import tool_settings

_SEGMENTS = 48
_SMALLEST = 3.0  # pixels: a smaller ring would be no outline
held_at: Point | None = None
"""Centre of the outline while its size is dragged, instead of the mouse."""


def ring(centre: Point, radius: float, square: bool) -> list[Point]:
    """The closed outline of the brush, metres."""
    x, y = centre
    if square:
        return [(x + sx * radius, y + sy * radius) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
    angles = np.linspace(0, 2 * np.pi, _SEGMENTS + 1)
    return [(x + radius * float(np.cos(a)), y + radius * float(np.sin(a))) for a in angles]


def draw(context: bpy.types.Context, mouse: tuple[int, int], radius: float, square: bool) -> None:
    """Draw the outline around the mouse (window pixels); called for the tool's cursor."""
    obj, region = active_layout(context), context.region
    if obj is None or region is None or context.region_data is None or not obj.visible_get():
        return
    centre = held_at or view_place.place_at(region, context.region_data, obj.matrix_world,
                                            (mouse[0] - region.x, mouse[1] - region.y))
    if centre is None:
        return
    pixels = view_place.pixels_of(region, context.region_data, obj.matrix_world, ring(centre, radius, square))
    if len(pixels) < 3:
        return
    points = np.array(pixels, np.float32) + (region.x, region.y)
    if np.ptp(points, axis=0).max() < 2 * _SMALLEST:
        middle = points.mean(0)
        points = np.array([ring((float(middle[0]), float(middle[1])), _SMALLEST, square)], np.float32)[0]
    _draw_line(points, overlay_color(class_by_name(tool_settings(context).paint_class).id))


def _draw_line(points: np.ndarray, color: tuple) -> None:
    """A line in the colour with a dark and a light rim: it shows on every ground. points: [N, 2] window pixels."""
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": np.pad(points, ((0, 0), (0, 1))).astype(np.float32)})
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    for width, shade in ((5.0, (0.0, 0.0, 0.0, 0.55)), (3.5, (1.0, 1.0, 1.0, 0.95)), (1.8, color)):
        shader.uniform_float("lineWidth", width)
        shader.uniform_float("color", shade)
        batch.draw(shader)
    gpu.state.blend_set("NONE")
