"""Node groups and materials that show points and splats, written as Python and made at first use.

Splats are discs: a unit square instanced on every point, turned by its rotation, scaled by its two standard deviations,
with the alpha of a Gaussian, opacity * exp(-r^2 / 2), r in standard deviations from the centre.
"""
from __future__ import annotations

import bpy

from .class_materials import COLOR_ATTRIBUTE
from .result_arrays import OPACITY, ROTATION, SCALE

EXTENT = 2.5  # half a disc's side in standard deviations; beyond it alpha is under 4.4 %
SHIFT = 0.03  # metres; discs in one plane are drawn this far apart: rays pass several at the same place as one
POINTS_GROUP, SPLATS_GROUP = "EarthCrafter Points", "EarthCrafter Splats"
POINT_MATERIAL, SPLAT_MATERIAL = "EarthCrafter Point", "EarthCrafter Splat"


class _Builder:
    """Adds nodes from left to right and links them."""

    def __init__(self, tree: bpy.types.NodeTree):
        self.tree, self._x = tree, 0

    def node(self, kind: str, inputs: dict | None = None, **properties: object) -> bpy.types.Node:
        """A node with properties set; inputs maps socket names, indices or (name,) of a float socket to values or to
        output sockets."""
        node = self.tree.nodes.new(kind)
        node.location = (self._x, 0)
        self._x += 190
        for name, value in properties.items():
            setattr(node, name, value)
        for key, value in (inputs or {}).items():
            socket = _float_socket(node.inputs, key[0]) if isinstance(key, tuple) else node.inputs[key]
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            else:
                socket.default_value = value
        return node

    def math(self, operation: str, a: object, b: object = 0.0) -> bpy.types.NodeSocket:
        """The output of a math node."""
        return self.node("ShaderNodeMath", {0: a, 1: b}, operation=operation).outputs[0]


def _float_socket(sockets: bpy.types.bpy_prop_collection, name: str) -> bpy.types.NodeSocket:
    """The float socket of that name: up to Blender 5.1 a node has one socket of a name for each type, in 5.2 just one."""
    return next(s for s in sockets if s.name == name and s.type == "VALUE")


def _new_geometry_group(name: str) -> tuple[bpy.types.NodeTree, _Builder]:
    tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
    tree.is_modifier = True
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    return tree, _Builder(tree)


def _add_input(tree: bpy.types.NodeTree, name: str, kind: str, **properties: object) -> None:
    socket = tree.interface.new_socket(name, in_out="INPUT", socket_type=kind)
    for key, value in properties.items():
        setattr(socket, key, value)


def points_group() -> bpy.types.NodeTree:
    """Vertices -> round points of a radius in metres."""
    tree = bpy.data.node_groups.get(POINTS_GROUP)
    if tree is not None:
        return tree
    tree, add = _new_geometry_group(POINTS_GROUP)
    _add_input(tree, "Radius", "NodeSocketFloat", default_value=0.5, min_value=0.0, subtype="DISTANCE",
               description="Radius of each point, in metres")
    source = add.node("NodeGroupInput")
    points = add.node("GeometryNodeMeshToPoints", {"Mesh": source.outputs["Geometry"], "Radius": source.outputs["Radius"]})
    shown = add.node("GeometryNodeSetMaterial", {"Geometry": points.outputs[0], "Material": point_material()})
    add.node("NodeGroupOutput", {"Geometry": shown.outputs[0]})
    return tree


def splats_group() -> bpy.types.NodeTree:
    """Vertices with OPACITY, ROTATION and SCALE -> Gaussian discs."""
    tree = bpy.data.node_groups.get(SPLATS_GROUP)
    if tree is not None:
        return tree
    tree, add = _new_geometry_group(SPLATS_GROUP)
    _add_input(tree, "Size", "NodeSocketFloat", default_value=1.0, min_value=0.0, max_value=10.0,
               description="Factor on the size of every splat")
    source = add.node("NodeGroupInput")
    quad = add.node("GeometryNodeMeshGrid", {"Size X": 2 * EXTENT, "Size Y": 2 * EXTENT, "Vertices X": 2, "Vertices Y": 2})
    unwrapped = add.node("GeometryNodeStoreNamedAttribute", {"Geometry": quad.outputs["Mesh"], "Name": "UVMap",
                                                             "Value": quad.outputs["UV Map"]},
                         data_type="FLOAT2", domain="CORNER")
    shown = add.node("GeometryNodeSetMaterial", {"Geometry": unwrapped.outputs[0], "Material": splat_material()})
    points = add.node("GeometryNodeMeshToPoints", {"Mesh": source.outputs["Geometry"]})
    rotation = add.node("GeometryNodeInputNamedAttribute", {"Name": ROTATION}, data_type="QUATERNION")
    scale = add.node("GeometryNodeInputNamedAttribute", {"Name": SCALE}, data_type="FLOAT_VECTOR")
    normal = add.node("FunctionNodeRotateVector", {"Vector": (0.0, 0.0, 1.0), "Rotation": rotation.outputs["Attribute"]})
    shift = add.node("FunctionNodeRandomValue", {("Min",): -SHIFT, ("Max",): SHIFT}, data_type="FLOAT")
    along = add.node("ShaderNodeVectorMath", {0: normal.outputs[0], "Scale": _float_socket(shift.outputs, "Value")},
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
    material, add = _new_material(POINT_MATERIAL)
    color = add.node("ShaderNodeAttribute", attribute_name=COLOR_ATTRIBUTE)
    diffuse = add.node("ShaderNodeBsdfDiffuse", {"Color": color.outputs["Color"]})
    add.node("ShaderNodeOutputMaterial", {"Surface": diffuse.outputs[0]})
    return material


def splat_material() -> bpy.types.Material:
    """The splat's colour with a Gaussian's alpha; the value node "Lit" goes from its own light (0) to the scene's (1)."""
    material = bpy.data.materials.get(SPLAT_MATERIAL)
    if material is not None:
        return material
    material, add = _new_material(SPLAT_MATERIAL)
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


def _new_material(name: str) -> tuple[bpy.types.Material, _Builder]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes.clear()
    return material, _Builder(material.node_tree)


def set_input(modifier: bpy.types.Modifier, name: str, value: float) -> None:
    """Set an input of a geometry node modifier by the socket's name.

    Up to Blender 5.1 inputs are custom properties of the modifier; 5.2 has them under `properties.inputs`.
    """
    inputs = getattr(getattr(modifier, "properties", None), "inputs", None)
    for item in modifier.node_group.interface.items_tree:
        if item.item_type == "SOCKET" and item.in_out == "INPUT" and item.name == name:
            if inputs is None:
                modifier[item.identifier] = value
            else:
                getattr(inputs, item.identifier).value = value
