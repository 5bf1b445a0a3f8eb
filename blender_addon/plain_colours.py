"""One colour for each material that takes its colours from vertices or from instances: the only one that most programs
look for in an FBX, OBJ or USD, and all there is of the plants that ship, whose colours are their instances'."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from . import class_visibility, scatter
from .class_materials import COLOR_ATTRIBUTE

Colours = dict[bpy.types.Material, tuple[float, float, float, float]]
"""Linear RGBA."""


def mean_colours(objects: list[bpy.types.Object]) -> Colours:
    """The mean of the colours that each material shows on these objects, of those that read COLOR_ATTRIBUTE."""
    sums: dict[bpy.types.Material, np.ndarray] = {}
    for obj in objects:
        attribute = obj.data.color_attributes.get(COLOR_ATTRIBUTE) if obj.type == "MESH" else None
        if attribute is None:
            continue
        colors = np.empty(4 * len(attribute.data), np.float32)
        attribute.data.foreach_get("color", colors)
        colors = colors.reshape(-1, 4).astype(float)
        for material, rows in _rows(obj, attribute):
            if base_color(material) is not None:
                sums[material] = sums.get(material, np.zeros(4)) + [*colors[rows, :3].sum(0), np.count_nonzero(rows)]
    return {material: (*(total[:3] / total[3]).tolist(), 1.0) for material, total in sums.items() if total[3]}


def _rows(obj: bpy.types.Object, attribute: bpy.types.Attribute) -> Iterator[tuple[bpy.types.Material, np.ndarray]]:
    """Each material that shows colours of an attribute of an object's mesh, and which of them, bool. A stand-in shows its
    points' colours on what its collection has."""
    if class_visibility.STANDS_IN in obj:
        source = scatter.source_collection(obj)
        items = source.all_objects if source is not None else ()
        materials = {slot.material for item in items for slot in item.material_slots}
        yield from ((m, np.ones(len(attribute.data), bool)) for m in materials if m is not None)
    elif attribute.domain == "CORNER":
        slot, total = (np.empty(len(obj.data.polygons), np.int32) for _ in range(2))
        obj.data.polygons.foreach_get("material_index", slot)
        obj.data.polygons.foreach_get("loop_total", total)
        corner = np.repeat(slot, total)  # loops follow one another as the faces do
        yield from ((s.material, corner == k) for k, s in enumerate(obj.material_slots) if s.material is not None)


def base_color(material: bpy.types.Material) -> bpy.types.NodeSocket | None:
    """The base colour of a material that reads COLOR_ATTRIBUTE, None of any other."""
    nodes = material.node_tree.nodes if material.node_tree is not None else ()
    if not any(COLOR_ATTRIBUTE in (getattr(node, "layer_name", None), getattr(node, "attribute_name", None)) for node in nodes):
        return None
    socket = next((node.inputs["Base Color"] for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
    return socket if socket is not None and socket.is_linked else None


@contextmanager
def set_inside(colours: Colours) -> Iterator[None]:
    """The base colours of these materials have the given values beneath their links inside, where exporters look for them."""
    before = []
    try:
        for material, value in colours.items():
            socket = base_color(material)
            assert socket is not None
            before.append((socket, tuple(socket.default_value)))
            socket.default_value = value
        yield
    finally:
        for socket, old in before:
            socket.default_value = old
