"""The command line: generate, layout, dataset, train, evaluate.

Exit codes: 0 done, 1 a fault of the program, 2 input that cannot be used or a result that cannot be written, 130 cancelled.
"""
from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import layout_commands
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
            return _run(words)
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


def _run(words: list[str]) -> int:
    if words[:1] == ["dataset"]:
        from .data.dataset import main as dataset_main
        return dataset_main(words[1:])
    args = parser_for(words[0] if words else "").parse_args(words)
    args.run(args)
    return 0


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
    parser.add_argument("--cell-size", type=float, default=1.0, metavar="METRES", help="side of a pixel (default 1)")
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
    parser.set_defaults(run=_generate)


def _generate(args: argparse.Namespace) -> None:
    from .convert.files import check_writable, read_scene
    ways = [args.layout is not None, args.unconditional, args.retexture is not None]
    if sum(ways) != 1:
        raise BadInput("Exactly one of LAYOUT, --unconditional and --retexture is needed.",
                       f"See {PROG} generate --help.")
    check_writable(args.out)
    layout = None
    if args.retexture is not None:
        read_scene(args.retexture)
    else:
        layout = _layout_of(args)
    from .pipeline import Settings, generate, retexture
    settings = Settings(seed=args.seed, steps=args.steps, guidance=args.guidance, device=args.device,
                        relief="flat" if args.elevation == "flat" else "generated", weights=args.weights)
    with _progress_bar() as progress:
        if layout is None:
            scene = retexture(args.retexture, args.out, settings, progress=progress)
        else:
            scene = generate(layout, args.out, settings, progress=progress)
    seconds = sum(stage["seconds"] for stage in scene["stages"].values())
    print(f"{args.out}: {scene['counts']['voxels']:,} voxels, {scene['counts']['splats']:,} splats, {seconds:.0f} s")


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
    return Layout(np.zeros(shape, np.uint8), args.cell_size,
                  elevation=None if elevation is None else read_elevation(elevation, shape))


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """A bar on stderr that follows the pipeline."""
    from tqdm import tqdm
    with tqdm(total=100, bar_format="{desc:24s}{percentage:3.0f}% |{bar}| {elapsed}", file=sys.stderr, leave=False) as bar:
        def progress(stage: str, step: int, steps: int, fraction: float) -> None:
            bar.set_description_str(f"{stage} {step}/{steps}", refresh=False)
            bar.n = round(100 * fraction, 1)
            bar.refresh()

        yield progress
