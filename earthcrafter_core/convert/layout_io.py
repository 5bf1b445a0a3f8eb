"""Layouts and their planes as files: pictures of class ids or of the palette's colours, rasters of heights."""
from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

from ..errors import BadInput, WriteError
from ..scene import classes as sem
from ..scene.layout import MAX_CELLS, Layout

_PICTURE = "Give an 8-bit PNG of class ids 0 to 25, or one in the palette's colours."


def read_layout(path: Path, cell_size: float = 1.0, height_hint: Path | None = None,
                elevation: Path | None = None) -> Layout:
    """A layout from a picture and, where given, its planes.

    Args:
        path: 8-bit grey or indexed picture of class ids, or RGB(A) in exactly the palette's colours (transparent: unpainted).
            An indexed picture whose colours are all the palette's is read by its colours.
        cell_size: metres along one side of a pixel.
        height_hint: .npy of the layout's shape, metres above ground, NaN unknown.
        elevation: .npy or .tif that covers the layout's extent, metres; resampled bilinearly.

    Raises:
        BadInput: no picture, too large, unknown classes or colours, planes that do not fit.
    """
    ids = read_class_ids(path)
    hint = None if height_hint is None else _read_npy(height_hint, "height hint")
    ground = None if elevation is None else read_elevation(elevation, (ids.shape[0], ids.shape[1]))
    return Layout(ids, cell_size, hint, ground)


def read_class_ids(path: Path) -> np.ndarray:
    """Class ids of a picture, integers [H, W] (their range is checked by Layout). Raises BadInput."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", "Give the path of a layout picture.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                width, height = image.size
                if max(width, height) <= MAX_CELLS:
                    image.load()
                    picture = image.copy()
    except Image.DecompressionBombError as e:
        raise BadInput(f"The picture {path} is too large.",
                       f"Give at most {MAX_CELLS} cells a side; cut it into parts.") from e
    except Exception as e:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error ...
        raise BadInput(f"The file {path} is no picture that can be read.", _PICTURE) from e
    if max(width, height) > MAX_CELLS:
        raise BadInput(f"The picture {path} of {width} x {height} pixels is too large.",
                       f"Give at most {MAX_CELLS} cells a side; cut it into parts.")
    if picture.mode == "P":
        colours = np.asarray(picture.convert("RGB"))
        by_colour = _ids_of_colours(colours)
        return np.asarray(picture) if (by_colour < 0).any() else by_colour.astype(np.uint8)
    if picture.mode in ("L", "I;16", "I;16L", "I;16B", "I"):
        return np.asarray(picture)
    if picture.mode in ("RGB", "RGBA"):
        return _from_colours(np.asarray(picture), path)
    raise BadInput(f"The picture {path} has the colour mode {picture.mode!r}, which cannot be read.", _PICTURE)


def _from_colours(pixels: np.ndarray, path: Path) -> np.ndarray:
    """Class ids of uint8 [H, W, 3 or 4] pixels in the palette's colours."""
    clear = pixels[..., 3] == 0 if pixels.shape[2] == 4 else np.zeros(pixels.shape[:2], bool)
    ids = np.where(clear, sem.UNPAINTED, _ids_of_colours(pixels[..., :3]))
    wrong = np.argwhere(ids < 0)
    if len(wrong):
        row, col = wrong[0]
        colour = pixels[row, col, :3].astype(int)
        nearest = sem.CLASSES[int(((sem.PALETTE - colour) ** 2).sum(1).argmin())]
        raise BadInput(f"The colour {tuple(colour.tolist())} of the pixel in column {col}, row {row} of {path} is no class"
                       f" ({len(wrong)} such pixels).",
                       f"The nearest is {nearest.name} {nearest.color}; paint without smoothing and save as PNG.")
    return ids.astype(np.uint8)


def _ids_of_colours(rgb: np.ndarray) -> np.ndarray:
    """Class id of each exact palette colour, int64 [H, W]; -1 where it is none."""
    def packed(c: np.ndarray) -> np.ndarray:
        c = c.astype(np.int64)
        return (c[..., 0] << 16) | (c[..., 1] << 8) | c[..., 2]

    known = packed(sem.PALETTE)
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known[order], packed(rgb)), len(known) - 1)
    return np.where(known[order][at] == packed(rgb), order[at], -1)


def read_elevation(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """A raster of metres (.npy, or .tif by its first band) resampled to rows and columns (H, W); float32.

    The raster is taken to cover the layout's extent, row 0 north. Raises BadInput.
    """
    path = Path(path)
    if path.suffix.lower() in (".tif", ".tiff"):
        raster = _read_tif(path)
    elif path.suffix.lower() == ".npy":
        raster = _read_npy(path, "elevation")
    else:
        raise BadInput(f"The elevation {path} is neither .tif nor .npy.", "Give one of these, or the word flat.")
    if raster.ndim != 2 or 0 in raster.shape:
        raise BadInput(f"The elevation {path} has the shape {raster.shape}.", "Give one value for each cell.")
    if not np.isfinite(raster).all():
        raise BadInput(f"The elevation {path} has cells without a value.", "Fill the holes of the raster first.")
    if raster.shape == tuple(shape):
        return raster
    rows, cols = ((np.arange(n) + 0.5) * m / n - 0.5 for n, m in zip(shape, raster.shape))
    at = np.stack(np.meshgrid(rows, cols, indexing="ij"))
    return ndimage.map_coordinates(raster, at, order=1, mode="nearest").astype(np.float32)


def _read_tif(path: Path) -> np.ndarray:
    try:
        with tifffile.TiffFile(path) as tif:
            page = tif.pages.first
            raster = np.asarray(page.asarray(), np.float32)
            nodata = page.tags.get("GDAL_NODATA")
            missing = float(str(nodata.value).strip("\0 ")) if nodata is not None else None
    except Exception as e:  # tifffile raises many kinds
        raise BadInput(f"The elevation {path} cannot be read ({e}).", "Give a GeoTIFF of metres.") from e
    if raster.ndim == 3:
        raster = raster[..., 0] if raster.shape[2] <= 4 else raster[0]
    return raster if missing is None else np.where(raster == np.float32(missing), np.float32(np.nan), raster)


def _read_npy(path: Path, what: str) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except Exception as e:  # OSError, ValueError, EOFError: all mean the same to the person
        raise BadInput(f"The {what} {path} cannot be read ({e}).", "Give a .npy file of one number for each cell.") from e


def write_layout(path: Path, layout: Layout, source: str = "", planes: bool = False) -> list[Path]:
    """Write a layout as an indexed PNG with the palette, and NAME.json with its cell size.

    Args:
        path: the .png.
        source: where it comes from, for the .json.
        planes: write NAME.height.npy and NAME.elevation.npy too, where the layout has them.

    Returns:
        The files written.

    Raises:
        WriteError: a folder that cannot be written; nothing is left behind then.
    """
    path = Path(path)
    image = Image.fromarray(layout.class_id).convert("P")
    image.putpalette(sem.PALETTE.ravel().tolist())
    counts = np.bincount(layout.class_id.ravel(), minlength=sem.NUM_CLASSES)
    about: dict[str, Any] = {"cell_size": layout.cell_size, "cells": list(layout.shape), "source": source,
                             "classes": {sem.NAMES[k]: int(n) for k, n in enumerate(counts) if n}}
    jobs: list[tuple[Path, Callable[[Any], object]]] = [
        (path, lambda f: image.save(f, "PNG")),
        (path.with_suffix(".json"), lambda f: f.write(json.dumps(about, indent=1).encode()))]
    for kind, plane in (("height", layout.height_hint), ("elevation", layout.elevation)):
        if planes and plane is not None:
            jobs.append((path.with_suffix(f".{kind}.npy"), partial(np.save, arr=plane)))
    temporary = [p.with_name(f".{p.name}.{os.getpid()}.tmp") for p, _ in jobs]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for (_, write), name in zip(jobs, temporary):
            with open(name, "wb") as f:
                write(f)
        for (target, _), name in zip(jobs, temporary):
            os.replace(name, target)
    except OSError as e:
        raise WriteError(f"The layout {path} could not be written ({e.strerror or e}).",
                         "Choose another folder or free some space.") from e
    finally:
        for name in temporary:
            name.unlink(missing_ok=True) if path.parent.is_dir() else None
    return [target for target, _ in jobs]
