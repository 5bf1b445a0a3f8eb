"""The panel Results: the places of this scene, and the history of the layout."""
from __future__ import annotations

import bpy

from .. import engine_service, jobs, layout_mesh, result_import, thumbnails
from ..forecast import duration
from .common import SidebarPanel, draw_text

_SHOWN = 12  # results of the history that are shown; older ones lie in the results folder
_SHADING_ICONS = {"SOLID": "SOLID", "MATERIAL": "TEXTURE"}
_KINDS = {"retexture": "colours, ", "regenerate": "area, "}


class EARTHCRAFTER_PT_results(SidebarPanel, bpy.types.Panel):
    """The places of this scene and which of their parts are shown."""

    bl_label = "Results"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        """One box for each place."""
        layout = layout_mesh.active_layout(context)
        every = result_import.places(context.scene)
        places = every
        if layout is not None:
            places = result_import.without_layout(context.scene) + result_import.places_on(context.scene, layout)
        if not places:
            self.layout.label(text="Generated places are shown here", icon="INFO")
        elif context.space_data is not None and context.space_data.type == "VIEW_3D":
            row = self.layout.row(align=True)
            for text, value in (("Classes", "SOLID"), ("Colours", "MATERIAL")):
                button = row.operator("wm.context_set_enum", text=text, icon=f"SHADING_{_SHADING_ICONS[value]}",
                                      depress=context.space_data.shading.type == value)
                button.data_path, button.value = "space_data.shading.type", value
        for collection in reversed(places):
            box = self.layout.box()
            row = box.row()
            row.label(text=collection.name, icon="OUTLINER_COLLECTION")
            row.prop(collection, "hide_viewport", text="", emboss=False)
            row.prop(collection, "hide_render", text="", emboss=False)
            row.operator("earthcrafter.delete_place", text="", icon="X", emboss=False).collection = collection.name
            if collection.hide_viewport:
                continue
            row = box.row(align=True)
            for kind, text in ((result_import.MESH, "Mesh"), (result_import.POINTS, "Points"),
                               (result_import.SPLATS, "Splats")):
                obj = result_import.part(collection, kind)
                if obj is None:
                    continue
                button = row.operator("earthcrafter.show_part", text=text, depress=not obj.hide_viewport)
                button.kind, button.collection = kind, collection.name
            row = box.row(align=True)
            row.operator("earthcrafter.retexture", icon="BRUSHES_ALL").collection = collection.name
            row.operator("earthcrafter.mark_asset", text="", icon="ASSET_MANAGER").collection = collection.name
            row.operator("earthcrafter.open_folder", text="", icon="FILE_FOLDER").collection = collection.name
            splats = result_import.part(collection, result_import.SPLATS)
            if splats is not None and not splats.hide_viewport and (
                    splats.get(result_import.SHOWN, 0) < splats.get(result_import.TOTAL, 0)):
                box.label(text=f"{splats[result_import.SHOWN]:,} of {splats[result_import.TOTAL]:,} splats shown")
        if len(every) > len(places):
            draw_text(self.layout, context, f"{len(every) - len(places)} more on other layouts: choose one of those", "INFO")
        self.layout.operator("earthcrafter.import_result", icon="IMPORT")


class EARTHCRAFTER_PT_history(SidebarPanel, bpy.types.Panel):
    """Every result that was made from this layout and lies on disk."""

    bl_label = "History"
    bl_parent_id = "EARTHCRAFTER_PT_results"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        """Pictures with seed and time; go back, take the settings, take the layout."""
        layout, obj = self.layout, layout_mesh.active_layout(context)
        records = jobs.records_of(engine_service.history, obj) if obj is not None else []
        if not records:
            draw_text(layout, context, "What is made from this layout is kept here", "INFO")
            return
        shown = {str(jobs.folder_of(p)) for p in result_import.places_on(context.scene, obj) if not p.hide_viewport}
        grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        for record in records[:_SHOWN]:
            box = grid.box()
            icon = thumbnails.icon_of(record.thumbnail)
            if icon:
                box.template_icon(icon, scale=5.0)
            box.label(text=f"Seed {record.seed}")
            box.label(text=f"{_KINDS.get(record.kind, '')}{duration(record.seconds)}")
            row = box.row(align=True)
            row.operator("earthcrafter.show_result", text="Show",
                         depress=str(record.folder) in shown).directory = str(record.folder)
            row.operator("earthcrafter.use_settings", text="", icon="SETTINGS").directory = str(record.folder)
            row.operator("earthcrafter.restore_layout", text="", icon="MESH_GRID").directory = str(record.folder)
        if len(records) > _SHOWN:
            layout.label(text=f"{len(records) - _SHOWN} older ones are in the results folder", icon="INFO")


CLASSES_HERE = (EARTHCRAFTER_PT_results, EARTHCRAFTER_PT_history)
