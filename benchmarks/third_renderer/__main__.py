"""python -m benchmarks.third_renderer DIR -o OUT: a result's .glb and splats in three.js beside Blender's render, with SSIM.

    NAME.VIEW.mesh.three.png  NAME.VIEW.mesh.blender.png   the .glb: Blender's importer and Cycles
    NAME.VIEW.FORMAT.three.png  NAME.VIEW.splats.ours.png  the splats: Spark in three.js, our own rasteriser
    NAME.VIEW.side_by_side.jpg                             the meshes above, the splats of the first format below

Needs Node.js, npm (first time: the network), and Debian's package chromium-headless-shell, or $CHROMIUM.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from earthcrafter_core.convert.files import read_splats
from earthcrafter_core.export.formats import parse
from earthcrafter_core.export.run import export
from earthcrafter_core.render.image import psnr, render_splats, ssim

from .view import View, views

HERE = Path(__file__).resolve().parent
HOME = HERE.parent.parent / "build" / "third_renderer"
OVER = 2  # pixels of three.js, and of our rasteriser, for one of the picture, a side: splats have no samples within a pixel
TURNED = (".ply", ".sog", ".splat")  # y down


def main() -> None:
    """Render and compare; prints one line for each pair."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.third_renderer", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="a result")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--splats", default="ply", metavar="F,F", help="formats of the splats: ply, compressed.ply, spz, "
                        "sog, splat (default ply)")
    parser.add_argument("--glb", type=Path, help="this file instead of the result's meshes")
    parser.add_argument("--size", default="960x600", help="of a picture, pixels")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    modules = _modules()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        formats = parse(args.splats)
        export(args.folder, [*([] if args.glb else parse("glb")), *formats], folder, tell=_tell)
        stem = args.folder.absolute().name
        glb = args.glb or folder / f"{stem}.glb"
        splats = read_splats(args.folder / "splats.ply")
        low, high = splats.mean.min(0).astype(float), splats.mean.max(0).astype(float)
        for view_name, view in views(low, high, width, height).items():
            name = f"{stem}.{view_name}"
            pairs = []
            if glb.is_file():
                pairs.append((_three(modules, view, glb, "mesh", args.out / f"{name}.mesh.three.png"),
                              _blender(view, glb, args.out / f"{name}.mesh.blender.png")))
                _say(f"{name} mesh, Blender", *pairs[-1])
            ours = render_splats(splats, view.camera(), view.background, OVER)
            Image.fromarray(ours).save(args.out / f"{name}.splats.ours.png")
            for f in formats:
                theirs = _three(modules, view, folder / f"{stem}{f.suffix}", "splats", args.out / f"{name}.{f.name}.three.png")
                pairs.append((theirs, ours))
                _say(f"{name} {f.name}, our rasteriser", *pairs[-1])
            side = np.concatenate([np.concatenate(pair, 1) for pair in pairs[:2]], 0)
            Image.fromarray(side).save(args.out / f"{name}.side_by_side.jpg", quality=88)


def _modules() -> Path:
    """The packages that package-lock.json pins, installed once."""
    stamp = HOME / "installed.json"
    lock = (HERE / "package-lock.json").read_text()
    if not stamp.is_file() or stamp.read_text() != lock:
        HOME.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, HOME)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HOME, check=True)
        stamp.write_text(lock)
    return HOME / "node_modules"


def _three(modules: Path, view: View, file: Path, kind: str, out: Path) -> np.ndarray:
    """A picture by three.js, uint8 [H, W, 3]; also written to `out`."""
    told = view.json(kind=kind, turn=file.suffix in TURNED)
    told |= {"width": view.width * OVER, "height": view.height * OVER}
    with tempfile.TemporaryDirectory() as name:
        said, raw = Path(name) / "view.json", Path(name) / "raw.png"
        said.write_text(json.dumps(told))
        done = subprocess.run(["node", str(HERE / "render.mjs"), str(said), str(file), str(raw)], capture_output=True,
                              text=True, env=os.environ | {"THIRD_RENDERER_MODULES": str(modules)}, timeout=500)
        if done.returncode:
            raise SystemExit(f"three.js could not draw {file.name}: {done.stderr[-2000:]}")
        print(f"  three.js drew {file.name}: {done.stdout.strip()}", file=sys.stderr)
        with Image.open(raw) as picture:
            small = picture.convert("RGB").resize((view.width, view.height), Image.Resampling.BOX)
    small.save(out)
    return np.asarray(small)


def _blender(view: View, file: Path, out: Path) -> np.ndarray:
    """A picture by Blender's own importer and Cycles, uint8 [H, W, 3], before the view's background; written to `out`."""
    with tempfile.TemporaryDirectory() as name:
        said = Path(name) / "view.json"
        said.write_text(json.dumps(view.json()))
        subprocess.run([sys.executable, str(HERE / "blender.py"), str(said), str(file), str(out)], check=True,
                       capture_output=True, timeout=900)
    with Image.open(out) as picture:
        behind = Image.new("RGBA", picture.size, tuple(round(255 * v) for v in view.background))
        flat = Image.alpha_composite(behind, picture.convert("RGBA")).convert("RGB")
    flat.save(out)
    return np.asarray(flat)


def _say(what: str, a: np.ndarray, b: np.ndarray) -> None:
    """Print how alike two pictures are."""
    x, y = (torch.from_numpy(p.astype(np.float32) / 255) for p in (a, b))
    print(f"{what}: SSIM {ssim(x, y):.3f}, PSNR {psnr(x, y):.1f} dB", flush=True)


def _tell(told: Any) -> None:
    if told.error is not None:
        print(f"{told.error.message} {told.error.remedy}", file=sys.stderr)


if __name__ == "__main__":
    main()
