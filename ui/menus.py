"""Entries in Blender's own menus, by which its menu search finds what the sidebar has."""
from __future__ import annotations

import bpy

_ENTRIES = (("start_painting", "BRUSH_DATA"), ("show_layout", "MESH_GRID"), ("layout_from_objects", "MESH_CUBE"), None,
            ("generate", "WORLD"), ("select_area", "SELECT_SET"), ("regenerate", "FILE_REFRESH"), ("retexture", "BRUSHES_ALL"),
            ("cancel", "CANCEL"), None, ("export_layout", "EXPORT"), ("export_place", "EXPORT"), ("import_result", "IMPORT"))
"""Operators of the menu Object > EarthCrafter and their icons, None where a line parts them."""


class VIEW3D_MT_earthcrafter(bpy.types.Menu):
    """What can be done with a layout and its places."""

    bl_label = "EarthCrafter"

    def draw(self, _context: bpy.types.Context) -> None:
        """One entry for each operator."""
        for entry in _ENTRIES:
            if entry is None:
                self.layout.separator()
            else:
                self.layout.operator(f"earthcrafter.{entry[0]}", icon=entry[1])


def _draw_object(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu("VIEW3D_MT_earthcrafter", icon="WORLD")


def _draw_add(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("earthcrafter.new_layout", text="EarthCrafter Layout", icon="MESH_GRID")
    self.layout.operator("earthcrafter.new_preset", text="EarthCrafter Layout from a Preset", icon="PRESET_NEW")


CLASSES_HERE = (VIEW3D_MT_earthcrafter,)


def register() -> None:
    """Add the entries."""
    bpy.types.VIEW3D_MT_object.append(_draw_object)
    bpy.types.VIEW3D_MT_add.append(_draw_add)


def unregister() -> None:
    """Remove them."""
    bpy.types.VIEW3D_MT_add.remove(_draw_add)
    bpy.types.VIEW3D_MT_object.remove(_draw_object)
