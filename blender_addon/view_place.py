"""From the mouse in a 3D view to a place on a layout, and back."""
from __future__ import annotations

from collections.abc import Iterable

import bpy
from bpy_extras import view3d_utils
from mathutils import Matrix, Vector

from .earthcrafter_core.scene.shapes import Point

_FLAT = 1e-6  # a ray this parallel to the layout does not meet it


def over_view(area: bpy.types.Area | None, mouse: tuple[int, int]) -> bool:
    """Whether the mouse (window pixels) is over the main region of the 3D view and over none of its panels."""
    if area is None or area.type != "VIEW_3D":
        return False
    inside = {region.type for region in area.regions
              if region.width > 1 and region.height > 1 and region.x <= mouse[0] < region.x + region.width
              and region.y <= mouse[1] < region.y + region.height}
    return inside == {"WINDOW"}


def place_at(region: bpy.types.Region, view: bpy.types.RegionView3D, world: Matrix, mouse: tuple[float, float]) -> Point | None:
    """Where the ray under `mouse` (region pixels) meets the plane of a layout with this world matrix.

    Metres from the layout's south-west corner; None where the ray runs along the plane or meets it behind the eye.
    """
    to_local = world.inverted_safe()
    origin = to_local @ view3d_utils.region_2d_to_origin_3d(region, view, mouse)
    direction = to_local.to_3x3() @ view3d_utils.region_2d_to_vector_3d(region, view, mouse)
    if abs(direction.z) < _FLAT:
        return None
    distance = -origin.z / direction.z
    if distance < 0 and view.is_perspective:
        return None
    hit = origin + distance * direction
    return hit.x, hit.y


def pixels_of(region: bpy.types.Region, view: bpy.types.RegionView3D, world: Matrix,
              places: Iterable[Point]) -> list[tuple[float, float]]:
    """Region pixels of places on the layout; those behind the eye are left out."""
    found = (view3d_utils.location_3d_to_region_2d(region, view, world @ Vector((x, y, 0.0))) for x, y in places)
    return [(p.x, p.y) for p in found if p is not None]


def event_place(context: bpy.types.Context, event: bpy.types.Event, obj: bpy.types.Object) -> Point | None:
    """`place_at` for an event in the operator's region."""
    return place_at(context.region, context.region_data, obj.matrix_world, (event.mouse_region_x, event.mouse_region_y))
