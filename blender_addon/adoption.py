"""A made layout becomes a layout object, and what could not be mapped is said where the artist sees it."""
from __future__ import annotations

import bpy

from . import layout_mesh
from .earthcrafter_core.scene.made_layout import MadeLayout

REPORT = "EarthCrafter import report"
SOURCE = "earthcrafter_source"  # custom property of the mesh: what the layout was made from


def layout_object(made: MadeLayout) -> bpy.types.Object:
    """A new layout object with heights, elevation and its place on Earth, not yet linked. Raises BadInput."""
    layout = made.layout
    obj = layout_mesh.new_layout(made.name, layout.class_id, layout.cell_size, layout.height_hint, layout.elevation)
    layout_mesh.set_georeference(obj, layout.crs, layout.origin)
    obj.data[SOURCE] = made.source
    return obj


def tell(operator: bpy.types.Operator, made: MadeLayout, beside: str) -> None:
    """Say in Blender's status bar and info log where the layout lies and what could not be mapped; all of that goes into a
    text datablock.

    beside: the layout that it lies beside; "" where it lies at the 3D cursor.
    """
    rows, cols = made.layout.shape
    what = f"{made.name}: {cols} x {rows} cells{f', beside {beside}' if beside else ''}."
    if not made.report:
        operator.report({"INFO"}, what)
        return
    text = bpy.data.texts.get(REPORT) or bpy.data.texts.new(REPORT)
    text.clear()
    text.write("\n".join([made.source or made.name, *(f"- {sentence}" for sentence in made.report)]) + "\n")
    first = made.report[0] if len(made.report[0]) < 160 else made.report[0][:157] + "..."
    more = f' All {len(made.report)} notes: text "{REPORT}".' if len(made.report) > 1 or first is not made.report[0] else ""
    operator.report({"INFO"}, f"{what} {first}{more}")
