"""Layouts from OpenStreetMap: a square of an extract, with real widths, kinds of buildings, heights where they are tagged."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import BadInput, Cancelled
from ..scene import classes as c
from ..scene.layout import MAX_CELLS, Layout
from ..scene.made_layout import MadeLayout
from ..scene.sources import MAP_SUFFIXES
from .osm_coast import flood_sea
from .osm_draw import Drawing, draw
from .osm_features import Found, Square
from .osm_geojson import GeoJson
from .osm_read import Extract
from .osm_stages import Sorted, sort

NEAR_BUILDINGS = 35.0  # metres: untagged ground this near to a building is somebody's lawn, farther away it is meadow
_READ = 0.7  # share of the time that reading takes


def layout_from_osm(path: Path | str, center: tuple[float, float] | None = None, size: float = 1000.0, cell_size: float = 1.0,
                    fill: bool = True, cancel: Callable[[], bool] | None = None,
                    progress: Callable[[float], None] | None = None) -> MadeLayout:
    """The layout of a square of a map extract, aligned with the grid of its UTM zone.

    Args:
        path: .osm, .osm.bz2, .osm.gz, .osm.pbf or .geojson (by its suffix).
        center: latitude and longitude in degrees; None: the middle of the extract.
        size: metres a side.
        cell_size: metres.
        fill: ground that no tag covers becomes lawn near buildings and meadow elsewhere; else it stays unpainted.
        cancel: asked now and then; Cancelled is raised where it says yes.
        progress: told the share done, 0..1.

    Raises:
        BadInput: no such file, no map, an empty one, a square outside of it or of too many cells. Cancelled.
    """
    path = Path(path)
    cells = _cells(size, cell_size)
    extract = _open(path)
    lat, lon = _centre(extract, center)
    square = Square.around(lat, lon, cells * cell_size)

    def step(fraction: float) -> None:
        if cancel is not None and cancel():
            raise Cancelled
        if progress is not None:
            progress(fraction)

    found = extract.read(square, cancel, lambda f: step(_READ * f))
    drawing = Drawing(np.zeros((cells, cells), np.uint8), np.full((cells, cells), np.nan, np.float32), cell_size)
    chosen = sort(found.features)
    draw(drawing, chosen.stages, lambda f: step(_READ + (1 - _READ) * f))
    bare = _complete(drawing, found, fill)
    hint = drawing.height if np.isfinite(drawing.height).any() else None
    layout = Layout(drawing.class_id, cell_size, hint, crs=f"EPSG:{square.epsg}", origin=square.origin)
    name = path.name.split(".")[0]
    return MadeLayout(layout, name, _report(chosen, found, bare, fill), f"osm {path.name}")


def _cells(size: float, cell_size: float) -> int:
    """Cells a side. Raises BadInput."""
    if not (np.isfinite(cell_size) and 0.05 <= cell_size <= 100):
        raise BadInput(f"The cell size {cell_size} m is out of range.", "Give 0.05 to 100 metres.")
    cells = round(size / cell_size) if np.isfinite(size) else 0
    if cells < 8:
        raise BadInput(f"A square of {size:g} m has too few cells of {cell_size:g} m.", f"Give at least {8 * cell_size:g} m.")
    if cells > MAX_CELLS:
        raise BadInput(f"A square of {size:g} m has {cells} cells of {cell_size:g} m a side, which is too many.",
                       f"Give at most {MAX_CELLS * cell_size:g} m, or a cell size of at least {size / MAX_CELLS:.2g} m.")
    return cells


def _open(path: Path) -> Extract | GeoJson:
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", "Give the path of an .osm, .osm.bz2, .osm.pbf or .geojson extract.")
    name = path.name.lower()
    if not name.endswith(MAP_SUFFIXES):
        raise BadInput(f"The file {path.name} is no map extract by its name.",
                       "Give a file that ends in .osm, .osm.bz2, .osm.pbf or .geojson.")
    return GeoJson(path) if name.endswith(("json",)) else Extract(path)


def _centre(extract: Extract | GeoJson, center: tuple[float, float] | None) -> tuple[float, float]:
    """Latitude and longitude of the square's middle. Raises BadInput where it lies outside of the extract."""
    west, south, east, north = extract.bounds
    if center is None:
        return (south + north) / 2, (west + east) / 2
    lat, lon = center
    if not (south <= lat <= north and west <= lon <= east):
        raise BadInput(f"The centre {lat:.5f}, {lon:.5f} lies outside of {extract.path.name}.",
                       f"It covers latitude {south:.4f} to {north:.4f} and longitude {west:.4f} to {east:.4f}.")
    return lat, lon


def _complete(drawing: Drawing, found: Found, fill: bool) -> float:
    """Sea and untagged ground; the share of cells that no tag covered."""
    ids = drawing.class_id
    flood_sea(ids, drawing.cell_size, found.features)
    bare = ids == c.UNPAINTED
    share = float(bare.mean())
    if fill and bare.any():
        built = c.is_in(ids, c.BUILDING_IDS)
        near = ndimage.distance_transform_edt(~built) * drawing.cell_size < NEAR_BUILDINGS if built.any() else built
        ids[bare & near] = c.LAWN
        ids[bare & ~near] = c.MEADOW
    return share


def _listing(counts: Counter[str], most: int = 8) -> str:
    """"a (3), b (2) and 4 more kinds"."""
    shown = ", ".join(f"{tag} ({n})" for tag, n in counts.most_common(most))
    rest = len(counts) - most
    return shown + (f" and {rest} more kind{'s' if rest > 1 else ''}" if rest > 0 else "")


def _report(chosen: Sorted, found: Found, bare: float, fill: bool) -> list[str]:
    """What could not be mapped, one sentence each."""
    report = []
    if chosen.unmapped:
        report.append(f"{sum(chosen.unmapped.values())} lines and areas have tags that stand for no class: "
                      f"{_listing(chosen.unmapped)}.")
    for why, counts in chosen.left_out.items():
        report.append(f"{sum(counts.values())} left out, {why}: {_listing(counts, 6)}.")
    report += [f"{count} {fault}." for fault, count in found.faults.items() if count]
    if bare > 0:
        what = "lawn near buildings, meadow elsewhere" if fill else "left unpainted"
        report.append(f"{100 * bare:.0f} % of the cells are covered by no tag ({what}).")
    if found.outside:
        report.append(f"{found.outside} tagged objects of the extract lie outside of the square.")
    return report
