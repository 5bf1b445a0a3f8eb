"""Bring results in, show or hide their parts, hand them on."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from .. import arrivals, engine_service, jobs, layout_mesh, result_import, splat_display, thumbnails
from ..earthcrafter_core.errors import EarthCrafterError
from ..history import THUMBNAIL
from ..preferences import MESH_OBJECTS, preferences
from .common import LayoutOperator, open_path, register_classes, report, unregister_classes


class EARTHCRAFTER_OT_import_result(bpy.types.Operator):
    """Bring a generated place in from its folder: a mesh, a point cloud and splats in one collection"""

    bl_idname = "earthcrafter.import_result"
    bl_label = "Import Result"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(  # type: ignore[valid-type]
        name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"}, description="Folder of the result, the one with scene.json")
    layout_name: StringProperty(  # type: ignore[valid-type]
        name="Layout", options={"SKIP_SAVE", "HIDDEN"},
        description="Layout that the place stands on; none: at the world's origin")
    beside: IntProperty(  # type: ignore[valid-type]
        name="Beside", min=0, options={"SKIP_SAVE", "HIDDEN"},
        description="So many widths of the layout to the east of it; 0: on it, in place of the place there")
    scene_name: StringProperty(  # type: ignore[valid-type]
        name="Scene", options={"SKIP_SAVE", "HIDDEN"}, description="Scene that the place comes into; none: the shown one")
    mesh_objects: EnumProperty(  # type: ignore[valid-type]
        name="Mesh Objects", options={"SKIP_SAVE"}, description="How the mesh is divided into objects",
        items=[("PREFERENCE", "As in the Preferences", ""), *MESH_OBJECTS])
    token: StringProperty(  # type: ignore[valid-type]
        name="Token", options={"SKIP_SAVE", "HIDDEN"}, description="Names what was read in the background")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Import, hide the layout and its earlier places, and say how many splats are shown."""
        layout = bpy.data.objects.get(self.layout_name)
        scene = bpy.data.scenes.get(self.scene_name) or context.scene
        folder = Path(bpy.path.abspath(self.directory))
        there = result_import.standing(scene, folder, layout) if layout is not None and not self.beside else None
        if there is not None:
            arrivals.give_up(self.token)
            result_import.put_on_layout(scene, there, layout)
            self.report({"INFO"}, f"{there.name} is shown.")
            return {"FINISHED"}
        try:
            place = arrivals.take(self.token) or result_import.import_result(
                folder, preferences(context).splat_cap, self._mesh_objects(context))
        except EarthCrafterError as e:
            return report(self, e)
        scene.collection.children.link(place.collection)
        if layout is not None:
            matrix = layout.matrix_world.copy()
            matrix.translation += matrix.to_3x3() @ engine_service.beside_shift(layout, self.beside)
            result_import.place(place.collection, matrix)
            result_import.put_on_layout(scene, place.collection, layout, self.beside > 0)
        splat_display.allow_layers(scene)
        self.report({"INFO"}, f"{place.collection.name}: {place.splats_shown} of {place.splats_total} splats shown.")
        return {"FINISHED"}

    def _mesh_objects(self, context: bpy.types.Context) -> str:
        return preferences(context).mesh_objects if self.mesh_objects == "PREFERENCE" else self.mesh_objects


class EARTHCRAFTER_OT_show_part(bpy.types.Operator):
    """Show or hide this part of the place, in the viewport and in renders"""

    bl_idname = "earthcrafter.show_part"
    bl_label = "Show Part"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    kind: EnumProperty(name="Part", options={"SKIP_SAVE"}, items=[  # type: ignore[valid-type]
        (result_import.MESH, "Mesh", ""), (result_import.POINTS, "Points", ""), (result_import.SPLATS, "Splats", "")])
    collection: StringProperty(  # type: ignore[valid-type]
        name="Place", options={"SKIP_SAVE"}, description="Collection of the place; none: the chosen one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Toggle."""
        collection = result_import.place_named(context, self.collection)
        found = result_import.parts(collection, self.kind) if collection is not None else []
        if not found:
            self.report({"ERROR"}, "This part of the place is no longer there. Import the result again.")
            return {"CANCELLED"}
        hidden = not found[0].hide_viewport
        for obj in found:
            obj.hide_viewport = obj.hide_render = hidden
        return {"FINISHED"}


class EARTHCRAFTER_OT_show_layout(LayoutOperator, bpy.types.Operator):
    """Show the painted layout in place of what was generated from it; pressed again, the newest place"""

    bl_idname = "earthcrafter.show_layout"
    bl_label = "Show Layout"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Swap them."""
        try:
            layout = layout_mesh.required_layout(context)
        except EarthCrafterError as e:
            return report(self, e)
        places = result_import.places_on(context.scene, layout)
        if layout.visible_get() and places:
            result_import.put_on_layout(context.scene, places[-1], layout)
        else:
            result_import.show_layout(context.scene, layout)
        return {"FINISHED"}


class PlaceOperator:
    """Mix-in: acts on a place of the scene, the chosen one where none is named; says so where there is none."""

    collection: StringProperty(  # type: ignore[valid-type]
        name="Place", options={"SKIP_SAVE"}, description="Collection of the place; none: the chosen one")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a place."""
        if not result_import.places(context.scene):
            cls.poll_message_set("Press Generate first: there is no place in this scene yet")  # type: ignore[attr-defined]
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Act on the place, where it is still there."""
        place = result_import.place_named(context, self.collection)
        if place is None:
            self.report({"ERROR"}, "This place is no longer there. Choose another one.")  # type: ignore[attr-defined]
            return {"CANCELLED"}
        return self.act(context, place)

    def act(self, context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """What the operator does with the place."""
        raise NotImplementedError


class EARTHCRAFTER_OT_open_folder(PlaceOperator, bpy.types.Operator):
    """Open the folder with the files of this place"""

    bl_idname = "earthcrafter.open_folder"
    bl_label = "Open Folder"

    def act(self, context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Open it in the system's file browser."""
        folder = jobs.folder_of(place)
        if not folder.is_dir():
            self.report({"ERROR"}, "The folder of this place is no longer there. Generate the place again.")
            return {"CANCELLED"}
        return open_path(self, folder)


class EARTHCRAFTER_OT_delete_place(PlaceOperator, bpy.types.Operator):
    """Take this place out of the scene; its result stays on disk and in the history"""

    bl_idname = "earthcrafter.delete_place"
    bl_label = "Remove Place"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Remove it, and show the layout where nothing else stands on it."""
        layout = bpy.data.objects.get(place.get(result_import.LAYOUT, ""))
        result_import.delete(place)
        if layout is not None and not result_import.places_on(context.scene, layout):
            result_import.show_layout(context.scene, layout)
        return {"FINISHED"}


class EARTHCRAFTER_OT_mark_asset(PlaceOperator, bpy.types.Operator):
    """Make the place an asset with its picture, so that it can be dragged in from the Asset Browser"""

    bl_idname = "earthcrafter.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Mark it and load its picture."""
        place.asset_mark()
        place.asset_data.description = f"Generated by EarthCrafter: {place.name}"
        place.asset_data.tags.new("EarthCrafter", skip_if_exists=True)
        thumbnails.set_preview(place, jobs.folder_of(place) / THUMBNAIL)
        self.report({"INFO"}, f"{place.name} is an asset of this file now: see the Asset Browser.")
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_import_result, EARTHCRAFTER_OT_show_part, EARTHCRAFTER_OT_show_layout,
            EARTHCRAFTER_OT_open_folder, EARTHCRAFTER_OT_delete_place,
            EARTHCRAFTER_OT_mark_asset)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
