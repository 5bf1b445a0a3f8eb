"""Replace a class of a place by a collection, and take it back."""
from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from .. import default_plants, result_import, scatter
from ..earthcrafter_core.errors import BadInput, EarthCrafterError
from ..earthcrafter_core.scene.classes import CLASSES
from ..scatter_items import FITS, STRETCH
from ..scatter_points import is_ground
from .common import register_classes, report, unregister_classes
from .results import PlaceOperator


class EARTHCRAFTER_OT_replace_class(PlaceOperator, bpy.types.Operator):
    """Put the objects of a collection in the place of this class: an object on each plant or building, of its size, or objects
    spread over the ground. What is replaced is hidden, and can be taken back"""

    bl_idname = "earthcrafter.replace_class"
    bl_label = "Replace Class"
    bl_options = {"REGISTER", "UNDO"}

    class_id: IntProperty(  # type: ignore[valid-type]
        name="Class", min=1, max=len(CLASSES) - 1, options={"SKIP_SAVE", "HIDDEN"}, description="Id of the class")
    source: StringProperty(  # type: ignore[valid-type]
        name="By", options={"SKIP_SAVE", "HIDDEN"},
        description="Name of the collection; none: the plants that ship with EarthCrafter")
    fit: EnumProperty(  # type: ignore[valid-type]
        name="Fit", default=STRETCH, items=FITS, description="How an object is brought to the size of what it replaces")
    spacing: FloatProperty(  # type: ignore[valid-type]
        name="Spacing", default=4.0, min=0.1, soft_max=50.0, subtype="DISTANCE", unit="LENGTH",
        description="Least distance between objects that are spread over ground, in metres")
    seed: IntProperty(  # type: ignore[valid-type]
        name="Seed", min=0, description="Another seed chooses other objects of the collection, and other spots on ground")

    def act(self, _context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Replace it."""
        try:
            obj = scatter.replace(place, self.class_id, self._source(), self.fit, self.spacing, self.seed)
        except EarthCrafterError as e:
            return report(self, e)
        count = len(obj.data.vertices)
        self.report({"INFO"}, f"{obj.name}: {count:,} object{'s' * (count > 1)}.")
        if not is_ground(self.class_id) and result_import.is_surface(place):
            self.report({"WARNING"}, "This place is one plain surface: it has no ground where something was replaced. "
                                     "Places that are generated with clean meshes have.")
        return {"FINISHED"}

    def _source(self) -> bpy.types.Collection:
        """The collection to scatter."""
        if self.source:
            collection = bpy.data.collections.get(self.source)
            if collection is None:
                raise BadInput(f"There is no collection named {self.source}.", "Choose another collection.")
            return collection
        if not default_plants.has_default(self.class_id):
            raise BadInput(f"Nothing ships that could stand for {CLASSES[self.class_id].label}.", "Choose a collection first.")
        return default_plants.default_collection(self.class_id)

    def draw(self, _context: bpy.types.Context) -> None:
        """What matters for the class."""
        self.layout.use_property_split = True
        self.layout.prop(self, "spacing" if is_ground(self.class_id) else "fit")
        self.layout.prop(self, "seed")


class EARTHCRAFTER_OT_take_back_class(PlaceOperator, bpy.types.Operator):
    """Remove what stands in the place of this class, and show the class again as it was generated"""

    bl_idname = "earthcrafter.take_back_class"
    bl_label = "Take Back"
    bl_options = {"REGISTER", "UNDO"}

    class_id: IntProperty(  # type: ignore[valid-type]
        name="Class", min=1, max=len(CLASSES) - 1, options={"SKIP_SAVE", "HIDDEN"}, description="Id of the class")

    def act(self, _context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Take it back."""
        if not scatter.take_back(place, self.class_id):
            self.report({"WARNING"}, f"Nothing stands in for {CLASSES[self.class_id].label}.")
            return {"CANCELLED"}
        return {"FINISHED"}


_CLASSES = (EARTHCRAFTER_OT_replace_class, EARTHCRAFTER_OT_take_back_class)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
