"""Generate, regenerate an area, texture again, cancel."""
from __future__ import annotations

import random

import bpy
from bl_operators.presets import AddPresetBase
from bpy.props import BoolProperty, StringProperty

from .. import engine_service, jobs, layout_mesh, result_import
from ..earthcrafter_core.errors import BadInput, EarthCrafterError
from ..job_queue import Entry
from .common import LayoutOperator, register_classes, report, unregister_classes


_LARGEST_VOXEL = 4.0  # metres


class _EngineOperator:
    """An operator that gives the engine jobs; `wait` is for scripts."""

    bl_options = {"REGISTER"}  # the import that follows is the step of undo

    wait: BoolProperty(  # type: ignore[valid-type]
        name="Wait", default=False, options={"SKIP_SAVE"},
        description="Return only when the place is there; for scripts")

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs an engine."""
        missing = engine_service.session.missing()
        if missing is not None:
            cls.poll_message_set(f"{missing.message} {missing.remedy}")  # type: ignore[attr-defined]
            return False
        return True

    def submit(self, entries: list[Entry]) -> set[str]:
        """Queue the entries; with `wait` also see each to its end. Reports what goes wrong."""
        try:
            for entry in entries:
                engine_service.submit(entry)
            if self.wait:
                for entry in entries:
                    engine_service.finish(entry)
        except EarthCrafterError as e:
            return report(self, e)  # type: ignore[arg-type]
        waiting = len(engine_service.queue.waiting)
        if waiting:
            self.report({"INFO"}, f"In the queue: {waiting} waiting.")  # type: ignore[attr-defined]
        return {"FINISHED"}


class _LayoutEngineOperator(_EngineOperator, LayoutOperator):
    """Needs a layout, too."""

    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an engine and a layout."""
        return super().poll(context) and super(_EngineOperator, cls).poll(context)


class EARTHCRAFTER_OT_generate(_LayoutEngineOperator, bpy.types.Operator):
    """Generate a 3D place from the layout; Blender stays usable meanwhile. While another place is made, this one waits in the queue"""  # noqa: E501

    bl_idname = "earthcrafter.generate"
    bl_label = "Generate"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Queue one job for each variation."""
        settings = context.scene.earthcrafter
        try:
            obj = layout_mesh.required_layout(context)
            beside = settings.arrangement == "side"
            entries = [jobs.generate_entry(context, obj, settings.seed + i, i if beside else 0)
                       for i in range(settings.variations)]
        except EarthCrafterError as e:
            return report(self, e)
        return self.submit(entries)


class EARTHCRAFTER_OT_regenerate(_LayoutEngineOperator, bpy.types.Operator):
    """Generate the chosen area again, by the seed above, and leave the rest of the place exactly as it is"""

    bl_idname = "earthcrafter.regenerate"
    bl_label = "Regenerate Area"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a place on the layout and an area."""
        if not super().poll(context):
            return False
        obj = layout_mesh.active_layout(context)
        if jobs.region_of(context.scene, obj) is None:
            cls.poll_message_set("Press Select Area and drag a rectangle over the layout first")
            return False
        if jobs.base_of(context.scene, engine_service.history, obj) is None:
            cls.poll_message_set("Press Generate first: there is no place on this layout yet")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Queue the job."""
        try:
            obj = layout_mesh.required_layout(context)
            region = jobs.region_of(context.scene, obj)
            base = jobs.base_of(context.scene, engine_service.history, obj)
            if region is None or base is None:
                raise BadInput("There is no area or no place to make anew.", "Press Generate, then Select Area.")
            entry = jobs.regenerate_entry(context, obj, base, region, context.scene.earthcrafter.seed)
        except EarthCrafterError as e:
            return report(self, e)
        return self.submit([entry])


class EARTHCRAFTER_OT_retexture(_EngineOperator, bpy.types.Operator):
    """Keep the shapes of this place and give it new colours, by the seed above; Blender stays usable meanwhile"""

    bl_idname = "earthcrafter.retexture"
    bl_label = "Retexture"

    collection: StringProperty(  # type: ignore[valid-type]
        name="Place", options={"SKIP_SAVE"}, description="Collection of the place; none: the chosen one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Queue the job for the kept result."""
        place = result_import.place_named(context, self.collection)
        if place is None:
            self.report({"ERROR"}, "There is no place to texture again. Press Generate first.")
            return {"CANCELLED"}
        return self.submit([jobs.retexture_entry(context, place, context.scene.earthcrafter.seed)])


class EARTHCRAFTER_OT_new_seed(bpy.types.Operator):
    """Set another seed at random"""

    bl_idname = "earthcrafter.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Draw it; four digits, which a person can remember."""
        context.scene.earthcrafter.seed = random.randrange(10_000)
        return {"FINISHED"}


class EARTHCRAFTER_OT_use_smaller(bpy.types.Operator):
    """Use voxels of twice the size, which need a quarter of time and memory and are coarser"""

    bl_idname = "earthcrafter.use_smaller"
    bl_label = "Use Larger Voxels"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs room for it."""
        if context.scene.earthcrafter.voxel_size >= _LARGEST_VOXEL:
            cls.poll_message_set("The voxels are as large as they can be: generate a smaller layout")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Double it; what failed with the other size is settled by it."""
        settings = context.scene.earthcrafter
        settings.voxel_size = min(2 * settings.voxel_size, _LARGEST_VOXEL)
        engine_service.session.error = None
        self.report({"INFO"}, f"The voxels are now {settings.voxel_size:g} m large. Press Generate.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_add_preset(AddPresetBase, bpy.types.Operator):
    """Keep these settings as a preset, or remove the chosen one"""

    bl_idname = "earthcrafter.add_preset"
    bl_label = "Add Generate Preset"
    preset_menu = "EARTHCRAFTER_PT_presets"
    preset_defines = ["settings = bpy.context.scene.earthcrafter"]
    preset_values = [f"settings.{name}" for name in ("steps", "guidance", "voxel_size", "relief", "variations", "arrangement",
                                                     "mesh", "colours", "texels", "splats", "splat_size")]
    preset_subdir = "earthcrafter/generate"


class EARTHCRAFTER_OT_cancel(bpy.types.Operator):
    """Stop the place that is being made; nothing of it is kept, and the queue goes on"""

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
        """Ask the engine to stop."""
        engine_service.session.cancel()
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_generate, EARTHCRAFTER_OT_regenerate, EARTHCRAFTER_OT_retexture, EARTHCRAFTER_OT_new_seed,
            EARTHCRAFTER_OT_use_smaller, EARTHCRAFTER_OT_add_preset, EARTHCRAFTER_OT_cancel)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
