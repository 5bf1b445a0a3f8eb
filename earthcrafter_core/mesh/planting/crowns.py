"""Plants as meshes: a closed crown with its trunk for each, coloured by its own surfels, one part for each class."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ...scene import classes as sem
from ...scene.splats import Splats
from ..columns import Columns
from ..place import CROWN, Instances, Part
from .foliage import NAME, PlantTexture
from .leaves import BARK, LIGHT
from .plant_forms import VARIANTS, Form, form

PLANT_IDS = (sem.BROADLEAF, sem.CONIFER, sem.ORCHARD, sem.SHRUB)
ROOT = 0.15  # metres that a plant reaches into the ground
OWN = 0.55  # share of a corner's colour that the surfels near it give; the rest is the plant's mean
NEAR = 6  # surfels that colour a corner
GRAZING = 0.1  # least cosine, nearly, between the normals of a corner and of its face
CHUNK = 200  # plants that are made at a time


def crown_parts(plants: Instances, columns: Columns | None, splats: Splats | None, check: Callable[[], None] = lambda: None,
                level: int = 0, texture: PlantTexture | None = None) -> list[Part]:
    """One part for each class of plants that occurs, all plants of it, closed.

    Args:
        plants: what stands where.
        columns: the ground that they reach into; None: level ground at each foot.
        splats: surfels of the place that colour the crowns; None: each has its mean colour, with the shades of its form.
        check: called often; may raise to end the work.
        level: of detail, 0 (a tree has some 200 triangles) to plant_forms.LEVELS - 1 (some 20).
        texture: where the leaves lie on the texture "plants"; None: corner colours alone.
    """
    colours = _CrownColours(splats)
    parts = []
    for class_id in PLANT_IDS:
        rows = np.flatnonzero(plants.class_id == class_id)
        if not len(rows):
            continue
        variant = (plants.turn[rows] * 1000).astype(np.int64) % VARIANTS
        pieces = []
        for number in range(VARIANTS):
            mine = rows[variant == number]
            for start in range(0, len(mine), CHUNK):
                some, model = mine[start:start + CHUNK], form(class_id, number, level)
                uv = None if texture is None else texture.uv(model, class_id, plants.rgb[some])
                pieces.append(_copies(model, plants, some, columns, colours, uv))
                check()
        parts.append(_joined(class_id, len(rows), pieces))
    return parts


class _CrownColours:
    """Colours near places in crowns by the surfels there."""

    def __init__(self, splats: Splats | None):
        self._tree: cKDTree | None = None
        rows = np.zeros(0, np.int64) if splats is None else np.flatnonzero(sem.is_in(splats.class_id, np.array(PLANT_IDS)))
        if splats is not None and len(rows) >= NEAR:
            self._tree, self._rgb = cKDTree(splats.mean[rows]), splats.rgb()[rows].astype(float)

    def at(self, places: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """sRGB float64 [N, 3] at places [N, 3] of plants whose mean colours are `mean` [N, 3]."""
        if self._tree is None:
            return mean
        return (1 - OWN) * mean + OWN * self._rgb[self._tree.query(places, k=NEAR, workers=-1)[1]].mean(1)


@dataclass
class _Piece:
    """Plants of one form: vertices [N, V, 3], faces [N, F, 3] into their own vertices, corner normals [N, F, 3, 3], corner
    colours uint8 [N, F, 3, 3], texture coordinates [N, F, 3, 2] or None."""

    vertices: np.ndarray
    faces: np.ndarray
    normal: np.ndarray
    color: np.ndarray
    uv: np.ndarray | None


def _copies(model: Form, plants: Instances, rows: np.ndarray, columns: Columns | None, colours: _CrownColours,
            uv: np.ndarray | None) -> _Piece:
    foot, height = plants.position[rows], plants.height[rows].astype(float)
    radius = np.where(model.wood, (0.05 + 0.018 * height)[:, None], (0.5 * plants.width[rows].astype(float))[:, None])
    cos, sin = np.cos(plants.turn[rows])[:, None], np.sin(plants.turn[rows])[:, None]

    def placed(vertices: np.ndarray) -> np.ndarray:
        x, y, z = vertices.T
        return np.stack([foot[:, :1] + radius * (x * cos - y * sin), foot[:, 1:2] + radius * (x * sin + y * cos),
                         foot[:, 2:] + height[:, None] * z], -1)
    place, still = placed(model.vertices), placed(model.still)
    roots = place[:, model.root]
    place[:, model.root, 2] = still[:, model.root, 2] = np.minimum(_ground(roots, columns), foot[:, 2:]) - ROOT
    mean = np.broadcast_to(plants.rgb[rows].astype(float)[:, None], place.shape)
    rgb = colours.at(place.reshape(-1, 3), mean.reshape(-1, 3)).reshape(place.shape)
    rgb = np.where(model.wood[:, None], BARK, rgb) * (LIGHT[0] + (LIGHT[1] - LIGHT[0]) * model.light)[:, None]
    corner_color = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)[:, model.faces]
    faces = np.broadcast_to(model.faces, (len(rows), *model.faces.shape))
    return _Piece(place, faces, _normals(place, still, model), corner_color, uv)


def _ground(places: np.ndarray, columns: Columns | None) -> np.ndarray:
    """Height of the ground [N, K] at places [N, K, 3]; their own height without columns."""
    if columns is None:
        return places[..., 2]
    cells = (places[..., :2] - columns.origin) / columns.cell - 0.5
    return ndimage.map_coordinates(columns.ground, np.moveaxis(cells, -1, 0), order=1, mode="nearest")


def _normals(place: np.ndarray, still: np.ndarray, model: Form) -> np.ndarray:
    """Unit normals of corners, float32 [N, F, 3, 3], of plants at `place` [N, V, 3] that are shaded as at `still`: the mean
    over the faces at a vertex that are of one smooth group.

    In sharp folds, where the mean lies behind a face, it is lifted before that face: none is shaded from behind.
    """
    normal = _crossed(still, model)
    key = model.faces.astype(np.int64) + model.group[:, None] * len(model.vertices)  # [F, 3]
    keys, slot = np.unique(key, return_inverse=True)
    slot = slot.reshape(key.shape)
    gather = np.zeros((len(keys), len(model.faces)))
    gather[slot, np.arange(len(model.faces))[:, None]] = 1
    smooth = np.einsum("kf,nfc->nkc", gather, normal)
    smooth = _unit(smooth)[:, slot]
    own = _unit(_crossed(place, model))[:, :, None]
    before = (smooth * own).sum(-1, keepdims=True)
    return _unit(smooth + np.maximum(GRAZING - before, 0) * own).astype(np.float32)


def _crossed(place: np.ndarray, model: Form) -> np.ndarray:
    """Normals [N, F, 3] of faces, longer where the face is larger."""
    a, b, c = np.moveaxis(place[:, model.faces], 2, 0)
    return np.cross(b - a, c - a)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _joined(class_id: int, count: int, pieces: list[_Piece]) -> Part:
    """All plants of a class as one part."""
    faces, first = [], 0
    for piece in pieces:
        size = piece.vertices.shape[1]
        faces.append((piece.faces + first + size * np.arange(len(piece.faces))[:, None, None]).reshape(-1, 3))
        first += size * len(piece.faces)
    triangles = np.concatenate(faces).astype(np.int32)
    uv = [piece.uv.reshape(-1, 3, 2) for piece in pieces if piece.uv is not None]
    return Part(sem.NAMES[class_id], CROWN, class_id, np.concatenate([p.vertices.reshape(-1, 3) for p in pieces]), triangles,
                np.full(len(triangles), class_id, np.uint8), np.concatenate([p.normal.reshape(-1, 3, 3) for p in pieces]),
                np.concatenate([p.color.reshape(-1, 3, 3) for p in pieces]), np.concatenate(uv) if uv else None,
                NAME if uv else "", solid=True, attributes={"count": float(count)})
