"""What an artist sets for exports: saved with the file, in Scene.earthcrafter_export."""
from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .export_formats import FORMATS, TARGETS

_NAMES = ("colours", "use_texels", "texels", "use_triangles", "triangles", "levels", "level_form", "collisions", "lossless",
          "use_splats", "splats", "splat_axes", "fbx_scale")


class EarthCrafterExport(bpy.types.PropertyGroup):
    """Scene.earthcrafter_export."""

    formats: EnumProperty(  # type: ignore[valid-type]
        name="Formats", options={"ENUM_FLAG"}, default={"glb", "ply"}, description="What is written",
        items=[(f.name, f.label, f.tip, "NONE", 1 << bit) for bit, f in enumerate(FORMATS)])
    folder: StringProperty(  # type: ignore[valid-type]
        name="Folder", subtype="DIR_PATH", options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        description="Where the files go. Empty: the folder export beside the saved .blend file, else in that of the result")
    colours: EnumProperty(  # type: ignore[valid-type]
        name="Colours", default="made", description="What colours the meshes as generated have",
        items=[("made", "As Generated", "What the place was generated with"),
               ("texture", "Textures", "Baked textures with windows, tiles and grain"),
               ("vertex", "Vertex Colours", "A colour at each corner: lighter, without textures")])
    use_texels: BoolProperty(  # type: ignore[valid-type]
        name="Texels a Metre", description="Bake the textures with another number of texels than the place was generated with")
    texels: FloatProperty(  # type: ignore[valid-type]
        name="Texels a Metre", default=8.0, min=1.0, max=16.0, step=100, precision=0,
        description="Texels a metre of the textures: 4 for the web, 16 for close views")
    use_triangles: BoolProperty(  # type: ignore[valid-type]
        name="Limit Triangles", description="Simplify the finest level to a number of triangles")
    triangles: IntProperty(  # type: ignore[valid-type]
        name="Triangles", default=100_000, min=1000, max=100_000_000, soft_max=2_000_000, step=1000,
        description="At most so many triangles of the finest level of the whole place")
    levels: IntProperty(  # type: ignore[valid-type]
        name="Levels of Detail", default=1, min=1, max=4,
        description="Each has about a quarter of the triangles of the one before. 1: the finest alone")
    level_form: EnumProperty(  # type: ignore[valid-type]
        name="Levels As", default="msft", description="How the levels stand in a GLB",
        items=[("msft", "MSFT_lod", "The glTF extension: programs that know it switch by themselves"),
               ("nodes", "Nodes", "Objects called NAME_LOD1, NAME_LOD2 ... at the same place")])
    collisions: EnumProperty(  # type: ignore[valid-type]
        name="Collisions", default="none", description="Simple closed meshes for physics, and by whose names they are known",
        items=[("none", "None", "No collision meshes"), ("unreal", "Unreal", "UCX_NAME_00, which Unreal takes as collision"),
               ("godot", "Godot", "NAME_00-convcolonly and NAME-colonly, which Godot takes as collision")])
    lossless: BoolProperty(  # type: ignore[valid-type]
        name="Lossless Textures", description="Textures as PNG instead of JPEG: about four times as large")
    use_splats: BoolProperty(  # type: ignore[valid-type]
        name="Limit Splats", description="Write fewer splats: neighbours that are alike become one")
    splats: IntProperty(  # type: ignore[valid-type]
        name="Splats", default=300_000, min=1000, max=100_000_000, soft_max=5_000_000, step=1000,
        description="At most so many splats of the whole place")
    splat_axes: EnumProperty(  # type: ignore[valid-type]
        name="Splat Axes", default="usual", description="Which way is up in splat files",
        items=[("usual", "Usual", "What the viewers of each format expect"), ("y-down", "Y Down", "As 3DGS trainers write"),
               ("y-up", "Y Up", "As glTF has it"), ("z-up", "Z Up", "As Blender has it")])
    fbx_scale: EnumProperty(  # type: ignore[valid-type]
        name="FBX Unit", default="FBX_SCALE_ALL", description="The unit in which FBX files are written",
        items=[("FBX_SCALE_ALL", "Metres", "Objects of scale 1 in Unity"),
               ("FBX_SCALE_NONE", "Centimetres", "What Unreal expects")])


def export_settings(scene: bpy.types.Scene) -> EarthCrafterExport:
    """A scene's settings."""
    return scene.earthcrafter_export


def chosen(settings: EarthCrafterExport) -> dict[str, Any]:
    """The settings as `export_formats.engine_arguments` takes them, and fbx_scale."""
    values = {name: getattr(settings, name) for name in _NAMES}
    for name, unset in (("colours", "made"), ("collisions", "none"), ("splat_axes", "usual")):
        values[name] = "" if values[name] == unset else values[name]
    for name in ("texels", "triangles", "splats"):
        values[name] = values[name] if values.pop(f"use_{name}") else 0
    return values


def use_target(settings: EarthCrafterExport, key: str) -> None:
    """Set everything but the folder for a program of `TARGETS`."""
    target = TARGETS[key]
    for name in _NAMES:
        settings.property_unset(name)
    settings.formats = set(target.formats)
    for name, value in target.settings.items():
        setattr(settings, name, value)


def register() -> None:
    """Add Scene.earthcrafter_export."""
    bpy.utils.register_class(EarthCrafterExport)
    bpy.types.Scene.earthcrafter_export = PointerProperty(type=EarthCrafterExport)


def unregister() -> None:
    """Remove it."""
    del bpy.types.Scene.earthcrafter_export
    bpy.utils.unregister_class(EarthCrafterExport)
