"""Small pictures of results for the history, loaded once each."""
from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

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


def unregister() -> None:
    """Free the pictures."""
    while _collections:
        bpy.utils.previews.remove(_collections.pop())
