"""What the keys of the painting tools do: choose and pick classes, size the brush, switch the mask, start painting."""
from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty

from .. import brush_outline, layout_mesh, result_import, view_place
from ..class_materials import class_by_name
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene.classes import CLASSES
from ..earthcrafter_core.scene.shapes import cell_of
from ..properties import class_items
from ..tool_settings import choose_class, tool_settings
from .common import LayoutOperator, register_classes, report, unregister_classes
from .gesture import in_view, refuse, visible_layout

_TOOLS = [("brush", "Brush", "Show the layout and paint with a brush. Keys: 1 to 9 and 0 for classes, E for all of them, "
           "[ ] and F for the size, S or Alt-click to pick a class; Ctrl or Shift unpaints"),
          ("line", "Line", "Paint roads, paths and rivers: drag a straight line, or click the points of a longer one"),
          ("rectangle", "Rectangle", "Paint rectangles: drag from corner to corner"),
          ("polygon", "Polygon", "Paint areas such as lakes: click the corners, the last one twice"),
          ("flood", "Fill", "Paint everything of one class that hangs together: click into it"),
          ("eyedropper", "Pick", "Make the class under the mouse the one to paint: click it")]
"""Tools of the toolbar: their identifiers are these with "earthcrafter." before."""
_SIZES = [("brush_radius", "Radius", "Radius of the brush"), ("line_width", "Width", "Width of lines")]


class EARTHCRAFTER_OT_start_painting(LayoutOperator, bpy.types.Operator):
    """Show the layout in place of what was generated from it, and take a painting tool from the toolbar"""

    bl_idname = "earthcrafter.start_painting"
    bl_label = "Paint"
    bl_options = {"REGISTER"}

    tool: EnumProperty(name="Tool", items=_TOOLS, description="What to paint with")  # type: ignore[valid-type]

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What the tool does."""
        return next(tip for name, _label, tip in _TOOLS if name == properties.tool)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a layout and a 3D view."""
        if not super().poll(context):
            return False
        if context.area is None or context.area.type != "VIEW_3D":
            cls.poll_message_set("The tools work in a 3D view")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Show, select, take the tool."""
        try:
            obj = layout_mesh.required_layout(context)
        except EarthCrafterError as e:
            return report(self, e)
        result_import.show_layout(context.scene, obj)
        return bpy.ops.wm.tool_set_by_id(name=f"earthcrafter.{self.tool}")


class EARTHCRAFTER_OT_choose_class(bpy.types.Operator):
    """Make this the class that the tools paint"""

    bl_idname = "earthcrafter.choose_class"
    bl_label = "Choose Class"

    paint_class: EnumProperty(name="Class", items=class_items, description="What the tools paint")  # type: ignore[valid-type]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set it."""
        tool_settings(context).paint_class = self.paint_class
        _redraw(context)
        return {"FINISHED"}


class EARTHCRAFTER_OT_pick_class(LayoutOperator, bpy.types.Operator):
    """Make the class under the mouse the one to paint, and its height hint where heights are painted"""

    bl_idname = "earthcrafter.pick_class"
    bl_label = "Pick Class"
    bl_options = set()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Look under the mouse."""
        if not in_view(context):
            self.report({"ERROR"}, "The eyedropper works in a 3D view. Use its key or button there.")
            return {"CANCELLED"}
        try:
            obj = visible_layout(context)
            place = view_place.event_place(context, event, obj)
            cell = None if place is None else cell_of(layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), place)
            if cell is None:
                return {"CANCELLED"}
            class_id = int(layout_mesh.read_classes(obj)[cell])
            heights = layout_mesh.read_heights(obj)
        except EarthCrafterError as e:
            return refuse(self, e)
        choose_class(context, class_id)
        settings = tool_settings(context)
        if settings.use_height and heights is not None and heights[cell] >= 0:
            settings.paint_height = heights[cell]
        self.report({"INFO"}, f"{CLASSES[class_id].label}")
        _redraw(context)
        return {"FINISHED"}


class EARTHCRAFTER_OT_toggle_mask(bpy.types.Operator):
    """Paint only over the cells of one class, or over everything again"""

    bl_idname = "earthcrafter.toggle_mask"
    bl_label = "Toggle Mask"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch, and say so."""
        settings = tool_settings(context)
        settings.use_mask = not settings.use_mask
        over = class_by_name(settings.mask_class).label if settings.use_mask else "everything"
        self.report({"INFO"}, f"Painting {'only ' if settings.use_mask else ''}over {over}")
        _redraw(context)
        return {"FINISHED"}


class EARTHCRAFTER_OT_change_size(bpy.types.Operator):
    """Make the brush or line larger or smaller"""

    bl_idname = "earthcrafter.change_size"
    bl_label = "Change Size"

    setting: EnumProperty(name="Setting", items=_SIZES, description="What changes")  # type: ignore[valid-type]
    factor: FloatProperty(name="Factor", default=1.25, min=0.01, max=100.0,  # type: ignore[valid-type]
                          description="New size over the old one, without unit")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Multiply."""
        settings = tool_settings(context)
        setattr(settings, self.setting, getattr(settings, self.setting) * self.factor)
        _redraw(context)
        return {"FINISHED"}


class EARTHCRAFTER_OT_drag_size(LayoutOperator, bpy.types.Operator):
    """Drag the size of the brush or line with the mouse; click to keep it, Esc or right click to give up"""

    bl_idname = "earthcrafter.drag_size"
    bl_label = "Drag Size"
    bl_options = {"BLOCKING"}

    setting: EnumProperty(name="Setting", items=_SIZES, description="What changes")  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Hold the outline where its rim is under the mouse."""
        if not in_view(context):
            return {"CANCELLED"}
        try:
            obj = visible_layout(context)
        except EarthCrafterError as e:
            return refuse(self, e)
        place = view_place.event_place(context, event, obj)
        if place is None:
            return {"CANCELLED"}
        self._layout, self._old = obj.name, getattr(tool_settings(context), self.setting)
        radius = self._old / 2 if self.setting == "line_width" else self._old
        brush_outline.held_at = (place[0] - radius, place[1])
        context.window_manager.modal_handler_add(self)
        context.area.header_text_set(self._text())
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Follow the mouse."""
        obj = bpy.data.objects.get(self._layout)
        if obj is None or (event.value == "PRESS" and event.type in {"ESC", "RIGHTMOUSE"}):
            setattr(tool_settings(context), self.setting, self._old)
            return self._end(context, {"CANCELLED"})
        if event.type == "MOUSEMOVE":
            place, held = view_place.event_place(context, event, obj), brush_outline.held_at
            if place is not None and held is not None:
                radius = ((place[0] - held[0]) ** 2 + (place[1] - held[1]) ** 2) ** 0.5
                setattr(tool_settings(context), self.setting, 2 * radius if self.setting == "line_width" else radius)
                context.area.header_text_set(self._text())
            context.area.tag_redraw()
        elif event.value == "PRESS" and event.type in {"LEFTMOUSE", "RET", "NUMPAD_ENTER"}:
            return self._end(context, {"FINISHED"})
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the tool (another file, quit)."""
        self._end(context, {"CANCELLED"})

    def _text(self) -> str:
        label = next(label for name, label, _tip in _SIZES if name == self.setting)
        return f"{label} {getattr(tool_settings(), self.setting):.2f} m    Click: keep   Esc: give up"

    def _end(self, context: bpy.types.Context, result: set[str]) -> set[str]:
        brush_outline.held_at = None
        if context.area is not None:
            context.area.header_text_set(None)
        _redraw(context)
        return result


def _redraw(context: bpy.types.Context) -> None:
    """The class and the size are shown in every part of the 3D views."""
    for area in context.screen.areas if context.screen is not None else ():
        if area.type == "VIEW_3D":
            area.tag_redraw()
            for region in area.regions:
                region.tag_redraw()


_CLASSES = (EARTHCRAFTER_OT_start_painting, EARTHCRAFTER_OT_choose_class, EARTHCRAFTER_OT_pick_class,
            EARTHCRAFTER_OT_toggle_mask, EARTHCRAFTER_OT_change_size, EARTHCRAFTER_OT_drag_size)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
