"""The panel Splats: of the chosen place, what its splats look like, how many there are, and what cuts them."""
from __future__ import annotations

import bpy

from .. import splat_display, splat_reading
from ..result_import import SHOWN, SPLATS, TOTAL, chosen_place
from .common import SidebarPanel, draw_name, draw_text


class EARTHCRAFTER_PT_splats(SidebarPanel, bpy.types.Panel):
    """How the splats of the chosen place look."""

    bl_label = "Splats"
    bl_parent_id = "EARTHCRAFTER_PT_results"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where a place with splats is shown."""
        place = chosen_place(context)
        return place is not None and splat_display.splats_of(place) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Form, light, number, cut, cards."""
        layout, place = self.layout, chosen_place(context)
        obj = None if place is None else splat_display.splats_of(place)
        if place is None or obj is None:
            return
        draw_name(layout, context, place)
        if obj.hide_viewport:
            button = layout.operator("earthcrafter.show_part", text="Show Splats", icon="HIDE_OFF")
            button.kind, button.collection = SPLATS, place.name
        elif context.space_data.shading.type == "SOLID":
            draw_text(layout, context, "Press Colours above: this view draws splats grey", "INFO")
        row = layout.row()
        if splat_reading.is_reading(place.name):
            row.label(text="Reading splats...", icon="SORTTIME")
        else:
            row.label(text=f"{obj.get(SHOWN, 0):,} of {obj.get(TOTAL, 0):,} shown")
            row.operator("earthcrafter.set_splat_cap", text="", icon="OPTIONS").collection = place.name
        settings = obj.earthcrafter_splats
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        for name in ("viewport", "render", "light"):
            column.row().prop(settings, name, expand=True)
        column.prop(settings, "size", slider=True)
        row = column.row(align=True)
        row.prop(settings, "volume")
        if settings.volume is None:
            row.operator("earthcrafter.add_cut_box", text="", icon="ADD").collection = place.name
        else:
            column.row().prop(settings, "cut", expand=True)
        column = layout.column(align=True)
        column.operator("earthcrafter.bake_splat_cards", icon="MESH_PLANE").collection = place.name
        if settings.light == splat_display.CAPTURED and not splat_display.matches_viewers(context.scene):
            column.operator("earthcrafter.match_viewers", icon="COLOR")


CLASSES_HERE = (EARTHCRAFTER_PT_splats,)
