"""Small pictures of the classes' colours for buttons and menus."""
from __future__ import annotations

import bpy
import bpy.utils.previews
import numpy as np

from .class_materials import display_color
from .earthcrafter_core.scene.classes import UNPAINTED, SemanticClass

_SIZE = 16
_collections: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_id(semantic_class: SemanticClass) -> int:
    """Icon of a class, made at first use: a swatch with a thin border."""
    if not _collections:
        _collections.append(bpy.utils.previews.new())
    icons = _collections[0]
    if semantic_class.name not in icons:
        preview = icons.new(semantic_class.name)
        preview.icon_size = preview.image_size = (_SIZE, _SIZE)
        pixels = _swatch(semantic_class)
        preview.icon_pixels_float = pixels
        preview.image_pixels_float = pixels
    return icons[semantic_class.name].icon_id


def _swatch(semantic_class: SemanticClass) -> list[float]:
    """RGBA of one icon, row by row."""
    pixels = np.ones((_SIZE, _SIZE, 4), np.float32)
    pixels[..., :3] = np.array(display_color(semantic_class)) / 255
    if semantic_class.id == UNPAINTED:  # a diagonal cross
        i = np.arange(_SIZE)
        pixels[i, i, :3] = pixels[i, _SIZE - 1 - i, :3] = 0.6
    pixels[[0, -1]] *= (0.6, 0.6, 0.6, 1)
    pixels[:, [0, -1]] *= (0.6, 0.6, 0.6, 1)
    return pixels.ravel().tolist()


def unregister() -> None:
    """Free the pictures."""
    while _collections:
        bpy.utils.previews.remove(_collections.pop())
