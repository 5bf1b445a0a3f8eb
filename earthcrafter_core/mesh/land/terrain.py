"""The terrain of a place: one smooth sheet with kerbs and shores, on under buildings and under water."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...convert.kerbs import FINE
from ...scene import classes as sem
from ...scene.splats import Splats
from ..columns import WATER_IDS, Columns
from ..place import TERRAIN, Part
from .sheet import Sheet, sheet_of, split
from .sheet_borders import Borders, borders_of, grid_borders
from .sheet_labels import BASIN, BED, HIGH, LEVEL_OF, LOW, OUTSIDE_LABEL, ground_labels, nearest_where
from .sheet_normals import corner_normals
from .terrain_heights import Heights
from .water import water_parts

SAME = 0.015  # metres: levels of a point that are nearer are one
STEPS = (HIGH, LOW, BED, BASIN)
"""From the highest level down."""


def terrain_parts(columns: Columns, splats: Splats, check: Callable[[], None] = lambda: None) -> list[Part]:
    """The part "terrain", then one part for each lake, river and pool.

    The terrain is one sheet without holes: kerbs and quays are upright strips of it. Each face has its class; the bed of water
    is soil, or sand beside sand, a pool's basin is paved; a strip has the class of what lies above it. `check` may raise.
    """
    labels = ground_labels(columns)
    check()
    heights = Heights(columns, labels)
    check()
    cell = columns.cell / FINE
    heights.set_shore(_shore(grid_borders(labels, cell), cell))  # nearly; until it is smooth
    borders = borders_of(labels, cell, lambda place: heights.at(place, HIGH), check)
    heights.set_shore(_shore(borders, cell))
    check()
    levels = [level for level in STEPS if (LEVEL_OF[labels] == level).any()]
    sheet = sheet_of(labels, cell, borders, lambda place: np.stack([heights.at(place, k) for k in levels], 1), check)
    shallow = (LEVEL_OF[sheet.label] == BED) & (sheet.triangles < len(borders.points)).all(1)
    sheet = split(sheet, shallow)  # their corners lie at the water's edge: a bed needs a point below it
    check()
    vertices, faces, face_class = _raised(sheet, heights, labels, cell)
    vertices[:, :2] += columns.origin
    check()
    terrain = Part("terrain", TERRAIN, 0, vertices, faces, face_class, corner_normals(vertices, faces),
                   np.full((len(faces), 3, 3), 128, np.uint8))
    check()
    return [terrain, *water_parts(sheet, heights, labels, cell, columns.origin)]


def _shore(borders: Borders, cell: float) -> np.ndarray:
    """Places [N, 2] along the shores of lakes and rivers, half a cell apart."""
    lake = (borders.left == sem.WATER) != (borders.right == sem.WATER)
    return borders.along(lake & (borders.left != OUTSIDE_LABEL) & (borders.right != OUTSIDE_LABEL), 0.5 * cell)


def _raised(sheet: Sheet, heights: Heights, labels: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices [V, 3], faces [F, 3] and their classes: the plan at its heights, with strips between its levels."""
    z, vertex = _copies(sheet, heights)
    level = LEVEL_OF[sheet.label]
    flat = vertex[level[:, None], sheet.triangles]
    strips, strip_class = _strips(sheet, vertex)
    used, faces = np.unique(np.concatenate([flat, strips]), return_inverse=True)
    at, point = used // len(sheet.points), used % len(sheet.points)
    vertices = np.column_stack([sheet.points[point], z[at, point]])
    face_class = np.concatenate([_classes(sheet, labels, cell), strip_class])
    return vertices, faces.reshape(-1, 3).astype(np.int32), face_class


def _copies(sheet: Sheet, heights: Heights) -> tuple[np.ndarray, np.ndarray]:
    """Height of each point at each level, float64 [4, P], and its vertex there (level * P + point), int64 [4, P], -1 where
    the point has none. Levels of a point that are nearer than SAME share a vertex, the higher level's."""
    count = len(sheet.points)
    z, vertex = np.zeros((len(STEPS), count)), np.full((len(STEPS), count), -1, np.int64)
    tall = LEVEL_OF[sheet.label]
    for k in STEPS:
        here = np.unique(sheet.triangles[tall == k])
        z[k, here] = heights.at(sheet.points[here], k)
        vertex[k, here] = k * count + here
    for k in STEPS[1:]:
        for above in STEPS[:k]:
            z[k] = np.where((vertex[k] >= 0) & (vertex[above] >= 0), np.minimum(z[k], z[above]), z[k])
            same = (vertex[k] >= 0) & (vertex[above] >= 0) & (z[above] - z[k] < SAME)
            z[k, same], vertex[k, same] = z[above, same], vertex[above, same]
    return z, vertex


def _strips(sheet: Sheet, vertex: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upright faces [S, 3] between the levels along the borders, in numbers of `vertex`, and their classes.

    A strip takes in every copy of its ends between its levels, so that three strips that meet at a point share its edges.
    """
    b = sheet.borders
    left, right = LEVEL_OF[b.left], LEVEL_OF[b.right]
    rows = np.flatnonzero((left != right) & (b.left != OUTSIDE_LABEL) & (b.right != OUTSIDE_LABEL))
    swap = left[rows] < right[rows]  # the higher level lies left: walk the other way
    u, v = np.where(swap[:, None], b.edges[rows][:, ::-1], b.edges[rows]).T
    high, low = np.minimum(left, right)[rows], np.maximum(left, right)[rows]
    class_id = np.where(swap, b.left[rows], b.right[rows])
    faces, owner = [], []
    for top, bottom in {(int(h), int(k)) for h, k in zip(high, low)}:
        here = np.flatnonzero((high == top) & (low == bottom))
        at_u, at_v = (np.stack([vertex[k, ends] for k in STEPS if top <= k <= bottom]) for ends in (u[here], v[here]))
        for chain in (at_u, at_v):  # a copy that is missing between is that above it
            for k in range(1, len(chain)):
                chain[k] = np.where(chain[k] < 0, chain[k - 1], chain[k])
        for k in range(1, len(at_u)):
            for triangle in ((at_u[k - 1], at_v[k - 1], at_v[k]), (at_u[k - 1], at_v[k], at_u[k])):
                faces.append(np.stack(triangle, 1))
                owner.append(here)
    if not faces:
        return np.zeros((0, 3), np.int64), np.zeros(0, np.uint8)
    strips, order = np.concatenate(faces), np.concatenate(owner)
    solid = (strips[:, 0] != strips[:, 1]) & (strips[:, 1] != strips[:, 2]) & (strips[:, 2] != strips[:, 0])
    strips, order = strips[solid], order[solid]
    first = np.argsort(order, kind="stable")
    return strips[first], class_id[order[first]].astype(np.uint8)


def _classes(sheet: Sheet, labels: np.ndarray, cell: float) -> np.ndarray:
    """Class of each triangle of the plan, uint8 [T]; under water that of its bed."""
    middle = sheet.points[sheet.triangles].mean(1)
    i, j = np.clip((middle / cell).astype(int), 0, np.array(labels.shape) - 1).T
    bank = nearest_where(labels, ~np.isin(labels, WATER_IDS))[i, j]
    bed = np.where(bank == sem.SAND, sem.SAND, sem.SOIL)
    return np.select([sheet.label == sem.WATER, sheet.label == sem.POOL], [bed, sem.PATH], sheet.label).astype(np.uint8)
