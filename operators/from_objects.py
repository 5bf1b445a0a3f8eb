"""Selected meshes and curves, projected onto the layout from above: buildings, areas, roads."""
from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from .. import footprints, layout_mesh
from ..class_materials import class_by_name
from ..earthcrafter_core.errors import EarthCrafterError
from ..earthcrafter_core.scene.classes import HOUSE, ROAD, WATER
from ..earthcrafter_core.scene.shapes import Patch
from ..properties import class_items
from .common import LayoutOperator, register_classes, report, unregister_classes

OWN_CLASS = "earthcrafter_class"
"""Custom property of an object with the name of its class; it wins over the operator's choice."""
_SHOWN = 3  # names in a report


class EARTHCRAFTER_OT_layout_from_objects(LayoutOperator, bpy.types.Operator):
    """Paint what the selected objects cover, seen from above, onto the active layout: meshes by their faces, filled closed curves as areas, other curves as lines"""  # noqa: E501

    bl_idname = "earthcrafter.layout_from_objects"
    bl_label = "Objects onto Layout"

    mesh_class: EnumProperty(name="Meshes", items=class_items, default=HOUSE,  # type: ignore[valid-type]
                             description="What meshes are. An object's custom property earthcrafter_class, with a class's "
                                         "name such as water, wins over this")
    area_class: EnumProperty(name="Areas", items=class_items, default=WATER,  # type: ignore[valid-type]
                             description="What closed, filled 2D curves are")
    line_class: EnumProperty(name="Lines", items=class_items, default=ROAD,  # type: ignore[valid-type]
                             description="What all other curves are")
    line_width: FloatProperty(  # type: ignore[valid-type]
        name="Width", default=7.0, min=0.1, soft_max=100.0, max=2000.0, subtype="DISTANCE", unit="LENGTH",
        description="Width of lines, in metres")
    use_heights: BoolProperty(  # type: ignore[valid-type]
        name="Heights of Meshes", default=False,
        description="How far a mesh rises over its own lowest point becomes the height hint of the cells under it")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a layout and something else that is selected."""
        if not super().poll(context):
            return False
        if not _chosen(context):
            cls.poll_message_set("Select meshes or curves besides the layout")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the classes."""
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Areas first, then lines, then meshes over both; what could not be mapped is said."""
        try:
            layout = layout_mesh.editable_layout(context)
            self._classes, self._heights = layout_mesh.read_classes(layout), layout_mesh.read_heights(layout)
        except EarthCrafterError as e:
            return report(self, e)
        self._lost: dict[str, list[str]] = {}
        before, count = self._classes.copy(), 0
        kinds = {"area": 0, "line": 1, "mesh": 2}
        for kind, obj in sorted(((self._kind(o), o) for o in _chosen(context)), key=lambda pair: kinds.get(pair[0], 3)):
            if kind in kinds and self._draw(context, layout, obj, kind):
                count += 1
        if count:
            layout_mesh.write_classes(layout, self._classes)
            layout_mesh.write_heights(layout, self._heights)
        changed = int(np.count_nonzero(before != self._classes))
        lost = "".join(f" {len(names)} {why}: {_listed(names)}." for why, names in self._lost.items())
        self.report({"WARNING" if lost else "INFO"}, f"{count} objects drawn, {changed} cells changed.{lost}")
        return {"FINISHED"} if count else {"CANCELLED"}

    def _kind(self, obj: bpy.types.Object) -> str:
        """"mesh", "area", "line", or "" for what has no footprint."""
        if obj.type in footprints.SURFACES:
            return "mesh"
        if obj.type == "CURVE":
            return "line" if footprints.is_line(obj) else "area"
        self._lost.setdefault("have no footprint", []).append(obj.name)
        return ""

    def _draw(self, context: bpy.types.Context, layout: bpy.types.Object, obj: bpy.types.Object, kind: str) -> bool:
        """Paint one object; False where nothing of it lies on the grid."""
        name = obj.get(OWN_CLASS) or getattr(self, f"{kind}_class")
        try:
            class_id = class_by_name(name).id
        except KeyError:
            self._lost.setdefault("name an unknown class", []).append(obj.name)
            return False
        if kind == "line":
            patches: list[tuple[Patch, np.ndarray | None]] = [
                (patch, None) for patch in footprints.line_patches(layout, obj, self.line_width)]
        else:
            found = footprints.footprint(layout, obj, context.evaluated_depsgraph_get())
            if found is None:
                self._lost.setdefault("have no faces", []).append(obj.name)
                return False
            patches = [(found[0], found[1] if kind == "mesh" and self.use_heights else None)]
        if not any(patch.mask.any() for patch, _top in patches):
            self._lost.setdefault("lie outside the grid", []).append(obj.name)
            return False
        for patch, top in patches:
            patch.of(self._classes)[patch.mask] = class_id
            self._hint(patch, top)
        return True

    def _hint(self, patch: Patch, top: np.ndarray | None) -> None:
        """The heights over the patch, or none: a new thing stands there."""
        if top is not None and self._heights is None:
            self._heights = np.full(self._classes.shape, np.nan, np.float32)
        if self._heights is not None:
            patch.of(self._heights)[patch.mask] = np.nan if top is None else top[patch.mask]


def _chosen(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Selected objects that are no layouts."""
    return [obj for obj in context.selected_objects if not layout_mesh.is_layout(obj)]


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


_CLASSES = (EARTHCRAFTER_OT_layout_from_objects,)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
