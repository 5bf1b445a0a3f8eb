"""Layouts from presets, maps and surveys, which the engine makes; and taking one into the scene when it is there."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .. import adoption, engine_service
from ..earthcrafter_core.engine import protocol
from ..earthcrafter_core.errors import BadInput, EarthCrafterError
from ..earthcrafter_core.scene.layout import MAX_CELLS
from ..earthcrafter_core.scene.sources import MAP_SUFFIXES, PRESETS, SURVEY_SUFFIXES, parse_place
from .common import ObjectModeOperator, draw_with_size, register_classes, report, unregister_classes
from .layout import add_to_scene


def _cell_size() -> Any:
    return FloatProperty(name="Cell Size", default=1.0, min=0.05, max=100.0, subtype="DISTANCE", unit="LENGTH",
                         description="Side of one cell, in metres; the shipped networks are made for 1 m")


def _wait() -> Any:
    return BoolProperty(name="Wait", default=False, options={"HIDDEN", "SKIP_SAVE"},
                        description="Return only when the layout is there; for scripts")


class _Source(ObjectModeOperator):
    """Mix-in: asks the engine for a layout; `source` and `request` say for which."""

    bl_options = {"REGISTER"}
    source = ""

    def request(self) -> dict[str, Any]:
        """The source's options, see data/layout_sources.make_layout. Raises EarthCrafterError."""
        raise NotImplementedError

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask the engine."""
        try:
            return engine_service.start_layout(self.source, self.request(), self.wait)  # type: ignore[attr-defined]
        except EarthCrafterError as e:
            return report(self, e)  # type: ignore[arg-type]


class _File(_Source):
    """Mix-in: a source that is a file; one dropped onto the view is asked about in a dialog."""

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file, or for the settings where a file was dropped."""
        if self.filepath:  # type: ignore[attr-defined]
            return context.window_manager.invoke_props_dialog(self)  # type: ignore[arg-type]
        context.window_manager.fileselect_add(self)  # type: ignore[arg-type]
        return {"RUNNING_MODAL"}

    def path(self, suffixes: tuple[str, ...]) -> str:
        """The chosen file. Raises BadInput where there is none of this kind."""
        path = Path(bpy.path.abspath(self.filepath))  # type: ignore[attr-defined]
        if not path.is_file():
            raise BadInput(f"There is no file {path}.", f"Choose one that ends in {', '.join(suffixes)}.")
        return str(path)


class EARTHCRAFTER_OT_new_preset(_Source, bpy.types.Operator):
    """Make a whole layout to start from: a place by rule and seed"""

    bl_idname = "earthcrafter.new_preset"
    bl_label = "New Layout from Preset"
    source = "preset"

    preset: EnumProperty(  # type: ignore[valid-type]
        name="Preset", items=[(p.name, p.label, p.description) for p in PRESETS], description="What kind of place")
    seed: IntProperty(  # type: ignore[valid-type]
        name="Seed", default=0, min=0, description="Another number gives another place of the same kind")
    width: IntProperty(  # type: ignore[valid-type]
        name="Width", default=128, min=8, max=MAX_CELLS, soft_max=1024, description="Cells from west to east")
    height: IntProperty(  # type: ignore[valid-type]
        name="Height", default=128, min=8, max=MAX_CELLS, soft_max=1024, description="Cells from south to north")
    cell_size: _cell_size()  # type: ignore[valid-type]
    wait: _wait()  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask what and how large."""
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        """The settings and what they come to."""
        draw_with_size(self, "preset", "seed")

    def request(self) -> dict[str, Any]:
        """Preset, seed and size."""
        return {"name": self.preset, "seed": self.seed, "width": self.width, "height": self.height,
                "cell_size": self.cell_size}


class EARTHCRAFTER_OT_import_osm(_File, bpy.types.Operator):
    """Make a layout from a square of an OpenStreetMap extract: roads, buildings, water, land use"""

    bl_idname = "earthcrafter.import_osm"
    bl_label = "Import OpenStreetMap"
    source = "osm"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: StringProperty(  # type: ignore[valid-type]
        default=";".join(f"*{suffix}" for suffix in MAP_SUFFIXES), options={"HIDDEN"})
    center: StringProperty(  # type: ignore[valid-type]
        name="Centre", description="Latitude and longitude of the square's middle in degrees, such as 53.557, 13.261; "
                                   "empty: the middle of the extract")
    size: FloatProperty(  # type: ignore[valid-type]
        name="Size", default=1000.0, min=8.0, max=20000.0, soft_max=2000.0, subtype="DISTANCE", unit="LENGTH",
        description="Side of the square, in metres")
    cell_size: _cell_size()  # type: ignore[valid-type]
    fill: BoolProperty(  # type: ignore[valid-type]
        name="Fill Untagged Ground", default=True,
        description="Ground that no tag covers becomes lawn near buildings and meadow elsewhere; off, it stays unpainted and "
                    "the model decides")
    wait: _wait()  # type: ignore[valid-type]

    def request(self) -> dict[str, Any]:
        """File, place and size."""
        place = parse_place(self.center)
        return {"path": self.path(MAP_SUFFIXES), "center": None if place is None else list(place), "size": self.size,
                "cell_size": self.cell_size, "fill": self.fill}


class EARTHCRAFTER_OT_import_lidar(_File, bpy.types.Operator):
    """Make a layout from an airborne LiDAR survey: classes, heights and the ground's elevation"""

    bl_idname = "earthcrafter.import_lidar"
    bl_label = "Import LiDAR"
    source = "lidar"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: StringProperty(  # type: ignore[valid-type]
        default=";".join(f"*{suffix}" for suffix in SURVEY_SUFFIXES), options={"HIDDEN"})
    cell_size: _cell_size()  # type: ignore[valid-type]
    wait: _wait()  # type: ignore[valid-type]

    def request(self) -> dict[str, Any]:
        """File and cell size."""
        return {"path": self.path(SURVEY_SUFFIXES), "cell_size": self.cell_size}


class EARTHCRAFTER_OT_adopt_layout(bpy.types.Operator):
    """Take a layout that the engine made into the scene, at the 3D cursor"""

    bl_idname = "earthcrafter.adopt_layout"
    bl_label = "Adopt Layout"
    bl_options = {"UNDO", "INTERNAL"}

    directory: StringProperty(  # type: ignore[valid-type]
        subtype="DIR_PATH", options={"SKIP_SAVE"}, description="Folder that the engine left the layout in")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Read the folder, make the object, say what could not be mapped."""
        try:
            made = protocol.read_made_layout(Path(self.directory))
            obj = adoption.layout_object(made)
        except EarthCrafterError as e:
            return report(self, e)
        adoption.tell(self, made, add_to_scene(context, obj))
        return {"FINISHED"}


class EARTHCRAFTER_FH_osm(bpy.types.FileHandler):
    """A map extract dropped onto a 3D view."""

    bl_label = "OpenStreetMap extract"
    bl_import_operator = "earthcrafter.import_osm"
    bl_file_extensions = ".osm;.pbf;.geojson;.bz2"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """In 3D views."""
        return context.area is not None and context.area.type == "VIEW_3D"


class EARTHCRAFTER_FH_lidar(bpy.types.FileHandler):
    """A survey dropped onto a 3D view."""

    bl_label = "LiDAR survey"
    bl_import_operator = "earthcrafter.import_lidar"
    bl_file_extensions = ".laz;.las"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """In 3D views."""
        return context.area is not None and context.area.type == "VIEW_3D"


_CLASSES = (EARTHCRAFTER_OT_new_preset, EARTHCRAFTER_OT_import_osm, EARTHCRAFTER_OT_import_lidar,
            EARTHCRAFTER_OT_adopt_layout, EARTHCRAFTER_FH_osm, EARTHCRAFTER_FH_lidar)


def _draw_import(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """Entries of File > Import."""
    for operator, text in (("import_osm", "OpenStreetMap Layout (.osm, .pbf, .geojson)"),
                           ("import_lidar", "LiDAR Layout (.laz, .las)"), ("import_layout", "EarthCrafter Layout (.png)")):
        self.layout.operator_context = "INVOKE_DEFAULT"
        self.layout.operator(f"earthcrafter.{operator}", text=text)


def register() -> None:
    """Register the operators of this module and their entries in File > Import."""
    register_classes(_CLASSES)
    bpy.types.TOPBAR_MT_file_import.append(_draw_import)


def unregister() -> None:
    """Unregister them."""
    bpy.types.TOPBAR_MT_file_import.remove(_draw_import)
    unregister_classes(_CLASSES)
