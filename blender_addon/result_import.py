"""A result folder -> one collection: meshes, point cloud and splats, with their classes and colours as attributes."""
from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from . import class_visibility, layout_mesh, node_groups, splat_nodes
from .cloud_objects import cloud_object
from .glb_file import SURFACE
from .mesh_arrays import PARTS
from .mesh_fill import Steps
from .place_materials import PlaceMaterials, remove_own
from .result_arrays import ResultArrays, read_result
from .result_objects import ORIGIN, PART, mesh_object

FOLDER, KIND, SHOWN, TOTAL, LAYOUT, CLASS_LIST, COUNT = (
    "earthcrafter_folder", "earthcrafter_kind", "earthcrafter_shown", "earthcrafter_total", "earthcrafter_layout",
    "earthcrafter_classes", "earthcrafter_mesh_count")  # custom properties
MESH, POINTS, SPLATS = "mesh", "points", "splats"
DEFAULT_SPLAT_CAP = 1_000_000
_HERE = 0.01  # metres: nearer than this is the same place


@dataclass(frozen=True)
class Imported:
    """What came of an import: the collection and how many of the splats are shown."""

    collection: bpy.types.Collection
    splats_shown: int
    splats_total: int


Building = Generator[None, None, Imported]


def import_result(folder: Path, splat_cap: int = DEFAULT_SPLAT_CAP, mesh_objects: str = PARTS) -> Imported:
    """Read a result and make its collection at once (not yet linked to a scene); only the mesh is visible.

    All files are read before the first datablock is made, and what a failure after that has made is removed. Raises BadInput.
    """
    building = build(read_result(folder, splat_cap, mesh_objects))
    while True:
        try:
            next(building)
        except StopIteration as end:
            return end.value


def build(result: ResultArrays) -> Building:
    """Make a result's collection in short steps; yields between them, returns what was made.

    Where a step fails, or the generator is closed, what it has made is removed.
    """
    name = place_name(result.scene)
    made: list[bpy.types.Object] = []
    look = PlaceMaterials(name, result.materials, result.pictures)
    try:
        yield from look.load()
        for arrays in result.meshes:
            materials = yield from look.slots(arrays.materials)
            yield from _made(made, MESH, mesh_object(arrays.name or f"Mesh of {name}", arrays, materials))
        points = node_groups.points_group()
        yield
        yield from _made(made, POINTS, cloud_object(f"Points of {name}", result.points, points,
                                                    {"Radius": 0.5 * result.voxel_size}))
        splats = splat_nodes.splats_group()
        yield
        yield from _made(made, SPLATS, cloud_object(f"Splats of {name}", result.splats, splats, {}))
        collection = bpy.data.collections.new(name)
        for obj in made:
            collection.objects.link(obj)
    except BaseException:
        _remove(made)
        look.remove()
        raise
    shown = len(result.splats.position)
    collection[FOLDER], collection[CLASS_LIST], collection[COUNT] = str(result.folder), result.classes, len(result.meshes)
    made[-1][SHOWN], made[-1][TOTAL] = shown, result.splats_total
    return Imported(collection, shown, result.splats_total)


def _made(objects: list[bpy.types.Object], kind: str, steps: Steps) -> Generator[None, None, None]:
    """Take the steps of an object, and keep it under its kind; only meshes are shown."""
    obj = yield from steps
    objects.append(obj)
    obj[KIND] = kind
    obj.hide_viewport = obj.hide_render = kind != MESH
    yield


def place_name(scene: dict[str, Any]) -> str:
    """The name of a place by its scene.json: the layout's name and the seed, which both fit into the outliner."""
    kind = ", colours" if "retextured" in scene else ", area" if "region" in scene else ""
    return f"{scene.get('layout_source') or 'Place'} seed {scene.get('seed', '?')}{kind}"


def _remove(objects: list[bpy.types.Object]) -> None:
    """Take away the objects of an import that failed, with their meshes."""
    for obj in objects:
        try:
            bpy.data.meshes.remove(obj.data)  # and the object with it
        except ReferenceError:  # undo has taken it already
            pass


def discard(imported: Imported) -> None:
    """Remove a result that was made and will not be shown."""
    try:
        delete(imported.collection)
    except ReferenceError:  # undo has taken it already
        pass


def place(collection: bpy.types.Collection, matrix: Matrix) -> None:
    """Put the parts of a place where the layout's matrix says."""
    for obj in collection.objects:
        obj.matrix_world = matrix @ Matrix.Translation(obj.get(ORIGIN, (0.0, 0.0, 0.0)))


def matrix_of(obj: bpy.types.Object) -> Matrix:
    """Where the place of an object stands: the object's own matrix without its origin in the place."""
    return obj.matrix_world @ Matrix.Translation(obj.get(ORIGIN, (0.0, 0.0, 0.0))).inverted()


def show(collection: bpy.types.Collection, *kinds: str) -> None:
    """Show these kinds of a result in viewport and render, hide the others."""
    for obj in collection.objects:
        if KIND in obj:
            obj.hide_viewport = obj.hide_render = obj[KIND] not in kinds


def parts(collection: bpy.types.Collection, kind: str) -> list[bpy.types.Object]:
    """The objects of a kind in a result's collection: one, the many of a mesh, none where they were deleted."""
    return [obj for obj in collection.objects if obj.get(KIND) == kind]


def part(collection: bpy.types.Collection, kind: str) -> bpy.types.Object | None:
    """The first object of a kind, None where there is none."""
    return next(iter(parts(collection, kind)), None)


def is_surface(collection: bpy.types.Collection) -> bool:
    """Whether a place's mesh is one plain surface, without things that stand for themselves."""
    return any(obj.get(PART) == SURFACE for obj in parts(collection, MESH))


def places(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The results in a scene, oldest first."""
    return [c for c in scene.collection.children_recursive if FOLDER in c]


def place_named(context: bpy.types.Context, name: str) -> bpy.types.Collection | None:
    """The scene's place with this name; without a name the chosen one, else the newest. None where there is none."""
    if not name and (chosen := chosen_place(context)) is not None:
        return chosen
    return next((c for c in reversed(places(context.scene)) if name in ("", c.name)), None)


def shown_places(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The places that are shown, newest first."""
    return [c for c in reversed(places(scene)) if not c.hide_viewport]


def chosen_place(context: bpy.types.Context) -> bpy.types.Collection | None:
    """The place that the panels act on, of those that are shown: the one that the active object belongs to, else the newest
    on the active layout, else the newest. None where none is shown."""
    shown, obj, layout = shown_places(context.scene), context.object, layout_mesh.active_layout(context)
    holding = [c for c in shown if obj is not None and obj.name in c.objects]
    standing_there = [c for c in shown if layout is not None and c.get(LAYOUT) == layout.name]
    return next(iter(holding + standing_there + shown), None)


def without_layout(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The places that stand on no layout of the scene: brought in from a folder, or the layout was deleted. Oldest first."""
    layouts = {obj.name for obj in scene.objects if layout_mesh.is_layout(obj)}
    return [c for c in places(scene) if c.get(LAYOUT) not in layouts]


def classes(collection: bpy.types.Collection) -> list[int]:
    """Ids of the classes that occur in a place, rising; of one from an older file by looking at its meshes."""
    if CLASS_LIST in collection:
        return list(collection[CLASS_LIST])
    return sorted(set().union(*(class_visibility.classes_of(obj) for obj in parts(collection, MESH))))


def place_of_folder(scene: bpy.types.Scene, folder: Path) -> bpy.types.Collection | None:
    """The scene's collection of a result's folder, None where it is not brought in."""
    return next((c for c in places(scene) if Path(c[FOLDER]) == folder), None)


def standing(scene: bpy.types.Scene, folder: Path, layout: bpy.types.Object) -> bpy.types.Collection | None:
    """A result's place where it stands whole on this layout already, None where it would have to be brought in."""
    for collection in places_on(scene, layout):
        kinds = {obj.get(KIND) for obj in collection.objects}
        mesh = part(collection, MESH)
        if Path(collection[FOLDER]) == folder and {MESH, POINTS, SPLATS} <= kinds and mesh is not None \
                and (matrix_of(mesh).translation - layout.matrix_world.translation).length < _HERE:
            return collection
    return None


def delete(collection: bpy.types.Collection) -> None:
    """Take a place out of the file: its collection, its objects, their meshes and textures. The result's folder stays, and
    what an artist has put into the collection goes to where the collection was."""
    objects = [obj for obj in collection.objects if KIND in obj]
    _move_up(collection, [obj for obj in collection.objects if KIND not in obj])
    uses = Counter(obj.data for obj in objects)
    materials = {m for mesh in uses for m in mesh.materials if m is not None}
    bpy.data.batch_remove([*objects, *(mesh for mesh, count in uses.items() if mesh.users <= count)])
    remove_own(materials)
    bpy.data.collections.remove(collection)


def _move_up(collection: bpy.types.Collection, objects: list[bpy.types.Object]) -> None:
    """Link objects, and the collections inside, to what holds the collection: without one they would not be saved."""
    holders = [c for c in (*(s.collection for s in bpy.data.scenes), *bpy.data.collections)
               if collection.name in c.children and c.children[collection.name] == collection]
    for holder in holders:
        for obj in objects:
            if obj.name not in holder.objects:
                holder.objects.link(obj)
        for child in collection.children:
            if child.name not in holder.children:
                holder.children.link(child)


def places_on(scene: bpy.types.Scene, layout: bpy.types.Object) -> list[bpy.types.Collection]:
    """The places that stand on a layout, oldest first."""
    return [place for place in places(scene) if place.get(LAYOUT) == layout.name]


def put_on_layout(scene: bpy.types.Scene, collection: bpy.types.Collection, layout: bpy.types.Object,
                  beside: bool = False) -> None:
    """Let a place take the layout's spot: the painted grid and the other places on it are hidden, not removed.

    beside: the place stands beside the layout, and what is shown stays shown.
    """
    collection[LAYOUT] = layout.name
    if not beside:
        _hide(places_on(scene, layout), True)
        if layout.name in bpy.context.view_layer.objects:
            layout.hide_set(True)
    _hide([collection], False)


def show_layout(scene: bpy.types.Scene, layout: bpy.types.Object) -> None:
    """Show the painted grid and hide the places on it."""
    _hide(places_on(scene, layout), True)
    layout.hide_viewport = False
    if layout.name in bpy.context.view_layer.objects:
        layout.hide_set(False)


def _hide(collections: list[bpy.types.Collection], hidden: bool) -> None:
    for collection in collections:
        collection.hide_viewport = collection.hide_render = hidden
