"""The whole way in headless Blender, through the add-on's own operators: paint, generate, light, render, save.

Called by `python3 build.py demo`, which has laid the extension into the folder BLENDER_USER_RESOURCES names.
"""
from __future__ import annotations

import argparse
import math
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import bpy  # first: it makes its own modules, such as addon_utils, known
import addon_utils
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).resolve().parent))
import town  # noqa: E402

PACKAGE = "bl_ext.user_default.earthcrafter"
SIZE = (960, 540)
VIEWS = {  # name: camera's place and what it looks at, metres; the height above the ground under it; lens in mm
    "oblique": ((176.0, -88.0, 124.0), (58.0, 58.0, 26.0), 30.0),
    "top": ((64.0, 64.0, 300.0), (64.0, 64.0, 0.0), 43.0),
    "street": ((31.6, 5.0, 2.3), (33.4, 60.0, 8.0), 24.0),
}


@contextmanager
def timed(what: str):
    """Say what is being done and how long it took."""
    print(f"demo: {what} ...", flush=True)
    start = time.monotonic()
    yield
    print(f"demo: {what}: {time.monotonic() - start:.1f} s", flush=True)


def paint() -> None:
    """The town, stroke by stroke."""
    ops = bpy.ops.earthcrafter
    ops.new_layout(width=town.SIDE, height=town.SIDE, cell_size=1.0, fill="lawn")
    for kind, name, values in town.strokes():
        if kind == "rectangle":
            ops.paint_rectangle(paint_class=name, corner=values[0], opposite=values[1])
        elif kind == "disc":
            ops.paint_disc(paint_class=name, centre=values[0], radius=values[1])
        else:
            points = [{"name": "", "location": p} for p in values[0]]
            ops.paint_line(paint_class=name, points=points, width=values[1])


def ground(scene: bpy.types.Scene, x: float, y: float) -> float:
    """Height of the lowest surface that is shown at a place, by rays from above. Ends the demo where there is none."""
    graph, heights, top = bpy.context.evaluated_depsgraph_get(), [], 1e4
    while len(heights) < 50:
        hit, where, *_ = scene.ray_cast(graph, Vector((x, y, top)), Vector((0, 0, -1)))
        if not hit:
            break
        heights.append(where.z)
        top = where.z - 0.05
    if not heights:
        sys.exit(f"demo: nothing was generated at {x:g}, {y:g}.")
    return min(heights)


def light(scene: bpy.types.Scene) -> None:
    """Afternoon sun and a clear sky."""
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy, sun.angle, sun.color = 4.2, math.radians(1.0), (1.0, 0.93, 0.82)
    obj = bpy.data.objects.new("Sun", sun)
    obj.rotation_euler = (math.radians(48), 0, math.radians(22))
    scene.collection.objects.link(obj)
    world = bpy.data.worlds.new("Sky")
    scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    background = nodes["Background"]
    background.inputs["Strength"].default_value = 1.0
    ramp = nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[0].color = 0.5, (0.62, 0.75, 0.9, 1)
    ramp.color_ramp.elements[1].position, ramp.color_ramp.elements[1].color = 0.85, (0.16, 0.34, 0.72, 1)
    coordinates, split, up = (nodes.new(f"ShaderNode{k}") for k in ("TexCoord", "SeparateXYZ", "MapRange"))
    up.inputs["From Min"].default_value = -1.0
    links.new(coordinates.outputs["Generated"], split.inputs[0])
    links.new(split.outputs["Z"], up.inputs["Value"])
    links.new(up.outputs[0], ramp.inputs[0])
    links.new(ramp.outputs[0], background.inputs["Color"])


def add_camera(scene: bpy.types.Scene, name: str, base: float) -> bpy.types.Object:
    """A camera of VIEWS; heights count from `base`."""
    at, target, lens = VIEWS[name]
    camera = bpy.data.cameras.new(name)
    camera.lens, camera.clip_end = lens, 2000
    obj = bpy.data.objects.new(name, camera)
    obj.location = Vector(at) + Vector((0, 0, base))
    direction = Vector(target) + Vector((0, 0, base)) - obj.location
    obj.rotation_euler = (0, 0, 0) if name == "top" else direction.to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(obj)
    return obj


def render(scene: bpy.types.Scene, folder: Path, samples: int) -> None:
    """One picture for each view."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples, scene.cycles.max_bounces = samples, 3
    scene.cycles.use_denoising = True
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform = "Standard"
    for name in VIEWS:
        x, y, _z = VIEWS[name][0]
        base = ground(scene, x, y) if name == "street" else ground(scene, *VIEWS[name][1][:2])
        scene.camera = add_camera(scene, name, base)
        scene.render.filepath = str(folder / f"{name}.png")
        with timed(f"rendering {name}.png"):
            bpy.ops.render.render(write_still=True)


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for demo.blend and the pictures")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--samples", type=int, default=16, help="Cycles samples for each pixel")
    options = parser.parse_args()
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if addon_utils.enable(PACKAGE, default_set=True, persistent=True) is None:
        sys.exit("demo: the extension could not be switched on; the lines above say why.")
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    blend = folder / "demo.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))  # so that the results are kept beside it
    with timed("painting the layout"):
        paint()
        bpy.ops.earthcrafter.export_layout(filepath=str(folder / "layout.png"))
    scene.earthcrafter.seed, scene.earthcrafter.steps = options.seed, options.steps
    with timed("generating the place"):
        try:
            bpy.ops.earthcrafter.generate(wait=True)
        except RuntimeError as e:
            sys.exit(f"demo: {str(e).strip().removeprefix('Error: ')}")
    light(scene)
    render(scene, folder, options.samples)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    print("demo: done. Open these:")
    for path in (blend, folder / "layout.png", *(folder / f"{name}.png" for name in VIEWS)):
        print(f"  {path}")
    addon_utils.disable(PACKAGE)


if __name__ == "__main__":
    main()
