"""The inner loops of `collapse`: a heap of vertices by what it costs to move each onto its best neighbour."""
from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

FREE, LINE, LOCKED = 0, 1, 2
NEVER = np.inf
TURN = 0.3  # least cosine between a face's normals before and after
DOWN = -0.005  # least z of the normal of faces that did not look down before
THIN = 0.03  # height of a face as a share of its longest side: collapses that make thinner ones are refused
SHORT_FIRST = 1e-6  # of the squared length, by which short edges go first where all is flat

VERTEX = np.dtype([("x", "f8"), ("y", "f8"), ("z", "f8"), ("cost", "f8"), ("to", "i8"), ("first", "i8"), ("last", "i8"),
                   ("place", "i8"), ("mark", "i8"), ("kind", "i8")])
"""A vertex: its place; the cost of its best move and its goal (-1: none); the ends of the list of its corners; its place in the
heap (-1: none); scratch; FREE, LINE or LOCKED."""
CORNER = np.dtype([("vertex", "i8"), ("following", "i8"), ("line", "i8")])
"""Corner 4 * face + k, k of 0..2 (every fourth is not used): its vertex (-1 in a face that is gone), the next corner at that
vertex (-1: none), and whether the edge from it to the face's next corner is a line."""


class Moving(NamedTuple):
    """A mesh that is being simplified.

    Attributes:
        vertex: VERTEX [V]. corner: CORNER [4 F]. quadric: float64 [V, 11], 10 numbers and the area.
        heap: int64 [V] vertices, the cheapest first. counts: int64 [3] the heap's size, the faces left, the last mark.
    """

    vertex: np.ndarray
    corner: np.ndarray
    quadric: np.ndarray
    heap: np.ndarray
    counts: np.ndarray

    def faces(self) -> np.ndarray:
        """int64 [F, 3]; -1 in those that are gone."""
        return self.corner["vertex"].reshape(-1, 4)[:, :3].copy()


def start(point: np.ndarray, faces: np.ndarray, line: np.ndarray, kind: np.ndarray, quadric: np.ndarray) -> Moving:
    """The mesh before the first move.

    Args:
        point: float64 [V, 3]. faces: int [F, 3]. line: bool [F, 3] whether the edge from each corner to the next is a line.
        kind: [V]. quadric: float64 [V, 11].
    """
    vertex, corner = np.zeros(len(point), VERTEX), np.zeros((len(faces), 4), CORNER)
    vertex["x"], vertex["y"], vertex["z"] = point.T
    vertex["kind"] = kind
    for name in ("to", "first", "last", "place"):
        vertex[name] = -1
    corner["vertex"][:, :3], corner["following"], corner["line"][:, :3] = faces, -1, line
    moving = Moving(vertex, corner.ravel(), np.array(quadric, order="C"), np.zeros(len(point), np.int64),
                    np.array([0, len(faces), 0]))
    _begin(moving)
    return moving


@numba.njit(cache=True)
def run(m, target, most, steps):
    """Make up to `steps` moves whose mean square error is at most `most`, until `target` faces are left; how many are."""
    for _ in range(steps):
        if m.counts[0] == 0 or m.counts[1] <= target:
            break
        v = m.heap[0]
        u = m.vertex[v].to
        if u < 0:
            break
        weight = m.quadric[v, 10] + m.quadric[u, 10]
        if m.vertex[v].cost > most * max(weight, 1e-12):
            _take(m, v)
            continue
        if not _linked(m, v, u):  # the goal's surroundings have changed since the cost was worked out
            _weigh(m, v)
            continue
        _move(m, v, u)
    return m.counts[1]


@numba.njit(cache=True)
def _begin(m):
    for c in range(len(m.corner)):
        if c & 3 < 3:
            v = m.corner[c].vertex
            if m.vertex[v].last < 0:
                m.vertex[v].first = c
            else:
                m.corner[m.vertex[v].last].following = c
            m.vertex[v].last = c
    for v in range(len(m.vertex)):
        if m.vertex[v].first >= 0:
            _weigh(m, v)


@numba.njit(cache=True)
def _there(m, c):
    """The corner c, or the first after it in its vertex's list whose face is not gone; -1 at the end."""
    while c >= 0 and m.corner[c].vertex < 0:
        c = m.corner[c].following
    return c


@numba.njit(cache=True)
def _after(c):
    """The face's next corner."""
    return c + 1 if c & 3 < 2 else c - 2


@numba.njit(cache=True)
def _weigh(m, v):
    """Find the best move of a vertex and its place in the heap."""
    best, goal = NEVER, -1
    if m.vertex[v].kind != LOCKED:
        c = _there(m, m.vertex[v].first)
        while c >= 0:
            ahead = _after(c)
            behind = _after(ahead)
            if m.vertex[v].kind == FREE or m.corner[c].line:
                u = m.corner[ahead].vertex
                cost = _error(m, v, u)
                if cost < best and _linked(m, v, u) and _fits(m, v, u):
                    best, goal = cost, u
            if m.vertex[v].kind == LINE and m.corner[behind].line:  # else it is ahead of another corner at v
                u = m.corner[behind].vertex
                cost = _error(m, v, u)
                if cost < best and _linked(m, v, u) and _fits(m, v, u):
                    best, goal = cost, u
            c = _there(m, m.corner[c].following)
    m.vertex[v].cost, m.vertex[v].to = best, goal
    if goal < 0:
        _take(m, v)
    else:
        _put(m, v)


@numba.njit(cache=True)
def _error(m, v, u):
    """Squared distances from the planes of both vertices to u, by area; a little more where it is farther."""
    x, y, z = m.vertex[u].x, m.vertex[u].y, m.vertex[u].z
    dx, dy, dz = x - m.vertex[v].x, y - m.vertex[v].y, z - m.vertex[v].z
    error, area = 0.0, 0.0
    for at in (v, u):
        q = m.quadric[at]
        error += (q[0] * x * x + 2 * q[1] * x * y + 2 * q[2] * x * z + 2 * q[3] * x + q[4] * y * y + 2 * q[5] * y * z
                  + 2 * q[6] * y + q[7] * z * z + 2 * q[8] * z + q[9])
        area += q[10]
    return max(error, 0.0) + SHORT_FIRST * area * (dx * dx + dy * dy + dz * dz)


@numba.njit(cache=True)
def _linked(m, v, u):
    """Whether the surface stays one: v and u have no common neighbours but those of their common faces (link condition), and no
    two lines become one."""
    m.counts[2] += 1
    mark = m.counts[2]
    c = _there(m, m.vertex[u].first)
    while c >= 0:
        ahead = _after(c)
        m.vertex[m.corner[ahead].vertex].mark = mark
        m.vertex[m.corner[_after(ahead)].vertex].mark = mark
        c = _there(m, m.corner[c].following)
    m.vertex[v].mark = 0
    shared, common = 0, 0
    c = _there(m, m.vertex[v].first)
    while c >= 0:
        ahead = _after(c)
        behind = _after(ahead)
        for other in (ahead, behind):
            w = m.corner[other].vertex
            if m.vertex[w].mark == mark:
                common += 1
                m.vertex[w].mark = 0
        if m.corner[ahead].vertex == u:
            shared += 1
            if m.corner[ahead].line and m.corner[behind].line:
                return False
        elif m.corner[behind].vertex == u:
            shared += 1
            if m.corner[ahead].line and m.corner[c].line:
                return False
        c = _there(m, m.corner[c].following)
    return shared > 0 and common == shared


@numba.njit(cache=True)
def _cross(a, b, c):
    """Normal of a triangle, as long as twice its area; that length; the squared length of its longest side."""
    ux, uy, uz = b.x - a.x, b.y - a.y, b.z - a.z
    wx, wy, wz = c.x - a.x, c.y - a.y, c.z - a.z
    x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
    across = (wx - ux) ** 2 + (wy - uy) ** 2 + (wz - uz) ** 2
    longest = max(across, ux * ux + uy * uy + uz * uz, wx * wx + wy * wy + wz * wz)
    return x, y, z, np.sqrt(x * x + y * y + z * z), longest


@numba.njit(cache=True)
def _fits(m, v, u):
    """Whether no face that stays turns over or becomes a sliver when v moves onto u."""
    c = _there(m, m.vertex[v].first)
    while c >= 0:
        ahead = _after(c)
        a, b = m.corner[ahead].vertex, m.corner[_after(ahead)].vertex
        if a != u and b != u:
            ox, oy, oz, before, was = _cross(m.vertex[v], m.vertex[a], m.vertex[b])
            nx, ny, nz, after, longest = _cross(m.vertex[u], m.vertex[a], m.vertex[b])
            if after <= 0 or (oz >= 0 and nz < DOWN * after):
                return False
            if ox * nx + oy * ny + oz * nz < TURN * before * after:
                return False
            if after < THIN * longest and after * was < before * longest:
                return False
        c = _there(m, m.corner[c].following)
    return True


@numba.njit(cache=True)
def _move(m, v, u):
    """Move v onto u: their common faces go, the others of v become u's."""
    c = _there(m, m.vertex[v].first)
    while c >= 0:
        ahead = _after(c)
        behind = _after(ahead)
        following = m.corner[c].following
        if m.corner[ahead].vertex == u:
            _drop(m, c, ahead, behind, m.corner[ahead].line or m.corner[behind].line)
        elif m.corner[behind].vertex == u:
            _drop(m, c, behind, ahead, m.corner[c].line or m.corner[ahead].line)
        c = _there(m, following)
    c = _there(m, m.vertex[v].first)
    while c >= 0:
        m.corner[c].vertex = u
        c = _there(m, m.corner[c].following)
    m.corner[m.vertex[u].last].following = m.vertex[v].first
    m.vertex[u].last = m.vertex[v].last
    m.vertex[u].first = _there(m, m.vertex[u].first)
    m.vertex[v].first = -1
    for k in range(m.quadric.shape[1]):
        m.quadric[u, k] += m.quadric[v, k]
    _take(m, v)
    _weigh(m, u)
    c = m.vertex[u].first
    while c >= 0:
        ahead = _after(c)
        _weigh(m, m.corner[ahead].vertex)
        behind = _after(ahead)
        if m.corner[behind].line:  # perhaps an open border, where no other face has it ahead
            _weigh(m, m.corner[behind].vertex)
        c = _there(m, m.corner[c].following)


@numba.njit(cache=True)
def _drop(m, c, other, third, line):
    """Take away the face with the corners c, other (at the goal) and third; `line`: whether its edge from third to one of them
    was one, so that the edge that both become is."""
    if line:
        w = m.corner[third].vertex
        for end in (c, other):
            d = _there(m, m.vertex[m.corner[end].vertex].first)
            while d >= 0:
                ahead = _after(d)
                if m.corner[ahead].vertex == w:
                    m.corner[d].line = 1
                behind = _after(ahead)
                if m.corner[behind].vertex == w:
                    m.corner[behind].line = 1
                d = _there(m, m.corner[d].following)
    m.corner[c].vertex = m.corner[other].vertex = m.corner[third].vertex = -1
    m.counts[1] -= 1


@numba.njit(cache=True)
def _put(m, v):
    """Set a vertex's place in the heap to its cost."""
    if m.vertex[v].place < 0:
        m.vertex[v].place = m.counts[0]
        m.heap[m.counts[0]] = v
        m.counts[0] += 1
    _sink(m, _rise(m, m.vertex[v].place))


@numba.njit(cache=True)
def _take(m, v):
    """Take a vertex out of the heap, where it is in it."""
    i = m.vertex[v].place
    if i < 0:
        return
    m.counts[0] -= 1
    end = m.heap[m.counts[0]]
    m.vertex[v].place = -1
    if end != v:
        m.heap[i] = end
        m.vertex[end].place = i
        _sink(m, _rise(m, i))


@numba.njit(cache=True)
def _before(m, i, j):
    """Whether the vertex at i comes before that at j; equal costs by number, for the same result everywhere."""
    a, b = m.heap[i], m.heap[j]
    return m.vertex[a].cost < m.vertex[b].cost or (m.vertex[a].cost == m.vertex[b].cost and a < b)


@numba.njit(cache=True)
def _swap(m, i, j):
    m.heap[i], m.heap[j] = m.heap[j], m.heap[i]
    m.vertex[m.heap[i]].place, m.vertex[m.heap[j]].place = i, j


@numba.njit(cache=True)
def _rise(m, i):
    while i > 0 and _before(m, i, (i - 1) // 2):
        _swap(m, i, (i - 1) // 2)
        i = (i - 1) // 2
    return i


@numba.njit(cache=True)
def _sink(m, i):
    while True:
        child = 2 * i + 1
        if child >= m.counts[0]:
            return
        if child + 1 < m.counts[0] and _before(m, child + 1, child):
            child += 1
        if not _before(m, child, i):
            return
        _swap(m, i, child)
        i = child
