"""Which classes of a place are hidden: kept on its collection, and obeyed by its meshes, points and splats alike.

A class is hidden by geometry nodes that leave its faces, points and instances out, in the viewport, in renders and in
exports of what is shown. Objects keep their own visibility, which says which parts of the place are shown at all.

    hidden(collection)                  the hidden classes
    set_hidden(collection, 15, True)    hide broadleaf trees
    set_all(collection, {15, 16})       hide just these
    set_replaced(collection, {1})       something else stands where houses stood: all but it leaves them out
    apply(collection)                   after objects were added to the place, or its splats read again
"""
from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np

from .layout_mesh import CLASS_ATTRIBUTE
from .node_builder import NodeBuilder, add_input, has_input, new_geometry_group, set_input

HIDDEN = "earthcrafter_hidden_classes"
"""Custom property of a place's collection: an integer, bit k is set where class k is hidden."""
REPLACED = "earthcrafter_replaced_classes"
"""Custom property of a place's collection: the same of classes for which another object of the place stands in."""
STANDS_IN = "earthcrafter_stands_in"
"""Custom property of the object that stands in for a class: its id."""
OBJECT_CLASS = CLASS_ATTRIBUTE
"""Custom property of an object that is of one class, whatever attributes its mesh has."""
HIDDEN_INPUT = "Hidden Classes"
"""Input of the node groups that leave classes out: the same integer."""
GROUP = "EarthCrafter Classes"
_CLASS_INPUT = "Class"


def hidden(collection: bpy.types.Collection) -> set[int]:
    """Ids of the classes of a place that are hidden."""
    return _ids(int(collection.get(HIDDEN, 0)))


def replaced(collection: bpy.types.Collection) -> set[int]:
    """Ids of the classes of a place that something stands in for."""
    return _ids(int(collection.get(REPLACED, 0)))


def _ids(mask: int) -> set[int]:
    return {class_id for class_id in range(mask.bit_length()) if mask >> class_id & 1}


def set_hidden(collection: bpy.types.Collection, class_id: int, hide: bool) -> None:
    """Hide or show a class of a place in all its parts."""
    set_all(collection, hidden(collection) | {class_id} if hide else hidden(collection) - {class_id})


def set_all(collection: bpy.types.Collection, class_ids: Iterable[int]) -> None:
    """Hide these classes of a place, ids 0..25, and show all others."""
    collection[HIDDEN] = sum(1 << class_id for class_id in set(class_ids))
    apply(collection)


def set_replaced(collection: bpy.types.Collection, class_ids: Iterable[int]) -> None:
    """Leave these classes out of all that does not stand in for one, and of nothing else."""
    collection[REPLACED] = sum(1 << class_id for class_id in set(class_ids))
    apply(collection)


def apply(collection: bpy.types.Collection) -> None:
    """Let the objects of a place obey its hidden and replaced classes: what draws points and splats is told by an input of
    its nodes, and a mesh that has such a class gets a modifier, which goes when nothing of it is hidden any more."""
    hidden_mask, replaced_mask = int(collection.get(HIDDEN, 0)), int(collection.get(REPLACED, 0))
    for obj in collection.objects:
        mask = hidden_mask if STANDS_IN in obj else hidden_mask | replaced_mask
        told = [m for m in obj.modifiers if m.type == "NODES" and m.node_group is not None
                and m.node_group.name != GROUP and has_input(m.node_group, HIDDEN_INPUT)]
        for modifier in told:
            set_input(modifier, HIDDEN_INPUT, mask)
        if not told and obj.type == "MESH":
            _apply_by_modifier(obj, mask)


def add_class_test(add: NodeBuilder, mask: bpy.types.NodeSocket, class_id: object) -> bpy.types.NodeSocket:
    """Nodes that tell whether a class (a socket or an id) is hidden: its bit of the mask, as an integer 0 or 1."""
    bit = add.integer("POWER", 2, class_id)
    return add.integer("MODULO", add.integer("DIVIDE_FLOOR", mask, bit), 2)


def classes_of(obj: bpy.types.Object) -> set[int]:
    """Ids of the classes that an object's mesh has; those of its faces, else of its points."""
    if OBJECT_CLASS in obj:
        return {int(obj[OBJECT_CLASS])}
    attribute = obj.data.attributes.get(CLASS_ATTRIBUTE)
    if attribute is None or attribute.data_type != "INT":
        return set()
    ids = np.empty(len(attribute.data), np.int32)
    attribute.data.foreach_get("value", ids)
    return set(np.flatnonzero(np.bincount(ids.clip(0, 255))).tolist())


def _apply_by_modifier(obj: bpy.types.Object, mask: int) -> None:
    modifier = obj.modifiers.get(GROUP)
    if not any(mask >> class_id & 1 for class_id in classes_of(obj)):
        if modifier is not None:
            obj.modifiers.remove(modifier)
        return
    if modifier is None:
        modifier = obj.modifiers.new(GROUP, "NODES")
        modifier.node_group = _group()
        modifier.show_expanded = False
    set_input(modifier, HIDDEN_INPUT, mask)
    set_input(modifier, _CLASS_INPUT, int(obj.get(OBJECT_CLASS, -1)))


def _group() -> bpy.types.NodeTree:
    """Leaves out faces and instances of hidden classes; where the input Class is set, everything is of that class."""
    tree = bpy.data.node_groups.get(GROUP)
    if tree is not None:
        return tree
    tree, add = new_geometry_group(GROUP)
    add_input(tree, HIDDEN_INPUT, "NodeSocketInt", default_value=0, min_value=0,
              description="Bit k hides class k; set by the panel")
    add_input(tree, _CLASS_INPUT, "NodeSocketInt", default_value=-1, description="Class of the whole object; -1: see its faces")
    source = add.node("NodeGroupInput")
    given = source.outputs[_CLASS_INPUT]
    class_id = add.node("GeometryNodeSwitch", {"Switch": add.integer("ADD", given, 1),  # a switch is on where that is above 0
                                               "False": add.attribute(CLASS_ATTRIBUTE, "INT"), "True": given},
                        input_type="INT").outputs[0]
    is_hidden = add_class_test(add, source.outputs[HIDDEN_INPUT], class_id)
    geometry = source.outputs["Geometry"]
    for domain in ("FACE", "INSTANCE"):
        geometry = add.node("GeometryNodeDeleteGeometry", {"Geometry": geometry, "Selection": is_hidden},
                            domain=domain).outputs[0]
    add.node("NodeGroupOutput", {"Geometry": geometry})
    return tree
