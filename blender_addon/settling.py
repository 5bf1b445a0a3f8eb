"""Large layouts are handed to the GPU anew only when the brush rests.

Writing a stroke into the mesh takes milliseconds, but Blender then uploads every face again, which at a million cells
takes longer than the artist's next stroke should wait. So the strokes' overlays stay on for a moment, and the mesh is
tagged once for all of them. The data are right at once: undo, files and Generate read the mesh, not what is drawn.
"""
from __future__ import annotations

import bpy

from .layout_overlay import LayoutOverlay

MANY_CELLS = 100_000
"""Grids with fewer cells are shown anew at each release."""
REST_SECONDS = 1.0
_kept: list[tuple[str, LayoutOverlay]] = []  # name of the layout and what shows its last strokes


def keep(name: str, overlay: LayoutOverlay) -> None:
    """Let the overlay of a stroke on the layout `name` stay until the brush rests."""
    _kept.append((name, overlay))
    if bpy.app.timers.is_registered(_rested):
        bpy.app.timers.unregister(_rested)
    bpy.app.timers.register(_rested, first_interval=REST_SECONDS)


def settle(*_from_handler: object) -> None:
    """Show the meshes themselves again, now."""
    while _kept:
        name, overlay = _kept.pop()
        overlay.end()
        obj = bpy.data.objects.get(name)
        if obj is not None and obj.type == "MESH":
            obj.data.update_tag()


def _rested() -> float | None:
    """The timer: not while a stroke or a shape is being drawn."""
    windows = bpy.context.window_manager.windows
    if any(op.bl_idname.startswith("EARTHCRAFTER_OT_") for window in windows for op in window.modal_operators):
        return REST_SECONDS
    settle()
    return None


_HANDLERS = ("undo_pre", "undo_post", "redo_pre", "redo_post", "load_pre")


@bpy.app.handlers.persistent
def _on_change(*_arguments: object) -> None:
    settle()


def register() -> None:
    """Settle before the data change under the overlays."""
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).append(_on_change)


def unregister() -> None:
    """Take the overlays, the handlers and the timer away."""
    settle()
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(_on_change)
    if bpy.app.timers.is_registered(_rested):
        bpy.app.timers.unregister(_rested)
