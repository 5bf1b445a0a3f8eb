"""New layouts, which of them is worked on, and what they carry besides their classes."""
from __future__ import annotations

import bpy
import numpy as np
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from .. import layout_mesh, placement, result_import
from ..class_materials import class_by_name
from ..earthcrafter_core.errors import BadInput, EarthCrafterError
from ..earthcrafter_core.scene.layout import MAX_CELLS
from ..properties import class_items
from .common import LayoutOperator, ObjectModeOperator, draw_with_size, register_classes, report, unregister_classes


class EARTHCRAFTER_OT_new_layout(ObjectModeOperator, bpy.types.Operator):
    """Make a new grid to paint on, its south-west corner at the 3D cursor; east of what lies there already"""

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

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the size."""
        if not self.properties.is_property_set("fill"):
            self.fill = "lawn"
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        """The settings and what they come to."""
        draw_with_size(self, "fill")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make and select the layout."""
        class_id = np.full((self.height, self.width), class_by_name(self.fill).id, np.uint8)
        try:
            obj = layout_mesh.new_layout("Layout", class_id, self.cell_size)
        except EarthCrafterError as e:
            return report(self, e)
        beside = add_to_scene(context, obj)
        if beside:
            self.report({"INFO"}, f"{obj.name}: {self.width} x {self.height} cells, beside {beside}.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_choose_layout(ObjectModeOperator, bpy.types.Operator):
    """Work on this layout: make it active and selected, and show it"""

    bl_idname = "earthcrafter.choose_layout"
    bl_label = "Choose Layout"
    bl_options = {"REGISTER", "UNDO"}

    layout_name: StringProperty(  # type: ignore[valid-type]
        name="Layout", options={"SKIP_SAVE"}, description="Name of the layout's object in this scene")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Select it alone."""
        obj = context.scene.objects.get(self.layout_name)
        if not layout_mesh.is_layout(obj):
            return report(self, BadInput(f"There is no layout {self.layout_name!r} in this scene.", "Choose another one."))
        if obj.name not in context.view_layer.objects:
            return report(self, BadInput(f"The layout {obj.name} is in a collection that this view layer leaves out.",
                                         "Switch the collection on in the Outliner."))
        result_import.show_layout(context.scene, obj)
        _select(context, obj)
        return {"FINISHED"}


class _ClearOperator(LayoutOperator):
    """Mix-in: takes one of the layout's planes away."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove its attribute."""
        try:
            self.clear(layout_mesh.editable_layout(context))
        except EarthCrafterError as e:
            return report(self, e)  # type: ignore[arg-type]
        return {"FINISHED"}

    def clear(self, obj: bpy.types.Object) -> None:
        """Remove it."""
        raise NotImplementedError


class EARTHCRAFTER_OT_clear_heights(_ClearOperator, bpy.types.Operator):
    """Take the height hints of all cells away: the model decides how tall everything is"""

    bl_idname = "earthcrafter.clear_heights"
    bl_label = "Clear Heights"

    def clear(self, obj: bpy.types.Object) -> None:
        """The heights."""
        layout_mesh.write_heights(obj, None)


class EARTHCRAFTER_OT_clear_elevation(_ClearOperator, bpy.types.Operator):
    """Take the elevation that came with the layout away: the relief is generated again"""

    bl_idname = "earthcrafter.clear_elevation"
    bl_label = "Clear Elevation"

    def clear(self, obj: bpy.types.Object) -> None:
        """The elevation."""
        layout_mesh.write_elevation(obj, None)


def add_to_scene(context: bpy.types.Context, obj: bpy.types.Object) -> str:
    """Link a layout at the 3D cursor or beside what lies there, select it, make it the scene's layout and turn the views to
    it; the name of the layout that it lies beside, "" at the cursor."""
    beside = placement.put(context.scene, obj)
    context.collection.objects.link(obj)
    _select(context, obj)
    placement.show(context, obj)
    return beside


def _select(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Select one object alone and make it the scene's layout."""
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj
    context.scene.earthcrafter.layout_object = obj


_CLASSES = (EARTHCRAFTER_OT_new_layout, EARTHCRAFTER_OT_choose_layout, EARTHCRAFTER_OT_clear_heights,
            EARTHCRAFTER_OT_clear_elevation)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
