"""Buildings of a place as closed solids: straight upright walls, planar roofs, a level floor below the lowest ground around."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from ..scene import classes as sem
from ..scene.splats import Splats
from .columns import UP, Columns
from .footprints import Frame, Patch, Plan, Raster, cover, main_direction, patch_of, raster_of, rectangles, rectilinear_plan
from .place import BUILDING, Part
from .roofs import Roof, fitted, rectangle_forms
from .solids import face_normals, trimmed, united
from .terraces import terraced

SINK = 0.4  # metres that the floor lies below the lowest ground around
LEAST_AREA = 4.0  # square metres of footprint, else it is no building
LEAST_SURFELS = 8  # with fewer on the roof its columns tell the heights
STOREY = {sem.HOUSE: 2.8, sem.APARTMENTS: 3.0, sem.TOWER: 3.4, sem.COMMERCIAL: 3.8, sem.INDUSTRIAL: 5.0, sem.STRUCTURE: 3.0}


def building_parts(columns: Columns, splats: Splats, check: Callable[[], None] = lambda: None) -> list[Part]:
    """A part for each building, named "<class>_<number>", numbered from the south-west.

    Attributes of each part, metres and radians: "base" elevation of the lowest ground around (the floor lies SINK deeper),
    "height" and "eaves" (highest point and lowest edge of the roof) above base, "area" of the footprint, "x", "y", "length",
    "width", "angle" of its oriented box (length along angle), "storeys", "roof" (0 flat, 1 gable, 2 hip, 3 terraces) and
    "roof_error" (median distance of the roof's surfels from it). `convex` holds the pieces that it is the union of.

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
    frame = Frame(where.mean(0), main_direction(patch)[0])
    raster = raster_of(patch, frame)
    plan = rectilinear_plan(raster, frame)
    if plan is None or plan.area() < LEAST_AREA:
        return None
    if len(surfels) < LEAST_SURFELS:
        surfels = np.column_stack([where, columns.top[box][own]])
    base = _lowest_ground(columns, number, box)
    roof = _best_roof(plan, raster, patch, surfels, base - SINK)
    return _part(plan, roof, patch, base, int(columns.above[box][own][0]))


def _lowest_ground(columns: Columns, number: int, box: tuple[slice, slice]) -> float:
    """World z of the lowest ground beneath a building and within two columns of it."""
    wide = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in box)
    near = ndimage.binary_dilation(columns.building[wide] == number, iterations=2)
    return float(columns.ground[wide][near].min())


def _best_roof(plan: Plan, raster: Raster, patch: Patch, surfels: np.ndarray, floor: float) -> Roof:
    """The roof of the form that fits the surfels [N, 3] best."""
    points, z = plan.frame.own(surfels[:, :2]), surfels[:, 2]
    rects, few = rectangles(plan.u, plan.v, plan.inside), cover(plan.u, plan.v, plan.inside)
    roofs = [fitted(form, points, z, floor) for form in rectangle_forms(rects, few)]
    steps = terraced(plan, raster, patch.sample(patch.height, raster.world, 0), points, z, floor)
    roofs = [r for r in roofs + ([steps] if steps else []) if r.eaves > floor + SINK] or roofs[:1]
    return min(roofs, key=lambda roof: roof.score)


def _part(plan: Plan, roof: Roof, patch: Patch, base: float, class_id: int) -> Part | None:
    """The closed solid under a roof, in the world."""
    pieces = trimmed(roof.pieces, plan.frame, patch.extent)
    if not pieces:
        return None
    vertices, faces = united(pieces)
    if not len(faces):
        return None
    size = vertices[:, :2].max(0) - vertices[:, :2].min(0)
    middle = plan.frame.world((vertices[:, :2].max(0) + vertices[:, :2].min(0)) / 2)
    turned = plan.frame.angle + (np.pi / 2 if size[1] > size[0] else 0.0)
    down = face_normals(vertices, faces)[:, 2] < -0.5
    a, b, c = vertices[faces[down]][:, :, :2].swapaxes(0, 1)
    area = float(np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2)
    vertices[:, :2] = plan.frame.world(vertices[:, :2])
    normal = np.repeat(face_normals(vertices, faces)[:, None], 3, 1).astype(np.float32)
    eaves = roof.eaves - base
    attributes = {
        "height": float(vertices[:, 2].max() - base), "eaves": eaves, "area": area, "base": base, "x": float(middle[0]),
        "y": float(middle[1]), "angle": float((turned + np.pi / 2) % np.pi - np.pi / 2), "length": float(size.max()),
        "width": float(size.min()), "storeys": float(max(round(eaves / STOREY[class_id]), 1)), "roof": float(roof.code),
        "roof_error": roof.error}
    return Part("", BUILDING, class_id, vertices, faces, np.full(len(faces), class_id, np.uint8), normal,
                np.full((len(faces), 3, 3), 128, np.uint8), solid=True, attributes=attributes,
                convex=[np.column_stack([plan.frame.world(p[:, :2]), p[:, 2]]) for p in pieces])
