"""EarthCrafter for Blender: paint what the ground is, press Generate, get a textured 3D place.

This folder is the root of the extension; operators, ui and earthcrafter_core lie beside this file in it (build.py
assembles them). Calls go one way: ui -> operators -> the modules here -> earthcrafter_core's scene and engine protocol.
"""
from __future__ import annotations

import bpy

from . import (engine_service, export_settings, exports, handlers, operators, palette_icons, preferences, properties,
               region_view, settling, splat_display, thumbnails, tool_settings, ui)


def register() -> None:
    """Called by Blender when the extension is switched on."""
    bpy.utils.register_class(preferences.EarthCrafterPreferences)
    properties.register()
    tool_settings.register()
    export_settings.register()
    splat_display.register()
    settling.register()
    operators.register()
    ui.register()
    region_view.register()
    handlers.register()


def unregister() -> None:
    """Called by Blender when the extension is switched off, and at its end: the engine ends too."""
    handlers.unregister()
    region_view.unregister()
    exports.unregister()
    engine_service.unregister()
    ui.unregister()
    operators.unregister()
    settling.unregister()
    splat_display.unregister()
    export_settings.unregister()
    tool_settings.unregister()
    properties.unregister()
    palette_icons.unregister()
    thumbnails.unregister()
    bpy.utils.unregister_class(preferences.EarthCrafterPreferences)
