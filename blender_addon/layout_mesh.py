"""The painted grid as a Blender mesh: one quad for each cell, its class in an integer face attribute.

The face of the cell (row, col) is row * W + col with row 0 north; the object's origin is the south-west corner. The
attribute CLASS_ATTRIBUTE is the truth; each face's material (slot = class id) shows it in every view. Height hints and a
given elevation are face attributes too, there only where they are used. Mesh attributes are recorded by undo, pixels of
an image would not be.
"""
from __future__ import annotations

import uuid

import bpy
import numpy as np

from . import settling
from .class_materials import layout_material
from .earthcrafter_core.errors import BadInput
from .earthcrafter_core.scene.classes import CLASSES
from .earthcrafter_core.scene.layout import Layout
from .earthcrafter_core.scene.shapes import Patch
from .earthcrafter_core.scene.stroke import Paint, Stroke
from .terrain import terrain_of as terrain_of  # part of what a layout brings to a job

CLASS_ATTRIBUTE = "earthcrafter_class"  # INT
HEIGHT_ATTRIBUTE = "earthcrafter_height"  # FLOAT, metres above ground, NaN where unknown
ELEVATION_ATTRIBUTE = "earthcrafter_elevation"  # FLOAT, metres
CELL_SIZE, ROWS, COLUMNS = "earthcrafter_cell_size", "earthcrafter_rows", "earthcrafter_columns"  # custom properties
LAYOUT_ID = "earthcrafter_id"  # custom property: lasting id, by which a layout's results are found again
CRS, ORIGIN = "earthcrafter_crs", "earthcrafter_origin"  # custom properties of layouts that have a place on the Earth
_MATERIAL = "material_index"  # Blender's own attribute: written directly it costs a thousandth of MeshPolygon.material_index


def new_layout(name: str, class_id: np.ndarray, cell_size: float, height_hint: np.ndarray | None = None,
               elevation: np.ndarray | None = None) -> bpy.types.Object:
    """A new layout object, not yet linked to a collection.

    class_id: uint8 [H, W]. height_hint: float32 [H, W] metres above ground, NaN unknown. elevation: float32 [H, W]
    metres. Raises BadInput.
    """
    layout = Layout(class_id, cell_size, height_hint, elevation)
    mesh = bpy.data.meshes.new(name)
    _fill_grid(mesh, layout.shape, cell_size)
    for semantic_class in CLASSES:
        mesh.materials.append(layout_material(semantic_class))
    mesh.attributes.new(CLASS_ATTRIBUTE, "INT", "FACE")
    if _MATERIAL not in mesh.attributes:
        mesh.attributes.new(_MATERIAL, "INT", "FACE")
    mesh[ROWS], mesh[COLUMNS] = layout.shape
    mesh[CELL_SIZE] = cell_size
    mesh[LAYOUT_ID] = uuid.uuid4().hex
    mesh.id_properties_ui(CELL_SIZE).update(subtype="DISTANCE", min=0.05, max=100.0,
                                            description="Side of one cell of the layout, in metres")
    obj = bpy.data.objects.new(name, mesh)
    obj.lock_scale = (True, True, True)
    obj.hide_render = True
    obj.show_all_edges = False
    write_classes(obj, layout.class_id)
    write_heights(obj, layout.height_hint)
    _write_plane(obj, ELEVATION_ATTRIBUTE, layout.elevation)
    return obj


def _fill_grid(mesh: bpy.types.Mesh, shape: tuple[int, int], cell_size: float) -> None:
    """Vertices, edges and quads of a grid of `shape` cells, rows from north to south, faces pointing up.

    Everything goes straight into Blender's own attributes: a million cells take 0.1 s, by `vertices`, `loops` and
    `update(calc_edges=True)` they would take a second.
    """
    rows, cols = shape
    vertex = np.arange((rows + 1) * (cols + 1), dtype=np.int32).reshape(rows + 1, cols + 1)
    places = np.zeros((rows + 1, cols + 1, 3), np.float32)
    places[..., 0], places[..., 1] = np.arange(cols + 1) * cell_size, (rows - np.arange(rows + 1))[:, None] * cell_size
    quads = np.stack([vertex[1:, :-1], vertex[1:, 1:], vertex[:-1, 1:], vertex[:-1, :-1]], -1)  # from the south-west
    along = np.stack([vertex[:, :-1], vertex[:, 1:]], -1).reshape(-1, 2)  # edges from west to east, then north to south
    across = np.stack([vertex[:-1], vertex[1:]], -1).reshape(-1, 2)
    edge = np.arange(len(along) + len(across), dtype=np.int32)
    west_east, north_south = edge[:len(along)].reshape(rows + 1, cols), edge[len(along):].reshape(rows, cols + 1)
    sides = np.stack([west_east[1:], north_south[:, 1:], west_east[:-1], north_south[:, :-1]], -1)
    mesh.vertices.add(vertex.size)
    mesh.edges.add(len(edge))
    mesh.loops.add(quads.size)
    mesh.polygons.add(rows * cols)
    mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
    for name, kind, domain, field, values in (
            ("position", "FLOAT_VECTOR", "POINT", "vector", places),
            (".edge_verts", "INT32_2D", "EDGE", "value", np.concatenate([along, across])),
            (".corner_vert", "INT", "CORNER", "value", quads), (".corner_edge", "INT", "CORNER", "value", sides)):
        attribute = mesh.attributes.get(name) or mesh.attributes.new(name, kind, domain)
        attribute.data.foreach_set(field, values.ravel())
    mesh.update()


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


def layout_id(obj: bpy.types.Object) -> str:
    """The layout's lasting id, which saving, undo and renaming keep; a copy of the layout has the same one."""
    return str(obj.data.get(LAYOUT_ID, obj.name))


def cell_size(obj: bpy.types.Object) -> float:
    """Metres along one side of a cell."""
    return float(obj.data[CELL_SIZE])


def check_grid(obj: bpy.types.Object) -> None:
    """Raises BadInput where the mesh was edited so that it is no grid any more, or is in Edit Mode."""
    rows, cols = grid_shape(obj)
    attribute = obj.data.attributes.get(CLASS_ATTRIBUTE)
    if attribute is None or attribute.domain != "FACE" or len(attribute.data) != rows * cols:
        raise BadInput(f"The layout {obj.name} is no whole grid any more.",
                       "Undo the edit of its mesh, or leave Edit Mode, or make a new layout.")


def editable_layout(context: bpy.types.Context) -> bpy.types.Object:
    """`required_layout`, which can be painted. Raises BadInput."""
    obj = required_layout(context)
    check_editable(obj)
    return obj


def check_editable(obj: bpy.types.Object) -> None:
    """Raises BadInput where the layout cannot be painted: no grid, in Edit Mode, or linked from a library."""
    if obj.mode != "OBJECT":
        raise BadInput(f"The layout {obj.name} is in another mode.", "Go to Object Mode first.")
    if not obj.data.is_editable:
        raise BadInput(f"The layout {obj.name} is linked from another file.",
                       "Make it local first (Object > Relations > Make Local > Selected Objects and Data).")
    check_grid(obj)


def read_classes(obj: bpy.types.Object) -> np.ndarray:
    """Class ids, uint8 [H, W]. Raises BadInput where the mesh was edited so that it is no grid any more."""
    check_grid(obj)
    values = np.empty(len(obj.data.polygons), np.int32)
    obj.data.attributes[CLASS_ATTRIBUTE].data.foreach_get("value", values)
    return np.clip(values, 0, 255).astype(np.uint8).reshape(grid_shape(obj))


def write_classes(obj: bpy.types.Object, class_id: np.ndarray, show: bool = True) -> None:
    """Write class ids [H, W] into the attribute and the faces' materials, and redraw. Raises BadInput.

    show: false where an overlay shows the change until `settling.settle`.
    """
    check_grid(obj)
    values = np.ascontiguousarray(class_id, np.int32).ravel()
    mesh = obj.data
    for name in (CLASS_ATTRIBUTE, _MATERIAL):
        if name not in mesh.attributes:  # Blender drops material indices that are all 0
            mesh.attributes.new(name, "INT", "FACE")
        mesh.attributes[name].data.foreach_set("value", values)
    if show:
        settling.settle()
        mesh.update_tag()


def read_heights(obj: bpy.types.Object) -> np.ndarray | None:
    """Height hints, float32 [H, W] metres above ground, NaN unknown; None where no cell has one."""
    plane = _read_plane(obj, HEIGHT_ATTRIBUTE)
    return plane if plane is not None and np.isfinite(plane).any() else None


def height_range(obj: bpy.types.Object) -> tuple[int, float, float] | None:
    """How many cells have a height hint, the lowest and the highest of them in metres; None where no cell has one."""
    plane = _read_plane(obj, HEIGHT_ATTRIBUTE)
    known = plane[np.isfinite(plane)] if plane is not None else np.empty(0, np.float32)
    return (len(known), float(known.min()), float(known.max())) if len(known) else None


def write_heights(obj: bpy.types.Object, height_hint: np.ndarray | None) -> None:
    """Write height hints [H, W]; None takes them all away."""
    _write_plane(obj, HEIGHT_ATTRIBUTE, height_hint)


def read_elevation(obj: bpy.types.Object) -> np.ndarray | None:
    """The elevation that came with the layout (a survey, a DEM), float32 [H, W] metres, or None."""
    return _read_plane(obj, ELEVATION_ATTRIBUTE)


def write_elevation(obj: bpy.types.Object, elevation: np.ndarray | None) -> None:
    """Write the elevation [H, W] metres; None takes it away."""
    _write_plane(obj, ELEVATION_ATTRIBUTE, elevation)


def _read_plane(obj: bpy.types.Object, name: str) -> np.ndarray | None:
    attribute = obj.data.attributes.get(name)
    rows, cols = grid_shape(obj)
    if attribute is None or attribute.domain != "FACE" or len(attribute.data) != rows * cols:
        return None
    plane = np.empty(rows * cols, np.float32)
    attribute.data.foreach_get("value", plane)
    return plane.reshape(rows, cols)


def _write_plane(obj: bpy.types.Object, name: str, plane: np.ndarray | None) -> None:
    attributes = obj.data.attributes
    if plane is None:
        if name in attributes:
            attributes.remove(attributes[name])
        return
    if name not in attributes:
        attributes.new(name, "FLOAT", "FACE")
    attributes[name].data.foreach_set("value", np.ascontiguousarray(plane, np.float32).ravel())


def read_layout(obj: bpy.types.Object, elevation: bool = True) -> Layout:
    """The object as a core layout, with its height hints where a cell has one, and the elevation that it came with
    unless `elevation` is false (a flat relief is asked for). Raises BadInput."""
    return Layout(read_classes(obj), cell_size(obj), read_heights(obj), read_elevation(obj) if elevation else None,
                  *georeference(obj) or (None, None))


def set_georeference(obj: bpy.types.Object, crs: str | None, origin: tuple[float, float] | None) -> None:
    """Keep where on the Earth the south-west corner lies: `origin` in metres in `crs`; None takes it away."""
    for name, value in ((CRS, crs), (ORIGIN, None if origin is None else [float(v) for v in origin])):
        if value is not None:
            obj.data[name] = value
        elif name in obj.data:
            del obj.data[name]


def georeference(obj: bpy.types.Object) -> tuple[str, tuple[float, float]] | None:
    """The coordinate reference system and the south-west corner in it, metres; None where they are unknown."""
    if CRS not in obj.data or ORIGIN not in obj.data:
        return None
    x, y = obj.data[ORIGIN]
    return str(obj.data[CRS]), (float(x), float(y))


def apply(obj: bpy.types.Object, stroke: Stroke, show: bool = True) -> int:
    """Write what a stroke changed, and nothing else, into the layout; how many cells. Raises BadInput."""
    if not stroke.count:
        return 0
    check_editable(obj)
    changed, paint = stroke.changed.mask, stroke.paint
    classes = read_classes(obj)
    stroke.changed.of(classes)[changed] = paint.class_id
    heights = read_heights(obj)
    if paint.height is not None and heights is None:
        heights = np.full(classes.shape, np.nan, np.float32)
    if heights is not None:
        stroke.changed.of(heights)[changed] = np.nan if paint.height is None else paint.height
        write_heights(obj, heights)
    write_classes(obj, classes, show)
    return stroke.count


def paint(obj: bpy.types.Object, patch: Patch, chosen: Paint) -> int:
    """Paint the cells of a patch; how many changed. Raises BadInput."""
    stroke = Stroke(read_classes(obj), read_heights(obj), chosen)
    stroke.add(patch)
    return apply(obj, stroke)
