"""Splats in Blender: their attributes, what the nodes draw, classes, cutting, light, cards, and a picture beside our own."""
from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import addon  # before bpy
import small_scene

bpy = pytest.importorskip("bpy")
addon.enable()
arrays, nodes, display, objects, result_import, visibility, cards = (addon.part(n) for n in (
    "splat_arrays", "splat_nodes", "splat_display", "cloud_objects", "result_import", "class_visibility", "splat_cards"))
sem = addon.part("earthcrafter_core.scene.classes")
merged = addon.part("earthcrafter_core.scene.merging").merged
ops = bpy.ops.earthcrafter
RED, BLUE = (200, 40, 20), (20, 60, 220)


@pytest.fixture(autouse=True)
def scene():
    bpy.ops.wm.read_homefile(use_empty=True)
    yield bpy.context.scene


def steps(generator):
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def place_of(splats, folder="/nowhere"):
    """A place in the scene with nothing but these splats, shown."""
    made = arrays.splat_arrays(splats)
    obj = steps(objects.cloud_object("Splats", made, nodes.splats_group(), {}))
    collection = bpy.data.collections.new("Place")
    collection[result_import.FOLDER] = str(folder)
    obj[result_import.KIND] = result_import.SPLATS
    obj[result_import.SHOWN] = obj[result_import.TOTAL] = len(splats)
    collection.objects.link(obj)
    bpy.context.scene.collection.children.link(collection)
    return collection, obj


def drawn(obj):
    """What the nodes make of an object: centres [N, 3] of its discs or points, in the object's space."""
    geometry = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).evaluated_geometry()
    mesh, cloud = geometry.mesh, geometry.pointcloud
    if mesh is not None and len(mesh.polygons):
        corners = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.attributes["position"].data.foreach_get("vector", corners)
        return corners.reshape(-1, 4, 3).mean(1)
    if cloud is None:
        return np.zeros((0, 3), np.float32)
    at = np.empty(len(cloud.points) * 3, np.float32)
    cloud.attributes["position"].data.foreach_get("vector", at)
    return at.reshape(-1, 3)


def some_splats():
    """The small scene's splats; the first thousand are nearly clear."""
    _, splats, _ = small_scene.scene()
    opacity = splats.opacity.copy()
    opacity[:1000] = -3
    return type(splats)(splats.mean, splats.log_scale, splats.quat, opacity, splats.sh, splats.class_id)


def test_attributes_are_those_of_the_splats():
    splats = some_splats()
    made = arrays.splat_arrays(splats)
    assert np.allclose(made.attributes[arrays.SCALE], np.column_stack([np.exp(splats.log_scale), np.ones(len(splats))]))
    opacity = made.attributes[arrays.OPACITY]
    assert np.allclose(np.log(opacity / (1 - opacity)), splats.opacity, atol=1e-3)
    assert np.array_equal(made.position, splats.mean) and np.array_equal(made.class_id, splats.class_id)


def test_discs_are_squares_in_the_surface_and_points_are_as_wide():
    splats = some_splats()
    _, obj = place_of(splats)
    at = drawn(obj)
    assert np.abs(at - splats.mean).max() < nodes.SHIFT * 1.01
    geometry = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).evaluated_geometry()
    mesh = geometry.mesh
    normals = np.array([p.normal[:] for p in mesh.polygons])
    assert (np.abs((normals * splats.normals()).sum(1)) > 0.999).all()
    assert mesh.polygons[0].area == pytest.approx((2 * nodes.EXTENT * 0.3) ** 2, rel=1e-3)
    assert not {arrays.ROTATION, arrays.SCALE} & set(mesh.attributes.keys())
    obj.earthcrafter_splats.viewport = "POINTS"
    geometry = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).evaluated_geometry()
    assert len(geometry.pointcloud.points) == len(splats)
    assert geometry.pointcloud.points[0].radius == pytest.approx(0.3)
    obj.earthcrafter_splats.size = 2
    geometry = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).evaluated_geometry()
    assert geometry.pointcloud.points[0].radius == pytest.approx(0.6)


def test_light_is_the_material_of_what_is_drawn():
    _, obj = place_of(some_splats())
    for light, names in (("CAPTURED", nodes.DISC_MATERIALS[False, False]), ("LIT", nodes.DISC_MATERIALS[True, False])):
        obj.earthcrafter_splats.light = light
        geometry = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).evaluated_geometry()
        mesh = geometry.mesh
        assert {mesh.materials[p.material_index].name for p in mesh.polygons[:50]} == {names}
        shaders = {n.type for n in bpy.data.materials[names].node_tree.nodes}
        assert ("EMISSION" in shaders) is (light == "CAPTURED") and ("BSDF_DIFFUSE" in shaders) is (light == "LIT")


@pytest.mark.parametrize("form", ["DISCS", "POINTS"])
def test_splats_follow_the_classes_of_their_place(form):
    splats = some_splats()
    collection, obj = place_of(splats)
    obj.earthcrafter_splats.viewport = form
    visibility.set_hidden(collection, sem.BROADLEAF, True)
    visibility.set_hidden(collection, sem.HOUSE, True)
    left = ~np.isin(splats.class_id, [sem.BROADLEAF, sem.HOUSE])
    assert len(drawn(obj)) == left.sum() < len(splats)
    assert np.abs(drawn(obj) - splats.mean[left]).max() < nodes.SHIFT * 1.01
    visibility.set_all(collection, [])
    assert len(drawn(obj)) == len(splats)


def test_meshes_lose_the_faces_of_hidden_classes_and_get_them_back():
    collection, _ = place_of(some_splats())
    mesh = bpy.data.meshes.new("Two squares")
    mesh.from_pydata([(x, y, 0) for x in range(3) for y in range(2)], [], [(0, 2, 3, 1), (2, 4, 5, 3)])
    mesh.attributes.new("earthcrafter_class", "INT", "FACE").data.foreach_set("value", [sem.LAWN, sem.ROAD])
    mixed, single = bpy.data.objects.new("Mixed", mesh), bpy.data.objects.new("Single", mesh)
    single[visibility.OBJECT_CLASS] = sem.TOWER
    for obj in (mixed, single):
        collection.objects.link(obj)

    def faces():
        graph = bpy.context.evaluated_depsgraph_get()
        return [len(o.evaluated_get(graph).data.polygons) for o in (mixed, single)]

    visibility.set_hidden(collection, sem.LAWN, True)
    assert faces() == [1, 2] and not single.modifiers
    visibility.set_all(collection, [sem.TOWER, 25])
    assert faces() == [2, 0] and not mixed.modifiers and visibility.hidden(collection) == {sem.TOWER, 25}
    visibility.set_all(collection, [])
    assert faces() == [2, 2] and not single.modifiers


def test_a_volume_cuts_in_the_place_s_own_space_and_may_be_any_closed_mesh():
    splats = some_splats()
    collection, obj = place_of(splats)
    obj.location, obj.rotation_euler = (100, -20, 5), (0, 0, 0.5)
    bpy.context.view_layer.update()
    assert ops.add_cut_box() == {"FINISHED"}
    box = obj.earthcrafter_splats.volume
    assert box.hide_render and box.select_get()
    to_box = np.array(box.matrix_world.inverted() @ obj.matrix_world)
    local = np.abs(splats.mean @ to_box[:3, :3].T + to_box[:3, 3])
    inside = (local < 1).all(1)
    assert 0 < inside.sum() < len(splats)
    sure = (np.abs(local - 1) > 1e-3).all(1)
    assert abs(len(drawn(obj)) - (~inside).sum()) <= (~sure).sum()
    obj.earthcrafter_splats.cut = "OUTSIDE"
    assert abs(len(drawn(obj)) - inside.sum()) <= (~sure).sum()
    bpy.ops.mesh.primitive_uv_sphere_add(radius=6, location=obj.matrix_world @ box.matrix_world.to_3x3().to_4x4().col[3].xyz)
    ball = bpy.context.object
    ball.location = obj.matrix_world @ display.Vector(splats.mean[splats.class_id == sem.BROADLEAF].mean(0).tolist())
    obj.earthcrafter_splats.volume = ball
    centre = np.array(obj.matrix_world.inverted() @ ball.location)
    away = np.linalg.norm(splats.mean - centre, axis=1)
    count = len(drawn(obj))
    assert (away < 5.7).sum() <= count <= (away < 6).sum() and count > 100
    bpy.data.objects.remove(ball)
    bpy.context.view_layer.update()
    display.apply(obj)
    assert len(drawn(obj)) == len(splats)  # without its volume nothing is cut


def test_cards_are_a_mesh_that_needs_no_nodes():
    splats = some_splats()
    collection, obj = place_of(splats)
    visibility.set_hidden(collection, sem.LAWN, True)
    obj.earthcrafter_splats.viewport = "POINTS"
    assert ops.bake_splat_cards() == {"FINISHED"}
    assert ops.bake_splat_cards() == {"FINISHED"}  # anew, not twice in one place
    made, = [o for o in collection.objects if o.get("earthcrafter_kind") == cards.CARDS]
    left = splats.class_id != sem.LAWN
    mesh = made.data
    assert len(mesh.polygons) == left.sum() and not mesh.validate() and not made.modifiers
    color = np.empty(4 * len(mesh.vertices), np.float32)
    mesh.color_attributes[0].data.foreach_get("color", color)
    opacity = 1 / (1 + np.exp(-splats.opacity[left]))
    assert np.allclose(color.reshape(-1, 4, 4)[:, 0, 3], opacity, atol=1e-5)
    assert {m.name for m in mesh.materials} == {"EarthCrafter Card Captured"} and mesh.uv_layers
    assert obj.hide_viewport and obj.earthcrafter_splats.viewport == "POINTS"
    visibility.set_hidden(collection, sem.ROAD, True)
    assert len(drawn(made)) == (left & (splats.class_id != sem.ROAD)).sum()


def test_exported_cards_are_unlit_with_colours_and_the_gaussian(tmp_path):
    import json
    import struct

    import addon_utils

    collection, _ = place_of(some_splats())
    ops.bake_splat_cards()
    made = next(o for o in collection.objects if o.get("earthcrafter_kind") == cards.CARDS)
    made.select_set(True)
    addon_utils.enable("io_scene_gltf2")
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "cards.glb"), use_selection=True)
    data = (tmp_path / "cards.glb").read_bytes()
    document = json.loads(data[20:20 + struct.unpack_from("<I", data, 12)[0]])
    (material,), (primitive,) = document["materials"], document["meshes"][0]["primitives"]
    assert material["alphaMode"] == "BLEND" and "KHR_materials_unlit" in material["extensions"]
    assert "baseColorTexture" in material["pbrMetallicRoughness"] and len(document["images"]) == 1
    assert document["accessors"][primitive["attributes"]["COLOR_0"]]["type"] == "VEC4"


def test_cycles_draws_what_our_rasteriser_draws(tmp_path):
    sys.path.insert(0, str(addon.ROOT))
    from benchmarks import splats_render
    from earthcrafter_core.convert.files import write_splats
    from earthcrafter_core.render.image import psnr, render_splats

    _, splats, _ = small_scene.scene()
    write_splats(tmp_path / "splats.ply", splats)
    place_of(splats, tmp_path)
    splats_render.dress(bpy.context.scene, samples=4)
    camera = splats_render.cameras(small_scene.SIZE, 320)["oblique"]
    splats_render.blender_camera(bpy.context.scene, camera)
    theirs = splats_render.picture_of(bpy.context.scene, tmp_path / "cycles.png")
    ours = render_splats(splats, camera, splats_render.BACKGROUND).astype(np.float32) / 255
    value = float(psnr(torch.from_numpy(ours), torch.from_numpy(theirs.copy())))
    assert value >= 28
    obj = display.splats_of(result_import.places(bpy.context.scene)[0])
    obj.earthcrafter_splats.size = 0.5
    theirs = splats_render.picture_of(bpy.context.scene, tmp_path / "half.png")
    assert float(psnr(torch.from_numpy(ours), torch.from_numpy(theirs.copy()))) < value - 6  # the measure tells


def test_more_or_fewer_are_read_again_from_the_folder(tmp_path):
    from earthcrafter_core.convert.files import write_splats

    splats = some_splats()
    write_splats(tmp_path / "splats.ply", splats)
    collection, obj = place_of(splats, tmp_path)
    visibility.set_hidden(collection, sem.LAWN, True)
    meshes = len(bpy.data.meshes)
    assert ops.set_splat_cap(cap=1500, wait=True) == {"FINISHED"}
    few = merged(splats, 1500)
    assert len(obj.data.vertices) == obj["earthcrafter_shown"] == len(few) == 1500 and obj["earthcrafter_total"] == len(splats)
    assert np.abs(drawn(obj) - few.mean[few.class_id != sem.LAWN]).max() < nodes.SHIFT * 1.01
    assert ops.set_splat_cap(cap=len(splats) + 5, wait=True) == {"FINISHED"}
    assert len(obj.data.vertices) == len(splats) and len(bpy.data.meshes) == meshes
    (tmp_path / "splats.ply").write_bytes((tmp_path / "splats.ply").read_bytes()[:5000])
    with pytest.raises(RuntimeError, match="cannot be read.*cut off"):
        ops.set_splat_cap(cap=1000, wait=True)
    assert len(obj.data.vertices) == len(splats)
    bpy.data.objects.remove(obj)
    with pytest.raises(RuntimeError, match="no splats any more"):
        ops.set_splat_cap(cap=1000, wait=True)
