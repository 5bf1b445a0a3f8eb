"""What an artist sets for a scene: saved with the file. The tools' settings are in tool_settings.py."""
from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, FloatVectorProperty, IntProperty, PointerProperty, StringProperty

from .earthcrafter_core.scene.classes import CLASSES
from .layout_mesh import is_layout
from .palette_icons import icon_id
from .scatter_items import FITS, STRETCH

_ITEMS: list[tuple[str, str, str, int, int]] = []  # kept alive: Blender reads the strings after the callback returned


def class_items(_self: object, _context: object) -> list[tuple[str, str, str, int, int]]:
    """Enum items of the classes, identifier = name, number = id, with their colour as the icon."""
    if not _ITEMS:
        for c in CLASSES:
            low, high = c.height
            tip = f"{c.label}: the model decides what stands here" if c.id == 0 else c.label
            if high > 0:
                tip += f", typically {low:g} to {high:g} m high"
            _ITEMS.append((c.name, c.label, tip, icon_id(c), c.id))
    return _ITEMS


def forget_class_items() -> None:
    """Drop the items whose icons are gone."""
    _ITEMS.clear()


def _is_layout(_self: object, obj: bpy.types.Object) -> bool:
    return is_layout(obj)


def _has_faces(_self: object, obj: bpy.types.Object) -> bool:
    return obj.type == "MESH" and not is_layout(obj)


class EarthCrafterSettings(bpy.types.PropertyGroup):
    """Scene.earthcrafter."""

    layout_object: PointerProperty(  # type: ignore[valid-type]
        name="Layout", type=bpy.types.Object, poll=_is_layout, description="The painted grid that is generated from")
    seed: IntProperty(  # type: ignore[valid-type]
        name="Seed", default=0, min=0, max=2**31 - 1,
        description="Another seed gives another place for the same layout; the same seed gives the same place")
    steps: IntProperty(  # type: ignore[valid-type]
        name="Steps", default=25, min=1, max=200, description="Sampling steps of each network: more are slower and finer")
    guidance: FloatProperty(  # type: ignore[valid-type]
        name="Guidance", default=0.0, min=0.0, max=20.0,
        description="How strictly the layout is followed, without unit. 0: the networks' own best value")
    relief: EnumProperty(  # type: ignore[valid-type]
        name="Relief", default="generated", description="The elevation of the ground",
        items=[("generated", "Generated", "The networks make hills and valleys that suit the layout; a layout that came "
                                          "with an elevation keeps that"),
               ("flat", "Flat", "The ground is level at height 0"),
               ("object", "Object", "The ground has the shape of a mesh, such as a sculpted one, seen from above"),
               ("file", "File", "The ground has the heights of a raster file")])
    terrain_object: PointerProperty(  # type: ignore[valid-type]
        name="Terrain", type=bpy.types.Object, poll=_has_faces,
        description="The mesh whose highest surface under each cell is the ground; its heights are taken in metres from the "
                    "layout's plane")
    terrain_file: StringProperty(  # type: ignore[valid-type]
        name="File", subtype="FILE_PATH", options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        description="A .tif or .npy of elevations in metres that covers the layout, the first row north")

    variations: IntProperty(  # type: ignore[valid-type]
        name="Variations", default=1, min=1, max=64,
        description="So many places from seeds one after another, beginning with the seed above; they are made in turn")
    arrangement: EnumProperty(  # type: ignore[valid-type]
        name="Arrange", default="turn", description="Where several variations stand",
        items=[("turn", "In Turn", "All on the layout; the newest is shown, the history has the others"),
               ("side", "Side by Side", "In a row to the east, the first one on the layout")])
    voxel_size: FloatProperty(  # type: ignore[valid-type]
        name="Voxel Size", default=1.0, min=0.5, max=4.0, subtype="DISTANCE", unit="LENGTH",
        description="Side of a voxel, in metres. The networks know 1 m; 2 m needs a quarter of time and memory, and is coarser")
    mesh: EnumProperty(  # type: ignore[valid-type]
        name="Mesh", default="clean", description="What the place's mesh is made of",
        items=[("clean", "Clean", "Terrain as one sheet with kerbs and shores, each building a closed solid with a planar "
                                  "roof and upright walls, trees as crowns"),
               ("surface", "Voxel Surface", "One surface around the voxels, as they were generated")])
    colours: EnumProperty(  # type: ignore[valid-type]
        name="Colours", default="texture", description="What colours the mesh has",
        items=[("texture", "Textures", "Baked textures, with facades and roofs finer than a voxel"),
               ("vertex", "Vertex Colours", "A colour at each corner: smaller files and less memory")])
    texels: FloatProperty(  # type: ignore[valid-type]
        name="Texels per Metre", default=8.0, min=1.0, max=16.0, precision=0,
        description="Resolution of the textures; 16 need four times the memory of 8")
    splats: EnumProperty(  # type: ignore[valid-type]
        name="Splats", default="meshes", description="Where the place's splats come from",
        items=[("meshes", "Sharp", "Sampled from the textured meshes: facades, roofs and trees as sharp as there"),
               ("network", "Soft", "As the texture network decodes them, about half a metre wide: fewer and lighter")])
    splat_size: FloatProperty(  # type: ignore[valid-type]
        name="Finest Splat", default=0.125, min=0.05, max=0.5, precision=3, step=1, subtype="DISTANCE", unit="LENGTH",
        description="Metres across the smallest splats; twice as wide means about half as many")
    region_layout: StringProperty(  # type: ignore[valid-type]
        name="Area's Layout", options={"HIDDEN"}, description="Lasting id of the layout that the area lies on; empty: any")
    region_corner: FloatVectorProperty(  # type: ignore[valid-type]
        name="Area Corner", size=2, subtype="XYZ", unit="LENGTH",
        description="One corner of the area, in metres east and north of the layout's south-west corner")
    region_opposite: FloatVectorProperty(  # type: ignore[valid-type]
        name="Opposite Corner", size=2, subtype="XYZ", unit="LENGTH",
        description="The corner across, in metres east and north of the layout's south-west corner")

    replace_by: PointerProperty(  # type: ignore[valid-type]
        name="By", type=bpy.types.Collection,
        description="The collection whose objects take the place of a class; empty: the plants that ship with EarthCrafter")
    replace_fit: EnumProperty(  # type: ignore[valid-type]
        name="Fit", default=STRETCH, items=FITS, description="How an object is brought to the size of what it replaces")
    replace_spacing: FloatProperty(  # type: ignore[valid-type]
        name="Spacing", default=4.0, min=0.1, soft_max=50.0, subtype="DISTANCE", unit="LENGTH",
        description="Least distance between objects that are spread over ground, in metres")


def register() -> None:
    """Add Scene.earthcrafter."""
    bpy.utils.register_class(EarthCrafterSettings)
    bpy.types.Scene.earthcrafter = PointerProperty(type=EarthCrafterSettings)


def unregister() -> None:
    """Remove Scene.earthcrafter."""
    del bpy.types.Scene.earthcrafter
    bpy.utils.unregister_class(EarthCrafterSettings)
    forget_class_items()
