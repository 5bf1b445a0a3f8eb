"""Points and splats as arrays in the form that Blender's attributes take, and which splats are shown where there are more
than an artist wants. No bpy, so that a thread can do it.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .earthcrafter_core.scene.colour import srgb_to_linear
from .earthcrafter_core.scene.splats import Splats

OPACITY, ROTATION, SCALE = "opacity", "rotation", "splat_scale"
"""Attributes of the splats' points: float 0..1, quaternion, vector (the two standard deviations in metres, and 1)."""
FAIR_CELL = 4.0
"""Metres: side of the cells that each keep the same share of their splats under a cap."""


@dataclass
class CloudArrays:
    """Loose points: position float32 [N, 3] metres, class_id int32 [N], color float32 [N, 4] linear RGBA, and attributes
    by name: float32 [N], [N, 3] or [N, 4] (quaternion wxyz)."""

    position: np.ndarray
    class_id: np.ndarray
    color: np.ndarray
    attributes: dict[str, np.ndarray]


def splat_arrays(splats: Splats, kept: np.ndarray) -> CloudArrays:
    """The arrays of the splats at the indices `kept`: opacity 0..1, rotation, and scale with 1 as the third.

    Where some are left out, the others grow until they cover together what all of them do. (Half of a suburb's splats then
    make a picture of 33 dB of that by all; in their own size 26 dB, taken at random 22 dB.)
    """
    quat = splats.quat[kept]
    quat /= np.sqrt(np.einsum("nk,nk->n", quat, quat))[:, None]
    scale = np.ones((len(kept), 3), np.float32)
    scale[:, :2] = np.exp(splats.log_scale[kept])
    if 0 < len(kept) < len(splats):
        covers = np.exp(_importance(splats))
        scale[:, :2] *= np.sqrt(covers.sum(dtype=np.float64) / covers[kept].sum(dtype=np.float64))
    opacity = 1 / (1 + np.exp(-splats.opacity[kept].astype(np.float32)))
    return CloudArrays(np.ascontiguousarray(splats.mean[kept], np.float32), splats.class_id[kept].astype(np.int32),
                       rgba(srgb_to_linear(splats.rgb()[kept])),
                       {OPACITY: opacity, ROTATION: quat.astype(np.float32), SCALE: scale})


def most_important(splats: Splats, cap: int) -> np.ndarray:
    """Indices of at most `cap` splats, int64, sorted: everywhere the same share, and there the most important ones.

    A splat's importance is what it covers, opacity times the area of its disc. Cells of FAIR_CELL metres rank their own
    splats by it, and those with the least rank divided by the number of the cell's splats are kept: no place goes bare
    because its splats are small.
    """
    count = len(splats)
    if count <= cap:
        return np.arange(count)
    cell = np.floor(splats.mean / FAIR_CELL).astype(np.int64)
    cell -= cell.min(0)
    size = cell.max(0) + 1
    key = (cell[:, 0] * size[1] + cell[:, 1]) * size[2] + cell[:, 2]
    order = np.argsort(key << 32 | _falling(_importance(splats)), kind="stable")  # one integer sorts by both
    ordered = key[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    number = np.diff(np.append(first, count))
    rank = (np.arange(count) - np.repeat(first, number) + 0.5) / np.repeat(number, number)
    return np.sort(order[np.argsort(rank, kind="stable")[:cap]])


def _importance(splats: Splats) -> np.ndarray:
    """Log of opacity times area, up to a constant, float32 [N]."""
    return (splats.log_scale.sum(1) - np.log1p(np.exp(-splats.opacity))).astype(np.float32)


def _falling(values: np.ndarray) -> np.ndarray:
    """Integers int64 [N] in 0..2^32 - 1 that fall as the finite values [N] grow, by the bits of float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.int64)
    rising = np.where(bits >> 31, 0xFFFFFFFF - bits, bits + 0x80000000)
    return 0xFFFFFFFF - rising


def rgba(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB float32 [N, 3] with alpha 1, float32 [N, 4]."""
    result = np.ones((len(rgb), 4), np.float32)
    result[:, :3] = rgb
    return result
