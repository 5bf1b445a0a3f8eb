"""Layouts from and to image files."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import FloatProperty, StringProperty

from .. import layout_image, layout_mesh
from ..earthcrafter_core.errors import EarthCrafterError
from .common import LayoutOperator, register_classes, report, unregister_classes
from .layout import add_to_scene


class EARTHCRAFTER_OT_import_layout(bpy.types.Operator):
    """Make a layout from a picture: grey values are class ids, or colours of the palette"""

    bl_idname = "earthcrafter.import_layout"
    bl_label = "Import Layout"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: StringProperty(default="*.png;*.tif;*.tiff;*.bmp", options={"HIDDEN"})  # type: ignore[valid-type]
    cell_size: FloatProperty(  # type: ignore[valid-type]
        name="Cell Size", default=1.0, min=0.05, max=100.0, subtype="DISTANCE", unit="LENGTH",
        description="Side of one pixel, in metres")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Load the picture and make the layout."""
        path = Path(bpy.path.abspath(self.filepath))
        try:
            obj = layout_mesh.new_layout(path.stem, layout_image.load_classes(path), self.cell_size)
        except EarthCrafterError as e:
            return report(self, e)
        add_to_scene(context, obj)
        return {"FINISHED"}


class EARTHCRAFTER_OT_export_layout(LayoutOperator, bpy.types.Operator):
    """Save the layout as a PNG whose colours are the palette and whose indices are the class ids"""

    bl_idname = "earthcrafter.export_layout"
    bl_label = "Export Layout"
    bl_options = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: StringProperty(default="*.png", options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        self.filepath = "layout.png"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write the file."""
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(".png")
        try:
            layout_image.save_classes(path, layout_mesh.read_classes(layout_mesh.required_layout(context)))
        except EarthCrafterError as e:
            return report(self, e)
        self.report({"INFO"}, f"Saved {path.name}.")
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_import_layout, EARTHCRAFTER_OT_export_layout)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
