"""The add-on's preferences: which Python runs the engine, on which device, and where results go."""
from __future__ import annotations

import os
from pathlib import Path

import bpy
from bpy.props import IntProperty, StringProperty

from .earthcrafter_core.errors import EarthCrafterError
from .engine_client import EngineError
from .result_import import DEFAULT_SPLAT_CAP

PACKAGE = __package__
PYTHON_VARIABLE = "EARTHCRAFTER_PYTHON"


class EarthCrafterPreferences(bpy.types.AddonPreferences):
    """Shown in Edit > Preferences > Add-ons > EarthCrafter."""

    bl_idname = PACKAGE

    engine_python: StringProperty(  # type: ignore[valid-type]
        name="Engine Python", subtype="FILE_PATH",
        description="Python 3.11 with torch that runs the engine, or the folder of its virtual environment. Empty: the "
                    f"environment variable {PYTHON_VARIABLE}, else the environment that build.py made")
    device: StringProperty(  # type: ignore[valid-type]
        name="Device", default="cpu", description="Where the networks run: cpu, or cuda:0 for the first NVIDIA card")
    idle_minutes: IntProperty(  # type: ignore[valid-type]
        name="Free When Idle", default=10, min=0, max=24 * 60,
        description="After so many minutes without work the engine ends and gives its memory back; the next job starts it "
                    "again. 0: never")
    results_folder: StringProperty(  # type: ignore[valid-type]
        name="Results Folder", subtype="DIR_PATH",
        description="Where generated places are kept. Empty: beside the saved .blend file, else the extension's own folder")
    splat_cap: IntProperty(  # type: ignore[valid-type]
        name="Splats Shown", default=DEFAULT_SPLAT_CAP, min=1000, max=10_000_000,
        description="At most so many splats of a place are brought into Blender, evenly taken from all")

    def draw(self, _context: bpy.types.Context) -> None:
        """The preferences' panel, with what the engine's Python resolves to."""
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "engine_python")
        try:
            column.label(text=str(engine_python(self)), icon="CHECKMARK")
        except EarthCrafterError as e:
            column.label(text=e.message, icon="ERROR")
            column.label(text=e.remedy)
        column.prop(self, "device")
        column.prop(self, "idle_minutes")
        column.prop(self, "results_folder")
        column.prop(self, "splat_cap")


def preferences(context: bpy.types.Context | None = None) -> EarthCrafterPreferences:
    """The add-on's preferences."""
    return (context or bpy.context).preferences.addons[PACKAGE].preferences


def engine_python(prefs: EarthCrafterPreferences) -> Path:
    """The engine's interpreter: the preference, the environment variable, or a .venv beside the extension's sources.

    Raises EngineError where there is none.
    """
    remedy = "Choose the Python of the engine in Edit > Preferences > Add-ons > EarthCrafter."
    for chosen in (bpy.path.abspath(prefs.engine_python), os.environ.get(PYTHON_VARIABLE, "")):
        if chosen:
            python = _interpreter(Path(chosen))
            if python is None:
                raise EngineError(f"There is no Python at {chosen}.", remedy)
            return python
    for folder in Path(__file__).resolve().parents:
        if (folder / "build.py").is_file() and (python := _interpreter(folder / ".venv")) is not None:
            return python
    raise EngineError("No Python for the engine is set.", remedy)


def _interpreter(path: Path) -> Path | None:
    """The interpreter that a path means: the file itself, or the one in a virtual environment's folder."""
    candidates = (path, path / "bin" / "python", path / "Scripts" / "python.exe")
    return next((p for p in candidates if p.is_file()), None)


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
