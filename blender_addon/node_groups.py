"""Node groups and materials that show points and splats, written as Python and made at first use.

Splats are discs: a unit square instanced on every point, turned by its rotation, scaled by its two standard deviations,
with the alpha of a Gaussian, opacity * exp(-r^2 / 2), r in standard deviations from the centre.
"""
from __future__ import annotations

import bpy

from .class_materials import COLOR_ATTRIBUTE
from .class_visibility import HIDDEN_INPUT, add_class_test
from .layout_mesh import CLASS_ATTRIBUTE
from .node_builder import NodeBuilder, add_input, float_socket, new_geometry_group, new_material
from .splat_arrays import OPACITY, ROTATION, SCALE

EXTENT = 2.5  # half a disc's side in standard deviations; beyond it alpha is under 4.4 %
SHIFT = 0.03  # metres; discs in one plane are drawn this far apart: rays pass several at the same place as one
POINTS_GROUP, SPLATS_GROUP = "EarthCrafter Points", "EarthCrafter Splats"
POINT_MATERIAL, SPLAT_MATERIAL = "EarthCrafter Point", "EarthCrafter Splat"


def add_hidden_classes(tree: bpy.types.NodeTree) -> None:
    """The input by which class_visibility tells a group what to leave out."""
    add_input(tree, HIDDEN_INPUT, "NodeSocketInt", default_value=0, min_value=0,
              description="Bit k hides class k; set by the panel")


def without_hidden_classes(add: NodeBuilder, source: bpy.types.Node) -> bpy.types.NodeSocket:
    """The geometry of a group's input without the points of hidden classes."""
    is_hidden = add_class_test(add, source.outputs[HIDDEN_INPUT], add.attribute(CLASS_ATTRIBUTE, "INT"))
    return add.node("GeometryNodeDeleteGeometry", {"Geometry": source.outputs["Geometry"], "Selection": is_hidden},
                    domain="POINT").outputs[0]


def points_group() -> bpy.types.NodeTree:
    """Vertices -> round points of a radius in metres."""
    tree = bpy.data.node_groups.get(POINTS_GROUP)
    if tree is not None:
        return tree
    tree, add = new_geometry_group(POINTS_GROUP)
    add_input(tree, "Radius", "NodeSocketFloat", default_value=0.5, min_value=0.0, subtype="DISTANCE",
               description="Radius of each point, in metres")
    add_hidden_classes(tree)
    source = add.node("NodeGroupInput")
    shown = without_hidden_classes(add, source)
    points = add.node("GeometryNodeMeshToPoints", {"Mesh": shown, "Radius": source.outputs["Radius"]})
    shown = add.node("GeometryNodeSetMaterial", {"Geometry": points.outputs[0], "Material": point_material()})
    add.node("NodeGroupOutput", {"Geometry": shown.outputs[0]})
    return tree


def splats_group() -> bpy.types.NodeTree:
    """Vertices with OPACITY, ROTATION and SCALE -> Gaussian discs."""
    tree = bpy.data.node_groups.get(SPLATS_GROUP)
    if tree is not None:
        return tree
    tree, add = new_geometry_group(SPLATS_GROUP)
    add_input(tree, "Size", "NodeSocketFloat", default_value=1.0, min_value=0.0, max_value=10.0,
               description="Factor on the size of every splat")
    add_hidden_classes(tree)
    source = add.node("NodeGroupInput")
    quad = add.node("GeometryNodeMeshGrid", {"Size X": 2 * EXTENT, "Size Y": 2 * EXTENT, "Vertices X": 2, "Vertices Y": 2})
    unwrapped = add.node("GeometryNodeStoreNamedAttribute", {"Geometry": quad.outputs["Mesh"], "Name": "UVMap",
                                                             "Value": quad.outputs["UV Map"]},
                         data_type="FLOAT2", domain="CORNER")
    shown = add.node("GeometryNodeSetMaterial", {"Geometry": unwrapped.outputs[0], "Material": splat_material()})
    points = add.node("GeometryNodeMeshToPoints", {"Mesh": without_hidden_classes(add, source)})
    rotation = add.node("GeometryNodeInputNamedAttribute", {"Name": ROTATION}, data_type="QUATERNION")
    scale = add.node("GeometryNodeInputNamedAttribute", {"Name": SCALE}, data_type="FLOAT_VECTOR")
    normal = add.node("FunctionNodeRotateVector", {"Vector": (0.0, 0.0, 1.0), "Rotation": rotation.outputs["Attribute"]})
    shift = add.node("FunctionNodeRandomValue", {("Min",): -SHIFT, ("Max",): SHIFT}, data_type="FLOAT")
    along = add.node("ShaderNodeVectorMath", {0: normal.outputs[0], "Scale": float_socket(shift.outputs, "Value")},
                     operation="SCALE")
    apart = add.node("GeometryNodeSetPosition", {"Geometry": points.outputs[0], "Offset": along.outputs["Vector"]})
    sized = add.node("ShaderNodeVectorMath", {0: scale.outputs["Attribute"], "Scale": source.outputs["Size"]},
                     operation="SCALE")
    discs = add.node("GeometryNodeInstanceOnPoints", {
        "Points": apart.outputs[0], "Instance": shown.outputs[0], "Rotation": rotation.outputs["Attribute"],
        "Scale": sized.outputs["Vector"]})
    add.node("NodeGroupOutput", {"Geometry": discs.outputs[0]})
    return tree


def point_material() -> bpy.types.Material:
    """Diffuse in the point's own colour."""
    material = bpy.data.materials.get(POINT_MATERIAL)
    if material is not None:
        return material
    material, add = new_material(POINT_MATERIAL)
    color = add.node("ShaderNodeAttribute", attribute_name=COLOR_ATTRIBUTE)
    diffuse = add.node("ShaderNodeBsdfDiffuse", {"Color": color.outputs["Color"]})
    add.node("ShaderNodeOutputMaterial", {"Surface": diffuse.outputs[0]})
    return material


def splat_material() -> bpy.types.Material:
    """The splat's colour with a Gaussian's alpha; the value node "Lit" goes from its own light (0) to the scene's (1)."""
    material = bpy.data.materials.get(SPLAT_MATERIAL)
    if material is not None:
        return material
    material, add = new_material(SPLAT_MATERIAL)
    material.surface_render_method = "DITHERED"  # blended discs of one object would not be sorted
    uv = add.node("ShaderNodeUVMap", uv_map="UVMap")
    centred = add.node("ShaderNodeVectorMath", {0: uv.outputs[0], 1: (0.5, 0.5, 0.0)}, operation="SUBTRACT")
    squared = add.node("ShaderNodeVectorMath", {0: centred.outputs[0], 1: centred.outputs[0]}, operation="DOT_PRODUCT")
    exponent = add.math("MULTIPLY", squared.outputs["Value"], -0.5 * (2 * EXTENT) ** 2)
    gaussian = add.math("EXPONENT", exponent)
    opacity = add.node("ShaderNodeAttribute", attribute_name=OPACITY, attribute_type="INSTANCER")
    alpha = add.math("MULTIPLY", gaussian, opacity.outputs["Fac"])
    color = add.node("ShaderNodeAttribute", attribute_name=COLOR_ATTRIBUTE, attribute_type="INSTANCER")
    emission = add.node("ShaderNodeEmission", {"Color": color.outputs["Color"]})
    diffuse = add.node("ShaderNodeBsdfDiffuse", {"Color": color.outputs["Color"]})
    lit = add.node("ShaderNodeValue", name="Lit", label="Lit by the scene")
    surface = add.node("ShaderNodeMixShader", {0: lit.outputs[0], 1: emission.outputs[0], 2: diffuse.outputs[0]})
    clear = add.node("ShaderNodeBsdfTransparent")
    mixed = add.node("ShaderNodeMixShader", {0: alpha, 1: clear.outputs[0], 2: surface.outputs[0]})
    add.node("ShaderNodeOutputMaterial", {"Surface": mixed.outputs[0]})
    return material
