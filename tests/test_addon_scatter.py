"""A class of a place is replaced by a collection's objects: each on its thing, of its size, and taken back again."""
from __future__ import annotations

import numpy as np
import pytest

import addon  # before bpy
import fake_engine
import small_place
from earthcrafter_core.mesh.planting.plants_file import write_plants
from earthcrafter_core.scene.instances import Instances
from earthcrafter_core.scene.layout import Layout

bpy = pytest.importorskip("bpy")
from mathutils import Matrix  # noqa: E402 - bpy makes it known

addon.enable()
result_import, scatter, scatter_items, scatter_points, default_plants, visibility = (addon.part(n) for n in (
    "result_import", "scatter", "scatter_items", "scatter_points", "default_plants", "class_visibility"))
ops = bpy.ops.earthcrafter
HOUSE, ROAD, LAWN, SHRUB, BROADLEAF, CONIFER = 1, 7, 12, 14, 15, 16
PLANTS = Instances(np.array([[13.5, 11.5, 1], [18.5, 11.5, 1.2], [23.5, 15.5, 1.1], [3, 28, 1]]), np.float32([6, 5, 8, 1]),
                   np.float32([3, 3.5, 4, 2]), np.float32([0.1, 2, 4, 1]), np.uint8([15, 15, 15, 14]),
                   np.uint8([[60, 110, 40], [200, 30, 20], [20, 60, 20], [90, 90, 20]]))


@pytest.fixture
def place(tmp_path):
    """A place with clean meshes and plants, brought in 100 m east, turned by a quarter."""
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("preferences").preferences().mesh_objects = "PARTS"
    folder = tmp_path / "r"
    fake_engine.write_town(folder, Layout(np.full((32, 32), LAWN, np.uint8)), {"seed": 4, "layout_source": "Town"})
    small_place.write(folder / "mesh.glb")
    write_plants(folder / "plants.npz", PLANTS)
    assert ops.import_result(directory=str(folder)) == {"FINISHED"}
    found = result_import.places(bpy.context.scene)[-1]
    result_import.place(found, Matrix.Translation((100, 0, 0)) @ Matrix.Rotation(np.pi / 2, 4, "Z"))
    return found


def box(name, size, low=(0.0, 0.0, 0.0)):
    """A box object whose lowest corner lies at `low`, not linked."""
    corners = np.array([[k & 1, k >> 1 & 1, k >> 2] for k in range(8)]) * size + low
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners.tolist(), [], [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)])
    return bpy.data.objects.new(name, mesh)


def collection(name, *objects):
    made = bpy.data.collections.new(name)
    for obj in objects:
        made.objects.link(obj)
    return made


def shown(place, obj):
    """Of each instance that an object shows: name, lowest and highest corner in the place's own axes."""
    graph, found = bpy.context.evaluated_depsgraph_get(), []
    into = np.array(scatter_points.place_matrix(place).inverted())
    for instance in graph.object_instances:
        if instance.is_instance and instance.parent.original == obj and instance.object.data is not None:
            corners = np.array([instance.matrix_world @ v.co for v in instance.object.data.vertices])
            corners = np.c_[corners, np.ones(len(corners))] @ into.T
            found.append((instance.object.original.name, corners[:, :3].min(0), corners[:, :3].max(0)))
    return found


def visible_faces(obj):
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    count = len(mesh.polygons)
    evaluated.to_mesh_clear()
    return count


def mesh_of(place, name):
    return next(o for o in place.objects if o.name == name)


def test_every_tree_becomes_an_object_of_its_height_and_width(place):
    source = collection("Posts", box("Post", (2.0, 2.0, 4.0), (7, -3, 1)))  # off its origin
    crowns = mesh_of(place, "broadleaf")
    assert visible_faces(crowns) > 0
    assert ops.replace_class(class_id=BROADLEAF, source="Posts") == {"FINISHED"}
    bpy.context.view_layer.update()
    obj = scatter.stand_ins(place)[BROADLEAF]
    found = shown(place, obj)
    assert [name for name, *_ in found] == ["Post"] * 3 and scatter.source_of(obj) == source.name
    for (_, low, high), foot, height, width, turn in zip(found, PLANTS.position, PLANTS.height, PLANTS.width, PLANTS.turn):
        np.testing.assert_allclose((low + high)[:2] / 2, foot[:2], atol=1e-4)
        np.testing.assert_allclose([low[2], high[2]], [foot[2], foot[2] + height], atol=1e-4)
        reach = width * (abs(np.cos(turn)) + abs(np.sin(turn)))  # of a square that is turned
        np.testing.assert_allclose((high - low)[:2], reach, atol=1e-3)
    assert visible_faces(crowns) == 0 and visible_faces(mesh_of(place, "house_001")) == 12
    attributes = {a.name for a in obj.data.attributes}
    assert {"height", "width", "turn", "earthcrafter_class", "Col"} <= attributes
    assert obj.data.color_attributes["Col"].data[1].color[0] > 0.5


def test_taking_back_leaves_nothing_and_undo_is_one_step(place):
    before = len(bpy.data.objects), len(bpy.data.meshes)
    collection("Posts", box("Post", (1, 1, 1)))
    ops.replace_class(class_id=BROADLEAF, source="Posts")
    ops.replace_class(class_id=BROADLEAF, source="Posts", fit="KEEP")  # again: in place of the first
    assert list(scatter.stand_ins(place)) == [BROADLEAF] and visibility.replaced(place) == {BROADLEAF}
    assert ops.take_back_class(class_id=BROADLEAF) == {"FINISHED"}
    assert not scatter.stand_ins(place) and not visibility.replaced(place)
    assert (len(bpy.data.objects) - 1, len(bpy.data.meshes) - 1) == before  # the post
    assert visible_faces(mesh_of(place, "broadleaf")) > 0
    assert not mesh_of(place, "broadleaf").modifiers
    assert ops.take_back_class(class_id=BROADLEAF) == {"CANCELLED"}


def test_a_class_toggle_hides_the_stand_in_too(place):
    collection("Posts", box("Post", (1, 1, 1)))
    ops.replace_class(class_id=BROADLEAF, source="Posts")
    obj = scatter.stand_ins(place)[BROADLEAF]
    ops.show_class(class_id=BROADLEAF)
    bpy.context.view_layer.update()
    assert not shown(place, obj)
    ops.show_class(class_id=BROADLEAF)
    bpy.context.view_layer.update()
    assert len(shown(place, obj)) == 3 and visible_faces(mesh_of(place, "broadleaf")) == 0


def test_houses_are_replaced_as_they_stand_long_side_along(place):
    house = mesh_of(place, "house_001")
    for name, value in {"length": 8.0, "width": 6.0, "angle": 0.0}.items():
        house[name] = value
    other = mesh_of(place, "house_002")
    other["length"], other["width"], other["angle"] = 8.0, 6.0, 0.0
    house.matrix_world = house.matrix_world @ Matrix.Translation((2, 0, 0)) @ Matrix.Diagonal((1, 1, 2, 1))  # an artist's edit
    collection("Barns", box("Barn", (3.0, 9.0, 2.0)))  # its long side is y
    assert ops.replace_class(class_id=HOUSE, source="Barns") == {"FINISHED"}
    bpy.context.view_layer.update()
    found = sorted(shown(place, scatter.stand_ins(place)[HOUSE]), key=lambda f: f[1][0])
    np.testing.assert_allclose([found[0][1], found[0][2]], [[6, 4, 1], [14, 10, 11]], atol=1e-3)
    np.testing.assert_allclose([found[1][1], found[1][2]], [[18, 20, 1], [26, 26, 6]], atol=1e-3)
    assert visible_faces(house) == visible_faces(other) == 0


def test_houses_are_found_by_the_file_where_the_mesh_is_one(tmp_path, place):
    ops.import_result(directory=place["earthcrafter_folder"], mesh_objects="ONE")
    one = result_import.places(bpy.context.scene)[-1]
    collection("Barns", box("Barn", (4.0, 4.0, 4.0)))
    whole = visible_faces(result_import.part(one, "mesh"))
    assert ops.replace_class(class_id=HOUSE, source="Barns", collection=one.name, fit="KEEP") == {"FINISHED"}
    feet = np.array([v.co for v in scatter.stand_ins(one)[HOUSE].data.vertices])
    np.testing.assert_allclose(feet, [[8, 7, 1], [22, 23, 1]], atol=1e-5)
    assert visible_faces(result_import.part(one, "mesh")) == whole - 24


def test_ground_keeps_its_surface_and_has_objects_apart_on_it(place):
    collection("Stones", box("Stone", (0.2, 0.2, 0.2)))
    ground = mesh_of(place, "terrain")
    faces = visible_faces(ground)
    assert ops.replace_class(class_id=LAWN, source="Stones", spacing=2.0) == {"FINISHED"}
    at = np.array([v.co for v in scatter.stand_ins(place)[LAWN].data.vertices])
    away = np.linalg.norm(at[:, None] - at[None], axis=2) + 1e9 * np.eye(len(at))
    assert len(at) > 100 and away.min() >= 2.0
    assert not ((at[:, 1] > 16) & (at[:, 1] < 20)).any()  # the road
    np.testing.assert_allclose(at[:, 2], 1 + 0.01 * at[:, 0], atol=1e-3)
    assert visible_faces(ground) == faces
    again = at.tobytes()
    ops.replace_class(class_id=LAWN, source="Stones", spacing=2.0)
    assert np.array([v.co for v in scatter.stand_ins(place)[LAWN].data.vertices]).tobytes() == again


def test_nothing_is_spread_under_buildings(place):
    collection("Stones", box("Stone", (0.2, 0.2, 0.2)))
    ops.replace_class(class_id=LAWN, source="Stones", spacing=1.0)
    at = np.array([low for _, low, _ in shown(place, scatter.stand_ins(place)[LAWN])])
    assert len(at) > 300
    for x, y in small_place.HOUSES:  # 8 x 6 m, the stones stand by their lowest corner
        assert not ((at[:, 0] > x) & (at[:, 0] < x + 7.7) & (at[:, 1] > y) & (at[:, 1] < y + 5.7)).any()
        assert ((np.abs(at[:, 0] - x - 4) < 6) & (np.abs(at[:, 1] - y - 3) < 5)).any(), "but beside them"


def test_more_things_than_a_place_can_hold_are_refused(place, monkeypatch):
    collection("Stones", box("Stone", (0.2, 0.2, 0.2)))
    monkeypatch.setattr(scatter_points, "MOST", 5000)
    with pytest.raises(RuntimeError, match="spacing of at least 0.4 m"):
        ops.replace_class(class_id=LAWN, source="Stones", spacing=0.2)


def test_the_item_of_an_instance_is_the_one_that_was_chosen_for_it(place):
    """Names that sort differently by letters, and items of a child collection, an instance of one, and a light."""
    names = ["tree 10", "Tree 9", "a.001", "a 1", "B", "tree 9a", "tree09", "_x", "z"]
    source = collection("Wood", *(box(name, (1, 1, k + 1)) for k, name in enumerate(names)))
    source.objects.link(bpy.data.objects.new("m lamp", bpy.data.lights.new("m lamp", "POINT")))
    source.children.link(collection("k group", box("inner", (1, 1, 20.0), (50, 0, 0))))
    empty = bpy.data.objects.new("c instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection("far", box("deep", (1, 1, 30.0), (0, 9, 2)))
    source.objects.link(empty)
    items = scatter_items.items_of(source)
    order = sorted([*names, "m lamp", "k group", "c instance"], key=scatter_items.natural_key)
    assert [order[k] for k in items.usable] == [n for n in order if n != "m lamp"]
    height = {**{n: k + 1 for k, n in enumerate(names)}, "k group": 20, "c instance": 30}
    np.testing.assert_allclose(items.size[:, 2], [height[order[k]] for k in items.usable], atol=1e-5)

    folder = place["earthcrafter_folder"]
    count = 200
    x = np.linspace(1, 31, count)
    many = Instances(np.stack([x, x, 0 * x], 1), np.full(count, 3, np.float32), np.full(count, 3, np.float32),
                     np.zeros(count, np.float32), np.full(count, CONIFER, np.uint8), np.zeros((count, 3), np.uint8))
    write_plants(addon.Path(folder) / "plants.npz", many)
    ops.replace_class(class_id=CONIFER, source="Wood", fit="KEEP", seed=3)
    bpy.context.view_layer.update()
    obj = scatter.stand_ins(place)[CONIFER]
    number = np.empty(count, np.int32)
    obj.data.attributes["item"].data.foreach_get("value", number)
    expected = sorted({"k group": "inner", "c instance": "deep"}.get(order[k], order[k]) for k in number)
    found = shown(place, obj)
    assert len(set(number.tolist())) == len(items.usable) and sorted(n for n, *_ in found) == expected
    for name, low, high in found:
        assert abs(low[2]) < 1e-3, name
        foot = (low + high)[:2] / 2
        assert abs(foot[0] - foot[1]) < 1e-3 and np.abs(x - foot[0]).min() < 1e-3, name


def test_items_that_suit_are_chosen_and_proportions_can_be_kept():
    items = scatter_items.Items(np.array([0, 2]), np.array([[4.0, 4, 8], [12, 4, 4]]), np.zeros((2, 3)))
    size = np.array([[2.0, 2, 4], [24, 8, 8], [2, 2, 40]])
    stretched = scatter_items.fitted(items, size, np.zeros(3), "STRETCH", 0)
    assert stretched.number.tolist() == [0, 2, 0]
    np.testing.assert_allclose(stretched.scale, [[0.5] * 3, [2] * 3, [0.5, 0.5, 5]])
    kept = scatter_items.fitted(items, size, np.zeros(3), "PROPORTIONS", 0)
    np.testing.assert_allclose(kept.scale, [[0.5] * 3, [2] * 3, [0.5] * 3])  # no wider than its place
    assert np.array_equal(scatter_items.fitted(items, size, np.zeros(3), "KEEP", 0).scale, np.ones((3, 3)))


@pytest.mark.parametrize("class_id", [BROADLEAF, SHRUB])
def test_the_plants_that_ship_stand_on_the_ground_with_leaves_and_bark(place, class_id):
    assert ops.replace_class(class_id=class_id) == {"FINISHED"}
    bpy.context.view_layer.update()
    source = default_plants.default_collection(class_id)
    assert len(source.objects) == 3 and default_plants.default_collection(class_id) == source
    assert source.name not in {c.name for c in bpy.context.scene.collection.children_recursive}
    for _, low, high in shown(place, scatter.stand_ins(place)[class_id]):
        rows = np.flatnonzero(PLANTS.class_id == class_id)
        near = rows[np.linalg.norm(PLANTS.position[rows, :2] - (low + high)[:2] / 2, axis=1).argmin()]
        np.testing.assert_allclose([low[2], high[2]], PLANTS.position[near, 2] + [0, PLANTS.height[near]], atol=0.01)
    for obj in source.objects:
        assert not obj.data.validate() and 200 < len(obj.data.polygons) < 6000
        corner = np.array([v.co for v in obj.data.vertices])
        assert corner[:, 2].min() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("bad, sentence", [
    ({"class_id": HOUSE}, "Choose a collection first"), ({"class_id": BROADLEAF, "source": "None"}, "no collection named"),
    ({"class_id": CONIFER, "source": "Posts"}, "nothing of the class Conifers"),
    ({"class_id": BROADLEAF, "source": "Empty"}, "holds nothing that can be seen")])
def test_what_cannot_be_replaced_says_why_and_changes_nothing(place, bad, sentence):
    collection("Posts", box("Post", (1, 1, 1)))
    collection("Empty", bpy.data.objects.new("Nothing", None))
    before = len(bpy.data.objects), visible_faces(mesh_of(place, "broadleaf"))
    with pytest.raises(RuntimeError, match=sentence):
        ops.replace_class(**bad)
    assert (len(bpy.data.objects), visible_faces(mesh_of(place, "broadleaf"))) == before


def test_a_place_cannot_be_scattered_over_itself_and_one_without_plants_file_says_so(place):
    with pytest.raises(RuntimeError, match="holds the place itself"):
        ops.replace_class(class_id=BROADLEAF, source=place.name)
    (addon.Path(place["earthcrafter_folder"]) / "plants.npz").unlink()
    with pytest.raises(RuntimeError, match="before plants were told apart. Generate it again"):
        ops.replace_class(class_id=BROADLEAF)


def test_a_plain_surface_says_that_it_has_no_buildings(place):
    folder = addon.Path(place["earthcrafter_folder"])
    fake_engine.write_town(folder, Layout(np.full((32, 32), HOUSE, np.uint8)), {"seed": 4})  # with a surface of one class
    ops.import_result(directory=str(folder))
    surface = result_import.places(bpy.context.scene)[-1]
    surface["earthcrafter_classes"] = [HOUSE]
    collection("Posts", box("Post", (1, 1, 1)))
    with pytest.raises(RuntimeError, match="one plain surface: no building stands for itself. Generate it again, with Mesh"):
        ops.replace_class(class_id=HOUSE, source="Posts", collection=surface.name)
    with pytest.raises(RuntimeError, match="nothing of the class Apartment block"):
        ops.replace_class(class_id=2, source="Posts", collection=place.name)


def test_stand_ins_go_with_their_place(place):
    ops.replace_class(class_id=BROADLEAF)
    points = {o.data.name for o in scatter.stand_ins(place).values()}
    assert ops.delete_place(collection=place.name) == {"FINISHED"}
    assert not points & {m.name for m in bpy.data.meshes}
    assert not [o for o in bpy.data.objects if "earthcrafter_stands_in" in o]
