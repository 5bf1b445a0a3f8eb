"""Meshes for physics: convex hulls of what is solid, a simplified ground."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from manifold3d import Manifold, Mesh64

from ..place import BUILDING, DECK, TERRAIN, Hull, Part, PlaceMesh
from .collapse import collapsed

GROUND_ERROR = 0.15  # metres (root mean square) by which the ground for physics may differ from what is seen
GROUND_SHARE = 0.02  # of the ground's triangles is what is left at least
SLICE = 8.0  # metres: a bent bridge is cut into hulls of about this length
SMALLEST = 1e-3  # cubic metres: thinner pieces are no bodies


def hulls(place: PlaceMesh, check: Callable[[], None] = lambda: None) -> list[Hull]:
    """Collision meshes of a place, in the order of its parts: the convex pieces of buildings and bridges, the ground with few
    triangles. Water and plants have none: things sink into the one and pass through the other. `check` may raise."""
    out: list[Hull] = []
    for part in place.parts:
        check()
        if part.kind == TERRAIN:
            out.append(_ground(part, check))
        elif part.kind in (BUILDING, DECK):
            solids = [Manifold.hull_points(piece) for piece in part.convex] or _slices(part)
            solids = [solid for solid in solids if solid.volume() > SMALLEST]
            out += [Hull(part.name, k, *_arrays(solid)) for k, solid in enumerate(solids)]
    return out


def _ground(part: Part, check: Callable[[], None]) -> Hull:
    """The ground as one sheet; kerbs that the error swallows are gone."""
    faces, _ = collapsed(part.vertices, part.faces, np.zeros(len(part.faces), np.int64), int(GROUND_SHARE * len(part.faces)),
                         GROUND_ERROR, crease=-1.0, check=check)
    used, index = np.unique(faces, return_inverse=True)
    return Hull(part.name, 0, part.vertices[used], index.reshape(-1, 3).astype(np.int32), convex=False)


def _slices(part: Part) -> list[Manifold]:
    """Hulls of a closed part cut across its longest direction."""
    flat = part.vertices[:, :2] - part.vertices[:, :2].mean(0)
    axis = np.linalg.eigh(flat.T @ flat)[1][:, -1]
    along = part.vertices[:, :2] @ axis
    cuts = np.linspace(along.min(), along.max(), max(int(round(np.ptp(along) / SLICE)), 1) + 1)
    rest = Manifold(Mesh64(vert_properties=part.vertices, tri_verts=part.faces.astype(np.uint64)))
    out = []
    for cut in cuts[1:-1]:
        rest, piece = rest.split_by_plane((float(axis[0]), float(axis[1]), 0.0), float(cut))
        out.append(piece.hull())
    return [*out, rest.hull()]


def _arrays(solid: Manifold) -> tuple[np.ndarray, np.ndarray]:
    mesh = solid.to_mesh64()
    return np.asarray(mesh.vert_properties)[:, :3].astype(np.float64), np.asarray(mesh.tri_verts).astype(np.int32)
