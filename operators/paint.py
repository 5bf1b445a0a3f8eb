"""Painting from scripts and menus: rectangle, disc, line and fill, each one step of undo.

Coordinates are metres from the layout's south-west corner, x east and y north.
"""
from __future__ import annotations

import bpy
import numpy as np
from bpy.props import CollectionProperty, EnumProperty, FloatProperty, FloatVectorProperty

from .. import layout_mesh
from ..class_materials import class_by_name
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene import shapes
from ..properties import class_items
from .common import LayoutOperator, register_classes, report, unregister_classes


class PaintOperator(LayoutOperator):
    """Mix-in: paints the mask of `mask` with `paint_class` (the panel's class where none is given)."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Paint, and say how many cells changed."""
        properties: bpy.types.OperatorProperties = self.properties  # type: ignore[attr-defined]
        name = (self.paint_class if properties.is_property_set("paint_class")  # type: ignore[attr-defined]
                else context.scene.earthcrafter.paint_class)
        chosen = class_by_name(name)
        try:
            obj = layout_mesh.required_layout(context)
            count = layout_mesh.paint(obj, self.mask(obj), chosen.id)
        except EarthCrafterError as e:
            return report(self, e)  # type: ignore[arg-type]
        self.report({"INFO"}, f"{count} cells are now {chosen.label}.")  # type: ignore[attr-defined]
        return {"FINISHED"}

    def mask(self, obj: bpy.types.Object) -> np.ndarray:
        """Cells to paint, bool [H, W]."""
        raise NotImplementedError


def _class_property() -> object:
    return EnumProperty(name="Class", items=class_items, options={"SKIP_SAVE"},
                        description="What to paint; the panel's class where none is given")


def _metres(name: str, default: float, description: str) -> object:
    return FloatProperty(name=name, default=default, min=0.0, subtype="DISTANCE", unit="LENGTH",
                         description=f"{description}, in metres")


def _place(name: str, description: str) -> object:
    return FloatVectorProperty(name=name, size=2, subtype="XYZ", unit="LENGTH",
                               description=f"{description}, in metres east and north of the layout's south-west corner")


class EARTHCRAFTER_OT_paint_rectangle(PaintOperator, bpy.types.Operator):
    """Paint a rectangle of the layout"""

    bl_idname = "earthcrafter.paint_rectangle"
    bl_label = "Paint Rectangle"

    paint_class: _class_property()  # type: ignore[valid-type]
    corner: _place("Corner", "One corner")  # type: ignore[valid-type]
    opposite: _place("Opposite Corner", "The corner across")  # type: ignore[valid-type]

    def mask(self, obj: bpy.types.Object) -> np.ndarray:
        """Cells inside."""
        return shapes.rectangle(layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), tuple(self.corner),
                                tuple(self.opposite)).whole(layout_mesh.grid_shape(obj))


class EARTHCRAFTER_OT_paint_disc(PaintOperator, bpy.types.Operator):
    """Paint a disc of the layout"""

    bl_idname = "earthcrafter.paint_disc"
    bl_label = "Paint Disc"

    paint_class: _class_property()  # type: ignore[valid-type]
    centre: _place("Centre", "Centre of the disc")  # type: ignore[valid-type]
    radius: _metres("Radius", 4.0, "Radius of the disc")  # type: ignore[valid-type]

    def mask(self, obj: bpy.types.Object) -> np.ndarray:
        """Cells inside."""
        shape = layout_mesh.grid_shape(obj)
        return shapes.disc(shape, layout_mesh.cell_size(obj), tuple(self.centre), self.radius).whole(shape)


class EarthCrafterLinePoint(bpy.types.PropertyGroup):
    """One point of a line."""

    location: FloatVectorProperty(size=2, description="Metres east and north of the south-west corner")  # type: ignore[valid-type]


class EARTHCRAFTER_OT_paint_line(PaintOperator, bpy.types.Operator):
    """Paint a line of several points, such as a road or a river"""

    bl_idname = "earthcrafter.paint_line"
    bl_label = "Paint Line"

    paint_class: _class_property()  # type: ignore[valid-type]
    points: CollectionProperty(type=EarthCrafterLinePoint, description="Points of the line")  # type: ignore[valid-type]
    width: _metres("Width", 6.0, "Width of the line")  # type: ignore[valid-type]

    def mask(self, obj: bpy.types.Object) -> np.ndarray:
        """Cells along the line; none without points."""
        shape = layout_mesh.grid_shape(obj)
        points = [tuple(p.location) for p in self.points]
        if not points:
            return np.zeros(shape, bool)
        return shapes.line(shape, layout_mesh.cell_size(obj), points, self.width).whole(shape)


class EARTHCRAFTER_OT_fill(PaintOperator, bpy.types.Operator):
    """Paint everything of the same class that hangs together with a place, or the whole layout"""

    bl_idname = "earthcrafter.fill"
    bl_label = "Fill"

    paint_class: _class_property()  # type: ignore[valid-type]
    everywhere: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Whole Layout", default=True, description="Paint every cell; else the patch around the place")
    place: _place("Place", "Where the patch is, unless the whole layout is painted")  # type: ignore[valid-type]

    def mask(self, obj: bpy.types.Object) -> np.ndarray:
        """The whole grid, or the patch under `place` (none where the place is outside)."""
        shape, size = layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj)
        if self.everywhere:
            return np.ones(shape, bool)
        row, col = shape[0] - 1 - int(self.place[1] // size), int(self.place[0] // size)
        if not (0 <= row < shape[0] and 0 <= col < shape[1]):
            return np.zeros(shape, bool)
        return shapes.region(layout_mesh.read_classes(obj), row, col)


_CLASSES = (EarthCrafterLinePoint, EARTHCRAFTER_OT_paint_rectangle, EARTHCRAFTER_OT_paint_disc,
            EARTHCRAFTER_OT_paint_line, EARTHCRAFTER_OT_fill)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
