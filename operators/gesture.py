"""The mouse's side of the painting shapes: drag, click points or click once, with a live preview of the cells.

An operator that mixes in `Gesture` is called with its coordinates by scripts; called from a tool it takes them from the
mouse and then does the same, so that the redo panel (F9) has them.
"""
from __future__ import annotations

import math

import bpy

from .. import layout_mesh, view_place
from ..earthcrafter_core.errors import BadInput, EarthCrafterError
from ..earthcrafter_core.scene.shapes import Patch, Point
from ..earthcrafter_core.scene.stroke import Paint, Stroke, runs
from ..layout_overlay import LayoutOverlay

_NAVIGATION = {"MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "WHEELINMOUSE", "WHEELOUTMOUSE", "TRACKPADPAN",
               "TRACKPADZOOM", "MOUSEROTATE", "NDOF_MOTION"}
_CLOSE_PIXELS, _DRAG_PIXELS, _AGAIN_PIXELS = 10, 6, 3
_HINTS = {"drag": "Drag: paint   Esc or right click: give up",
          "points": "Click: next point   Double click, Enter or right click: paint   Backspace: take a point back   "
                    "Esc: give up",
          "click": "Click: paint   Esc or right click: give up"}


def visible_layout(context: bpy.types.Context) -> bpy.types.Object:
    """The layout that the mouse can paint. Raises BadInput where there is none, or it is hidden, linked or no grid."""
    obj = layout_mesh.required_layout(context)
    if not obj.visible_get(view_layer=context.view_layer, viewport=context.space_data):
        raise BadInput(f"The layout {obj.name} is hidden here.", "Press Paint in the panel Layout, or show it in the Outliner.")
    layout_mesh.check_editable(obj)
    return obj


def refuse(operator: bpy.types.Operator, error: EarthCrafterError) -> set[str]:
    """Say in the status bar why the mouse paints nothing: a popup would lie under the next stroke."""
    operator.report({"WARNING"}, f"{error.message} {error.remedy}")
    return {"CANCELLED"}


def in_view(context: bpy.types.Context) -> bool:
    """Whether the operator was called over the main region of a 3D view."""
    return (context.area is not None and context.area.type == "VIEW_3D" and context.region is not None
            and context.region.type == "WINDOW" and context.region_data is not None)


class Gesture:
    """Mix-in for a painting shape.

    Attributes:
        gesture: "drag" (press, drag, release), "points" (a click each, the last one twice) or "click".
        closed: the points are a ring: fewer than three are nothing, and a click on the first ends.
    """

    gesture = "drag"
    closed = False

    def take(self, obj: bpy.types.Object, points: list[Point]) -> None:
        """Set the operator's properties from the mouse's places, metres on the layout."""
        raise NotImplementedError

    def band(self, points: list[Point]) -> list[Point]:
        """The rubber band of these places."""
        return points

    def patch(self, obj: bpy.types.Object) -> Patch:
        """Cells to paint. Raises BadInput."""
        raise NotImplementedError

    def paint(self, context: bpy.types.Context) -> Paint:
        """What is painted."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin; a press of the mouse that called the tool is the first point. Ctrl or Shift: unpaint."""
        if not in_view(context):
            self.report({"ERROR"}, "This tool works in a 3D view. Use its button in the toolbar there.")  # type: ignore[attr-defined]
            return {"CANCELLED"}
        try:
            obj = visible_layout(context)
            if event.ctrl or event.shift:
                self.paint_class = "unpainted"
            paint = self.paint(context)
            self._stroke = Stroke(layout_mesh.read_classes(obj), layout_mesh.read_heights(obj), paint)
        except EarthCrafterError as e:
            return refuse(self, e)  # type: ignore[arg-type]
        self._layout = obj.name
        self._points: list[Point] = []
        self._pressed_at: tuple[int, int] | None = None
        if event.type == "LEFTMOUSE" and event.value in {"PRESS", "CLICK", "CLICK_DRAG"}:
            self._press(context, event, obj)
            if self.gesture == "click":
                return self._finish(context, obj, self._points)
        self._overlay = LayoutOverlay(obj, layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), paint.class_id)
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(_HINTS[self.gesture])
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """One event: a point, an end, the view's own navigation."""
        obj = bpy.data.objects.get(self._layout)  # by name: undo makes the object anew
        if obj is None or context.mode != "OBJECT" or (event.type == "ESC" and event.value == "PRESS"):
            return self._end(context, {"CANCELLED"})
        context.area.tag_redraw()
        if event.type in _NAVIGATION:
            return {"PASS_THROUGH"}
        if event.type in {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE"}:
            self._preview(context, event, obj)
            return {"RUNNING_MODAL"}
        if event.type == "LEFTMOUSE":
            return self._mouse(context, event, obj)
        if event.value == "PRESS" and event.type in {"RIGHTMOUSE", "RET", "NUMPAD_ENTER"}:
            points = self._points if self.gesture == "points" else []
            return self._end(context, self._finish(context, obj, points))
        if event.value == "PRESS" and (event.type == "BACK_SPACE" or (event.type == "Z" and (event.ctrl or event.oskey))):
            self._points, self._pressed_at = self._points[:-1], None
            if not self._points:
                return self._end(context, {"CANCELLED"})
            self._preview(context, event, obj)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the tool (another file, quit)."""
        self._end(context, {"CANCELLED"})

    def _press(self, context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> None:
        place = view_place.event_place(context, event, obj)
        if place is not None:
            self._points.append(place)
            self._pressed_at = event.mouse_region_x, event.mouse_region_y

    def _mouse(self, context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> set[str]:
        """The left button."""
        if event.value == "DOUBLE_CLICK":
            return self._end(context, self._finish(context, obj, self._points))
        if event.value == "RELEASE":
            return self._release(context, event, obj)
        if event.value != "PRESS":
            return {"RUNNING_MODAL"}
        if not view_place.over_view(context.area, (event.mouse_x, event.mouse_y)):
            return {"PASS_THROUGH"}
        if len(self._points) >= 2 and (self._again(event) or self.closed and self._on_first(context, event, obj)):
            return self._end(context, self._finish(context, obj, self._points))
        self._press(context, event, obj)
        if self.gesture == "click" and self._points:
            return self._end(context, self._finish(context, obj, self._points))
        self._preview(context, event, obj)
        return {"RUNNING_MODAL"}

    def _release(self, context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> set[str]:
        """Ends a drag, and a straight line that was dragged instead of clicked."""
        if self._pressed_at is None or len(self._points) != 1 or self.closed:
            return {"RUNNING_MODAL"}
        moved = math.dist(self._pressed_at, (event.mouse_region_x, event.mouse_region_y))
        if self.gesture == "points" and moved < _DRAG_PIXELS:
            return {"RUNNING_MODAL"}
        place = view_place.event_place(context, event, obj)
        return self._end(context, self._finish(context, obj, self._points + ([place] if place else [])))

    def _again(self, event: bpy.types.Event) -> bool:
        """Whether the last point is pressed again: a double click, however slow the view."""
        mouse = event.mouse_region_x, event.mouse_region_y
        return self._pressed_at is not None and math.dist(self._pressed_at, mouse) < _AGAIN_PIXELS

    def _on_first(self, context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> bool:
        first = view_place.pixels_of(context.region, context.region_data, obj.matrix_world, self._points[:1])
        return bool(first) and math.dist(first[0], (event.mouse_region_x, event.mouse_region_y)) < _CLOSE_PIXELS

    def _preview(self, context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> None:
        """Show the cells as they would be with the mouse as the next point."""
        place = view_place.event_place(context, event, obj)
        points = self._points + ([place] if place is not None else [])
        if not self._points or not points:
            return
        try:
            self.take(obj, points)
            cells = runs(self._stroke.would_change(self.patch(obj)))
        except EarthCrafterError:
            return
        self._overlay.replace(cells, self.band(points))

    def _finish(self, context: bpy.types.Context, obj: bpy.types.Object, points: list[Point]) -> set[str]:
        """Paint what the points say; nothing where they are too few."""
        if len(points) < (3 if self.closed else 1 if self.gesture == "click" else 2):
            return {"CANCELLED"}
        self.take(obj, points)
        return self.execute(context)  # type: ignore[attr-defined]

    def _end(self, context: bpy.types.Context, result: set[str]) -> set[str]:
        """Take the preview and the hint away."""
        self._overlay.end()
        context.workspace.status_text_set(None)
        if context.area is not None:
            context.area.tag_redraw()
        return result
