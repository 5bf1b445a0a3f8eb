"""Small pictures of results for the history, loaded once each."""
from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np

_collections: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_of(picture: Path | None) -> int:
    """Icon id of a picture file; 0 where there is none."""
    if picture is None:
        return 0
    if not _collections:
        _collections.append(bpy.utils.previews.new())
    name = str(picture)
    pictures = _collections[0]
    if name not in pictures:
        try:
            pictures.load(name, name, "IMAGE")
        except (RuntimeError, KeyError, OSError):
            return 0
    return pictures[name].icon_id


def set_preview(block: bpy.types.ID, picture: Path) -> None:
    """Make a picture file the preview of a datablock; does nothing where it cannot be read."""
    if not picture.is_file():
        return
    try:
        image = bpy.data.images.load(str(picture), check_existing=False)
    except RuntimeError:
        return
    try:
        pixels = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        rgba = np.ones((image.size[0] * image.size[1], 4), np.float32)
        rgba[:, :min(image.channels, 4)] = pixels.reshape(-1, image.channels)[:, :4]
        preview = block.preview_ensure()
        preview.image_size = image.size
        preview.image_pixels_float.foreach_set(rgba.ravel())
    finally:
        bpy.data.images.remove(image)


def unregister() -> None:
    """Free the pictures."""
    while _collections:
        bpy.utils.previews.remove(_collections.pop())
