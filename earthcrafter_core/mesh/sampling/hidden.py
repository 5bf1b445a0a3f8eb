"""What is not worth splats: the undersides of buildings, and the ground under buildings and water."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..place import BUILDING, WATER, Part, PlaceMesh
from ..texturing.bake import rasterise
from ..topology import face_normals

CELL = 0.25  # metres
RIM = 2  # cells inside a footprint where the ground is still seen
DOWN = -0.9  # faces whose normal's z is less face down
STANDING = 0.2  # metres above a building's lowest corner


def undersides(part: Part) -> np.ndarray:
    """Which faces of a building face down, bool [F]; none of other parts.

    They are what it stands on, and its eaves: so thin that splats below would come through from above, while from below one
    sees the roof's own.
    """
    if part.kind != BUILDING:
        return np.zeros(len(part.faces), bool)
    normal, _ = face_normals(part.vertices, part.faces)
    return normal[:, 2] < DOWN


class HiddenGround:
    """Where the ground of a place lies under buildings or water, in cells of CELL metres."""

    def __init__(self, place: PlaceMesh) -> None:
        covers = [_floor(part) if part.kind == BUILDING else part.vertices[part.faces]
                  for part in place.parts if part.kind in (BUILDING, WATER)]
        triangles = np.concatenate([np.zeros((0, 3, 3)), *covers])[..., :2]
        corners = triangles.reshape(-1, 2) if len(triangles) else np.zeros((1, 2))
        self._low = corners.min(0)
        size = np.ceil(np.ptp(corners, axis=0) / CELL).astype(int)
        under = np.zeros((size[1] + 1, size[0] + 1), np.uint8)
        rasterise(np.ascontiguousarray((triangles - self._low) / CELL), np.ones(len(triangles), np.uint8), under)
        self._under = ndimage.binary_erosion(under, iterations=RIM)

    def at(self, xy: np.ndarray) -> np.ndarray:
        """Whether places float [N, 2] are hidden, bool [N]."""
        x, y = np.floor((xy - self._low) / CELL).astype(int).T
        rows, cols = self._under.shape
        inside = (x >= 0) & (y >= 0) & (x < cols) & (y < rows)
        out = np.zeros(len(xy), bool)
        out[inside] = self._under[y[inside], x[inside]]
        return out


def _floor(part: Part) -> np.ndarray:
    """Corners float64 [F, 3, 3] of the faces that a building stands on."""
    corners = part.vertices[part.faces[undersides(part)]]
    return corners[corners[..., 2].max(1) < part.vertices[:, 2].min(initial=np.inf) + STANDING]
