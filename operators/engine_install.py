"""Install, repair and remove the engine; its self-test and report."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import engine_service, engine_tasks
from ..earthcrafter_core.errors import EarthCrafterError
from ..engine_install import BUILDS, Plan
from ..preferences import FOLDER, INTERNET, PYTHON, SOURCES, engine_home, preferences
from .common import register_classes, report, unregister_classes

_WIDTH = 480  # of the dialogs, in pixels before Blender's scaling
_OFFLINE = ("Blender may not go online. Switch on Allow Online Access in Edit > Preferences > System, or install from a folder "
            "of wheels.")


class _IdleTask:
    """Mix-in: available while no installation and no self-test runs."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs that nothing else runs."""
        if engine_tasks.task is not None:
            cls.poll_message_set("Wait for the installation or the self-test to end, or cancel it")  # type: ignore[attr-defined]
            return False
        return True


class EARTHCRAFTER_OT_install_engine(_IdleTask, bpy.types.Operator):
    """Install the engine, which generates the places, into a folder of the extension's own; asks first. What is installed
    already stays in use until the new one has passed its test"""

    bl_idname = "earthcrafter.install_engine"
    bl_label = "Install Engine"

    source: EnumProperty(  # type: ignore[valid-type]
        name="From", items=SOURCES, options={"SKIP_SAVE"},
        description="Where the packages come from; left out: as the preferences say")
    build: EnumProperty(  # type: ignore[valid-type]
        name="Build", items=[(b, b, "") for b in BUILDS], options={"SKIP_SAVE"},
        description="The build of torch; left out: as the preferences say")
    python: StringProperty(  # type: ignore[valid-type]
        name="Python", subtype="FILE_PATH", options={"SKIP_SAVE"},
        description="The Python that the environment is made with, or that runs the engine where the source is PYTHON; left "
                    "out: as the preferences say")
    folder: StringProperty(  # type: ignore[valid-type]
        name="Wheels", subtype="DIR_PATH", options={"SKIP_SAVE"},
        description="The folder of wheels where the source is FOLDER; left out: as the preferences say")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask: what, from where, how large, to where."""
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Install")

    def draw(self, context: bpy.types.Context) -> None:
        """The dialog shows the preferences: they keep what was chosen."""
        prefs, column = preferences(context), self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(prefs, "install_source")
        if prefs.install_source == PYTHON:
            column.prop(prefs, "engine_python")
            column.label(text="Nothing is installed; the self-test tries this Python.", icon="INFO")
            return
        if prefs.install_source == FOLDER:
            column.prop(prefs, "wheels_folder")
        else:
            column.prop(prefs, "install_build")
        column.prop(prefs, "install_python")
        plan = engine_tasks.new_plan()
        facts = column.column(align=True)
        facts.label(text=_size_text(plan, prefs.install_source), icon="IMPORT")
        facts.label(text=f"Into {plan.home.folder}", icon="FILE_FOLDER")
        facts.label(text=f"With {plan.python}", icon="CONSOLE")
        if prefs.install_source == INTERNET and not bpy.app.online_access:
            column.label(text="Blender may not go online yet:", icon="ERROR")
            column.prop(context.preferences.system, "use_online_access")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Begin."""
        prefs = preferences(context)
        source = self.source if self.properties.is_property_set("source") else prefs.install_source
        python = Path(bpy.path.abspath(self.python)) if self.python else None
        try:
            if source == PYTHON:
                if python is not None:
                    prefs.engine_python = str(python)
                engine_tasks.start_self_test()
                return {"FINISHED"}
            if source == INTERNET and not bpy.app.online_access:
                self.report({"ERROR"}, _OFFLINE)
                return {"CANCELLED"}
            wheels = bpy.path.abspath(self.folder or prefs.wheels_folder)
            if source == FOLDER and not (wheels and Path(wheels).is_dir()):
                self.report({"ERROR"}, f"There is no folder of wheels at {wheels or 'the empty path'}. Choose one that exists.")
                return {"CANCELLED"}
            build = self.build if self.properties.is_property_set("build") else ""
            engine_tasks.start_install(engine_tasks.new_plan(python, build, Path(wheels) if source == FOLDER else None))
        except EarthCrafterError as e:
            return report(self, e)
        return {"FINISHED"}


def _size_text(plan: Plan, source: str) -> str:
    """What the installation fetches and takes, from measurements."""
    sizes = plan.sizes()
    if sizes is None:
        return "How much this build fetches was never measured; CUDA's are several GB"
    fetched, taken = (f"{mb / 1000:.1f} GB" if mb >= 1000 else f"{mb} MB" for mb in sizes)
    if source == FOLDER:
        return f"Takes about {taken} of the disk; nothing is fetched"
    return f"Fetches {fetched} from pypi.org and download.pytorch.org; takes {taken} of the disk"


class EARTHCRAFTER_OT_cancel_install(bpy.types.Operator):
    """End the installation or self-test; the new folder is removed, the engine in use is left as it was"""

    bl_idname = "earthcrafter.cancel_install"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs a running task."""
        if engine_tasks.task is None:
            cls.poll_message_set("Nothing is being installed or tested")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """End it."""
        engine_tasks.cancel()
        return {"FINISHED"}


class EARTHCRAFTER_OT_remove_engine(_IdleTask, bpy.types.Operator):
    """Remove the installed engine from the disk; places, layouts and settings stay"""

    bl_idname = "earthcrafter.remove_engine"
    bl_label = "Remove Engine"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an installed engine without a job."""
        if not super().poll(context):
            return False
        if engine_home().about() is None:
            cls.poll_message_set("No engine is installed")
            return False
        if engine_service.session.job is not None:
            cls.poll_message_set("The engine is working: wait, or press Cancel")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Remove it."""
        try:
            engine_tasks.remove_engine()
        except EarthCrafterError as e:
            return report(self, e)
        engine_service.follow()
        engine_tasks.redraw()
        return {"FINISHED"}


class EARTHCRAFTER_OT_self_test(_IdleTask, bpy.types.Operator):
    """Try the engine: versions, devices, memory, and the generation of a small tile; takes under a minute"""

    bl_idname = "earthcrafter.self_test"
    bl_label = "Self-Test"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an engine."""
        if not super().poll(context):
            return False
        missing = engine_service.session.missing()
        if missing is not None:
            cls.poll_message_set(f"{missing.message} {missing.remedy}")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Begin."""
        try:
            engine_tasks.start_self_test()
        except EarthCrafterError as e:
            return report(self, e)
        return {"FINISHED"}


class EARTHCRAFTER_OT_copy_report(bpy.types.Operator):
    """Copy the self-test's report with all versions to the clipboard, for a bug report"""

    bl_idname = "earthcrafter.copy_report"
    bl_label = "Copy Report"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Copy it."""
        text = engine_tasks.report()
        context.window_manager.clipboard = text
        self.report({"INFO"}, f"{len(text.splitlines())} lines are on the clipboard.")
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_install_engine, EARTHCRAFTER_OT_cancel_install, EARTHCRAFTER_OT_remove_engine,
            EARTHCRAFTER_OT_self_test, EARTHCRAFTER_OT_copy_report)


def register() -> None:
    """Register the operators of this module, and clear away what earlier installations left."""
    register_classes(_CLASSES)
    engine_tasks.register()


def unregister() -> None:
    """Unregister them; a running installation ends."""
    engine_tasks.unregister()
    unregister_classes(_CLASSES)
