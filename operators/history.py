"""The history of a layout: go back to a result, take its settings, or the layout as it was."""
from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from bpy.props import StringProperty

from .. import engine_service, history, layout_mesh, result_import
from ..earthcrafter_core.errors import BadInput, EarthCrafterError
from .common import LayoutOperator, register_classes, report, unregister_classes


class _RecordOperator(LayoutOperator):
    """Mix-in: acts on one result of the history, which `directory` names."""

    directory: StringProperty(name="Result", subtype="DIR_PATH", options={"SKIP_SAVE"},  # type: ignore[valid-type]
                              description="Folder of the result")

    def record(self) -> history.Record:
        """The record. Raises BadInput where it is gone."""
        record = history.read(Path(bpy.path.abspath(self.directory)))
        if record is None:
            engine_service.history.forget()
            raise BadInput(f"There is no result in {self.directory} any more.", "Generate the place again.")
        return record


class EARTHCRAFTER_OT_show_result(_RecordOperator, bpy.types.Operator):
    """Go back to this result: it is shown on the layout, the other places there are hidden"""

    bl_idname = "earthcrafter.show_result"
    bl_label = "Show Result"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Show the place where it is in the scene, else bring it in."""
        try:
            layout, record = layout_mesh.required_layout(context), self.record()
        except EarthCrafterError as e:
            return report(self, e)
        place = result_import.place_of_folder(context.scene, record.folder)
        if place is None:
            return bpy.ops.earthcrafter.import_result(directory=str(record.folder), layout_name=layout.name)
        result_import.put_on_layout(context.scene, place, layout)
        return {"FINISHED"}


class EARTHCRAFTER_OT_use_settings(_RecordOperator, bpy.types.Operator):
    """Take this result's seed and settings, so that Generate makes it again or a change starts from it"""

    bl_idname = "earthcrafter.use_settings"
    bl_label = "Use Settings"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Copy them into the scene."""
        try:
            record = self.record()
        except EarthCrafterError as e:
            return report(self, e)
        settings, kept = context.scene.earthcrafter, record.settings
        settings.seed = record.seed
        settings.steps = kept.get("steps", settings.steps)
        settings.guidance = kept.get("guidance") or 0.0
        for name in ("voxel_size", "mesh", "colours", "texels", "splats", "splat_size"):
            setattr(settings, name, kept.get(name, getattr(settings, name)))
        if settings.relief in ("generated", "flat"):
            settings.relief = kept.get("relief", settings.relief)
        return {"FINISHED"}


class EARTHCRAFTER_OT_restore_layout(_RecordOperator, bpy.types.Operator):
    """Paint the layout back to what this result was made from"""

    bl_idname = "earthcrafter.restore_layout"
    bl_label = "Restore Layout"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write its cells into the layout."""
        try:
            layout, record = layout_mesh.required_layout(context), self.record()
            class_id, height = _read_layout(record.folder)
            if class_id.shape != layout_mesh.grid_shape(layout):
                raise BadInput("The result was made from a layout of another size.",
                               "Import its layout.npz's picture as a new layout instead.")
            layout_mesh.write_classes(layout, class_id)
            layout_mesh.write_heights(layout, height)
        except EarthCrafterError as e:
            return report(self, e)
        result_import.show_layout(context.scene, layout)
        return {"FINISHED"}


def _read_layout(folder: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Class ids uint8 [H, W] and height hints float32 [H, W] or None of a result's layout.npz. Raises BadInput."""
    try:
        with np.load(folder / "layout.npz", allow_pickle=False) as kept:
            return kept["class_id"], kept["height_hint"] if "height_hint" in kept.files else None
    except Exception as e:  # zipfile, ValueError, KeyError, OSError: all mean the same to the person
        raise BadInput(f"The layout of {folder.name} cannot be read ({e}).", "Generate the place again.") from e


_CLASSES = (EARTHCRAFTER_OT_show_result, EARTHCRAFTER_OT_use_settings, EARTHCRAFTER_OT_restore_layout)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
