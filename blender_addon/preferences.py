"""The add-on's preferences: which engine runs, on which device, where results go, and how the engine is installed."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from .engine_client import EngineError
from .engine_home import EngineHome, interpreter
from .engine_install import suggested_build
from .mesh_arrays import BY_CLASS, ONE, PARTS
from .result_import import DEFAULT_SPLAT_CAP

PACKAGE = __package__
PYTHON_VARIABLE = "EARTHCRAFTER_PYTHON"
INTERNET, FOLDER, PYTHON = "INTERNET", "FOLDER", "PYTHON"
SOURCES = [(INTERNET, "The Internet", "Packages are fetched from pypi.org and download.pytorch.org, or from the mirror that "
                                      "pip is set up for; Blender's preference Allow Online Access has to be on"),
           (FOLDER, "A Folder of Wheels", "Packages are taken from a folder on this machine; no network is used"),
           (PYTHON, "A Python You Have", "Nothing is installed: a Python that already has torch runs the engine")]
BUILDS = [("auto", "What Fits", "Apple's on a Mac, CUDA where NVIDIA's driver is installed, else the CPU's"),
          ("cpu", "CPU", "Runs everywhere; the smallest download"),
          ("cuda", "CUDA", "For NVIDIA cards; several GB"), ("apple", "Apple", "For Apple's processors")]

MESH_OBJECTS = [(PARTS, "Each Thing", "Terrain, water, each building and bridge, and the trees of a class are objects of their "
                                      "own, with height, footprint and class as custom properties"),
                (BY_CLASS, "One for Each Class", "All faces of a class are one object"),
                (ONE, "One", "The whole mesh is one object")]


class EarthCrafterPreferences(bpy.types.AddonPreferences):
    """Shown in Edit > Preferences > Add-ons > EarthCrafter."""

    bl_idname = PACKAGE
    drawers: list[Callable[[bpy.types.UILayout, bpy.types.Context], None]] = []
    """The panels add what stands below: this module knows nothing of them."""

    def _changed(self, _context: bpy.types.Context) -> None:
        for call in on_change:
            call()

    engine_python: StringProperty(  # type: ignore[valid-type]
        name="Use This Python", subtype="FILE_PATH", update=_changed,
        description="Python 3.11 to 3.14 with torch that runs the engine, or the folder of its virtual environment. Empty: "
                    f"the installed engine, else the environment variable {PYTHON_VARIABLE}, else what build.py made")
    device: StringProperty(  # type: ignore[valid-type]
        name="Device", default="cpu", description="Where the networks run: cpu, or cuda:0 for the first NVIDIA card")
    idle_minutes: IntProperty(  # type: ignore[valid-type]
        name="Idle Minutes", default=10, min=0, max=24 * 60,
        description="After so many minutes without work the engine ends and gives its memory back; the next job starts it "
                    "again. 0: never")
    results_folder: StringProperty(  # type: ignore[valid-type]
        name="Results Folder", subtype="DIR_PATH",
        description="Where generated places are kept. Empty: beside the saved .blend file, else the extension's own folder")
    show_colours: BoolProperty(  # type: ignore[valid-type]
        name="Show Colours", default=True,
        description="Turn solid 3D views to Material Preview when the first place of a scene comes in, and after Retexture: a "
                    "solid view shows classes, not colours")
    splat_cap: IntProperty(  # type: ignore[valid-type]
        name="Splats Shown", default=DEFAULT_SPLAT_CAP, min=1000, max=10_000_000,
        description="At most so many splats of a place are brought into Blender; where there are more, neighbours that are "
                    "alike become one")
    mesh_objects: EnumProperty(  # type: ignore[valid-type]
        name="Mesh Objects", items=MESH_OBJECTS, default=PARTS, description="How the mesh of a place is divided into objects")
    install_source: EnumProperty(  # type: ignore[valid-type]
        name="From", items=SOURCES, default=INTERNET, description="Where the engine's packages come from")
    install_build: EnumProperty(  # type: ignore[valid-type]
        name="Build", items=BUILDS, default="auto", description="For which processor torch is installed")
    install_python: StringProperty(  # type: ignore[valid-type]
        name="Made With", subtype="FILE_PATH",
        description="The Python, 3.11 to 3.14, that the engine's environment is made with. Empty: Blender's own")
    wheels_folder: StringProperty(  # type: ignore[valid-type]
        name="Wheels", subtype="DIR_PATH",
        description="Folder of wheels, as `pip download -r engine_requirements.txt` fills it on a machine of the same kind")

    def draw(self, context: bpy.types.Context) -> None:
        """What the panels add (the engine), then results."""
        for drawer in self.drawers:
            drawer(self.layout, context)
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "results_folder")
        column.prop(self, "splat_cap")
        column.prop(self, "mesh_objects")
        column.prop(self, "show_colours")


on_change: list[Callable[[], None]] = []
"""Called when the engine's Python was changed."""


def preferences(context: bpy.types.Context | None = None) -> EarthCrafterPreferences:
    """The add-on's preferences."""
    return (context or bpy.context).preferences.addons[PACKAGE].preferences


def engine_home() -> EngineHome:
    """Where installed engines live."""
    return EngineHome(user_folder("engine"))


def engine_python(prefs: EarthCrafterPreferences) -> Path:
    """The engine's interpreter: the preference, the installed engine, the environment variable, or a .venv beside the
    extension's sources.

    Raises EngineError where there is none: of the kind "python" (the preference's), "broken_install" or "not_installed".
    """
    if prefs.engine_python:
        return _chosen(bpy.path.abspath(prefs.engine_python), "python", "Choose another Python, or install the engine.")
    installed = engine_home().python()
    if installed is not None:
        return installed
    if os.environ.get(PYTHON_VARIABLE):
        return _chosen(os.environ[PYTHON_VARIABLE], "not_installed",
                       f"Install the engine, or correct the environment variable {PYTHON_VARIABLE}.")
    for folder in Path(__file__).resolve().parents:
        if (folder / "build.py").is_file() and (python := interpreter(folder / ".venv")) is not None:
            return python
    raise EngineError("The engine is not installed.", "Install it here or in Edit > Preferences > Add-ons > EarthCrafter.",
                      "not_installed")


def _chosen(path: str, kind: str, remedy: str) -> Path:
    python = interpreter(Path(path))
    if python is None:
        raise EngineError(f"There is no Python at {path}.", remedy, kind)
    return python


def base_python(prefs: EarthCrafterPreferences) -> Path:
    """The interpreter that an engine's environment is made with."""
    return Path(bpy.path.abspath(prefs.install_python) if prefs.install_python else sys.executable)


def torch_build(prefs: EarthCrafterPreferences) -> str:
    """The build of torch to install: "cpu", "cuda" or "apple"."""
    return suggested_build() if prefs.install_build == "auto" else prefs.install_build


def results_folder(prefs: EarthCrafterPreferences) -> Path:
    """Where results are kept (not made here): the preference, beside the .blend file, or the extension's own folder."""
    if prefs.results_folder:
        return Path(bpy.path.abspath(prefs.results_folder))
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / "earthcrafter_results"
    return user_folder("results")


def user_folder(name: str) -> Path:
    """A folder that belongs to the extension and outlives its updates."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path=name))
