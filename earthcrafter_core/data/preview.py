"""Pictures of a training scene for people: from above, its classes, its heights and an oblique view."""
from __future__ import annotations

import numpy as np

from ..scene.classes import CLASSES
from .training_scene import TrainingScene

PALETTE = np.array([c.color for c in CLASSES], np.uint8)  # [26, 3]
BACKGROUND = np.array([198, 212, 226], np.uint8)
_HEIGHTS = np.array([[43, 52, 92], [48, 105, 143], [66, 160, 134], [170, 206, 84], [250, 226, 88], [255, 255, 255]],
                    np.float32)
_HEIGHT_STOPS = np.array([-2.0, 0.5, 5.0, 12.0, 30.0, 100.0])


def preview(scene: TrainingScene, scale: int = 2) -> np.ndarray:
    """Colour from above, semantic colours, height map and an oblique view side by side; uint8 [H', W', 3].

    Args:
        scene: any training scene.
        scale: pixels a cell.
    """
    height = scale * scene.layout.shape[0]
    panels = [top_down(scene, scale), _grown(PALETTE[scene.layout], scale), _grown(height_colours(scene), scale),
              _centred(oblique(scene, scale), height)]
    return np.concatenate(panels, axis=1)


def top_down(scene: TrainingScene, scale: int = 2) -> np.ndarray:
    """Colours of the highest samples seen from above, uint8 [scale H, scale W, 3]."""
    extent = scene.layout.shape[0], scene.layout.shape[1]
    points = scene.subsample_points()
    above = np.repeat(scene.normal[:, 2] >= 30, 4)
    xyz = points.reshape(-1, 3)[above]
    return _splat(xyz[:, 0], xyz[:, 1], xyz[:, 2], scene.rgb.reshape(-1, 3)[above], scale, extent)


def height_colours(scene: TrainingScene) -> np.ndarray:
    """Heights above ground as colours, uint8 [H, W, 3]."""
    height = scene.height.astype(np.float64)
    return np.stack([np.interp(height, _HEIGHT_STOPS, _HEIGHTS[:, k]) for k in range(3)], 2).astype(np.uint8)


def oblique(scene: TrainingScene, scale: int = 2, azimuth: float = 30.0, tilt: float = 45.0) -> np.ndarray:
    """Orthographic view from the south, turned by `azimuth` degrees, `tilt` degrees above the horizon.

    Returns uint8 [rows, columns, 3], just large enough for the whole scene.
    """
    a, t = np.radians(azimuth), np.radians(tilt)
    right = np.array([np.cos(a), np.sin(a), 0.0])
    back = np.array([np.cos(t) * np.sin(a), -np.cos(t) * np.cos(a), np.sin(t)])  # from the scene to the camera
    up = np.cross(back, right)
    facing = np.repeat(scene.normals() @ back > 0.02, 4)
    xyz = scene.subsample_points().reshape(-1, 3)[facing].astype(np.float64) * scene.voxel_size
    x, y, depth = xyz @ right, xyz @ up, xyz @ back
    if not len(x):
        return np.broadcast_to(BACKGROUND, (scale, scale, 3)).copy()
    x, y = x - x.min(), y - y.min()
    extent = int(np.ceil(y.max())) + 1, int(np.ceil(x.max())) + 1
    return _splat(x, y, depth, scene.rgb.reshape(-1, 3)[facing], scale, extent)


def _splat(x: np.ndarray, y: np.ndarray, depth: np.ndarray, rgb: np.ndarray, scale: int,
           extent: tuple[int, int]) -> np.ndarray:
    """Paint samples [N] far to near as squares of half a cell (y up); uint8 [scale rows, scale columns, 3]."""
    rows, cols = scale * extent[0], scale * extent[1]
    size = max(1, int(np.ceil(scale * 0.6)))
    image = np.empty((rows, cols, 3), np.uint8)
    image[:] = BACKGROUND
    nearest = np.full(rows * cols, -np.inf)
    flat = image.reshape(-1, 3)
    order = np.argsort(depth, kind="stable")
    left = np.floor(x[order] * scale - (size - 1) / 2).astype(np.int64)
    top = np.floor((extent[0] - y[order]) * scale - (size - 1) / 2).astype(np.int64)
    for dy in range(size):
        for dx in range(size):
            c, r = left + dx, top + dy
            inside = (c >= 0) & (c < cols) & (r >= 0) & (r < rows)
            pixel = r[inside] * cols + c[inside]
            last = np.full(rows * cols, -1, np.int64)
            last[pixel] = np.flatnonzero(inside)  # sorted far to near: the nearest sample stays
            hit = last >= 0
            d = np.where(hit, depth[order][last], -np.inf)
            closer = d > nearest
            nearest[closer] = d[closer]
            flat[closer] = rgb[order][last[closer]]
    return image


def _grown(image: np.ndarray, scale: int) -> np.ndarray:
    return image.repeat(scale, 0).repeat(scale, 1)


def _centred(image: np.ndarray, height: int) -> np.ndarray:
    """The picture with `height` rows: shrunk by a whole factor where it is taller, then padded with background."""
    step = -(-image.shape[0] // height)
    image = image[::step, ::step]
    out = np.empty((height, image.shape[1], 3), np.uint8)
    out[:] = BACKGROUND
    start = (height - image.shape[0]) // 2
    out[start:start + image.shape[0]] = image
    return out
