"""The command line's `export`: a result in the formats of other programs.

With --json, one object on each line of stdout:
    {"progress": 0.25, "say": "Writing SPZ", "format": "spz"}
    {"format": "spz", "file": "/out/town.spz", "files": [...]}
    {"format": "laz", "error": "LAZ needs lazrs, which is not installed.", "remedy": "Install it with: pip install lazrs."}
"""
from __future__ import annotations

import argparse
import json
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BadInput, EarthCrafterError

if TYPE_CHECKING:
    from .export.result import ExportOptions
    from .export.run import Told

FAILED = 1
"""Exit status where some format could not be written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill in the parser of `export`."""
    from .export.formats import FORMATS, GROUPS
    from .export.glb_options import COLLISION_NAMES, LEVELS
    from .export.result import SPLAT_AXES
    from .mesh.options import COLOURS, STYLES
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="folder of a result")
    parser.add_argument("--to", default="glb,ply", metavar="F,F", help="formats: "
                        f"{', '.join(f.name for f in FORMATS)}; or {', '.join(GROUPS)}, all (default glb,ply)")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="folder of the files (default DIR/export)")
    parser.add_argument("--name", default="", help="name of the files (default: that of DIR)")
    meshes = parser.add_argument_group("meshes", "without any of these, the meshes are those of the result")
    meshes.add_argument("--style", choices=list(STYLES), help="; ".join(f"{k}: {v}" for k, v in STYLES.items()))
    meshes.add_argument("--colours", choices=list(COLOURS), help="; ".join(f"{k}: {v}" for k, v in COLOURS.items()))
    meshes.add_argument("--texels", type=float, metavar="N", help="texels a metre, 1 to 16")
    meshes.add_argument("--triangles", type=int, metavar="N", help="most triangles of the finest level")
    meshes.add_argument("--levels", type=int, metavar="N", help="levels of detail, 1 to 4")
    meshes.add_argument("--level-form", choices=LEVELS, default=LEVELS[0],
                        help="how .glb tells them: by MSFT_lod (default) or as nodes NAME_LOD1")
    meshes.add_argument("--collisions", action="store_true", default=None, help="hulls for physics too")
    meshes.add_argument("--collision-names", choices=COLLISION_NAMES, default=COLLISION_NAMES[0],
                        help="whose names they have in .glb (default unreal: UCX_NAME_00)")
    meshes.add_argument("--plain-facades", action="store_true", help="no windows, doors and tiles finer than the surfels tell")
    meshes.add_argument("--lossless", action="store_true", help="textures as PNG instead of JPEG")
    parser.add_argument("--most-splats", type=int, metavar="N",
                        help="where there are more, neighbours that are alike become one")
    parser.add_argument("--splat-size", type=float, metavar="METRES",
                        help="sample splats anew from textured meshes, the finest so wide, 0.05 to 0.5 (default: as made)")
    parser.add_argument("--splat-axes", choices=list(SPLAT_AXES), default="",
                        help="of .ply, .spz, .sog and .splat (default: what the viewers of each expect)")
    parser.add_argument("--json", action="store_true", help="say what happens as lines of JSON")
    parser.add_argument("--list", action="store_true", help="say which formats there are, and which can be written here")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; 0 where all formats were written, else FAILED. Raises EarthCrafterError where nothing could be tried."""
    from .export.formats import parse
    from .export.run import export
    if args.list:
        _list(args.json)
        return 0
    if args.folder is None:
        raise BadInput("A folder is needed.", "Give the folder of a result, the one with scene.json.")
    formats = parse(args.to)
    out = args.folder / "export" if args.out is None else args.out
    good = export(args.folder, formats, out, _options(args), partial(_tell_json if args.json else _tell, args.traceback))
    return 0 if good else FAILED


def _options(args: argparse.Namespace) -> ExportOptions:
    from dataclasses import replace

    from .convert.files import read_scene
    from .export.glb_options import GlbOptions
    from .export.result import ExportOptions, options_of
    from .mesh.options import MeshOptions, SplatOptions
    given: dict[str, Any] = {k: getattr(args, k) for k in ("style", "colours", "texels", "triangles", "levels", "collisions")
                             if getattr(args, k) is not None}
    if args.plain_facades:
        given["facades"] = False
    mesh = None
    if given:
        try:
            made = options_of(read_scene(args.folder))
        except BadInput:  # told where a format needs it
            made = None
        mesh = replace(made or MeshOptions(), **given)
    resampled = None if args.splat_size is None else SplatOptions(size=args.splat_size)
    return ExportOptions(mesh, GlbOptions(args.level_form, args.collision_names, args.lossless), args.splat_axes,
                         args.most_splats, resampled, args.name)


def _tell(show: bool, told: Told) -> None:
    for path in told.files:
        print(path)
    if told.error is not None:
        _show(show, told.error)
        print(f"{told.error.message} {told.error.remedy}", file=sys.stderr)


def _tell_json(show: bool, told: Told) -> None:
    line: dict[str, Any] = {"format": told.format}
    if told.error is not None:
        _show(show, told.error)
        line |= {"error": told.error.message, "remedy": told.error.remedy}
    elif told.files:
        line |= {"file": str(told.files[0]), "files": [str(p) for p in told.files]}
    else:
        line |= {"progress": round(told.fraction, 3), "say": told.say}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _show(show: bool, error: EarthCrafterError) -> None:
    """Where an error came from, where that is asked for."""
    if show:
        traceback.print_exception(error.__cause__ or error)


def _list(as_json: bool) -> None:
    from .export.formats import FORMATS
    for f in FORMATS:
        missing = f.missing()
        if as_json:
            print(json.dumps({"name": f.name, "suffix": f.suffix, "label": f.label, "group": f.group, "missing": missing}))
        else:
            print(f"{f.name:16s}{f.label:18s}{f.group:8s}" + (f"needs {', '.join(missing)}" if missing else ""))
