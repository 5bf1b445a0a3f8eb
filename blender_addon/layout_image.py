"""Layouts as images: any picture that Blender loads -> class ids, and a layout -> an indexed PNG with its sidecar."""
from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import bpy
import numpy as np

from .earthcrafter_core.errors import BadInput, WriteError
from .earthcrafter_core.scene import layout_sidecar, picture_classes
from .earthcrafter_core.scene.classes import PALETTE
from .earthcrafter_core.scene.layout import MAX_CELLS, Layout
from .earthcrafter_core.scene.made_layout import MadeLayout


def load_layout(path: Path, cell_size: float | None = None, mapping: Path | None = None, tolerance: float = 0.0) -> MadeLayout:
    """The layout of a picture, with what its sidecar says where it has one.

    Args:
        path: grey 8-bit picture of class ids, one in the palette's colours, or any with a mapping table.
        cell_size: metres; None: as the sidecar says, else 1.
        mapping: table of colours or grey values and classes, see `picture_classes.read_mapping`.
        tolerance: distance in sRGB (0..442) up to which a colour counts as the nearest one.

    Raises:
        BadInput: no picture, too large, no table, or not a single pixel that maps to a class.
    """
    table = None if mapping is None else picture_classes.read_mapping(mapping)
    ids, unmapped = picture_classes.classify(load_pixels(path), table, tolerance)
    report = picture_classes.describe(unmapped, ids.size, tolerance)
    beside = layout_sidecar.read(path)
    planes = {name: layout_sidecar.read_plane(plane, ids.shape) for name, plane in beside.planes.items()}
    layout = Layout(ids, (beside.cell_size or 1.0) if cell_size is None else cell_size, crs=beside.crs, origin=beside.origin,
                    **planes)
    return MadeLayout(layout, path.stem, report, beside.source or f"image {path.name}")


def load_pixels(path: Path) -> np.ndarray:
    """Pixels of a picture, int32 [H, W, channels] 0..255, row 0 north. Raises BadInput."""
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
        image.alpha_mode = "CHANNEL_PACKED"  # the colours as they are saved, not multiplied by their alpha
        pixels = np.empty(rows * cols * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        return np.rint(pixels.reshape(rows, cols, -1)[::-1] * 255).astype(np.int32)
    finally:
        bpy.data.images.remove(image)


def save_layout(path: Path, layout: Layout, source: str = "") -> list[Path]:
    """Write a layout as an indexed PNG, NAME.json, and its heights and elevation as .npy where it has them.

    Returns the files. Raises WriteError; nothing half-written stays then.
    """
    files = {path: _indexed_png(layout.class_id),
             path.with_suffix(".json"): layout_sidecar.describe(path, layout, source)}
    for name in layout_sidecar.PLANES:
        plane = getattr(layout, name)
        if plane is not None:
            buffer = io.BytesIO()
            np.save(buffer, plane, allow_pickle=False)
            files[layout_sidecar.plane_path(path, name)] = buffer.getvalue()
    temporary = {target: target.with_name(target.name + ".tmp") for target in files}
    try:
        for target, data in files.items():
            temporary[target].write_bytes(data)
        for target, temporary_name in temporary.items():
            os.replace(temporary_name, target)
    except OSError as e:
        raise WriteError(f"The layout {path} could not be written ({e.strerror or e}).", "Choose another folder.") from e
    finally:
        for leftover in temporary.values():
            if leftover.exists():
                leftover.unlink(missing_ok=True)
    return list(files)


def _indexed_png(class_id: np.ndarray) -> bytes:
    """Class ids [H, W] as a PNG whose indices are the ids and whose palette has their colours."""
    rows, cols = class_id.shape
    lines = np.zeros((rows, cols + 1), np.uint8)  # each line begins with its filter, 0
    lines[:, 1:] = class_id
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, 3, 0, 0, 0)), (b"PLTE", PALETTE.tobytes()),
              (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
