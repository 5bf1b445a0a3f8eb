"""Edges, connected pieces and fans of triangle meshes: what checks and simplification ask of them."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

SAME_PLACE = 1e-5  # metres


@dataclass
class Edges:
    """The edges of triangles, each once.

    Attributes:
        ends: int64 [E, 2] vertices, the lower index first.
        of_face: int64 [F, 3] edge from each corner to the next.
        forward: bool [F, 3] whether the face runs through it from the lower index to the higher.
        count: int64 [E] how many faces share it.
    """

    ends: np.ndarray
    of_face: np.ndarray
    forward: np.ndarray
    count: np.ndarray

    def sharing(self) -> np.ndarray:
        """Corners int64 [K, 2] (3 * face + k) at the starts of edges that exactly two faces share."""
        flat = self.of_face.ravel()
        order = np.argsort(flat, kind="stable")
        return order[(self.count == 2)[flat[order]]].reshape(-1, 2)


def edges_of(faces: np.ndarray) -> Edges:
    """Edges of faces int [F, 3]."""
    begin, end = faces.astype(np.int64), np.roll(faces, -1, 1).astype(np.int64)
    low, high = np.minimum(begin, end), np.maximum(begin, end)
    size = int(faces.max(initial=0)) + 1
    key, of_face, count = np.unique(low * size + high, return_inverse=True, return_counts=True)
    return Edges(np.stack(np.divmod(key, size), 1), of_face.reshape(-1, 3), begin < end, count)


def welded(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same triangles with one vertex at each place (to SAME_PLACE): vertices float64 [W, 3] and faces int64 [F, 3]."""
    spots, index = np.unique(np.rint(vertices / SAME_PLACE), axis=0, return_inverse=True)
    return spots * SAME_PLACE, index.ravel()[faces]


def joined(pairs: np.ndarray, count: int) -> tuple[int, np.ndarray]:
    """Number of groups of `count` things that pairs int [K, 2] join, and the group of each."""
    graph = sparse.coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    return connected_components(graph, directed=False)


def pieces(faces: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of pieces that hang together by vertices, and the piece of each face, int32 [F]."""
    if not len(faces):
        return 0, np.zeros(0, np.int32)
    used, corner = np.unique(faces, return_inverse=True)
    corner = corner.reshape(-1, 3)
    count, of_vertex = joined(np.concatenate([corner[:, :2], corner[:, 1:]]), len(used))
    return count, of_vertex[corner[:, 0]]


def pinches(faces: np.ndarray, edges: Edges) -> int:
    """At how many vertices more than one fan of faces meet; those on edges of more than two faces are not counted."""
    if not len(faces):
        return 0
    first = edges.sharing()
    face, k = np.divmod(first, 3)
    following = face * 3 + (k + 1) % 3
    start = faces.ravel()[first]
    same = start[:, 0] == start[:, 1]  # run through the same way (flipped); else the other way round
    at_start = np.where(same, first[:, 1], following[:, 1])
    at_end = np.where(same, following[:, 1], first[:, 1])
    pairs = np.concatenate([np.stack([first[:, 0], at_start], 1), np.stack([following[:, 0], at_end], 1)])
    count, fan = joined(pairs, faces.size)
    of_fan = np.zeros(count, np.int64)
    of_fan[fan] = faces.ravel()
    meets = np.bincount(of_fan)
    meets[edges.ends[edges.count > 2]] = 0
    return int((meets > 1).sum())


def plane_cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Plane cross products [N] of vectors [N, 2]."""
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals float64 [F, 3] (zero where a face has no area) and areas [F] in square metres."""
    p = vertices[faces]
    cross = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    length = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(length, 1e-300)[:, None], length / 2


def volumes(vertices: np.ndarray, faces: np.ndarray, piece: np.ndarray, count: int) -> np.ndarray:
    """Signed volume float64 [count] of each piece: positive for a closed one whose faces look outward."""
    p = (vertices - vertices.mean(0))[faces]
    return np.bincount(piece, np.einsum("ij,ij->i", p[:, 0], np.cross(p[:, 1], p[:, 2])) / 6, count)
