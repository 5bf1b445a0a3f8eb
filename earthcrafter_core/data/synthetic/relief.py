"""The elevation plane that a flattened scene stands on."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ...scene import classes as c
from .canvas import Canvas


def relief(rng: np.random.Generator, size: int, hills: tuple[float, float], canvas: Canvas) -> np.ndarray:
    """Smooth elevation of each L/8 column in metres, float32 [size / 8, size / 8]; water lies low.

    Args:
        hills: lowest and highest difference of elevation over the scene, metres.
    """
    n = size // 8
    wide = ndimage.gaussian_filter(rng.standard_normal((n + 24, n + 24)), 7)[12:-12, 12:-12]
    fine = ndimage.gaussian_filter(rng.standard_normal((n + 24, n + 24)), 3)[12:-12, 12:-12]
    plane = _unit(wide) + 0.18 * _unit(fine) + rng.uniform(0, 0.8) * np.linspace(0, 1, n)[:, None]
    plane = _unit(plane) * rng.uniform(*hills)
    water = (canvas.cover == c.WATER).reshape(n, 16, n, 16).mean((1, 3)) > 0.25
    if water.any():
        away = ndimage.distance_transform_edt(~water)
        rise = 1 - np.exp(-away / 6.0)
        plane = plane * rise
    return (plane + rng.uniform(2, 300)).astype(np.float32)


def _unit(plane: np.ndarray) -> np.ndarray:
    return (plane - plane.min()) / max(float(np.ptp(plane)), 1e-6)
