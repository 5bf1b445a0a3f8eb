"""Shows a place while it is being generated: drawn over the 3D views, not a part of Blender's data, so undo never meets it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .earthcrafter_core.scene.preview import Preview

_LIFT = 0.05  # metres above the painted grid, so that neither flickers


@dataclass
class PreviewArrays:
    """What the graphics card takes: position float32 [V, 3], color float32 [V, 4], triangles int32 [T, 3]."""

    position: np.ndarray
    color: np.ndarray
    triangles: np.ndarray


def arrays_of(preview: Preview) -> PreviewArrays:
    """A preview in the form that the graphics card takes, raised above the painted grid; for a thread."""
    position = np.ascontiguousarray(preview.position, np.float32)
    if len(position):
        position = position + np.array([0, 0, _LIFT - min(float(position[:, 2].min()), 0.0)], np.float32)
    return PreviewArrays(position, preview.color.astype(np.float32) / 255, np.ascontiguousarray(preview.triangles, np.int32))


class PreviewView:
    """The one preview that is shown.

    `show` and `hide` are for the main thread; where Blender runs without a window they only keep the arrays.
    """

    def __init__(self) -> None:
        self.arrays: PreviewArrays | None = None
        self._target = 0
        self._shift = Vector()
        self._batch: Any = None  # gpu.types.GPUBatch
        self._handle: object | None = None

    def show(self, arrays: PreviewArrays, target: int, shift: Vector) -> None:
        """Show these faces in the frame of an object.

        Args:
            target: session_uid of the object that they stand on; gone or 0: the world's origin.
            shift: metres in that frame.
        """
        self.arrays, self._target, self._shift, self._batch = arrays, target, shift, None
        if self._handle is None and not bpy.app.background:
            self._handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_VIEW")

    def hide(self) -> None:
        """Take the preview away."""
        self.arrays = self._batch = None
        if self._handle is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None

    def _draw(self) -> None:
        """Draw handler of every 3D view."""
        import gpu
        from gpu_extras.batch import batch_for_shader

        arrays = self.arrays
        if arrays is None or not len(arrays.triangles):
            return
        shader = gpu.shader.from_builtin("SMOOTH_COLOR")
        if self._batch is None:
            self._batch = batch_for_shader(shader, "TRIS", {"pos": arrays.position, "color": arrays.color},
                                           indices=arrays.triangles)
        obj = object_of(self._target)
        matrix = (obj.matrix_world if obj is not None else Matrix.Identity(4)) @ Matrix.Translation(self._shift)
        gpu.state.depth_mask_set(True)
        gpu.state.active_framebuffer_get().clear(depth=1.0)  # over the place that stands there, not through it
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.face_culling_set("NONE")
        with gpu.matrix.push_pop():
            gpu.matrix.multiply_matrix(matrix)
            self._batch.draw(shader)
        gpu.state.depth_mask_set(False)
        gpu.state.depth_test_set("NONE")


def object_of(uid: int) -> bpy.types.Object | None:
    """The object with this session_uid, which outlives undo and renaming; None where there is none."""
    if not uid:
        return None
    return next((obj for obj in bpy.data.objects if obj.session_uid == uid), None)
