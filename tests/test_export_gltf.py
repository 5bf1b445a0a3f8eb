from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import outside_tools
import pytest
import mesh_shapes
import small_scene
from PIL import Image

from earthcrafter_core.convert.mesh import build_mesh
from earthcrafter_core.errors import BadInput, WriteError
from earthcrafter_core.export import axes
from earthcrafter_core.export.corners import indexed
from earthcrafter_core.export.gltf import GlbOptions, collision_name, glb_bytes, screen_coverage, write_glb
from earthcrafter_core.mesh.place import Hull, PlaceMesh
from earthcrafter_core.mesh.surface import surface_place
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.colour import srgb_to_linear

pygltflib = pytest.importorskip("pygltflib")


def coarser(place: PlaceMesh) -> PlaceMesh:
    """A level of the terrain and one house alone."""
    return PlaceMesh([mesh_shapes.terrain(8), place.parts[4]], place.textures, place.instances)


HULLS = [Hull("house_001", 0, mesh_shapes.box_corners((4, 4, 0), (12, 10, 6)), mesh_shapes.BOX_FACES),
         Hull("terrain", 0, mesh_shapes.terrain(8).vertices, mesh_shapes.terrain(8).faces, convex=False)]


def load(data: bytes):
    return pygltflib.GLTF2().load_from_bytes(data)


def array(document, index: int) -> np.ndarray:
    """An accessor's values, read apart from our code."""
    a = document.accessors[index]
    view = document.bufferViews[a.bufferView]
    dtype = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[a.componentType]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[a.type]
    start = view.byteOffset + a.byteOffset
    return np.frombuffer(document.binary_blob(), dtype, a.count * width, start).reshape(-1, width)


def nodes(document) -> dict:
    return {n.name: n for n in document.nodes}


@pytest.fixture(scope="module")
def place() -> PlaceMesh:
    return mesh_shapes.place()


@pytest.fixture(scope="module")
def document(place):
    return load(glb_bytes(place))


def test_a_node_for_each_part(place, document):
    root = document.nodes[document.scenes[0].nodes[0]]
    assert root.name == "place"
    assert [document.nodes[k].name for k in root.children] == [p.name for p in place.parts]
    house = nodes(document)["house_001"]
    assert document.meshes[house.mesh].name == "house_001"
    assert house.extras == {"kind": "building", "class_id": sem.HOUSE, "height": 6.4, "base": -0.4, "area": 48.0}


def test_what_a_part_holds(place, document):
    """Every triangle comes back, in its place, with normals, classes and texture coordinates or colours."""
    for part in place.parts:
        seen = []
        for primitive in document.meshes[nodes(document)[part.name].mesh].primitives:
            material = document.materials[primitive.material]
            class_id = material.extras["class_id"]
            position = array(document, primitive.attributes.POSITION)
            normal = array(document, primitive.attributes.NORMAL)
            triangles = array(document, primitive.indices).reshape(-1, 3)
            assert np.allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)
            accessor = document.accessors[primitive.attributes.POSITION]
            assert np.allclose(accessor.min, position.min(0)) and np.allclose(accessor.max, position.max(0))
            corner = axes.GLTF.inverse().points(position)[triangles]
            faces = part.face_class == class_id
            assert np.allclose(corner, part.vertices[part.faces[faces]], atol=1e-5)
            assert np.allclose(axes.GLTF.inverse().directions(normal)[triangles], part.corner_normal[faces], atol=0.01)
            if part.texture:
                uv = array(document, primitive.attributes.TEXCOORD_0)[triangles]
                assert np.allclose(uv[..., 0], part.uv[faces][..., 0], atol=1e-5)
                assert np.allclose(uv[..., 1], 1 - part.uv[faces][..., 1], atol=1e-5)
                assert primitive.attributes.COLOR_0 is None
            else:
                color = array(document, primitive.attributes.COLOR_0)[triangles] / 65535
                assert np.allclose(color[..., :3], srgb_to_linear(part.corner_color[faces]), atol=1e-4)
                assert (color[..., 3] == 1).all() and primitive.attributes.TEXCOORD_0 is None
            seen.append(class_id)
        assert seen == np.unique(part.face_class).tolist()


def test_corners_that_agree_share_a_vertex(place):
    lawn = place.parts[0]
    assert len(indexed(lawn, np.ones(len(lawn.faces), bool)).position) > len(lawn.vertices)  # flat: corners differ
    smooth = mesh_shapes.terrain()
    smooth.corner_normal[:] = [0, 0, 1]
    assert len(indexed(smooth, np.ones(len(smooth.faces), bool)).position) == len(smooth.vertices)


def test_normals_that_are_no_directions_point_up(place):
    part = mesh_shapes.house(1, (0, 0, 0), (1, 1, 1))
    part.corner_normal[0] = 0
    assert (indexed(part, np.array([0])).normal == [0, 0, 1]).all()


def test_materials_and_textures(place, document):
    by_name = {m.name: m for m in document.materials}
    assert set(by_name) == {"lawn", "road", "house", "water", "bridge", "broadleaf"}
    assert [by_name[n].doubleSided for n in ("lawn", "water", "broadleaf", "house", "bridge")] == [True] * 3 + [False] * 2
    assert by_name["water"].pbrMetallicRoughness.roughnessFactor == 0.08
    pbr = by_name["house"].pbrMetallicRoughness
    assert pbr.metallicFactor == 0 and pbr.roughnessFactor == 1  # the texture's own
    picture = document.images[document.textures[pbr.metallicRoughnessTexture.index].source]
    assert (picture.mimeType, picture.name) == ("image/png", "buildings_roughness")
    ground = {by_name[n].pbrMetallicRoughness.baseColorTexture.index for n in ("lawn", "road")}
    assert len(ground) == 1

    def pixels(index: int) -> np.ndarray:
        view = document.bufferViews[document.images[document.textures[index].source].bufferView]
        return np.asarray(Image.open(io.BytesIO(document.binary_blob()[view.byteOffset:view.byteOffset + view.byteLength])))

    assert np.array_equal(pixels(pbr.metallicRoughnessTexture.index), place.textures["buildings"].roughness)
    difference = pixels(pbr.baseColorTexture.index).astype(int) - place.textures["buildings"].color
    assert pixels(pbr.baseColorTexture.index).shape == (40, 48, 3) and np.abs(difference).mean() < 6
    exact = load(glb_bytes(place, GlbOptions(lossless=True)))
    assert {i.mimeType for i in exact.images} == {"image/png"}


def test_a_class_with_and_without_a_texture(place):
    mixed = mesh_shapes.place()
    plain = mesh_shapes.house(3, (1, 15, 0), (3, 18, 3))
    mixed.parts.insert(0, plain)
    document = load(glb_bytes(mixed))
    assert {"house", "house_vertex"} <= {m.name for m in document.materials}
    primitive = document.meshes[nodes(document)["house_003"].mesh].primitives[0]
    assert document.materials[primitive.material].name == "house_vertex"
    shared = mesh_shapes.place()  # a second texture of one class
    shared.parts[4].texture, shared.textures["buildings_2"] = "buildings_2", shared.textures["buildings"]
    names = [m.name for m in load(glb_bytes(shared)).materials]
    assert "house" in names and "house_2" in names and len(set(names)) == len(names)


def test_levels_by_extension(place):
    document = load(glb_bytes(place, levels=[coarser(place)]))
    assert document.extensionsUsed == ["MSFT_lod"]
    by_name = nodes(document)
    lod = by_name["terrain"].extensions["MSFT_lod"]["ids"]
    assert [document.nodes[k].name for k in lod] == ["terrain_LOD1"]
    assert by_name["terrain"].extras["MSFT_screencoverage"] == screen_coverage([0, 1]) == [0.25, 0.0]
    assert by_name["house_001"].extensions == {}  # the level has none: the finest stays
    assert by_name["house_002"].extensions == {}  # the level's is the same
    assert "terrain_LOD1" not in [document.nodes[k].name for k in document.nodes[0].children]


def test_a_part_that_stays_the_same_for_a_level(place):
    document = load(glb_bytes(place, levels=[PlaceMesh(place.parts[:1], {}, place.instances), coarser(place)]))
    terrain = nodes(document)["terrain"]
    assert [document.nodes[k].name for k in terrain.extensions["MSFT_lod"]["ids"]] == ["terrain_LOD2"]
    assert terrain.extras["MSFT_screencoverage"] == [0.0625, 0.0]


def test_levels_as_nodes(place):
    document = load(glb_bytes(place, GlbOptions(levels="nodes"), levels=[coarser(place), coarser(place)]))
    children = [document.nodes[k].name for k in document.nodes[0].children]
    assert {"terrain", "terrain_LOD1", "terrain_LOD2"} <= set(children) and "house_002_LOD1" not in children
    assert not document.extensionsUsed


@pytest.mark.parametrize("engine, expected", [("unreal", {"UCX_house_001_00", "terrain_collision"}),
                                              ("godot", {"house_001_00-convcolonly", "terrain-colonly"})])
def test_collision_meshes(place, engine, expected):
    document = load(glb_bytes(place, GlbOptions(collision_names=engine), hulls=HULLS))
    assert {collision_name(h, engine) for h in HULLS} == expected
    node = nodes(document)[collision_name(HULLS[0], engine)]
    primitive = document.meshes[node.mesh].primitives[0]
    assert primitive.material is None and document.accessors[primitive.indices].count == 36
    assert node.extras == {"kind": "collision", "of": "house_001"}


def test_where_the_place_lies():
    place = mesh_shapes.place()
    place.about = {"crs": "EPSG:32633", "origin": [400000.0, 5800000.0]}
    assert load(glb_bytes(place)).nodes[0].extras == {"crs": "EPSG:32633", "origin": [400000.0, 5800000.0]}


def test_same_bytes(place):
    assert glb_bytes(mesh_shapes.place()) == glb_bytes(place)


def test_the_plain_surface():
    voxels, splats, _ = small_scene.scene()
    mesh = build_mesh(voxels, splats)
    document = load(glb_bytes(surface_place(mesh)))
    assert [n.name for n in document.nodes] == ["place", "surface"]
    count = sum(document.accessors[p.indices].count for p in document.meshes[0].primitives)
    assert count == 3 * len(mesh.faces)


def test_cancelling(place):
    def stop() -> None:
        raise InterruptedError
    with pytest.raises(InterruptedError):
        glb_bytes(place, check=stop)


def test_bad_options():
    for wrong in ({"levels": "x"}, {"collision_names": "x"}, {"quality": 0}):
        with pytest.raises(BadInput):
            GlbOptions(**wrong)


def test_written_as_a_whole_or_not_at_all(place, tmp_path):
    write_glb(tmp_path / "a.glb", place)
    assert (tmp_path / "a.glb").read_bytes() == glb_bytes(place)
    (tmp_path / "b.glb").mkdir()
    (tmp_path / "b.glb" / "x").write_text("")
    for target in (tmp_path / "b.glb", tmp_path / "none" / "c.glb"):
        with pytest.raises(WriteError):
            write_glb(target, place)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.glb", "b.glb"]


def test_trimesh_reads_it(place, tmp_path):
    trimesh = pytest.importorskip("trimesh")
    write_glb(tmp_path / "a.glb", place, hulls=HULLS[:1])
    scene = trimesh.load(tmp_path / "a.glb")
    assert sum(len(g.faces) for g in scene.geometry.values()) == place.triangles() + 12
    assert np.allclose(scene.bounds, [[0, -0.4, -32], [32, 8, 0]], atol=2.1)


def test_the_khronos_validator_has_no_complaint(place, tmp_path):
    outside_tools.modules()
    files: list[Path] = []
    for name, options, levels, hulls in (("plain", None, [], []), ("lod", None, [coarser(place)], HULLS),
                                         ("nodes", GlbOptions("nodes", "godot", lossless=True), [coarser(place)], HULLS)):
        files.append(tmp_path / f"{name}.glb")
        write_glb(files[-1], place, options, levels, hulls)
    voxels, splats, _ = small_scene.scene()
    files.append(tmp_path / "surface.glb")
    write_glb(files[-1], surface_place(build_mesh(voxels, splats)))
    outside_tools.assert_valid_gltf(*files)


def test_the_khronos_validator_sees_faults(place, tmp_path):
    data = bytearray(glb_bytes(place))
    at = data.index(b'"byteStride":12')
    data[at:at + 15] = b'"byteStride":52'
    (tmp_path / "bad.glb").write_bytes(data)
    with pytest.raises(AssertionError, match="ACCESSOR"):
        outside_tools.assert_valid_gltf(tmp_path / "bad.glb")
