"""New layouts."""
from __future__ import annotations

import bpy
import numpy as np
from bpy.props import EnumProperty, FloatProperty, IntProperty

from ..class_materials import class_by_name
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene.layout import MAX_CELLS
from ..layout_mesh import new_layout
from ..properties import class_items
from .common import register_classes, report, unregister_classes


class EARTHCRAFTER_OT_new_layout(bpy.types.Operator):
    """Make a new grid to paint on, its south-west corner at the 3D cursor"""

    bl_idname = "earthcrafter.new_layout"
    bl_label = "New Layout"
    bl_options = {"REGISTER", "UNDO"}

    width: IntProperty(  # type: ignore[valid-type]
        name="Width", default=128, min=8, max=MAX_CELLS, soft_max=1024, description="Cells from west to east")
    height: IntProperty(  # type: ignore[valid-type]
        name="Height", default=128, min=8, max=MAX_CELLS, soft_max=1024, description="Cells from south to north")
    cell_size: FloatProperty(  # type: ignore[valid-type]
        name="Cell Size", default=1.0, min=0.05, max=100.0, subtype="DISTANCE", unit="LENGTH",
        description="Side of one cell, in metres; the shipped networks are made for 1 m")
    fill: EnumProperty(name="Fill", items=class_items, description="What every cell is at first")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs Object Mode."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the size."""
        if not self.properties.is_property_set("fill"):
            self.fill = "lawn"
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make and select the layout."""
        class_id = np.full((self.height, self.width), class_by_name(self.fill).id, np.uint8)
        try:
            obj = new_layout("Layout", class_id, self.cell_size)
        except EarthCrafterError as e:
            return report(self, e)
        add_to_scene(context, obj)
        return {"FINISHED"}


def add_to_scene(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Link a layout at the 3D cursor, select it and make it the scene's layout."""
    obj.location = context.scene.cursor.location
    context.collection.objects.link(obj)
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj
    context.scene.earthcrafter.layout_object = obj


_CLASSES = (EARTHCRAFTER_OT_new_layout,)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
