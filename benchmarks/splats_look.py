"""Splats beside the textured meshes that they stand for, unlit, from the same cameras: PSNR and SSIM.

    python -m benchmarks.splats_look FOLDER [FOLDER ...] [--width 960] [--pictures OUT]

Each FOLDER is a result. Its mesh.glb is drawn by Blender's Cycles in its textures' own colours, its splats, half of them
(merged), and what the texture network decoded by our rasteriser. Needs bpy (see build.py setup).
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from earthcrafter_core.convert.files import SPLATS, read_splats, read_surfels
from earthcrafter_core.render import Camera
from earthcrafter_core.render.image import psnr, render_splats, ssim
from earthcrafter_core.scene.merging import merged
from earthcrafter_core.scene.splats import Splats

from .splats_render import BACKGROUND, OVER, blender_camera, picture_of, plain_sky

SAMPLES = 32


def main() -> None:
    """Print a row for each result, camera and kind of splats."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.splats_look", description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--width", type=int, default=960)
    parser.add_argument("--pictures", type=Path, default=Path("build/splats_look"))
    options = parser.parse_args()
    options.pictures.mkdir(parents=True, exist_ok=True)
    for folder in options.folders:
        scene = _unlit(folder)
        kinds = dict(_kinds(folder))
        low, high = (getattr(kinds["surfels"].mean[:, :2], end)(0) for end in ("min", "max"))
        for name, camera in _cameras(low, float(max(high - low)), options.width).items():
            blender_camera(scene, camera)
            wanted = picture_of(scene, (options.pictures / f"{folder.name}_{name}_mesh.png").resolve()).copy()
            for kind, splats in kinds.items():
                seen = render_splats(splats, camera, BACKGROUND, OVER)
                Image.fromarray(seen).save(options.pictures / f"{folder.name}_{name}_{kind}.png")
                pair = torch.from_numpy(wanted), torch.from_numpy(seen.astype(np.float32) / 255)
                print(f"{folder.name:12s} {name:8s} {kind:8s} {len(splats):9,d} splats  {float(psnr(*pair)):6.2f} dB  "
                      f"SSIM {float(ssim(*pair)):.3f}", file=sys.stderr, flush=True)


def _kinds(folder: Path) -> Iterator[tuple[str, Splats]]:
    splats = read_splats(folder / SPLATS)
    yield "splats", splats
    yield "half", merged(splats, len(splats) // 2)
    yield "surfels", read_surfels(folder)


def _cameras(low: np.ndarray, side: float, width: int) -> dict[str, Camera]:
    """From the air, from a roof, and from a first floor; the place's corner and side in metres."""
    views = {"air": ((-0.32, -0.6, 108), (0.5, 0.43, 0), 45), "roof": ((0.15, -0.02, 33), (0.55, 0.6, 0), 45),
             "floor": ((0.4, 0.21, 9), (0.24, 0.48, 1), 60)}

    def at(where: tuple[float, float, float]) -> tuple[float, float, float]:
        return low[0] + where[0] * side, low[1] + where[1] * side, where[2]

    return {name: Camera.look_at(at(eye), at(target), width=width, height=width * 5 // 8, fov=fov)
            for name, (eye, target, fov) in views.items()}


def _unlit(folder: Path):
    """A scene with a result's mesh.glb whose materials glow in their base colours."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(folder / "mesh.glb"))
    for material in bpy.data.materials:
        nodes, links = material.node_tree.nodes, material.node_tree.links
        shader = next((n for n in nodes if n.type == "BSDF_PRINCIPLED"), None)
        if shader is None:
            continue
        glow, base = nodes.new("ShaderNodeEmission"), shader.inputs["Base Color"]
        glow.inputs["Color"].default_value = base.default_value
        if base.is_linked:
            links.new(base.links[0].from_socket, glow.inputs["Color"])
        links.new(glow.outputs[0], next(n for n in nodes if n.type == "OUTPUT_MATERIAL").inputs["Surface"])
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = SAMPLES, False, 0
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    plain_sky(scene)
    return scene


if __name__ == "__main__":
    main()
