"""A small picture of a place, that tells it from others in a list: from the south-west above, the whole place in it."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..scene.splats import Splats
from .camera import Camera
from .image import render_splats

SIDE = 256
"""Pixels along one side."""
AZIMUTH, ELEVATION, FOV = 212.0, 42.0, 26.0  # degrees
MARGIN = 0.03  # of the side that stays free around the place
FRAMED_BY, MOST = 20_000, 1_000_000  # splats that the frame is fitted to, and that are drawn, of more every other


def thumbnail(splats: Splats, side: int = SIDE) -> np.ndarray:
    """The picture of a draped scene, uint8 [side, side, 3] sRGB."""
    if len(splats) > MOST:
        every = -(-len(splats) // MOST)
        scale = np.float32(0.5 * np.log(every))  # fewer discs, each as much larger
        splats = splats.take(slice(None, None, every))
        splats = replace(splats, log_scale=splats.log_scale + scale)
    return render_splats(splats, framed(splats.mean, side), over=2)


def framed(points: np.ndarray, side: int) -> Camera:
    """The camera that sees all points [N, 3], as large as they fit into a square picture."""
    points = points[::-(-len(points) // FRAMED_BY)].astype(np.float64)
    low, high = points.min(0), points.max(0)
    camera = Camera.oblique((low[0], low[1], max(high[0], low[0] + 1), max(high[1], low[1] + 1)), width=side, height=side,
                            azimuth=AZIMUTH, elevation=ELEVATION, fov=FOV, z=float(np.median(points[:, 2])), margin=1.6)
    seen = points @ camera.rotation.T + camera.world_to_camera[:3, 3]
    x, y = (seen[:, :2] / seen[:, 2:]).T  # in units of the focal length
    focal = side * (1 - 2 * MARGIN) / max(np.ptp(x), np.ptp(y), 1e-6)
    middle = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    return replace(camera, fx=focal, fy=focal, cx=side / 2 - focal * middle[0], cy=side / 2 - focal * middle[1])
