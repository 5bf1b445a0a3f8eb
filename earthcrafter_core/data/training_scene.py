"""Training scenes: flattened voxels with finer-than-voxel colour, and the planes that condition the networks."""
from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import BadInput, WriteError
from ..scene.voxels import highest_voxels, tangent_frame

SUBSAMPLES = np.array([[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]], np.float32)
"""[4, 2] places of a voxel's colour samples on its tangent plane, in voxels along u and v."""
OFFSET_UNIT = 100.0  # offsets are stored as int8 hundredths of a voxel


@dataclass
class TrainingScene:
    """A flattened scene (heights above ground, see scene/voxels.py) as the networks learn it.

    Attributes:
        coords: int16 [N, 3] x, y, z index, unique, sorted by x, then y, then z; z of the ground is GROUND_INDEX.
        class_id: uint8 [N], 1..25.
        normal: int8 [N, 3] unit normal * 127, pointing out of the solid.
        offset: int8 [N, 3] surface point minus voxel centre, in hundredths of a voxel (within the voxel: -50..50).
        rgb: uint8 [N, 4, 3] sRGB at the SUBSAMPLES of the tangent plane (u, v from tangent_frame).
        seen: bool [N] False where the colour was never observed (walls under LiDAR): left out of texture losses.
        layout: uint8 [H, W] semantic map, row 0 north; every cell's column (x, y) = (col, H - 1 - row) holds a voxel.
        height: float16 [H, W] metres above ground of the highest voxel's surface in the column.
        elevation: float32 [H/8, W/8] ground elevation of each L/8 column in metres, row 0 north (what was subtracted,
            bilinearly interpolated; each building by one level of its own).
        voxel_size: metres.
        meta: name, source, licence, split ("train" or "test"), seed or file hash.
    H and W are multiples of 8.
    """

    coords: np.ndarray
    class_id: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    rgb: np.ndarray
    seen: np.ndarray
    layout: np.ndarray
    height: np.ndarray
    elevation: np.ndarray
    voxel_size: float = 1.0
    meta: dict = field(default_factory=dict)

    ARRAYS = ("coords", "class_id", "normal", "offset", "rgb", "seen", "layout", "height", "elevation")

    def save(self, path: Path) -> None:
        """Write one compressed .npz (temporary file, then rename). Raises WriteError."""
        path = Path(path)
        temporary = path.with_suffix(".tmp.npz")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(temporary, **{k: getattr(self, k) for k in self.ARRAYS},
                                voxel_size=self.voxel_size, meta=json.dumps(self.meta))
            os.replace(temporary, path)
        except OSError as e:
            temporary.unlink(missing_ok=True)
            raise WriteError(f"The scene {path} could not be written ({e}).", "Choose a folder with free space.") from e

    @classmethod
    def load(cls, path: Path) -> TrainingScene:
        """Read what `save` wrote. Raises BadInput where the file is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as f:
                return cls(**{k: f[k] for k in cls.ARRAYS}, voxel_size=float(f["voxel_size"]), meta=json.loads(str(f["meta"])))
        except Exception as e:  # zipfile, ValueError, KeyError, OSError: all mean the same to the person
            raise BadInput(f"The training scene {path} cannot be read ({e}).", "Build the dataset again.") from e

    def crop(self, x0: int, y0: int, size_x: int, size_y: int) -> TrainingScene:
        """The part with x0 <= x < x0 + size_x and y0 <= y < y0 + size_y, all multiples of 8; indices start at 0 again."""
        h = self.layout.shape[0]
        lo, hi = np.searchsorted(self.coords[:, 0], [x0, x0 + size_x])
        rows = np.arange(lo, hi)[(self.coords[lo:hi, 1] >= y0) & (self.coords[lo:hi, 1] < y0 + size_y)]
        picked = {k: getattr(self, k)[rows] for k in self.ARRAYS[:6]}
        picked["coords"] = picked["coords"] - np.array([x0, y0, 0], np.int16)
        r0 = h - y0 - size_y
        picked |= {k: getattr(self, k)[r0:r0 + size_y, x0:x0 + size_x] for k in ("layout", "height")}
        elevation = self.elevation[r0 // 8:(r0 + size_y) // 8, x0 // 8:(x0 + size_x) // 8]
        return TrainingScene(**picked, elevation=elevation, voxel_size=self.voxel_size, meta={**self.meta, "crop": [x0, y0]})

    def normals(self) -> np.ndarray:
        """Unit normals, float32 [N, 3]."""
        n = self.normal.astype(np.float32)
        return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-6)

    def surface_points(self) -> np.ndarray:
        """Surface point of each voxel in voxels (index space, + 0.5 is a centre), float32 [N, 3]."""
        return self.coords.astype(np.float32) + 0.5 + self.offset.astype(np.float32) / OFFSET_UNIT

    def from_above(self) -> np.ndarray:
        """Colours of the highest voxel of each column at its four samples, uint8 [2 H, 2 W, 3], row 0 in the south."""
        h, w = self.layout.shape
        out = np.zeros((2 * h, 2 * w, 3), np.uint8)
        top = highest_voxels(self.coords, (w, h)).T  # [H, W]
        for k, (east, north) in enumerate((SUBSAMPLES > 0).astype(int)):
            out[north::2, east::2] = np.where(top[..., None] >= 0, self.rgb[top, k], 0)
        return out

    def subsample_points(self) -> np.ndarray:
        """Places of the four colour samples of each voxel in index space, float32 [N, 4, 3]."""
        u, v = tangent_frame(self.normals())  # [N, 3] each
        return (self.surface_points()[:, None] + SUBSAMPLES[None, :, :1] * u[:, None] + SUBSAMPLES[None, :, 1:] * v[:, None])
