"""From the steps of a border on a grid to the line that made them: taut within a tube, curved where it bends, rounded.

The line that made a flight of steps lies within half a step of it. Each border is drawn taut as a string in a tube of that
width, which finds straight lines of any direction (minimum-length polygons of digital curves: Sklansky 1970); its bends are
averaged and brought back among the grid's corners, then all is rounded without shrinking (Taubin 1995).
"""
from __future__ import annotations

import numba
import numpy as np

from ...scene import classes as sem
from ..kernel import SMALL
from .sheet_labels import LEVEL_OF, OUTSIDE_LABEL, RANK

TUBE = 0.84  # half cells that a line may leave the grid's border
TAUT_ROUNDS = 400
CORNERED_IDS = np.array([sem.PARKING, sem.POOL, sem.SPORTS, sem.RAILWAY], np.uint8)
"""What has corners."""
CORNER_REACH = 3  # half cells to both sides over which a turn is measured
CORNER_TURN = (25.0, 55.0)  # degrees of a turn from which on a line with corners keeps less of its room; keeps only ...
CORNER_ROOM = 0.3  # ... this share of it
BEND_REACH = 8  # half cells to both sides over which a bend is measured, and its distance from the grid
BEND_TURN = (4.0, 12.0, 30.0)  # degrees: a bend from the first on, fully from the second, ever more a corner from the third
BEND_ROUNDS = 120  # of averaging, that make a curve of it
ROUNDINGS = {"cornered": 2, "built": 60, "natural": 60}  # rounds, by what is beside a line
BUILT_IDS = np.array([sem.ROAD, sem.PATH], np.uint8)
TAUBIN = (0.5, -0.51)
SLACK = 1.5  # of its room that a line may use when it is rounded


def smoothed(labels: np.ndarray, at: np.ndarray, edges: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Smooth places float64 [V, 2], in cells, of the corners of a grid that borders pass.

    Args:
        labels: uint8 [X, Y]. at: int64 [V, 2] the corners. edges: int64 [E, 2] the borders' edges between them.
        left, right: uint8 [E] labels beside these.
    """
    around, room, rounds = _freedom(labels, at, edges, left, right)
    grid = at.astype(np.float64)
    out = _taut(grid, around, room, TAUT_ROUNDS)
    cornered = rounds == ROUNDINGS["cornered"]
    room[cornered] *= _at_corners(out, around)[cornered]
    out = _taut(grid, around, room, TAUT_ROUNDS)
    out[~cornered] = _curved(out, grid, around)[~cornered]
    return _rounded(out, grid, around, room * SLACK, rounds, TAUBIN)


def _freedom(labels: np.ndarray, at: np.ndarray, edges: np.ndarray, left: np.ndarray, right: np.ndarray,
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each vertex's two neighbours in its line (int64 [V, 2]), how far it may move along x and y (float64 [V, 2]), and its
    rounds of rounding (int64 [V]).

    Where three labels meet, the line around one of them runs on, a kerb before other lines; the third ends at it. At the edge
    of the scene a line's end slides along the edge.
    """
    nx, ny = labels.shape
    p = np.pad(labels, 1, constant_values=OUTSIDE_LABEL)
    x, y = at.T
    around = np.stack([p[x, y], p[x + 1, y], p[x + 1, y + 1], p[x, y + 1]], 1)  # [V, 4]
    level = LEVEL_OF[around]
    shared = ((level[:, :, None] == level[:, None]) & (around[:, :, None] != around[:, None])).any(2)
    through = around[np.arange(len(around)), (RANK[around] - 1000 * shared).argmax(1)]
    degree = np.bincount(edges.ravel(), minlength=len(at))
    side_x, side_y = np.isin(x, (0, nx)), np.isin(y, (0, ny))
    edge_end = (side_x | side_y) & (degree > 2)
    vertex, other = edges.ravel(), edges[:, ::-1].ravel()
    beside = np.repeat(np.stack([left, right], 1), 2, 0)  # [2E, 2]
    runs = (degree[vertex] == 2) | (beside == through[vertex, None]).any(1)
    runs = np.where(edge_end[vertex], ~(beside == OUTSIDE_LABEL).any(1), runs)
    neighbours = np.repeat(np.arange(len(at))[:, None], 2, 1)
    rows = np.flatnonzero(runs)
    order = rows[np.argsort(vertex[rows], kind="stable")]
    count = np.bincount(vertex[order], minlength=len(at))
    first = np.cumsum(count) - count
    has = np.flatnonzero((count == 2) | ((count == 1) & edge_end))
    neighbours[has, 0] = other[order[first[has]]]
    neighbours[has, 1] = other[order[first[has] + count[has] - 1]]
    room = np.full((len(at), 2), TUBE)
    room[side_x, 0] = 0
    room[side_y, 1] = 0
    room[(side_x | side_y) & ~edge_end] = 0
    rounds = np.select([sem.is_in(around, CORNERED_IDS).any(1), sem.is_in(around, BUILT_IDS).any(1)],
                       [ROUNDINGS["cornered"], ROUNDINGS["built"]], ROUNDINGS["natural"])
    return neighbours, room, rounds


def _at_corners(place: np.ndarray, around: np.ndarray) -> np.ndarray:
    """What share of its room each vertex keeps, [V, 1]: little where a taut line [V, 2] turns sharply.

    A taut string cuts corners, and small areas with them; where it does, the grid's border is nearer to what was meant.
    """
    turn = _turn(place, around, CORNER_REACH)
    turn = np.maximum(turn, np.maximum(turn[around[:, 0]], turn[around[:, 1]]))
    low, high = CORNER_TURN
    return (1 - (1 - CORNER_ROOM) * np.clip((turn - low) / (high - low), 0, 1))[:, None]


def _curved(place: np.ndarray, grid: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Places [V, 2] whose bends are curves among the grid's corners, not the few kinks of a taut line on their inner side.

    Straight lines stay: what they differ from the grid's is its steps. Sharp corners stay, too.
    """
    turn = _turn(place, around, BEND_REACH)
    least, full, sharp = BEND_TURN
    bent = np.clip((turn - least) / (full - least), 0, 1)[:, None]
    wide = bent * np.clip(2 - turn / sharp, 0, 1)[:, None]
    place = place + _averaged(wide, around, BEND_REACH) * (_averaged(place, around, BEND_ROUNDS) - place)
    along = place[around[:, 1]] - place[around[:, 0]]
    normal = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    # a neighbour may run the other way round: vectors are averaged, each along its own normal
    off = _averaged(((grid - place) * normal).sum(1, keepdims=True) * normal, around, BEND_REACH ** 2)
    return place + (off * normal).sum(1, keepdims=True) * normal * _averaged(bent, around, BEND_REACH)


@numba.njit(**SMALL)
def _averaged(values: np.ndarray, around: np.ndarray, rounds: int) -> np.ndarray:
    """Values [V, K] after rounds of averaging with their neighbours in the line."""
    out = values.copy()
    for _ in range(rounds):
        before = out.copy()
        for v in range(len(out)):
            for k in range(out.shape[1]):
                out[v, k] = 0.5 * before[v, k] + 0.25 * (before[around[v, 0], k] + before[around[v, 1], k])
    return out


def _turn(place: np.ndarray, around: np.ndarray, reach: int) -> np.ndarray:
    """Degrees [V] by which the line turns between `reach` vertices before and after each."""
    d, e = place - place[_ahead(around, 0, reach)], place[_ahead(around, 1, reach)] - place
    length = np.linalg.norm(d, axis=1) * np.linalg.norm(e, axis=1)
    cosine = np.where(length > 0, (d * e).sum(1) / np.maximum(length, 1e-12), 1.0)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _ahead(around: np.ndarray, side: int, steps: int) -> np.ndarray:
    """The vertex some steps along each vertex's line, int64 [V]."""
    before, here = np.arange(len(around)), around[:, side]
    for _ in range(steps - 1):
        on = np.where(around[here, 0] == before, around[here, 1], around[here, 0])
        before, here = here, on
    return here


@numba.njit(**SMALL)
def _taut(grid: np.ndarray, around: np.ndarray, room: np.ndarray, rounds: int) -> np.ndarray:
    """Places [V, 2] after rounds of moving each between its neighbours, within its room."""
    out = grid.copy()
    for _ in range(rounds):
        for v in range(len(out)):
            a, b = around[v]
            for k in range(2):
                if room[v, k] > 0:
                    move = 0.5 * (out[a, k] + out[b, k]) - grid[v, k]
                    out[v, k] = grid[v, k] + min(max(move, -room[v, k]), room[v, k])
    return out


@numba.njit(**SMALL)
def _rounded(place: np.ndarray, grid: np.ndarray, around: np.ndarray, room: np.ndarray, rounds: np.ndarray,
             steps: tuple[float, float]) -> np.ndarray:
    """Places [V, 2] after each vertex's rounds of a step towards the middle of its neighbours and one back, within its room."""
    out = place.copy()
    for r in range(rounds.max() if len(rounds) else 0):
        for step in steps:
            before = out.copy()
            for v in range(len(out)):
                if rounds[v] > r:
                    a, b = around[v]
                    for k in range(2):
                        move = before[v, k] + step * (0.5 * (before[a, k] + before[b, k]) - before[v, k]) - grid[v, k]
                        out[v, k] = grid[v, k] + min(max(move, -room[v, k]), room[v, k])
    return out
