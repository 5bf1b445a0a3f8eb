"""Bring results in, and show or hide their parts."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import result_import
from ..earthcrafter_core.errors import EarthCrafterError
from ..preferences import preferences
from .common import register_classes, report, unregister_classes

_CYCLES_LAYERS = 64  # transparent bounces that Cycles needs where many splats lie behind one another


class EARTHCRAFTER_OT_import_result(bpy.types.Operator):
    """Bring a generated place in from its folder: a mesh, a point cloud and splats in one collection"""

    bl_idname = "earthcrafter.import_result"
    bl_label = "Import Result"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    layout_name: StringProperty(  # type: ignore[valid-type]
        options={"SKIP_SAVE", "HIDDEN"}, description="Layout that the place stands on; none: at the world's origin")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Import, hide the layout and its earlier places, and say how many splats are shown."""
        layout = bpy.data.objects.get(self.layout_name)
        try:
            place = result_import.import_result(Path(bpy.path.abspath(self.directory)),
                                                layout.matrix_world if layout is not None else None,
                                                preferences(context).splat_cap)
        except EarthCrafterError as e:
            return report(self, e)
        if layout is not None:
            result_import.put_on_layout(context.scene, place.collection, layout)
        context.scene.collection.children.link(place.collection)
        if hasattr(context.scene, "cycles"):
            cycles = context.scene.cycles
            cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, _CYCLES_LAYERS)
        self.report({"INFO"}, f"{place.collection.name}: {place.splats_shown} of {place.splats_total} splats shown.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_show_part(bpy.types.Operator):
    """Show or hide this part of the place, in the viewport and in renders"""

    bl_idname = "earthcrafter.show_part"
    bl_label = "Show Part"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    kind: EnumProperty(name="Part", options={"SKIP_SAVE"}, items=[  # type: ignore[valid-type]
        (result_import.MESH, "Mesh", ""), (result_import.POINTS, "Points", ""), (result_import.SPLATS, "Splats", "")])
    collection: StringProperty(name="Place", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Toggle."""
        collection = bpy.data.collections.get(self.collection)
        obj = result_import.part(collection, self.kind) if collection is not None else None
        if obj is None:
            self.report({"ERROR"}, "This part of the place is no longer there. Import the result again.")
            return {"CANCELLED"}
        obj.hide_viewport = obj.hide_render = not obj.hide_viewport
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_import_result, EARTHCRAFTER_OT_show_part)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
