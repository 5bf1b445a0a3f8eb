"""The painted grid as a Blender mesh: one quad for each cell, its class in an integer face attribute.

The face of the cell (row, col) is row * W + col with row 0 north; the object's origin is the south-west corner. The
attribute CLASS_ATTRIBUTE is the truth; each face's material (slot = class id) shows it in every view.
Mesh attributes are recorded by undo, pixels of an image would not be.
"""
from __future__ import annotations

import bpy
import numpy as np

from .class_materials import layout_material
from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.classes import CLASSES
from .earthcrafter_core.scene.layout import Layout

CLASS_ATTRIBUTE = "earthcrafter_class"
CELL_SIZE, ROWS, COLUMNS = "earthcrafter_cell_size", "earthcrafter_rows", "earthcrafter_columns"  # custom properties


def new_layout(name: str, class_id: np.ndarray, cell_size: float) -> bpy.types.Object:
    """A new layout object, not yet linked to a collection. class_id: uint8 [H, W]. Raises BadInput."""
    layout = Layout(class_id, cell_size)
    mesh = bpy.data.meshes.new(name)
    _fill_grid(mesh, layout.shape, cell_size)
    for semantic_class in CLASSES:
        mesh.materials.append(layout_material(semantic_class))
    mesh.attributes.new(CLASS_ATTRIBUTE, "INT", "FACE")
    mesh[ROWS], mesh[COLUMNS] = layout.shape
    mesh[CELL_SIZE] = cell_size
    mesh.id_properties_ui(CELL_SIZE).update(subtype="DISTANCE", min=0.05, max=100.0,
                                            description="Side of one cell of the layout, in metres")
    obj = bpy.data.objects.new(name, mesh)
    obj.lock_scale = (True, True, True)
    obj.hide_render = True
    obj.show_all_edges = False
    write_classes(obj, layout.class_id)
    return obj


def _fill_grid(mesh: bpy.types.Mesh, shape: tuple[int, int], cell_size: float) -> None:
    """Vertices and quads of a grid of `shape` cells, rows from north to south, faces pointing up."""
    rows, cols = shape
    x, y = np.meshgrid(np.arange(cols + 1), rows - np.arange(rows + 1))
    vertices = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3) * cell_size
    corner = (np.arange(rows)[:, None] * (cols + 1) + np.arange(cols)[None, :]).ravel()  # [H * W] north-west vertex
    quads = np.stack([corner + cols + 1, corner + cols + 2, corner + 1, corner], 1)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(quads.size)
    mesh.loops.foreach_set("vertex_index", quads.astype(np.int32).ravel())
    mesh.polygons.add(len(quads))
    mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
    mesh.update(calc_edges=True)


def is_layout(obj: bpy.types.Object | None) -> bool:
    """True for an object made by `new_layout` (also after an edit that broke it: `read_classes` then says so)."""
    return obj is not None and obj.type == "MESH" and ROWS in obj.data and COLUMNS in obj.data


def active_layout(context: bpy.types.Context) -> bpy.types.Object | None:
    """The layout to work on: the active object where it is one, else the scene's only or last chosen one."""
    if is_layout(context.object):
        return context.object
    chosen = context.scene.earthcrafter.layout_object
    if is_layout(chosen) and chosen.name in context.scene.objects:
        return chosen
    found = [obj for obj in context.scene.objects if is_layout(obj)]
    return found[0] if len(found) == 1 else None


def required_layout(context: bpy.types.Context) -> bpy.types.Object:
    """`active_layout`; raises BadInput where there is none."""
    obj = active_layout(context)
    if obj is None:
        raise BadInput("There is no layout.", "Make a new layout first, or select one.")
    return obj


def grid_shape(obj: bpy.types.Object) -> tuple[int, int]:
    """Rows and columns (H, W)."""
    return int(obj.data[ROWS]), int(obj.data[COLUMNS])


def cell_size(obj: bpy.types.Object) -> float:
    """Metres along one side of a cell."""
    return float(obj.data[CELL_SIZE])


def read_classes(obj: bpy.types.Object) -> np.ndarray:
    """Class ids, uint8 [H, W]. Raises BadInput where the mesh was edited so that it is no grid any more."""
    shape = grid_shape(obj)
    attribute = obj.data.attributes.get(CLASS_ATTRIBUTE)
    if attribute is None or attribute.domain != "FACE" or len(attribute.data) != shape[0] * shape[1]:
        raise BadInput(f"The layout {obj.name} is no whole grid any more.",
                       "Undo the edit of its mesh, or leave Edit Mode, or make a new layout.")
    values = np.empty(len(attribute.data), np.int32)
    attribute.data.foreach_get("value", values)
    return np.clip(values, 0, 255).astype(np.uint8).reshape(shape)


def write_classes(obj: bpy.types.Object, class_id: np.ndarray) -> None:
    """Write class ids [H, W] into the attribute and the faces' materials, and redraw."""
    values = np.ascontiguousarray(class_id, np.int32).ravel()
    mesh = obj.data
    mesh.attributes[CLASS_ATTRIBUTE].data.foreach_set("value", values)
    mesh.polygons.foreach_set("material_index", values)
    mesh.update_tag()


def read_layout(obj: bpy.types.Object) -> Layout:
    """The object as a core layout. Raises BadInput."""
    return Layout(read_classes(obj), cell_size(obj))


def paint(obj: bpy.types.Object, mask: np.ndarray, class_id: int) -> int:
    """Set the cells of the mask [H, W] to a class; how many cells changed. Raises BadInput."""
    classes = read_classes(obj)
    changed = mask & (classes != class_id)
    count = int(np.count_nonzero(changed))
    if count:
        classes[changed] = class_id
        write_classes(obj, classes)
    return count
