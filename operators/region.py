"""The area that is regenerated: drag it over the layout, or take it away."""
from __future__ import annotations

import bpy
from bpy.props import FloatVectorProperty

from .. import layout_mesh, view_place
from ..earthcrafter_core.errors import EarthCrafterError
from .common import LayoutOperator, register_classes, report, unregister_classes

_HINT = "Drag a rectangle: the area to regenerate   Esc or right click: give up"


class EARTHCRAFTER_OT_select_area(LayoutOperator, bpy.types.Operator):
    """Drag a rectangle over the layout or the place on it: the area that Regenerate Area makes anew"""

    bl_idname = "earthcrafter.select_area"
    bl_label = "Select Area"
    bl_options = {"REGISTER", "UNDO"}

    corner: FloatVectorProperty(  # type: ignore[valid-type]
        name="Corner", size=2, subtype="XYZ", unit="LENGTH", options={"SKIP_SAVE"},
        description="One corner, in metres east and north of the layout's south-west corner")
    opposite: FloatVectorProperty(  # type: ignore[valid-type]
        name="Opposite Corner", size=2, subtype="XYZ", unit="LENGTH", options={"SKIP_SAVE"},
        description="The corner across, in metres east and north of the layout's south-west corner")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the area; two equal corners take it away."""
        settings = context.scene.earthcrafter
        settings.region_corner, settings.region_opposite = self.corner, self.opposite
        layout = layout_mesh.active_layout(context)
        settings.region_layout = layout_mesh.layout_id(layout) if layout is not None else ""
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Wait for the drag."""
        if context.area is None or context.area.type != "VIEW_3D":
            self.report({"ERROR"}, "The area is dragged in a 3D view. Use the button in the sidebar there.")
            return {"CANCELLED"}
        try:
            self._layout = layout_mesh.required_layout(context).name
        except EarthCrafterError as e:
            return report(self, e)
        settings = context.scene.earthcrafter
        self._before = tuple(settings.region_corner), tuple(settings.region_opposite)
        self._pressed = False
        context.window.cursor_modal_set("CROSSHAIR")
        context.workspace.status_text_set(_HINT)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """One event of the mouse; the view's navigation passes."""
        obj = bpy.data.objects.get(self._layout)  # by name: undo makes the object anew
        settings = context.scene.earthcrafter
        if obj is None or (event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS"):
            settings.region_corner, settings.region_opposite = self._before
            return self._end(context, {"CANCELLED"})
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            place = self._place(context, event, obj)
            if place is None:
                return {"PASS_THROUGH"}
            self.corner = self.opposite = place
            self._pressed = True
        elif event.type == "MOUSEMOVE" and self._pressed:
            self.opposite = self._place(context, event, obj) or self.opposite
            sides = (abs(a - b) for a, b in zip(self.corner, self.opposite))
            context.workspace.status_text_set("{:.0f} x {:.0f} m   ".format(*sides) + _HINT)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._pressed:
            return self._end(context, self.execute(context))
        else:
            return {"PASS_THROUGH"}
        self.execute(context)
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the tool (another file, quit)."""
        self._end(context, {"CANCELLED"})

    @staticmethod
    def _place(context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> tuple[float, float] | None:
        """The place under the mouse, kept on the layout; None over panels and where the ray does not meet it."""
        mouse = (event.mouse_x, event.mouse_y)
        if not view_place.over_view(context.area, mouse):
            return None
        region = next(r for r in context.area.regions if r.type == "WINDOW")
        place = view_place.place_at(region, context.space_data.region_3d, obj.matrix_world,
                                    (mouse[0] - region.x, mouse[1] - region.y))
        if place is None:
            return None
        rows, cols = layout_mesh.grid_shape(obj)
        size = layout_mesh.cell_size(obj)
        return min(max(place[0], 0.0), cols * size), min(max(place[1], 0.0), rows * size)

    @staticmethod
    def _end(context: bpy.types.Context, result: set[str]) -> set[str]:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        if context.area is not None:
            context.area.tag_redraw()
        return result


_CLASSES = (EARTHCRAFTER_OT_select_area,)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
