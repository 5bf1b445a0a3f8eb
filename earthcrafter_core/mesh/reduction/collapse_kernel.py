"""The inner loops of `collapse`: a heap of vertices by what it costs to move each onto its best neighbour."""
from __future__ import annotations

import numba
import numpy as np

from ..kernel import KERNEL, SMALL

FREE, LINE, LOCKED = 0, 1, 2
NEVER = np.inf
TURN = 0.3  # least cosine between a face's normals before and after
DOWN = -0.005  # least z of the normal of faces that did not look down; others up to OVERHANG may not look down more than before
OVERHANG = -0.2
THIN = 0.03  # height of a face as a share of its longest side: collapses that make thinner ones are refused
SHORT_FIRST = 1e-6  # of the squared length, by which short edges go first where all is flat

VERTEX = np.dtype([("x", "f8"), ("y", "f8"), ("z", "f8"), ("cost", "f8"), ("off", "f8"), ("to", "i8"), ("first", "i8"),
                   ("last", "i8"), ("place", "i8"), ("mark", "i8"), ("kind", "i8")])
"""A vertex: its place; the cost of its best move, the mean square error of that, and its goal (-1: none); the ends of the list
of its corners; its place in the heap (-1: none); scratch; FREE, LINE or LOCKED."""
CORNER = np.dtype([("vertex", "i8"), ("following", "i8"), ("line", "i8")])
"""Corner 4 * face + k, k of 0..2 (every fourth is not used): its vertex (-1 in a face that is gone), the next corner at that
vertex (-1: none), and whether the edge from it to the face's next corner is a line."""


Moving = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""A mesh that is being simplified: VERTEX [V]; CORNER [4 F]; quadrics float64 [V, 11], 10 numbers and the area; heap int64 [V]
of vertices, the cheapest first; counts int64 [3]: the heap's size, the faces left, the last mark. A plain tuple, for numba
keeps the name of a class with what it has compiled, and cannot load that when the class is gone."""


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
    counts = np.array([0, len(faces), 0], np.int64)
    moving = (vertex, corner.ravel(), np.array(quadric, order="C"), np.zeros(len(point), np.int64), counts)
    _begin(moving)
    return moving


def faces_of(moving: Moving) -> np.ndarray:
    """int64 [F, 3]; -1 in those that are gone."""
    return moving[1]["vertex"].reshape(-1, 4)[:, :3].copy()


@numba.njit(**KERNEL)
def run(m, target, most, steps):
    """Make up to `steps` moves whose mean square error is at most `most`, until `target` faces are left; how many are."""
    vertex, _, _, heap, counts = m
    for _ in range(steps):
        if counts[0] == 0 or counts[1] <= target:
            break
        v = heap[0]
        u = vertex[v].to
        if u < 0:
            break
        if vertex[v].off > most:
            _take(m, v)
            continue
        if not _linked(m, v, u):  # the goal's surroundings have changed since the cost was worked out
            _weigh(m, v)
            continue
        _move(m, v, u)
    return counts[1]


@numba.njit(**KERNEL)
def _begin(m):
    vertex, corner, _, _, _ = m
    for c in range(len(corner)):
        if c & 3 < 3:
            v = corner[c].vertex
            if vertex[v].last < 0:
                vertex[v].first = c
            else:
                corner[vertex[v].last].following = c
            vertex[v].last = c
    for v in range(len(vertex)):
        if vertex[v].first >= 0:
            _weigh(m, v)


@numba.njit(**SMALL)
def _there(m, c):
    """The corner c, or the first after it in its vertex's list whose face is not gone; -1 at the end."""
    _, corner, _, _, _ = m
    while c >= 0 and corner[c].vertex < 0:
        c = corner[c].following
    return c


@numba.njit(**SMALL)
def _after(c):
    """The face's next corner."""
    return c + 1 if c & 3 < 2 else c - 2


@numba.njit(**SMALL)
def _weigh(m, v):
    """Find the best move of a vertex and its place in the heap."""
    vertex, corner, _, _, _ = m
    best, off, goal = NEVER, NEVER, -1
    if vertex[v].kind != LOCKED:
        c = _there(m, vertex[v].first)
        while c >= 0:
            ahead = _after(c)
            behind = _after(ahead)
            if vertex[v].kind == FREE or corner[c].line:
                u = corner[ahead].vertex
                cost, error = _error(m, v, u)
                if cost < best and _linked(m, v, u) and _fits(m, v, u):
                    best, off, goal = cost, error, u
            if vertex[v].kind == LINE and corner[behind].line:  # else it is ahead of another corner at v
                u = corner[behind].vertex
                cost, error = _error(m, v, u)
                if cost < best and _linked(m, v, u) and _fits(m, v, u):
                    best, off, goal = cost, error, u
            c = _there(m, corner[c].following)
    vertex[v].cost, vertex[v].off, vertex[v].to = best, off, goal
    if goal < 0:
        _take(m, v)
    else:
        _put(m, v)


@numba.njit(**SMALL)
def _error(m, v, u):
    """What moving v onto u costs: squared distances from the planes of both to u, by area, and a little more where it is
    farther; and the larger of the two mean squares, for what is small must not vanish in the mean."""
    vertex, _, quadric, _, _ = m
    x, y, z = vertex[u].x, vertex[u].y, vertex[u].z
    dx, dy, dz = x - vertex[v].x, y - vertex[v].y, z - vertex[v].z
    cost, worst = SHORT_FIRST * (quadric[v, 10] + quadric[u, 10]) * (dx * dx + dy * dy + dz * dz), 0.0
    for at in (v, u):
        q = quadric[at]
        error = max(0.0, q[0] * x * x + 2 * q[1] * x * y + 2 * q[2] * x * z + 2 * q[3] * x + q[4] * y * y + 2 * q[5] * y * z
                    + 2 * q[6] * y + q[7] * z * z + 2 * q[8] * z + q[9])
        cost += error
        worst = max(worst, error / max(q[10], 1e-12))
    return cost, worst


@numba.njit(**SMALL)
def _linked(m, v, u):
    """Whether the surface stays one: v and u have no common neighbours but those of their common faces (link condition), and no
    two lines become one."""
    vertex, corner, _, _, counts = m
    counts[2] += 1
    mark = counts[2]
    c = _there(m, vertex[u].first)
    while c >= 0:
        ahead = _after(c)
        vertex[corner[ahead].vertex].mark = mark
        vertex[corner[_after(ahead)].vertex].mark = mark
        c = _there(m, corner[c].following)
    vertex[v].mark = 0
    shared, common = 0, 0
    c = _there(m, vertex[v].first)
    while c >= 0:
        ahead = _after(c)
        behind = _after(ahead)
        for other in (ahead, behind):
            w = corner[other].vertex
            if vertex[w].mark == mark:
                common += 1
                vertex[w].mark = 0
        if corner[ahead].vertex == u:
            shared += 1
            if corner[ahead].line and corner[behind].line:
                return False
        elif corner[behind].vertex == u:
            shared += 1
            if corner[ahead].line and corner[c].line:
                return False
        c = _there(m, corner[c].following)
    return shared > 0 and common == shared


@numba.njit(**SMALL)
def _cross(a, b, c):
    """Normal of a triangle, as long as twice its area; that length; the squared length of its longest side."""
    ux, uy, uz = b.x - a.x, b.y - a.y, b.z - a.z
    wx, wy, wz = c.x - a.x, c.y - a.y, c.z - a.z
    x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
    across = (wx - ux) ** 2 + (wy - uy) ** 2 + (wz - uz) ** 2
    longest = max(across, ux * ux + uy * uy + uz * uz, wx * wx + wy * wy + wz * wz)
    return x, y, z, np.sqrt(x * x + y * y + z * z), longest


@numba.njit(**SMALL)
def _fits(m, v, u):
    """Whether no face that stays turns over or becomes a sliver when v moves onto u."""
    vertex, corner, _, _, _ = m
    c = _there(m, vertex[v].first)
    while c >= 0:
        ahead = _after(c)
        a, b = corner[ahead].vertex, corner[_after(ahead)].vertex
        if a != u and b != u:
            ox, oy, oz, before, was = _cross(vertex[v], vertex[a], vertex[b])
            nx, ny, nz, after, longest = _cross(vertex[u], vertex[a], vertex[b])
            if after <= 0 or (oz > OVERHANG * before and nz * before < min(DOWN * before, oz) * after):
                return False
            if ox * nx + oy * ny + oz * nz < TURN * before * after:
                return False
            if after < THIN * longest and after * was < before * longest:
                return False
        c = _there(m, corner[c].following)
    return True


@numba.njit(**SMALL)
def _move(m, v, u):
    """Move v onto u: their common faces go, the others of v become u's."""
    vertex, corner, quadric, _, _ = m
    c = _there(m, vertex[v].first)
    while c >= 0:
        ahead = _after(c)
        behind = _after(ahead)
        following = corner[c].following
        if corner[ahead].vertex == u:
            _drop(m, c, ahead, behind, corner[ahead].line or corner[behind].line)
        elif corner[behind].vertex == u:
            _drop(m, c, behind, ahead, corner[c].line or corner[ahead].line)
        c = _there(m, following)
    c = _there(m, vertex[v].first)
    while c >= 0:
        corner[c].vertex = u
        c = _there(m, corner[c].following)
    corner[vertex[u].last].following = vertex[v].first
    vertex[u].last = vertex[v].last
    vertex[u].first = _there(m, vertex[u].first)
    vertex[v].first = -1
    for k in range(quadric.shape[1]):
        quadric[u, k] += quadric[v, k]
    _take(m, v)
    _weigh(m, u)
    c = vertex[u].first
    while c >= 0:
        ahead = _after(c)
        _weigh(m, corner[ahead].vertex)
        behind = _after(ahead)
        if corner[behind].line:  # perhaps an open border, where no other face has it ahead
            _weigh(m, corner[behind].vertex)
        c = _there(m, corner[c].following)


@numba.njit(**SMALL)
def _drop(m, c, other, third, line):
    """Take away the face with the corners c, other (at the goal) and third; `line`: whether its edge from third to one of them
    was one, so that the edge that both become is."""
    vertex, corner, _, _, counts = m
    if line:
        w = corner[third].vertex
        for end in (c, other):
            d = _there(m, vertex[corner[end].vertex].first)
            while d >= 0:
                ahead = _after(d)
                if corner[ahead].vertex == w:
                    corner[d].line = 1
                behind = _after(ahead)
                if corner[behind].vertex == w:
                    corner[behind].line = 1
                d = _there(m, corner[d].following)
    corner[c].vertex = corner[other].vertex = corner[third].vertex = -1
    counts[1] -= 1


@numba.njit(**SMALL)
def _put(m, v):
    """Set a vertex's place in the heap to its cost."""
    vertex, _, _, heap, counts = m
    if vertex[v].place < 0:
        vertex[v].place = counts[0]
        heap[counts[0]] = v
        counts[0] += 1
    _sink(m, _rise(m, vertex[v].place))


@numba.njit(**SMALL)
def _take(m, v):
    """Take a vertex out of the heap, where it is in it."""
    vertex, _, _, heap, counts = m
    i = vertex[v].place
    if i < 0:
        return
    counts[0] -= 1
    end = heap[counts[0]]
    vertex[v].place = -1
    if end != v:
        heap[i] = end
        vertex[end].place = i
        _sink(m, _rise(m, i))


@numba.njit(**SMALL)
def _before(m, i, j):
    """Whether the vertex at i comes before that at j; equal costs by number, for the same result everywhere."""
    vertex, _, _, heap, _ = m
    a, b = heap[i], heap[j]
    return vertex[a].cost < vertex[b].cost or (vertex[a].cost == vertex[b].cost and a < b)


@numba.njit(**SMALL)
def _swap(m, i, j):
    vertex, _, _, heap, _ = m
    heap[i], heap[j] = heap[j], heap[i]
    vertex[heap[i]].place, vertex[heap[j]].place = i, j


@numba.njit(**SMALL)
def _rise(m, i):
    while i > 0 and _before(m, i, (i - 1) // 2):
        _swap(m, i, (i - 1) // 2)
        i = (i - 1) // 2
    return i


@numba.njit(**SMALL)
def _sink(m, i):
    _, _, _, _, counts = m
    while True:
        child = 2 * i + 1
        if child >= counts[0]:
            return
        if child + 1 < counts[0] and _before(m, child + 1, child):
            child += 1
        if not _before(m, child, i):
            return
        _swap(m, i, child)
        i = child
