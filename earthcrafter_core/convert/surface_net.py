"""Dual contouring of a solid: one vertex for each grid corner that the surface passes, drawn to the surfels around it.

The solid gives the topology; the surfels' planes give the places: each vertex minimises its squared distance to them
(Ju et al. 2002), so that roofs are planes, walls stand upright, edges are crisp and lawns are smooth.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..scene import classes as sem
from ..scene.splats import Splats
from .solid import Solid

REACH_SIGMA = 0.5  # voxels: how far a surfel's plane draws vertices
STIFFNESS = 0.04  # pull towards the grid's own surface, relative to the surfels' weight
FREEDOM = 0.9  # voxels a vertex may move from there
SMOOTHING = {"crown": 2, "building": 0, "other": 4}  # rounds; the surfels of buildings lie in planes already
_AXES = np.eye(3, dtype=np.int64)


@dataclass
class QuadMesh:
    """Quads of a surface, in voxels.

    Attributes:
        vertices: float64 [V, 3]. quads: int64 [Q, 4] counter-clockwise from outside. class_id: uint8 [Q].
    """

    vertices: np.ndarray
    quads: np.ndarray
    class_id: np.ndarray


def surface_net(solid: Solid, position: np.ndarray, splats: Splats, check: Callable[[], None] = lambda: None) -> QuadMesh:
    """The surface of a solid; `check` is called often, between steps, and may raise.

    Args:
        solid: what `solidify` gave.
        position: float64 [N, 3] the splats' centres in voxels of the solid's box (its first voxel spans 0 .. 1).
        splats: normals and opacities are used.
    """
    nodes, class_id, middle, outward = _crossings(solid.class_id)
    check()
    ids, index = np.unique(nodes, return_inverse=True)
    check()
    quads = index.reshape(-1, 4)
    count = np.bincount(quads.ravel(), minlength=len(ids))
    start = _per_vertex(middle, quads, len(ids)) / count[:, None]
    direction = _per_vertex(outward, quads, len(ids))
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    shape = np.array(solid.class_id.shape) - 1
    vertices = _drawn_to_planes(start, direction, ids, shape, position, splats, check)
    kinds = np.stack([sem.is_in(class_id, sem.TREE_IDS), sem.is_in(class_id, sem.BUILDING_IDS)], 1)
    crown, building = (_per_vertex(kinds.astype(float), quads, len(ids)) > 0).T
    rounds = np.select([building, crown], [SMOOTHING["building"], SMOOTHING["crown"]], SMOOTHING["other"])
    vertices = _smoothed(vertices, quads, rounds, check)
    node = np.stack(np.unravel_index(ids, shape), 1)
    vertices = start + np.clip(vertices - start, -FREEDOM, FREEDOM)
    for axis in (0, 1):  # the scene's sides are straight
        for side in (0, shape[axis] - 1):
            vertices[node[:, axis] == side, axis] = side
    return QuadMesh(vertices, quads, class_id)


def _crossings(class_id: np.ndarray) -> tuple[np.ndarray, ...]:
    """Every face between solid and air.

    Returns:
        nodes: int64 [Q, 4] the grid corners around it, counter-clockwise from the air's side. class_id: uint8 [Q] of the
        solid. middle: float64 [Q, 3] its centre in voxels of the box. outward: float64 [Q, 3] axis towards the air.
    """
    occupied = class_id > 0
    shape = np.array(class_id.shape) - 1
    stride = np.array([shape[1] * shape[2], shape[2], 1])
    parts = []
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        low = [slice(1, -1)] * 3
        low[axis] = slice(None, -1)
        high = list(low)
        high[axis] = slice(1, None)
        first, second = occupied[tuple(low)], occupied[tuple(high)]
        offset = np.array([0 if k == axis else 1 for k in range(3)])
        for inside, sign in ((first & ~second, 1), (second & ~first, -1)):
            cell = np.argwhere(inside) + offset  # lower of the two voxels
            solid = cell if sign == 1 else cell + _AXES[axis]
            corners = [cell - da * _AXES[a] - db * _AXES[b] for da, db in ((1, 1), (0, 1), (0, 0), (1, 0))][::sign]
            parts.append((np.stack([k @ stride for k in corners], 1), class_id[tuple(solid.T)],
                          cell + 0.5 * _AXES[axis] - 0.5, np.broadcast_to(sign * _AXES[axis], cell.shape).astype(float)))
    return tuple(np.concatenate(p) for p in zip(*parts))


def _per_vertex(values: np.ndarray, quads: np.ndarray, count: int) -> np.ndarray:
    """Sum of the quads' values [Q, D] at each vertex, [V, D]."""
    flat = quads.ravel()
    return np.stack([np.bincount(flat, np.repeat(v, 4), count) for v in values.T], 1)


def _drawn_to_planes(start: np.ndarray, direction: np.ndarray, ids: np.ndarray, shape: np.ndarray, position: np.ndarray,
                     splats: Splats, check: Callable[[], None]) -> np.ndarray:
    """Each vertex's least-squares place among the planes of the surfels within 1.5 voxels that look the same way."""
    lookup = np.full(int(np.prod(shape)), -1, np.int32)
    lookup[ids] = np.arange(len(ids))
    normal = splats.normals().astype(np.float64)
    solidity = 1 / (1 + np.exp(-np.clip(splats.opacity.astype(np.float64), -30, 30)))
    distance = (normal * position).sum(1)  # of the surfel's plane from the origin
    nearest = np.rint(position).astype(np.int64)
    sums = np.zeros((10, len(ids)))  # upper triangle of n n^T, n d, weight
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    for step in np.ndindex(3, 3, 3):
        check()
        node = nearest + np.array(step) - 1
        inside = np.flatnonzero(((node >= 0) & (node < shape)).all(1))
        v = lookup[np.ravel_multi_index(tuple(node[inside].T), tuple(shape))]
        inside, v = inside[v >= 0], v[v >= 0]
        n = normal[inside]
        away = ((position[inside] - start[v]) ** 2).sum(1)
        w = solidity[inside] * np.exp(-away / (2 * REACH_SIGMA ** 2)) * np.clip((n * direction[v]).sum(1), 0, 1)
        terms = [w * n[:, i] * n[:, j] for i, j in pairs] + [w * n[:, i] * distance[inside] for i in range(3)] + [w]
        for k, term in enumerate(terms):
            sums[k] += np.bincount(v, term, len(ids))
    weight = sums[9] + 1e-3
    matrix = np.empty((len(ids), 3, 3))
    for k, (i, j) in enumerate(pairs):
        matrix[:, i, j] = matrix[:, j, i] = sums[k] / weight
    right = sums[6:9].T / weight[:, None]
    check()
    matrix += STIFFNESS * np.eye(3)
    return np.linalg.solve(matrix, (right + STIFFNESS * start)[..., None])[..., 0]


def _smoothed(vertices: np.ndarray, quads: np.ndarray, rounds: np.ndarray, check: Callable[[], None]) -> np.ndarray:
    """Noise along the normal is averaged away among neighbours that look the same way, each vertex int [V] rounds long; edges
    stay."""
    ends = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    i, j = np.concatenate([ends, ends[:, ::-1]]).T
    n = len(vertices)
    for k in range(max(SMOOTHING.values())):
        check()
        normal = vertex_normals(vertices, quads)
        alike = np.clip((normal[i] * normal[j]).sum(1), 0, 1) ** 16
        height = ((vertices[j] - vertices[i]) * normal[i]).sum(1)  # of the neighbour over the own tangent plane
        move = 0.6 * np.bincount(i, alike * height, n) / (np.bincount(i, alike, n) + 1)
        move[k >= rounds] = 0
        vertices = vertices + move[:, None] * normal
    return vertices


def quad_normals(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Unit normals [Q, 3] of quads (of their diagonals' plane)."""
    p = vertices[quads]
    n = np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1])
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)


def vertex_normals(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3]: mean of the quads around each vertex."""
    rows = quads.ravel()
    spread = sparse.csr_matrix((np.ones(len(rows)), (rows, np.repeat(np.arange(len(quads)), 4))), (len(vertices), len(quads)))
    n = spread @ quad_normals(vertices, quads)
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)
