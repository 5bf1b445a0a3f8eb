"""The panel Export: formats, options, the button, progress, and what came of it."""
from __future__ import annotations

from pathlib import Path

import bpy

from .. import exports, result_import, scene_export
from ..export_formats import BY_NAME, FORMATS, GROUPS, MESHES, SCENE, SPLATS
from ..export_settings import EarthCrafterExport, export_settings
from .common import SidebarPanel, draw_error, draw_text

_COLUMNS = {MESHES: 3}  # 2 where the labels are longer


class EARTHCRAFTER_PT_export(SidebarPanel, bpy.types.Panel):
    """What leaves Blender."""

    bl_label = "Export"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Formats by group, the folder, the button or the progress, the last export."""
        layout, settings = self.layout, export_settings(context.scene)
        layout.operator_menu_enum("earthcrafter.use_export_target", "target", icon="PRESET")
        for group, title in GROUPS:
            column = layout.column(align=True)
            column.label(text=title)
            grid = column.grid_flow(row_major=True, columns=_COLUMNS.get(group, 2), even_columns=True, align=True)
            for chosen in (f for f in FORMATS if f.group == group):
                grid.prop_enum(settings, "formats", chosen.name)
        place = result_import.chosen_place(context)
        column = layout.column()
        column.prop(settings, "folder", text="")
        if place is not None and not settings.folder:
            draw_text(layout, context, f"Goes to {exports.folder_of(context.scene, place)}", "FILE_FOLDER")
        if place is not None and scene_export.is_changed(place) and any(
                BY_NAME[name].group == MESHES for name in settings.formats):
            draw_text(layout, context, "What you changed, hid or replaced is only in Mesh as in the Scene", "INFO")
        if exports.task is not None:
            layout.progress(factor=exports.task.fraction, text=exports.task.text)
            layout.operator("earthcrafter.cancel_export", icon="CANCEL")
            return
        row = layout.row()
        row.scale_y = 1.5
        text = f"Export {place.name}" if place is not None else "Export Place"
        row.operator("earthcrafter.export_place", text=text, icon="EXPORT").collection = place.name if place is not None else ""
        if exports.last is not None:
            _draw_last(layout, context)


def _draw_last(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The endings of the files that the last export wrote, with their sizes, and what could not be written."""
    assert exports.last is not None
    if exports.last.formats:
        box = layout.box()
        column = box.column(align=True)
        column.label(text=exports.last.name, icon="CHECKMARK")
        for files in exports.last.formats:
            row = column.row()
            ending = files[0].name.removeprefix(exports.last.name)
            row.label(text=ending + (f" and {len(files) - 1} more" if len(files) > 1 else ""), icon="BLANK1")
            right = row.row()
            right.alignment = "RIGHT"
            right.label(text=_size(files))
        box.operator("earthcrafter.open_exports", icon="FILE_FOLDER")
    for error in exports.last.errors:
        draw_error(layout, context, error)


def _size(files: list[Path]) -> str:
    """The size of some files together, folders with what is in them, for a person; "" where one is gone."""
    try:
        size = sum(entry.stat().st_size for path in files for entry in ([path] if path.is_file() else path.iterdir()))
    except OSError:
        return ""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


class EARTHCRAFTER_PT_export_options(SidebarPanel, bpy.types.Panel):
    """What the files are to be like."""

    bl_label = "Options"
    bl_parent_id = "EARTHCRAFTER_PT_export"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Those that matter for the chosen formats can be set."""
        settings = export_settings(context.scene)
        groups = {f.group for f in FORMATS if f.name in settings.formats}
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        _draw_mesh(column.column(), settings, MESHES in groups)
        splats = column.column()
        splats.enabled = SPLATS in groups
        _draw_optional(splats, settings, "splats")
        splats.prop(settings, "splat_axes")
        fbx = column.column()
        fbx.enabled = SCENE in groups and "fbx" in settings.formats
        fbx.prop(settings, "fbx_scale")


def _draw_mesh(column: bpy.types.UILayout, settings: EarthCrafterExport, enabled: bool) -> None:
    """Options of the meshes that the engine writes."""
    column.enabled = enabled
    _draw_optional(column, settings, "triangles")
    column.prop(settings, "levels")
    form = column.column()
    form.enabled = settings.levels > 1
    form.prop(settings, "level_form")
    column.prop(settings, "collisions")
    column.prop(settings, "colours")
    textures = column.column()
    textures.enabled = settings.colours != "vertex"
    _draw_optional(textures, settings, "texels")
    textures.prop(settings, "lossless")


def _draw_optional(column: bpy.types.UILayout, settings: EarthCrafterExport, name: str) -> None:
    """A value behind the switch that makes it hold."""
    row = column.row(align=True, heading=settings.bl_rna.properties[f"use_{name}"].name)
    row.prop(settings, f"use_{name}", text="")
    value = row.row()
    value.active = getattr(settings, f"use_{name}")
    value.prop(settings, name, text="")


CLASSES_HERE = (EARTHCRAFTER_PT_export, EARTHCRAFTER_PT_export_options)
