"""Buildings of a place as closed solids: straight upright walls, planar roofs, a level floor below the lowest ground around."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from ...scene import classes as sem
from ...scene.splats import Splats
from ..columns import UP, Columns
from ..place import BUILDING, Part
from .footprints import RIGHT_ANGLED, Plan, cover, rectangles, rectilinear_plan
from .frames import Frame, Patch, Raster, main_direction, patch_of, raster_of
from .parapets import LEAST_AREA as PARAPET_AREA
from .parapets import grid_parapets, ring_parapet
from .roofs import FLAT, TERRACES, Roof, fitted, rectangle_forms
from .round_plans import RoundPlan, circle_plan, free_plan, round_roofs
from .solids import corner_normals, is_sound, trimmed, united
from .terraces import terraced

SINK = 0.4  # metres that the floor lies below the lowest ground around
LEAST_AREA = 4.0  # square metres of footprint, else it is no building
LOWEST_EAVES = 1.0  # metres above the ground
FINE = 0.9  # merit of walls at right angles, see _merit, at which no other form is tried
CORNER_MERIT = 0.004  # share of the footprint that a corner must win
FREE_PRICE = 0.05  # merit by which an outline of its own must be better
BEND = 35.0  # degrees up to which walls of a round building are one smooth surface
LEAST_FREE = 100.0  # square metres of footprint that can have an outline of its own
TERRACE_ERROR = 0.12  # metres: mean error of a roof of one level at which terraces are not tried
WALLED = (sem.APARTMENTS, sem.TOWER, sem.COMMERCIAL, sem.INDUSTRIAL)
LEAST_SURFELS = 8  # with fewer on the roof its columns tell the heights
STOREY = {sem.HOUSE: 2.8, sem.APARTMENTS: 3.0, sem.TOWER: 3.4, sem.COMMERCIAL: 3.8, sem.INDUSTRIAL: 5.0, sem.STRUCTURE: 3.0}


def building_parts(columns: Columns, splats: Splats, check: Callable[[], None] = lambda: None) -> list[Part]:
    """A part for each building, named "<class>_<number>", numbered by class, then from the west.

    Attributes of each part, metres and radians: "base" elevation of the lowest ground around (the floor lies SINK deeper),
    "height" and "eaves" above base (of the highest point, parapets included, and of the roof's lowest edge), "area" of the
    footprint, "x", "y", "length", "width", "angle" of its oriented box (length along angle), "storeys", "roof" (0 flat,
    1 gable, 2 hip, 3 terraces) and "roof_error" (median distance of the roof's surfels from it). `convex` holds the pieces
    that it is the union of, but for eaves and parapets.

    Args:
        columns: of the draped place. splats: its surfels. check: called before each building; may raise.
    """
    surfels = _roof_surfels(columns, splats)
    parts: list[Part] = []
    for number, box in enumerate(ndimage.find_objects(columns.building), 1):
        check()
        part = _building(columns, number, box, surfels[number - 1])
        if part is not None:
            part.name = f"{sem.NAMES[part.class_id]}_{len(parts) + 1:03d}"
            parts.append(part)
    return parts


def _roof_surfels(columns: Columns, splats: Splats) -> list[np.ndarray]:
    """Centres float64 [N, 3] of the surfels on top of each building's roof."""
    rows = np.flatnonzero(sem.is_in(splats.class_id, sem.BUILDING_IDS) & (splats.normals()[:, 2] > UP))
    mean = splats.mean[rows].astype(np.float64)
    at = np.clip(np.floor((mean[:, :2] - columns.origin) / columns.cell).astype(np.int64), 0, np.array(columns.shape) - 1)
    number = columns.building[at[:, 0], at[:, 1]]
    own = (number > 0) & (np.abs(mean[:, 2] - columns.top[at[:, 0], at[:, 1]]) < columns.cell)
    number, mean = number[own], mean[own]
    order = np.argsort(number, kind="stable")
    ends = np.searchsorted(number[order], np.arange(1, int(columns.building.max(initial=0)) + 2))
    return [mean[order[a:b]] for a, b in zip(ends[:-1], ends[1:])]


def _building(columns: Columns, number: int, box: tuple[slice, slice], surfels: np.ndarray) -> Part | None:
    """One building, without its name; None where nothing of it is left."""
    patch = patch_of(columns.building, columns.top, number, box, columns.origin, columns.cell)
    own = columns.building[box] == number
    if own.sum() * columns.cell ** 2 < LEAST_AREA:
        return None
    where = (np.argwhere(own) + (box[0].start, box[1].start) + 0.5) * columns.cell + columns.origin
    if len(surfels) < LEAST_SURFELS:
        surfels = np.column_stack([where, columns.top[box][own]])
    base, made = _lowest_ground(columns, number, box), None
    plans, raster = _plans(patch, where.mean(0))
    for plan in plans:
        for roof in _roofs(plan, raster, patch, surfels, base - SINK):
            made = _part(plan, roof, patch, base, int(columns.above[box][own][0]))
            if made is None or is_sound(made.vertices, made.faces):
                return made
    return made


def _lowest_ground(columns: Columns, number: int, box: tuple[slice, slice]) -> float:
    """World z of the lowest ground beneath a building and within two columns of it."""
    wide = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in box)
    near = ndimage.binary_dilation(columns.building[wide] == number, iterations=2)
    return float(columns.ground[wide][near].min())


def _plans(patch: Patch, centre: np.ndarray) -> tuple[list[Plan | RoundPlan], Raster]:
    """Plans of the footprint, the best first: straight walls, or a round one where that is nearer; and the raster of them."""
    angle, agreed = main_direction(patch)
    frame = Frame(centre, angle)
    raster = raster_of(patch, frame)
    straight = rectilinear_plan(raster, frame)
    plans: list[Plan | RoundPlan] = [straight] if straight is not None and straight.area() >= LEAST_AREA else []
    merit = _merit(straight, raster)
    if agreed < RIGHT_ANGLED and (circle := circle_plan(raster, frame)) and _merit(circle, raster) > merit:
        return [circle, *plans], raster
    if raster.area() >= LEAST_FREE and merit < FINE and (free := free_plan(raster, frame)):
        if _merit(free, raster) > merit + FREE_PRICE:
            return [free, *plans], raster
    return plans, raster


def _merit(plan: Plan | RoundPlan | None, raster: Raster) -> float:
    """How well a plan tells the footprint: intersection over union, where it is known, less a price for each corner."""
    if plan is None:
        return 0.0
    own = plan.contains(np.stack(np.meshgrid(raster.u, raster.v, indexing="ij"), -1))[raster.known]
    solid = (raster.share > 0.5)[raster.known]
    return float((own & solid).sum() / max((own | solid).sum(), 1)) - CORNER_MERIT * plan.corners()


def _roofs(plan: Plan | RoundPlan, raster: Raster, patch: Patch, surfels: np.ndarray, floor: float) -> list[Roof]:
    """Roofs over a plan, the one whose form fits the surfels [N, 3] best first; none where nothing was built."""
    points, z = plan.frame.own(surfels[:, :2]), surfels[:, 2]
    heights = patch.sample(patch.height, raster.world, 0)
    if isinstance(plan, RoundPlan):
        roofs = round_roofs(plan, raster, heights, points, z, floor)
    else:
        rects, few = rectangles(plan.u, plan.v, plan.inside), cover(plan.u, plan.v, plan.inside)
        roofs = [fitted(form, points, z, floor) for form in rectangle_forms(rects, few)]
        if min(roof.score for roof in roofs) > TERRACE_ERROR and (
                steps := terraced(plan, raster, heights, points, z, floor)):
            roofs.append(steps)
    return sorted((r for r in roofs if r.eaves > floor + SINK + LOWEST_EAVES), key=lambda roof: roof.score)


def _parapets(plan: Plan | RoundPlan, roof: Roof) -> list[np.ndarray]:
    """The parapet of a roof of one level."""
    if isinstance(plan, RoundPlan):
        return ring_parapet(plan.polygons[0], roof.eaves) if plan.circle else []
    return grid_parapets(plan.u, plan.v, plan.inside.astype(np.int64), np.array([0.0, roof.eaves]))


def _part(plan: Plan | RoundPlan, roof: Roof, patch: Patch, base: float, class_id: int) -> Part | None:
    """The closed solid under a roof, in the world."""
    pieces = trimmed(roof.pieces, plan.frame, patch.extent)
    if not pieces:
        return None
    trims = roof.trims
    if class_id in WALLED and plan.area() >= PARAPET_AREA:
        trims = _parapets(plan, roof) if roof.code == FLAT else trims
    elif roof.code == TERRACES:
        trims = []
    vertices, faces = united(pieces + trimmed(trims, plan.frame, patch.extent))
    if not len(faces):
        return None
    corners = np.concatenate(pieces)
    low, high = corners[:, :2].min(0), corners[:, :2].max(0)
    size, middle = high - low, plan.frame.world((low + high) / 2)
    turned = plan.frame.angle + (np.pi / 2 if size[1] > size[0] else 0.0)
    area = _floor_area(vertices, faces)
    vertices[:, :2] = plan.frame.world(vertices[:, :2])
    normal = corner_normals(vertices, faces, BEND if isinstance(plan, RoundPlan) else 0.0)
    eaves = roof.eaves - base
    attributes = {
        "height": float(vertices[:, 2].max() - base), "eaves": eaves, "area": area, "base": base, "x": float(middle[0]),
        "y": float(middle[1]), "angle": float((turned + np.pi / 2) % np.pi - np.pi / 2), "length": float(size.max()),
        "width": float(size.min()), "storeys": float(max(round(eaves / STOREY[class_id]), 1)), "roof": float(roof.code),
        "roof_error": roof.error}
    return Part("", BUILDING, class_id, vertices, faces, np.full(len(faces), class_id, np.uint8), normal,
                np.full((len(faces), 3, 3), 128, np.uint8), solid=True, attributes=attributes,
                convex=[np.column_stack([plan.frame.world(p[:, :2]), p[:, 2]]) for p in pieces])


def _floor_area(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Square metres of the faces that lie at the lowest level."""
    floor = (vertices[faces][:, :, 2] < vertices[:, 2].min() + 1e-6).all(1)
    a, b, c = vertices[faces[floor]][:, :, :2].swapaxes(0, 1)
    return float(np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2)
