"""Layouts from and to image files."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import FloatProperty, StringProperty

from .. import adoption, layout_image, layout_mesh
from ..earthcrafter_core.errors import EarthCrafterError
from .common import LayoutOperator, ObjectModeOperator, register_classes, report, unregister_classes
from .layout import add_to_scene


class EARTHCRAFTER_OT_import_layout(ObjectModeOperator, bpy.types.Operator):
    """Make a layout from a picture: by class ids as grey values, the palette's colours, or a mapping table"""

    bl_idname = "earthcrafter.import_layout"
    bl_label = "Import Layout"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: StringProperty(  # type: ignore[valid-type]
        default="*.png;*.tif;*.tiff;*.bmp;*.jpg;*.jpeg", options={"HIDDEN"})
    cell_size: FloatProperty(  # type: ignore[valid-type]
        name="Cell Size", default=1.0, min=0.05, max=100.0, subtype="DISTANCE", unit="LENGTH", options={"SKIP_SAVE"},
        description="Side of one pixel, in metres; where it is left alone, the .json beside the picture says it")
    mapping: StringProperty(  # type: ignore[valid-type]
        name="Mapping Table", subtype="FILE_PATH",
        description="JSON or CSV file that gives each colour (#rrggbb) or grey value its class; without it, the palette's "
                    "colours or class ids count")
    tolerance: FloatProperty(  # type: ignore[valid-type]
        name="Tolerance", default=0.0, min=0.0, max=442.0,
        description="Take the nearest class for colours up to this distance in sRGB (0 to 442); at 0, exact colours only")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Load the picture and make the layout."""
        cell_size = self.cell_size if self.properties.is_property_set("cell_size") else None
        mapping = Path(bpy.path.abspath(self.mapping)) if self.mapping else None
        try:
            made = layout_image.load_layout(Path(bpy.path.abspath(self.filepath)), cell_size, mapping, self.tolerance)
            obj = adoption.layout_object(made)
        except EarthCrafterError as e:
            return report(self, e)
        adoption.tell(self, made, add_to_scene(context, obj))
        return {"FINISHED"}


class EARTHCRAFTER_OT_export_layout(LayoutOperator, bpy.types.Operator):
    """Save the layout as a PNG whose indices are the class ids, with a .json of cell size and place, heights and elevation"""

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
        """Write the files."""
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(".png")
        try:
            obj = layout_mesh.required_layout(context)
            source = str(obj.data.get(adoption.SOURCE, ""))
            files = layout_image.save_layout(path, layout_mesh.read_layout(obj), source)
        except EarthCrafterError as e:
            return report(self, e)
        self.report({"INFO"}, f"Saved {', '.join(f.name for f in files)}.")
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_import_layout, EARTHCRAFTER_OT_export_layout)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
