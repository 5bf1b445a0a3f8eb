"""Tileable noise, looked up by position."""
from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage

SIDE = 512  # samples along one side of a tile
PITCH = 0.5  # metres between two samples


@cache
def _tile(wavelength: float, which: int) -> np.ndarray:
    """A noise tile with features of about `wavelength` metres, standard normal samples, float32 [SIDE, SIDE]."""
    rng = np.random.default_rng((int(wavelength * 16), which))
    sigma = wavelength / PITCH / 3.0
    step = 1 << (max(1, int(sigma / 2)).bit_length() - 1)
    field = rng.standard_normal((SIDE // step, SIDE // step)).astype(np.float32)
    if sigma > 0.4:
        field = ndimage.gaussian_filter(field, sigma / step, mode="wrap")
    if step > 1:
        field = ndimage.zoom(field, step, order=1, mode="grid-wrap", grid_mode=True)
    return ((field - field.mean()) / field.std()).astype(np.float32)


class Noise:
    """Noise fields of several wavelengths: each scene shifts and turns the same tiles of 256 m in its own way.

    Values are standard normal in each sample.
    """

    def __init__(self, rng: np.random.Generator):
        self._seed = int(rng.integers(2**31))
        self._fields: dict[tuple[float, int], np.ndarray] = {}

    def field(self, wavelength: float, which: int = 0) -> np.ndarray:
        """Noise tile with features of about `wavelength` metres, float32 [SIDE, SIDE]; `which`: 0..7, independent."""
        key = (wavelength, which)
        if key not in self._fields:
            rng = np.random.default_rng((self._seed, int(wavelength * 16), which))
            tile = _tile(wavelength, which)
            tile = np.roll(tile, tuple(rng.integers(0, SIDE, 2)), (0, 1))
            self._fields[key] = np.ascontiguousarray(tile[::int(rng.choice([-1, 1])), ::int(rng.choice([-1, 1]))])
        return self._fields[key]

    def at(self, x: np.ndarray, y: np.ndarray, wavelength: float, which: int = 0) -> np.ndarray:
        """Noise at positions in metres (any shape), float32 of that shape."""
        i = np.floor(y / PITCH).astype(np.int64) & (SIDE - 1)
        j = np.floor(x / PITCH).astype(np.int64) & (SIDE - 1)
        return self.field(wavelength, which)[i, j]

    def plane(self, rows: int, cols: int, wavelength: float, which: int = 0) -> np.ndarray:
        """Noise on a grid at PITCH, float32 [rows, cols]."""
        tile = self.field(wavelength, which)
        if rows <= SIDE and cols <= SIDE:
            return tile[:rows, :cols]
        return np.tile(tile, (-(-rows // SIDE), -(-cols // SIDE)))[:rows, :cols]


def hash01(*keys: np.ndarray | int) -> np.ndarray:
    """Uniform pseudo-random numbers 0..1 of integer keys (broadcast), float32."""
    h: np.ndarray = np.array(2166136261, np.uint32)
    with np.errstate(over="ignore"):
        for key in keys:
            h = (h ^ np.asarray(key).astype(np.int64).astype(np.uint32)) * np.uint32(16777619)
            h = h ^ (h >> np.uint32(15))
        h = h * np.uint32(2246822519)
        h = h ^ (h >> np.uint32(13))
    return np.asarray((h & np.uint32(0xFFFFFF)).astype(np.float32) / np.float32(0x1000000))
