"""The Export panel: the engine's command in a child process, Blender's own exporters, and failures that hinder nothing else."""
from __future__ import annotations

import argparse
import json
import struct
import time
from pathlib import Path

import numpy as np
import pytest

import addon  # before bpy
import fake_engine
import small_place
from earthcrafter_core.export import formats as core_formats
from earthcrafter_core.export import glb_options
from earthcrafter_core.export_commands import add_arguments
from earthcrafter_core.mesh.planting.plants_file import write_plants
from earthcrafter_core.scene.colour import srgb_to_linear
from earthcrafter_core.scene.instances import Instances
from earthcrafter_core.scene.layout import Layout

bpy = pytest.importorskip("bpy")
from mathutils import Matrix  # noqa: E402 - bpy makes it known

addon.enable()
result_import, exports, export_formats, export_settings, visibility, preferences, scene_export, scatter = (
    addon.part(n) for n in ("result_import", "exports", "export_formats", "export_settings", "class_visibility", "preferences",
                            "scene_export", "scatter"))
ops = bpy.ops.earthcrafter
WAIT = {"wait": True}


@pytest.fixture
def place(tmp_path):
    """A place with clean meshes in an empty scene."""
    bpy.ops.wm.read_homefile(use_empty=True)
    preferences.preferences().engine_python = str(addon.ENGINE_PYTHON)
    preferences.preferences().mesh_objects = "PARTS"
    scene = {"seed": 4, "layout_source": "Town", "settings": {"mesh": "clean", "colours": "texture", "texels": 8.0}}
    fake_engine.write_town(tmp_path / "r", Layout(np.full((32, 32), 12, np.uint8)), scene)
    small_place.write(tmp_path / "r" / "mesh.glb")
    ops.import_result(directory=str(tmp_path / "r"))
    return result_import.places(bpy.context.scene)[0]


def glb(path: Path) -> dict:
    data = path.read_bytes()
    return json.loads(data[20:20 + struct.unpack_from("<I", data, 12)[0]])


def test_the_panel_offers_just_what_the_engine_can_write():
    offered = {f.name: f for f in export_formats.FORMATS if f.group != export_formats.SCENE}
    assert list(offered) == [f.name for f in core_formats.FORMATS]
    for f in core_formats.FORMATS:
        assert (offered[f.name].suffix, offered[f.name].group) == (f.suffix, f.group)
    rna = bpy.context.scene.earthcrafter_export.bl_rna.properties
    assert {i.identifier for i in rna["collisions"].enum_items} == {"none", *glb_options.COLLISION_NAMES}
    assert {i.identifier for i in rna["level_form"].enum_items} == set(glb_options.LEVELS)


@pytest.mark.parametrize("target", list(export_formats.TARGETS))
def test_every_target_sets_what_the_command_understands(target):
    settings = bpy.context.scene.earthcrafter_export
    settings.use_triangles = True
    ops.use_export_target(target=target)
    assert set(settings.formats) == set(export_formats.TARGETS[target].formats)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = export_formats.engine_arguments(export_settings.chosen(settings))
    args = parser.parse_args(["DIR", *words])
    assert args.triangles == (100_000 if target == "WEB" else None)
    assert args.most_splats == (300_000 if target == "WEB" else None)
    assert (args.levels or 1) == settings.levels and bool(args.collisions) == (settings.collisions != "none")
    assert args.level_form == ("nodes" if target == "UNREAL" else "msft")


def test_the_engine_writes_its_formats_in_a_child_process(place, tmp_path):
    out = tmp_path / "öut put"
    assert ops.export_place(directory=str(out), formats={"glb", "ply", "points.ply", "layout.png"}, **WAIT) == {"FINISHED"}
    assert exports.last.errors == [] and exports.task is None
    assert {p.name for p in out.iterdir()} >= {f"Town_seed_4{s}" for s in (".glb", ".ply", ".points.ply", ".layout.png")}
    assert {p.name for p in exports.last.files} <= {p.name for p in out.iterdir()}
    assert (out / "Town_seed_4.glb").read_bytes() == (tmp_path / "r" / "mesh.glb").read_bytes()


def test_a_format_that_fails_is_told_and_the_others_are_written(place, tmp_path):
    (tmp_path / "r" / "splats.ply").write_bytes(b"ply\n")
    out = tmp_path / "out"
    assert ops.export_place(directory=str(out), formats={"ply", "glb", "obj"}, **WAIT) == {"FINISHED"}
    assert [files[0].name for files in exports.last.formats] == ["Town_seed_4.obj", "Town_seed_4.glb"]
    assert len(exports.last.errors) == 1 and "splats.ply" in exports.last.errors[0].message
    assert not list(out.glob(".export-*")) and not list(out.glob("*.ply"))


def test_without_an_engine_blenders_own_formats_are_written(place, tmp_path, monkeypatch):
    preferences.preferences().engine_python = str(tmp_path / "none")
    out = tmp_path / "out"
    ops.export_place(directory=str(out), formats={"ply", "obj"}, **WAIT)
    assert (out / "Town_seed_4.obj").exists() and "no Python at" in exports.last.errors[0].message
    with pytest.raises(RuntimeError, match="Nothing was exported.*no Python at"):
        ops.export_place(directory=str(out), formats={"ply"}, **WAIT)


def test_a_folder_that_cannot_be_made_and_no_format(place, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="cannot be made.*Choose another folder"):
        ops.export_place(directory=str(tmp_path / "file"), formats={"ply"}, **WAIT)
    bpy.context.scene.earthcrafter_export.formats = set()
    with pytest.raises(RuntimeError, match="No format is chosen"):
        ops.export_place(directory=str(tmp_path / "out"), **WAIT)


def test_the_folder_is_that_of_the_panel_or_lies_beside_the_file(place, tmp_path):
    scene = bpy.context.scene
    assert exports.folder_of(scene, place) == tmp_path / "r" / "export"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "town.blend"))
    assert exports.folder_of(scene, place) == tmp_path / "export"
    scene.earthcrafter_export.folder = "//there"
    assert exports.folder_of(scene, place) == tmp_path / "there"


def test_an_export_is_cancelled_and_leaves_nothing_half_done(place, tmp_path):
    out = tmp_path / "out"
    assert ops.export_place(directory=str(out), formats={"usd", "glb", "ply"}) == {"FINISHED"}
    assert not ops.export_place.poll()
    ops.cancel_export()
    end = time.monotonic() + 30
    while exports.task is not None and time.monotonic() < end:
        exports._poll()
        time.sleep(0.02)
    assert exports.task is None and exports.last.errors[-1].kind == "cancelled" and not list(out.glob(".export-*"))


IMPORTERS = {"obj": lambda p: bpy.ops.wm.obj_import(filepath=p), "fbx": lambda p: bpy.ops.import_scene.fbx(filepath=p),
             "scene.glb": lambda p: bpy.ops.import_scene.gltf(filepath=p),
             "scene.usd": lambda p: bpy.ops.wm.usd_import(filepath=p)}


def brought_in(name):
    """The mesh objects with faces that the importer makes of the last export's file, by the name's beginning."""
    known = set(bpy.data.objects)
    IMPORTERS[name](str(exports.last.files[0]))
    bpy.context.view_layer.update()
    return [obj for obj in set(bpy.data.objects) - known if obj.type == "MESH" and len(obj.data.polygons)]


@pytest.mark.parametrize("name", list(IMPORTERS))
def test_blender_writes_what_stands_in_the_scene(place, tmp_path, name):
    bpy.data.objects["house_001"].location.x += 100  # a change that has to be in the file
    visibility.set_hidden(place, 15, True)
    bpy.data.objects["house_002"].select_set(True)
    image = next(i for i in bpy.data.images if i.name.startswith("buildings of"))
    before = image.filepath_raw
    out = tmp_path / "out"
    ops.export_place(directory=str(out), formats={name}, **WAIT)
    assert exports.last.errors == [] and image.filepath_raw == before
    assert [obj.name for obj in bpy.context.selected_objects] == ["house_002"]
    path = exports.last.files[0]
    assert path.name == f"Town_seed_4{export_formats.BY_NAME[name].suffix}" and not list(out.glob(".export-*"))
    came = {obj.name.split(".")[0]: obj for obj in brought_in(name)}
    assert {n for n in came if "broadleaf" in n or "Splats" in n or "Points" in n} == set()
    house = next(obj for n, obj in came.items() if n.startswith("house_001"))
    corners = np.array([house.matrix_world @ v.co for v in house.data.vertices])
    assert np.allclose([corners.min(0), corners.max(0)], [[104, 4, 1], [112, 10, 6]], atol=1e-3)
    assert len(came) == 4 and len(house.data.polygons) == 12
    nodes = [n for m in house.data.materials for n in m.node_tree.nodes if n.type == "TEX_IMAGE" and n.image is not None]
    assert nodes and all(tuple(n.image.size) == (64, 64) for n in nodes), "the texture is lost"


@pytest.mark.parametrize("name", list(IMPORTERS))
def test_what_stands_in_for_a_class_is_exported_in_its_place(place, tmp_path, name):
    bpy.ops.mesh.primitive_cube_add(size=1)
    cube = bpy.context.object
    collection = bpy.data.collections.new("Huts")
    collection.objects.link(cube)
    bpy.context.scene.collection.objects.unlink(cube)
    ops.replace_class(class_id=1, source="Huts")
    before = len(bpy.data.objects)
    ops.export_place(directory=str(tmp_path / "out"), formats={name}, **WAIT)
    assert exports.last.errors == [] and len(bpy.data.objects) == before
    came = brought_in(name)
    cubes = [obj for obj in came if len(obj.data.vertices) in (8, 24) and len(obj.data.polygons) in (6, 12)]
    middles = sorted(tuple(np.round(np.mean([(obj.matrix_world @ v.co)[:] for v in obj.data.vertices], 0)[:2], 2))
                     for obj in cubes)
    assert middles == [(8.0, 7.0), (22.0, 23.0)] and not [obj for obj in came if obj.name.startswith("house")]


def test_vertex_colours_are_in_blenders_glb(place, tmp_path):
    ops.export_place(directory=str(tmp_path), formats={"scene.glb"}, **WAIT)
    document = glb(exports.last.files[0])
    meshes = {m["name"]: m["primitives"][0] for m in document["meshes"]}
    assert "COLOR_0" in meshes["broadleaf"]["attributes"] and "COLOR_0" not in meshes["house_001"]["attributes"]
    assert "extras" not in document["scenes"][0]
    material = document["materials"][meshes["broadleaf"]["material"]]
    assert material["pbrMetallicRoughness"].get("baseColorFactor", [1, 1, 1, 1])[:3] == [1, 1, 1]
    extras = next(n for n in document["nodes"] if n["name"] == "house_001")["extras"]
    assert extras["area"] == 48 and extras["earthcrafter_class"] == 1


def base_colour(material):
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    return np.array(shader.inputs["Base Color"].default_value[:3])


@pytest.mark.parametrize("name", ["obj", "fbx", "scene.usd"])
def test_crowns_are_green_where_vertex_colours_are_not_looked_at(place, tmp_path, name):
    own = bpy.data.materials["EarthCrafter Broadleaf trees"]
    before = base_colour(own)
    ops.export_place(directory=str(tmp_path / "out"), formats={name}, **WAIT)
    assert np.array_equal(base_colour(own), before), "the scene is as it was"
    crowns = next(obj for obj in brought_in(name) if obj.name.startswith("broadleaf"))
    assert np.allclose(base_colour(crowns.data.materials[0]), srgb_to_linear(np.uint8([60, 110, 40])), atol=0.01)


@pytest.mark.parametrize("name", list(IMPORTERS))
def test_the_plants_that_ship_keep_their_colour_and_their_names(place, tmp_path, name):
    count = 2
    write_plants(tmp_path / "r" / "plants.npz", Instances(
        np.array([[13.5, 11.5, 1], [18.5, 11.5, 1.2]]), np.full(count, 6, np.float32), np.full(count, 4, np.float32),
        np.zeros(count, np.float32), np.full(count, 15, np.uint8), np.tile(np.uint8([[60, 110, 40]]), (count, 1))))
    ops.replace_class(class_id=15)
    assert scatter.stand_ins(place)[15].name == "Broadleaf trees by Broadleaf Trees"
    ops.export_place(directory=str(tmp_path / "out"), formats={name}, **WAIT)
    came = brought_in(name)
    trees = [obj for obj in came if "Broadleaf" in obj.data.name and len(obj.data.polygons) > 100]
    assert len(trees) == count and not [obj for obj in came if obj.name.startswith("GN Instance")]
    for tree in trees:
        colours = [base_colour(m) for m in tree.data.materials]
        assert min(np.abs(c - srgb_to_linear(np.uint8([60, 110, 40]))).max() for c in colours) < 0.02, "the leaves"
        assert min(np.abs(c - (0.13, 0.095, 0.065)).max() for c in colours) < 0.02, "the bark"


@pytest.mark.parametrize("change", ["moved", "turned", "scaled", "deleted", "hidden", "class", "added"])
def test_a_changed_place_is_known_as_such(place, change):
    result_import.place(place, Matrix.Translation((50, 0, 0)) @ Matrix.Rotation(0.3, 4, "Z"))
    assert not scene_export.is_changed(place)
    for obj in result_import.parts(place, "mesh"):
        obj.hide_viewport = True
    assert not scene_export.is_changed(place), "all of the mesh may be hidden"
    house = bpy.data.objects["house_001"]
    if change == "moved":
        house.location.x += 0.1
    elif change == "turned":
        house.rotation_euler.z += 0.1
    elif change == "scaled":
        house.scale.z = 1.1
    elif change == "deleted":
        bpy.data.objects.remove(house)
    elif change == "hidden":
        house.hide_viewport = False
    elif change == "class":
        visibility.set_hidden(place, 15, True)
    else:
        place.objects.link(bpy.data.objects.new("Car", bpy.data.meshes.new("Car")))
    assert scene_export.is_changed(place)


def test_an_exporter_that_this_blender_lacks_is_told(place, tmp_path, monkeypatch):
    lacking = bpy.ops.wm.none_such_export
    monkeypatch.setitem(scene_export._WRITERS, "fbx", lambda path, objects, scale: scene_export._call(lacking))
    ops.export_place(directory=str(tmp_path / "out"), formats={"fbx", "obj"}, **WAIT)
    assert [e.message for e in exports.last.errors] == ["This Blender has no FBX exporter."]
    assert (tmp_path / "out" / "Town_seed_4.obj").exists() and not list((tmp_path / "out").glob(".export-*"))


def test_nothing_that_is_shown_is_told(place, tmp_path):
    ops.show_part(kind="mesh", collection=place.name)
    with pytest.raises(RuntimeError, match="No mesh of the place is shown"):
        ops.export_place(directory=str(tmp_path / "out"), formats={"obj"}, **WAIT)
