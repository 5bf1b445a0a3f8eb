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
Frame = tuple[float, float, float, float]  # left, bottom, right, top, shares of a region's width and height


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
    found = [(_box(obj, world(obj)), name) for name, obj in layouts.items()]
    for place in result_import.places(scene):
        layout, parts = layouts.get(place.get(result_import.LAYOUT, "")), place.objects
        if layout is not None and len(parts):
            found.append((_box(layout, world(parts[0])), layout.name))
    return found


def world(obj: bpy.types.Object) -> Matrix:
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
    """Turn the window's 3D views to a layout, clear of their panels and headers, and let them see as far as it reaches;
    nothing without a window."""
    if bpy.app.background or context.window is None:
        return
    corners = np.array(_corners(obj, world(obj)))
    reach = _REACH * max(layout_mesh.grid_shape(obj)) * layout_mesh.cell_size(obj)
    for area in context.window.screen.areas:
        region = next((r for r in area.regions if r.type == "WINDOW"), None)
        if area.type == "VIEW_3D" and region is not None and min(region.width, region.height) > 1:
            space = area.spaces.active
            space.clip_end = max(space.clip_end, reach)
            _turn(space, (region.width, region.height), _free(area, region), corners)


def _free(area: bpy.types.Area, region: bpy.types.Region) -> Frame:
    """The part of the view's main region that no header, toolbar or sidebar lies over."""
    left, bottom, right, top = region.x, region.y, region.x + region.width, region.y + region.height
    for other in area.regions:
        if min(other.width, other.height) < 2 or not (region.x <= other.x < right and region.y <= other.y < top):
            continue
        if other.type == "UI":
            right = other.x
        elif other.type == "TOOLS":
            left = max(left, other.x + other.width)
        elif other.type in {"HEADER", "TOOL_HEADER"}:
            if other.y > region.y + region.height / 2:
                top = other.y
            else:
                bottom = max(bottom, other.y + other.height)
    if right - left < region.width / 4:  # a window this narrow has nothing but panels
        left, right = region.x, region.x + region.width
    return ((left - region.x) / region.width, (bottom - region.y) / region.height,
            (right - region.x) / region.width, (top - region.y) / region.height)


def _turn(space: bpy.types.SpaceView3D, size: tuple[int, int], free: Frame, corners: np.ndarray) -> None:
    """Move one view so that the corners [N, 3] lie in its free part."""
    view = space.region_3d
    location, distance = framed(np.array(view.view_rotation.to_matrix()), view.view_perspective == "ORTHO", space.lens, size,
                                free, corners)
    if view.view_perspective == "CAMERA":
        view.view_perspective = "PERSP"
    view.view_location, view.view_distance = location, distance


def framed(rotation: np.ndarray, orthographic: bool, lens: float, size: tuple[int, int], free: Frame,
           corners: np.ndarray) -> tuple[list[float], float]:
    """The place that a 3D view turns around and its distance, so that it shows all corners.

    Args:
        rotation: [3, 3] of the view: its columns are right, up and towards the eye.
        lens: mm.
        size: pixels of the region.
        free: where in the region the corners may lie.
        corners: [N, 3] metres.
    """
    middle = (corners.min(0) + corners.max(0)) / 2
    seen = (corners - middle) @ rotation
    near = np.zeros((len(seen), 1)) if orthographic else seen[:, 2:]  # nearer to the eye: larger, and further aside
    per_metre = lens / _HALF_SENSOR * max(size) / np.array(size)  # shown half sides, of a metre at distance 1
    low, high = np.array(free[:2]), np.array(free[2:])
    half, shift = (high - low) * (1 - 2 * _MARGIN), low + high - 1  # the free part's half side and middle, in half sides
    distance = max(float(((np.abs(seen[:, :2]) * per_metre + np.abs(near * shift)) / half + near).max()), 1e-3)
    return (middle - rotation[:, :2] @ (shift * distance / per_metre)).tolist(), distance
