"""Materials of the classes: flat palette colours for the layout, and the surface of generated meshes."""
from __future__ import annotations

import bpy
import numpy as np

from .earthcrafter_core.scene.classes import CLASSES, SemanticClass

COLOR_ATTRIBUTE = "Col"
"""Colour attribute of generated meshes, points and splats (linear in the datablock)."""
_ROUGHNESS = {"water": 0.08, "building": 0.7}
_FINISH_BY_NAME = {"pool": 0.05, "snow": 0.5, "road": 0.85, "tower": 0.35}


def srgb_to_linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 [..., 3] to linear float32 [..., 3] in 0..1 (IEC 61966-2-1)."""
    s = np.asarray(rgb, np.float32) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_color(semantic_class: SemanticClass) -> tuple[float, float, float, float]:
    """The palette's colour as linear RGBA."""
    r, g, b = (float(v) for v in srgb_to_linear(np.array(semantic_class.color, np.uint8)))
    return r, g, b, 1.0


def layout_material(semantic_class: SemanticClass) -> bpy.types.Material:
    """The flat material of a class on layouts, made at first use: its colour in Solid, Material and Rendered view."""
    name = f"Layout {semantic_class.label}"
    material = bpy.data.materials.get(name)
    if material is not None:
        return material
    material = bpy.data.materials.new(name)
    color = (0.05, 0.05, 0.05, 1.0) if semantic_class.id == 0 else linear_color(semantic_class)
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
    """The material of a class on generated meshes, made at first use: the mesh's own colour, the class's roughness."""
    name = f"EarthCrafter {semantic_class.label}"
    material = bpy.data.materials.get(name)
    if material is not None:
        return material
    material = bpy.data.materials.new(name)
    material.diffuse_color = linear_color(semantic_class)
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = _FINISH_BY_NAME.get(
        semantic_class.name, _ROUGHNESS.get(semantic_class.kind, 0.95))
    shader.inputs["Specular IOR Level"].default_value = 0.5 if semantic_class.kind == "water" else 0.2
    color = tree.nodes.new("ShaderNodeVertexColor")
    color.layer_name = COLOR_ATTRIBUTE
    color.location = (-220, 200)
    tree.links.new(color.outputs["Color"], shader.inputs["Base Color"])
    return material


def class_by_name(name: str) -> SemanticClass:
    """The class with this snake_case name. Raises KeyError."""
    return {c.name: c for c in CLASSES}[name]
