"""Generate, cancel, and bring results in."""
from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import engine_service, layout_mesh, result_import
from ..earthcrafter_core.errors import EarthCrafterError
from ..engine_session import Job
from ..preferences import preferences
from .common import LayoutOperator, register_classes, report, unregister_classes

_CYCLES_LAYERS = 64  # transparent bounces that Cycles needs where many splats lie behind one another


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


class EARTHCRAFTER_OT_stop_engine(bpy.types.Operator):
    """End the engine process and free its memory; the next Generate starts a new one"""

    bl_idname = "earthcrafter.stop_engine"
    bl_label = "Stop Engine"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs a running engine."""
        if engine_service.session.client is None:
            cls.poll_message_set("The engine is not running")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """End it."""
        engine_service.session.shutdown()
        return {"FINISHED"}


class EARTHCRAFTER_OT_import_result(bpy.types.Operator):
    """Bring a generated place in from its folder: a mesh, a point cloud and splats in one collection"""

    bl_idname = "earthcrafter.import_result"
    bl_label = "Import Result"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    layout_name: StringProperty(  # type: ignore[valid-type]
        options={"SKIP_SAVE", "HIDDEN"}, description="Layout that the place stands on; none: at the world's origin")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Import, hide the layout and its earlier places, and say how many splats are shown."""
        layout = bpy.data.objects.get(self.layout_name)
        try:
            place = result_import.import_result(Path(bpy.path.abspath(self.directory)),
                                                layout.matrix_world if layout is not None else None,
                                                preferences(context).splat_cap)
        except EarthCrafterError as e:
            return report(self, e)
        if layout is not None:
            result_import.replace_on_layout(context.scene, place.collection, layout)
        context.scene.collection.children.link(place.collection)
        if hasattr(context.scene, "cycles"):
            cycles = context.scene.cycles
            cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, _CYCLES_LAYERS)
        self.report({"INFO"}, f"{place.collection.name}: {place.splats_shown} of {place.splats_total} splats shown.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_show_part(bpy.types.Operator):
    """Show or hide this part of the place, in the viewport and in renders"""

    bl_idname = "earthcrafter.show_part"
    bl_label = "Show Part"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    kind: EnumProperty(name="Part", options={"SKIP_SAVE"}, items=[  # type: ignore[valid-type]
        (result_import.MESH, "Mesh", ""), (result_import.POINTS, "Points", ""), (result_import.SPLATS, "Splats", "")])
    collection: StringProperty(name="Place", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Toggle."""
        collection = bpy.data.collections.get(self.collection)
        obj = result_import.part(collection, self.kind) if collection is not None else None
        if obj is None:
            self.report({"ERROR"}, "This part of the place is no longer there. Import the result again.")
            return {"CANCELLED"}
        obj.hide_viewport = obj.hide_render = not obj.hide_viewport
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_generate, EARTHCRAFTER_OT_retexture, EARTHCRAFTER_OT_cancel, EARTHCRAFTER_OT_stop_engine,
            EARTHCRAFTER_OT_import_result, EARTHCRAFTER_OT_show_part)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
