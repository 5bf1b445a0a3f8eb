"""The command line's `layout` commands: from a map, a survey, a picture, a preset."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .errors import BadInput
from .scene.made_layout import MadeLayout
from .scene.sources import PRESETS, parse_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill in the parser of `layout`."""
    sub = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    osm = sub.add_parser("from-osm", help="a square of an OpenStreetMap extract")
    osm.add_argument("map", type=Path, metavar="F", help=".osm, .osm.bz2, .osm.pbf or .geojson with OSM's tags")
    osm.add_argument("--center", metavar="LAT,LON", help="middle of the square in degrees (default: of the extract)")
    osm.add_argument("--size", type=float, default=1000.0, metavar="METRES", help="side of the square (default 1000)")
    osm.add_argument("--leave-open", action="store_true",
                     help="leave ground without tags unpainted (the model decides), instead of lawn near buildings and meadow")
    _add_common(osm, _from_osm)

    lidar = sub.add_parser("from-lidar", help="the layout of a real place from a LAZ or LAS file")
    lidar.add_argument("lidar", type=Path, metavar="F.laz")
    _add_common(lidar, _from_lidar)

    image = sub.add_parser("from-image", help="any picture, by the palette or by a mapping table")
    image.add_argument("image", type=Path, metavar="F")
    image.add_argument("--mapping", type=Path, metavar="M.json|M.csv",
                       help='colours or grey values and classes: {"#4d4d4d": "road", "17": "cropland"}, or CSV lines')
    image.add_argument("--tolerance", type=float, default=0.0, metavar="D",
                       help="take the nearest colour up to this distance in sRGB, 0 to 442 (default 0: exact colours only)")
    _add_common(image, _from_image, None)

    preset = sub.add_parser("preset", help="a place by rule and seed to start from")
    preset.add_argument("name", choices=[p.name for p in PRESETS],
                        help="; ".join(f"{p.name}: {p.description[0].lower()}{p.description[1:]}" for p in PRESETS))
    preset.add_argument("--seed", type=int, default=0)
    preset.add_argument("--size", type=int, default=128, metavar="CELLS", help="cells a side (default 128)")
    preset.add_argument("--height", type=int, metavar="CELLS", help="cells from south to north, where other than --size")
    _add_common(preset, _preset)


def join_places(words: list[str]) -> list[str]:
    """The words with "--center LAT,LON" as one, so that argparse takes no southern latitude for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--center":
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _add_common(parser: argparse.ArgumentParser, run: Any, cell_size: float | None = 1.0) -> None:
    default = "1" if cell_size else "what F.json beside the picture says, else 1"
    parser.add_argument("--cell-size", type=float, default=cell_size, metavar="METRES",
                        help=f"side of a cell (default {default})")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="L.png")
    parser.add_argument("--planes", action="store_true", help="write L.height.npy and L.elevation.npy too, where known")
    parser.set_defaults(run=_run, make=run)


def _run(args: argparse.Namespace) -> None:
    from .convert.files import check_writable
    from .convert.layout_io import write_layout
    if args.out.suffix.lower() != ".png":
        raise BadInput(f"The layout {args.out} would be no PNG.", "Give a name that ends in .png.")
    check_writable(args.out.absolute().parent)
    made: MadeLayout = args.make(args)
    for sentence in made.report:
        print(sentence, file=sys.stderr)
    for path in write_layout(args.out, made.layout, made.source, args.planes):
        print(path)


def _from_osm(args: argparse.Namespace) -> MadeLayout:
    from .data.layout_sources import make_layout
    return make_layout("osm", {"path": args.map, "center": parse_place(args.center or ""),
                               "size": args.size, "cell_size": args.cell_size, "fill": not args.leave_open})


def _from_lidar(args: argparse.Namespace) -> MadeLayout:
    from .data.layout_sources import make_layout
    return make_layout("lidar", {"path": args.lidar, "cell_size": args.cell_size})


def _from_image(args: argparse.Namespace) -> MadeLayout:
    from .convert.layout_io import layout_from_image
    return layout_from_image(args.image, args.cell_size, args.mapping, args.tolerance)


def _preset(args: argparse.Namespace) -> MadeLayout:
    from .data.layout_sources import make_layout
    return make_layout("preset", {"name": args.name, "seed": args.seed, "width": args.size,
                                  "height": args.height or args.size, "cell_size": args.cell_size})
