"""Layouts and their planes as files: pictures of class ids or of the palette's colours, rasters of heights."""
from __future__ import annotations

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
from ..scene import layout_sidecar, picture_classes
from ..scene.layout import MAX_CELLS, Layout
from ..scene.made_layout import MadeLayout
from ..scene.picture_classes import PALETTE_MAPPING, Mapping, classify, read_mapping

_PICTURE = "Give an 8-bit PNG of class ids 0 to 25, or one in the palette's colours."


def read_layout(path: Path, cell_size: float | None = 1.0, height_hint: Path | None = None,
                elevation: Path | None = None) -> Layout:
    """A layout from a picture and, where given, its planes.

    Args:
        path: 8-bit grey or indexed picture of class ids, or RGB(A) in exactly the palette's colours (transparent: unpainted).
            An indexed picture whose colours are all the palette's is read by its colours.
        cell_size: metres along one side of a pixel; None: as the sidecar says, else 1.
        height_hint: .npy of the layout's shape, metres above ground, NaN unknown.
        elevation: .npy or .tif that covers the layout's extent, metres; resampled bilinearly.

    Raises:
        BadInput: no picture, too large, unknown classes or colours, planes that do not fit.
    """
    ids = read_class_ids(path)
    hint = None if height_hint is None else _read_npy(height_hint, "height hint")
    ground = None if elevation is None else read_elevation(elevation, (ids.shape[0], ids.shape[1]))
    beside = layout_sidecar.read(Path(path))
    return Layout(ids, (beside.cell_size or 1.0) if cell_size is None else cell_size, hint, ground, beside.crs, beside.origin)


def layout_from_image(path: Path, cell_size: float | None = None, mapping: Path | None = None,
                      tolerance: float = 0.0) -> MadeLayout:
    """A layout from any picture, by the palette or a mapping table; with what its sidecar says, where it has one.

    Args:
        path: 8- or 16-bit grey, indexed or RGB(A) picture.
        cell_size: metres along one side of a pixel; None: as the sidecar says, else 1.
        mapping: table of colours or grey values and classes (`picture_classes.read_mapping`); None: ids or the palette.
        tolerance: distance in sRGB (0..442) up to which a colour counts as the nearest one.

    Raises:
        BadInput: no picture, too large, no table, or not a single pixel that maps to a class.
    """
    path = Path(path)
    picture = _load(path)
    table = None if mapping is None else read_mapping(Path(mapping))
    ids, unmapped = classify(_pixels(picture, table), table, tolerance)
    beside = layout_sidecar.read(path)
    planes = {name: layout_sidecar.read_plane(plane, ids.shape) for name, plane in beside.planes.items()}
    layout = Layout(ids, (beside.cell_size or 1.0) if cell_size is None else cell_size, crs=beside.crs, origin=beside.origin,
                    **planes)
    return MadeLayout(layout, path.stem, picture_classes.describe(unmapped, ids.size, tolerance),
                      beside.source or f"image {path.name}")


def _pixels(picture: Image.Image, table: Mapping | None) -> np.ndarray:
    """Pixels for `classify`: the indices of an indexed picture where its colours are not what is mapped."""
    if picture.mode == "P":
        colours = np.asarray(picture.convert("RGBA" if "transparency" in picture.info else "RGB"))
        known = table.colours if table is not None else PALETTE_MAPPING.colours
        by_colour = _ids_of_colours(colours[..., :3], np.array(sorted(known), np.int64))
        index = np.asarray(picture)
        are_ids = index.max() < sem.NUM_CLASSES if table is None else bool(table.values)
        return index if are_ids and np.mean(by_colour < 0) > 0.5 else colours
    if picture.mode == "1":
        return np.asarray(picture.convert("L"))
    if picture.mode in ("L", "LA", "RGB", "RGBA", "I;16", "I;16L", "I;16B", "I"):
        return np.asarray(picture)
    return np.asarray(picture.convert("RGBA"))


def read_class_ids(path: Path) -> np.ndarray:
    """Class ids of a picture, integers [H, W] (their range is checked by Layout). Raises BadInput."""
    picture = _load(path)
    if picture.mode == "P":
        colours = np.asarray(picture.convert("RGB"))
        by_colour = _ids_of_colours(colours)
        return np.asarray(picture) if (by_colour < 0).any() else by_colour.astype(np.uint8)
    if picture.mode in ("L", "I;16", "I;16L", "I;16B", "I"):
        return np.asarray(picture)
    if picture.mode in ("RGB", "RGBA"):
        return _from_colours(np.asarray(picture), path)
    raise BadInput(f"The picture {path} has the colour mode {picture.mode!r}, which cannot be read.", _PICTURE)


def _load(path: Path) -> Image.Image:
    """A picture of at most MAX_CELLS a side in memory. Raises BadInput."""
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
    return picture


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


def _ids_of_colours(rgb: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Place of each colour among the known ones, 0xRRGGBB each (None: the palette), int64 [H, W]; -1 where it is none."""
    c = rgb.astype(np.int64)
    packed = (c[..., 0] << 16) | (c[..., 1] << 8) | c[..., 2]
    if known is None:
        known = np.array(list(PALETTE_MAPPING.colours))
    if not len(known):
        return np.full(packed.shape, -1)
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known[order], packed), len(known) - 1)
    return np.where(known[order][at] == packed, order[at], -1)


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
    """Write a layout as an indexed PNG with the palette, and its sidecar NAME.json (`scene.layout_sidecar`).

    Args:
        path: the .png.
        source: where it comes from, for the sidecar.
        planes: write NAME.height.npy and NAME.elevation.npy too, where the layout has them.

    Returns:
        The files written.

    Raises:
        WriteError: a folder that cannot be written; nothing is left behind then.
    """
    path = Path(path)
    image = Image.fromarray(layout.class_id).convert("P")
    image.putpalette(sem.PALETTE.ravel().tolist())
    about = layout_sidecar.describe(path, layout, source, planes)
    jobs: list[tuple[Path, Callable[[Any], object]]] = [
        (path, lambda f: image.save(f, "PNG")), (path.with_suffix(".json"), lambda f: f.write(about))]
    for kind in layout_sidecar.PLANES:
        plane = getattr(layout, kind)
        if planes and plane is not None:
            jobs.append((layout_sidecar.plane_path(path, kind), partial(np.save, arr=plane)))
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
