"""The painting tools in the 3D View's toolbar: settings in the header, keys, and the pie menu of the classes.

Keys while one of them is chosen: 1 to 9 and 0 choose a class (tool_settings.QUICK_CLASSES), E opens all classes, S or
Alt-click picks the class under the mouse, [ ] and F change the size, M switches the mask. Ctrl or Shift with the left
button unpaints.
"""
from __future__ import annotations

import bpy

from .. import brush_outline
from ..class_materials import class_by_name
from ..earthcrafter_core.scene.classes import CLASSES
from ..layout_mesh import active_layout
from ..tool_icons import icon
from ..tool_settings import GROUPS, QUICK_CLASSES, tool_settings

_DIGITS = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "ZERO")
_POINT = 0.01  # metres: the outline of the tools that have no size


def _keys(operator: str, properties: list[tuple], sized: str | None) -> tuple:
    """The keymap of one tool: its operator on the left button, and the keys that all share."""
    press = {"type": "LEFTMOUSE", "value": "PRESS"}
    keys: list[tuple] = [(operator, {**press, **held}, {"properties": properties})
                         for held in ({}, {"ctrl": True}, {"shift": True}, {"ctrl": True, "shift": True})]
    keys += [("earthcrafter.pick_class", {**press, "alt": True}, None),
             ("earthcrafter.pick_class", {"type": "S", "value": "PRESS"}, None),
             ("earthcrafter.toggle_mask", {"type": "M", "value": "PRESS"}, None),
             ("wm.call_menu_pie", {"type": "E", "value": "PRESS"}, {"properties": [("name", "EARTHCRAFTER_MT_class_pie")]})]
    keys += [("earthcrafter.choose_class", {"type": digit, "value": "PRESS"}, {"properties": [("paint_class", name)]})
             for digit, name in zip(_DIGITS, QUICK_CLASSES, strict=True)]
    if sized is not None:
        keys += [("earthcrafter.change_size", {"type": bracket, "value": "PRESS", "repeat": True},
                  {"properties": [("setting", sized), ("factor", factor)]})
                 for bracket, factor in (("LEFT_BRACKET", 0.8), ("RIGHT_BRACKET", 1.25))]
        keys.append(("earthcrafter.drag_size", {"type": "F", "value": "PRESS"}, {"properties": [("setting", sized)]}))
    return tuple(keys)


class _Tool:
    """What the tools share."""

    bl_space_type = "VIEW_3D"
    bl_context_mode = "OBJECT"
    bl_cursor = "CROSSHAIR"
    bl_widget = None
    blender_icon = "none"  # shown where the tool's own picture cannot be written
    own: tuple[str, ...] = ()
    """Names of the settings that only this tool has."""
    size, square = _POINT, False

    @classmethod
    def draw_settings(cls, context: bpy.types.Context, layout: bpy.types.UILayout, _tool: object) -> None:
        """The tool's settings, then those that all share."""
        draw_tool_settings(context, layout, cls.own)

    @classmethod
    def draw_cursor(cls, context: bpy.types.Context, _tool: object, mouse: tuple[int, int]) -> None:
        """The outline of what would be painted."""
        if hasattr(context.window_manager, "earthcrafter"):  # not while the extension is switched off
            brush_outline.draw(context, mouse, *cls.outline(tool_settings(context)))

    @staticmethod
    def outline(_settings: bpy.types.PropertyGroup) -> tuple[float, bool]:
        """Radius in metres and whether it is a square."""
        return _POINT, False


def draw_tool_settings(context: bpy.types.Context, layout: bpy.types.UILayout, own: tuple[str, ...]) -> None:
    """Settings for the tool header, or for a panel."""
    settings = tool_settings(context)
    if active_layout(context) is None:
        layout.label(text="There is no layout to paint on", icon="INFO")
        layout.operator("earthcrafter.new_layout", icon="ADD")
        return
    layout.prop(settings, "paint_class", text="")
    for name in own:
        if name == "use_pressure":
            layout.prop(settings, name, text="", icon="STYLUS_PRESSURE")
        elif name == "brush_shape":
            layout.row(align=True).prop(settings, name, expand=True, icon_only=True)
        else:
            layout.prop(settings, name)
    row = layout.row(align=True)
    row.prop(settings, "use_mask", icon="MOD_MASK", text="Only Over")
    if settings.use_mask:
        row.prop(settings, "mask_class", text="")
    row = layout.row(align=True)
    row.prop(settings, "use_height", icon="SORT_DESC", text="Height")
    if settings.use_height:
        row.prop(settings, "paint_height", text="")


class EarthCrafterBrushTool(_Tool, bpy.types.WorkSpaceTool):
    """The brush."""

    bl_idname = "earthcrafter.brush"
    bl_label = "Layout Brush"
    bl_description = ("Paint classes on the layout.\nDrag: paint, Ctrl or Shift: unpaint, S or Alt-click: pick, "
                      "1 to 0: class, E: all classes, [ ] and F: size")
    blender_icon = "brush.generic"
    bl_keymap = _keys("earthcrafter.stroke", [], "brush_radius")
    own = ("brush_shape", "brush_radius", "use_pressure")

    @staticmethod
    def outline(settings: bpy.types.PropertyGroup) -> tuple[float, bool]:
        """The brush."""
        return settings.brush_radius, settings.brush_shape == "square"


class EarthCrafterLineTool(_Tool, bpy.types.WorkSpaceTool):
    """Lines and polylines."""

    bl_idname = "earthcrafter.line"
    bl_label = "Layout Line"
    bl_description = ("Paint roads, paths and rivers.\nDrag: a straight line. Clicks: a line of many points; double click, "
                      "Enter or right click ends it, Backspace takes a point back")
    blender_icon = "ops.gpencil.primitive_polyline"
    bl_keymap = _keys("earthcrafter.paint_line", [], "line_width")
    own = ("line_width",)

    @staticmethod
    def outline(settings: bpy.types.PropertyGroup) -> tuple[float, bool]:
        """The line's width."""
        return settings.line_width / 2, False


class EarthCrafterRectangleTool(_Tool, bpy.types.WorkSpaceTool):
    """Rectangles."""

    bl_idname = "earthcrafter.rectangle"
    bl_label = "Layout Rectangle"
    bl_description = "Paint rectangles such as houses and fields: drag from corner to corner"
    blender_icon = "ops.gpencil.primitive_box"
    bl_keymap = _keys("earthcrafter.paint_rectangle", [], None)


class EarthCrafterPolygonTool(_Tool, bpy.types.WorkSpaceTool):
    """Polygons."""

    bl_idname = "earthcrafter.polygon"
    bl_label = "Layout Polygon"
    bl_description = ("Paint areas such as lakes and parks.\nClick the corners; double click, Enter, right click or a click "
                      "on the first corner ends, Backspace takes a corner back")
    blender_icon = "ops.gpencil.draw.poly"
    bl_keymap = _keys("earthcrafter.paint_polygon", [], None)


class EarthCrafterFillTool(_Tool, bpy.types.WorkSpaceTool):
    """Flood fill."""

    bl_idname = "earthcrafter.flood"
    bl_label = "Layout Fill"
    bl_description = "Paint everything of one class that hangs together: click into it"
    blender_icon = "brush.paint_texture.fill"
    bl_cursor = "PAINT_CROSS"
    bl_keymap = _keys("earthcrafter.fill", [("everywhere", False)], None)


class EarthCrafterEyedropperTool(_Tool, bpy.types.WorkSpaceTool):
    """Eyedropper."""

    bl_idname = "earthcrafter.eyedropper"
    bl_label = "Layout Eyedropper"
    bl_description = "Make the class under the mouse the one to paint: click it"
    blender_icon = "ops.paint.eyedropper_add"
    bl_cursor = "EYEDROPPER"
    bl_keymap = _keys("earthcrafter.pick_class", [], None)


class EARTHCRAFTER_MT_class_pie(bpy.types.Menu):
    """All classes around the mouse, by kind."""

    bl_label = "Class"

    def draw(self, context: bpy.types.Context) -> None:
        """West, east, south, north: the groups that are painted together in one place."""
        pie, settings = self.layout.menu_pie(), tool_settings(context)
        for slices in (("Buildings", "Model decides"), ("Paved", "Water"), ("Low green",), ("Trees", "Bare")):
            row = pie.row()
            for title in slices:
                column = row.box().column(align=True)
                column.label(text=title)
                class_buttons(column, settings, dict(GROUPS)[title])


def class_buttons(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, kinds: tuple[str, ...]) -> None:
    """A button with its colour for each class of these kinds."""
    for c in CLASSES:
        if c.kind in kinds:
            layout.prop_enum(settings, "paint_class", c.name)


def chosen_label(context: bpy.types.Context) -> str:
    """What is painted now, in words."""
    return class_by_name(tool_settings(context).paint_class).label


_TOOLS = (EarthCrafterBrushTool, EarthCrafterLineTool, EarthCrafterRectangleTool, EarthCrafterPolygonTool,
          EarthCrafterFillTool, EarthCrafterEyedropperTool)


def register() -> None:
    """Add the menu, and the tools as one group at the toolbar's end."""
    bpy.utils.register_class(EARTHCRAFTER_MT_class_pie)
    for tool in _TOOLS:
        first = tool is _TOOLS[0]
        tool.bl_icon = icon(tool.bl_idname.split(".")[1], tool.blender_icon)
        bpy.utils.register_tool(tool, after=None if first else {_TOOLS[0].bl_idname}, separator=first, group=first)


def unregister() -> None:
    """Take them away."""
    for tool in reversed(_TOOLS):
        bpy.utils.unregister_tool(tool)
    bpy.utils.unregister_class(EARTHCRAFTER_MT_class_pie)
