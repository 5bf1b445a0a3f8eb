"""Clean meshes in Blender: parts as objects, textures, classes, and what an import leaves behind where it fails."""
from __future__ import annotations

import json
import struct

import numpy as np
import pytest

import addon  # before bpy
import fake_engine
import small_place
from earthcrafter_core.scene.layout import Layout

bpy = pytest.importorskip("bpy")
from mathutils import Vector  # noqa: E402 - bpy makes it known

addon.enable()
result_import, result_files, glb_file, mesh_arrays, layout_mesh, visibility = (
    addon.part(n) for n in ("result_import", "result_files", "glb_file", "mesh_arrays", "layout_mesh", "class_visibility"))
errors = addon.part("earthcrafter_core.errors")
ops = bpy.ops.earthcrafter


@pytest.fixture
def scene():
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("preferences").preferences().mesh_objects = "PARTS"
    return bpy.context.scene


@pytest.fixture
def folder(tmp_path):
    """A whole result with clean meshes."""
    fake_engine.write_town(tmp_path / "r", Layout(np.full((32, 32), 12, np.uint8)), {"seed": 4, "layout_source": "Town"})
    small_place.write(tmp_path / "r" / "mesh.glb")
    return tmp_path / "r"


def imported(scene, folder, **options):
    assert ops.import_result(directory=str(folder), **options) == {"FINISHED"}
    return result_import.places(scene)[-1]


def meshes(place):
    return {obj.name: obj for obj in result_import.parts(place, "mesh")}


def counts():
    return [len(blocks) for blocks in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.images,
                                       bpy.data.collections)]


def test_each_thing_is_an_object_that_tells_what_it_is(scene, folder):
    objects = meshes(imported(scene, folder))
    assert sorted(objects) == ["broadleaf", "house_001", "house_002", "terrain", "water_001"]  # no levels, no hulls
    house, ground = objects["house_001"], objects["terrain"]
    assert (house["earthcrafter_part"], house["earthcrafter_class"], house["height"], house["area"]) == ("building", 1, 5, 48)
    assert (house["storeys"], house["roof"]) == (2, "hip") and isinstance(house["storeys"], int)
    assert ground["earthcrafter_part"] == "terrain" and "earthcrafter_class" not in ground
    assert tuple(house.location) == (8, 7, 1) and tuple(ground.location) == (0, 0, 0)
    corners = np.array([house.matrix_world @ v.co for v in house.data.vertices])
    assert len(corners) == 8 and np.allclose([corners.min(0), corners.max(0)], [[4, 4, 1], [12, 10, 6]])
    assert not any(obj.data.validate() for obj in objects.values())


def test_flat_things_need_no_custom_normals_and_smooth_ones_keep_them(scene, folder):
    objects = meshes(imported(scene, folder))
    house, crowns = objects["house_001"].data, objects["broadleaf"].data
    assert not house.has_custom_normals and not any(p.use_smooth for p in house.polygons)
    assert crowns.has_custom_normals
    corner = crowns.corner_normals[0].vector
    at = np.array(crowns.vertices[crowns.loops[0].vertex_index].co)
    assert np.dot(corner, (at - [13.5, 11.5, 4]) / np.linalg.norm(at - [13.5, 11.5, 4])) > 0.999


def test_textures_are_packed_and_where_exporters_look(scene, folder):
    house = meshes(imported(scene, folder))["house_001"]
    material = house.data.materials[0]
    shader = material.node_tree.nodes["Principled BSDF"]
    image = shader.inputs["Base Color"].links[0].from_node.image
    assert image.packed_file is not None and image.colorspace_settings.name == "sRGB" and tuple(image.size) == (64, 64)
    rough = shader.inputs["Roughness"].links[0].from_node.inputs[0].links[0].from_node.image
    assert rough.colorspace_settings.name == "Non-Color"
    pixels = np.array(image.pixels[:]).reshape(64, 64, 4)
    expected = small_place.place_mesh().textures["buildings"].color[::-1] / 255  # Blender's first row is the lowest
    assert np.abs(pixels[..., :3] - expected).mean() < 0.02
    part = small_place.place_mesh().parts[2]
    uv = np.empty(len(house.data.loops) * 2, np.float32)
    house.data.uv_layers[0].uv.foreach_get("vector", uv)
    assert np.allclose(np.sort(uv.reshape(-1, 3, 2), 0), np.sort(part.uv, 0), atol=1e-6)
    assert not house.data.color_attributes


def test_materials_are_shared_within_a_place_and_go_with_it(scene, folder):
    before = counts()
    place = imported(scene, folder)
    objects = meshes(place)
    assert objects["house_001"].data.materials[0] == objects["house_002"].data.materials[0]
    assert [m.name for m in objects["terrain"].data.materials] == ["Road of Town seed 4", "Lawn of Town seed 4"]
    assert objects["broadleaf"].data.materials[0].name == "EarthCrafter Broadleaf trees"
    second = imported(scene, folder)
    assert meshes(second).keys() != objects.keys()  # Blender numbers names
    ops.delete_place(collection=second.name)
    assert all(obj.data.materials[0] for obj in meshes(place).values())
    ops.delete_place(collection=place.name)
    left = np.array(counts()) - before
    assert left.tolist() == [0, 0, left[2], 0, 0]
    assert not [m.name for m in bpy.data.materials if " of " in m.name]


@pytest.mark.parametrize("how, names", [
    ("CLASSES", ["Broadleaf trees", "House", "Lawn", "Road", "Water"]), ("ONE", ["Mesh of Town seed 4"])])
def test_other_divisions_have_the_same_triangles(scene, folder, how, names):
    apart = imported(scene, folder)
    place = imported(scene, folder, mesh_objects=how)
    objects = meshes(place)
    assert sorted(objects) == names and not any(obj.data.validate() for obj in objects.values())

    def triangles(objs):
        found = []
        for obj in objs.values():
            ids = np.array([d.value for d in obj.data.attributes["earthcrafter_class"].data])
            for polygon, class_id in zip(obj.data.polygons, ids):
                found.append((class_id, *np.round(obj.matrix_world @ polygon.center, 3)))
        return sorted(found)

    assert triangles(objects) == triangles(meshes(apart))
    if how == "CLASSES":
        assert objects["House"]["earthcrafter_class"] == 1
    else:
        assert len(objects[names[0]].data.color_attributes) == len(objects[names[0]].data.uv_layers) == 1


def test_a_place_on_a_turned_layout_keeps_its_parts_together(scene, folder):
    ops.new_layout(width=32, height=32, cell_size=1.0, fill="lawn")
    layout = bpy.context.object
    layout.location, layout.rotation_euler.z = (100, 50, 3), 0.5
    bpy.context.view_layer.update()
    place = imported(scene, folder, layout_name=layout.name)
    bpy.context.view_layer.update()
    objects = meshes(place)
    for obj in objects.values():
        assert np.allclose(result_import.matrix_of(obj), layout.matrix_world, atol=1e-5)
    foot = layout.matrix_world @ Vector((22, 23, 1))
    assert np.allclose(objects["house_002"].matrix_world.translation, foot, atol=1e-4)
    assert result_import.standing(scene, folder, layout) == place


def test_classes_hide_in_every_part(scene, folder):
    place = imported(scene, folder)
    visibility.set_hidden(place, 15, True)
    graph = bpy.context.evaluated_depsgraph_get()
    shown = {obj.name: len(obj.evaluated_get(graph).data.polygons) for obj in result_import.parts(place, "mesh")}
    assert shown["broadleaf"] == 0 and shown["terrain"] > 0 and shown["house_001"] == 12
    visibility.set_hidden(place, 15, False)
    visibility.set_hidden(place, 7, True)
    graph = bpy.context.evaluated_depsgraph_get()
    ground = bpy.data.objects["terrain"]
    assert 0 < len(ground.evaluated_get(graph).data.polygons) < len(ground.data.polygons)


def test_the_classes_of_a_place_are_toggled_one_by_one_and_many_at_once(scene, folder):
    place = imported(scene, folder)
    assert result_import.classes(place) == [1, 7, 12, 15, 22]
    ops.show_class(class_id=15)
    assert visibility.hidden(place) == {15}
    ops.show_class(class_id=15)
    assert not visibility.hidden(place)
    ops.show_classes(choice="BUILT")
    assert visibility.hidden(place) == {12, 15, 22}
    ops.show_classes(choice="NO_PLANTS")
    assert visibility.hidden(place) == {15}
    del place["earthcrafter_classes"]  # as in files of earlier versions
    assert result_import.classes(place) == [1, 7, 12, 15, 22]


def test_selecting_a_class_takes_its_objects_or_its_faces(scene, folder):
    imported(scene, folder)
    ops.select_class(class_id=1)
    assert {obj.name for obj in bpy.context.selected_objects} == {"house_001", "house_002"}
    ops.select_class(class_id=7)
    assert bpy.context.object.name == "terrain" and len(bpy.context.selected_objects) == 1
    bpy.ops.object.mode_set(mode="EDIT")
    assert not ops.select_class.poll()
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = bpy.context.object.data
    ids = [d.value for d in mesh.attributes["earthcrafter_class"].data]
    assert [p.select for p in mesh.polygons] == [class_id == 7 for class_id in ids]
    ops.select_class("EXEC_DEFAULT", class_id=15, extend=True)
    assert {obj.name for obj in bpy.context.selected_objects} == {"terrain", "broadleaf"}
    ops.show_part(kind="mesh", collection=result_import.places(scene)[0].name)
    assert ops.select_class(class_id=1) == {"CANCELLED"}


@pytest.mark.parametrize("after", [1, 3, 6, 12, 30])
def test_an_import_given_up_half_way_leaves_nothing(scene, folder, after):
    before = counts()
    arrays = addon.part("result_arrays").read_result(folder, 1000)
    building = result_import.build(arrays)
    for _ in range(after):
        next(building)
    building.close()
    left = np.array(counts()) - before
    assert left.tolist() == [0, 0, left[2], 0, 0] and not [m.name for m in bpy.data.materials if " of " in m.name]


def test_a_texture_that_is_cut_off_is_told(scene, folder):
    path = folder / "mesh.glb"
    document, binary = glb_file._chunks(path.read_bytes())
    document["bufferViews"][document["images"][0]["bufferView"]]["byteLength"] = len(binary) * 2
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary)) + struct.pack("<I4s", len(text), b"JSON")
                     + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary)
    with pytest.raises(errors.BadInput, match="texture of it is cut off"):
        glb_file.read_place(path)


def test_a_plain_surface_is_one_object_called_as_the_place(scene, folder):
    fake_engine.write_town(folder.parent / "s", Layout(np.full((8, 8), 12, np.uint8)), {"seed": 5, "layout_source": "Town"})
    objects = meshes(imported(scene, folder.parent / "s"))
    assert list(objects) == ["Mesh of Town seed 5"] and objects["Mesh of Town seed 5"]["earthcrafter_part"] == "surface"


@pytest.mark.parametrize("levels, names", [("msft", "unreal"), ("nodes", "godot")])
def test_levels_and_hulls_stay_out(tmp_path, levels, names):
    small_place.write(tmp_path / "m.glb", levels, names)
    parts = glb_file.read_place(tmp_path / "m.glb").parts
    assert [p.name for p in parts] == ["terrain", "water_001", "house_001", "house_002", "broadleaf"]
    wanted = small_place.place_mesh().parts
    for part, want in zip(parts, wanted):
        assert len(part.surface.triangles) == len(want.faces)
        found = np.sort(part.surface.vertices[part.surface.triangles].reshape(-1, 9), 0)
        assert np.allclose(found, np.sort(want.vertices[want.faces].reshape(-1, 9), 0), atol=1e-5)


def test_edges_are_sharp_where_the_normals_beside_them_differ():
    """Two pairs of triangles: the first pair bends smoothly over its common edge, the second does not."""
    triangles = np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6], [6, 5, 7]], np.int32)
    up, left, right = np.array([0, 0, 1.0]), np.array([-0.6, 0, 0.8]), np.array([0.6, 0, 0.8])
    normals = np.array([[left, up, up], [up, up, right], [left, left, left], [right, right, right]], np.float32)
    ends, corner_edge = mesh_arrays.edges_of(triangles)
    sharp = mesh_arrays.sharp_edges(triangles, corner_edge, len(ends), normals)
    assert ends[sharp].tolist() == [[5, 6]]


def test_smooth_things_have_no_sharp_edges(scene, folder):
    """Else Cycles would split them."""
    crowns = meshes(imported(scene, folder))["broadleaf"].data
    assert crowns.has_custom_normals and not any(edge.use_edge_sharp for edge in crowns.edges)


def test_the_chosen_place_is_that_of_the_active_object_then_that_of_the_layout(scene, folder):
    ops.new_layout(width=32, height=32, cell_size=1.0)
    layout = bpy.context.object
    ops.import_result(directory=str(folder), layout_name=layout.name)
    on_layout, aside = result_import.places(scene)[-1], imported(scene, folder)
    context = bpy.context
    assert result_import.shown_places(scene) == [aside, on_layout]
    assert result_import.chosen_place(context) == on_layout, "the newest on the layout, not the newest of all"
    context.view_layer.objects.active = next(o for o in aside.objects if o.get("earthcrafter_part") == "building")
    assert result_import.chosen_place(context) == aside == result_import.place_named(context, "")
    ops.show_classes(choice="NO_PLANTS")
    assert visibility.hidden(aside) == {15} and not visibility.hidden(on_layout)
    aside.hide_viewport = True
    assert result_import.chosen_place(context) == on_layout
    on_layout.hide_viewport = True
    assert result_import.chosen_place(context) is None and result_import.place_named(context, "") == aside


def test_places_without_a_layout_are_known(scene, folder):
    ops.new_layout(width=32, height=32, cell_size=1.0)
    layout = bpy.context.object
    ops.import_result(directory=str(folder), layout_name=layout.name)
    aside = imported(scene, folder)
    assert result_import.without_layout(scene) == [aside]
    bpy.data.objects.remove(layout)
    assert len(result_import.without_layout(scene)) == 2


def test_what_an_artist_put_into_a_place_outlives_it(scene, folder):
    place = imported(scene, folder)
    car, inner = bpy.data.objects.new("Car", bpy.data.meshes.new("Car")), bpy.data.collections.new("Street Life")
    place.objects.link(car)
    place.children.link(inner)
    ops.delete_place(collection=place.name)
    assert list(car.users_collection) == [scene.collection] and inner.name in scene.collection.children
    assert [o.name for o in scene.objects] == ["Car"]
