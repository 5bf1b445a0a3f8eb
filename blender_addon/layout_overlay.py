"""Cells and rubber bands that a running tool shows over the layout, drawn on the GPU: the mesh itself stays as it is until
the tool is done.

Cells lie on the layout in the scene's depth, a hair nearer to the eye; rubber bands are seen through everything.
"""
from __future__ import annotations

from collections.abc import Sequence

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix

from .class_materials import display_color
from .earthcrafter_core.scene.classes import CLASSES
from .earthcrafter_core.scene.shapes import Point, Shape

NEARER = 2e-5  # of the depth range, so that the cells are not fought by the mesh's
_MERGE_AT = 48  # batches: more of them cost more to draw than to join
_SOLID_BRIGHTNESS = 0.66  # measured under Blender's default studio light
_RIM = (1.0, 1.0, 1.0, 0.95)


def overlay_color(class_id: int) -> tuple[float, float, float, float]:
    """The class's colour as overlays take it: sRGB in 0..1."""
    red, green, blue = (v / 255 for v in display_color(CLASSES[class_id]))
    return red, green, blue, 1.0


def quads(runs: np.ndarray, shape: Shape, cell_size: float) -> np.ndarray:
    """Two triangles for each run of cells: float32 [N * 6, 3] metres in the layout's space. runs: int [N, 3]."""
    row, start, end = (runs[:, k].astype(np.float32) for k in range(3))
    south, north = (shape[0] - row - 1) * cell_size, (shape[0] - row) * cell_size
    west, east = start * cell_size, end * cell_size
    corners = np.zeros((len(runs), 6, 3), np.float32)
    corners[:, :, 0] = np.stack([west, east, east, west, east, west], 1)
    corners[:, :, 1] = np.stack([south, south, north, south, north, north], 1)
    return corners.reshape(-1, 3)


class LayoutOverlay:
    """What one running tool shows; `end` takes it away. The layout is looked up by its name at each drawing."""

    def __init__(self, obj: bpy.types.Object, shape: Shape, cell_size: float, class_id: int):
        """Begin to show, in the colour of the class."""
        self._name, self._shape, self._cell_size = obj.name, shape, cell_size
        self._color = overlay_color(class_id)
        self._cells: list[np.ndarray] = []  # vertices of each batch
        self._batches: list[gpu.types.GPUBatch] = []
        self._band: list[Point] = []
        self._handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_VIEW")

    def add(self, runs: np.ndarray) -> None:
        """Show more cells, int [N, 3] as `scene.stroke.runs` gives them."""
        if len(runs):
            self._cells.append(quads(runs, self._shape, self._cell_size))
        if len(self._cells) >= _MERGE_AT:
            self._cells, self._batches = [np.concatenate(self._cells)], []

    def replace(self, runs: np.ndarray, band: Sequence[Point]) -> None:
        """Show these cells and this rubber band (metres on the layout) instead of what was shown."""
        self._cells, self._batches, self._band = [], [], list(band)
        self.add(runs)

    def end(self) -> None:
        """Take everything away."""
        if self._handle is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None

    def _draw(self) -> None:
        obj = bpy.data.objects.get(self._name)
        if obj is None or not obj.visible_get(view_layer=bpy.context.view_layer, viewport=bpy.context.space_data):
            return
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        for vertices in self._cells[len(self._batches):]:
            self._batches.append(batch_for_shader(shader, "TRIS", {"pos": vertices}))
        with gpu.matrix.push_pop():
            gpu.matrix.multiply_matrix(obj.matrix_world)
            if self._batches:
                _draw_cells(shader, self._batches, (*(v * _lit(bpy.context) for v in self._color[:3]), 1.0))
            if len(self._band) > 1:
                _draw_band(self._band, self._color)


def _lit(context: bpy.types.Context) -> float:
    """How bright the view shows a surface that lies flat, sRGB over sRGB: so that cells do not change at the release."""
    shading = getattr(context.space_data, "shading", None)
    return _SOLID_BRIGHTNESS if shading is not None and shading.type == "SOLID" and shading.light != "FLAT" else 1.0


def _draw_cells(shader: gpu.types.GPUShader, batches: list[gpu.types.GPUBatch], color: tuple) -> None:
    """The cells, hidden by what stands before them."""
    projection = gpu.matrix.get_projection_matrix()
    gpu.state.depth_test_set("LESS_EQUAL")
    with gpu.matrix.push_pop_projection():
        gpu.matrix.load_projection_matrix(Matrix.Translation((0.0, 0.0, -NEARER)) @ projection)
        shader.bind()
        shader.uniform_float("color", color)
        for batch in batches:
            batch.draw(shader)
    gpu.state.depth_test_set("NONE")


def _draw_band(band: list[Point], color: tuple) -> None:
    """The rubber band: a line in the class's colour with a light rim."""
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": [(x, y, 0.0) for x, y in band]})
    gpu.state.depth_test_set("NONE")
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    for width, shade in ((4.0, _RIM), (2.0, color)):
        shader.uniform_float("lineWidth", width)
        shader.uniform_float("color", shade)
        batch.draw(shader)
    gpu.state.blend_set("NONE")
