"""Node trees and materials written as Python, on Blender 4.5 to 5.2."""
from __future__ import annotations

import bpy


class NodeBuilder:
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
            socket = float_socket(node.inputs, key[0]) if isinstance(key, tuple) else node.inputs[key]
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            else:
                socket.default_value = value
        return node

    def math(self, operation: str, a: object, b: object = 0.0) -> bpy.types.NodeSocket:
        """The output of a math node."""
        return self.node("ShaderNodeMath", {0: a, 1: b}, operation=operation).outputs[0]

    def integer(self, operation: str, a: object, b: object = 0) -> bpy.types.NodeSocket:
        """The output of an integer math node (geometry nodes alone)."""
        return self.node("FunctionNodeIntegerMath", {0: a, 1: b}, operation=operation).outputs[0]

    def vector(self, operation: str, a: object, b: object = (0.0, 0.0, 0.0)) -> bpy.types.Node:
        """A vector math node."""
        return self.node("ShaderNodeVectorMath", {0: a, 1: b}, operation=operation)

    def attribute(self, name: str, data_type: str) -> bpy.types.NodeSocket:
        """A named attribute of the geometry (geometry nodes alone)."""
        return self.node("GeometryNodeInputNamedAttribute", {"Name": name}, data_type=data_type).outputs["Attribute"]


def float_socket(sockets: bpy.types.bpy_prop_collection, name: str) -> bpy.types.NodeSocket:
    """The float socket of that name: up to Blender 5.1 a node has one socket of a name for each type, in 5.2 just one."""
    return next(s for s in sockets if s.name == name and s.type == "VALUE")


def new_geometry_group(name: str) -> tuple[bpy.types.NodeTree, NodeBuilder]:
    """An empty group from geometry to geometry that modifiers can use."""
    tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
    tree.is_modifier = True
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    return tree, NodeBuilder(tree)


def add_input(tree: bpy.types.NodeTree, name: str, kind: str, **properties: object) -> None:
    """Give a group an input: a socket's type such as NodeSocketFloat, and its properties."""
    socket = tree.interface.new_socket(name, in_out="INPUT", socket_type=kind)
    for key, value in properties.items():
        setattr(socket, key, value)


def new_material(name: str) -> tuple[bpy.types.Material, NodeBuilder]:
    """A material without nodes."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes.clear()
    return material, NodeBuilder(material.node_tree)


def has_input(group: bpy.types.NodeTree, name: str) -> bool:
    """Whether a group has an input of this name."""
    return bool(_inputs(group, name))


def get_input(modifier: bpy.types.Modifier, name: str) -> object:
    """The value of an input of a geometry node modifier by the socket's name, None where it has no such input."""
    for item in _inputs(modifier.node_group, name):
        inputs = _modern_inputs(modifier)
        return modifier.get(item.identifier) if inputs is None else getattr(inputs, item.identifier).value
    return None


def set_input(modifier: bpy.types.Modifier, name: str, value: object) -> None:
    """Set an input of a geometry node modifier by the socket's name."""
    inputs = _modern_inputs(modifier)
    for item in _inputs(modifier.node_group, name):
        if inputs is None:
            modifier[item.identifier] = value
        else:
            getattr(inputs, item.identifier).value = value
    modifier.id_data.update_tag()  # Blender takes no notice of a custom property by itself


def _inputs(group: bpy.types.NodeTree, name: str) -> list[bpy.types.NodeTreeInterfaceSocket]:
    """The inputs of a group that have this name."""
    return [i for i in group.interface.items_tree if i.item_type == "SOCKET" and i.in_out == "INPUT" and i.name == name]


def _modern_inputs(modifier: bpy.types.Modifier) -> bpy.types.bpy_struct | None:
    """Where Blender 5.2 has a modifier's inputs; None up to 5.1, where they are its custom properties."""
    return getattr(getattr(modifier, "properties", None), "inputs", None)
