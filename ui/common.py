"""What the panels share: their place in the sidebar, and errors wrapped to its width."""
from __future__ import annotations

import bpy

from .. import result_import
from ..earthcrafter_core.errors import EarthCrafterError
from ..mending import mends

_MIN_COLUMNS = 24


class SidebarPanel:
    """Mix-in: a panel of the sidebar tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EarthCrafter"


def draw_name(layout: bpy.types.UILayout, context: bpy.types.Context, place: bpy.types.Collection) -> None:
    """Which place a panel acts on, where several are shown: the one that the active object belongs to."""
    if len(result_import.shown_places(context.scene)) > 1:
        layout.label(text=place.name, icon="OUTLINER_COLLECTION")


def draw_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str) -> None:
    """A sentence wrapped to the sidebar's width, the icon on its first line."""
    column = layout.column(align=True)
    for line in wrap(text, _columns(context)):
        column.label(text=line, icon=icon)
        icon = "BLANK1"


def _columns(context: bpy.types.Context) -> int:
    """Characters that fit into the sidebar beside an icon."""
    width = context.region.width if context.region is not None else 300
    return max(_MIN_COLUMNS, int(width / (7.5 * context.preferences.system.ui_scale)) - 6)


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, error: EarthCrafterError) -> None:
    """An error and its remedy, wrapped to the sidebar's width, and the buttons that mend it."""
    box = layout.box()
    draw_text(box, context, error.message, "INFO" if error.kind == "cancelled" else "ERROR")
    draw_text(box, context, error.remedy, "BLANK1")
    for mend in mends(error):
        button = box.operator(mend.operator, text=mend.text, icon=mend.icon)
        for name, value in mend.properties.items():
            setattr(button, name, value)


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns` characters, broken at spaces; longer words (paths) are cut."""
    lines = [""]
    for word in text.split():
        while len(word) > columns:
            lines.append(word[:columns])
            word = word[columns:]
        joined = f"{lines[-1]} {word}".strip()
        lines[-1:] = [joined] if len(joined) <= columns else [lines[-1], word]
    return [line for line in lines if line]
