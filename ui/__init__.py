"""The toolbar's painting tools, menu entries and the sidebar tab with panels in the order of work. They show and call, and
change nothing themselves."""
from __future__ import annotations

import bpy

from . import (classes_panel, engine_panel, export_panel, generate_panel, layout_panel, menus, results_panel, scatter_panel,
               splats_panel, tools)

_MODULES = (layout_panel, generate_panel, results_panel, classes_panel, scatter_panel, splats_panel, export_panel, engine_panel,
            menus)


def register() -> None:
    """Register the panels and tools."""
    for module in _MODULES:
        for cls in module.CLASSES_HERE:
            bpy.utils.register_class(cls)
    tools.register()
    menus.register()


def unregister() -> None:
    """Unregister them in the opposite order."""
    menus.unregister()
    tools.unregister()
    for module in reversed(_MODULES):
        for cls in reversed(module.CLASSES_HERE):
            bpy.utils.unregister_class(cls)
