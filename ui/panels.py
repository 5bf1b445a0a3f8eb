"""The panels: Layout, Generate, Results and Engine. They show and call, and change nothing themselves."""
from __future__ import annotations

import bpy

from .. import engine_service, layout_mesh, result_import
from ..class_materials import class_by_name
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene.classes import CLASSES
from ..engine_session import State
from ..operators.brush import is_painting
from ..preferences import engine_python, preferences

_GROUPS = (("Model decides", ("unpainted",)), ("Buildings", ("building",)), ("Paved", ("paved",)),
           ("Low green", ("low_vegetation",)), ("Trees", ("tall_vegetation",)), ("Bare", ("bare",)),
           ("Water", ("water",)))
_MIN_COLUMNS = 24


class _Panel:
    """Mix-in: a panel of the sidebar tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EarthCrafter"


class EARTHCRAFTER_PT_layout(_Panel, bpy.types.Panel):
    """The painted grid, its palette and brush."""

    bl_label = "Layout"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        """New, import, export; what is chosen; palette; brush."""
        column, settings = self.layout.column(), context.scene.earthcrafter
        column.operator("earthcrafter.new_layout", icon="ADD")
        row = column.row(align=True)
        row.operator("earthcrafter.import_layout", text="Import", icon="IMPORT")
        row.operator("earthcrafter.export_layout", text="Export", icon="EXPORT")
        obj = layout_mesh.active_layout(context)
        if obj is None:
            column.label(text="Make a layout to paint on", icon="INFO")
            return
        rows, cols = layout_mesh.grid_shape(obj)
        size = layout_mesh.cell_size(obj)
        row = column.row()
        row.label(text=f"{obj.name}: {cols * size:g} x {rows * size:g} m, cells of {size:g} m", icon="MESH_GRID")
        row.prop(obj, "hide_viewport", text="", emboss=False)
        row = column.row(align=True)
        row.operator("earthcrafter.paint", icon="BRUSH_DATA", depress=is_painting(context))
        row.operator("earthcrafter.fill", text="Fill").everywhere = True
        column.prop(settings, "brush_radius")


class EARTHCRAFTER_PT_palette(_Panel, bpy.types.Panel):
    """The classes to paint with."""

    bl_label = "Class"
    bl_parent_id = "EARTHCRAFTER_PT_layout"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The chosen class stays readable when the palette is folded."""
        self.layout.label(text=class_by_name(context.scene.earthcrafter.paint_class).label)

    def draw(self, context: bpy.types.Context) -> None:
        """Buttons with the classes' colours, grouped by kind."""
        settings = context.scene.earthcrafter
        for title, kinds in _GROUPS:
            box = self.layout.column(align=True)
            box.label(text=title)
            grid = box.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
            for c in CLASSES:
                if c.kind in kinds:
                    grid.prop_enum(settings, "paint_class", c.name)


class EARTHCRAFTER_PT_generate(_Panel, bpy.types.Panel):
    """Settings, Generate and Cancel, progress."""

    bl_label = "Generate"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        """What a person sets first, more on demand, then the button or the progress."""
        column, settings = self.layout.column(), context.scene.earthcrafter
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "seed")
        column.prop(settings, "relief")
        column.prop(settings, "steps")
        column.prop(settings, "guidance")
        session = engine_service.session
        job = session.job
        big = self.layout.column()
        if job is None:
            row = big.row()
            row.scale_y = 1.5
            row.operator("earthcrafter.generate", icon="WORLD")
        else:
            text = "Starting the engine" if session.state is State.STARTING else job.stage or "Preparing"
            if job.cancelled:
                text = "Cancelling"
            big.progress(factor=job.fraction, text=f"{text}  {job.step}/{job.steps}" if job.steps else text)
            row = big.row()
            row.label(text=f"{job.seconds:.0f} s", icon="TIME")
            row.operator("earthcrafter.cancel", icon="CANCEL")
        if session.error is not None:
            draw_error(self.layout, context, session.error)
        elif job is None and session.last is not None:
            outcome = session.last
            text = "Taken from the results kept before" if outcome.reused else "Generated"
            self.layout.label(text=text, icon="CHECKMARK")


class EARTHCRAFTER_PT_results(_Panel, bpy.types.Panel):
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


class EARTHCRAFTER_PT_engine(_Panel, bpy.types.Panel):
    """The engine process and the Python that runs it."""

    bl_label = "Engine"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """State, versions, the preference, stop."""
        column, session, prefs = self.layout.column(), engine_service.session, preferences(context)
        column.label(text=session.state.value, icon="PLAY" if session.client is not None else "PAUSE")
        if session.ready:
            ready = session.ready
            column.label(text=f"Version {ready['version']}, torch {ready['torch']}")
            column.label(text=f"Weights {ready['weights']}, devices {', '.join(ready['devices'])}")
        column.prop(prefs, "engine_python", text="Python")
        try:
            column.label(text=str(engine_python(prefs)), icon="CHECKMARK")
        except EarthCrafterError as e:
            draw_error(column, context, e)
        column.prop(prefs, "device")
        column.operator("earthcrafter.stop_engine", icon="X")


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, error: EarthCrafterError) -> None:
    """An error and its remedy, wrapped to the sidebar's width."""
    box = layout.box()
    width = context.region.width if context.region is not None else 300
    scale = context.preferences.system.ui_scale
    columns = max(_MIN_COLUMNS, int(width / (7.5 * scale)) - 6)
    icon = "INFO" if error.kind == "cancelled" else "ERROR"
    for line in wrap(error.message, columns) + wrap(error.remedy, columns):
        box.label(text=line, icon=icon)
        icon = "BLANK1"


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns` characters, broken at spaces; longer words (paths) are cut."""
    lines = [""]
    for word in text.split():
        while len(word) > columns:
            lines.append(word[:columns])
            word = word[columns:]
        joined = f"{lines[-1]} {word}".strip()
        lines[-1:] = [joined] if len(joined) <= columns else [lines[-1], word]
    return [line for line in lines if line]


_CLASSES = (EARTHCRAFTER_PT_layout, EARTHCRAFTER_PT_palette, EARTHCRAFTER_PT_generate, EARTHCRAFTER_PT_results,
            EARTHCRAFTER_PT_engine)


def register() -> None:
    """Register the panels."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Unregister the panels."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
