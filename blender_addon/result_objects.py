"""Arrays of a result -> Blender objects, in steps that are short enough to be taken between two redraws."""
from __future__ import annotations

from collections.abc import Generator

import bpy
import numpy as np

from .class_materials import COLOR_ATTRIBUTE, surface_material
from .earthcrafter_core.scene.classes import CLASSES
from .layout_mesh import CLASS_ATTRIBUTE
from .node_builder import set_input
from .result_arrays import MeshArrays
from .splat_arrays import CloudArrays

Steps = Generator[None, None, bpy.types.Object]
"""Yields between the steps; returns the object."""
_TYPES = {1: ("FLOAT", "value"), 3: ("FLOAT_VECTOR", "vector"), 4: ("QUATERNION", "value")}


def mesh_object(name: str, arrays: MeshArrays) -> Steps:
    """A mesh object: triangles, CLASS_ATTRIBUTE on faces, one material for each class that occurs, COLOR_ATTRIBUTE."""
    mesh = bpy.data.meshes.new(name)
    count = len(arrays.class_id)
    mesh.vertices.add(len(arrays.position))
    mesh.edges.add(len(arrays.edge_verts))
    mesh.loops.add(count * 3)
    mesh.polygons.add(count)
    yield
    # attributes take arrays by one copy; the collections' own properties go value by value, and are ten times slower
    _fill(mesh, "position", "FLOAT_VECTOR", "POINT", "vector", arrays.position)
    _fill(mesh, ".edge_verts", "INT32_2D", "EDGE", "value", arrays.edge_verts)
    _fill(mesh, ".corner_vert", "INT", "CORNER", "value", arrays.corner_vert)
    _fill(mesh, ".corner_edge", "INT", "CORNER", "value", arrays.corner_edge)
    yield
    mesh.polygons.foreach_set("loop_start", np.arange(0, count * 3, 3, dtype=np.int32))
    yield
    _fill(mesh, "material_index", "INT", "FACE", "value", arrays.material_index)
    _fill(mesh, CLASS_ATTRIBUTE, "INT", "FACE", "value", arrays.class_id)
    for class_id in arrays.classes:
        mesh.materials.append(surface_material(CLASSES[class_id]))
    yield
    mesh.color_attributes.new(COLOR_ATTRIBUTE, "FLOAT_COLOR", "CORNER").data.foreach_set("color", arrays.corner_color.ravel())
    yield
    mesh.update()
    _fill(mesh, "custom_normal", "FLOAT_VECTOR", "CORNER", "vector", arrays.corner_normal)  # Blender's name for normals
    yield
    return bpy.data.objects.new(name, mesh)


def _fill(mesh: bpy.types.Mesh, name: str, kind: str, domain: str, field: str, values: np.ndarray) -> None:
    """Write an attribute, made where it is not there yet."""
    attribute = mesh.attributes.get(name) or mesh.attributes.new(name, kind, domain)
    attribute.data.foreach_set(field, values.ravel())


def cloud_object(name: str, arrays: CloudArrays, group: bpy.types.NodeTree, inputs: dict[str, float]) -> Steps:
    """Loose vertices with COLOR_ATTRIBUTE, CLASS_ATTRIBUTE and the arrays' own attributes, drawn by geometry nodes."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(arrays.position))
    _fill(mesh, "position", "FLOAT_VECTOR", "POINT", "vector", arrays.position)
    _fill(mesh, CLASS_ATTRIBUTE, "INT", "POINT", "value", arrays.class_id)
    yield
    mesh.color_attributes.new(COLOR_ATTRIBUTE, "FLOAT_COLOR", "POINT").data.foreach_set("color", arrays.color.ravel())
    yield
    for attribute, values in arrays.attributes.items():
        kind, field = _TYPES[1 if values.ndim == 1 else values.shape[1]]
        _fill(mesh, attribute, kind, "POINT", field, values)
    yield
    obj = bpy.data.objects.new(name, mesh)
    modifier = obj.modifiers.new(group.name, "NODES")
    modifier.node_group = group
    for key, value in inputs.items():
        set_input(modifier, key, value)
    return obj
