"""The borders between the labels of a grid as smooth lines that meet: taut within a tube, rounded, with few points.

A border on a grid is a flight of steps; `sheet_smoothing` draws the line that made it, here it is thinned (Douglas and Peucker
1973) where its heights allow. Lines that would then come too near to others go back towards the grid, where none ever do.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from shapely import STRtree, linestrings

from ..kernel import SMALL
from .sheet_labels import OUTSIDE_LABEL
from .sheet_smoothing import smoothed

TOLERANCE = 0.035  # metres that thinning may move a line, also in height
LONGEST = 4.0  # metres between two points of a line
NEAREST = 0.24  # half cells: lines that come nearer go back towards the grid
CLOSEST = 0.2  # half cells between two points of a line, at least


@dataclass
class Borders:
    """Lines between labels, in metres from the grid's corner.

    Attributes:
        points: float64 [P, 2]. edges: int64 [E, 2] points. left, right: uint8 [E] labels beside; OUTSIDE_LABEL: off the grid.
    """

    points: np.ndarray
    edges: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def along(self, rows: np.ndarray | slice, spacing: float) -> np.ndarray:
        """Points [D, 2] along some of the edges (mask or rows), at most `spacing` metres apart, their ends among them."""
        a, b = self.points[self.edges[rows]].transpose(1, 0, 2)
        count = np.maximum(np.ceil(np.linalg.norm(b - a, axis=1) / spacing), 1).astype(np.int64)
        owner = np.repeat(np.arange(len(a)), count)
        t = ((np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)) / count[owner])[:, None]
        return np.concatenate([(1 - t) * a[owner] + t * b[owner], b])


@dataclass
class _Graph:
    """Borders on the grid: corners [V] (position `at` int64 [V, 2]), edges [E, 2] with labels, and lines of corners.

    Line k passes vertices[start[k]:start[k + 1]], with left[k] and right[k] beside it; closed ones repeat their first.
    """

    at: np.ndarray
    edges: np.ndarray
    left: np.ndarray
    right: np.ndarray
    vertices: np.ndarray
    start: np.ndarray
    line_left: np.ndarray
    line_right: np.ndarray


def grid_borders(labels: np.ndarray, cell: float) -> Borders:
    """The borders of labels [X, Y] as they are on the grid."""
    graph = _graph(labels)
    return Borders(graph.at * cell, graph.edges, graph.left, graph.right)


def borders_of(labels: np.ndarray, cell: float, height: Callable[[np.ndarray], np.ndarray],
               check: Callable[[], None] = lambda: None) -> Borders:
    """Smooth borders.

    Args:
        labels: uint8 [X, Y] without contacts at corners (sheet_labels.cleaned). cell: metres of one.
        height: heights [N] of places [N, 2], which the lines follow to TOLERANCE.
    """
    graph = _graph(labels)
    check()
    grid = graph.at.astype(np.float64)
    smooth = smoothed(labels, graph.at, graph.edges, graph.left, graph.right)
    check()
    share, keep = np.ones(len(grid)), np.zeros(len(grid), bool)
    for attempt in range(4):
        place = (grid + share[:, None] * (smooth - grid)) * cell
        result, owner = _thinned(graph, place, height, keep, cell)
        check()
        bad = _too_near(result, NEAREST * cell)
        if not len(bad):
            break
        lines = np.unique(owner[bad], axis=0)  # [M, 2] range of rows in graph.vertices
        rows = np.concatenate([np.arange(max(a - 2, 0), min(b + 3, len(graph.vertices))) for a, b in lines])
        touched = graph.vertices[rows]
        keep[touched] = True
        share[touched] = 0.0 if attempt == 2 else share[touched] * 0.5
    return result


# ---------------------------------------------------------------------------------------------------------- the graph

def _graph(labels: np.ndarray) -> _Graph:
    nx, ny = labels.shape
    p = np.pad(labels, 1, constant_values=OUTSIDE_LABEL)
    across = p[1:-1, 1:] != p[1:-1, :-1]  # [nx, ny + 1] edges along x
    up = p[1:, 1:-1] != p[:-1, 1:-1]  # [nx + 1, ny] edges along y
    i, j = np.nonzero(across)
    k, m = np.nonzero(up)
    a = np.concatenate([i * (ny + 1) + j, k * (ny + 1) + m])
    b = np.concatenate([(i + 1) * (ny + 1) + j, k * (ny + 1) + m + 1])
    left = np.concatenate([p[i + 1, j + 1], p[k, m + 1]])
    right = np.concatenate([p[i + 1, j], p[k + 1, m + 1]])
    ids, edges = np.unique(np.column_stack([a, b]), return_inverse=True)
    edges = edges.reshape(-1, 2)
    at = np.column_stack([ids // (ny + 1), ids % (ny + 1)])
    corner = np.isin(at[:, 0], (0, nx)) & np.isin(at[:, 1], (0, ny))
    vertices, start, forward, first = _traced(edges, _incident(edges, len(ids)), corner)
    line_left = np.where(forward, left[first], right[first])
    line_right = np.where(forward, right[first], left[first])
    return _Graph(at, edges, left, right, vertices, start, line_left, line_right)


def _incident(edges: np.ndarray, count: int) -> np.ndarray:
    """Edges at each vertex, int64 [V, 4], -1 where there are fewer."""
    vertex = edges.ravel()
    order = np.argsort(vertex, kind="stable")
    out = np.full((count, 4), -1, np.int64)
    first = np.searchsorted(vertex[order], np.arange(count))
    out[vertex[order], np.arange(len(vertex)) - first[vertex[order]]] = order // 2
    return out


@numba.njit(**SMALL)
def _traced(edges: np.ndarray, incident: np.ndarray, node: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lines between nodes (places where not two edges meet, or `node`), then closed ones: vertices, start of each line,
    whether its first edge points along it, and that edge."""
    n = len(edges)
    done = np.zeros(n, np.bool_)
    vertices, start = np.empty(2 * n + 1, np.int64), np.empty(n + 1, np.int64)
    forward, first = np.empty(n, np.bool_), np.empty(n, np.int64)
    filled, lines = 0, 0
    for closed in range(2):
        for v in range(len(incident)):
            is_node = node[v] or incident[v, 1] < 0 or incident[v, 2] >= 0
            if closed == 0 and not is_node:
                continue
            for slot in range(4):
                e = incident[v, slot]
                if e < 0 or done[e]:
                    continue
                start[lines], first[lines], forward[lines] = filled, e, edges[e, 0] == v
                vertices[filled] = v
                filled += 1
                here = v
                while not done[e]:
                    done[e] = True
                    here = edges[e, 0] + edges[e, 1] - here
                    vertices[filled] = here
                    filled += 1
                    if here == v or node[here] or incident[here, 1] < 0 or incident[here, 2] >= 0:
                        break
                    e = incident[here, 0] + incident[here, 1] - e
                lines += 1
    start[lines] = filled
    return vertices[:filled], start[:lines + 1], forward[:lines], first[:lines]


# ----------------------------------------------------------------------------------------------------------- thinning

def _thinned(graph: _Graph, place: np.ndarray, height: Callable[[np.ndarray], np.ndarray], keep: np.ndarray,
             cell: float) -> tuple[Borders, np.ndarray]:
    """Borders with few points; and for each edge the rows of graph.vertices [E, 2] that it stands for."""
    solid = np.column_stack([place, height(place)])
    kept = _douglas_peucker(solid[graph.vertices], graph.start, keep[graph.vertices], TOLERANCE, CLOSEST * cell)
    _keep_apart(graph, kept)
    rows = np.flatnonzero(kept)
    line = np.searchsorted(graph.start, rows, side="right") - 1
    pair = np.flatnonzero(line[1:] == line[:-1])
    low, high = rows[pair], rows[pair + 1]
    a, b = graph.vertices[low], graph.vertices[high]
    count = np.maximum(np.ceil(np.linalg.norm(place[b] - place[a], axis=1) / LONGEST - 1e-9), 1).astype(np.int64)
    used, compact = np.unique(np.concatenate([a, b]), return_inverse=True)
    a, b = compact[:len(a)], compact[len(a):]
    owner = np.repeat(np.arange(len(a)), count)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    points = place[used]
    fresh = np.flatnonzero(step > 0)  # points between, one before each edge but the first of its owner
    t = (step[fresh] / count[owner[fresh]])[:, None]
    number = np.full(len(owner) + 1, -1)
    number[fresh] = len(used) + np.arange(len(fresh))
    first = np.where(step > 0, number[:-1], a[owner])
    last = np.where(step + 1 < count[owner], number[1:], b[owner])
    points = np.concatenate([points, (1 - t) * points[a[owner[fresh]]] + t * points[b[owner[fresh]]]])
    where = line[pair][owner]
    edges = np.column_stack([first, last])
    return Borders(points, edges, graph.line_left[where], graph.line_right[where]), np.column_stack([low, high])[owner]


@numba.njit(**SMALL)
def _douglas_peucker(p: np.ndarray, start: np.ndarray, keep: np.ndarray, tolerance: float, closest: float) -> np.ndarray:
    """Which points of lines p[start[k]:start[k + 1]] stay, bool [N]; those to keep do, unless they lie too close together."""
    kept = keep.copy()
    stack = np.empty((len(p) + 2, 2), np.int64)
    for k in range(len(start) - 1):
        a, b = start[k], start[k + 1] - 1
        kept[a] = kept[b] = True
        depth, before = 0, a
        if (np.abs(p[a] - p[b])).max() < 1e-9 and b - a > 2:  # closed: from the farthest point
            far = a + 1
            for i in range(a + 1, b):
                if ((p[i] - p[a]) ** 2).sum() > ((p[far] - p[a]) ** 2).sum():
                    far = i
            kept[far] = True
        for i in range(a + 1, b + 1):
            if kept[i]:
                stack[depth] = before, i
                depth, before = depth + 1, i
        while depth:
            depth -= 1
            lo, hi = stack[depth]
            d = p[hi] - p[lo]
            length = (d * d).sum()
            worst, at = tolerance * tolerance, -1
            for i in range(lo + 1, hi):
                t = min(max(((p[i] - p[lo]) * d).sum() / length, 0.0), 1.0) if length > 0 else 0.0
                off = ((p[i] - p[lo] - t * d) ** 2).sum()
                if off > worst:
                    worst, at = off, i
            if at >= 0:
                kept[at] = True
                stack[depth] = lo, at
                stack[depth + 1] = at, hi
                depth += 2
        before = a
        for i in range(a + 1, b + 1):
            if kept[i]:
                if ((p[i] - p[before]) ** 2).sum() >= closest * closest:
                    before = i
                elif i < b:
                    kept[i] = False
                elif before > a:
                    kept[before] = False
    return kept


def _keep_apart(graph: _Graph, kept: np.ndarray) -> None:
    """Keep points of lines that would else coincide with another or close on themselves with fewer than three, in place."""
    start, end = graph.start[:-1], graph.start[1:] - 1
    ends = np.sort(np.column_stack([graph.vertices[start], graph.vertices[end]]), 1)
    inner = np.add.reduceat(kept.astype(np.int64), start) - 2 if len(start) else np.zeros(0, np.int64)
    _, which, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    which = which.ravel()
    closed = ends[:, 0] == ends[:, 1]
    for k in np.flatnonzero((closed & (inner < 2)) | (~closed & (count[which] > 1) & (inner < 1))):
        s, e = start[k], end[k]
        kept[s + np.rint(np.linspace(0, e - s, min(e - s, 4) + 1)).astype(np.int64)] = True


def _too_near(borders: Borders, distance: float) -> np.ndarray:
    """Edges that cross another with which they share no point, or come nearer to it than the distance."""
    lines = linestrings(borders.points[borders.edges])
    i, j = STRtree(lines).query(lines, predicate="dwithin", distance=distance)
    e = borders.edges
    apart = ~((e[i, 0] == e[j, 0]) | (e[i, 0] == e[j, 1]) | (e[i, 1] == e[j, 0]) | (e[i, 1] == e[j, 1]))
    return np.unique(np.concatenate([i[apart], j[apart]]))
