"""Blender operators: each reads the context, calls one function of the add-on, and reports."""
from __future__ import annotations

from . import (brush, classes, engine, engine_install, export, from_objects, generate, history, layout, layout_file,
               layout_sources, paint, queue, region, results, scatter, splats, tools)

_MODULES = (layout, paint, brush, tools, from_objects, layout_file, layout_sources, region, generate, queue, history,
            results, classes, scatter, splats, export, engine, engine_install)


def register() -> None:
    """Register every operator."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Unregister in the opposite order."""
    for module in reversed(_MODULES):
        module.unregister()
