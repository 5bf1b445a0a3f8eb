"""What files say of where a place lies: coordinate systems by pyproj. Heights are metres in every file."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import BadInput
from .axes import Georeference


def where_of(crs: str | None, origin: Sequence[float] | None) -> Georeference:
    """Where a place with this south-west corner lies on the earth; nowhere for none.

    Raises:
        BadInput: a coordinate system that is not known, or one in degrees. ImportError: pyproj is absent and needed.
    """
    if crs is None or origin is None:
        return Georeference()
    system = _system(crs)
    if not system.is_projected:
        raise BadInput(f"The coordinate system {crs} of the layout is not a flat one in metres or feet.",
                       "Give the layout a projected one, such as a UTM zone.")
    horizontal = system.sub_crs_list[0] if system.is_compound else system
    return Georeference(crs, (float(origin[0]), float(origin[1])), float(horizontal.axis_info[0].unit_conversion_factor))


def wkt_of(where: Georeference) -> str:
    """The coordinate system as OGC WKT 1, which LAS 1.4 asks for; "" where it is not known."""
    return "" if where.crs is None else _system(where.crs).to_wkt("WKT1_GDAL")


def comments_of(where: Georeference, axes: str) -> tuple[str, ...]:
    """Lines for the header of a text file."""
    lines = [f"{axes}, metres"]
    if where.crs is not None:
        name = " ".join(where.crs.encode("ascii", "replace").decode().split())
        lines.append(f"origin at {where.origin[0]!r} {where.origin[1]!r} in {name}")
    return tuple(lines)


def extras_of(where: Georeference) -> dict[str, Any]:
    """The same for a glTF node or a USD layer."""
    return {} if where.crs is None else {"crs": where.crs, "origin": list(where.origin)}


def _system(crs: str) -> Any:
    import pyproj
    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as e:
        raise BadInput(f"The coordinate system {crs!r} of the layout is not known.",
                       "Name it by its EPSG number, such as EPSG:32633.") from e
