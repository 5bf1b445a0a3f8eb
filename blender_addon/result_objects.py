"""Arrays of a result -> Blender objects, in steps that are short enough to be taken between two redraws."""
from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from .class_materials import COLOR_ATTRIBUTE, UV_MAP
from .layout_mesh import CLASS_ATTRIBUTE
from .mesh_arrays import MeshArrays
from .node_builder import set_input
from .splat_arrays import CloudArrays

Steps = Generator[None, None, bpy.types.Object]
"""Yields between the steps; returns the object."""
PART, CLASS, ORIGIN = "earthcrafter_part", "earthcrafter_class", "earthcrafter_origin"
"""Custom properties of mesh objects: the kind of part ("terrain", "building" ...), the class id (not set where there are
several), and where in the place the object's own origin lies (three numbers in metres; not set: at the place's)."""
_TYPES = {1: ("FLOAT", "value"), 3: ("FLOAT_VECTOR", "vector"), 4: ("QUATERNION", "value")}


@contextmanager
def _new_mesh(name: str) -> Iterator[bpy.types.Mesh]:
    """A new mesh datablock; removed where the steps inside fail or are given up."""
    mesh = bpy.data.meshes.new(name)
    try:
        yield mesh
    except BaseException:
        try:
            bpy.data.meshes.remove(mesh)
        except ReferenceError:  # undo has taken it already
            pass
        raise


def mesh_object(name: str, arrays: MeshArrays, materials: list[bpy.types.Material]) -> Steps:
    """A mesh object: triangles, CLASS_ATTRIBUTE on faces, colours or texture coordinates, the material slots given, and the
    arrays' attributes as custom properties."""
    with _new_mesh(name) as mesh:
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
        for material in materials:
            mesh.materials.append(material)
        yield
        if arrays.corner_color is not None:
            colors = mesh.color_attributes.new(COLOR_ATTRIBUTE, "FLOAT_COLOR", "CORNER")
            colors.data.foreach_set("color", arrays.corner_color.ravel())
            yield
        if arrays.corner_uv is not None:
            mesh.uv_layers.new(name=UV_MAP, do_init=False).uv.foreach_set("vector", arrays.corner_uv.ravel())
            yield
        mesh.update()
        if arrays.corner_normal is None:
            _fill(mesh, "sharp_face", "BOOLEAN", "FACE", "value", np.ones(count, bool))
        else:  # by Blender's own name for them
            _fill(mesh, "custom_normal", "FLOAT_VECTOR", "CORNER", "vector", arrays.corner_normal)
        yield
        obj = bpy.data.objects.new(name, mesh)
        obj.location = arrays.origin
        for key, value in {PART: arrays.kind, **arrays.attributes}.items():
            obj[key] = value
        if arrays.one_class:
            obj[CLASS] = arrays.one_class
        if arrays.origin.any():
            obj[ORIGIN] = arrays.origin.tolist()
        return obj


def _fill(mesh: bpy.types.Mesh, name: str, kind: str, domain: str, field: str, values: np.ndarray) -> None:
    """Write an attribute, made where it is not there yet."""
    attribute = mesh.attributes.get(name) or mesh.attributes.new(name, kind, domain)
    attribute.data.foreach_set(field, values.ravel())


def cloud_object(name: str, arrays: CloudArrays, group: bpy.types.NodeTree, inputs: dict[str, float]) -> Steps:
    """Loose vertices with COLOR_ATTRIBUTE, CLASS_ATTRIBUTE and the arrays' own attributes, drawn by geometry nodes."""
    with _new_mesh(name) as mesh:
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
