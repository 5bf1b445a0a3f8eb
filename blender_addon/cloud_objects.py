"""Arrays of points and splats -> Blender objects, in steps that are short enough to be taken between two redraws."""
from __future__ import annotations

from collections.abc import Generator

import bpy

from .class_materials import COLOR_ATTRIBUTE
from .layout_mesh import CLASS_ATTRIBUTE
from .mesh_fill import Steps, fill, new_mesh
from .node_builder import set_input
from .splat_arrays import CloudArrays

_TYPES = {1: ("FLOAT", "value"), 3: ("FLOAT_VECTOR", "vector"), 4: ("QUATERNION", "value")}


def cloud_mesh(name: str, arrays: CloudArrays) -> Generator[None, None, bpy.types.Mesh]:
    """Loose vertices with COLOR_ATTRIBUTE, CLASS_ATTRIBUTE and the arrays' own attributes; yields between steps."""
    with new_mesh(name) as mesh:
        mesh.vertices.add(len(arrays.position))
        fill(mesh, "position", "FLOAT_VECTOR", "POINT", "vector", arrays.position)
        yield
        fill(mesh, CLASS_ATTRIBUTE, "INT", "POINT", "value", arrays.class_id)
        yield
        mesh.color_attributes.new(COLOR_ATTRIBUTE, "FLOAT_COLOR", "POINT").data.foreach_set("color", arrays.color.ravel())
        yield
        for attribute, values in arrays.attributes.items():
            kind, field = _TYPES[1 if values.ndim == 1 else values.shape[1]]
            fill(mesh, attribute, kind, "POINT", field, values)
            yield
        return mesh


def cloud_object(name: str, arrays: CloudArrays, group: bpy.types.NodeTree, inputs: dict[str, float]) -> Steps:
    """An object of loose vertices with their attributes, drawn by geometry nodes."""
    mesh = yield from cloud_mesh(name, arrays)
    obj = bpy.data.objects.new(name, mesh)
    modifier = obj.modifiers.new(group.name, "NODES")
    modifier.node_group = group
    for key, value in inputs.items():
        set_input(modifier, key, value)
    return obj
