"""Generate, texture again, cancel."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import engine_service, layout_mesh, result_import
from ..earthcrafter_core.errors import EarthCrafterError
from ..engine_session import Job
from ..preferences import preferences
from .common import LayoutOperator, register_classes, report, unregister_classes


class _EngineOperator:
    """An operator that gives the engine a job; `wait` is for scripts."""

    bl_options = {"REGISTER"}  # the import that follows is the step of undo

    wait: BoolProperty(  # type: ignore[valid-type]
        name="Wait", default=False, options={"SKIP_SAVE"},
        description="Return only when the place is there; for scripts")

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs an idle engine."""
        if engine_service.session.job is not None:
            cls.poll_message_set("A place is being generated: wait, or press Cancel")  # type: ignore[attr-defined]
            return False
        return True

    def start(self, job: Job, layout_name: str) -> set[str]:
        """Start the job; with `wait` also see it to its end and import it. Raises EarthCrafterError."""
        engine_service.start_job(job, layout_name)
        if not self.wait:
            return {"FINISHED"}
        outcome = engine_service.wait_for(job)
        if outcome.error is not None:
            return report(self, outcome.error)
        return bpy.ops.earthcrafter.import_result(directory=str(outcome.folder), layout_name=layout_name)


class EARTHCRAFTER_OT_generate(_EngineOperator, LayoutOperator, bpy.types.Operator):
    """Generate a 3D place from the layout; Blender stays usable meanwhile"""

    bl_idname = "earthcrafter.generate"
    bl_label = "Generate"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an idle engine and a layout."""
        return super().poll(context) and super(_EngineOperator, cls).poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hand the layout to the engine."""
        try:
            obj = layout_mesh.required_layout(context)
            return self.start(engine_service.new_job(layout_mesh.read_layout(obj), _settings(context)), obj.name)
        except EarthCrafterError as e:
            return report(self, e)


class EARTHCRAFTER_OT_retexture(_EngineOperator, bpy.types.Operator):
    """Keep the shapes of this place and give it new colours, by the seed above; Blender stays usable meanwhile"""

    bl_idname = "earthcrafter.retexture"
    bl_label = "Retexture"

    collection: StringProperty(  # type: ignore[valid-type]
        name="Place", options={"SKIP_SAVE"}, description="Collection of the place; none: the newest of the scene")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hand the kept result to the engine."""
        places = result_import.places(context.scene)
        place = next((p for p in reversed(places) if self.collection in ("", p.name)), None)
        if place is None:
            self.report({"ERROR"}, "There is no place to texture again. Press Generate first.")
            return {"CANCELLED"}
        try:
            job = engine_service.new_job(None, _settings(context), Path(place[result_import.FOLDER]))
            return self.start(job, place.get(result_import.LAYOUT, ""))
        except EarthCrafterError as e:
            return report(self, e)


def _settings(context: bpy.types.Context) -> dict:
    """The scene's settings as the engine takes them."""
    chosen = context.scene.earthcrafter
    return {"seed": chosen.seed, "steps": chosen.steps, "guidance": chosen.guidance or None, "relief": chosen.relief,
            "device": preferences(context).device or "cpu"}


class EARTHCRAFTER_OT_cancel(bpy.types.Operator):
    """Stop generating; nothing is kept"""

    bl_idname = "earthcrafter.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs a running job."""
        if engine_service.session.job is None:
            cls.poll_message_set("Nothing is being generated")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Tell the engine."""
        engine_service.session.cancel()
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_generate, EARTHCRAFTER_OT_retexture, EARTHCRAFTER_OT_cancel)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
