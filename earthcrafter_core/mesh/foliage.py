"""The plants' texture: tiles of leaves in a few tints of each class, and where on it the faces of a plant lie."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from ..scene import classes as sem
from .kernel import KERNEL
from .leaves import BARK, BORDER, bark_factor, pattern_of
from .place import Instances, Texture
from .plant_forms import VARIANTS, Form
from .threads import Threads

NAME = "plants"
PATTERNS = {sem.BROADLEAF: VARIANTS, sem.CONIFER: 2, sem.ORCHARD: VARIANTS, sem.SHRUB: VARIANTS}
"""Patterns of leaves of each class; those of lobed crowns have their lobes' shadows."""
TINTS = {sem.BROADLEAF: 4, sem.CONIFER: 4, sem.ORCHARD: 3, sem.SHRUB: 4}
SIZES = {sem.BROADLEAF: (288, 288), sem.CONIFER: (352, 320), sem.ORCHARD: (176, 176), sem.SHRUB: (144, 144)}
"""Texels across and up of a tile of leaves at FULL texels a metre."""
BARK_SIZE = (96, 160)
FULL = 8.0
WIDTH = 2048  # texels
STEPS = 8  # of Lloyd's algorithm
WARMTH = (0.05, 0.02, -0.1)  # share of red, green and blue that warm leaves have more
Key = tuple[int, int, int]


@dataclass(frozen=True)
class PlantTexture:
    """A texture's plan; `paint` makes it.

    Attributes:
        tints: float64 [K, 3] sRGB of each class's leaves. tiles: x, y, width, height in texels, y down, of each class, pattern
        and tint that plants have; of bark for class 0. size: width and height of the texture.
    """

    tints: dict[int, np.ndarray]
    tiles: dict[Key, tuple[int, int, int, int]]
    size: tuple[int, int]

    def tint_of(self, class_id: int, rgb: np.ndarray) -> np.ndarray:
        """Which tint is the nearest of colours [N, 3] of plants of a class; int [N]."""
        return ((rgb[:, None].astype(np.float64) - self.tints[class_id]) ** 2).sum(2).argmin(1)

    def uv(self, model: Form, class_id: int, variant: int, rgb: np.ndarray) -> np.ndarray:
        """Texture coordinates float32 [N, F, 3, 2], v up, of plants of one form whose colours are rgb [N, 3]."""
        tint = self.tint_of(class_id, rgb)
        out = np.empty((len(rgb), *model.uv.shape), np.float32)
        out[:, model.bark] = self._placed((0, 0, 0), model.uv[model.bark])
        for k in np.unique(tint):
            at = self._placed((class_id, variant % PATTERNS[class_id], int(k)), model.uv[~model.bark])
            out[np.ix_(tint == k, ~model.bark)] = at
        return out

    def _placed(self, key: Key, uv: np.ndarray) -> np.ndarray:
        x, y, w, h = self.tiles[key]
        u = x + BORDER + uv[..., 0] * (w - 2 * BORDER)
        v = y + h - BORDER - uv[..., 1] * (h - 2 * BORDER)
        return np.stack([u / self.size[0], 1 - v / self.size[1]], -1)

    def paint(self, check: Callable[[], None] = lambda: None) -> Texture:
        """The texture. Its roughness is the classes'."""
        color = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        warm = np.array(WARMTH, np.float32)
        patterns: dict[tuple[int, int], list[Key]] = {}
        for key in self.tiles:
            patterns.setdefault(key[:2], []).append(key)

        def painted(kind: tuple[int, int]) -> None:
            x, y, w, h = self.tiles[patterns[kind][0]]
            if kind[0] == 0:
                factor = bark_factor(w, h)
                _tinted(factor, np.zeros_like(factor), np.array(BARK, np.float32), warm, color[y:y + h, x:x + w])
                return
            pattern = pattern_of(*kind, w, h)
            for key in patterns[kind]:
                x, y, w, h = self.tiles[key]
                _tinted(pattern.factor, pattern.warmth, self.tints[key[0]][key[2]].astype(np.float32), warm,
                        color[y:y + h, x:x + w])

        with Threads(check) as threads:
            threads.each(painted, patterns)
        return Texture(color)


def plant_texture(plants: Instances, texels: float = FULL) -> PlantTexture:
    """Plan a texture for plants: the tints by their colours, tiles for what occurs.

    Args:
        plants: of the whole place. texels: a metre, of the place's other textures; FULL and more give tiles of full size.
    """
    scale = min(texels / FULL, 1.0)
    tints, keys = dict[int, np.ndarray](), list[Key]()
    for class_id, most in TINTS.items():
        rows = np.flatnonzero(plants.class_id == class_id)
        if not len(rows):
            continue
        tints[class_id] = _tints(plants.rgb[rows].astype(np.float64), most)
        tint = ((plants.rgb[rows][:, None] - tints[class_id]) ** 2).sum(2).argmin(1)
        pattern = variants_of(plants, rows) % PATTERNS[class_id]
        keys += sorted({(class_id, int(p), int(t)) for p, t in zip(pattern, tint)})
    sizes = {key: _scaled(SIZES[key[0]], scale) for key in keys} | {(0, 0, 0): _scaled(BARK_SIZE, scale)}
    tiles, x, y, row = dict[Key, tuple[int, int, int, int]](), 0, 0, 0
    for key, (w, h) in sorted(sizes.items(), key=lambda item: (-item[1][1], item[0])):
        if x + w > WIDTH:
            x, y, row = 0, y + row, 0
        tiles[key] = (x, y, w, h)
        x, row = x + w, max(row, h)
    width = max(t[0] + t[2] for t in tiles.values())
    return PlantTexture(tints, tiles, (width, y + row))


def variants_of(plants: Instances, rows: np.ndarray) -> np.ndarray:
    """Number of the form of some plants, int [N]."""
    return (plants.turn[rows] * 1000).astype(np.int64) % VARIANTS


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(int(size[0] * scale) // 4 * 4, 32), max(int(size[1] * scale) // 4 * 4, 32)


def _tints(rgb: np.ndarray, most: int) -> np.ndarray:
    """At most `most` colours float64 [K, 3] for colours [N, 3]: means of groups that Lloyd's algorithm finds from equal shares
    by brightness."""
    order = np.argsort(rgb.sum(1), kind="stable")
    tints = np.stack([rgb[share].mean(0) for share in np.array_split(order, min(most, len(rgb)))])
    for _ in range(STEPS):
        own = ((rgb[:, None] - tints) ** 2).sum(2).argmin(1)
        tints = np.stack([rgb[own == k].mean(0) for k in np.unique(own)])
    return tints


@numba.njit(**KERNEL)
def _tinted(factor, warmth, rgb, warm, out):
    """out uint8 [h, w, 3]: rgb [3] by a pattern [h, w]."""
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            for c in range(3):
                value = rgb[c] * factor[j, i] * (np.float32(1) + warm[c] * warmth[j, i])
                out[j, i, c] = np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))
