"""The panel Generate: settings, Generate and Cancel, progress."""
from __future__ import annotations

import bpy

from .. import engine_service
from ..engine_session import State
from .common import SidebarPanel, draw_error


class EARTHCRAFTER_PT_generate(SidebarPanel, bpy.types.Panel):
    """Settings, Generate and Cancel, progress."""

    bl_label = "Generate"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        """What a person sets first, more on demand, then the button or the progress."""
        column, settings = self.layout.column(), context.scene.earthcrafter
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "seed")
        column.prop(settings, "relief")
        column.prop(settings, "steps")
        column.prop(settings, "guidance")
        session = engine_service.session
        job = session.job
        big = self.layout.column()
        if job is None:
            row = big.row()
            row.scale_y = 1.5
            row.operator("earthcrafter.generate", icon="WORLD")
        else:
            text = "Starting the engine" if session.state is State.STARTING else job.stage or "Preparing"
            if job.cancelled:
                text = "Cancelling"
            big.progress(factor=job.fraction, text=f"{text}  {job.step}/{job.steps}" if job.steps else text)
            row = big.row()
            row.label(text=f"{job.seconds:.0f} s", icon="TIME")
            row.operator("earthcrafter.cancel", icon="CANCEL")
        if session.error is not None:
            draw_error(self.layout, context, session.error)
        elif job is None and session.last is not None:
            outcome = session.last
            text = "Taken from the results kept before" if outcome.reused else "Generated"
            self.layout.label(text=text, icon="CHECKMARK")


CLASSES_HERE = (EARTHCRAFTER_PT_generate,)
