"""Bridges: closed slabs with straight edges where they run straight, a smooth top and upright sides, on piers and abutments."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from scipy import ndimage
from scipy.spatial import ConvexHull

from ...convert.kerbs import FINE
from ...scene import classes as sem
from ...scene.splats import Splats
from ..columns import Columns
from ..place import DECK, Part
from .deck_levels import Deck, find_decks
from .deck_supports import supports
from .sheet import Sheet, sheet_of
from .sheet_borders import LONGEST, Borders, borders_of
from .sheet_labels import OUTSIDE_LABEL, cleaned
from .sheet_normals import corner_normals
from .triangulate import constrained

THICKNESS = 0.8  # metres
STRAIGHT = 0.82  # share that a deck and an oblong have in common, of both together, from which on it is one
CONVEX = 0.9  # share of its convex hull that a slab fills, from which on it is one convex piece
_DECK = 1  # label inside; 0 around it


def deck_parts(columns: Columns, splats: Splats, check: Callable[[], None] = lambda: None) -> list[Part]:
    """One closed part "bridge_001" ... for each bridge.

    Attributes of each: "height" (of its top above the lowest ground beneath it), "area" (square metres) and "base" (its lowest
    elevation). `check` may raise.
    """
    parts: list[Part] = []
    for deck in find_decks(columns):
        def height(place: np.ndarray, deck: Deck = deck) -> np.ndarray:
            return ndimage.map_coordinates(deck.level, place.T / columns.cell - 0.5, order=1, mode="nearest")

        sheet = _oblong(deck, columns) or _outlined(deck, columns.cell / FINE, height, check)
        check()
        if sheet is not None:
            corner = columns.origin + np.array([s.start for s in deck.box]) * columns.cell
            rim = sheet.points[np.unique(sheet.triangles[sheet.label == _DECK])]
            carried = supports(deck, columns, rim, THICKNESS)
            part = _slab(sheet, height(sheet.points), carried, f"bridge_{len(parts) + 1:03d}", corner)
            part.attributes["height"] = float(part.vertices[:, 2].max() - columns.ground[deck.box][deck.mask].min())
            parts.append(part)
            check()
    return parts


def _oblong(deck: Deck, columns: Columns) -> Sheet | None:
    """The plan of a deck that fills an oblong well, cut off at the edge of the scene; None for any other."""
    place = (np.argwhere(deck.mask) + 0.5) * columns.cell
    centre = place.mean(0)
    spread, axes = np.linalg.eigh(np.cov(place.T))
    half = np.sqrt(3 * np.maximum(spread, 0))[:, None] * axes.T  # an oblong's half sides by its moments
    low = np.array([s.start for s in deck.box])
    size = np.array(deck.mask.shape)
    scene = shapely.box(*np.where(low > 0, -1e3, 0), *(np.where(low + size < columns.shape, 1e3, 0) + size * columns.cell))
    index = np.argwhere(deck.mask)
    at_edge = ((index == 0) & (low == 0)).any() or ((index == size - 1) & (low + size == columns.shape)).any()
    stretch = 1.5 if at_edge and spread[1] > 4 * spread[0] else 1.0  # beyond the edge, which cuts it
    cells = shapely.union_all(shapely.box(*(index * columns.cell).T, *((index + 1) * columns.cell).T))
    corners = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])[:, ::-1] @ half
    plan = shapely.Polygon(corners).intersection(scene)
    if at_edge:
        longer = [shapely.Polygon(corners + k * (stretch - 1) * half[1]).union(plan).convex_hull for k in (-1, 1)]
        plan = max((p.intersection(scene) for p in [shapely.Polygon(corners), *longer]),
                   key=lambda p: p.intersection(cells).area / p.union(cells).area)
    if plan.intersection(cells).area < STRAIGHT * plan.union(cells).area:
        return None
    ring = shapely.get_coordinates(shapely.segmentize(shapely.orient_polygons(plan).exterior, LONGEST))[:-1]
    edges = np.column_stack([np.arange(len(ring)), np.roll(np.arange(len(ring)), -1)])
    triangles, missing = constrained(ring, edges)
    if len(missing):
        return None
    borders = Borders(ring, edges, np.full(len(ring), _DECK, np.uint8), np.full(len(ring), OUTSIDE_LABEL, np.uint8))
    return Sheet(ring, triangles, np.full(len(triangles), _DECK, np.uint8), borders)


def _outlined(deck: Deck, cell: float, height: Callable[[np.ndarray], np.ndarray], check: Callable[[], None]) -> Sheet | None:
    """The plan of a deck of any form, by its smooth outline; None where it is too thin for one."""
    fine = np.repeat(np.repeat(deck.mask.astype(np.float64), FINE, 0), FINE, 1)
    labels = cleaned((ndimage.gaussian_filter(fine, 1.0, mode="nearest") > 0.5).astype(np.uint8) * _DECK, cell)
    if not labels.any():
        return None
    return sheet_of(labels, cell, borders_of(labels, cell, height, check), lambda place: height(place)[:, None], check)


def _slab(sheet: Sheet, level: np.ndarray, carried: list[tuple[np.ndarray, np.ndarray]], name: str, corner: np.ndarray) -> Part:
    """The closed slab under the triangles of a plan that are labelled as deck, its points at heights `level` [P], and the boxes
    that carry it."""
    used, top = np.unique(sheet.triangles[sheet.label == _DECK], return_inverse=True)
    top, count = top.reshape(-1, 3), len(used)
    edges = np.stack([top, np.roll(top, -1, 1)], 2).reshape(-1, 2)
    inner = np.isin(edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0])
    a, b = edges[~inner].T
    sides = np.concatenate([np.stack([a, a + count, b + count], 1), np.stack([a, b + count, b], 1)])
    faces = np.concatenate([top, top[:, ::-1] + count, sides])
    plan = sheet.points[used] + corner
    vertices = np.concatenate([np.column_stack([plan, level[used]]), np.column_stack([plan, level[used] - THICKNESS])])
    d, e = plan[top[:, 1]] - plan[top[:, 0]], plan[top[:, 2]] - plan[top[:, 0]]
    area = 0.5 * float((d[:, 0] * e[:, 1] - d[:, 1] * e[:, 0]).sum())
    hull = ConvexHull(plan)
    convex = [vertices[np.concatenate([hull.vertices, hull.vertices + count])]] if area > CONVEX * hull.volume else []
    boxes = [(box + [*corner, 0.0], box_faces) for box, box_faces in carried]
    convex += [box for box, _ in boxes] if convex else []
    faces = np.concatenate([faces, *(f + len(vertices) + 8 * k for k, (_, f) in enumerate(boxes))]).astype(np.int32)
    vertices = np.concatenate([vertices, *(box for box, _ in boxes)])
    return Part(name, DECK, sem.BRIDGE, vertices, faces, np.full(len(faces), sem.BRIDGE, np.uint8),
                corner_normals(vertices, faces), np.full((len(faces), 3, 3), 128, np.uint8), solid=True,
                attributes={"area": area, "base": float(vertices[:, 2].min())}, convex=convex)
