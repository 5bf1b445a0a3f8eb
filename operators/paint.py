"""Painting shapes: from scripts and menus with their coordinates, by the tools with the mouse; each one step of undo.

Coordinates are metres from the layout's south-west corner, x east and y north.
"""
from __future__ import annotations

import math

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, FloatVectorProperty

from .. import layout_mesh
from ..class_materials import class_by_name
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene import shapes
from ..earthcrafter_core.scene.classes import CLASSES
from ..earthcrafter_core.scene.shapes import Patch, Point
from ..earthcrafter_core.scene.stroke import Paint
from ..properties import class_items
from ..tool_settings import tool_settings
from .common import LayoutOperator, register_classes, report, unregister_classes
from .gesture import Gesture

NO_HEIGHT = -1.0
"""Value of `height` that gives no hint."""
NO_MASK = "anything"
"""Value of `only_over` that paints over every class."""
_MASKS: list[tuple] = []  # kept alive: Blender reads the strings after the callback returned


def _mask_items(_self: object, _context: object) -> list[tuple]:
    if not _MASKS:
        _MASKS.append((NO_MASK, "Anything", "Paint over every class", "NONE", 0))
        _MASKS.extend((name, label, tip, icon, number + 1) for name, label, tip, icon, number in class_items(None, None))
    return _MASKS


class PaintOperator(Gesture, LayoutOperator):
    """Mix-in: paints the cells of `patch`; what is not given is what the tools are set to."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Paint, and say how many cells changed."""
        try:
            obj = layout_mesh.editable_layout(context)
            paint = self.paint(context)
            count = layout_mesh.paint(obj, self.patch(obj), paint)
        except EarthCrafterError as e:
            return report(self, e)  # type: ignore[arg-type]
        self.report({"INFO"}, f"{count} cells are now {CLASSES[paint.class_id].label}.")  # type: ignore[attr-defined]
        return {"FINISHED"}

    def paint(self, context: bpy.types.Context) -> Paint:
        """What is painted; the tools' settings fill in what is not given, and are kept for the redo panel."""
        settings, given = tool_settings(context), self.properties.is_property_set  # type: ignore[attr-defined]
        if not given("paint_class"):
            self.paint_class = settings.paint_class
        if not given("only_over"):
            self.only_over = settings.mask_class if settings.use_mask else NO_MASK
        if not given("height"):
            self.height = settings.paint_height if settings.use_height and self.paint_class != "unpainted" else NO_HEIGHT
        return Paint(class_by_name(self.paint_class).id, self.height if self.height >= 0 else None,
                     None if self.only_over == NO_MASK else class_by_name(self.only_over).id)

    def patch(self, obj: bpy.types.Object) -> Patch:
        """Cells to paint. Raises BadInput."""
        raise NotImplementedError


def _class_property() -> object:
    return EnumProperty(name="Class", items=class_items, options={"SKIP_SAVE"},
                        description="What to paint; the tools' class where none is given")


def _mask_property() -> object:
    return EnumProperty(name="Only Over", items=_mask_items, options={"SKIP_SAVE"},
                        description="Paint only cells of this class; the tools' mask where none is given")


def _height_property() -> object:
    return FloatProperty(name="Height Hint", default=NO_HEIGHT, min=NO_HEIGHT, soft_max=100.0, max=1000.0, unit="LENGTH",
                         options={"SKIP_SAVE"}, description="Metres above the ground of what stands in the painted cells; "
                         "below 0: none. The tools' height where none is given")


def _metres(name: str, default: float, description: str) -> object:
    return FloatProperty(name=name, default=default, min=0.0, subtype="DISTANCE", unit="LENGTH",
                         description=f"{description}, in metres")


def _place(name: str, description: str) -> object:
    return FloatVectorProperty(name=name, size=2, subtype="XYZ", unit="LENGTH", options={"SKIP_SAVE"},
                               description=f"{description}, in metres east and north of the layout's south-west corner")


class EarthCrafterLinePoint(bpy.types.PropertyGroup):
    """One point of a line or polygon."""

    location: FloatVectorProperty(size=2, description="Metres east and north of the south-west corner")  # type: ignore[valid-type]


def _points_property(description: str) -> object:
    return CollectionProperty(name="Points", type=EarthCrafterLinePoint, description=description,
                              options={"SKIP_SAVE", "HIDDEN"})


def _fill_points(collection: bpy.types.bpy_prop_collection, points: list[Point]) -> None:
    collection.clear()
    for point in points:
        collection.add().location = point


class EARTHCRAFTER_OT_paint_rectangle(PaintOperator, bpy.types.Operator):
    """Paint a rectangle of the layout"""

    bl_idname = "earthcrafter.paint_rectangle"
    bl_label = "Paint Rectangle"

    paint_class: _class_property()  # type: ignore[valid-type]
    corner: _place("Corner", "One corner")  # type: ignore[valid-type]
    opposite: _place("Opposite Corner", "The corner across")  # type: ignore[valid-type]
    only_over: _mask_property()  # type: ignore[valid-type]
    height: _height_property()  # type: ignore[valid-type]

    def take(self, obj: bpy.types.Object, points: list[Point]) -> None:
        """From the first place to the last, with every cell that the mouse's rectangle touches."""
        size = layout_mesh.cell_size(obj)
        sides = [sorted(pair) for pair in zip(points[0], points[-1], strict=True)]
        self.corner = tuple(math.floor(low / size) * size for low, _high in sides)
        self.opposite = tuple(math.ceil(high / size) * size for _low, high in sides)

    def band(self, points: list[Point]) -> list[Point]:
        """The rectangle's sides."""
        (x0, y0), (x1, y1) = self.corner, self.opposite
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]

    def patch(self, obj: bpy.types.Object) -> Patch:
        """Cells inside."""
        return shapes.rectangle(layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), tuple(self.corner),
                                tuple(self.opposite))


class EARTHCRAFTER_OT_paint_disc(PaintOperator, bpy.types.Operator):
    """Paint a disc of the layout"""

    bl_idname = "earthcrafter.paint_disc"
    bl_label = "Paint Disc"

    paint_class: _class_property()  # type: ignore[valid-type]
    centre: _place("Centre", "Centre of the disc")  # type: ignore[valid-type]
    radius: _metres("Radius", 4.0, "Radius of the disc")  # type: ignore[valid-type]
    only_over: _mask_property()  # type: ignore[valid-type]
    height: _height_property()  # type: ignore[valid-type]

    def take(self, obj: bpy.types.Object, points: list[Point]) -> None:
        """From the centre to the rim."""
        self.centre, self.radius = points[0], math.dist(points[0], points[-1])

    def patch(self, obj: bpy.types.Object) -> Patch:
        """Cells inside."""
        return shapes.disc(layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), tuple(self.centre), self.radius)


class EARTHCRAFTER_OT_paint_line(PaintOperator, bpy.types.Operator):
    """Paint a line of one or several pieces, such as a road or a river"""

    bl_idname = "earthcrafter.paint_line"
    bl_label = "Paint Line"
    gesture = "points"

    paint_class: _class_property()  # type: ignore[valid-type]
    points: _points_property("Points of the line")  # type: ignore[valid-type]
    width: _metres("Width", 6.0, "Width of the line")  # type: ignore[valid-type]
    only_over: _mask_property()  # type: ignore[valid-type]
    height: _height_property()  # type: ignore[valid-type]

    def take(self, obj: bpy.types.Object, points: list[Point]) -> None:
        """Every click, in the tools' width."""
        if not self.properties.is_property_set("width"):
            self.width = tool_settings().line_width
        _fill_points(self.points, points)

    def patch(self, obj: bpy.types.Object) -> Patch:
        """Cells along the line; none without points."""
        points = [tuple(p.location) for p in self.points]
        return shapes.line(layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), points, self.width)


class EARTHCRAFTER_OT_paint_polygon(PaintOperator, bpy.types.Operator):
    """Paint an area with corners, such as a park or a lake"""

    bl_idname = "earthcrafter.paint_polygon"
    bl_label = "Paint Polygon"
    gesture, closed = "points", True

    paint_class: _class_property()  # type: ignore[valid-type]
    points: _points_property("Corners of the area")  # type: ignore[valid-type]
    only_over: _mask_property()  # type: ignore[valid-type]
    height: _height_property()  # type: ignore[valid-type]

    def take(self, obj: bpy.types.Object, points: list[Point]) -> None:
        """Every click."""
        _fill_points(self.points, points)

    def band(self, points: list[Point]) -> list[Point]:
        """The ring."""
        return [*points, points[0]]

    def patch(self, obj: bpy.types.Object) -> Patch:
        """Cells inside; none with fewer than three corners."""
        ring = [tuple(p.location) for p in self.points]
        return shapes.polygon(layout_mesh.grid_shape(obj), layout_mesh.cell_size(obj), [ring])


class EARTHCRAFTER_OT_fill(PaintOperator, bpy.types.Operator):
    """Paint everything of the same class that hangs together with a place, or the whole layout"""

    bl_idname = "earthcrafter.fill"
    bl_label = "Fill"
    gesture = "click"

    paint_class: _class_property()  # type: ignore[valid-type]
    everywhere: BoolProperty(  # type: ignore[valid-type]
        name="Whole Layout", default=True, options={"SKIP_SAVE"},
        description="Paint every cell; else the patch around the place")
    place: _place("Place", "Where the patch is, unless the whole layout is painted")  # type: ignore[valid-type]
    only_over: _mask_property()  # type: ignore[valid-type]
    height: _height_property()  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The whole layout at once; a patch by a click."""
        return self.execute(context) if self.everywhere else super().invoke(context, event)

    def take(self, obj: bpy.types.Object, points: list[Point]) -> None:
        """The patch under the click."""
        self.place = points[0]

    def patch(self, obj: bpy.types.Object) -> Patch:
        """The whole grid, or the patch under `place` (none where the place is outside)."""
        shape = layout_mesh.grid_shape(obj)
        if self.everywhere:
            return shapes.whole(shape)
        cell = shapes.cell_of(shape, layout_mesh.cell_size(obj), tuple(self.place))
        return shapes.EMPTY if cell is None else shapes.patch_of(shapes.region(layout_mesh.read_classes(obj), *cell))


_CLASSES = (EarthCrafterLinePoint, EARTHCRAFTER_OT_paint_rectangle, EARTHCRAFTER_OT_paint_disc,
            EARTHCRAFTER_OT_paint_line, EARTHCRAFTER_OT_paint_polygon, EARTHCRAFTER_OT_fill)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
    _MASKS.clear()
