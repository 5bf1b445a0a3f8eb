"""The command line: generate, layout, export, dataset, train, evaluate.

Exit codes: 0 done, 1 a fault of the program or a format that could not be exported, 2 input that cannot be used or a result
that cannot be written, 130 cancelled.
"""
from __future__ import annotations

import argparse
import math
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import export_commands, layout_commands
from .errors import BadInput, Cancelled, EarthCrafterError, OutOfMemory
from .scene.layout import MAX_CELLS, Layout

if TYPE_CHECKING:
    from .pipeline import Progress

PROG = "python -m earthcrafter_core"
FAULT, BAD, CANCELLED = 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code. Errors are one sentence and a remedy on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    show = "--traceback" in words
    words = [w for w in words if w != "--traceback"]
    try:
        with _terminable():
            return _run(words, show)
    except EarthCrafterError as e:
        if show:
            traceback.print_exc()
        print(f"{e.message} {e.remedy}", file=sys.stderr)
        return CANCELLED if isinstance(e, Cancelled) else BAD
    except KeyboardInterrupt:
        print(Cancelled(), file=sys.stderr)
        return CANCELLED
    except MemoryError:
        print(OutOfMemory("The machine has too little memory for this.", "Use a smaller layout."), file=sys.stderr)
        return BAD
    except Exception as e:
        if show:
            traceback.print_exc()
        print(f"Something went wrong inside EarthCrafter ({type(e).__name__}: {e}). "
              "Run it again with --traceback and report what it prints.", file=sys.stderr)
        return FAULT


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does, so that nothing half-written stays."""
    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(words: list[str], show: bool) -> int:
    if words[:1] == ["dataset"]:
        from .data.dataset import main as dataset_main
        return dataset_main(words[1:])
    args = parser_for(words[0] if words else "").parse_args(layout_commands.join_places(words))
    args.traceback = show
    return args.run(args) or 0


def parser_for(command: str) -> argparse.ArgumentParser:
    """The parser; only the options of `command` are filled in where they would import torch."""
    parser = argparse.ArgumentParser(
        prog=PROG, description="Paint a map of the ground and get a textured 3D place.",
        epilog="Every command takes --traceback, to show where an error came from.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_generate(commands.add_parser("generate", help="a layout to a textured scene"))
    layout_commands.add_arguments(commands.add_parser(
        "layout", help="make layouts: from maps, LiDAR, pictures, presets",
        description="Make a layout: an indexed PNG with NAME.json beside it. What could not be mapped is said on stderr."))
    export = commands.add_parser("export", help="a result in the formats of other programs",
                                 description="Write a result in other programs' formats. What one of them could not be "
                                             "written for is said on stderr, and the others are still written.")
    if command == "export":
        export_commands.add_arguments(export)
    commands.add_parser("dataset", help="build a dataset of training scenes")
    train = commands.add_parser("train", help="train one of the networks")
    evaluate = commands.add_parser("evaluate", help="measure the networks on held-out places")
    if command == "train":
        from .train import commands as train_commands
        train_commands.add_arguments(train)
        train.set_defaults(run=train_commands.main)
    elif command == "evaluate":
        from .train import evaluate as evaluation
        evaluation.add_arguments(evaluate)
        evaluate.set_defaults(run=evaluation.main)
    return parser


# ----------------------------------------------------------------------------------------------------------- generate

def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layout", nargs="?", type=Path, metavar="LAYOUT",
                        help="picture of class ids (8-bit grey or indexed) or of the palette's colours")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="folder of the result")
    parser.add_argument("--cell-size", type=float, metavar="METRES",
                        help="side of a pixel (default: as NAME.json beside the picture says, else 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=25, help="sampling steps (default 25)")
    parser.add_argument("--guidance", type=float, help="classifier-free guidance of all stages (default: each its own)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--height-hint", type=Path, metavar="F.npy", help="metres above ground of each cell, NaN unknown")
    parser.add_argument("--elevation", metavar="F.tif|F.npy|flat", help="the ground's elevation; without it, generated")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="folder of weights instead of the shipped ones")
    parser.add_argument("--unconditional", action="store_true", help="no layout: a place of the model's own")
    parser.add_argument("--size", type=int, default=128, metavar="CELLS", help="cells a side with --unconditional")
    parser.add_argument("--retexture", type=Path, metavar="DIR", help="texture the structure of this result again")
    parser.add_argument("--again", type=Path, metavar="DIR", help="make this result again, with its layout, seed and settings")
    parser.add_argument("--base", type=Path, metavar="DIR",
                        help="make only --region anew under LAYOUT, and leave the rest of this result as it is")
    parser.add_argument("--region", metavar="X0,Y0,X1,Y1", help="rectangle in metres from the layout's south-west corner")
    parser.add_argument("--voxel-size", type=float, default=1.0, metavar="METRES",
                        help="side of a voxel (default 1, what the weights are trained at; 2 needs a quarter of the memory)")
    parser.add_argument("--splats", default="meshes", metavar="SOURCE",
                        help="meshes (default): sharp, sampled from the textured meshes; network: as it decodes them, soft")
    parser.add_argument("--splat-size", type=float, default=0.125, metavar="METRES",
                        help="across the finest of them (default 0.125)")
    parser.set_defaults(run=_generate)


def _generate(args: argparse.Namespace) -> None:
    from .convert.files import check_writable, read_scene
    ways = [args.layout is not None, args.unconditional, args.retexture is not None, args.again is not None]
    if sum(ways) != 1:
        raise BadInput("Exactly one of LAYOUT, --unconditional, --retexture and --again is needed.",
                       f"See {PROG} generate --help.")
    if (args.base is None) != (args.region is None) or (args.base is not None and args.layout is None):
        raise BadInput("--base and --region belong together, with a LAYOUT.", f"See {PROG} generate --help.")
    check_writable(args.out)
    kept = next((d for d in (args.retexture, args.again, args.base) if d is not None), None)
    if kept is not None:
        read_scene(kept)
    layout = None if args.retexture or args.again else _layout_of(args)
    region = (0, 0, 0, 0) if args.region is None or layout is None else _region_of(args.region, layout)
    from .pipeline import Settings, again, generate, regenerate, retexture
    settings = Settings(seed=args.seed, steps=args.steps, guidance=args.guidance, device=args.device,
                        voxel_size=args.voxel_size, relief="flat" if args.elevation == "flat" else "generated",
                        weights=args.weights, splats=args.splats, splat_size=args.splat_size)
    source = "" if args.layout is None else args.layout.name
    with _progress_bar() as progress:
        if args.again is not None:
            scene = again(args.again, args.out, progress=progress)
        elif layout is None:
            scene = retexture(args.retexture, args.out, settings, progress=progress)
        elif args.base is not None:
            scene = regenerate(args.base, layout, region, args.out, settings, progress=progress, layout_source=source)
        else:
            scene = generate(layout, args.out, settings, progress=progress, layout_source=source)
    seconds = sum(stage["seconds"] for stage in scene["stages"].values())
    print(f"{args.out}: {scene['counts']['voxels']:,} voxels, {scene['counts']['splats']:,} splats, {seconds:.0f} s")


def _region_of(text: str, layout: Layout) -> tuple[int, int, int, int]:
    """row0, col0, row1, col1 of the cells that a rectangle X0,Y0,X1,Y1 in metres touches."""
    try:
        x0, y0, x1, y1 = (float(v) / layout.cell_size for v in text.split(","))
    except ValueError as e:
        raise BadInput(f"The region {text!r} is no rectangle.", "Give X0,Y0,X1,Y1 in metres, such as 0,0,40,40.") from e
    if not (x0 < x1 and y0 < y1):
        raise BadInput(f"The region {text!r} is empty.", "Give the south-west corner first, then the north-east one.")
    rows = layout.shape[0]
    return math.floor(rows - y1), math.floor(x0), math.ceil(rows - y0), math.ceil(x1)


def _layout_of(args: argparse.Namespace) -> Layout:
    """The layout that the options name."""
    from .convert.layout_io import read_elevation, read_layout
    elevation = None if args.elevation in (None, "flat") else Path(args.elevation)
    if args.layout is not None:
        return read_layout(args.layout, args.cell_size, args.height_hint, elevation)
    if not 8 <= args.size <= MAX_CELLS:
        raise BadInput(f"The size of {args.size} cells is out of range.", f"Give 8 to {MAX_CELLS}.")
    if args.height_hint is not None:
        raise BadInput("A height hint needs a layout.", "Leave --height-hint out with --unconditional.")
    shape = (args.size, args.size)
    return Layout(np.zeros(shape, np.uint8), 1.0 if args.cell_size is None else args.cell_size,
                  elevation=None if elevation is None else read_elevation(elevation, shape))


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """A bar on stderr that follows the pipeline."""
    from tqdm import tqdm
    with tqdm(total=100, bar_format="{desc:24s}{percentage:3.0f}% |{bar}| {elapsed} {postfix}", file=sys.stderr,
              leave=False) as bar:
        def progress(stage: str, step: int, steps: int, fraction: float, seconds_left: float) -> None:
            bar.set_description_str(f"{stage} {step}/{steps}", refresh=False)
            bar.set_postfix_str(f"{seconds_left:.0f} s left", refresh=False)
            bar.n = round(100 * fraction, 1)
            bar.refresh()

        yield progress
