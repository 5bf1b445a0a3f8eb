"""Layouts as images: any picture that Blender loads -> class ids, and class ids -> an indexed PNG."""
from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import bpy
import numpy as np

from .earthcrafter_core.errors import BadInput, WriteError
from .earthcrafter_core.scene.classes import NUM_CLASSES, PALETTE
from .earthcrafter_core.scene.layout import MAX_CELLS


def load_classes(path: Path) -> np.ndarray:
    """Class ids, uint8 [H, W], of a grey 8-bit picture of ids or of one in the palette's colours.

    Raises BadInput where the file is no picture, is too large, or has other values.
    """
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", "Choose a PNG of class ids or of the palette's colours.")
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as e:
        raise BadInput(f"The picture {path} cannot be read.", "Choose a PNG.") from e
    try:
        cols, rows = image.size
        if not (rows and cols):
            raise BadInput(f"The picture {path} is empty or damaged.", "Choose a PNG of at least 1 x 1 pixels.")
        if max(rows, cols) > MAX_CELLS:
            raise BadInput(f"The picture of {cols} x {rows} pixels is too large.",
                           f"Give at most {MAX_CELLS} pixels a side.")
        image.colorspace_settings.name = "Non-Color"
        pixels = np.empty(rows * cols * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        values = np.rint(pixels.reshape(rows, cols, -1)[::-1] * 255).astype(np.int32)  # row 0 north
    finally:
        bpy.data.images.remove(image)
    return classes_from_pixels(values)


def classes_from_pixels(values: np.ndarray) -> np.ndarray:
    """Class ids uint8 [H, W] of pixel values 0..255, int [H, W, channels]. Raises BadInput for unknown ones."""
    rgb = values[..., :3] if values.shape[-1] >= 3 else np.repeat(values[..., :1], 3, -1)
    if rgb.max() < NUM_CLASSES and (rgb == rgb[..., :1]).all():
        return rgb[..., 0].astype(np.uint8)
    table = {tuple(int(v) for v in color): class_id for class_id, color in enumerate(PALETTE)}
    colors, inverse = np.unique(rgb.reshape(-1, 3), axis=0, return_inverse=True)
    unknown = [tuple(int(v) for v in color) for color in colors if tuple(int(v) for v in color) not in table]
    if unknown:
        raise BadInput(f"The picture has colours that are no class, such as {unknown[0]}.",
                       "Use the palette's colours (export a layout to see them) or grey values 0 to 25, unsmoothed.")
    ids = np.array([table[tuple(int(v) for v in color)] for color in colors], np.uint8)
    return ids[inverse.ravel()].reshape(rgb.shape[:2])


def save_classes(path: Path, class_id: np.ndarray) -> None:
    """Write class ids [H, W] as an indexed PNG: the index is the id, the palette has its colour. Raises WriteError."""
    rows, cols = class_id.shape
    lines = np.zeros((rows, cols + 1), np.uint8)  # each line begins with its filter, 0
    lines[:, 1:] = class_id
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, 3, 0, 0, 0)), (b"PLTE", PALETTE.tobytes()),
              (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise WriteError(f"The layout {path} could not be written ({e.strerror or e}).", "Choose another folder.") from e
