"""Splats as a mesh of cards that other programs can draw: squares with a vertex colour, whose alpha is the splat's opacity,
times one small picture of a Gaussian."""
from __future__ import annotations

import bpy
import numpy as np

from . import splat_display, splat_nodes
from .class_materials import COLOR_ATTRIBUTE
from .layout_mesh import CLASS_ATTRIBUTE
from .mesh_fill import fill
from .node_builder import new_material
from .result_import import KIND, parts
from .splat_arrays import OPACITY

CARDS = "cards"
"""KIND of the object in its place's collection."""
MATERIALS = {splat_display.CAPTURED: "EarthCrafter Card Captured", splat_display.LIT: "EarthCrafter Card Lit"}
_PICTURE, _SIDE = "EarthCrafter Gaussian", 64


def bake(context: bpy.types.Context, place: bpy.types.Collection, obj: bpy.types.Object) -> bpy.types.Object:
    """An object in the place with a card for each splat that is shown, where the splats are, in the stead of cards that were
    baked before; the splats are hidden."""
    mesh = _drawn_discs(context, obj)
    before = parts(place, CARDS)
    old = [cards.data for cards in before]
    bpy.data.batch_remove(before)
    bpy.data.batch_remove([data for data in old if not data.users])
    mesh.name = f"Cards of {place.name}"
    _move_opacity_into_the_colour(mesh)
    mesh.materials.clear()
    mesh.materials.append(card_material(obj.earthcrafter_splats.light))
    cards = bpy.data.objects.new(mesh.name, mesh)
    cards[KIND] = CARDS
    place.objects.link(cards)
    cards.matrix_world = obj.matrix_world.copy()
    obj.hide_viewport = obj.hide_render = True
    return cards


def _drawn_discs(context: bpy.types.Context, obj: bpy.types.Object) -> bpy.types.Mesh:
    """The mesh that the nodes make of the splats when they draw discs, a datablock of its own."""
    kept, hidden = obj.earthcrafter_splats.viewport, obj.hide_viewport
    obj.earthcrafter_splats.viewport, obj.hide_viewport = splat_display.DISCS, False
    try:
        graph = context.evaluated_depsgraph_get()
        return bpy.data.meshes.new_from_object(obj.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph)
    finally:
        obj.earthcrafter_splats.viewport, obj.hide_viewport = kept, hidden


def _move_opacity_into_the_colour(mesh: bpy.types.Mesh) -> None:
    """The splats' opacity becomes the alpha of their colour, and the classes those of the faces."""
    color = mesh.attributes[COLOR_ATTRIBUTE]
    rgba, opacity = np.empty(len(color.data) * 4, np.float32), np.empty(len(color.data), np.float32)
    ids = np.empty(len(color.data), np.int32)
    color.data.foreach_get("color", rgba)
    mesh.attributes[OPACITY].data.foreach_get("value", opacity)
    mesh.attributes[CLASS_ATTRIBUTE].data.foreach_get("value", ids)
    rgba[3::4] = opacity
    color.data.foreach_set("color", rgba)
    for name in (OPACITY, CLASS_ATTRIBUTE):
        mesh.attributes.remove(mesh.attributes[name])
    fill(mesh, CLASS_ATTRIBUTE, "INT", "FACE", "value", ids[::4])
    mesh.color_attributes.active_color_name = COLOR_ATTRIBUTE


def card_material(light: str) -> bpy.types.Material:
    """Vertex colour and the Gaussian's picture, lit or glowing; exporters find both where they look for them."""
    material = bpy.data.materials.get(MATERIALS[light])
    if material is not None:
        return material
    material, add = new_material(MATERIALS[light])
    material.surface_render_method = "DITHERED"
    vertex = add.node("ShaderNodeVertexColor", layer_name=COLOR_ATTRIBUTE)
    picture = add.node("ShaderNodeTexImage", image=_gaussian(), extension="CLIP")
    mixed = add.node("ShaderNodeMix", data_type="RGBA", blend_type="MULTIPLY")
    factor, first, second = (mixed.inputs[i] for i in _color_inputs(mixed))
    factor.default_value = 1.0
    add.tree.links.new(picture.outputs["Color"], first)
    add.tree.links.new(vertex.outputs["Color"], second)
    color = next(s for s in mixed.outputs if s.type == "RGBA")
    alpha = add.math("MULTIPLY", picture.outputs["Alpha"], vertex.outputs["Alpha"])
    if light == splat_display.LIT:
        shader = add.node("ShaderNodeBsdfPrincipled", {"Base Color": color, "Roughness": 1.0, "Alpha": alpha,
                                                       "Specular IOR Level": 0.0})
    else:
        glow = add.node("ShaderNodeEmission", {"Color": color}).outputs[0]
        camera = add.node("ShaderNodeLightPath").outputs["Is Camera Ray"]
        glow = add.node("ShaderNodeMixShader", {0: camera, 1: glow, 2: glow}).outputs[0]  # by this glTF knows: it is unlit
        clear = add.node("ShaderNodeBsdfTransparent").outputs[0]
        shader = add.node("ShaderNodeMixShader", {0: alpha, 1: clear, 2: glow})
    add.node("ShaderNodeOutputMaterial", {"Surface": shader.outputs[0]})
    splat_nodes.light_nothing(material)
    return material


def _color_inputs(mix: bpy.types.Node) -> list[int]:
    """Where a mix node of colours has its factor and its two colours: Blender 5.2 has no inputs of other types there."""
    factor = next(i for i, s in enumerate(mix.inputs) if s.type == "VALUE")
    return [factor, *(i for i, s in enumerate(mix.inputs) if s.type == "RGBA")]


def _gaussian() -> bpy.types.Image:
    """White with the alpha of a Gaussian of as many standard deviations as a disc has, kept in the file."""
    image = bpy.data.images.get(_PICTURE)
    if image is not None:
        return image
    at = (np.arange(_SIDE) + 0.5) / _SIDE * 2 - 1
    falloff = np.exp(-0.5 * (at * splat_nodes.EXTENT) ** 2)
    pixels = np.ones((_SIDE, _SIDE, 4), np.float32)
    pixels[..., 3] = falloff[:, None] * falloff
    image = bpy.data.images.new(_PICTURE, _SIDE, _SIDE, alpha=True)
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    image.pack()
    return image
