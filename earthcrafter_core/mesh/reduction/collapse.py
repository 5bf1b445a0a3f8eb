"""Fewer triangles by moving corners onto their neighbours: the borders between surfaces stay where they are.

Quadric error metrics (Garland and Heckbert 1997) with half-edge collapses: every corner that is left is one of the given ones,
so heights, colours and texture coordinates are kept exactly. Written by us: the libraries that have wheels for all our systems
(pyfqmr, manifold3d) know no borders between classes or charts within a mesh, and open cracks when given one class at a time.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..topology import Edges, edges_of, face_normals
from .collapse_kernel import FREE, LINE, LOCKED, faces_of, run, start

CREASE = np.cos(np.radians(45))  # edges that bend more are kept as lines
CORNER = 2 * np.sin(np.radians(45) / 2)  # length of the difference of two directions, by which an open border has a corner
LINE_WEIGHT = 8.0  # how much dearer it is to leave a line than to leave a surface
STEPS = 20_000  # collapses between two calls of `check`


def collapsed(vertices: np.ndarray, faces: np.ndarray, group: np.ndarray, target: int, error: float = np.inf,
              crease: float = CREASE, check: Callable[[], None] = lambda: None) -> tuple[np.ndarray, np.ndarray]:
    """Simplify a mesh to about `target` triangles; the same for the same input.

    Args:
        vertices: float64 [V, 3] metres. faces: int [F, 3].
        group: int [F]; borders between faces of different groups, edges of more than two faces, open borders and creases stay
            lines: their corners move along them only, and not where three lines meet or an open border turns a corner.
        error: metres that corners may move off the surface (root mean square over it).
        crease: cosine of the angle from which on an edge between two faces is a crease; -1 for none.
        check: called often; may raise.

    Returns:
        faces int32 [T, 3] in the given vertices, and the given face that each was, int64 [T]. More than `target` where the
        rules or the error leave no more to do.
    """
    if len(faces) <= target:
        return faces.astype(np.int32), np.arange(len(faces))
    origin = vertices.mean(0)
    edges = edges_of(faces)
    line = _lines(vertices, faces, group, edges, crease)
    moving = start(vertices - origin, faces, line[edges.of_face], _kinds(vertices, group, edges, line),
                   _quadrics(vertices - origin, faces, edges, line))
    check()
    left = len(faces)
    while left > target:
        before, left = left, run(moving, target, error ** 2, STEPS)
        check()
        if left == before:
            break
    out = faces_of(moving)
    kept = np.flatnonzero(out[:, 0] >= 0)
    return out[kept].astype(np.int32), kept


def _lines(vertices: np.ndarray, faces: np.ndarray, group: np.ndarray, edges: Edges, crease: float) -> np.ndarray:
    """Which edges are lines, bool [E]."""
    line = edges.count != 2
    pair = edges.sharing()
    edge, face = edges.of_face.ravel()[pair[:, 0]], pair // 3
    normal = face_normals(vertices, faces)[0][face]
    line[edge] = (group[face[:, 0]] != group[face[:, 1]]) | ((normal[:, 0] * normal[:, 1]).sum(1) < crease)
    return line


def _kinds(vertices: np.ndarray, group: np.ndarray, edges: Edges, line: np.ndarray) -> np.ndarray:
    """FREE, LINE or LOCKED for each vertex, int8 [V]."""
    count = np.bincount(edges.ends[line].ravel(), minlength=len(vertices))
    kind = np.select([count == 0, count == 2], [FREE, LINE], LOCKED).astype(np.int8)
    between = _between(group, edges)[line]
    low, high = np.full(len(vertices), np.inf), np.full(len(vertices), -np.inf)
    for end in edges.ends[line].T:
        np.minimum.at(low, end, between)
        np.maximum.at(high, end, between)
    kind[(kind == LINE) & (low != high)] = LOCKED  # the line changes there: one of three surfaces ends
    border = edges.ends[edges.count == 1]
    if len(border):  # of each vertex on an open border: the sum of the directions to its neighbours there is 0 where straight
        way = vertices[border[:, 1], :2] - vertices[border[:, 0], :2]
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-12)
        turn = np.stack([np.bincount(border[:, 0], w, len(vertices)) - np.bincount(border[:, 1], w, len(vertices))
                         for w in way.T], 1)
        on_border = np.bincount(border.ravel(), minlength=len(vertices)) == 2
        kind[on_border & (np.linalg.norm(turn, axis=1) > CORNER)] = LOCKED
    return kind


def _between(group: np.ndarray, edges: Edges) -> np.ndarray:
    """A number float64 [E] for each edge that is the same where faces of the same groups meet."""
    of_group = np.random.default_rng(0).random(int(group.max()) + 1)
    out = np.zeros(len(edges.ends))
    order = np.argsort(np.repeat(group, 3), kind="stable")  # sums in the order of the groups: equal ones are equal bit by bit
    np.add.at(out, edges.of_face.ravel()[order], np.repeat(of_group[group], 3)[order])
    return out


def _quadrics(vertices: np.ndarray, faces: np.ndarray, edges: Edges, line: np.ndarray) -> np.ndarray:
    """Sums float64 [V, 11] at each vertex: the 10 numbers of its planes' quadrics, by area, and the whole area."""
    normal, area = face_normals(vertices, faces)
    corner = faces.ravel()
    out = _summed(np.repeat(normal, 3, 0), np.repeat(area / 3, 3), vertices[corner], corner, len(vertices))
    face, k = np.nonzero(line[edges.of_face])  # planes that stand on the lines, one for each face beside it
    begin, end = faces[face, k], faces[face, (k + 1) % 3]
    along = vertices[end] - vertices[begin]
    length = np.linalg.norm(along, axis=1)
    across = np.cross(along, normal[face]) / np.maximum(length, 1e-12)[:, None]
    for at in (begin, end):
        upright = _summed(across, LINE_WEIGHT * length ** 2 / 2, vertices[at], at, len(vertices))
        upright[:, 10] = 0  # lines make leaving dearer, not the surface larger
        out += upright
    return out


def _summed(normal: np.ndarray, weight: np.ndarray, point: np.ndarray, at: np.ndarray, count: int) -> np.ndarray:
    a, b, c = normal.T
    d = -(normal * point).sum(1)
    terms = (a * a, a * b, a * c, a * d, b * b, b * c, b * d, c * c, c * d, d * d, np.ones_like(a))
    return np.stack([np.bincount(at, term * weight, count) for term in terms], 1)


