"""Places in other programs' formats."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import exports
from ..earthcrafter_core.errors import EarthCrafterError
from ..export_formats import FORMATS, TARGETS
from ..export_settings import export_settings, use_target
from .common import open_path, register_classes, report, unregister_classes
from .results import PlaceOperator


class EARTHCRAFTER_OT_export_place(PlaceOperator, bpy.types.Operator):
    """Write the place into the export folder in the chosen formats. Those of Mesh as in the Scene have your changes"""

    bl_idname = "earthcrafter.export_place"
    bl_label = "Export Place"
    bl_options = {"REGISTER"}

    directory: StringProperty(  # type: ignore[valid-type]
        name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"}, description="Where the files go; empty: as the panel says")
    formats: EnumProperty(  # type: ignore[valid-type]
        name="Formats", options={"ENUM_FLAG", "SKIP_SAVE"}, description="What is written; none: as the panel says",
        items=[(f.name, f.label, f.tip, "NONE", 1 << bit) for bit, f in enumerate(FORMATS)])
    wait: BoolProperty(  # type: ignore[valid-type]
        name="Wait", default=False, options={"HIDDEN", "SKIP_SAVE"},
        description="Return only when the files are there; for scripts")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a place, Object Mode, and no other export."""
        if exports.task is not None:
            cls.poll_message_set("An export is running")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")
            return False
        return super().poll(context)

    def act(self, context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Begin, and where asked for wait."""
        scene = context.scene
        folder = Path(bpy.path.abspath(self.directory)) if self.directory else exports.folder_of(scene, place)
        try:
            exports.start(scene, place, set(self.formats) or set(export_settings(scene).formats), folder)
        except EarthCrafterError as e:
            return report(self, e)
        if self.wait:
            exports.wait()
        if exports.task is None and exports.last is not None:
            for error in exports.last.errors:
                self.report({"WARNING"}, f"{error.message} {error.remedy}")
            if not exports.last.files:
                self.report({"ERROR"}, "Nothing was exported: " + " ".join(
                    f"{error.message} {error.remedy}" for error in exports.last.errors))
                return {"CANCELLED"}
            self.report({"INFO"}, f"{len(exports.last.files)} files in {folder}.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_cancel_export(bpy.types.Operator):
    """End the export; what is written already stays"""

    bl_idname = "earthcrafter.cancel_export"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While one runs."""
        return exports.task is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Cancel it."""
        exports.cancel()
        return {"FINISHED"}


class EARTHCRAFTER_OT_use_export_target(bpy.types.Operator):
    """Set formats and options for a program"""

    bl_idname = "earthcrafter.use_export_target"
    bl_label = "Set Up For"
    bl_options = {"REGISTER", "UNDO"}

    target: EnumProperty(  # type: ignore[valid-type]
        name="Program", description="The program that is to open the files", options={"SKIP_SAVE"},
        items=[(key, target.label, target.tip) for key, target in TARGETS.items()])

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set them."""
        use_target(export_settings(context.scene), self.target)
        self.report({"INFO"}, f"{TARGETS[self.target].label}: {TARGETS[self.target].tip}.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_open_exports(bpy.types.Operator):
    """Open the folder with the exported files"""

    bl_idname = "earthcrafter.open_exports"
    bl_label = "Open Folder"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """After an export."""
        return exports.last is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Open it in the system's file browser."""
        assert exports.last is not None
        return open_path(self, exports.last.folder)


_CLASSES = (EARTHCRAFTER_OT_export_place, EARTHCRAFTER_OT_cancel_export, EARTHCRAFTER_OT_use_export_target,
            EARTHCRAFTER_OT_open_exports)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
