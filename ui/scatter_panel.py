"""The panel Replace by Collection: an artist's own objects in the place of a class."""
from __future__ import annotations

import bpy

from .. import default_plants, result_import, scatter
from ..earthcrafter_core.scene.classes import CLASSES
from ..palette_icons import icon_id
from ..scatter_points import is_ground
from .common import SidebarPanel, draw_name


class EARTHCRAFTER_PT_scatter(SidebarPanel, bpy.types.Panel):
    """A button for each class of the chosen place; plants and buildings first, then ground."""

    bl_label = "Replace by Collection"
    bl_parent_id = "EARTHCRAFTER_PT_results"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where a place is shown."""
        return result_import.chosen_place(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """What to use, and for which class."""
        place, settings = result_import.chosen_place(context), context.scene.earthcrafter
        draw_name(self.layout, context, place)
        column = self.layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.prop(settings, "replace_by", placeholder="The plants that ship")
        column.prop(settings, "replace_fit")
        column.prop(settings, "replace_spacing", text="On Ground")
        stand_ins = scatter.stand_ins(place)
        column = self.layout.column(align=True)
        for class_id in sorted(result_import.classes(place), key=lambda c: (is_ground(c), c)):
            if class_id:
                _draw_class(column.row(align=True), settings, place, class_id, stand_ins.get(class_id))


def _draw_class(row: bpy.types.UILayout, settings: bpy.types.PropertyGroup, place: bpy.types.Collection, class_id: int,
                stand_in: bpy.types.Object | None) -> None:
    """A class: what stands in for it and a button that takes it back, or one that replaces it."""
    split = row.split(factor=0.5, align=True)
    split.label(text=CLASSES[class_id].label, icon_value=icon_id(CLASSES[class_id]))
    buttons = split.row(align=True)
    part = buttons.row(align=True)
    part.enabled = settings.replace_by is not None or default_plants.has_default(class_id)
    text = "Spread" if is_ground(class_id) else "Replace"
    if stand_in is not None:
        text = scatter.source_of(stand_in) or "Again"
    button = part.operator("earthcrafter.replace_class", text=text, depress=stand_in is not None)
    button.class_id, button.collection = class_id, place.name
    button.source = settings.replace_by.name if settings.replace_by is not None else ""
    button.fit, button.spacing = settings.replace_fit, settings.replace_spacing
    if stand_in is not None:
        button = buttons.operator("earthcrafter.take_back_class", text="", icon="LOOP_BACK")
        button.class_id, button.collection = class_id, place.name


CLASSES_HERE = (EARTHCRAFTER_PT_scatter,)
"""The classes of this module, in the order in which they are registered."""
