"""Show, hide and select the classes of a place."""
from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, IntProperty

from .. import class_visibility, result_import
from ..earthcrafter_core.scene.classes import CLASSES
from ..layout_mesh import CLASS_ATTRIBUTE
from .common import register_classes, unregister_classes
from .results import PlaceOperator

_PLANTS = {c.id for c in CLASSES if c.kind == "tall_vegetation" or c.name == "shrub"}
_BUILT = {c.id for c in CLASSES if c.kind in ("building", "paved")}
_EVERY = {c.id for c in CLASSES}
_CHOICES = {"ALL": ("All", "Show every class", set()),
            "NO_PLANTS": ("No Plants", "Hide trees, orchards and shrubs, show all else", _PLANTS),
            "BUILT": ("Buildings and Streets", "Show only buildings, roads, paths, parking, railways and bridges",
                      _EVERY - _BUILT)}


class EARTHCRAFTER_OT_show_class(PlaceOperator, bpy.types.Operator):
    """Show or hide this class in the place's mesh, points and splats, in the viewport and in renders"""

    bl_idname = "earthcrafter.show_class"
    bl_label = "Show Class"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    class_id: IntProperty(name="Class", min=0, max=len(CLASSES) - 1, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def act(self, _context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Toggle it."""
        class_visibility.set_hidden(place, self.class_id, self.class_id not in class_visibility.hidden(place))
        return {"FINISHED"}


class EARTHCRAFTER_OT_show_classes(PlaceOperator, bpy.types.Operator):
    """Show many classes of the place at once and hide the others"""

    bl_idname = "earthcrafter.show_classes"
    bl_label = "Show Classes"
    bl_options = {"REGISTER", "UNDO"}

    choice: EnumProperty(  # type: ignore[valid-type]
        name="Classes", options={"SKIP_SAVE"}, description="Which classes are shown",
        items=[(key, label, tip) for key, (label, tip, _hidden) in _CHOICES.items()])

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What this choice does."""
        return _CHOICES[properties.choice][1]

    def act(self, _context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Hide the others."""
        class_visibility.set_all(place, _CHOICES[self.choice][2] & set(result_import.classes(place)))
        return {"FINISHED"}


class EARTHCRAFTER_OT_select_class(PlaceOperator, bpy.types.Operator):
    """Select the objects of this class; of a mesh with several classes also its faces, for Edit Mode. Shift: add to what is
    selected"""

    bl_idname = "earthcrafter.select_class"
    bl_label = "Select Class"
    bl_options = {"REGISTER", "UNDO"}

    class_id: IntProperty(name="Class", min=0, max=len(CLASSES) - 1, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    extend: BoolProperty(  # type: ignore[valid-type]
        name="Extend", options={"SKIP_SAVE"}, description="Keep what is selected already")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a place, and Object Mode."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Shift extends."""
        self.extend = event.shift
        return self.execute(context)

    def act(self, context: bpy.types.Context, place: bpy.types.Collection) -> set[str]:
        """Select them; the first one becomes active."""
        found = [obj for obj in result_import.parts(place, result_import.MESH)
                 if self.class_id in class_visibility.classes_of(obj) and obj.name in context.view_layer.objects]
        if not self.extend:
            for obj in list(context.selected_objects):
                obj.select_set(False)
        for obj in found:
            obj.select_set(True)
            if class_visibility.OBJECT_CLASS not in obj:
                select_faces(obj.data, self.class_id, self.extend)
        shown = [obj for obj in found if obj.select_get()]
        label = CLASSES[self.class_id].label
        if not shown:
            self.report({"WARNING"}, f"No mesh of the class {label} is shown.")
            return {"CANCELLED"}
        context.view_layer.objects.active = shown[0]
        self.report({"INFO"}, f"{label}: {len(shown)} object{'s' * (len(shown) > 1)} selected.")
        return {"FINISHED"}


def select_faces(mesh: bpy.types.Mesh, class_id: int, extend: bool) -> None:
    """Select the faces of a class, with their edges and vertices, as Edit Mode will show them."""
    faces = np.empty(len(mesh.polygons), np.int32)
    mesh.attributes[CLASS_ATTRIBUTE].data.foreach_get("value", faces)
    chosen = faces == class_id
    if extend:
        before = np.empty(len(chosen), bool)
        mesh.polygons.foreach_get("select", before)
        chosen |= before
    start, total = np.empty(len(chosen), np.int32), np.empty(len(chosen), np.int32)
    mesh.polygons.foreach_get("loop_start", start)
    mesh.polygons.foreach_get("loop_total", total)
    corners = np.repeat(chosen, total)  # loops follow one another as the faces do
    for field, items in (("vertex_index", mesh.vertices), ("edge_index", mesh.edges)):
        index = np.empty(len(mesh.loops), np.int32)
        mesh.loops.foreach_get(field, index)
        selected = np.zeros(len(items), bool)
        selected[index[corners]] = True
        items.foreach_set("select", selected)
    mesh.polygons.foreach_set("select", chosen)
    mesh.update()


_CLASSES = (EARTHCRAFTER_OT_show_class, EARTHCRAFTER_OT_show_classes, EARTHCRAFTER_OT_select_class)


def register() -> None:
    """Register the operators of this module."""
    register_classes(_CLASSES)


def unregister() -> None:
    """Unregister them."""
    unregister_classes(_CLASSES)
