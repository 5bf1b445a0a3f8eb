"""The plants' texture: sheets of leaves in a few tints of each class, and where on it the faces of a plant lie."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from ...scene import classes as sem
from ..kernel import KERNEL
from ..place import Instances, Texture
from ..threads import Threads
from . import unfold
from .leaves import BARK, BORDER, sheet_of
from .plant_forms import Form

NAME = "plants"
TINTS = {sem.BROADLEAF: 4, sem.CONIFER: 3, sem.ORCHARD: 3, sem.SHRUB: 4}
_TIER = (336, 208)
SIZES = {sem.BROADLEAF: ((544, 416), (304, 304), (256, 256)), sem.CONIFER: (_TIER, _TIER, _TIER),
         sem.ORCHARD: ((384, 160), (224, 224), (128, 128)), sem.SHRUB: ((336, 160), (192, 192), (64, 64)), 0: ((96, 160),)}
"""Texels across and up of the sheets of a class at FULL texels a metre; of bark for class 0."""
FULL = 8.0
WIDTH = 2048  # texels
STEPS = 8  # of Lloyd's algorithm
WARMTH = np.array([0.05, 0.02, -0.1], np.float32)  # share of red, green and blue that warm leaves have more
Key = tuple[int, int, int]


@dataclass(frozen=True)
class PlantTexture:
    """A texture's plan; `paint` makes it.

    Attributes:
        tints: float64 [K, 3] sRGB of each class's leaves. tiles: x, y, width, height in texels, y down, of each class, sheet
        and tint; of bark for class 0. size: width and height of the texture.
    """

    tints: dict[int, np.ndarray]
    tiles: dict[Key, tuple[int, int, int, int]]
    size: tuple[int, int]

    def tint_of(self, class_id: int, rgb: np.ndarray) -> np.ndarray:
        """Which tint is the nearest of colours [N, 3] of plants of a class; int [N]."""
        return ((rgb[:, None].astype(np.float64) - self.tints[class_id]) ** 2).sum(2).argmin(1)

    def uv(self, model: Form, class_id: int, rgb: np.ndarray) -> np.ndarray:
        """Texture coordinates float32 [N, F, 3, 2], v up, of plants of one form whose colours are rgb [N, 3]."""
        tint = self.tint_of(class_id, rgb)
        out = np.empty((len(rgb), *model.uv.shape), np.float32)
        for sheet in np.unique(model.sheet).tolist():
            faces = model.sheet == sheet
            for k in np.unique(tint).tolist():
                key = (0, 0, 0) if sheet == unfold.BARK else (class_id, sheet, k)
                out[np.ix_(tint == k, faces)] = self._placed(key, model.uv[faces])
        return out

    def _placed(self, key: Key, uv: np.ndarray) -> np.ndarray:
        x, y, w, h = self.tiles[key]
        u = x + BORDER + uv[..., 0] * (w - 2 * BORDER)
        v = y + h - BORDER - uv[..., 1] * (h - 2 * BORDER)
        return np.stack([u / self.size[0], 1 - v / self.size[1]], -1)

    def paint(self, check: Callable[[], None] = lambda: None) -> Texture:
        """The texture. Its roughness is the classes'."""
        color = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        sheets: dict[tuple[int, int], list[Key]] = {}
        for key in self.tiles:
            sheets.setdefault(key[:2], []).append(key)

        def painted(kind: tuple[int, int]) -> None:
            sheet = sheet_of(*kind, *self.tiles[sheets[kind][0]][2:])
            for key in sheets[kind]:
                x, y, w, h = self.tiles[key]
                rgb = np.array(BARK) if key[0] == 0 else self.tints[key[0]][key[2]]
                _tinted(sheet.factor, sheet.warmth, rgb.astype(np.float32), WARMTH, color[y:y + h, x:x + w])

        with Threads(check) as threads:
            threads.each(painted, sheets)
        return Texture(color)


def plant_texture(plants: Instances, texels: float = FULL) -> PlantTexture:
    """Plan a texture for plants: the tints by their colours, tiles for what occurs.

    Args:
        plants: of the whole place. texels: a metre, of the place's other textures; FULL and more give tiles of full size.
    """
    scale = min(texels / FULL, 1.0)
    tints, sizes = dict[int, np.ndarray](), {(0, 0, 0): _scaled(SIZES[0][0], scale)}
    for class_id, most in TINTS.items():
        rows = np.flatnonzero(plants.class_id == class_id)
        if len(rows):
            tints[class_id] = _tints(plants.rgb[rows].astype(np.float64), most)
            sizes |= {(class_id, sheet, tint): _scaled(size, scale) for sheet, size in enumerate(SIZES[class_id])
                      for tint in range(len(tints[class_id]))}
    tiles, x, y, row = dict[Key, tuple[int, int, int, int]](), 0, 0, 0
    for key, (w, h) in sorted(sizes.items(), key=lambda item: (-item[1][1], item[0])):
        if x + w > WIDTH:
            x, y, row = 0, y + row, 0
        tiles[key] = (x, y, w, h)
        x, row = x + w, max(row, h)
    width = max(t[0] + t[2] for t in tiles.values())
    return PlantTexture(tints, tiles, (width, y + row))


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
