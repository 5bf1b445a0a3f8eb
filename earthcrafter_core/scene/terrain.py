"""The ground under a layout, as an artist brings it: a sculpted mesh or a raster of heights. NumPy alone.

`convert/terrain.py` turns it into a layout's elevation.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInput

KINDS = ("mesh", "raster")


@dataclass
class Terrain:
    """A terrain.

    Attributes:
        kind: "mesh" or "raster".
        vertices: float32 [N, 3] metres, x east and y north of the layout's south-west corner, z up; of a mesh.
        triangles: int32 [M, 3] rows of `vertices`; of a mesh.
        path: .tif or .npy that covers the layout's extent, row 0 north; of a raster.

    Raises:
        BadInput: another kind, a mesh without triangles or with indices out of range, a raster that is not there.
    """

    kind: str
    vertices: np.ndarray | None = None
    triangles: np.ndarray | None = None
    path: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput(f"The terrain's kind {self.kind!r} is not known.", "Use 'mesh' or 'raster'.")
        if self.kind == "raster":
            if not Path(self.path).is_file():
                raise BadInput(f"There is no terrain file {self.path}.", "Choose a .tif or .npy file of heights.")
            return
        vertices = np.zeros((0, 3), np.float32) if self.vertices is None else np.asarray(self.vertices, np.float32)
        triangles = np.zeros((0, 3), np.int32) if self.triangles is None else np.asarray(self.triangles, np.int32)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
            raise BadInput("The terrain's mesh has arrays of the wrong shape.", "Give [N, 3] vertices and [M, 3] triangles.")
        if not len(triangles):
            raise BadInput("The terrain's mesh has no faces.", "Choose a mesh with faces.")
        if triangles.min() < 0 or triangles.max() >= len(vertices):
            raise BadInput("The terrain's mesh has faces without vertices.", "Choose another mesh.")
        if not np.isfinite(vertices).all():
            raise BadInput("The terrain's mesh has vertices without a place.", "Choose another mesh.")
        self.vertices, self.triangles = np.ascontiguousarray(vertices), np.ascontiguousarray(triangles)

    def hash(self) -> str:
        """16 hex digits that name the terrain: the mesh's content; path, size and time of change of a raster file, which may
        be too large to read in Blender's main thread.

        Raises:
            BadInput: the raster file is gone.
        """
        h = hashlib.sha256(self.kind.encode())
        if self.kind == "mesh":
            assert self.vertices is not None and self.triangles is not None
            h.update(self.vertices.tobytes() + self.triangles.tobytes())
            return h.hexdigest()[:16]
        try:
            state = Path(self.path).stat()
        except OSError as e:
            raise BadInput(f"The terrain file {self.path} cannot be read ({e.strerror or e}).",
                           "Choose a .tif or .npy file of heights.") from e
        h.update(repr((str(Path(self.path).absolute()), state.st_size, state.st_mtime_ns)).encode())
        return h.hexdigest()[:16]
