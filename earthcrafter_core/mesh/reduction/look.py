"""The look of a part (texture coordinates, colours, normals) carried over to simpler triangles of it."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..land.sheet_normals import corner_normals
from ..place import Part
from ..topology import Edges, edges_of, face_normals, joined

SAME_UV = 1e-5
FACING = 0.85  # cosine between a face and the ones whose look it may take
ASIDE = 4.0  # metres off its plane count as so many along it


def charts(part: Part, edges: Edges | None = None) -> np.ndarray:
    """Number of the chart of each face, int [F]: faces whose texture coordinates agree where they meet; 0 without a texture."""
    if part.uv is None:
        return np.zeros(len(part.faces), np.int64)
    edges = edges or edges_of(part.faces)
    corner = edges.sharing()
    face, k = np.divmod(corner, 3)
    uv = part.uv
    first = uv[face[:, 0], k[:, 0]], uv[face[:, 0], (k[:, 0] + 1) % 3]
    second = uv[face[:, 1], k[:, 1]], uv[face[:, 1], (k[:, 1] + 1) % 3]
    turned = edges.forward.ravel()[corner[:, 0]] != edges.forward.ravel()[corner[:, 1]]  # the other way round, as it should be
    a = np.where(turned[:, None], second[1], second[0])
    b = np.where(turned[:, None], second[0], second[1])
    same = (np.abs(first[0] - a).max(1) < SAME_UV) & (np.abs(first[1] - b).max(1) < SAME_UV)
    return joined(face[same], len(part.faces))[1]


def with_faces(part: Part, faces: np.ndarray, kept: np.ndarray, group: np.ndarray) -> Part:
    """The part with fewer triangles between its own vertices.

    Args:
        faces: int [T, 3] in the part's vertices. kept: int [T] the part's face that each was.
        group: int [F] as `collapsed` was told: within a group a vertex looks the same in all faces.
    """
    look = group.astype(np.int64)
    size = int(look.max(initial=0)) + 1
    own = (part.faces.astype(np.int64) * size + look[:, None]).ravel()
    keys, first = np.unique(own, return_index=True)
    wanted = (faces.astype(np.int64) * size + look[kept][:, None]).ravel()
    corner = first[np.searchsorted(keys, wanted)]
    used, index = np.unique(faces, return_inverse=True)
    vertices, triangles = part.vertices[used], index.reshape(-1, 3).astype(np.int32)
    return replace(part, vertices=vertices, faces=triangles, face_class=part.face_class[kept],
                   corner_normal=corner_normals(vertices, triangles),
                   corner_color=part.corner_color.reshape(-1, 3)[corner].reshape(-1, 3, 3),
                   uv=None if part.uv is None else part.uv.reshape(-1, 2)[corner].reshape(-1, 3, 2))


def with_form(part: Part, vertices: np.ndarray, faces: np.ndarray) -> Part:
    """The part with other planar faces, which take their look from those of its faces that are nearest and look the same way.

    Args:
        vertices: float64 [V, 3]. faces: int32 [F, 3]; of about the part's form, such as a box around it.
    """
    given_normal, given_area = face_normals(part.vertices, part.faces)
    normal, _ = face_normals(vertices, faces)
    real = np.flatnonzero(given_area > 1e-6)
    like = real[_most_alike(part.vertices[part.faces[real]].mean(1), given_normal[real], vertices[faces].mean(1), normal)]
    chart = charts(part)
    uv = None
    if part.uv is not None:
        uv = np.stack([_uv_at(part, f, chart == chart[f], vertices[corner]) for f, corner in zip(like, faces)])
    return replace(part, vertices=vertices, faces=faces, face_class=part.face_class[like],
                   corner_normal=np.repeat(normal[:, None], 3, 1).astype(np.float32),
                   corner_color=np.repeat(part.corner_color[like].mean(1, keepdims=True), 3, 1).astype(np.uint8), uv=uv)


def _most_alike(given: np.ndarray, given_normal: np.ndarray, middle: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """For each face the given one that is nearest, mostly across its plane, among those that look its way; int [F]."""
    apart = middle[:, None] - given[None]
    across = np.abs((apart * normal[:, None]).sum(2))
    away = np.linalg.norm(apart, axis=2) + ASIDE * across
    cosine = normal @ given_normal.T
    return np.where(cosine > FACING, away, away + 1e3 * (2 - cosine)).argmin(1)


def _uv_at(part: Part, face: int, chart: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Texture coordinates float32 [3, 2] at places [3, 3] by the plane of a face, kept within its chart (bool [F])."""
    assert part.uv is not None
    p, uv = part.vertices[part.faces[face]], part.uv[face].astype(np.float64)
    side = np.stack([p[1] - p[0], p[2] - p[0]], 1)  # [3, 2]
    share = np.linalg.lstsq(side, (places - p[0]).T, rcond=None)[0]  # [2, 3]
    out = uv[0] + share.T @ (uv[1:] - uv[0])
    within = part.uv[chart].reshape(-1, 2)
    return np.clip(out, within.min(0), within.max(0)).astype(np.float32)
