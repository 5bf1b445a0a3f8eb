"""The panel Engine: the process that generates and the Python that runs it."""
from __future__ import annotations

import bpy

from .. import engine_service
from ..earthcrafter_core.errors import EarthCrafterError
from ..preferences import engine_python, preferences
from .common import SidebarPanel, draw_error


class EARTHCRAFTER_PT_engine(SidebarPanel, bpy.types.Panel):
    """The engine process and the Python that runs it."""

    bl_label = "Engine"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """State, versions, the preference, stop."""
        column, session, prefs = self.layout.column(), engine_service.session, preferences(context)
        column.label(text=session.state.value, icon="PLAY" if session.client is not None else "PAUSE")
        if session.ready:
            ready = session.ready
            column.label(text=f"Version {ready['version']}, torch {ready['torch']}")
            column.label(text=f"Weights {ready['weights']}, devices {', '.join(ready['devices'])}")
        column.prop(prefs, "engine_python", text="Python")
        try:
            column.label(text=str(engine_python(prefs)), icon="CHECKMARK")
        except EarthCrafterError as e:
            draw_error(column, context, e)
        column.prop(prefs, "device")
        column.operator("earthcrafter.stop_engine", icon="X")


CLASSES_HERE = (EARTHCRAFTER_PT_engine,)
