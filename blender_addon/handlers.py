"""What happens to jobs when a file is saved, closed or opened."""
from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from . import engine_service


@persistent
def _before_load(*_args: object) -> None:
    engine_service.close_file()


@persistent
def _after_load(*_args: object) -> None:
    engine_service.read_queue()


@persistent
def _before_save(*_args: object) -> None:
    engine_service.write_queue()


@persistent
def _after_undo(*_args: object) -> None:
    engine_service.history.forget()


_HANDLERS = (("load_pre", _before_load), ("load_post", _after_load), ("save_pre", _before_save),
             ("undo_post", _after_undo), ("redo_post", _after_undo))


def register() -> None:
    """Listen to Blender."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Listen no more."""
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
