"""The engine process: stop it."""
from __future__ import annotations

import bpy

from .. import engine_service
from .common import register_classes, unregister_classes


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


_CLASSES = (EARTHCRAFTER_OT_stop_engine,)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
