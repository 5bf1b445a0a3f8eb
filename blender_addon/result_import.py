"""A result folder -> one collection: mesh, point cloud and splats, with their classes and colours as attributes."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from . import node_groups
from .class_materials import COLOR_ATTRIBUTE, surface_material
from .earthcrafter_core.scene.classes import CLASSES
from .earthcrafter_core.scene.splats import Splats
from .layout_mesh import CLASS_ATTRIBUTE
from .result_files import Points, Surface, read_mesh, read_points, read_scene, read_splats

FOLDER, KIND, SHOWN, TOTAL, LAYOUT = ("earthcrafter_folder", "earthcrafter_kind", "earthcrafter_shown",
                                      "earthcrafter_total", "earthcrafter_layout")  # custom properties
MESH, POINTS, SPLATS = "mesh", "points", "splats"
DEFAULT_SPLAT_CAP = 300_000


@dataclass(frozen=True)
class Imported:
    """What came of an import: the collection and how many of the splats are shown."""

    collection: bpy.types.Collection
    splats_shown: int
    splats_total: int


def import_result(folder: Path, matrix: Matrix | None = None, splat_cap: int = DEFAULT_SPLAT_CAP) -> Imported:
    """Read a result and make its collection (not yet linked to a scene); only the mesh is visible.

    All files are read before the first datablock is made, and what a failure after that has made is removed. Raises BadInput.
    """
    scene = read_scene(folder)
    surface, points, splats = (read_mesh(folder / "mesh.glb"), read_points(folder / "points.ply"),
                               read_splats(folder / "splats.ply"))
    voxel_size = float(scene.get("settings", {}).get("voxel_size", 1.0))
    name = f"Place {scene.get('layout_hash', folder.name)[:6]} seed {scene.get('seed', '?')}"
    with _all_or_nothing():
        collection = bpy.data.collections.new(name)
        collection[FOLDER] = str(folder)
        kept = thin(len(splats), splat_cap)
        objects = {MESH: mesh_object(f"{name} mesh", surface), POINTS: points_object(f"{name} points", points, voxel_size),
                   SPLATS: splats_object(f"{name} splats", splats, kept)}
        for kind, obj in objects.items():
            obj[KIND] = kind
            obj.matrix_world = matrix or Matrix.Identity(4)
            collection.objects.link(obj)
        objects[SPLATS][SHOWN], objects[SPLATS][TOTAL] = len(kept), len(splats)
        show(collection, MESH)
    return Imported(collection, len(kept), len(splats))


@contextmanager
def _all_or_nothing() -> Iterator[None]:
    """Remove the objects, meshes and collections made inside where it fails."""
    kinds = (bpy.data.objects, bpy.data.meshes, bpy.data.collections)
    before = [{block.name for block in blocks} for blocks in kinds]
    try:
        yield
    except BaseException:
        for blocks, names in zip(kinds, before):
            for block in [block for block in blocks if block.name not in names]:
                blocks.remove(block)
        raise


def thin(count: int, cap: int) -> np.ndarray:
    """Indices of at most `cap` of `count` splats, evenly taken from the whole; int64, sorted."""
    if count <= cap:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:cap])


def show(collection: bpy.types.Collection, *kinds: str) -> None:
    """Show these kinds of a result in viewport and render, hide the others."""
    for obj in collection.objects:
        if KIND in obj:
            obj.hide_viewport = obj.hide_render = obj[KIND] not in kinds


def part(collection: bpy.types.Collection, kind: str) -> bpy.types.Object | None:
    """The object of a kind in a result's collection, None where it was deleted."""
    return next((obj for obj in collection.objects if obj.get(KIND) == kind), None)


def mesh_object(name: str, surface: Surface) -> bpy.types.Object:
    """A mesh object: triangles, CLASS_ATTRIBUTE on faces, one material for each class that occurs, COLOR_ATTRIBUTE."""
    mesh = bpy.data.meshes.new(name)
    count = len(surface.triangles)
    mesh.vertices.add(len(surface.vertices))
    mesh.vertices.foreach_set("co", surface.vertices.ravel())
    mesh.loops.add(count * 3)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(surface.triangles, np.int32).ravel())
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, count * 3, 3, dtype=np.int32))
    present = np.unique(surface.class_id)
    slot = np.zeros(256, np.int32)
    for index, class_id in enumerate(present):
        mesh.materials.append(surface_material(CLASSES[class_id]))
        slot[class_id] = index
    mesh.polygons.foreach_set("material_index", slot[surface.class_id])
    mesh.attributes.new(CLASS_ATTRIBUTE, "INT", "FACE").data.foreach_set("value", surface.class_id.astype(np.int32))
    color = mesh.color_attributes.new(COLOR_ATTRIBUTE, "BYTE_COLOR", "CORNER")
    rgba = np.ones((count * 3, 4), np.float32)
    rgba[:, :3] = surface.corner_color.reshape(-1, 3)
    color.data.foreach_set("color", rgba.ravel())
    mesh.update(calc_edges=True)
    normal = mesh.attributes.new("custom_normal", "FLOAT_VECTOR", "CORNER")  # the name that Blender reads as normals
    normal.data.foreach_set("vector", np.ascontiguousarray(surface.corner_normal, np.float32).ravel())
    return bpy.data.objects.new(name, mesh)


def _vertex_cloud(name: str, position: np.ndarray, rgb: np.ndarray, class_id: np.ndarray) -> bpy.types.Mesh:
    """A mesh of loose vertices with COLOR_ATTRIBUTE and CLASS_ATTRIBUTE on points. rgb: uint8 [N, 3] sRGB."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(position))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(position, np.float32).ravel())
    mesh.attributes.new(CLASS_ATTRIBUTE, "INT", "POINT").data.foreach_set("value", class_id.astype(np.int32))
    rgba = np.ones((len(rgb), 4), np.float32)
    rgba[:, :3] = rgb / np.float32(255)
    mesh.color_attributes.new(COLOR_ATTRIBUTE, "BYTE_COLOR", "POINT").data.foreach_set("color_srgb", rgba.ravel())
    return mesh


def points_object(name: str, points: Points, voxel_size: float) -> bpy.types.Object:
    """Points with normals, drawn as round points half a voxel in radius by geometry nodes."""
    mesh = _vertex_cloud(name, points.position, points.rgb, points.class_id)
    mesh.attributes.new("normal", "FLOAT_VECTOR", "POINT").data.foreach_set("vector", points.normal.ravel())
    obj = bpy.data.objects.new(name, mesh)
    modifier = _add_group(obj, node_groups.points_group())
    _set_input(modifier, "Radius", 0.5 * voxel_size)
    return obj


def splats_object(name: str, splats: Splats, kept: np.ndarray) -> bpy.types.Object:
    """The splats at the indices `kept` as oriented Gaussian discs drawn by geometry nodes."""
    mesh = _vertex_cloud(name, splats.mean[kept], splats.rgb()[kept], splats.class_id[kept])
    quat = splats.quat[kept] / np.linalg.norm(splats.quat[kept], axis=1, keepdims=True)
    scale = np.ones((len(kept), 3), np.float32)
    scale[:, :2] = np.exp(splats.log_scale[kept])
    opacity = 1 / (1 + np.exp(-splats.opacity[kept].astype(np.float32)))
    mesh.attributes.new(node_groups.ROTATION, "QUATERNION", "POINT").data.foreach_set("value", quat.astype(np.float32).ravel())
    mesh.attributes.new(node_groups.SCALE, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", scale.ravel())
    mesh.attributes.new(node_groups.OPACITY, "FLOAT", "POINT").data.foreach_set("value", opacity)
    obj = bpy.data.objects.new(name, mesh)
    _add_group(obj, node_groups.splats_group())
    return obj


def _add_group(obj: bpy.types.Object, group: bpy.types.NodeTree) -> bpy.types.Modifier:
    modifier = obj.modifiers.new(group.name, "NODES")
    modifier.node_group = group
    return modifier


def _set_input(modifier: bpy.types.Modifier, name: str, value: float) -> None:
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


def places(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The results in a scene, oldest first."""
    return [c for c in scene.collection.children_recursive if FOLDER in c]


def replace_on_layout(scene: bpy.types.Scene, collection: bpy.types.Collection, layout: bpy.types.Object) -> None:
    """Let a new place take the layout's spot: the painted grid and earlier places on it are hidden, not removed."""
    for earlier in places(scene):
        if earlier.get(LAYOUT) == layout.name:
            earlier.hide_viewport = earlier.hide_render = True
    collection[LAYOUT] = layout.name
    layout.hide_set(True)
