"""Pictures of splats by Blender's Cycles beside those of our own rasteriser from the same cameras: PSNR and seconds.

    python -m benchmarks.splats_render FOLDER [FOLDER ...] [--samples 8] [--width 640] [--pictures OUT]

Each FOLDER is a result. The splats come in through the add-on, all of them, as captured discs; the scene is set up by
"Match Splat Viewers" and nothing else. Needs bpy (see build.py setup).
"""
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import addon  # loads the extension into this process, before bpy

BACKGROUND = (0.6, 0.7, 0.8)
"""sRGB of the plain sky in both."""
OVER = 2
"""Places along each side of a pixel that our rasteriser draws; Cycles has its samples."""


def cameras(side: float, width: int) -> dict:
    """An oblique view of a square place of `side` metres, and one from the height of a roof."""
    from earthcrafter_core.render.camera import Camera

    height = width * 9 // 16
    return {"oblique": Camera.oblique((0, 0, side, side), width=width, height=height, azimuth=215, margin=0.62),
            "roof": Camera.look_at((0.16 * side, -0.08 * side, 22), (0.55 * side, 0.47 * side, 2), width=width, height=height,
                                   fov=60)}


def blender_camera(scene, camera) -> None:
    """Let a Blender scene be seen through one of our cameras."""
    import bpy
    from mathutils import Matrix

    data = bpy.data.cameras.new("Camera")
    data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", 36.0, camera.fx / camera.width * 36.0
    data.clip_start, data.clip_end = camera.near, 1e5
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = camera.rotation.T @ np.diag([1, -1, -1]), camera.eye  # Blender looks along -z, y is up
    scene.camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(scene.camera)
    scene.camera.matrix_world = Matrix(matrix.tolist())
    scene.render.resolution_x, scene.render.resolution_y = camera.width, camera.height
    scene.render.resolution_percentage = 100


def set_up(folder: Path, samples: int):
    """An empty scene with the splats of a result, all of them; the scene."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True)
    result_import = addon.part("result_import")
    place = result_import.import_result(folder, splat_cap=100_000_000).collection
    scene = bpy.context.scene
    scene.collection.children.link(place)
    result_import.show(place, result_import.SPLATS)
    dress(scene, samples)
    return scene


def dress(scene, samples: int) -> None:
    """Let Cycles render a scene with splats as a viewer would, before BACKGROUND."""
    import bpy

    bpy.ops.earthcrafter.match_viewers()
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = samples, False, False
    plain_sky(scene)


def plain_sky(scene) -> None:
    """BACKGROUND behind everything."""
    import bpy

    scene.world = bpy.data.worlds.new("Sky")
    scene.world.use_nodes = True
    sky = addon.part("earthcrafter_core.scene.colour").srgb_to_linear((np.array(BACKGROUND) * 255).round().astype(np.uint8))
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (*sky.tolist(), 1.0)


def picture_of(scene, path: Path) -> np.ndarray:
    """Render a scene as an artist does, to a PNG, and read that; float32 [H, W, 3] sRGB in 0..1."""
    import bpy

    scene.render.filepath, scene.render.image_settings.file_format = str(path), "PNG"
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path), check_existing=False)
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(image.size[1], image.size[0], 4)[::-1, :, :3]
    bpy.data.images.remove(image)
    return pixels


def main() -> None:
    """Print a row for each result and camera."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.splats_render", description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--pictures", type=Path, default=Path("build/splats_render"))
    options = parser.parse_args()
    addon.enable()
    import torch

    from earthcrafter_core.convert.files import read_splats
    from earthcrafter_core.render.image import psnr, render_splats

    options.pictures.mkdir(parents=True, exist_ok=True)
    print(f"{'place':12s} {'camera':8s} {'splats':>8s} {'PSNR dB':>8s} {'ours s':>7s} {'Cycles s':>8s}")
    for folder in options.folders:
        scene, splats = set_up(folder, options.samples), read_splats(folder / "splats.ply")
        side = float(np.ptp(splats.mean[:, :2], axis=0).max())
        for name, camera in cameras(side, options.width).items():
            blender_camera(scene, camera)
            start = time.perf_counter()
            ours = render_splats(splats, camera, BACKGROUND, OVER).astype(np.float32) / 255
            middle = time.perf_counter()
            theirs = picture_of(scene, (options.pictures / f"{folder.name}_{name}.png").resolve())
            end = time.perf_counter()
            value = float(psnr(torch.from_numpy(ours), torch.from_numpy(theirs.copy())))
            print(f"{folder.name:12s} {name:8s} {len(splats):8d} {value:8.2f} {middle - start:7.2f} {end - middle:8.2f}",
                  flush=True)


if __name__ == "__main__":
    main()
