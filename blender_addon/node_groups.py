"""The node group and the material that show a point cloud, written as Python and made at first use (splats: splat_nodes.py)."""
from __future__ import annotations

import bpy

from .class_materials import COLOR_ATTRIBUTE
from .class_visibility import HIDDEN_INPUT, add_class_test
from .layout_mesh import CLASS_ATTRIBUTE
from .node_builder import NodeBuilder, add_input, new_geometry_group, new_material

POINTS_GROUP, POINT_MATERIAL = "EarthCrafter Points", "EarthCrafter Point"


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
