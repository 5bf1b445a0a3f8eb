"""Materials of the classes: flat palette colours for the layout, and the surface of generated meshes."""
from __future__ import annotations

import bpy
import numpy as np

from .earthcrafter_core.scene.classes import CLASSES, UNPAINTED, SemanticClass
from .earthcrafter_core.scene.colour import srgb_to_linear

UNPAINTED_COLOR = (74, 64, 110)
"""sRGB in which unpainted cells are shown: the palette's black would pass for road, or for the view's background."""
COLOR_ATTRIBUTE = "Col"
"""Colour attribute of generated meshes, points and splats (linear in the datablock)."""
UV_MAP = "UVMap"
"""Texture coordinates of generated meshes."""
_ROUGHNESS = {"water": 0.08, "building": 0.7}
_FINISH_BY_NAME = {"pool": 0.05, "snow": 0.5, "road": 0.85, "tower": 0.35}
_GRAIN = {"low_vegetation": (7.0, 0.30, 0.05), "tall_vegetation": (2.6, 0.50, 0.35), "paved": (14.0, 0.10, 0.004),
          "building": (9.0, 0.05, 0.004), "bare": (5.0, 0.20, 0.04), "water": (0.7, 0.0, 0.05)}
"""Grain by kind of class, finer than the mesh's colours: per metre, share of the colour that varies, metres of its bumps."""
_GRAIN_BY_NAME = {"snow": (2.0, 0.04, 0.03), "sand": (9.0, 0.10, 0.02), "sports": (9.0, 0.12, 0.01),
                  "lawn": (9.0, 0.20, 0.03), "railway": (6.0, 0.35, 0.05)}


def display_color(semantic_class: SemanticClass) -> tuple[int, int, int]:
    """The colour on screen, sRGB 0..255: the palette's, and a violet for unpainted."""
    return UNPAINTED_COLOR if semantic_class.id == UNPAINTED else semantic_class.color


def linear_color(semantic_class: SemanticClass) -> tuple[float, float, float, float]:
    """The colour on screen as linear RGBA."""
    r, g, b = (float(v) for v in srgb_to_linear(np.array(display_color(semantic_class), np.uint8)))
    return r, g, b, 1.0


def layout_material(semantic_class: SemanticClass) -> bpy.types.Material:
    """The flat material of a class on layouts, made at first use: its colour in Solid, Material and Rendered view."""
    name = f"Layout {semantic_class.label}"
    material = bpy.data.materials.get(name)
    if material is not None:
        return material
    material = bpy.data.materials.new(name)
    color = linear_color(semantic_class)
    material.diffuse_color = color
    material.roughness = 1.0
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    emission = tree.nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = color
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    output.location = (200, 0)
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material


def surface_material(semantic_class: SemanticClass) -> bpy.types.Material:
    """The material of a class on generated meshes without textures, made at first use: the mesh's own colour with the
    class's grain and roughness."""
    name = f"EarthCrafter {semantic_class.label}"
    material = bpy.data.materials.get(name)
    if material is not None:
        return material
    material, shader = _new_surface(name, semantic_class)
    tree = material.node_tree
    color = tree.nodes.new("ShaderNodeVertexColor")
    color.layer_name = COLOR_ATTRIBUTE
    color.location = (-420, 300)
    level, factor, height = _add_grain(tree, semantic_class)
    shaded = tree.nodes.new("ShaderNodeVectorMath")
    shaded.operation, shaded.location = "MULTIPLY", (-220, 200)
    tree.links.new(color.outputs["Color"], shaded.inputs[0])
    tree.links.new(factor, shaded.inputs[1])
    tree.links.new(shaded.outputs["Vector"], shader.inputs["Base Color"])
    _add_bump(tree, shader, level, height)
    return material


def textured_material(name: str, semantic_class: SemanticClass, color: bpy.types.Image,
                      roughness: bpy.types.Image | None) -> bpy.types.Material:
    """A new material of a class with the place's textures: `color` straight into the base colour, where Blender's exporters
    look for it, and the green channel of `roughness`."""
    material, shader = _new_surface(name, semantic_class)
    tree = material.node_tree
    at = tree.nodes.new("ShaderNodeUVMap")
    at.uv_map, at.location = UV_MAP, (-820, 200)
    tree.links.new(_add_picture(tree, at, color, 300).outputs["Color"], shader.inputs["Base Color"])
    if roughness is not None:
        parts = tree.nodes.new("ShaderNodeSeparateColor")
        parts.location = (-220, 0)
        tree.links.new(_add_picture(tree, at, roughness, 0).outputs["Color"], parts.inputs[0])
        tree.links.new(parts.outputs[1], shader.inputs["Roughness"])
    return material


def _new_surface(name: str, semantic_class: SemanticClass) -> tuple[bpy.types.Material, bpy.types.Node]:
    """A material with the class's colour in solid views and its roughness, and its shader."""
    material = bpy.data.materials.new(name)
    material.diffuse_color = linear_color(semantic_class)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = _FINISH_BY_NAME.get(
        semantic_class.name, _ROUGHNESS.get(semantic_class.kind, 0.95))
    shader.inputs["Specular IOR Level"].default_value = 0.5 if semantic_class.kind == "water" else 0.2
    return material, shader


def _add_picture(tree: bpy.types.NodeTree, at: bpy.types.Node, image: bpy.types.Image, y: float) -> bpy.types.Node:
    """A texture at the coordinates of the node `at`."""
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image, node.location = image, (-540, y)
    tree.links.new(at.outputs["UV"], node.inputs["Vector"])
    return node


def _add_grain(tree: bpy.types.NodeTree,
               semantic_class: SemanticClass) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket, float]:
    """Noise in world metres (leaves, blades, grit, ripples): its level, the factor on the colour, the metres of its bumps."""
    scale, variety, height = _GRAIN_BY_NAME.get(semantic_class.name, _GRAIN.get(semantic_class.kind, _GRAIN["bare"]))
    place = tree.nodes.new("ShaderNodeNewGeometry")
    place.location = (-1020, 0)
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.location = (-820, 0)
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = scale, 3.0
    tree.links.new(place.outputs["Position"], noise.inputs["Vector"])
    level = next(s for s in noise.outputs if s.type == "VALUE")  # named Fac up to Blender 4.5, Factor later
    factor = tree.nodes.new("ShaderNodeMapRange")
    factor.location = (-620, 100)
    factor.inputs["From Min"].default_value, factor.inputs["From Max"].default_value = 0.25, 0.75
    factor.inputs["To Min"].default_value, factor.inputs["To Max"].default_value = 1 - variety, 1 + variety
    tree.links.new(level, factor.inputs["Value"])
    return level, factor.outputs[0], height


def _add_bump(tree: bpy.types.NodeTree, shader: bpy.types.Node, level: bpy.types.NodeSocket, height: float) -> None:
    """Bumps of a height in metres under the normal."""
    bump = tree.nodes.new("ShaderNodeBump")
    bump.location = (-220, -200)
    bump.inputs["Distance"].default_value = height
    tree.links.new(level, bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])


def class_by_name(name: str) -> SemanticClass:
    """The class with this snake_case name. Raises KeyError."""
    return {c.name: c for c in CLASSES}[name]
