"""Colours between files (sRGB) and shaders (linear). NumPy alone."""
from __future__ import annotations

import numpy as np


def srgb_to_linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 of any shape to linear float32 0..1 of the same shape (IEC 61966-2-1)."""
    return _TABLE[rgb]


def _exact(s: np.ndarray) -> np.ndarray:
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


_TABLE = _exact(np.arange(256) / 255.0).astype(np.float32)
