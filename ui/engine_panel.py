"""The panel Engine, in the sidebar and in the preferences: its state, its device and memory, its installation."""
from __future__ import annotations

import time

import bpy

from .. import engine_service, engine_tasks
from ..engine_session import State
from ..mending import offers_installation
from ..preferences import EarthCrafterPreferences, engine_home, preferences
from .common import SidebarPanel, draw_error, draw_text

_ICONS = {State.NOT_INSTALLED: "IMPORT", State.STOPPED: "PAUSE", State.STARTING: "SORTTIME", State.READY: "CHECKMARK",
          State.RUNNING: "PLAY"}


class EARTHCRAFTER_MT_device(bpy.types.Menu):
    """The devices that the engine found."""

    bl_label = "Device"

    def draw(self, context: bpy.types.Context) -> None:
        """One line for each; those of the last start, the chosen one in any case."""
        chosen = preferences(context).device or "cpu"
        found = engine_service.session.ready.get("device_info") or {}
        for device in dict.fromkeys(["cpu", *found, chosen]):
            icon = "CHECKMARK" if device == chosen else "BLANK1"
            self.layout.operator("earthcrafter.choose_device", text=_device_text(device), icon=icon).device = device
        if not found:
            self.layout.label(text="Graphics cards are listed while the engine runs", icon="INFO")


class EARTHCRAFTER_PT_engine(SidebarPanel, bpy.types.Panel):
    """The engine process and its installation."""

    bl_label = "Engine"
    bl_order = 4
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """The state stays readable when the panel is folded."""
        self.layout.label(text=engine_service.session.state.value, icon=_ICONS[engine_service.session.state])

    def draw(self, context: bpy.types.Context) -> None:
        """The same as in the preferences; the header has the state already."""
        draw_engine(self.layout, context)


def draw_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """State, device, memory; what is being installed; the buttons."""
    session, prefs = engine_service.session, preferences(context)
    state = session.state
    if session.why:
        draw_text(layout, context, f"{state.value}: {session.why}", _ICONS[state])
    if engine_tasks.task is not None:
        _draw_task(layout)
    elif engine_tasks.error is not None:
        draw_error(layout, context, engine_tasks.error)
    elif engine_tasks.done and time.monotonic() < engine_tasks.done_until:
        layout.label(text=engine_tasks.done, icon="CHECKMARK")
    if state is not State.NOT_INSTALLED:
        _draw_process(layout, context, prefs)
    _draw_installation(layout, context, state)


def _draw_task(layout: bpy.types.UILayout) -> None:
    task = engine_tasks.task
    assert task is not None
    column = layout.column(align=True)
    column.progress(factor=task.fraction, text=f"{100 * task.fraction:.0f} %")
    column.label(text=task.text)
    column.operator("earthcrafter.cancel_install", icon="CANCEL")


def _draw_process(layout: bpy.types.UILayout, context: bpy.types.Context, prefs: EarthCrafterPreferences) -> None:
    session = engine_service.session
    layout.menu("EARTHCRAFTER_MT_device", text=_device_text(prefs.device or "cpu"))
    if session.ready:
        ready = session.ready
        layout.label(text=f"{session.memory_mb:,.0f} MB of memory in use", icon="MEMORY")
        draw_text(layout, context, f"Version {ready['version']}, torch {ready['torch']}, weights {ready['weights']}", "INFO")
    row = layout.row(align=True)
    if session.client is None:
        row.operator("earthcrafter.start_engine", icon="PLAY")
    else:
        row.operator("earthcrafter.free_memory", icon="MEMORY")
        row.operator("earthcrafter.stop_engine", icon="X")
    layout.prop(prefs, "idle_minutes")
    layout.operator("earthcrafter.open_log", icon="TEXT").log = "engine"


def _draw_installation(layout: bpy.types.UILayout, context: bpy.types.Context, state: State) -> None:
    home = engine_home()
    about = home.about()
    if about is not None and home.is_outdated():
        draw_text(layout, context, "The installed packages are those of another release: repair the engine.", "INFO")
    row = layout.row(align=True)
    if state is State.NOT_INSTALLED and about is None:
        row.scale_y = 1.5
    if engine_tasks.error is None or not offers_installation(engine_tasks.error):  # else its box has the button
        row.operator("earthcrafter.install_engine", text="Install Engine" if about is None else "Repair", icon="IMPORT")
    if about is not None:
        row.operator("earthcrafter.remove_engine", text="Remove", icon="TRASH")
    row = layout.row(align=True)
    if state is not State.NOT_INSTALLED:
        row.operator("earthcrafter.self_test", icon="CHECKMARK")
    row.operator("earthcrafter.copy_report", icon="COPYDOWN")


def _device_text(device: str) -> str:
    """A device with the name that the engine told and the memory in GB."""
    info = (engine_service.session.ready.get("device_info") or {}).get(device, {})
    name = "CPU" if device == "cpu" else device
    if info.get("name"):
        name += f": {info['name']}"
    return f"{name} ({info['total'] / 1e9:.0f} GB)" if info.get("total") else name


def _draw_in_preferences(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The engine, and which Python it is."""
    box = layout.box()
    state = engine_service.session.state
    box.label(text=f"Engine: {state.value}", icon=_ICONS[state])
    draw_engine(box, context)
    column = box.column()
    column.use_property_split = True
    column.prop(preferences(context), "engine_python")


EarthCrafterPreferences.drawers[:] = [_draw_in_preferences]
CLASSES_HERE = (EARTHCRAFTER_MT_device, EARTHCRAFTER_PT_engine)
