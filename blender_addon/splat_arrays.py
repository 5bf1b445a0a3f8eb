"""Points and splats as arrays in the form that Blender's attributes take. No bpy, so that a thread can do it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .earthcrafter_core.scene.colour import srgb_to_linear
from .earthcrafter_core.scene.splats import Splats

OPACITY, ROTATION, SCALE = "opacity", "rotation", "splat_scale"
"""Attributes of the splats' points: float 0..1, quaternion, vector (the two standard deviations in metres, and 1)."""


@dataclass
class CloudArrays:
    """Loose points: position float32 [N, 3] metres, class_id int32 [N], color float32 [N, 4] linear RGBA, and attributes
    by name: float32 [N], [N, 3] or [N, 4] (quaternion wxyz)."""

    position: np.ndarray
    class_id: np.ndarray
    color: np.ndarray
    attributes: dict[str, np.ndarray]


def splat_arrays(splats: Splats) -> CloudArrays:
    """The arrays of splats: opacity 0..1, rotation, and scale with 1 as the third."""
    quat = splats.quat / np.sqrt(np.einsum("nk,nk->n", splats.quat, splats.quat))[:, None]
    scale = np.ones((len(splats), 3), np.float32)
    scale[:, :2] = np.exp(splats.log_scale)
    opacity = 1 / (1 + np.exp(-splats.opacity.astype(np.float32)))
    return CloudArrays(np.ascontiguousarray(splats.mean, np.float32), splats.class_id.astype(np.int32),
                       rgba(srgb_to_linear(splats.rgb())),
                       {OPACITY: opacity, ROTATION: quat.astype(np.float32), SCALE: scale})


def rgba(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB float32 [N, 3] with alpha 1, float32 [N, 4]."""
    result = np.ones((len(rgb), 4), np.float32)
    result[:, :3] = rgb
    return result
