"""A square kilometre of a town from OpenStreetMap: reading and drawing, against a bare osmium scan of the same file."""
from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np

from .timing import best

TOWN = Path(__file__).resolve().parents[2] / "shared" / "data" / "osm" / "neubrandenburg.osm.bz2"
CENTRE, SIZE = (53.557, 13.261), 1000


def run() -> list[dict]:
    """Rows of the table; the floors are the bytes of the unpacked file once through memory."""
    name = f"map, {SIZE} m square"
    if not TOWN.exists():
        return [{"name": name, "skipped": f"needs {TOWN}"}]
    import osmium

    from earthcrafter_core.data.osm import layout_from_osm
    from earthcrafter_core.data.osm_draw import Drawing, draw
    from earthcrafter_core.data.osm_features import Square
    from earthcrafter_core.data.osm_read import Extract
    from earthcrafter_core.data.osm_stages import sort

    unpacked = bz2.decompress(TOWN.read_bytes())
    square = Square.around(*CENTRE, SIZE)
    features = Extract(TOWN).read(square).features
    stages = sort(features).stages

    def scan() -> None:
        for _ in osmium.FileProcessor(osmium.io.FileBuffer(bz2.decompress(TOWN.read_bytes()), "osm")).with_locations():
            pass

    def drawn() -> None:
        draw(Drawing(np.zeros((SIZE, SIZE), np.uint8), np.full((SIZE, SIZE), np.nan, np.float32), 1.0), stages,
             lambda fraction: None)

    bare = best(scan, 3)
    read, drawing = best(lambda: Extract(TOWN).read(square), 3), best(drawn, 3)
    whole = best(lambda: layout_from_osm(TOWN, CENTRE, SIZE), 3)
    reference = "a bare scan by osmium"
    return [{"name": f"{name}: read {len(unpacked) / 1e6:.0f} MB of XML", "seconds": read, "ratio": read / bare,
             "reference": reference, "bytes": len(unpacked)},
            {"name": f"{name}: draw {len(features)} features", "seconds": drawing, "ratio": drawing / bare,
             "reference": reference},
            {"name": f"{name}: the whole", "seconds": whole, "ratio": whole / bare, "reference": reference}]
