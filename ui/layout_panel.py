"""The panel Layout: the painted grid, the tools, the palette, heights and the ground under it all."""
from __future__ import annotations

import bpy

from .. import layout_mesh
from ..class_materials import class_by_name
from ..palette_icons import icon_id
from ..tool_settings import tool_settings
from .common import SidebarPanel
from .palette import draw_palette

_SOURCES = (("new_preset", "From a Preset", "PRESET_NEW"), ("import_layout", "Picture", "IMAGE_DATA"),
            ("import_osm", "OpenStreetMap", "WORLD"), ("import_lidar", "Aerial Survey (LAZ)", "POINTCLOUD_DATA"))
"""Operators that make a layout, what their entry reads and its icon."""
_TOOL_ICONS = {"brush": "BRUSH_DATA", "line": "IPO_LINEAR", "rectangle": "MESH_PLANE", "polygon": "MESH_ICOSPHERE",
               "flood": "SNAP_FACE", "eyedropper": "EYEDROPPER"}

def _exists(name: str) -> bool:
    return hasattr(bpy.types, f"EARTHCRAFTER_OT_{name}")


class EARTHCRAFTER_MT_new_layout(bpy.types.Menu):
    """Where a layout can come from."""

    bl_label = "Layout From"

    def draw(self, _context: bpy.types.Context) -> None:
        """One entry for each source, and the objects of the scene."""
        for name, text, icon in _SOURCES:
            if _exists(name):
                self.layout.operator(f"earthcrafter.{name}", text=text, icon=icon)
        if _exists("layout_from_objects"):
            self.layout.separator()
            self.layout.operator("earthcrafter.layout_from_objects", text="Selected Objects onto the Layout", icon="MESH_CUBE")


class EARTHCRAFTER_MT_choose_layout(bpy.types.Menu):
    """The layouts of the scene: which of them is worked on"""

    bl_label = "Choose Layout"

    def draw(self, context: bpy.types.Context) -> None:
        """One entry each, marked where it is the one."""
        chosen = layout_mesh.active_layout(context)
        for obj in sorted(context.view_layer.objects, key=lambda o: o.name):
            if layout_mesh.is_layout(obj):
                icon = "LAYER_ACTIVE" if obj == chosen else "LAYER_USED"
                self.layout.operator("earthcrafter.choose_layout", text=obj.name, icon=icon).layout_name = obj.name


class _LayoutPanel(SidebarPanel):
    """Mix-in: a part of the panel Layout that needs a layout."""

    bl_parent_id = "EARTHCRAFTER_PT_layout"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a layout."""
        return layout_mesh.active_layout(context) is not None


class EARTHCRAFTER_PT_layout(SidebarPanel, bpy.types.Panel):
    """The painted grid and where it comes from."""

    bl_label = "Layout"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        """New, from elsewhere, export; what is chosen; paint."""
        column = self.layout.column()
        row = column.row(align=True)
        row.operator("earthcrafter.new_layout", text="New", icon="ADD")
        row.menu("EARTHCRAFTER_MT_new_layout", text="From", icon="IMPORT")
        row.operator("earthcrafter.export_layout", text="Export", icon="EXPORT")
        obj = layout_mesh.active_layout(context)
        if obj is None:
            several = any(layout_mesh.is_layout(other) for other in context.view_layer.objects)
            column.label(text="Choose a layout, or make one" if several else "Make a layout to paint on", icon="INFO")
            if several:
                column.menu("EARTHCRAFTER_MT_choose_layout", icon="MESH_GRID")
            return
        rows, cols = layout_mesh.grid_shape(obj)
        size = layout_mesh.cell_size(obj)
        row = column.row(align=True)
        row.menu("EARTHCRAFTER_MT_choose_layout", text="", icon="DOWNARROW_HLT")
        row.prop(obj, "name", text="")
        row.operator("earthcrafter.show_layout", text="", icon="HIDE_OFF" if obj.visible_get() else "HIDE_ON")
        column.label(text=f"{cols * size:g} x {rows * size:g} m, cells of {size:g} m")
        place = layout_mesh.georeference(obj)
        if place is not None:
            column.label(text=f"{place[0]}  {place[1][0]:.0f}, {place[1][1]:.0f}", icon="WORLD")
        if context.mode != "OBJECT":
            column.label(text="Go to Object Mode to paint", icon="INFO")
        active = _active_tool(context)
        column = column.column(align=True)
        row = column.row(align=True)
        row.scale_y = 1.5
        row.operator("earthcrafter.start_painting", text="Paint", icon="BRUSH_DATA").tool = "brush"
        row = column.row(align=True)
        for name, icon in _TOOL_ICONS.items():
            row.operator("earthcrafter.start_painting", text="", icon=icon,
                         depress=active == f"earthcrafter.{name}").tool = name


class EARTHCRAFTER_PT_palette(_LayoutPanel, bpy.types.Panel):
    """The classes to paint with."""

    bl_label = "Class"
    bl_order = 0

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The chosen class stays to be seen when the palette is folded."""
        self.layout.label(text="", icon_value=icon_id(class_by_name(tool_settings(context).paint_class)))

    def draw(self, context: bpy.types.Context) -> None:
        """The palette."""
        draw_palette(self.layout, tool_settings(context))


class EARTHCRAFTER_PT_brush(_LayoutPanel, bpy.types.Panel):
    """Sizes and the mask, as in the tool's header."""

    bl_label = "Brush and Mask"
    bl_order = 1
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Shape and sizes, the mask, the whole layout at once."""
        settings = tool_settings(context)
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.row().prop(settings, "brush_shape", expand=True)
        row = column.row(align=True)
        row.prop(settings, "brush_radius")
        row.prop(settings, "use_pressure", text="", icon="STYLUS_PRESSURE")
        column.prop(settings, "line_width", text="Line Width")
        row = column.row(heading="Only Over", align=True)
        row.prop(settings, "use_mask", text="")
        mask = row.row(align=True)
        mask.enabled = settings.use_mask
        mask.prop(settings, "mask_class", text="")
        self.layout.operator("earthcrafter.fill", text="Fill the Whole Layout", icon="SNAP_FACE").everywhere = True


class EARTHCRAFTER_PT_heights(_LayoutPanel, bpy.types.Panel):
    """Height hints of the cells."""

    bl_label = "Heights"
    bl_order = 2
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: bpy.types.Context) -> None:
        """The switch."""
        self.layout.prop(tool_settings(context), "use_height", text="")

    def draw(self, context: bpy.types.Context) -> None:
        """The height to paint, and what is there."""
        column, settings = self.layout.column(), tool_settings(context)
        column.use_property_split = True
        column.use_property_decorate = False
        row = column.row()
        row.enabled = settings.use_height
        row.prop(settings, "paint_height")
        obj = layout_mesh.required_layout(context)
        column.label(text=_heights_text(layout_mesh.height_range(obj)), icon="INFO")
        if layout_mesh.HEIGHT_ATTRIBUTE in obj.data.attributes:
            column.operator("earthcrafter.clear_heights", icon="X")


class EARTHCRAFTER_PT_terrain(_LayoutPanel, bpy.types.Panel):
    """The ground under the layout."""

    bl_label = "Terrain"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The kind of relief and what it needs."""
        column, settings = self.layout.column(), context.scene.earthcrafter
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "relief")
        if settings.relief == "object":
            column.prop(settings, "terrain_object", text="Mesh")
        elif settings.relief == "file":
            column.prop(settings, "terrain_file")
        elif settings.relief == "generated" and (
                layout_mesh.ELEVATION_ATTRIBUTE in layout_mesh.required_layout(context).data.attributes):
            column.label(text="The layout's own elevation", icon="INFO")
            column.operator("earthcrafter.clear_elevation", icon="X")


def _heights_text(found: tuple[int, float, float] | None) -> str:
    """How many cells have a height, and from what to what."""
    if found is None:
        return "No cell has a height"
    count, low, high = found
    span = f"{low:.3g} m" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g} m"
    return f"{count:,} cells have a height, {span}" if count > 1 else f"1 cell has a height, {span}"


def _active_tool(context: bpy.types.Context) -> str:
    """Identifier of the toolbar's tool in this mode."""
    tool = context.workspace.tools.from_space_view3d_mode(context.mode) if context.workspace is not None else None
    return tool.idname if tool is not None else ""


CLASSES_HERE = (EARTHCRAFTER_MT_new_layout, EARTHCRAFTER_MT_choose_layout, EARTHCRAFTER_PT_layout, EARTHCRAFTER_PT_palette,
                EARTHCRAFTER_PT_brush, EARTHCRAFTER_PT_heights, EARTHCRAFTER_PT_terrain)
