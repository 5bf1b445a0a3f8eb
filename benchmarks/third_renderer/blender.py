"""python blender.py VIEW.json FILE.glb OUT.png: Blender's glTF importer and Cycles, under the lights of the view alone."""
from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy
from mathutils import Vector

SAMPLES = 32


def main(view_path: str, file: str, out: str) -> None:
    """Render a .glb."""
    view = json.loads(Path(view_path).read_text())
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=file)
    scene = bpy.context.scene
    _camera(scene, view)
    for light in view["lights"]:
        _sun(scene, light)
    scene.world = bpy.data.worlds.new("dark")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0
    _settings(scene, view, out)
    bpy.ops.render.render(write_still=True)


def _camera(scene: bpy.types.Scene, view: dict) -> None:
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.lens_unit = "HORIZONTAL", "FOV"
    data.angle = view["fov"] * 3.141592653589793 / 180
    data.clip_start, data.clip_end = view["near"], view["far"]
    camera = bpy.data.objects.new("camera", data)
    camera.location = view["eye"]
    camera.rotation_euler = (Vector(view["target"]) - Vector(view["eye"])).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera


def _sun(scene: bpy.types.Scene, light: dict) -> None:
    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.angle, data.use_shadow = light["strength"], 0, light["shadow"]
    data.cycles.cast_shadow = light["shadow"]
    sun = bpy.data.objects.new("sun", data)
    sun.rotation_euler = Vector(light["from"]).to_track_quat("Z", "Y").to_euler()
    scene.collection.objects.link(sun)


def _settings(scene: bpy.types.Scene, view: dict, out: str) -> None:
    """Direct light alone, the view transform of the web, a plain background behind the place."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.seed = SAMPLES, False, 0
    scene.cycles.max_bounces = 0
    scene.render.film_transparent = True
    scene.render.resolution_x, scene.render.resolution_y = view["width"], view["height"]
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.render.filepath = out


if __name__ == "__main__":
    main(*sys.argv[1:4])
