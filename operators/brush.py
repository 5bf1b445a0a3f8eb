"""The brush: one stroke, from the press of the button to its release, is one step of undo.

While the button is down only a working copy changes and the changed cells are drawn over the layout; the mesh is written
once, at the release. An event costs what the brush touches, whatever the size of the grid.
"""
from __future__ import annotations

import bpy

from .. import layout_mesh, settling, view_place
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene import shapes
from ..earthcrafter_core.scene.classes import CLASSES
from ..earthcrafter_core.scene.stroke import Stroke, runs
from ..layout_overlay import LayoutOverlay
from ..tool_settings import chosen_paint, tool_settings
from .common import register_classes, report, unregister_classes
from .gesture import in_view, refuse, visible_layout


class EARTHCRAFTER_OT_stroke(bpy.types.Operator):
    """Paint the layout while the button is down. Ctrl or Shift: unpaint; Esc or right click: give the stroke up"""

    bl_idname = "earthcrafter.stroke"
    bl_label = "Paint Stroke"
    bl_options = {"UNDO", "BLOCKING", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs Object Mode; what else is missing is said when the button is pressed."""
        return context.mode == "OBJECT"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin at the mouse."""
        if not in_view(context):
            self.report({"ERROR"}, "The brush works in a 3D view. Press Paint in the panel Layout there.")
            return {"CANCELLED"}
        try:
            obj = visible_layout(context)
            paint = chosen_paint(context, erase=event.ctrl or event.shift)
            self._stroke = Stroke(layout_mesh.read_classes(obj), layout_mesh.read_heights(obj), paint)
        except EarthCrafterError as e:
            return refuse(self, e)
        self._layout = obj.name
        self._previous: shapes.Point | None = None
        self._shape, self._cell_size = layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj)
        self._overlay: LayoutOverlay | None = LayoutOverlay(obj, self._shape, self._cell_size, paint.class_id)
        self._dab(context, event, obj)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Go on, end or give up."""
        obj = bpy.data.objects.get(self._layout)  # by name: undo makes the object anew
        if obj is None or (event.value == "PRESS" and event.type in {"ESC", "RIGHTMOUSE"}):
            return self._end(context, {"CANCELLED"})
        if event.type in {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE"}:
            self._dab(context, event, obj)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            return self._end(context, self._commit(obj))
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the tool (another file, quit)."""
        self._end(context, {"CANCELLED"})

    def _dab(self, context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> None:
        """Paint from the stroke's last place to the mouse; a place off the plane breaks the stroke."""
        place = view_place.event_place(context, event, obj)
        if place is not None and self._overlay is not None:
            settings = tool_settings(context)
            radius = settings.brush_radius * (max(event.pressure, 0.05) if settings.use_pressure else 1.0)
            points = [place] if self._previous is None else [self._previous, place]
            patch = shapes.line(self._shape, self._cell_size, points, 2 * radius, settings.brush_shape == "square")
            self._overlay.add(runs(self._stroke.add(patch)))
        self._previous = place
        context.area.tag_redraw()

    def _commit(self, obj: bpy.types.Object) -> set[str]:
        """Write the stroke; no step of undo where no cell changed."""
        later = self._shape[0] * self._shape[1] >= settling.MANY_CELLS
        try:
            count = layout_mesh.apply(obj, self._stroke, show=not later)
        except EarthCrafterError as e:
            return report(self, e)
        if not count:
            return {"CANCELLED"}
        if later and self._overlay is not None:
            settling.keep(obj.name, self._overlay)
            self._overlay = None
        self.report({"INFO"}, f"{count} cells are now {CLASSES[self._stroke.paint.class_id].label}.")
        return {"FINISHED"}

    def _end(self, context: bpy.types.Context, result: set[str]) -> set[str]:
        if self._overlay is not None:
            self._overlay.end()
        if context.area is not None:
            context.area.tag_redraw()
        return result


_CLASSES = (EARTHCRAFTER_OT_stroke,)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
