"""How the splats of a place are shown: Object.earthcrafter_splats, what it means to their nodes, and the scene's render
settings that they need."""
from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, PointerProperty
from mathutils import Matrix, Vector

from . import splat_nodes
from .node_builder import has_input, set_input
from .result_import import KIND, SPLATS, part

DISCS, POINTS = "DISCS", "POINTS"
CAPTURED, LIT = "CAPTURED", "LIT"
INSIDE, OUTSIDE = "INSIDE", "OUTSIDE"
LAYERS = 64
"""Splats that a ray of Cycles passes one after another; what lies behind more of them is black."""
_FORMS = [(DISCS, "Discs", "Gaussian discs, as in splat viewers"),
          (POINTS, "Points", "Round points in the splats' colours: quicker, and enough to work by")]


def _is_volume(self: SplatDisplay, obj: bpy.types.Object) -> bool:
    return obj.type == "MESH" and obj is not self.id_data and KIND not in obj


class SplatDisplay(bpy.types.PropertyGroup):
    """Object.earthcrafter_splats of the object that holds a place's splats. Its defaults are those of the node group."""

    def _changed(self, _context: bpy.types.Context) -> None:
        apply(self.id_data)

    viewport: EnumProperty(  # type: ignore[valid-type]
        name="Viewport", items=_FORMS, default=DISCS, update=_changed, description="What the splats are in 3D views")
    render: EnumProperty(  # type: ignore[valid-type]
        name="Render", items=_FORMS, default=DISCS, update=_changed, description="What the splats are in renders")
    light: EnumProperty(  # type: ignore[valid-type]
        name="Light", default=CAPTURED, update=_changed, description="Where the splats' colours come from",
        items=[(CAPTURED, "Captured", "They glow in the colours that were generated, whatever the lights are"),
               (LIT, "Relit", "The scene's lights and sky shine on them: their colour is a base colour, their normals count")])
    size: FloatProperty(  # type: ignore[valid-type]
        name="Size", default=1.0, min=0.0, max=10.0, soft_min=0.25, soft_max=3.0, update=_changed,
        description="Factor on the size of every splat")
    volume: PointerProperty(  # type: ignore[valid-type]
        name="Cut By", type=bpy.types.Object, poll=_is_volume, update=_changed,
        description="A closed mesh that cuts the splats, such as a box; it may be moved at any time")
    cut: EnumProperty(  # type: ignore[valid-type]
        name="Leave Out", default=INSIDE, update=_changed, description="Which splats the volume leaves out",
        items=[(INSIDE, "Inside", "Splats in the volume are left out"), (OUTSIDE, "Outside", "Only splats in the volume stay")])


def splats_of(collection: bpy.types.Collection) -> bpy.types.Object | None:
    """The object with a place's splats, None where it was deleted."""
    return part(collection, SPLATS)


def apply(obj: bpy.types.Object) -> None:
    """Tell the nodes of an object with splats what its settings are; one of an older file gets the nodes of today."""
    shown = obj.earthcrafter_splats
    for modifier in obj.modifiers:
        if modifier.type != "NODES" or modifier.node_group is None or not has_input(modifier.node_group, splat_nodes.SIZE):
            continue
        if not has_input(modifier.node_group, splat_nodes.CUT):
            modifier.node_group = splat_nodes.splats_group()
        cut = splat_nodes.LEAVE_INSIDE_OUT if shown.cut == INSIDE else splat_nodes.LEAVE_OUTSIDE_OUT
        for name, value in ((splat_nodes.SIZE, shown.size), (splat_nodes.VIEWPORT, shown.viewport == DISCS),
                            (splat_nodes.RENDER, shown.render == DISCS), (splat_nodes.LIT, shown.light == LIT),
                            (splat_nodes.VOLUME, shown.volume),
                            (splat_nodes.CUT, splat_nodes.KEEP_ALL if shown.volume is None else cut)):
            set_input(modifier, name, value)


def add_cut_box(scene: bpy.types.Scene, obj: bpy.types.Object) -> bpy.types.Object:
    """A box of wires that cuts an object's splats: over the middle half of them, seen in no render."""
    low, high = (Vector(end(corner[axis] for corner in obj.bound_box) for axis in range(3)) for end in (min, max))
    size = (high - low) * Vector((0.25, 0.25, 0.5))
    size.z += 1.0  # metres that it stands out above and below
    mesh = bpy.data.meshes.new("Cutting Box")
    corners = [(x, y, z) for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    mesh.from_pydata(corners, [], [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)])
    box = bpy.data.objects.new(mesh.name, mesh)
    box.display_type, box.hide_render = "WIRE", True
    scene.collection.objects.link(box)
    box.matrix_world = obj.matrix_world @ Matrix.LocRotScale((low + high) / 2, None, size)
    obj.earthcrafter_splats.volume = box
    return box


def allow_layers(scene: bpy.types.Scene) -> None:
    """Let Cycles look through as many splats as lie behind one another. It would give up at random on the way, which is the
    grain that splats would have."""
    if hasattr(scene, "cycles"):
        cycles = scene.cycles
        cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, LAYERS)
        cycles.min_transparent_bounces = max(cycles.min_transparent_bounces, LAYERS)


def match_viewers(scene: bpy.types.Scene) -> None:
    """Set a scene up so that captured splats keep their colours in its renders: no film look, exposure or contrast."""
    allow_layers(scene)
    scene.display_settings.display_device = "sRGB"
    view = scene.view_settings
    view.view_transform = "Standard"
    view.look, view.exposure, view.gamma, view.use_curve_mapping = "None", 0.0, 1.0, False


def matches_viewers(scene: bpy.types.Scene) -> bool:
    """Whether captured splats keep their colours in this scene's renders."""
    view = scene.view_settings
    return (view.view_transform, view.look, view.exposure, view.gamma) in [
        (name, "None", 0.0, 1.0) for name in ("Standard", "Raw")] and not view.use_curve_mapping


def register() -> None:
    """Register the settings."""
    bpy.utils.register_class(SplatDisplay)
    bpy.types.Object.earthcrafter_splats = PointerProperty(type=SplatDisplay)


def unregister() -> None:
    """Unregister them; what was set stays in the file."""
    del bpy.types.Object.earthcrafter_splats
    bpy.utils.unregister_class(SplatDisplay)
