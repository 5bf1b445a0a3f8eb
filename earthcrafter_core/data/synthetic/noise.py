"""Tileable noise, looked up by position."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

SIDE = 512  # samples along one side of a tile
PITCH = 0.5  # metres between two samples


class Noise:
    """Smooth noise fields of several wavelengths over a tile of 256 m, made at first use.

    Values are standard normal in each sample; `field(w)` has features of about `w` metres.
    """

    def __init__(self, rng: np.random.Generator):
        self._seed = int(rng.integers(2**31))
        self._fields: dict[tuple[float, int], np.ndarray] = {}

    def field(self, wavelength: float, which: int = 0) -> np.ndarray:
        """Noise tile, float32 [SIDE, SIDE]; another `which` gives an independent one."""
        key = (wavelength, which)
        if key not in self._fields:
            rng = np.random.default_rng((self._seed, int(wavelength * 16), which))
            sigma = wavelength / PITCH / 3.0
            step = max(1, int(sigma / 2))
            step = 1 << (step.bit_length() - 1)
            white = rng.standard_normal((SIDE // step, SIDE // step)).astype(np.float32)
            smooth = ndimage.gaussian_filter(white, sigma / step, mode="wrap") if sigma > 0.4 else white
            if step > 1:
                smooth = ndimage.zoom(smooth, step, order=1, mode="grid-wrap", grid_mode=True)
            self._fields[key] = ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)
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
