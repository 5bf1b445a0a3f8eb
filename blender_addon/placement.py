"""Where a new layout goes in the scene, and turning the views to it."""
from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector

from . import layout_mesh, result_import

GAP = 0.08  # of the new layout's width, to what is west of it
_TOUCHING = 1e-3  # metres that two may share: sides that meet do not overlap
_MARGIN = 0.06  # of the free part of the view, at each side
_HALF_SENSOR = 36.0  # mm: half of what a 3D view shows along its longer side with a lens of this length, at distance 1
_REACH = 4.0  # sides of the layout that the view sees as far as, at least

Box = tuple[float, float, float, float]  # west, south, east, north, metres


def put(scene: bpy.types.Scene, obj: bpy.types.Object) -> str:
    """Place a new layout with its south-west corner at the 3D cursor, or further east where it would lie over another
    layout, or over a place made from one; the name of the layout that it then lies beside, "" at the cursor."""
    obj.location = scene.cursor.location
    west, south, east, north = _box(obj, obj.matrix_basis)
    taken, beside = _taken(scene, obj), ""
    while found := [(box, name) for box, name in taken if _overlap(box, (west, south, east, north))]:
        (_, _, end, _), beside = max(found)
        shift = end + GAP * (east - west) - west
        west, east = west + shift, east + shift
        obj.location.x += shift
    return beside


def _taken(scene: bpy.types.Scene, new: bpy.types.Object) -> list[tuple[Box, str]]:
    """What lies in the scene already, hidden or not, and the layouts' names."""
    layouts = {obj.name: obj for obj in scene.objects if layout_mesh.is_layout(obj) and obj != new}
    found = [(_box(obj, _world(obj)), name) for name, obj in layouts.items()]
    for place in result_import.places(scene):
        layout, parts = layouts.get(place.get(result_import.LAYOUT, "")), place.objects
        if layout is not None and len(parts):
            found.append((_box(layout, _world(parts[0])), layout.name))
    return found


def _world(obj: bpy.types.Object) -> Matrix:
    """The world matrix; hidden and just moved objects have an old one unless they hang on something."""
    return obj.matrix_world if obj.parent is not None or len(obj.constraints) else obj.matrix_basis


def _corners(obj: bpy.types.Object, world: Matrix) -> list[Vector]:
    """The corners of a layout's grid."""
    rows, cols = layout_mesh.grid_shape(obj)
    size = layout_mesh.cell_size(obj)
    return [world @ Vector((x * cols * size, y * rows * size, 0.0)) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]


def _box(obj: bpy.types.Object, world: Matrix) -> Box:
    """The layout's box in plan."""
    corners = _corners(obj, world)
    x, y = [c.x for c in corners], [c.y for c in corners]
    return min(x), min(y), max(x), max(y)


def _overlap(a: Box, b: Box) -> bool:
    return (min(a[2], b[2]) - max(a[0], b[0]) > _TOUCHING) and (min(a[3], b[3]) - max(a[1], b[1]) > _TOUCHING)


def show(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Turn the window's 3D views to a layout, beside their sidebar and toolbar, and let them see as far as it reaches;
    nothing without a window."""
    if bpy.app.background or context.window is None:
        return
    corners = np.array(_corners(obj, _world(obj)))
    reach = _REACH * max(layout_mesh.grid_shape(obj)) * layout_mesh.cell_size(obj)
    for area in context.window.screen.areas:
        region = next((r for r in area.regions if r.type == "WINDOW"), None)
        if area.type == "VIEW_3D" and region is not None and min(region.width, region.height) > 1:
            space = area.spaces.active
            space.clip_end = max(space.clip_end, reach)
            _turn(space, (region.width, region.height), _free(area, region), corners)


def _free(area: bpy.types.Area, region: bpy.types.Region) -> tuple[float, float]:
    """From where to where across the view's main region nothing lies over it: shares of its width."""
    left, right = region.x, region.x + region.width
    for other in area.regions:
        if min(other.width, other.height) > 1 and region.x <= other.x < region.x + region.width:
            if other.type == "UI":
                right = min(right, other.x)
            elif other.type == "TOOLS":
                left = max(left, other.x + other.width)
    if right - left < region.width / 4:  # a window this narrow has nothing but panels
        return 0.0, 1.0
    return (left - region.x) / region.width, (right - region.x) / region.width


def _turn(space: bpy.types.SpaceView3D, size: tuple[int, int], free: tuple[float, float], corners: np.ndarray) -> None:
    """Move one view so that the corners [N, 3] lie in the free part of its width."""
    view = space.region_3d
    location, distance = framed(np.array(view.view_rotation.to_matrix()), view.view_perspective == "ORTHO", space.lens, size,
                                free, corners)
    if view.view_perspective == "CAMERA":
        view.view_perspective = "PERSP"
    view.view_location, view.view_distance = location, distance


def framed(rotation: np.ndarray, orthographic: bool, lens: float, size: tuple[int, int], free: tuple[float, float],
           corners: np.ndarray) -> tuple[list[float], float]:
    """The place that a 3D view turns around and its distance, so that it shows all corners.

    Args:
        rotation: [3, 3] of the view: its columns are right, up and towards the eye.
        lens: mm.
        size: pixels of the region.
        free: where across the region the corners may lie, shares of its width.
        corners: [N, 3] metres.
    """
    middle = (corners.min(0) + corners.max(0)) / 2
    right, up, near = ((corners - middle) @ rotation).T
    per_metre = lens / _HALF_SENSOR * max(size) / np.array(size)  # shown half widths, of a metre at distance 1
    half = np.array([free[1] - free[0], 1.0]) * (1 - 2 * _MARGIN)
    shift = free[0] + free[1] - 1  # of the free part's middle, in half widths
    near = np.zeros_like(near) if orthographic else near  # what is nearer to the eye looks larger, and is further aside
    across = (np.abs(right) * per_metre[0] + np.abs(near * shift)) / half[0] + near
    along = np.abs(up) * per_metre[1] / half[1] + near
    distance = float(max(across.max(), along.max(), 1e-3))
    return (middle - rotation[:, 0] * shift * distance / per_metre[0]).tolist(), distance
