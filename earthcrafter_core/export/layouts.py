"""The layout that a place was made from: as a picture with its JSON, and as GeoTIFF."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ..convert.layout_io import write_layout
from ..scene import classes as sem
from ..scene.layout import Layout
from .axes import Georeference

_PIXEL_SCALE, _TIEPOINT, _GEO_KEYS, _GDAL_METADATA = 33550, 33922, 34735, 42112
_MODEL, _RASTER, _PROJECTED = 1024, 1025, 3072  # GeoKeys
_MAX_EPSG = 32766  # above it, the code is no EPSG number (OGC 19-008r4, 7.1.3)


def write_picture(path: Path, layout: Layout, source: str) -> None:
    """An indexed PNG in the classes' colours, NAME.json and the planes of heights beside it. Raises WriteError."""
    write_layout(path, layout, source, planes=True)


def write_geotiff(path: Path, layout: Layout, where: Georeference) -> None:
    """Class ids in one band with the classes' colours, north up, by tifffile; class names in GDAL's metadata.

    GeoTIFF (OGC 19-008r4) is TIFF with a few tags more, so a library that brings the whole of GDAL is not needed. Without a
    coordinate system it has the size of a cell alone, from 0, 0 in the south-west.

    Raises OSError.
    """
    import tifffile
    scale, tie = where.raster(layout.shape, layout.cell_size)
    names = "".join(f'<Item name="class_{c.id}" sample="0">{c.name}</Item>' for c in sem.CLASSES)
    tags = [(_PIXEL_SCALE, "d", 3, scale, True), (_TIEPOINT, "d", 6, tie, True),
            (_GDAL_METADATA, "s", 0, f"<GDALMetadata>{names}</GDALMetadata>", True)]
    keys = _geo_keys(where)
    if keys:
        tags.append((_GEO_KEYS, "H", len(keys), keys, True))
    table = np.zeros((3, 256), np.uint16)
    table[:, :sem.NUM_CLASSES] = sem.PALETTE.T.astype(np.uint16) * 257
    tifffile.imwrite(path, layout.class_id, photometric="palette", colormap=table, compression="adobe_deflate", metadata=None,
                     software="EarthCrafter", extratags=tags)


def _geo_keys(where: Georeference) -> tuple[int, ...]:
    """The GeoKeyDirectory of a projected system by its EPSG number; empty without one."""
    if where.epsg is None or not 1024 <= where.epsg <= _MAX_EPSG:
        return ()
    entries = ((_MODEL, 1), (_RASTER, 1), (_PROJECTED, where.epsg))  # projected; a pixel is an area
    return (1, 1, 1, len(entries), *(v for key, value in entries for v in (key, 0, 1, value)))
