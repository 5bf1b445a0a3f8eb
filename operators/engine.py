"""The engine process: start, stop, free its memory, choose what it runs on, look at its log."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import engine_service, engine_tasks
from ..earthcrafter_core.errors import EarthCrafterError
from ..preferences import preferences
from .common import open_path, register_classes, report, unregister_classes


class _RunningEngine:
    """Mix-in: available while an engine runs."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs a running engine."""
        if engine_service.session.client is None:
            cls.poll_message_set("The engine is not running")  # type: ignore[attr-defined]
            return False
        return True


class EARTHCRAFTER_OT_start_engine(bpy.types.Operator):
    """Start the engine now, without waiting for the next Generate; also after it failed"""

    bl_idname = "earthcrafter.start_engine"
    bl_label = "Start Engine"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs an installed engine that does not run."""
        if engine_service.session.client is not None:
            cls.poll_message_set("The engine is running")
            return False
        missing = engine_service.session.missing()
        if missing is not None:
            cls.poll_message_set(f"{missing.message} {missing.remedy}")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Start it, whatever failed before."""
        try:
            engine_service.session.start_now()
        except EarthCrafterError as e:
            return report(self, e)
        engine_service.follow()
        return {"FINISHED"}


class EARTHCRAFTER_OT_stop_engine(_RunningEngine, bpy.types.Operator):
    """End the engine process, its job too, and free its memory; the next Generate starts a new one"""

    bl_idname = "earthcrafter.stop_engine"
    bl_label = "Stop"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """End it."""
        engine_service.session.shutdown(why="stopped by you")
        engine_service.follow()
        return {"FINISHED"}


class EARTHCRAFTER_OT_free_memory(_RunningEngine, bpy.types.Operator):
    """Let the engine drop its networks and give their memory back; the next job loads them again, which takes seconds"""

    bl_idname = "earthcrafter.free_memory"
    bl_label = "Free Memory"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an idle engine."""
        if not super().poll(context):
            return False
        if engine_service.session.job is not None or not engine_service.session.ready:
            cls.poll_message_set("The engine is busy: wait, or press Cancel")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask it."""
        engine_service.session.free()
        engine_service.follow()
        return {"FINISHED"}


class EARTHCRAFTER_OT_choose_device(bpy.types.Operator):
    """Run the networks on this device from the next job on"""

    bl_idname = "earthcrafter.choose_device"
    bl_label = "Choose Device"
    bl_options = {"INTERNAL"}

    device: StringProperty(name="Device", default="cpu", description="cpu, or cuda:0 for the first NVIDIA card")  # type: ignore[valid-type]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep the choice; what failed on the other device is settled by it."""
        preferences(context).device = self.device
        engine_service.session.error = None
        engine_tasks.redraw()
        return {"FINISHED"}


class EARTHCRAFTER_OT_use_installed_engine(bpy.types.Operator):
    """Use the installed engine in place of the Python that was chosen in the preferences"""

    bl_idname = "earthcrafter.use_installed_engine"
    bl_label = "Use Installed Engine"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Empty the preference."""
        preferences(context).engine_python = ""
        engine_tasks.redraw()
        return {"FINISHED"}


class EARTHCRAFTER_OT_choose_results_folder(bpy.types.Operator):
    """Choose another folder for generated places"""

    bl_idname = "earthcrafter.choose_results_folder"
    bl_label = "Choose Results Folder"
    bl_options = {"INTERNAL"}

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep it in the preferences."""
        if not Path(bpy.path.abspath(self.directory)).is_dir():
            self.report({"ERROR"}, f"There is no folder {self.directory}. Choose one that exists.")
            return {"CANCELLED"}
        preferences(context).results_folder = self.directory
        engine_service.session.error = None
        engine_tasks.redraw()
        return {"FINISHED"}


class EARTHCRAFTER_OT_open_log(bpy.types.Operator):
    """Open a log in the system's text viewer; the engine's log before the last start lies beside it, with .1 at its end"""

    bl_idname = "earthcrafter.open_log"
    bl_label = "Open Log"

    log: EnumProperty(name="Log", items=[  # type: ignore[valid-type]
        ("engine", "Engine", "What the engine printed since its last start"),
        ("install", "Installation", "What the last installation printed"),
        ("self_test", "Self-Test", "What the last self-test printed")])

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Open it."""
        path = engine_tasks.log_of(self.log)
        if not path.is_file():
            self.report({"WARNING"}, f"There is no log yet: {path} is written when the engine starts.")
            return {"CANCELLED"}
        return open_path(self, path)


_CLASSES = (EARTHCRAFTER_OT_start_engine, EARTHCRAFTER_OT_stop_engine, EARTHCRAFTER_OT_free_memory,
            EARTHCRAFTER_OT_choose_device, EARTHCRAFTER_OT_use_installed_engine, EARTHCRAFTER_OT_choose_results_folder,
            EARTHCRAFTER_OT_open_log)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
