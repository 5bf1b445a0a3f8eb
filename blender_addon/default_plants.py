"""The plants that ship: broadleaf trees, conifers and shrubs, low poly, made in Python when they are first asked for.

They lie in collections that no scene shows, each one to two metres to six across, with their foot at the origin. Their leaves
take the colour of the plant that they stand in for (the instance's colour attribute).
"""
from __future__ import annotations

from dataclasses import dataclass

import bmesh
import bpy
import numpy as np
from mathutils import Vector, noise

from .class_materials import COLOR_ATTRIBUTE
from .earthcrafter_core.scene import classes as sem
from .node_builder import NodeBuilder, new_material

BROADLEAVES, CONIFERS, SHRUBS = "EarthCrafter Broadleaf Trees", "EarthCrafter Conifers", "EarthCrafter Shrubs"
LEAVES, BARK = "EarthCrafter Leaves", "EarthCrafter Bark"
SHADE = "shade"
"""Attribute of corners: how much light they get, 0..1; less below and inside."""
_COLLECTIONS = {sem.BROADLEAF: BROADLEAVES, sem.ORCHARD: BROADLEAVES, sem.CONIFER: CONIFERS, sem.SHRUB: SHRUBS}
_BARK = (0.13, 0.095, 0.065, 1.0)  # linear
_TRUNK_SIDES = 8

Shape = tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]
"""Vertices [V, 3], faces, shade [V]."""


def has_default(class_id: int) -> bool:
    """Whether plants ship for a class."""
    return class_id in _COLLECTIONS


def default_collection(class_id: int) -> bpy.types.Collection:
    """The collection of the plants that ship for a class, made where the file has none yet."""
    name = _COLLECTIONS[class_id]
    collection = bpy.data.collections.get(name)
    if collection is None or not len(collection.objects):
        collection = collection or bpy.data.collections.new(name)
        make = {BROADLEAVES: _broadleaf, CONIFERS: _conifer, SHRUBS: _shrub}[name]
        for number in range(3):
            wood, leaves = make(np.random.default_rng([class_id, number]))
            collection.objects.link(_plant(f"{name[len('EarthCrafter '):-1]} {number + 1}", wood, leaves, name != CONIFERS))
    return collection


def _plant(name: str, wood: list[Shape], leaves: list[Shape], smooth: bool) -> bpy.types.Object:
    """An object with two materials, of shapes that may overlap."""
    vertices, faces, slots, shade, first = [], [], [], [], 0
    for slot, shapes in enumerate((wood, leaves)):
        for points, polygons, light in shapes:
            vertices.append(points)
            shade.append(light)
            faces += [tuple(k + first for k in polygon) for polygon in polygons]
            slots += [slot] * len(polygons)
            first += len(points)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.concatenate(vertices).tolist(), [], faces)
    mesh.materials.append(bark_material())
    mesh.materials.append(leaves_material())
    mesh.polygons.foreach_set("material_index", np.array(slots, np.int32))
    mesh.polygons.foreach_set("use_smooth", np.array(slots) == 0 if not smooth else np.ones(len(slots), bool))
    mesh.attributes.new(SHADE, "FLOAT", "POINT").data.foreach_set("value", np.concatenate(shade).astype(np.float32))
    mesh.update()
    return bpy.data.objects.new(name, mesh)


def _broadleaf(rng: np.random.Generator) -> tuple[list[Shape], list[Shape]]:
    """A tree of 9 m: a trunk that forks into branches, and a puff of leaves around the end of each."""
    height, base = 9.0, rng.uniform(2.2, 2.8)
    crotch = np.array([0.0, 0.0, base])
    puffs = [_Puff(np.array([0, 0, height - 1.8]), 1.7), _Puff(np.array([0, 0, base + 0.45 * (height - base)]), 2.2)]
    for count, share, reach, radius in ((6, 0.26, 2.25, 1.35), (6, 0.52, 2.1, 1.45), (4, 0.76, 1.25, 1.3)):
        turn = rng.uniform(0, 2 * np.pi)
        for k in range(count):
            angle = turn + 2 * np.pi * k / count + rng.uniform(-0.3, 0.3)
            away = reach * rng.uniform(0.85, 1.12)
            up = base + share * (height - base) + rng.uniform(-0.4, 0.4)
            puffs.append(_Puff(np.array([away * np.cos(angle), away * np.sin(angle), up]), radius * rng.uniform(0.8, 1.15)))
    wood = [_limb(np.zeros(3), crotch, 0.26, 0.19)]
    wood += [_limb(crotch, 0.8 * puff.middle + 0.2 * crotch, 0.12, 0.04) for puff in puffs[2:]]
    return wood, _leaves(puffs, rng)


def _shrub(rng: np.random.Generator) -> tuple[list[Shape], list[Shape]]:
    """A shrub of about 1.5 m: puffs side by side on the ground."""
    puffs = [_Puff(np.array([0, 0, 0.75]), 0.72)]
    turn = rng.uniform(0, 2 * np.pi)
    for k in range(7):
        angle, away = turn + 2 * np.pi * k / 7 + rng.uniform(-0.3, 0.3), rng.uniform(0.4, 0.6)
        radius = rng.uniform(0.4, 0.55)
        puffs.append(_Puff(np.array([away * np.cos(angle), away * np.sin(angle), rng.uniform(0.6, 1.3) * radius]), radius))
    return [], _leaves(puffs, rng)


def _conifer(rng: np.random.Generator) -> tuple[list[Shape], list[Shape]]:
    """A tree of 12 m: tiers of drooping boughs around a trunk."""
    height, low, tiers = 12.0, rng.uniform(1.1, 1.6), 10
    leaves = []
    for tier in range(tiers):
        share = tier / tiers
        radius = 2.7 * (1 - share) ** 0.9 * rng.uniform(0.92, 1.08)
        leaves.append(_tier(rng, low + share * (height - low), radius, 0.42 * radius + (height - low) / tiers,
                            0.75 + 0.25 * share))
    return [_limb(np.zeros(3), np.array([0, 0, height - 0.6]), 0.22, 0.03)], leaves


def _limb(start: np.ndarray, end: np.ndarray, thick: float, thin: float) -> Shape:
    """A tapered branch, closed."""
    along = (end - start) / np.linalg.norm(end - start)
    side = np.cross(along, [0.0, 1.0, 0.0] if abs(along[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    turn = 2 * np.pi * np.arange(_TRUNK_SIDES) / _TRUNK_SIDES
    circle = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(along, side)
    k = _TRUNK_SIDES
    sides = [(i, (i + 1) % k, k + (i + 1) % k, k + i) for i in range(k)]
    return (np.concatenate([start + thick * circle, end + thin * circle]),
            [*sides, tuple(range(k))[::-1], tuple(range(k, 2 * k))], np.ones(2 * k))


@dataclass
class _Puff:
    """A ball of leaves: middle [3] and radius in metres."""

    middle: np.ndarray
    radius: float


def _leaves(puffs: list[_Puff], rng: np.random.Generator) -> list[Shape]:
    """Lumpy balls of leaves without what lies inside others; darker below and in the creases between them."""
    ball = bmesh.new()
    bmesh.ops.create_icosphere(ball, subdivisions=3, radius=1.0)
    unit = np.array([v.co for v in ball.verts])
    faces = np.array([[v.index for v in f.verts] for f in ball.faces])
    ball.free()
    low, high = min(p.middle[2] - p.radius for p in puffs), max(p.middle[2] + p.radius for p in puffs)
    shapes = []
    for puff in puffs:
        shift = rng.uniform(-50, 50, 3)
        lump = np.array([noise.noise(Vector(1.9 * p + shift)) + 0.6 * noise.noise(Vector(4.2 * p + shift)) for p in unit])
        points = puff.middle + unit * (puff.radius * (1 + 0.3 * lump))[:, None]
        points[:, 2] = np.maximum(points[:, 2], 0.0)
        others = [np.linalg.norm(points - o.middle, axis=1) / o.radius for o in puffs if o is not puff]
        outside = np.min(others, axis=0)  # below 1: inside another puff
        light = np.clip((outside - 0.75) / 0.55, 0.1, 1) * (0.6 + 0.4 * (0.5 + 0.5 * unit[:, 2]))
        light *= (0.6 + 0.4 * (points[:, 2] - low) / (high - low)) * (1 + 0.45 * lump)
        seen = (outside[faces] > 0.7).any(1)
        used, corners = np.unique(faces[seen], return_inverse=True)
        shapes.append((points[used], [tuple(f) for f in corners.reshape(-1, 3).tolist()], np.clip(light[used], 0.05, 1)))
    return shapes


def _tier(rng: np.random.Generator, z: float, radius: float, rise: float, light: float) -> Shape:
    """A ring of boughs that droop from the trunk, as a jagged cone with an underside."""
    count = 18
    turn = 2 * np.pi * np.arange(count) / count + rng.uniform(0, 2 * np.pi)
    long = np.where(np.arange(count) % 2, 0.7, 1.0) * rng.uniform(0.9, 1.1, count) * radius
    droop = np.where(np.arange(count) % 2, 0.1, -0.08) * radius + rng.uniform(-0.05, 0.05, count)
    rim = np.stack([long * np.cos(turn), long * np.sin(turn), z + droop], 1)
    points = np.concatenate([rim, [[0, 0, z + rise], [0, 0, z + 0.35 * rise]]])
    upper: list[tuple[int, ...]] = [(k, (k + 1) % count, count) for k in range(count)]
    under: list[tuple[int, ...]] = [((k + 1) % count, k, count + 1) for k in range(count)]
    return points, upper + under, np.concatenate([np.where(np.arange(count) % 2, 0.55, 0.95) * light, [0.8 * light, 0.15]])


def leaves_material() -> bpy.types.Material:
    """The instance's colour in the leaves' shade, somewhat different from plant to plant, with leaves in clusters."""
    material = bpy.data.materials.get(LEAVES)
    if material is not None:
        return material
    material, add = new_material(LEAVES)
    material.diffuse_color = (0.05, 0.16, 0.04, 1.0)
    color = add.node("ShaderNodeAttribute", attribute_name=COLOR_ATTRIBUTE, attribute_type="INSTANCER")
    shade = add.node("ShaderNodeAttribute", attribute_name=SHADE)
    at = add.node("ShaderNodeTexCoord").outputs["Object"]
    wave = add.node("ShaderNodeTexNoise", {"Vector": at, "Scale": 3.0, "Detail": 2.0})
    shift = add.vector("MULTIPLY", wave.outputs["Color"], (0.3, 0.3, 0.3)).outputs["Vector"]
    bent = add.vector("ADD", at, shift).outputs["Vector"]
    leaf = add.node("ShaderNodeTexVoronoi", {"Vector": bent, "Scale": 9.0})
    cluster = add.node("ShaderNodeTexVoronoi", {"Vector": bent, "Scale": 1.7})
    lit = _linear(add, shade.outputs["Fac"], 1.2, 0.3)
    own = _linear(add, add.node("ShaderNodeSeparateColor", {"Color": leaf.outputs["Color"]}).outputs[0], 1.4, 1.05)
    edge, deep = _linear(add, leaf.outputs["Distance"], -1.1, 1.45), _linear(add, cluster.outputs["Distance"], -1.0, 1.45)
    grain = add.math("MULTIPLY", add.math("MULTIPLY", own, edge), deep)
    random = _linear(add, add.node("ShaderNodeObjectInfo").outputs["Random"], 0.3, 0.85)
    factor = add.math("MULTIPLY", add.math("MULTIPLY", lit, grain), random)
    shaded = add.node("ShaderNodeVectorMath", {0: color.outputs["Color"], "Scale": factor}, operation="SCALE")
    bump = add.node("ShaderNodeBump", {"Strength": 0.9, "Distance": 0.2, "Height": grain})
    shader = add.node("ShaderNodeBsdfPrincipled", {"Base Color": shaded.outputs["Vector"], "Roughness": 0.9,
                                                   "Specular IOR Level": 0.15, "Normal": bump.outputs["Normal"]})
    add.node("ShaderNodeOutputMaterial", {"Surface": shader.outputs[0]})
    return material


def _linear(add: NodeBuilder, value: bpy.types.NodeSocket, factor: float, offset: float) -> bpy.types.NodeSocket:
    """value * factor + offset."""
    out = add.math("MULTIPLY_ADD", value, factor)
    out.node.inputs[2].default_value = offset
    return out


def bark_material() -> bpy.types.Material:
    """Brown, with a grain."""
    material = bpy.data.materials.get(BARK)
    if material is not None:
        return material
    material, add = new_material(BARK)
    material.diffuse_color = _BARK
    shader = add.node("ShaderNodeBsdfPrincipled", {"Base Color": _BARK, "Roughness": 0.95})
    add.node("ShaderNodeOutputMaterial", {"Surface": shader.outputs[0]})
    return material
