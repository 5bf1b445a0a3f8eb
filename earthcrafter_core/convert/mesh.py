"""A draped scene as a surface mesh: smooth ground, planar roofs, upright walls, rounded crowns, colours of half a voxel."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..scene import classes as sem
from ..scene.splats import Splats
from ..scene.voxels import VoxelScene
from .solid import solidify
from .surface_net import QuadMesh, quad_normals, surface_net

MAX_TRIANGLES = 380_000
"""For each 128 x 128 columns; beyond it, quads of the most even colour are not refined."""
CREASE = np.cos(np.radians(38))  # faces that meet at more than this angle have an edge between them
BUILT_CREASE = np.cos(np.radians(9))  # the same on buildings: ridges and hips are edges
NORMAL_METRES = 0.6  # a colour from a surfel of the opposite normal counts as this far away (voxels, halved)
KIND_METRES = 2.0  # and one of another kind of class
QUERY_PLACES = 50_000
_KINDS = np.array([{"building": 1, "tall_vegetation": 2}.get(c.kind, 0) for c in sem.CLASSES])


@dataclass
class Mesh:
    """Triangles with classes, colours and normals.

    Attributes:
        vertices: float32 [V, 3] metres, z up.
        faces: int32 [F, 3] counter-clockwise from outside.
        face_class: uint8 [F].
        corner_color: uint8 [F, 3, 3] sRGB of each face's three corners.
        corner_normal: float32 [F, 3, 3] unit; smooth within a surface, split at its edges.
    """

    vertices: np.ndarray
    faces: np.ndarray
    face_class: np.ndarray
    corner_color: np.ndarray
    corner_normal: np.ndarray


def build_mesh(voxels: VoxelScene, splats: Splats, check: Callable[[], None] = lambda: None) -> Mesh:
    """The surface mesh of a draped scene; the same for the same input.

    Args:
        voxels: a gap-free shell, at least one voxel in every column.
        splats: surfels near its surface.
        check: called often, between steps; may raise to end the work.
    """
    solid = solidify(voxels)
    check()
    origin = voxels.origin + solid.corner * voxels.voxel_size
    lift = np.array([0, 0, 1])  # the solid has one layer below the box
    position = (splats.mean - origin) / voxels.voxel_size + lift
    net = surface_net(solid, position, splats, check)
    check()
    corner_normal = _corner_normals(net)
    check()
    columns = (solid.class_id.shape[0] - 2) * (solid.class_id.shape[1] - 2)
    budget = max(columns / 128 ** 2, 0.25) * MAX_TRIANGLES
    refined = _refined_quads(net, voxels, splats, position, budget, check)
    check()
    fine = _fans(net, corner_normal, refined, check)
    check()
    color = _colors(fine, position, splats, check)
    check()
    keep = _has_area(fine.vertices, fine.faces)
    check()
    used, faces = np.unique(fine.faces[keep], return_inverse=True)
    check()
    vertices = (fine.vertices[used] - lift) * voxels.voxel_size + origin
    return Mesh(vertices.astype(np.float32), faces.reshape(-1, 3).astype(np.int32), fine.class_id[keep], color[keep],
                fine.normal[keep].astype(np.float32))


@dataclass
class _Triangles:
    vertices: np.ndarray  # float64 [V, 3] voxels
    faces: np.ndarray  # int64 [F, 3]
    class_id: np.ndarray  # uint8 [F]
    normal: np.ndarray  # float64 [F, 3, 3]


def _corner_normals(net: QuadMesh) -> np.ndarray:
    """Normal of each quad's corners, float64 [Q, 4, 3]: mean of the quads at that vertex that are no crease away."""
    normal = quad_normals(net.vertices, net.quads)
    crease = np.where(sem.is_in(net.class_id, sem.BUILDING_IDS), BUILT_CREASE, CREASE)
    vertex = net.quads.ravel()
    order = np.argsort(vertex, kind="stable")
    quad = order // 4
    start = np.searchsorted(vertex[order], np.arange(len(net.vertices)))
    count = np.diff(np.append(start, len(order)))
    out = np.zeros((len(order), 3))
    for k in range(int(count.max())):  # the k-th quad at each vertex
        has = count[vertex[order]] > k
        rows = np.flatnonzero(has)
        other = normal[quad[start[vertex[order[rows]]] + k]]
        near = (normal[quad[rows]] * other).sum(1) > crease[quad[rows]]
        out[rows[near]] += other[near]
    corners = np.empty_like(out)
    corners[order] = out
    corners /= np.maximum(np.linalg.norm(corners, axis=1, keepdims=True), 1e-12)
    return corners.reshape(-1, 4, 3)


def _refined_quads(net: QuadMesh, voxels: VoxelScene, splats: Splats, position: np.ndarray, budget: float,
                   check: Callable[[], None]) -> np.ndarray:
    """Which quads get colours of half a voxel: all if the budget allows, else the most varied. bool [Q]."""
    if 8 * len(net.quads) <= budget:
        return np.ones(len(net.quads), bool)
    rgb = splats.rgb().astype(np.float64)
    tree = cKDTree(position)
    middle = net.vertices[net.quads].mean(1)
    variety = np.concatenate([rgb[near].std(1).sum(1) for _, near in nearest(tree, middle, min(4, len(splats)), check)])
    wanted = max(int((budget - 2 * len(net.quads)) / 9), 0)
    out = np.zeros(len(net.quads), bool)
    out[np.argsort(-variety, kind="stable")[:wanted]] = True
    return out


def _fans(net: QuadMesh, corner_normal: np.ndarray, refined: np.ndarray, check: Callable[[], None]) -> _Triangles:
    """Triangles: refined quads are fans around their middle with halved edges; others share the halved edges of theirs."""
    quads = net.quads
    ends = np.stack([quads, np.roll(quads, -1, 1)], 2)  # [Q, 4, 2] edge k from corner k to k + 1
    key = ends.min(2) * len(net.vertices) + ends.max(2)
    edge_keys, edge = np.unique(key, return_inverse=True)
    edge = edge.reshape(-1, 4)
    check()
    halved = np.zeros(len(edge_keys), bool)
    halved[edge[refined]] = True
    low, high = np.divmod(edge_keys[halved], len(net.vertices))
    number = np.cumsum(halved) - 1 + len(net.vertices)  # vertex of a halved edge
    fan = halved[edge].any(1)  # [Q] quads that need a middle
    middle = np.cumsum(fan) - 1 + len(net.vertices) + halved.sum()
    p = net.vertices
    vertices = np.concatenate([p, (p[low] + p[high]) / 2, p[quads[fan]].mean(1)])

    following = np.roll(corner_normal, -1, 1)
    between = _unit(corner_normal + following)
    centre = _unit(corner_normal.sum(1))
    faces, normals, owner = [], [], []

    def add(rows: np.ndarray, corners: tuple[np.ndarray, ...], normal: tuple[np.ndarray, ...]) -> None:
        faces.append(np.stack(corners, 1))
        normals.append(np.stack(normal, 1))
        owner.append(rows)

    for k in range(4):
        check()
        a, b, half = quads[:, k], quads[:, (k + 1) % 4], number[edge[:, k]]
        split = fan & halved[edge[:, k]]
        r = np.flatnonzero(split)
        add(r, (middle[r], a[r], half[r]), (centre[r], corner_normal[r, k], between[r, k]))
        add(r, (middle[r], half[r], b[r]), (centre[r], between[r, k], following[r, k]))
        r = np.flatnonzero(fan & ~split)
        add(r, (middle[r], a[r], b[r]), (centre[r], corner_normal[r, k], following[r, k]))
    across = np.linalg.norm(p[quads[:, :2]] - p[quads[:, 2:]], axis=2)  # [Q, 2] lengths of the diagonals
    diagonal = across[:, 0] <= across[:, 1]
    for mask, triangles in ((~fan & diagonal, ((0, 1, 2), (0, 2, 3))), (~fan & ~diagonal, ((0, 1, 3), (1, 2, 3)))):
        r = np.flatnonzero(mask)
        for t in triangles:
            add(r, tuple(quads[r, k] for k in t), tuple(corner_normal[r, k] for k in t))
    check()
    rows = np.concatenate(owner)
    order = np.argsort(rows, kind="stable")
    return _Triangles(vertices, np.concatenate(faces)[order], net.class_id[rows[order]], np.concatenate(normals)[order])


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def _colors(fine: _Triangles, position: np.ndarray, splats: Splats, check: Callable[[], None]) -> np.ndarray:
    """Colour of each corner from the surfels nearest in place, direction and kind; uint8 [F, 3, 3].

    Corners of one vertex that belong to the same kind of surface and look the same way share a colour.
    """
    kind = np.repeat(_KINDS[fine.class_id], 3)
    vertex = fine.faces.ravel()
    normal = fine.normal.reshape(-1, 3)
    side = np.abs(normal).argmax(1)
    side = 2 * side + (np.take_along_axis(normal, side[:, None], 1)[:, 0] < 0)
    key = (vertex * 3 + kind) * 6 + side
    check()
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    check()
    count = np.bincount(group)
    middle = np.repeat(fine.vertices[fine.faces].mean(1), 3, 0)  # of each corner's face
    inward = np.stack([np.bincount(group, m) for m in middle.T], 1) / count[:, None]
    place = 0.6 * fine.vertices[vertex[first]] + 0.4 * inward
    places = np.column_stack([place, NORMAL_METRES * normal[first], KIND_METRES * _spots(kind[first])])
    data = np.column_stack([position, NORMAL_METRES * splats.normals(), KIND_METRES * _spots(_KINDS[splats.class_id])])
    near = min(3, len(splats))
    check()
    tree = cKDTree(data)
    check()
    rgb, colors = splats.rgb().astype(np.float64), []
    for distance, index in nearest(tree, places, near, check):
        weight = np.exp(-(distance ** 2 - distance[:, :1] ** 2) / (2 * 0.25 ** 2))
        weight /= weight.sum(1, keepdims=True)
        colors.append(np.rint((rgb[index] * weight[..., None]).sum(1)).astype(np.uint8))
    return np.concatenate(colors)[group].reshape(-1, 3, 3)


def nearest(tree: cKDTree, places: np.ndarray, k: int, check: Callable[[], None]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Distances and indices [M, k] of what is nearest to places [N, D], M = QUERY_PLACES at a time; `check` is called before
    each."""
    for start in range(0, max(len(places), 1), QUERY_PLACES):
        check()
        distance, index = tree.query(places[start:start + QUERY_PLACES], k=k, workers=-1)
        yield distance.reshape(-1, k), index.reshape(-1, k)


def _spots(kind: np.ndarray) -> np.ndarray:
    """Kinds 0, 1, 2 as points on a line, [N]."""
    return np.array([0.0, 1.0, -1.0])[kind]


def _has_area(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    p = vertices[faces]
    return np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) > 1e-7
