"""The panel Layout: the painted grid, its palette and brush."""
from __future__ import annotations

import bpy

from .. import layout_mesh
from ..class_materials import class_by_name
from ..earthcrafter_core.scene.classes import CLASSES
from ..operators.brush import is_painting
from .common import SidebarPanel

_GROUPS = (("Model decides", ("unpainted",)), ("Buildings", ("building",)), ("Paved", ("paved",)),
           ("Low green", ("low_vegetation",)), ("Trees", ("tall_vegetation",)), ("Bare", ("bare",)),
           ("Water", ("water",)))


class EARTHCRAFTER_PT_layout(SidebarPanel, bpy.types.Panel):
    """The painted grid, its palette and brush."""

    bl_label = "Layout"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        """New, import, export; what is chosen; palette; brush."""
        column, settings = self.layout.column(), context.scene.earthcrafter
        column.operator("earthcrafter.new_layout", icon="ADD")
        row = column.row(align=True)
        row.operator("earthcrafter.import_layout", text="Import", icon="IMPORT")
        row.operator("earthcrafter.export_layout", text="Export", icon="EXPORT")
        obj = layout_mesh.active_layout(context)
        if obj is None:
            column.label(text="Make a layout to paint on", icon="INFO")
            return
        rows, cols = layout_mesh.grid_shape(obj)
        size = layout_mesh.cell_size(obj)
        row = column.row()
        row.label(text=f"{obj.name}: {cols * size:g} x {rows * size:g} m, cells of {size:g} m", icon="MESH_GRID")
        row.prop(obj, "hide_viewport", text="", emboss=False)
        row = column.row(align=True)
        row.operator("earthcrafter.paint", icon="BRUSH_DATA", depress=is_painting(context))
        row.operator("earthcrafter.fill", text="Fill").everywhere = True
        column.prop(settings, "brush_radius")


class EARTHCRAFTER_PT_palette(SidebarPanel, bpy.types.Panel):
    """The classes to paint with."""

    bl_label = "Class"
    bl_parent_id = "EARTHCRAFTER_PT_layout"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The chosen class stays readable when the palette is folded."""
        self.layout.label(text=class_by_name(context.scene.earthcrafter.paint_class).label)

    def draw(self, context: bpy.types.Context) -> None:
        """Buttons with the classes' colours, grouped by kind."""
        settings = context.scene.earthcrafter
        for title, kinds in _GROUPS:
            box = self.layout.column(align=True)
            box.label(text=title)
            grid = box.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
            for c in CLASSES:
                if c.kind in kinds:
                    grid.prop_enum(settings, "paint_class", c.name)


CLASSES_HERE = (EARTHCRAFTER_PT_layout, EARTHCRAFTER_PT_palette)
