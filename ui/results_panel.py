"""The panel Results: the places of this scene and which of their parts are shown."""
from __future__ import annotations

import bpy

from .. import result_import
from .common import SidebarPanel


class EARTHCRAFTER_PT_results(SidebarPanel, bpy.types.Panel):
    """The places of this scene and which of their parts are shown."""

    bl_label = "Results"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        """One box for each place."""
        self.layout.operator("earthcrafter.import_result", icon="IMPORT")
        for collection in reversed(result_import.places(context.scene)):
            box = self.layout.box()
            row = box.row()
            row.label(text=collection.name)
            row.prop(collection, "hide_viewport", text="", emboss=False)
            row.prop(collection, "hide_render", text="", emboss=False)
            row = box.row(align=True)
            for kind, text in ((result_import.MESH, "Mesh"), (result_import.POINTS, "Points"),
                               (result_import.SPLATS, "Splats")):
                obj = result_import.part(collection, kind)
                if obj is None:
                    continue
                button = row.operator("earthcrafter.show_part", text=text, depress=not obj.hide_viewport)
                button.kind, button.collection = kind, collection.name
            box.operator("earthcrafter.retexture", icon="BRUSHES_ALL").collection = collection.name
            splats = result_import.part(collection, result_import.SPLATS)
            if splats is not None and result_import.TOTAL in splats:
                box.label(text=f"{splats[result_import.SHOWN]:,} of {splats[result_import.TOTAL]:,} splats shown")


CLASSES_HERE = (EARTHCRAFTER_PT_results,)
