"""Arrays of a mesh -> Blender objects, in steps that are short enough to be taken between two redraws."""
from __future__ import annotations

import bpy
import numpy as np

from .class_materials import COLOR_ATTRIBUTE, UV_MAP
from .layout_mesh import CLASS_ATTRIBUTE
from .mesh_arrays import MeshArrays
from .mesh_fill import Steps, fill, new_mesh

PART, CLASS, ORIGIN = "earthcrafter_part", "earthcrafter_class", "earthcrafter_origin"
"""Custom properties of mesh objects: the kind of part ("terrain", "building" ...), the class id (not set where there are
several), and where in the place the object's own origin lies (three numbers in metres; not set: at the place's)."""


_COUNTS, _ROOF, _ROOFS = {"storeys", "count"}, "roof", ("flat", "gable", "hip", "terraces")


def _as_told(key: str, value: str | float) -> str | float:
    """A custom property as a person reads it: counts are whole numbers, and a roof's form is a word."""
    if key == _ROOF and value in range(len(_ROOFS)):
        return _ROOFS[int(value)]
    return int(value) if key in _COUNTS and not isinstance(value, str) else value


def mesh_object(name: str, arrays: MeshArrays, materials: list[bpy.types.Material]) -> Steps:
    """A mesh object: triangles, CLASS_ATTRIBUTE on faces, colours or texture coordinates, the material slots given, and the
    arrays' attributes as custom properties."""
    with new_mesh(name) as mesh:
        count = len(arrays.class_id)
        mesh.vertices.add(len(arrays.position))
        mesh.edges.add(len(arrays.edge_verts))
        yield
        mesh.loops.add(count * 3)
        mesh.polygons.add(count)
        yield
        # attributes take arrays by one copy; the collections' own properties go value by value, and are ten times slower
        fill(mesh, "position", "FLOAT_VECTOR", "POINT", "vector", arrays.position)
        fill(mesh, ".edge_verts", "INT32_2D", "EDGE", "value", arrays.edge_verts)
        yield
        fill(mesh, ".corner_vert", "INT", "CORNER", "value", arrays.corner_vert)
        fill(mesh, ".corner_edge", "INT", "CORNER", "value", arrays.corner_edge)
        yield
        mesh.polygons.foreach_set("loop_start", np.arange(0, count * 3, 3, dtype=np.int32))
        yield
        fill(mesh, "material_index", "INT", "FACE", "value", arrays.material_index)
        fill(mesh, CLASS_ATTRIBUTE, "INT", "FACE", "value", arrays.class_id)
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
        yield
        if arrays.corner_normal is None or arrays.sharp_edge is None:
            fill(mesh, "sharp_face", "BOOLEAN", "FACE", "value", np.ones(count, bool))
        else:  # by Blender's own name for them
            fill(mesh, "custom_normal", "FLOAT_VECTOR", "CORNER", "vector", arrays.corner_normal)
            fill(mesh, "sharp_edge", "BOOLEAN", "EDGE", "value", arrays.sharp_edge)
        yield
        obj = bpy.data.objects.new(name, mesh)
        obj.location = arrays.origin
        told: dict[str, str | float] = {PART: arrays.kind, **arrays.attributes}
        for key, value in told.items():
            obj[key] = _as_told(key, value)
        if arrays.one_class:
            obj[CLASS] = arrays.one_class
        if arrays.origin.any():
            obj[ORIGIN] = arrays.origin.tolist()
        return obj
