"""Replaces a class of a place by an artist's collection: points with the things' sizes, and geometry nodes that put an item
of the collection on each. The replaced things are left out of the place, and come back when the stand-in is taken away.
"""
from __future__ import annotations

import bpy
import numpy as np

from . import class_visibility, result_import, scatter_points
from .class_materials import COLOR_ATTRIBUTE
from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.classes import CLASSES
from .layout_mesh import CLASS_ATTRIBUTE
from .node_builder import NodeBuilder, add_input, get_input, new_geometry_group, set_input
from .node_groups import add_hidden_classes, without_hidden_classes
from .scatter_items import KEEP, fitted, items_of
from .scatter_points import Things

GROUP = "EarthCrafter Scatter"
KIND = "scatter"
"""Kind of a stand-in among the objects of a place."""
LENGTH, WIDTH, HEIGHT, TURN = "length", "width", "height", "turn"
"""Attributes of the points: sizes in metres, direction in radians about z; free for an artist's own nodes."""
ITEM, ITEM_SCALE, ITEM_SHIFT, ITEM_TURN = "item", "item_scale", "item_shift", "item_turn"
"""Attributes of the points: which item, its scale, what moves its foot onto the point, its turn."""
COLLECTION_INPUT, SIZE_INPUT = "Collection", "Size"


def stand_ins(place: bpy.types.Collection) -> dict[int, bpy.types.Object]:
    """The objects of a place that stand in for a class, by the class's id."""
    return {int(obj[class_visibility.STANDS_IN]): obj for obj in result_import.parts(place, KIND)}


def source_collection(obj: bpy.types.Object) -> bpy.types.Collection | None:
    """The collection whose items a stand-in shows, None where it is gone."""
    source = get_input(obj.modifiers[GROUP], COLLECTION_INPUT) if GROUP in obj.modifiers else None
    return source if isinstance(source, bpy.types.Collection) else None


def source_of(obj: bpy.types.Object) -> str:
    """Name of the collection whose items a stand-in shows, as a person reads it; "" where it is gone."""
    source = source_collection(obj)
    return _called(source) if source is not None else ""


def _called(source: bpy.types.Collection) -> str:
    return source.name.removeprefix("EarthCrafter ")


def replace(place: bpy.types.Collection, class_id: int, source: bpy.types.Collection, fit: str, spacing: float,
            seed: int) -> bpy.types.Object:
    """Let a collection's items stand in for a class of a place; ground keeps its surface, and items are spread over it.

    Args:
        place: that was brought in. class_id: 1..25; what stood in for it before is removed.
        source: what to scatter.
        fit: one of scatter_items.STRETCH, PROPORTIONS, KEEP; ground has no size, there items keep theirs.
        spacing: metres between items on ground. seed: of what chance decides.

    Raises:
        BadInput: the collection or the class has nothing. The place is as before then.
    """
    if place in {source, *source.children_recursive}:
        raise BadInput(f"The collection {source.name} holds the place itself.", "Choose a collection of objects to scatter.")
    items = items_of(source)
    things = scatter_points.things_of(place, class_id, spacing, seed)
    take_back(place, class_id)
    mesh = _points(things, class_id, _called(source))
    if scatter_points.is_ground(class_id):
        chosen = fitted(items, things.size, things.turn, KEEP, seed)
        chosen.scale *= things.size
        chosen.shift *= things.size
    else:
        chosen = fitted(items, things.size, things.turn, fit, seed)
    for name, kind, values in ((ITEM, "INT", chosen.number), (ITEM_SCALE, "FLOAT_VECTOR", chosen.scale),
                               (ITEM_SHIFT, "FLOAT_VECTOR", chosen.shift), (ITEM_TURN, "FLOAT", chosen.turn)):
        _store(mesh, name, kind, values)
    obj = bpy.data.objects.new(mesh.name, mesh)
    obj.matrix_world = scatter_points.place_matrix(place)
    obj[result_import.KIND], obj[class_visibility.STANDS_IN] = KIND, class_id
    modifier = obj.modifiers.new(GROUP, "NODES")
    modifier.node_group = scatter_group()
    set_input(modifier, COLLECTION_INPUT, source)
    place.objects.link(obj)
    _hide_replaced(place)
    return obj


def take_back(place: bpy.types.Collection, class_id: int) -> bool:
    """Remove what stands in for a class, and show the class again; whether there was any."""
    obj = stand_ins(place).get(class_id)
    if obj is None:
        return False
    bpy.data.meshes.remove(obj.data)  # and the object with it
    _hide_replaced(place)
    return True


def _hide_replaced(place: bpy.types.Collection) -> None:
    """Leave the classes out that something stands in for; ground stays under what is spread over it."""
    class_visibility.set_replaced(place, [c for c in stand_ins(place) if not scatter_points.is_ground(c)])


def _points(things: Things, class_id: int, source: str) -> bpy.types.Mesh:
    """Loose vertices with the things' sizes, class and colours."""
    mesh = bpy.data.meshes.new(f"{CLASSES[class_id].label} by {source}")
    mesh.vertices.add(len(things))
    mesh.vertices.foreach_set("co", things.position.astype(np.float32).ravel())
    for name, values in ((LENGTH, things.size[:, 0]), (WIDTH, things.size[:, 1]), (HEIGHT, things.size[:, 2]),
                         (TURN, things.turn)):
        _store(mesh, name, "FLOAT", values)
    _store(mesh, CLASS_ATTRIBUTE, "INT", np.full(len(things), class_id))
    mesh.color_attributes.new(COLOR_ATTRIBUTE, "FLOAT_COLOR", "POINT").data.foreach_set("color", things.color.ravel())
    return mesh


def _store(mesh: bpy.types.Mesh, name: str, kind: str, values: np.ndarray) -> None:
    """Write an attribute of the points."""
    dtype, field = (np.int32, "value") if kind == "INT" else (np.float32, "value" if kind == "FLOAT" else "vector")
    mesh.attributes.new(name, kind, "POINT").data.foreach_set(field, np.ascontiguousarray(values, dtype).ravel())


def scatter_group() -> bpy.types.NodeTree:
    """Points with ITEM .. ITEM_TURN -> instances of the collection's items."""
    tree = bpy.data.node_groups.get(GROUP)
    if tree is not None:
        return tree
    tree, add = new_geometry_group(GROUP)
    add_input(tree, COLLECTION_INPUT, "NodeSocketCollection", description="Whose objects stand in for the class")
    add_input(tree, SIZE_INPUT, "NodeSocketFloat", default_value=1.0, min_value=0.0, max_value=10.0,
              description="Factor on the size of every item")
    add_hidden_classes(tree)
    source = add.node("NodeGroupInput")
    points = without_hidden_classes(add, source)
    items = add.node("GeometryNodeCollectionInfo", {"Collection": source.outputs[COLLECTION_INPUT], "Separate Children": True})
    turn = add.node("ShaderNodeCombineXYZ", {"Z": add.attribute(ITEM_TURN, "FLOAT")})
    size = source.outputs[SIZE_INPUT]
    shift = add.node("ShaderNodeVectorRotate", {"Vector": _scaled(add, ITEM_SHIFT, size), "Angle": add.attribute(
        ITEM_TURN, "FLOAT")}, rotation_type="Z_AXIS")
    placed = add.node("GeometryNodeSetPosition", {"Geometry": points, "Offset": shift.outputs[0]})
    instances = add.node("GeometryNodeInstanceOnPoints", {
        "Points": placed.outputs[0], "Instance": items.outputs[0], "Pick Instance": True,
        "Instance Index": add.attribute(ITEM, "INT"), "Rotation": turn.outputs[0], "Scale": _scaled(add, ITEM_SCALE, size)})
    add.node("NodeGroupOutput", {"Geometry": instances.outputs[0]})
    return tree


def _scaled(add: NodeBuilder, attribute: str, size: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """A vector attribute times the size."""
    return add.node("ShaderNodeVectorMath", {0: add.attribute(attribute, "FLOAT_VECTOR"), "Scale": size},
                    operation="SCALE").outputs["Vector"]
