"""Tones of surveys brought together, so that one class has one look wherever it was photographed.

Two flights show one asphalt as charcoal and as bone white, by season, sun and the maker's stretch. A network that learns from
both paints every road in the grey between them, and an artist cannot tell a road from a pavement. Within a class all
contrast stays (cars, lane marks, patches): its tone as a whole is moved.
"""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..scene import classes as c

BRIGHTNESS = {c.ROAD: 120.0, c.PATH: 160.0, c.PARKING: 104.0}
"""Median of (r + g + b) / 3 that the paved classes get: asphalt, pale paving, newer asphalt, as in data/synthetic/style.py."""
TINT = {c.LAWN: (0.92, 1.04, 0.88), c.MEADOW: (1.07, 1.03, 0.92)}
"""Factors on r, g, b of grass: mown and watered, or dry with its stalks. The surveys themselves show the two alike."""
LARGEST_GAIN = 1.8
EDGE = 0.8  # standard deviation in colour cells over which one class's tone passes into its neighbour's
_FEWEST = 200  # colour cells that tell a class's tone


def harmonise(fine: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """Colours with the tones of paving and grass moved to BRIGHTNESS and TINT.

    Args:
        fine: float [F H, F W, 3], 0..255, F colour cells along one side of a layout cell.
        layout: uint8 [H, W] classes seen from above.

    Returns:
        float64 [F H, F W, 3], 0..255.
    """
    per_cell = fine.shape[0] // layout.shape[0]
    ids = np.repeat(np.repeat(layout, per_cell, 0), per_cell, 1)
    gain = np.ones(fine.shape)
    for class_id, tint in TINT.items():
        gain[ids == class_id] = tint
    for class_id, wanted in BRIGHTNESS.items():
        own = ids == class_id
        if own.sum() >= _FEWEST:
            median = max(float(np.median(fine[own].mean(1))), 1.0)
            gain[own] = np.clip(wanted / median, 1 / LARGEST_GAIN, LARGEST_GAIN)
    soft = np.stack([ndimage.gaussian_filter(gain[..., k], EDGE) for k in range(3)], 2)
    return np.clip(fine * soft, 0, 255)
