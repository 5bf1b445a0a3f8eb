"""2D Gaussian surfels (2DGS): what TexVAE makes, the rasteriser draws and viewers read. NumPy alone."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

SH_C0 = 0.28209479177387814  # the constant of the zeroth spherical harmonic, 1 / (2 sqrt(pi))


@dataclass
class Splats:
    """Oriented Gaussian discs.

    Attributes:
        mean: float32 [N, 3] centres, metres.
        log_scale: float32 [N, 2] log of the standard deviations along the disc's axes, log metres.
        quat: float32 [N, 4] unit quaternions w, x, y, z; the third axis of the rotation is the normal.
        opacity: float32 [N] logits.
        sh: float32 [N, 1 + R, 3] spherical harmonics; sh[:, 0] is the constant term, colour = 0.5 + SH_C0 * sh[:, 0]
            in display-referred sRGB as in 3DGS.
        class_id: uint8 [N].
    """

    mean: np.ndarray
    log_scale: np.ndarray
    quat: np.ndarray
    opacity: np.ndarray
    sh: np.ndarray
    class_id: np.ndarray

    def __len__(self) -> int:
        return len(self.mean)

    def take(self, rows: np.ndarray | slice) -> Splats:
        """Some of them: indices int [M], bool [N] or a slice."""
        return Splats(*(getattr(self, f.name)[rows] for f in fields(self)))

    def rgb(self) -> np.ndarray:
        """View-independent colour, uint8 [N, 3] sRGB."""
        return np.clip((0.5 + SH_C0 * self.sh[:, 0]) * 255 + 0.5, 0, 255).astype(np.uint8)

    def normals(self) -> np.ndarray:
        """Third axis of each rotation, float32 [N, 3]."""
        return rotation_matrices(self.quat)[:, :, 2]


def concatenated(parts: Sequence[Splats]) -> Splats:
    """All splats of one or more parts, in their order."""
    return Splats(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Splats)))


def rotation_matrices(quat: np.ndarray) -> np.ndarray:
    """Rotation matrices [N, 3, 3] (columns are the axes) of quaternions wxyz [N, 4], normalised here."""
    w, x, y, z = (quat / np.linalg.norm(quat, axis=1, keepdims=True)).T
    return np.stack([
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1).reshape(-1, 3, 3).astype(quat.dtype)


def quaternions(frames: np.ndarray) -> np.ndarray:
    """Unit quaternions wxyz [N, 4] of rotation matrices [N, 3, 3] whose columns are the axes."""
    from_diag = np.stack([
        1 + frames[:, 0, 0] + frames[:, 1, 1] + frames[:, 2, 2], 1 + frames[:, 0, 0] - frames[:, 1, 1] - frames[:, 2, 2],
        1 - frames[:, 0, 0] + frames[:, 1, 1] - frames[:, 2, 2], 1 - frames[:, 0, 0] - frames[:, 1, 1] + frames[:, 2, 2]], 1)
    m = frames
    d = [m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]]
    s = [m[:, 1, 0] + m[:, 0, 1], m[:, 2, 0] + m[:, 0, 2], m[:, 2, 1] + m[:, 1, 2]]
    t = from_diag
    table = np.stack([  # row k: quaternion (unnormalised) when component k is the largest
        np.stack([t[:, 0], d[0], d[1], d[2]], 1), np.stack([d[0], t[:, 1], s[0], s[1]], 1),
        np.stack([d[1], s[0], t[:, 2], s[2]], 1), np.stack([d[2], s[1], s[2], t[:, 3]], 1)], 1)
    q = table[np.arange(len(m)), t.argmax(1)]
    return (q / np.linalg.norm(q, axis=1, keepdims=True)).astype(frames.dtype)
