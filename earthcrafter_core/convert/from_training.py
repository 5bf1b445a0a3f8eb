"""Training scenes as voxels and splats, so that a real place can be drawn, draped and written like a generated one."""
from __future__ import annotations

import numpy as np

from ..scene.splats import SH_C0, Splats, quaternions
from ..scene.voxels import VoxelScene, flat_origin, tangent_frame

SIGMA = 0.3  # standard deviation of a surfel in voxels; neighbours lie 0.5 apart
OPACITY = 4.0  # logit


def training_to_scene(scene) -> tuple[VoxelScene, Splats]:
    """Voxels and four surfels for each, in the voxels' order, in height above ground.

    Args:
        scene: a data.training_scene.TrainingScene.
    """
    size = scene.voxel_size
    normal = scene.normals().astype(np.float64)
    u, v = tangent_frame(normal)
    quat = quaternions(np.stack([u, v, normal], 2)).astype(np.float32)
    n = len(scene.coords)
    voxels = VoxelScene(scene.coords.astype(np.int32), scene.class_id, np.rint(scene.rgb.mean(1)).astype(np.uint8),
                        flat_origin(size), size)
    mean = scene.subsample_points().reshape(-1, 3) * size + flat_origin(size)
    sh = ((scene.rgb.reshape(-1, 1, 3) / 255.0 - 0.5) / SH_C0).astype(np.float32)
    splats = Splats(mean.astype(np.float32), np.full((4 * n, 2), np.log(SIGMA * size), np.float32), np.repeat(quat, 4, 0),
                    np.full(4 * n, OPACITY, np.float32), sh, np.repeat(scene.class_id, 4))
    return voxels, splats
