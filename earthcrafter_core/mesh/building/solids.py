"""Closed solids from convex pieces, by manifold3d: united, trimmed at the place's border, without slivers."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from manifold3d import Manifold, OpType

from ..topology import edges_of, face_normals, pinches
from .frames import Frame

TOLERANCE = 0.004  # metres by which simplifying may move a surface
SAME_PLACE = 1e-4  # metres
LEAST_FACE = 1e-6  # square metres
UPRIGHT = np.sin(np.radians(2))  # of a wall's normal, upwards
THIN = 1e-4  # metres: faces not even so high lie in the plane beside their longest edge
FLIPS = 12  # rounds of flips, at most
SMALLEST = 0.05  # cubic metres: smaller loose bits are dropped


def trimmed(pieces: Sequence[np.ndarray], frame: Frame, extent: tuple[float, float, float, float]) -> list[np.ndarray]:
    """Convex pieces, each float64 [P, 3] corners in a frame, cut at a place's border (x0, y0, x1, y1); without empty ones."""
    x0, y0, x1, y1 = extent
    out = []
    for piece in pieces:
        world = frame.world(piece[:, :2])
        if ((world >= (x0, y0)) & (world <= (x1, y1))).all():
            out.append(piece)
            continue
        solid = Manifold.hull_points(piece)
        for (nx, ny), limit in (((1, 0), x0), ((0, 1), y0), ((-1, 0), -x1), ((0, -1), -y1)):
            normal = frame.axes() @ np.array([nx, ny], np.float64)  # of the border, inwards, in the frame
            shift = limit - nx * frame.centre[0] - ny * frame.centre[1]
            solid = solid.trim_by_plane((float(normal[0]), float(normal[1]), 0.0), float(shift))
        if solid.volume() > SMALLEST:
            out.append(np.asarray(solid.to_mesh64().vert_properties)[:, :3].copy())
    return out


def united(pieces: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The union of convex pieces as one closed mesh: vertices float64 [V, 3], welded, and faces int32 [F, 3]; may be empty."""
    solid = Manifold.batch_boolean([Manifold.hull_points(p) for p in pieces], OpType.Add)
    parts = [p for p in solid.decompose() if p.volume() > SMALLEST]
    if not parts:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32)
    mesh = Manifold.compose(parts).as_original().simplify(TOLERANCE).to_mesh64()
    vertices = np.asarray(mesh.vert_properties)[:, :3].astype(np.float64)
    return vertices, well_triangulated(vertices, np.asarray(mesh.tri_verts).astype(np.int32))


def is_sound(vertices: np.ndarray, faces: np.ndarray) -> bool:
    """Whether a mesh is closed and a manifold, even with one vertex at each place, its walls upright, no face without area."""
    _, place = np.unique(np.rint(vertices / SAME_PLACE), axis=0, return_inverse=True)
    welded = place.ravel()[faces]
    edges = edges_of(welded)
    normal, area = face_normals(vertices, faces)
    wall = np.abs(normal[:, 2]) < 0.5
    upright = np.abs(normal[wall, 2]) < UPRIGHT
    return bool((edges.count == 2).all() and not pinches(welded, edges) and upright.all() and (area > LEAST_FACE).all())


def well_triangulated(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Faces of a closed mesh with the edges inside its planes turned to where they make no thin triangles (Lawson's flips:
    an edge goes where the two angles across from it make more than half a turn, which also tells that it can)."""
    faces = faces.copy()
    for _ in range(FLIPS):
        normal = face_normals(vertices, faces)[0]
        edge = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        apex = faces[:, [2, 0, 1]].ravel()
        order = np.lexsort((edge.max(1), edge.min(1)))
        one, two = order[::2], order[1::2]  # a closed mesh has each edge twice
        a, b, c = vertices[faces].swapaxes(0, 1)
        longest = np.sqrt(np.max([((q - p) ** 2).sum(1) for p, q in ((a, b), (b, c), (c, a))], axis=0))
        thin = np.linalg.norm(np.cross(b - a, c - a), axis=1) < THIN * longest  # these have no plane of their own
        level = ((normal[one // 3] * normal[two // 3]).sum(1) > 1 - 1e-10) | thin[one // 3] | thin[two // 3]
        one, two = one[level], two[level]
        wide = _angle(vertices, apex[one], edge[one]) + _angle(vertices, apex[two], edge[two])
        known = {(min(a, b), max(a, b)) for a, b in edge.tolist()}
        done: set[int] = set()
        for k in np.argsort(-wide, kind="stable"):
            if wide[k] <= np.pi + 1e-6:
                break
            f, g = one[k] // 3, two[k] // 3
            (p, q), a, b = edge[one[k]].tolist(), int(apex[one[k]]), int(apex[two[k]])
            if f in done or g in done or (min(a, b), max(a, b)) in known:
                continue
            faces[f], faces[g] = (a, p, b), (b, q, a)
            known.add((min(a, b), max(a, b)))
            done |= {f, g}
        if not done:
            break
    return faces


def _angle(vertices: np.ndarray, apex: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Angles [N] at corners `apex` [N] of triangles with the edges [N, 2] across."""
    a, b = vertices[edge[:, 0]] - vertices[apex], vertices[edge[:, 1]] - vertices[apex]
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(1))


def corner_normals(vertices: np.ndarray, faces: np.ndarray, bend: float) -> np.ndarray:
    """Unit normals float32 [F, 3, 3] of faces' corners: the faces' own; walls that meet at less than `bend` degrees share."""
    normal = face_normals(vertices, faces)[0]
    out = np.repeat(normal[:, None], 3, 1)
    if bend > 0:
        wall = np.flatnonzero(np.abs(normal[:, 2]) < 0.05)
        at, face = faces[wall].ravel(), np.repeat(wall, 3)
        one, two = np.nonzero((at[:, None] == at[None, :]) & (normal[face] @ normal[face].T > np.cos(np.radians(bend))))
        shared = np.zeros((len(at), 3))
        weight = _corner_angles(vertices, faces[wall]).ravel()
        np.add.at(shared, one, normal[face[two]] * weight[two, None])
        length = np.linalg.norm(shared, axis=1, keepdims=True)
        out[wall] = np.where(length > 1e-9, shared / np.maximum(length, 1e-9), normal[face]).reshape(-1, 3, 3)
    return out.astype(np.float32)


def _corner_angles(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Angles float64 [F, 3] of faces at their corners."""
    return np.stack([_angle(vertices, faces[:, k], faces[:, [(k + 1) % 3, (k + 2) % 3]]) for k in range(3)], 1)
