"""The panel Classes: which classes of the chosen place are seen, and selecting them."""
from __future__ import annotations

import bpy

from .. import class_visibility, result_import
from ..earthcrafter_core.scene.classes import CLASSES
from ..palette_icons import icon_id
from .common import SidebarPanel, draw_name


class EARTHCRAFTER_PT_classes(SidebarPanel, bpy.types.Panel):
    """An eye and a selection for each class of the chosen place."""

    bl_label = "Classes"
    bl_parent_id = "EARTHCRAFTER_PT_results"
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where a place is shown."""
        return result_import.chosen_place(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Many at once, then each."""
        place = result_import.chosen_place(context)
        assert place is not None
        draw_name(self.layout, context, place)
        hidden = class_visibility.hidden(place)
        row = self.layout.row(align=True)
        for choice, text in (("ALL", "All"), ("NO_PLANTS", "No Plants"), ("BUILT", "Built")):
            button = row.operator("earthcrafter.show_classes", text=text)
            button.choice, button.collection = choice, place.name
        column = self.layout.column(align=True)
        for class_id in result_import.classes(place):
            semantic_class = CLASSES[class_id]
            row = column.row(align=True)
            row.label(text=semantic_class.label, icon_value=icon_id(semantic_class))
            for operator, icon in (("select_class", "RESTRICT_SELECT_OFF"),
                                   ("show_class", "HIDE_ON" if class_id in hidden else "HIDE_OFF")):
                button = row.operator(f"earthcrafter.{operator}", text="", icon=icon, emboss=False)
                button.class_id, button.collection = class_id, place.name


CLASSES_HERE = (EARTHCRAFTER_PT_classes,)
