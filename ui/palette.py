"""The palette of the sidebar: the chosen class, the classes that have a key, and the others as swatches."""
from __future__ import annotations

import bpy

from ..class_materials import class_by_name
from ..earthcrafter_core.scene.classes import CLASSES
from ..tool_settings import QUICK_CLASSES

SHORT_LABELS = {"apartments": "Apartments", "commercial": "Commercial", "path": "Path", "broadleaf": "Broadleaf"}
"""Of the classes with keys, what is read where the whole label would be cut."""
_COLUMNS, _SWATCHES = 2, 8


def draw_palette(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """All of it, for WindowManager.earthcrafter.paint_class."""
    layout.prop(settings, "paint_class", text="")
    row = layout.row(align=True)
    each = len(QUICK_CLASSES) // _COLUMNS
    for first in range(0, len(QUICK_CLASSES), each):
        column = row.column(align=True)
        for place, name in enumerate(QUICK_CLASSES[first:first + each], first + 1):
            label = SHORT_LABELS.get(name, class_by_name(name).label)
            column.prop_enum(settings, "paint_class", name, text=f"{place % 10}  {label}")
    grid = layout.grid_flow(row_major=True, columns=_SWATCHES, even_columns=True, even_rows=True, align=True)
    for name in other_classes():
        grid.prop_enum(settings, "paint_class", name, text="")


def other_classes() -> list[str]:
    """Names of the classes without a key, in the palette's order."""
    return [c.name for c in CLASSES if c.name not in QUICK_CLASSES]
