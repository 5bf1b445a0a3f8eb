"""What stands of a place in the scene, changes included, by Blender's own exporters."""
from __future__ import annotations

import json
import os
import re
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix, Vector

from . import class_visibility, plain_colours, result_import, scatter_points
from .earthcrafter_core.errors import BadInput, WriteError
from .export_formats import Format
from .placement import world

_SAME = 1e-3  # metres
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}


def write(chosen: Format, objects: list[bpy.types.Object], folder: Path, name: str, fbx_scale: str) -> list[Path]:
    """Write objects of the current view layer in a format; its files, the main one first.

    All files are made in a folder of their own and moved when they are whole. Raises BadInput where the exporter is missing
    or fails, WriteError where the folder cannot be written.
    """
    main = f"{name}{chosen.suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _temporary(folder) as made:
            colours = plain_colours.mean_colours(objects)
            with plain_colours.set_inside(colours):
                _WRITERS[chosen.name](made / main, objects, fbx_scale)
            if chosen.suffix.endswith(".glb") and (made / main).is_file():
                _tidy_glb(made / main, {material.name: list(value) for material, value in colours.items()})
            names = sorted((p.name for p in made.iterdir()), key=lambda entry: entry != main)
            if main not in names:
                raise BadInput(f"{chosen.label} was not written by Blender's exporter.", "Export another format.")
            for entry in reversed(names):
                _replace(made / entry, folder / entry)
    except OSError as e:
        raise WriteError(f"{chosen.label} could not be written to {folder} ({e.strerror or e}).",
                         "Choose another folder or free some space.") from e
    except KeyError as e:
        raise BadInput(f"This Blender has no {chosen.label} exporter.",
                       "Switch its add-on on in Edit > Preferences > Add-ons, or export the mesh as generated.") from e
    except (RuntimeError, AttributeError, TypeError) as e:  # how operators tell
        lines = str(e).removeprefix("Error: ").strip().splitlines()
        raise BadInput(f"{chosen.label} could not be written by Blender ({lines[-1] if lines else type(e).__name__}).",
                       "Export another format.") from e
    return [folder / entry for entry in names]


def shown_objects(place: bpy.types.Collection) -> list[bpy.types.Object]:
    """The objects of a place that are seen now and make a mesh; points and splats have formats of their own. Raises BadInput
    where there are none."""
    hidden = class_visibility.hidden(place) | class_visibility.replaced(place)
    found = [obj for obj in place.all_objects if obj.visible_get()
             and obj.get(result_import.KIND) not in (result_import.POINTS, result_import.SPLATS)
             and (obj.get(class_visibility.OBJECT_CLASS) not in hidden or class_visibility.STANDS_IN in obj)]
    if not found:
        raise BadInput("No mesh of the place is shown.", "Show the mesh, or choose formats of the place as it was generated.")
    return found


def is_changed(place: bpy.types.Collection) -> bool:
    """Whether a place stands in the scene otherwise than it was generated, as far as that is seen without looking into the
    meshes: classes hidden or replaced, things of it moved, turned, scaled, hidden, or deleted, or more put among them."""
    if place.get(class_visibility.HIDDEN) or place.get(class_visibility.REPLACED):
        return True
    meshes = result_import.parts(place, result_import.MESH)
    if len(meshes) != place.get(result_import.COUNT, len(meshes)) or any(result_import.KIND not in o for o in place.objects):
        return True
    where, shown = scatter_points.place_matrix(place), [obj.hide_viewport for obj in meshes]
    return any(shown) != all(shown) or any(_moved(obj, where) for obj in meshes)


def _moved(obj: bpy.types.Object, where: Matrix) -> bool:
    """Whether a thing stands otherwise than in a place with this matrix."""
    at = where @ Vector(obj.get(result_import.ORIGIN, (0.0, 0.0, 0.0)))
    matrix = world(obj)
    return (matrix.translation - at).length > _SAME or any(
        (a - b).length > _SAME for a, b in zip(matrix.col[:3], where.col[:3], strict=True))


def _obj(path: Path, objects: list[bpy.types.Object], _scale: str) -> None:
    with _selected(objects), _texture_files(objects, path.parent):
        _call(bpy.ops.wm.obj_export, filepath=str(path), export_selected_objects=True, apply_modifiers=True,
              export_colors=True, export_pbr_extensions=True, path_mode="STRIP")


def _fbx(path: Path, objects: list[bpy.types.Object], scale: str) -> None:
    with _instances_as_objects(objects) as every, _selected(every):
        _call(bpy.ops.export_scene.fbx, filepath=str(path), use_selection=True, apply_scale_options=scale,
              bake_space_transform=True, mesh_smooth_type="FACE", use_custom_props=True, bake_anim=False, path_mode="COPY",
              embed_textures=True)


def _glb(path: Path, objects: list[bpy.types.Object], _scale: str) -> None:
    with _selected(objects):
        _call(bpy.ops.export_scene.gltf, filepath=str(path), export_format="GLB", use_selection=True, export_apply=True,
              export_extras=True, export_animations=False, export_vertex_color="ACTIVE", export_gn_mesh=True)


def _usd(path: Path, objects: list[bpy.types.Object], _scale: str) -> None:
    with _selected(objects):
        _call(bpy.ops.wm.usd_export, filepath=str(path), selected_objects_only=True, evaluation_mode="VIEWPORT",
              export_textures_mode="NEW", overwrite_textures=True, relative_paths=True, export_lights=False,
              export_cameras=False, convert_world_material=False)


_WRITERS: dict[str, Callable[[Path, list[bpy.types.Object], str], None]] = {
    "obj": _obj, "fbx": _fbx, "scene.glb": _glb, "scene.usd": _usd}


def _call(operator: Any, **options: Any) -> None:
    """Call an exporter with those of the options that this Blender's version of it knows. Raises KeyError where there is none:
    add-ons can be switched off, and some systems' own builds of Blender lack USD."""
    known = operator.get_rna_type().properties
    operator(**{name: value for name, value in options.items() if name in known})


@contextmanager
def _selected(objects: list[bpy.types.Object]) -> Iterator[None]:
    """Just these objects are selected inside; afterwards what was."""
    layer = bpy.context.view_layer
    before, active = list(bpy.context.selected_objects), layer.objects.active
    for obj in before:
        obj.select_set(False)
    for obj in objects:
        obj.select_set(True)
    layer.objects.active = objects[0]
    try:
        yield
    finally:
        for obj in objects:
            obj.select_set(False)
        for obj in before:
            obj.select_set(True)
        layer.objects.active = active


@contextmanager
def _instances_as_objects(objects: list[bpy.types.Object]) -> Iterator[list[bpy.types.Object]]:
    """Objects that have faces, and inside an object for every instance that their geometry nodes make of other objects: the
    FBX exporter knows no such instances."""
    graph = bpy.context.evaluated_depsgraph_get()
    wanted = set(objects)
    found = [(i.object.original, i.matrix_world.copy()) for i in graph.object_instances
             if i.is_instance and i.parent is not None and i.parent.original in wanted
             and i.object.original not in wanted and i.object.type == "MESH"]
    made = []
    try:
        for source, matrix in found:
            obj = bpy.data.objects.new(source.name, source.data)
            made.append(obj)
            bpy.context.scene.collection.objects.link(obj)
            obj.matrix_world = matrix
        yield [obj for obj in objects if obj.type != "MESH" or len(obj.evaluated_get(graph).data.polygons)] + made
    finally:
        bpy.data.batch_remove(made)


def _tidy_glb(path: Path, colours: dict[str, list[float]]) -> None:
    """Mend what Blender's exporter leaves: up to Blender 4.5 it writes the add-on's settings as the scene's properties, it
    calls every instance by the same name, and what has its colours from instances, without colours at vertices, is white.

    colours: linear RGBA by the name of the material.
    """
    data = path.read_bytes()
    size, kind = struct.unpack_from("<I4s", data, 12)
    document = json.loads(data[20:20 + size])
    meshes, materials = document.get("meshes", []), document.get("materials", [])
    for scene in document.get("scenes", []):
        scene.pop("extras", None)
    for node in document.get("nodes", []):
        if node.get("name", "").startswith("GN Instance") and "mesh" in node:
            node["name"] = meshes[node["mesh"]]["name"]
    coloured = {p.get("material") for mesh in meshes for p in mesh["primitives"] if "COLOR_0" in p["attributes"]}
    for index, material in enumerate(materials):
        if material.get("name") in colours and index not in coloured:
            material.setdefault("pbrMetallicRoughness", {}).setdefault("baseColorFactor", colours[material["name"]])
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + size:]
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest)) + struct.pack("<I4s", len(text), kind) + text
                     + rest)


@contextmanager
def _texture_files(objects: list[bpy.types.Object], folder: Path) -> Iterator[None]:
    """The colour textures of objects lie in a folder as files, and inside their images are called so."""
    materials = {slot.material for obj in objects for slot in obj.material_slots if slot.material is not None}
    images = {link.from_node.image for material in materials if material.node_tree is not None
              for link in material.node_tree.links if link.from_node.type == "TEX_IMAGE"
              and link.to_node.type == "BSDF_PRINCIPLED" and link.from_node.image is not None}
    before = {}
    for image in sorted(images, key=lambda image: image.name):
        path = folder / (safe_name(image.name) + _SUFFIXES.get(image.file_format, ""))
        if image.packed_file is not None:
            path.write_bytes(image.packed_file.data)
        elif Path(bpy.path.abspath(image.filepath)).is_file():
            shutil.copyfile(bpy.path.abspath(image.filepath), path)
        else:
            continue
        before[image], image.filepath_raw = image.filepath_raw, str(path)
    try:
        yield
    finally:
        for image, path_before in before.items():
            image.filepath_raw = path_before


def safe_name(name: str) -> str:
    """A name as part of a file's name on every system: letters, digits, "-" and "_"."""
    return re.sub(r"[^\w-]+", "_", name).strip("_") or "place"


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A folder inside another for what is not yet whole; gone at the end."""
    made = Path(tempfile.mkdtemp(prefix=".export-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _replace(new: Path, old: Path) -> None:
    """Put a file in the place of an older one; what is in a folder, among what is in the older folder."""
    if new.is_dir():
        old.mkdir(exist_ok=True)
        for entry in new.iterdir():
            _replace(entry, old / entry.name)
    else:
        os.replace(new, old)
