"""The node group and materials that draw splats: Gaussian discs, or round points where that is enough.

A disc is a square that stands still in the world, turned by the splat's rotation and scaled by its two standard deviations,
with the alpha of a Gaussian, opacity * exp(-r^2 / 2), r in standard deviations from the centre. The squares are one mesh,
not instances: Cycles takes a million of them in two seconds and half of the memory that instances need, and a view redraws
them without walking through objects.

Cycles follows each ray from disc to disc. EEVEE has two ways, and both are used: in renders the discs are sorted for the
scene's camera, far ones first, and blended one over another, as splat viewers do; in views, which may look from anywhere,
each disc covers a share alpha of the pixels, at random.
"""
from __future__ import annotations

import bpy

from .class_materials import COLOR_ATTRIBUTE
from .node_builder import NodeBuilder, add_input, float_socket, new_geometry_group, new_material
from .node_groups import add_hidden_classes, without_hidden_classes
from .splat_arrays import OPACITY, ROTATION, SCALE

EXTENT = 2.5  # half a disc's side in standard deviations; beyond it alpha is under 4.4 %
SHIFT = 0.03  # metres; discs in one plane are drawn this far apart: rays pass several at the same place as one
SIZE, VIEWPORT, RENDER, LIT, CUT, VOLUME = ("Size", "Discs in Viewport", "Discs in Render", "Lit by the Scene", "Cut", "Volume")
"""Inputs of the group. CUT: one of the three below."""
WHOLE, NEXT = 0.3, 0.3  # alpha from which a disc stops light; metres within which it lets it pass
DENSITY = 3.0  # discs that lie over one another at a place, as generated surfels do
KEEP_ALL, LEAVE_INSIDE_OUT, LEAVE_OUTSIDE_OUT = 0, 1, 2
GROUP = "EarthCrafter Splat Display"
DISC_MATERIALS = {(lit, sorted): f"EarthCrafter Splat {'Lit' if lit else 'Captured'}{' Sorted' if sorted else ''}"
                  for lit in (False, True) for sorted in (False, True)}
"""Names by (lit by the scene, sorted for the camera)."""
POINT_MATERIALS = ("EarthCrafter Splat Point Captured", "EarthCrafter Splat Point Lit")
_UV = "UVMap"
_SKEW = (0.0137, 0.0071, 1.0)  # direction of the rays that look for the volume: along no edge that an artist would draw
_FAR = 1e5  # metres


def splats_group() -> bpy.types.NodeTree:
    """Vertices with OPACITY, ROTATION and SCALE -> Gaussian discs or points, without what is cut or hidden."""
    tree = bpy.data.node_groups.get(GROUP)
    if tree is not None:
        return tree
    tree, add = new_geometry_group(GROUP)
    _add_inputs(tree)
    source = add.node("NodeGroupInput")
    shown = add.node("GeometryNodeDeleteGeometry", {"Geometry": without_hidden_classes(add, source),
                                                    "Selection": _is_cut(add, source)}, domain="POINT").outputs[0]
    scale = add.vector("SCALE", add.attribute(SCALE, "FLOAT_VECTOR"))
    add.tree.links.new(source.outputs[SIZE], scale.inputs["Scale"])
    as_discs = _switch(add, "BOOLEAN", add.node("GeometryNodeIsViewport").outputs[0], source.outputs[RENDER],
                       source.outputs[VIEWPORT])
    drawn = _switch(add, "GEOMETRY", as_discs, _points(add, shown, scale.outputs[0], source.outputs[LIT]),
                    _discs(add, shown, scale.outputs[0], source.outputs[LIT]))
    add.node("NodeGroupOutput", {"Geometry": drawn})
    return tree


def _add_inputs(tree: bpy.types.NodeTree) -> None:
    add_input(tree, SIZE, "NodeSocketFloat", default_value=1.0, min_value=0.0, max_value=10.0,
              description="Factor on the size of every splat")
    add_input(tree, VIEWPORT, "NodeSocketBool", default_value=True, description="Gaussian discs in views; off: points")
    add_input(tree, RENDER, "NodeSocketBool", default_value=True, description="Gaussian discs in renders; off: points")
    add_input(tree, LIT, "NodeSocketBool", default_value=False,
              description="The scene's lights shine on the splats; off: they glow in the colours that were generated")
    add_input(tree, CUT, "NodeSocketInt", default_value=KEEP_ALL, min_value=KEEP_ALL, max_value=LEAVE_OUTSIDE_OUT,
              description="0: nothing is cut, 1: what is inside the volume is left out, 2: what is outside of it")
    add_input(tree, VOLUME, "NodeSocketObject", description="A closed mesh, such as a box")
    add_hidden_classes(tree)


def _switch(add: NodeBuilder, kind: str, on: object, no: object, yes: object) -> bpy.types.NodeSocket:
    return add.node("GeometryNodeSwitch", {"Switch": on, "False": no, "True": yes}, input_type=kind).outputs[0]


def _is_cut(add: NodeBuilder, source: bpy.types.Node) -> bpy.types.NodeSocket:
    """Whether a point is to be left out by the volume: it is inside where the first face above it is seen from behind."""
    volume = add.node("GeometryNodeObjectInfo", {"Object": source.outputs[VOLUME]}, transform_space="RELATIVE")
    ray = add.node("GeometryNodeRaycast", {"Target Geometry": volume.outputs["Geometry"], "Ray Direction": _SKEW,
                                           "Ray Length": _FAR})
    from_behind = add.math("GREATER_THAN", add.vector("DOT_PRODUCT", ray.outputs["Hit Normal"], _SKEW).outputs["Value"])
    inside = add.math("MULTIPLY", ray.outputs["Is Hit"], from_behind)
    cut = source.outputs[CUT]
    outside = add.math("SUBTRACT", 1.0, inside)
    one_side = _switch(add, "BOOLEAN", add.integer("SUBTRACT", cut, LEAVE_INSIDE_OUT), inside, outside)
    return _switch(add, "BOOLEAN", cut, False, one_side)


def _points(add: NodeBuilder, shown: bpy.types.NodeSocket, scale: bpy.types.NodeSocket,
            lit: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """Round points as wide as the discs are on the average of their two directions."""
    axes = add.node("ShaderNodeSeparateXYZ", {0: scale})
    radius = add.math("MULTIPLY", add.math("ADD", axes.outputs[0], axes.outputs[1]), 0.5)
    points = add.node("GeometryNodeMeshToPoints", {"Mesh": shown, "Radius": radius}).outputs[0]
    return _with_material(add, points, lit, [point_material(name, name == POINT_MATERIALS[1]) for name in POINT_MATERIALS])


def _discs(add: NodeBuilder, shown: bpy.types.NodeSocket, scale: bpy.types.NodeSocket,
           lit: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """One mesh of squares with UVs, which keep the points' colours and opacities."""
    square = add.node("GeometryNodeMeshGrid", {"Size X": 2 * EXTENT, "Size Y": 2 * EXTENT, "Vertices X": 2, "Vertices Y": 2})
    unwrapped = add.node("GeometryNodeStoreNamedAttribute", {"Geometry": square.outputs["Mesh"], "Name": _UV,
                                                             "Value": square.outputs["UV Map"]},
                         data_type="FLOAT2", domain="CORNER")
    rotation = add.attribute(ROTATION, "QUATERNION")
    normal = add.node("FunctionNodeRotateVector", {"Vector": (0.0, 0.0, 1.0), "Rotation": rotation})
    shift = add.node("FunctionNodeRandomValue", {("Min",): -SHIFT, ("Max",): SHIFT}, data_type="FLOAT")
    along = add.vector("SCALE", normal.outputs[0])
    add.tree.links.new(float_socket(shift.outputs, "Value"), along.inputs["Scale"])
    in_view = add.node("GeometryNodeIsViewport").outputs[0]
    points = add.node("GeometryNodeMeshToPoints", {"Mesh": shown}).outputs[0]
    points = _switch(add, "GEOMETRY", in_view, _far_first(add, points), points)
    apart = add.node("GeometryNodeSetPosition", {"Geometry": points, "Offset": along.outputs[0]})
    instances = add.node("GeometryNodeInstanceOnPoints", {"Points": apart.outputs[0], "Instance": unwrapped.outputs[0],
                                                          "Rotation": rotation, "Scale": scale}).outputs[0]
    for name in (ROTATION, SCALE):  # a quarter of the memory, of no more use
        instances = add.node("GeometryNodeRemoveAttribute", {"Geometry": instances, "Name": name}).outputs[0]
    mesh = add.node("GeometryNodeRealizeInstances", {"Geometry": instances}).outputs[0]
    captured, relit = (_switch(add, "MATERIAL", in_view, disc_material(on, True), disc_material(on, False))
                       for on in (False, True))
    return _with_material(add, mesh, lit, [captured, relit])


def _far_first(add: NodeBuilder, points: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """The points in the order of their depth before the scene's camera, the farthest first."""
    camera = add.node("GeometryNodeObjectInfo", {"Object": add.node("GeometryNodeInputActiveCamera").outputs[0]},
                      transform_space="RELATIVE")
    backward = add.node("FunctionNodeRotateVector", {"Vector": (0.0, 0.0, 1.0), "Rotation": camera.outputs["Rotation"]})
    height = add.vector("DOT_PRODUCT", add.node("GeometryNodeInputPosition").outputs[0], backward.outputs[0])
    return add.node("GeometryNodeSortElements", {"Geometry": points, "Sort Weight": height.outputs["Value"]},
                    domain="POINT").outputs[0]


def _with_material(add: NodeBuilder, geometry: bpy.types.NodeSocket, lit: bpy.types.NodeSocket,
                   materials: list[object]) -> bpy.types.NodeSocket:
    material = _switch(add, "MATERIAL", lit, *materials)
    return add.node("GeometryNodeSetMaterial", {"Geometry": geometry, "Material": material}).outputs[0]


def point_material(name: str, lit: bool) -> bpy.types.Material:
    """The splat's own colour, lit by the scene or glowing; opaque."""
    material = bpy.data.materials.get(name)
    if material is not None:
        return material
    material, add = new_material(name)
    color = add.node("ShaderNodeAttribute", attribute_name=COLOR_ATTRIBUTE)
    add.node("ShaderNodeOutputMaterial", {"Surface": _surface(add, color.outputs["Color"], lit)})
    light_nothing(material)
    return material


def disc_material(lit: bool, is_sorted: bool) -> bpy.types.Material:
    """The splat's own colour with a Gaussian's alpha, lit by the scene or glowing.

    is_sorted: EEVEE blends the discs in the order in which they come; else it lets each cover a share of the pixels. That
    share is drawn by the place on screen alone, so that discs in one plane leave the same gaps: there, each is made as dense
    as the several that lie over one another are.
    """
    material = bpy.data.materials.get(DISC_MATERIALS[lit, is_sorted])
    if material is not None:
        return material
    material, add = new_material(DISC_MATERIALS[lit, is_sorted])
    material.surface_render_method = "BLENDED" if is_sorted else "DITHERED"
    material.use_transparency_overlap = True
    uv = add.node("ShaderNodeUVMap", uv_map=_UV)
    centred = add.vector("SUBTRACT", uv.outputs[0], (0.5, 0.5, 0.0)).outputs["Vector"]
    squared = add.vector("DOT_PRODUCT", centred, centred).outputs["Value"]
    gaussian = add.math("EXPONENT", add.math("MULTIPLY", squared, -0.5 * (2 * EXTENT) ** 2))
    opacity = add.node("ShaderNodeAttribute", attribute_name=OPACITY)
    alpha = add.math("MULTIPLY", gaussian, opacity.outputs["Fac"])
    color = add.node("ShaderNodeAttribute", attribute_name=COLOR_ATTRIBUTE)
    surface = _surface(add, color.outputs["Color"], lit)
    clear = add.node("ShaderNodeBsdfTransparent").outputs[0]
    dense = add.math("SUBTRACT", 1.0, add.math("POWER", add.math("SUBTRACT", 1.0, alpha), DENSITY))
    for target, share in (("ALL", alpha),) if is_sorted else (("CYCLES", alpha), ("EEVEE", dense)):
        share = _to_light(add, alpha, share) if lit else share
        mixed = add.node("ShaderNodeMixShader", {0: share, 1: clear, 2: surface})
        add.node("ShaderNodeOutputMaterial", {"Surface": mixed.outputs[0]}, target=target)
    light_nothing(material)
    return material


def _to_light(add: NodeBuilder, alpha: bpy.types.NodeSocket, share: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """The alpha of a disc that is lit: `share` for the camera. Light meets whole discs, or each of its rays would have to be
    followed through all of them, and none that lies next to where it starts: discs in one plane would shade one another."""
    path = add.node("ShaderNodeLightPath")
    whole = add.math("GREATER_THAN", alpha, WHOLE)
    apart = add.math("GREATER_THAN", path.outputs["Ray Length"], NEXT)
    solid = add.math("MULTIPLY", whole, apart)
    return add.node("ShaderNodeMix", {("Factor",): path.outputs["Is Camera Ray"], ("A",): solid, ("B",): share},
                    data_type="FLOAT").outputs[0]


def _surface(add: NodeBuilder, color: bpy.types.NodeSocket, lit: bool) -> bpy.types.NodeSocket:
    return add.node("ShaderNodeBsdfDiffuse" if lit else "ShaderNodeEmission", {"Color": color}).outputs[0]


def light_nothing(material: bpy.types.Material) -> None:
    """Glowing splats are pictures, no lamps: Cycles would build a tree of millions of lights, for most of its time."""
    if hasattr(material, "cycles"):
        material.cycles.emission_sampling = "NONE"
