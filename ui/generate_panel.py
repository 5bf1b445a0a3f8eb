"""The panel Generate: settings, what it will need, Generate and Cancel, progress, the area, the queue."""
from __future__ import annotations

import bpy
from bl_ui.utils import PresetPanel

from .. import engine_service, jobs, layout_mesh
from ..engine_session import Job, State
from ..forecast import duration
from ..job_queue import OPEN, Status
from .common import SidebarPanel, draw_error, draw_text

_STAGES = {"": "Preparing", "load": "Loading the networks", "coarse": "Laying out", "fine": "Shaping",
           "voxels": "Building voxels", "surfaces": "Mending surfaces", "texture": "Colouring", "surfels": "Placing splats",
           "drape": "Draping on the relief", "mesh": "Making the mesh", "thumbnail": "Taking a picture", "write": "Saving",
           "read": "Reading", "draw": "Drawing"}
_ICONS = {Status.WAITING: "TIME", Status.RUNNING: "PLAY", Status.DONE: "CHECKMARK", Status.FAILED: "ERROR",
          Status.CANCELLED: "X", Status.INTERRUPTED: "PAUSE"}


class EARTHCRAFTER_PT_presets(PresetPanel, bpy.types.Panel):
    """Presets of the settings."""

    bl_label = "Generate Presets"
    preset_subdir = "earthcrafter/generate"
    preset_operator = "script.execute_preset"
    preset_add_operator = "earthcrafter.add_preset"


class EARTHCRAFTER_PT_generate(SidebarPanel, bpy.types.Panel):
    """What a person sets first, the button, the progress."""

    bl_label = "Generate"
    bl_order = 1

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """Blender's own menu of presets."""
        EARTHCRAFTER_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Seed and variations, the forecast, the button or the progress, and how the last one ended."""
        layout, settings = self.layout, context.scene.earthcrafter
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("earthcrafter.new_seed", text="", icon="FILE_REFRESH")
        column.prop(settings, "variations")
        arrange = column.row()
        arrange.enabled = settings.variations > 1
        arrange.prop(settings, "arrangement")
        _draw_forecast(layout, context)
        session = engine_service.session
        if session.job is not None:
            _draw_progress(layout, session.job, session.state)
        elif engine_service.arrivals:
            layout.label(text=engine_service.arrivals[0].holding or "Bringing the place in", icon="IMPORT")
        row = layout.row()
        if engine_service.is_busy():
            row.operator("earthcrafter.generate", icon="ADD", text="Add to Queue")
        else:
            row.scale_y = 1.5
            row.operator("earthcrafter.generate", icon="WORLD")
        error = session.error or session.missing()
        if error is not None:
            draw_error(layout, context, error)


def _draw_forecast(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What Generate will need, and a smaller setting where that does not fit."""
    obj = layout_mesh.active_layout(context)
    if obj is None:
        return
    forecast = engine_service.forecast(context, obj)
    count = context.scene.earthcrafter.variations
    row = layout.row()
    row.alert = not forecast.fits
    row.label(text=forecast.text() + (f" each, {count} times" if count > 1 else ""),
              icon="TIME" if forecast.fits else "ERROR")
    if not forecast.fits:
        draw_text(layout, context, f"Only {forecast.free / 1e9:.1f} GB of memory are free.", "BLANK1")
        layout.operator("earthcrafter.use_smaller", icon="TRIA_DOWN")


def _draw_progress(layout: bpy.types.UILayout, job: Job, state: State) -> None:
    """Stage, step, time left, Cancel."""
    text = "Starting the engine" if state is State.STARTING else _STAGES.get(job.stage, job.stage)
    if job.cancelled:
        text = "Cancelling"
    elif job.steps > 1:
        text += f", step {job.step} of {job.steps}"
    layout.progress(factor=job.fraction, text=text)
    row = layout.row()
    left = "" if job.seconds_left is None or job.cancelled else f", {duration(job.seconds_left)} left"
    row.label(text=f"{duration(job.seconds)}{left}", icon="TIME")
    row.operator("earthcrafter.cancel", icon="CANCEL")
    if engine_service.queue.waiting:
        row.operator("earthcrafter.cancel_queued", text="All", icon="CANCEL").everything = True


class EARTHCRAFTER_PT_more(SidebarPanel, bpy.types.Panel):
    """Settings that are seldom changed."""

    bl_label = "Quality"
    bl_parent_id = "EARTHCRAFTER_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Steps, guidance, voxel size, and what the mesh and the splats are made of."""
        column, settings = self.layout.column(), context.scene.earthcrafter
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "steps")
        column.prop(settings, "guidance")
        column.prop(settings, "voxel_size")
        column.prop(settings, "mesh")
        if settings.mesh == "clean":
            column.prop(settings, "colours")
            texels = column.row()
            texels.enabled = settings.colours == "texture"
            texels.prop(settings, "texels", text="Texels / m")
        column.prop(settings, "splats")
        if settings.splats == "meshes":
            column.prop(settings, "splat_size")


class EARTHCRAFTER_PT_area(SidebarPanel, bpy.types.Panel):
    """Regenerate a rectangle."""

    bl_label = "Area"
    bl_parent_id = "EARTHCRAFTER_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Select, what is selected, regenerate."""
        layout = self.layout
        row = layout.row(align=True)
        row.operator("earthcrafter.select_area", icon="SELECT_SET")
        obj = layout_mesh.active_layout(context)
        region = jobs.region_of(context.scene, obj) if obj is not None else None
        if region is not None:
            size = layout_mesh.cell_size(obj)
            clear = row.operator_context
            row.operator_context = "EXEC_DEFAULT"
            row.operator("earthcrafter.select_area", text="", icon="X")  # two equal corners: no area
            row.operator_context = clear
            layout.label(text=f"{(region[3] - region[1]) * size:g} x {(region[2] - region[0]) * size:g} m", icon="SELECT_SET")
        layout.operator("earthcrafter.regenerate", icon="FILE_REFRESH")


class EARTHCRAFTER_PT_queue(SidebarPanel, bpy.types.Panel):
    """Jobs in turn."""

    bl_label = "Queue"
    bl_parent_id = "EARTHCRAFTER_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """How many are open stays readable when the panel is folded."""
        count = sum(e.status in OPEN for e in engine_service.queue.entries)
        if count:
            self.layout.label(text=f"{count} open")

    def draw(self, context: bpy.types.Context) -> None:
        """One line for each job, and what can be done with all."""
        layout, queue = self.layout, engine_service.queue
        if not queue.entries:
            draw_text(layout, context, "Jobs that wait their turn are shown here", "INFO")
            return
        for index, entry in enumerate(queue.entries):
            row = layout.row(align=True)
            row.label(text=entry.label, icon=_ICONS[entry.status])
            row.label(text=entry.status.value if not entry.seconds else f"{entry.status.value}, {duration(entry.seconds)}")
            if entry.status in OPEN:
                row.operator("earthcrafter.cancel_queued", text="", icon="X").index = index
            elif entry.status in (Status.INTERRUPTED, Status.FAILED):
                row.operator("earthcrafter.retry_queued", text="", icon="FILE_REFRESH").index = index
            if entry.message:
                draw_text(layout, context, entry.message, "BLANK1")
        if queue.paused:
            layout.operator("earthcrafter.resume_queue", icon="PLAY")
        row = layout.row(align=True)
        if any(e.status is Status.INTERRUPTED for e in queue.entries):
            row.operator("earthcrafter.retry_queued", text="Resume All", icon="FILE_REFRESH").index = -1
        if any(e.status in OPEN for e in queue.entries):
            row.operator("earthcrafter.cancel_queued", text="Cancel All", icon="CANCEL").everything = True
        if any(e.status not in (*OPEN, Status.INTERRUPTED) for e in queue.entries):
            row.operator("earthcrafter.clear_queue", icon="TRASH")


CLASSES_HERE = (EARTHCRAFTER_PT_presets, EARTHCRAFTER_PT_generate, EARTHCRAFTER_PT_more, EARTHCRAFTER_PT_area,
                EARTHCRAFTER_PT_queue)
