"""The formats that the Export panel offers, and what each game engine or program wants. No bpy.

Those of the groups up to LAYOUT are written by the engine from the files of a result (earthcrafter_core/export/formats.py has
the same names); those of SCENE by Blender's own exporters, from what stands in the scene.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MESHES, SPLATS, POINTS, LAYOUT, SCENE = "meshes", "splats", "points", "layout", "scene"
GROUPS = ((MESHES, "Mesh as Generated"), (SPLATS, "Splats"), (POINTS, "Points"), (LAYOUT, "Layout"),
          (SCENE, "Mesh as in the Scene"))
"""Groups with their titles, in the panel's order."""


@dataclass(frozen=True)
class Format:
    """One format: its name for the engine and for scripts, the button's text, what it is, its group, and the end of the file's
    name."""

    name: str
    label: str
    tip: str
    group: str
    suffix: str


FORMATS = (
    Format("glb", "GLB", "glTF 2.0 in one file: materials, textures, levels of detail, collision meshes", MESHES, ".glb"),
    Format("usd", "USD", "Universal Scene Description (.usdc) with its textures beside it", MESHES, ".usdc"),
    Format("usdz", "USDZ", "USD with its textures in one package", MESHES, ".usdz"),
    Format("ply", "PLY", "3D Gaussian splats, all of them, as most viewers and trainers read them", SPLATS, ".ply"),
    Format("compressed.ply", "Compressed PLY", "PlayCanvas' and SuperSplat's smaller PLY", SPLATS, ".compressed.ply"),
    Format("spz", "SPZ", "Niantic's compressed splats", SPLATS, ".spz"),
    Format("sog", "SOG", "PlayCanvas' splats as pictures: the smallest, for the web", SPLATS, ".sog"),
    Format("splat", "SPLAT", "The simple format of antimatter15's viewer", SPLATS, ".splat"),
    Format("splats.glb", "GLB Splats", "glTF with KHR_gaussian_splatting", SPLATS, ".splats.glb"),
    Format("splats.usd", "USD Splats", "USD's particle field of Gaussian splats", SPLATS, ".splats.usdc"),
    Format("points.ply", "PLY", "Point cloud with normals, colours and classes", POINTS, ".points.ply"),
    Format("laz", "LAZ", "Compressed LAS with ASPRS classes, for GIS and survey programs", POINTS, ".laz"),
    Format("layout.tif", "GeoTIFF", "The classes as a raster, in its place on Earth where it is known", LAYOUT, ".layout.tif"),
    Format("layout.png", "PNG", "The classes as a picture in the palette's colours, which Import Layout reads", LAYOUT,
           ".layout.png"),
    Format("scene.glb", "GLB", "What is shown of the place in this scene, changes included, by Blender's glTF exporter", SCENE,
           ".scene.glb"),
    Format("scene.usd", "USD", "The same by Blender's USD exporter", SCENE, ".scene.usdc"),
    Format("fbx", "FBX", "The same by Blender's FBX exporter, textures embedded", SCENE, ".fbx"),
    Format("obj", "OBJ", "The same by Blender's OBJ exporter, textures beside it", SCENE, ".obj"),
)
"""In the order of the bits that .blend files keep: new ones come last."""
BY_NAME = {f.name: f for f in FORMATS}


@dataclass(frozen=True)
class Target:
    """What a program wants: its name, what is set for it in a few words, the formats, and settings that differ from the
    defaults."""

    label: str
    tip: str
    formats: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


TARGETS = {
    "UNREAL": Target("Unreal Engine", "GLB with UCX_ collision meshes and levels as nodes, FBX in centimetres", ("glb", "fbx"),
                     {"collisions": "unreal", "levels": 3, "level_form": "nodes", "fbx_scale": "FBX_SCALE_NONE"}),
    "UNITY": Target("Unity", "FBX in metres, GLB with levels by MSFT_lod, which UnityGLTF reads", ("fbx", "glb"),
                    {"levels": 3, "fbx_scale": "FBX_SCALE_ALL"}),
    "GODOT": Target("Godot", "GLB with collision meshes by Godot's names; Godot makes levels of detail by itself", ("glb",),
                    {"collisions": "godot"}),
    "WEB": Target("Web", "A light GLB of at most 100,000 triangles and 4 texels a metre, at most 300,000 splats as SOG and SPZ",
                  ("glb", "sog", "spz"), {"use_triangles": True, "triangles": 100_000, "use_texels": True, "texels": 4.0,
                                          "use_splats": True, "splats": 300_000}),
    "BLENDER": Target("Blender and Others", "USD and GLB as generated, splats as PLY", ("usd", "glb", "ply")),
    "GIS": Target("GIS", "LAZ and GeoTIFF with the coordinates of the place", ("laz", "layout.tif")),
}


def engine_arguments(settings: dict[str, Any]) -> list[str]:
    """The command line's options for what differs from the meshes of the result.

    Args:
        settings: colours ("" as generated), texels (0 as generated), triangles (0 all), levels (1 the finest alone),
            level_form, collisions ("" none), lossless, splats (0 all), splat_axes ("" what each format has).
    """
    words = []
    for option, value, unset in (("--colours", settings["colours"], ""), ("--texels", settings["texels"], 0),
                                 ("--triangles", settings["triangles"], 0), ("--levels", settings["levels"], 1),
                                 ("--most-splats", settings["splats"], 0), ("--splat-axes", settings["splat_axes"], "")):
        if value != unset:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    if settings["levels"] > 1:
        words += ["--level-form", settings["level_form"]]
    if settings["collisions"]:
        words += ["--collisions", "--collision-names", settings["collisions"]]
    return words + (["--lossless"] if settings["lossless"] else [])
