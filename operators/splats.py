"""Splats of a place: how many are shown, what cuts them, cards for other engines, a scene that shows their own colours."""
from __future__ import annotations

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from .. import splat_cards, splat_display, splat_reading
from ..earthcrafter_core.errors import EarthCrafterError
from ..result_import import SHOWN, TOTAL, place_named
from .common import ObjectModeOperator, register_classes, report, unregister_classes


class _SplatsOperator(ObjectModeOperator):
    """Mix-in: acts on the splats of a place of the scene, the chosen one where none is named; says so where there are none."""

    collection: StringProperty(  # type: ignore[valid-type]
        name="Place", options={"SKIP_SAVE", "HIDDEN"}, description="Collection of the place; none: the chosen one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Act on the place's splats, where they are still there."""
        place = place_named(context, self.collection)
        obj = splat_display.splats_of(place) if place is not None else None
        if place is None or obj is None:
            self.report({"ERROR"}, "This place has no splats any more. Import its result again.")  # type: ignore[attr-defined]
            return {"CANCELLED"}
        try:
            return self.act(context, place, obj)
        except EarthCrafterError as e:
            return report(self, e)  # type: ignore[arg-type]

    def act(self, context: bpy.types.Context, place: bpy.types.Collection, obj: bpy.types.Object) -> set[str]:
        """What the operator does with the place and the object that holds its splats."""
        raise NotImplementedError


class EARTHCRAFTER_OT_set_splat_cap(_SplatsOperator, bpy.types.Operator):
    """Show more or fewer splats of this place: of more than that, neighbours that are alike become one"""

    bl_idname = "earthcrafter.set_splat_cap"
    bl_label = "Splats Shown"
    bl_options = {"REGISTER"}

    cap: IntProperty(  # type: ignore[valid-type]
        name="At Most", default=300_000, min=1000, max=10_000_000, description="At most so many splats are shown")
    wait: BoolProperty(  # type: ignore[valid-type]
        name="Wait", default=False, options={"HIDDEN", "SKIP_SAVE"},
        description="Return only when they are shown; for scripts")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask how many."""
        place = place_named(context, self.collection)
        obj = splat_display.splats_of(place) if place is not None else None
        if obj is not None:
            self.cap = obj.get(SHOWN, self.cap)
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        """The number, and how many there are."""
        place = place_named(context, self.collection)
        obj = splat_display.splats_of(place) if place is not None else None
        self.layout.prop(self, "cap")
        if obj is not None:
            self.layout.label(text=f"The place has {obj.get(TOTAL, 0):,}")

    def act(self, context: bpy.types.Context, place: bpy.types.Collection, _obj: bpy.types.Object) -> set[str]:
        """Read them from the place's folder in the background."""
        token = splat_reading.begin(place, self.cap)
        if self.wait:
            return bpy.ops.earthcrafter.fill_splats("EXEC_DEFAULT", True, token=token)
        splat_reading.fill_in_when_read(token)
        return {"FINISHED"}


class EARTHCRAFTER_OT_fill_splats(bpy.types.Operator):
    """Fill splats that were read into their place"""

    bl_idname = "earthcrafter.fill_splats"
    bl_label = "Splats Shown"
    bl_options = {"UNDO", "INTERNAL"}

    token: StringProperty(options={"SKIP_SAVE"}, description="Names what was read in the background")  # type: ignore[valid-type]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fill in and say how many are shown."""
        reading = splat_reading.take(self.token, wait=True)
        place = bpy.data.collections.get(reading.place) if reading is not None else None
        if reading is None or place is None:
            return {"CANCELLED"}
        try:
            shown = splat_reading.fill_in(place, reading)
        except EarthCrafterError as e:
            return report(self, e)
        self.report({"INFO"}, f"{place.name}: {shown:,} of {reading.total:,} splats shown.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_add_cut_box(_SplatsOperator, bpy.types.Operator):
    """Add a box that cuts the splats of this place; move, turn and scale it as you like"""

    bl_idname = "earthcrafter.add_cut_box"
    bl_label = "Add Cutting Box"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context, _place: bpy.types.Collection, obj: bpy.types.Object) -> set[str]:
        """A box of wires over the middle of the splats, selected."""
        box = splat_display.add_cut_box(context.scene, obj)
        for other in context.selected_objects:
            other.select_set(False)
        box.select_set(True)
        context.view_layer.objects.active = box
        return {"FINISHED"}


class EARTHCRAFTER_OT_bake_splat_cards(_SplatsOperator, bpy.types.Operator):
    """Make a mesh of the splats as they are shown: cards with vertex colours and one picture of a Gaussian, for export"""

    bl_idname = "earthcrafter.bake_splat_cards"
    bl_label = "Bake Cards"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context, place: bpy.types.Collection, obj: bpy.types.Object) -> set[str]:
        """Bake what the classes and the volume leave."""
        cards = splat_cards.bake(context, place, obj)
        self.report({"INFO"}, f"{cards.name}: {len(cards.data.polygons):,} cards.")
        return {"FINISHED"}


class EARTHCRAFTER_OT_match_viewers(bpy.types.Operator):
    """Let renders show captured splats in the colours of splat viewers: view transform Standard, no look, no exposure"""

    bl_idname = "earthcrafter.match_viewers"
    bl_label = "Match Splat Viewers"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the scene up."""
        splat_display.match_viewers(context.scene)
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_set_splat_cap, EARTHCRAFTER_OT_fill_splats, EARTHCRAFTER_OT_add_cut_box,
            EARTHCRAFTER_OT_bake_splat_cards, EARTHCRAFTER_OT_match_viewers)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
