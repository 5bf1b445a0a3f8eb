"""From a painted layout to a collection in Blender, through the operators and the engine process."""
from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import addon  # before bpy
import fake_engine

bpy = pytest.importorskip("bpy")
addon.enable()
service, preferences, result_import, layout_mesh, splat_arrays, splat_nodes = (
    addon.part(n) for n in ("engine_service", "preferences", "result_import", "layout_mesh", "splat_arrays", "splat_nodes"))
errors = addon.part("earthcrafter_core.errors")
BUILDING_IDS = addon.part("earthcrafter_core.scene.classes").BUILDING_IDS
ops = bpy.ops.earthcrafter


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory):
    """The stand-in for the networks serves this module."""
    with addon.fake_engine(tmp_path_factory.mktemp("engine")):
        yield


@pytest.fixture(autouse=True)
def scene(tmp_path):
    bpy.ops.wm.read_homefile(use_empty=True)
    preferences.preferences().results_folder = str(tmp_path / "Résultats")
    preferences.preferences().splat_cap = result_import.DEFAULT_SPLAT_CAP
    ops.new_layout(width=16, height=12, cell_size=1.0, fill="lawn")
    ops.paint_rectangle(paint_class="house", corner=(2, 2), opposite=(8, 7))
    ops.paint_line(paint_class="road", points=[{"name": "", "location": p} for p in ((0, 10), (16, 10))], width=2)
    bpy.context.object.location = (100, 50, 3)
    yield bpy.context.scene
    service.session.cancel()


def place(scene):
    collections = result_import.places(scene)
    assert len(collections) == 1
    return collections[0]


def test_generate_and_wait_brings_in_one_collection(scene, tmp_path):
    layout = bpy.context.object
    assert ops.generate(wait=True) == {"FINISHED"}
    collection = place(scene)
    mesh, points, splats = (result_import.part(collection, k) for k in ("mesh", "points", "splats"))
    assert [o.hide_viewport for o in (mesh, points, splats)] == [False, True, True]
    assert tuple(mesh.matrix_world.translation) == (100, 50, 3) and layout.hide_get()
    assert Path(collection["earthcrafter_folder"]).parent == tmp_path / "Résultats"

    data = mesh.data
    ids = np.empty(len(data.polygons), np.int32)
    data.attributes["earthcrafter_class"].data.foreach_get("value", ids)
    slots = np.empty(len(data.polygons), np.int32)
    data.polygons.foreach_get("material_index", slots)
    assert set(ids) == {1, 7, 12}
    for class_id in set(ids):
        assert len(set(slots[ids == class_id])) == 1
    assert data.materials[slots[ids == 1][0]].name == "EarthCrafter House"
    assert not data.validate() and data.has_custom_normals and data.color_attributes["Col"].domain == "CORNER"
    heights = np.array([data.polygons[i].center.z for i in np.flatnonzero(ids == 1)])
    assert heights.max() > 5 and np.array([v.co.z for v in data.vertices]).min() > -2

    cells = layout_mesh.read_classes(layout)
    expected = cells.size + fake_engine.BUILDING_HEIGHT * int(np.isin(cells, BUILDING_IDS).sum())
    assert len(splats.data.vertices) == splats["earthcrafter_total"] == expected
    opacity = splats.data.attributes[splat_arrays.OPACITY].data[0].value
    assert opacity == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-5)
    assert tuple(splats.data.attributes[splat_arrays.SCALE].data[0].vector) == pytest.approx((0.4, 0.4, 1.0))


def test_nodes_make_one_disc_for_each_splat_and_one_point_for_each_point(scene):
    ops.generate(wait=True)
    collection = place(scene)
    splats, points = (result_import.part(collection, k) for k in ("splats", "points"))
    result_import.show(collection, "mesh", "points", "splats")
    graph = bpy.context.evaluated_depsgraph_get()
    drawn = splats.evaluated_get(graph).evaluated_geometry()  # keeps the mesh alive
    discs = drawn.mesh
    assert len(discs.polygons) == len(splats.data.vertices)
    assert discs.polygons[0].area == pytest.approx((2 * splat_nodes.EXTENT * 0.4) ** 2, rel=1e-3)
    geometry = points.evaluated_get(graph).evaluated_geometry()
    cloud = geometry.pointcloud
    assert len(cloud.points) == len(points.data.vertices) and cloud.points[0].radius == pytest.approx(0.5)


def test_the_splat_cap_says_how_many_are_shown(scene):
    preferences.preferences().splat_cap = 1000
    layout_mesh.write_classes(bpy.context.object, np.full((12, 16), 1))
    ops.generate(wait=True)
    splats = result_import.part(place(scene), "splats")
    assert splats["earthcrafter_shown"] == len(splats.data.vertices) == 1000 < splats["earthcrafter_total"]


def test_without_wait_the_timer_brings_the_place_in(scene):
    scene.earthcrafter.seed = 5
    assert ops.generate() == {"FINISHED"}
    assert bpy.app.timers.is_registered(service.tick) and service.is_busy()
    end = time.monotonic() + 60
    while service.is_busy() and time.monotonic() < end:
        service.tick()
        time.sleep(0.02)
    assert place(scene) and service.session.error is None


def test_a_new_place_hides_the_one_before(scene):
    ops.generate(wait=True)
    first = place(scene)
    scene.earthcrafter.seed = 2
    ops.generate(wait=True)
    assert first.hide_viewport and [c.hide_viewport for c in result_import.places(scene)].count(False) == 1


def test_an_engine_killed_in_mid_run_leaves_blender_going(scene, tmp_path):
    scene.earthcrafter.seed = fake_engine.KILL
    with pytest.raises(RuntimeError, match="ended from outside.*Start it again"):
        ops.generate(wait=True)
    service.session.settle()  # files are cleared away in the background
    assert not result_import.places(scene) and not list((tmp_path / "Résultats").iterdir())
    scene.earthcrafter.seed = 3
    ops.generate(wait=True)
    assert place(scene)


def test_cancel_from_the_panel(scene, tmp_path):
    assert not ops.cancel.poll()
    scene.earthcrafter.seed = fake_engine.SLOW
    ops.generate()
    job = service.session.job
    end = time.monotonic() + 60
    while job.step < 2 and time.monotonic() < end:
        service.tick()
    ops.cancel()
    while service.is_busy() and time.monotonic() < end:
        service.tick()
        time.sleep(0.02)
    assert service.session.error.kind == "cancelled" and not result_import.places(scene)
    service.session.settle()
    assert not list((tmp_path / "Résultats").iterdir())


def test_a_results_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    preferences.preferences().results_folder = str(tmp_path / "file")
    with pytest.raises(RuntimeError, match="cannot be written"):
        ops.generate(wait=True)
    assert service.session.job is None


@pytest.mark.parametrize("name", ["scene.json", "splats.ply", "points.ply", "mesh.glb"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_result_is_told_and_nothing_is_made(scene, tmp_path, name, damage):
    layout = layout_mesh.read_layout(bpy.context.object)
    fake_engine.write_town(tmp_path / "r", layout, {"seed": 1, "layout_hash": layout.hash()})
    path = tmp_path / "r" / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    before = len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.collections)
    with pytest.raises(RuntimeError, match="Generate the place again|Choose the folder of a result"):
        ops.import_result(directory=str(tmp_path / "r"))
    assert (len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.collections)) == before


def test_the_engines_python_is_found_or_asked_for(tmp_path, monkeypatch):
    prefs = preferences.preferences()
    monkeypatch.setattr(prefs, "engine_python", "")
    monkeypatch.delenv("EARTHCRAFTER_PYTHON", raising=False)
    with pytest.raises(errors.EarthCrafterError, match="Preferences"):
        preferences.engine_python(prefs)
    monkeypatch.setenv("EARTHCRAFTER_PYTHON", str(tmp_path / "none"))
    with pytest.raises(errors.EarthCrafterError, match="no Python at"):
        preferences.engine_python(prefs)
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").touch()
    monkeypatch.setenv("EARTHCRAFTER_PYTHON", str(tmp_path / "env"))
    assert preferences.engine_python(prefs) == tmp_path / "env" / "bin" / "python"


def test_parts_are_shown_and_hidden(scene):
    ops.generate(wait=True)
    collection = place(scene)
    ops.show_part(kind="points", collection=collection.name)
    points = result_import.part(collection, "points")
    assert not points.hide_viewport and not points.hide_render
    ops.show_part(kind="points", collection=collection.name)
    assert points.hide_viewport and points.hide_render


def test_retexture_makes_another_place_from_the_kept_one(scene):
    layout = bpy.context.object
    with pytest.raises(RuntimeError, match="no place to texture again"):
        ops.retexture(wait=True)
    ops.generate(wait=True)
    first = place(scene)
    scene.earthcrafter.seed = 9
    assert ops.retexture(wait=True, collection=first.name) == {"FINISHED"}
    kept, made = result_import.places(scene)
    assert kept == first and kept.hide_viewport and not made.hide_viewport
    told = json.loads((Path(made["earthcrafter_folder"]) / "scene.json").read_text())
    assert told["seed"] == 9 and told["retextured"] == Path(first["earthcrafter_folder"]).name
    mesh = result_import.part(made, "mesh")
    assert tuple(mesh.matrix_world.translation) == (100, 50, 3) and made["earthcrafter_layout"] == layout.name


def test_retexture_of_a_result_that_is_gone(scene):
    ops.generate(wait=True)
    shutil.rmtree(place(scene)["earthcrafter_folder"])
    scene.earthcrafter.seed = 10
    with pytest.raises(RuntimeError, match="holds no generated scene"):
        ops.retexture(wait=True)
    assert len(result_import.places(scene)) == 1


def test_an_import_that_fails_half_way_leaves_nothing(scene, tmp_path, monkeypatch):
    layout = layout_mesh.read_layout(bpy.context.object)
    fake_engine.write_town(tmp_path / "r", layout, {"seed": 1, "layout_hash": layout.hash()})
    before = len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.collections)

    def fails():
        raise ValueError("a Blender that moved something")

    monkeypatch.setattr(splat_nodes, "splats_group", fails)
    with pytest.raises(RuntimeError, match="moved something"):
        ops.import_result(directory=str(tmp_path / "r"))
    assert (len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.collections)) == before


def test_a_large_mesh_comes_in_strips_that_lose_nothing(scene, tmp_path, monkeypatch):
    arrays, files = addon.part("mesh_arrays"), addon.part("glb_file")
    layout = layout_mesh.read_layout(bpy.context.object)
    fake_engine.write_town(tmp_path / "r", layout, {"seed": 1, "layout_hash": layout.hash()})
    surface = files.read_place(tmp_path / "r" / "mesh.glb").parts[0].surface
    strips = arrays.strips(surface, 200)
    assert len(strips) == -(-len(surface.triangles) // 200) > 1
    corners = np.concatenate([s.vertices[s.triangles].reshape(-1, 9) for s in strips])
    whole = surface.vertices[surface.triangles].reshape(-1, 9)
    assert np.array_equal(corners[np.lexsort(corners.T)], whole[np.lexsort(whole.T)])
    east = [s.vertices[s.triangles[:, 0], 0] for s in strips]
    assert all(a.max() <= b.min() for a, b in zip(east, east[1:]))
    monkeypatch.setattr(arrays.strips, "__defaults__", (200,))
    ops.import_result(directory=str(tmp_path / "r"))
    meshes = result_import.parts(place(scene), "mesh")
    assert len(meshes) == len(strips) and not any(m.data.validate() for m in meshes)
    ops.show_part(kind="mesh", collection=place(scene).name)
    assert all(m.hide_viewport for m in meshes)
