"""Closed solids from convex pieces, by manifold3d: united, trimmed at the place's border, without slivers."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from manifold3d import Manifold, OpType

from .footprints import Frame

TOLERANCE = 0.004  # metres by which simplifying may move a surface
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
    return np.asarray(mesh.vert_properties)[:, :3].astype(np.float64), np.asarray(mesh.tri_verts).astype(np.int32)


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals float64 [F, 3] of triangles."""
    a, b, c = vertices[faces].swapaxes(0, 1)
    n = np.cross(b - a, c - a)
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-30)
