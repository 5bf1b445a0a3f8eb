"""Triangles of points in the plane that keep given edges: Delaunay's (Qhull), then edges enforced by flips (Sloan 1993)."""
from __future__ import annotations

import numba
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay

from ..kernel import SMALL

FLAT = 1e-9  # square metres: triangles of less area at the hull are rounding


def constrained(points: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles int64 [T, 3], counter-clockwise, of points [P, 2]; and edges [M] (rows) that could not be kept.

    Edges int64 [E, 2] must not cross one another; one that does, or that passes through a point, is among those not kept.
    """
    net = Delaunay(points - points.mean(0))
    triangles, beside = net.simplices.astype(np.int64), net.neighbors.astype(np.int64)
    p = points[triangles]
    area = _doubled_area(p)
    turned = area < 0
    triangles[turned] = triangles[turned][:, [0, 2, 1]]
    beside[turned] = beside[turned][:, [0, 2, 1]]
    solid = np.abs(area) > FLAT
    if not solid.all():
        number = np.append(np.where(solid, np.cumsum(solid) - 1, -1), -1)
        triangles, beside = triangles[solid], number[beside[solid]]
    missing = _enforced(points - points.mean(0), triangles, beside, edges)
    return triangles, missing


def regions(triangles: np.ndarray, edges: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The label of each triangle [T]: that of the edges which bound its region. Raises ValueError where they disagree.

    Args:
        edges: int64 [E, 2], left, right: labels [E] beside them.
    """
    directed = np.stack([triangles, np.roll(triangles, -1, 1)], 2).reshape(-1, 2)  # its triangle lies to the left
    owner = np.repeat(np.arange(len(triangles)), 3)
    size = int(triangles.max()) + 1
    key = directed.min(1) * size + directed.max(1)
    wall = np.sort(edges.min(1) * size + edges.max(1))
    at = np.minimum(np.searchsorted(wall, key), max(len(wall) - 1, 0))
    is_wall = wall[at] == key if len(wall) else np.zeros(len(key), bool)
    open_keys, open_owner = key[~is_wall], owner[~is_wall]
    order = np.argsort(open_keys, kind="stable")
    same = np.flatnonzero(open_keys[order][1:] == open_keys[order][:-1])
    a, b = open_owner[order[same]], open_owner[order[same + 1]]
    count, part = connected_components(coo_matrix((np.ones(len(a)), (a, b)), (len(triangles),) * 2), directed=False)
    label = np.full(count, -1)
    sides = np.concatenate([edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0]])
    labels = np.concatenate([left, right]).astype(np.int64)
    order = np.argsort(sides)
    rows = np.flatnonzero(is_wall)
    want = directed[rows, 0] * size + directed[rows, 1]
    told = labels[order[np.minimum(np.searchsorted(sides[order], want), len(sides) - 1)]]
    label[part[owner[rows]]] = told
    if (label[part[owner[rows]]] != told).any() or (label < 0).any():
        raise ValueError("the edges do not part the plane into regions of one label")
    return label[part]


def _doubled_area(p: np.ndarray) -> np.ndarray:
    d, e = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    return d[:, 0] * e[:, 1] - d[:, 1] * e[:, 0]


@numba.njit(**SMALL)
def _turn(p: np.ndarray, a: int, b: int, c: int) -> float:
    """Twice the area of a, b, c: positive when counter-clockwise."""
    return (p[b, 0] - p[a, 0]) * (p[c, 1] - p[a, 1]) - (p[b, 1] - p[a, 1]) * (p[c, 0] - p[a, 0])


@numba.njit(**SMALL)
def _slot(row: np.ndarray, value: int) -> int:
    return 0 if row[0] == value else (1 if row[1] == value else 2)


@numba.njit(**SMALL)
def _flip(tri: np.ndarray, beside: np.ndarray, at: np.ndarray, t: int, k: int) -> int:
    """Turn the edge of t opposite its corner k; returns the other triangle. Both then hold the new edge."""
    u = beside[t, k]
    m = _slot(beside[u], t)
    a, b, c, d = tri[t, k], tri[t, (k + 1) % 3], tri[t, (k + 2) % 3], tri[u, m]
    tb, tc = beside[t, (k + 1) % 3], beside[t, (k + 2) % 3]  # opposite b: across c-a; opposite c: across a-b
    ub, uc = beside[u, _slot(tri[u], b)], beside[u, _slot(tri[u], c)]  # across c-d; across b-d
    tri[t, 0], tri[t, 1], tri[t, 2] = a, b, d
    beside[t, 0], beside[t, 1], beside[t, 2] = uc, u, tc
    tri[u, 0], tri[u, 1], tri[u, 2] = a, d, c
    beside[u, 0], beside[u, 1], beside[u, 2] = ub, tb, t
    if uc >= 0:
        beside[uc, _slot(beside[uc], u)] = t
    if tb >= 0:
        beside[tb, _slot(beside[tb], t)] = u
    at[a], at[b], at[d], at[c] = t, t, t, u
    return u


@numba.njit(**SMALL)
def _enforced(p: np.ndarray, tri: np.ndarray, beside: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Flip until the triangulation holds the edges, in place; the rows of those that it cannot hold."""
    at = np.full(len(p), -1, np.int64)
    for t in range(len(tri)):
        for k in range(3):
            at[tri[t, k]] = t
    failed, count = np.empty(len(edges), np.int64), 0
    queue = np.empty((4096, 2), np.int64)
    for e in range(len(edges)):
        a, b = edges[e]
        crossed = _crossed(p, tri, beside, at, a, b, queue)
        if crossed < 0:
            failed[count] = e
            count += 1
            continue
        head, tail, tries = 0, crossed, 0
        while head != tail:
            v, w = queue[head % len(queue)]
            head += 1
            tries += 1
            if tries > 50 * crossed + 200 or tail - head >= len(queue) - 1:
                failed[count] = e
                count += 1
                break
            t = at[v]
            t, k = _with_edge(tri, beside, at, v, w)
            u = beside[t, k]
            c, d = tri[t, k], tri[u, _slot(beside[u], t)]
            x, y = tri[t, (k + 1) % 3], tri[t, (k + 2) % 3]
            if _turn(p, c, x, d) <= 0 or _turn(p, c, d, y) <= 0:  # not convex: later
                queue[tail % len(queue)] = v, w
                tail += 1
                continue
            _flip(tri, beside, at, t, k)
            if c != a and c != b and d != a and d != b and (_turn(p, a, b, c) > 0) != (_turn(p, a, b, d) > 0):
                queue[tail % len(queue)] = c, d
                tail += 1
    return failed[:count]


@numba.njit(**SMALL)
def _with_edge(tri: np.ndarray, beside: np.ndarray, at: np.ndarray, v: int, w: int) -> tuple[int, int]:
    """A triangle with the inner edge v, w, and its corner opposite to it; (-1, -1) where there is none."""
    for direction in (1, 2):  # around v one way, then, if a border stops that, the other
        t = at[v]
        while t >= 0:
            k = _slot(tri[t], v)
            for s in (1, 2):
                if tri[t, (k + s) % 3] == w:
                    return t, (k + 3 - s) % 3
            t = beside[t, (k + direction) % 3]
            if t == at[v]:
                break
    return -1, -1


@numba.njit(**SMALL)
def _crossed(p: np.ndarray, tri: np.ndarray, beside: np.ndarray, at: np.ndarray, a: int, b: int, queue: np.ndarray) -> int:
    """The edges between a and b, into `queue`; their number (0: a-b is an edge), -1 where a point lies on the way."""
    if at[a] < 0 or at[b] < 0:
        return -1
    if _with_edge(tri, beside, at, a, b)[0] >= 0:
        return 0
    t, k = -1, 0
    for direction in (1, 2):
        u = at[a]
        while u >= 0:
            s = _slot(tri[u], a)
            if _turn(p, a, b, tri[u, (s + 1) % 3]) < 0 and _turn(p, a, b, tri[u, (s + 2) % 3]) > 0:
                t, k = u, s
                break
            u = beside[u, (s + direction) % 3]
            if u == at[a]:
                break
        if t >= 0:
            break
    if t < 0:
        return -1
    count = 0
    while True:
        queue[count] = tri[t, (k + 1) % 3], tri[t, (k + 2) % 3]
        count += 1
        u = beside[t, k]
        if u < 0 or count >= len(queue) // 2:
            return -1
        m = _slot(beside[u], t)
        c = tri[u, m]
        if c == b:
            return count
        side = _turn(p, a, b, c)
        if side == 0:
            return -1
        k = (m + 1) % 3 if side > 0 else (m + 2) % 3
        t = u
