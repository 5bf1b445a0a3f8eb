"""Point clouds: .ply with our classes, and .laz with ASPRS classes and ours beside them, in the layout's coordinate system."""
from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np

from ..convert.ply import Points, write_points
from ..scene import classes as sem
from .axes import Georeference
from .where import comments_of, wkt_of

MILLIMETRE = 0.001
_DAY = datetime.date(2000, 1, 1)  # the same place gives the same bytes on every day


def write_ply(path: Path, points: Points, where: Georeference) -> None:
    """x y z nx ny nz red green blue class_id in the place's own metres; its header says where that is. Raises OSError."""
    write_points(path, points, comments_of(where, "x east, y north, z up"))


def write_laz(path: Path, points: Points, where: Georeference) -> None:
    """LAS 1.4, point format 7, compressed: colour, ASPRS class, and our class as the extra dimension "class_id".

    x and y are easting and northing in units of the coordinate system (the place's own metres without one), z is metres.

    Raises:
        ImportError: laspy, its lazrs or pyproj is absent. OSError.
    """
    import laspy
    header = laspy.LasHeader(version="1.4", point_format=7)
    header.generating_software, header.creation_date = "EarthCrafter", _DAY
    header.add_extra_dim(laspy.ExtraBytesParams("class_id", "uint8", "EarthCrafter class"))
    world = where.world(points.position)
    header.scales = np.full(3, MILLIMETRE)
    header.offsets = np.floor(world.min(0)) if len(world) else np.zeros(3)
    text = wkt_of(where)
    if text:
        header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(text))
        header.global_encoding.wkt = True
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = world.T
    cloud.red, cloud.green, cloud.blue = points.rgb.T.astype(np.uint16) * 257  # LAS: the whole range of 16 bits
    cloud.classification = sem.CLASS_TO_ASPRS[points.class_id]
    cloud.class_id = points.class_id
    cloud.return_number = cloud.number_of_returns = np.ones(len(world), np.uint8)
    cloud.write(str(path), do_compress=True)
