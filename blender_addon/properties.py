"""What an artist sets: kept in the scene, saved with the file."""
from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, PointerProperty

from .earthcrafter_core.scene.classes import CLASSES
from .layout_mesh import is_layout
from .palette_icons import icon_id

_ITEMS: list[tuple[str, str, str, int, int]] = []  # kept alive: Blender reads the strings after the callback returned


def class_items(_self: object, _context: object) -> list[tuple[str, str, str, int, int]]:
    """Enum items of the classes, identifier = name, number = id, with their colour as the icon."""
    if not _ITEMS:
        for c in CLASSES:
            low, high = c.height
            tip = "The model decides what stands here" if c.id == 0 else c.label
            if high > 0:
                tip += f", typically {low:g} to {high:g} m high"
            _ITEMS.append((c.name, c.label, tip, icon_id(c), c.id))
    return _ITEMS


def forget_class_items() -> None:
    """Drop the items whose icons are gone."""
    _ITEMS.clear()


def _is_layout(_self: object, obj: bpy.types.Object) -> bool:
    return is_layout(obj)


class EarthCrafterSettings(bpy.types.PropertyGroup):
    """Scene.earthcrafter."""

    layout_object: PointerProperty(  # type: ignore[valid-type]
        name="Layout", type=bpy.types.Object, poll=_is_layout, description="The painted grid that is generated from")
    paint_class: EnumProperty(  # type: ignore[valid-type]
        name="Class", items=class_items, description="What the brush paints")
    brush_radius: FloatProperty(  # type: ignore[valid-type]
        name="Radius", default=4.0, min=0.1, soft_max=50.0, max=2000.0, subtype="DISTANCE", unit="LENGTH",
        description="Radius of the brush, in metres")
    seed: IntProperty(  # type: ignore[valid-type]
        name="Seed", default=0, min=0, max=2**31 - 1,
        description="Another seed gives another place for the same layout; the same seed gives the same place")
    steps: IntProperty(  # type: ignore[valid-type]
        name="Steps", default=25, min=1, max=200, description="Sampling steps of each network: more are slower and finer")
    guidance: FloatProperty(  # type: ignore[valid-type]
        name="Guidance", default=0.0, min=0.0, max=20.0,
        description="How strictly the layout is followed, without unit. 0: the networks' own best value")
    relief: EnumProperty(  # type: ignore[valid-type]
        name="Relief", default="generated", description="The elevation of the ground",
        items=[("generated", "Generated", "The networks make hills and valleys that suit the layout"),
               ("flat", "Flat", "The ground is level at height 0")])


def register() -> None:
    """Add Scene.earthcrafter."""
    bpy.utils.register_class(EarthCrafterSettings)
    bpy.types.Scene.earthcrafter = PointerProperty(type=EarthCrafterSettings)


def unregister() -> None:
    """Remove Scene.earthcrafter."""
    del bpy.types.Scene.earthcrafter
    bpy.utils.unregister_class(EarthCrafterSettings)
    forget_class_items()
