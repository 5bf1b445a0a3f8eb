"""What the painting tools are set to: kept in the window manager, so that undo takes back strokes and not the choice of a
class, and choosing a class is no step of undo."""
from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty

from .class_materials import class_by_name
from .earthcrafter_core.scene.classes import CLASSES, HOUSE, LAWN
from .earthcrafter_core.scene.stroke import Paint
from .properties import class_items

QUICK_CLASSES = ("house", "apartments", "commercial", "road", "path", "parking", "lawn", "broadleaf", "water", "unpainted")
"""The classes of the keys 1 to 9 and 0 while a painting tool is chosen."""
GROUPS = (("Buildings", ("building",)), ("Paved", ("paved",)), ("Low green", ("low_vegetation",)),
          ("Trees", ("tall_vegetation",)), ("Bare", ("bare",)), ("Water", ("water",)), ("Model decides", ("unpainted",)))
"""Title and kinds of class of each group of the palette and of the pie menu."""


class EarthCrafterToolSettings(bpy.types.PropertyGroup):
    """WindowManager.earthcrafter."""

    paint_class: EnumProperty(  # type: ignore[valid-type]
        name="Class", items=class_items, default=HOUSE, description="What the tools paint")
    brush_radius: FloatProperty(  # type: ignore[valid-type]
        name="Radius", default=4.0, min=0.1, soft_max=50.0, max=2000.0, subtype="DISTANCE", unit="LENGTH",
        description="Radius of the brush in metres ([ and ] change it, F drags it)")
    brush_shape: EnumProperty(  # type: ignore[valid-type]
        name="Shape", default="round", description="Outline of the brush",
        items=[("round", "Round", "A disc", "MESH_CIRCLE", 0),
               ("square", "Square", "A square with sides along the grid", "MESH_PLANE", 1)])
    use_pressure: BoolProperty(  # type: ignore[valid-type]
        name="Size Pressure", description="The pressure of a tablet's pen scales the radius of the brush")
    line_width: FloatProperty(  # type: ignore[valid-type]
        name="Width", default=7.0, min=0.1, soft_max=100.0, max=2000.0, subtype="DISTANCE", unit="LENGTH",
        description="Width of lines in metres ([ and ] change it, F drags it)")
    use_mask: BoolProperty(  # type: ignore[valid-type]
        name="Only Over", description="Paint only cells of one class and leave all others as they are")
    mask_class: EnumProperty(  # type: ignore[valid-type]
        name="Only Over", items=class_items, default=LAWN, description="The class that may be painted over")
    use_height: BoolProperty(  # type: ignore[valid-type]
        name="Paint Height", description="Also give the painted cells a height hint. Off: painting takes the hints of the "
                                         "cells that it changes away, and the model decides")
    paint_height: FloatProperty(  # type: ignore[valid-type]
        name="Height", default=8.0, min=0.0, soft_max=100.0, max=1000.0, subtype="DISTANCE", unit="LENGTH",
        description="Metres above the ground of what stands in the painted cells: the ridge of a house, the top of a tree")


def tool_settings(context: bpy.types.Context | None = None) -> EarthCrafterToolSettings:
    """The painting tools' settings."""
    return (context or bpy.context).window_manager.earthcrafter


def chosen_paint(context: bpy.types.Context, erase: bool = False) -> Paint:
    """What the tools paint now; `erase` unpaints, whatever class is chosen."""
    settings = tool_settings(context)
    only_over = class_by_name(settings.mask_class).id if settings.use_mask else None
    if erase:
        return Paint(0, None, only_over)
    return Paint(class_by_name(settings.paint_class).id, settings.paint_height if settings.use_height else None, only_over)


def choose_class(context: bpy.types.Context, class_id: int) -> None:
    """Make a class the one to paint."""
    tool_settings(context).paint_class = CLASSES[class_id].name


def register() -> None:
    """Add WindowManager.earthcrafter."""
    bpy.utils.register_class(EarthCrafterToolSettings)
    bpy.types.WindowManager.earthcrafter = PointerProperty(type=EarthCrafterToolSettings)


def unregister() -> None:
    """Remove it."""
    del bpy.types.WindowManager.earthcrafter
    bpy.utils.unregister_class(EarthCrafterToolSettings)
