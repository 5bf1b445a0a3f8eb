"""The brush: paint classes on the layout with the mouse, each stroke one step of undo."""
from __future__ import annotations

import math

import bpy
import numpy as np
from bpy_extras import view3d_utils
from mathutils import Vector

from .. import layout_mesh
from ..class_materials import class_by_name, linear_color
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene import shapes
from .common import LayoutOperator, register_classes, report, unregister_classes

_HINT = "Drag: paint   Shift-drag: unpaint   Alt-click: pick class   [ ]: radius   Ctrl-Z: undo   Esc or Paint: end"
_CIRCLE = 48  # segments of the brush's outline
_asked_to_end = False  # Paint was pressed while the brush runs


def is_painting(context: bpy.types.Context) -> bool:
    """Whether the brush runs in this window."""
    window = context.window
    return window is not None and any(op.bl_idname == EARTHCRAFTER_OT_paint.__name__ for op in window.modal_operators)


class EARTHCRAFTER_OT_paint(LayoutOperator, bpy.types.Operator):
    """Paint the layout with the mouse. Drag to paint, Shift to unpaint, Alt-click to pick a class, [ and ] for the radius, Esc to end"""  # noqa: E501

    bl_idname = "earthcrafter.paint"
    bl_label = "Paint"
    bl_options = {"REGISTER"}  # runs long: each stroke pushes its own undo step

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin; needs a 3D view. Where the brush runs already, end it."""
        global _asked_to_end
        _asked_to_end = is_painting(context)
        if _asked_to_end:
            return {"FINISHED"}
        if context.area is None or context.area.type != "VIEW_3D":
            self.report({"ERROR"}, "The brush works in a 3D view. Call it from the sidebar there.")
            return {"CANCELLED"}
        try:
            obj = layout_mesh.required_layout(context)
        except EarthCrafterError as e:
            return report(self, e)
        obj.hide_set(False)
        self._layout_name = obj.name
        self._previous: shapes.Point | None = None  # last place of the running stroke
        self._cursor: Vector | None = None
        self._handle = bpy.types.SpaceView3D.draw_handler_add(_draw_brush, (self,), "WINDOW", "POST_VIEW")
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(_HINT)
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """One event: stroke, pick, radius, end; everything else is the view's."""
        obj = bpy.data.objects.get(self._layout_name)  # by name: undo makes the object anew
        if obj is None or context.mode != "OBJECT" or event.type == "ESC" or _asked_to_end:
            return self._end(context)
        region = _view_region(context, event)
        if region is None and self._previous is None:
            return {"PASS_THROUGH"}
        if context.area is not None:
            context.area.tag_redraw()
        place = _place_under_mouse(context, region, event, obj) if region is not None else None
        self._cursor = obj.matrix_world @ Vector((*place, 0.0)) if place is not None else None
        settings = context.scene.earthcrafter
        try:
            if event.type == "LEFTMOUSE" and event.value == "PRESS" and place is not None:
                if event.alt:
                    _pick(settings, obj, place)
                else:
                    self._stroke(settings, obj, place, event.shift)
                return {"RUNNING_MODAL"}
            if event.type == "MOUSEMOVE" and self._previous is not None and place is not None:
                self._stroke(settings, obj, place, event.shift)
                return {"RUNNING_MODAL"}
        except EarthCrafterError as e:
            self._end(context)
            return report(self, e)
        if event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._previous is not None:
            self._previous = None
            bpy.ops.ed.undo_push(message="Paint Layout")
            return {"RUNNING_MODAL"}
        if event.type in {"LEFT_BRACKET", "RIGHT_BRACKET"} and event.value == "PRESS":
            settings.brush_radius *= 1.25 if event.type == "RIGHT_BRACKET" else 0.8
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"}

    def _stroke(self, settings: bpy.types.PropertyGroup, obj: bpy.types.Object, place: shapes.Point,
                unpaint: bool) -> None:
        """Paint from the stroke's last place to this one. Raises BadInput."""
        points = [place] if self._previous is None else [self._previous, place]
        shape = layout_mesh.grid_shape(obj)
        mask = shapes.line(shape, layout_mesh.cell_size(obj), points, 2 * settings.brush_radius).whole(shape)
        layout_mesh.paint(obj, mask, 0 if unpaint else class_by_name(settings.paint_class).id)
        self._previous = place

    def _end(self, context: bpy.types.Context) -> set[str]:
        """Take the outline and the hint away."""
        if self._previous is not None:
            bpy.ops.ed.undo_push(message="Paint Layout")
        bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
        context.workspace.status_text_set(None)
        if context.area is not None:
            context.area.tag_redraw()
        return {"FINISHED"}


def _view_region(context: bpy.types.Context, event: bpy.types.Event) -> bpy.types.Region | None:
    """The 3D view's main region where the mouse is over it and over no panel."""
    if context.area is None or context.area.type != "VIEW_3D":
        return None
    found = None
    for region in context.area.regions:
        inside = (region.x <= event.mouse_x < region.x + region.width
                  and region.y <= event.mouse_y < region.y + region.height)
        if inside and region.type != "WINDOW" and region.width > 1 and region.height > 1:
            return None
        if inside and region.type == "WINDOW":
            found = region
    return found


def _place_under_mouse(context: bpy.types.Context, region: bpy.types.Region, event: bpy.types.Event,
                       obj: bpy.types.Object) -> shapes.Point | None:
    """Where the mouse's ray meets the layout's plane, metres from its south-west corner; None where it does not."""
    view = context.space_data.region_3d
    mouse = (event.mouse_x - region.x, event.mouse_y - region.y)
    to_local = obj.matrix_world.inverted()
    origin = to_local @ view3d_utils.region_2d_to_origin_3d(region, view, mouse)
    direction = to_local.to_3x3() @ view3d_utils.region_2d_to_vector_3d(region, view, mouse)
    if abs(direction.z) < 1e-6:
        return None
    distance = -origin.z / direction.z
    if distance < 0 and view.is_perspective:
        return None
    hit = origin + distance * direction
    return hit.x, hit.y


def _pick(settings: bpy.types.PropertyGroup, obj: bpy.types.Object, place: shapes.Point) -> None:
    """Take the class of the cell at a place as the one to paint."""
    classes, size = layout_mesh.read_classes(obj), layout_mesh.cell_size(obj)
    row, col = classes.shape[0] - 1 - math.floor(place[1] / size), math.floor(place[0] / size)
    if 0 <= row < classes.shape[0] and 0 <= col < classes.shape[1]:
        settings["paint_class"] = int(classes[row, col])


def _draw_brush(operator: EARTHCRAFTER_OT_paint) -> None:
    """The brush's outline on the layout's plane, in the class's colour with a white rim."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    context = bpy.context
    try:
        cursor = operator._cursor
    except ReferenceError:  # the operator was freed without `_end`
        return
    if cursor is None:
        return
    settings = context.scene.earthcrafter
    angle = np.linspace(0, 2 * np.pi, _CIRCLE + 1)
    lift = 0.02 * settings.brush_radius
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], 1) * settings.brush_radius
    points = [tuple(cursor + Vector((float(x), float(y), lift))) for x, y, _z in ring]
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": points})
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    for width, color in ((4.0, (1.0, 1.0, 1.0, 0.9)), (2.0, linear_color(class_by_name(settings.paint_class)))):
        shader.uniform_float("lineWidth", width)
        shader.uniform_float("color", color)
        batch.draw(shader)


_CLASSES = (EARTHCRAFTER_OT_paint,)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
