from __future__ import annotations

import numpy as np
import pytest
import small_scene
from small_scene import HOUSE, ROOF, SIZE, slope

from earthcrafter_core.convert.drape import drape
from earthcrafter_core.convert.mesh import Mesh, build_mesh
from earthcrafter_core.export.gltf import glb_bytes
from earthcrafter_core.mesh.surface import surface_place
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.colour import srgb_to_linear


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    voxels, splats, _ = small_scene.scene()
    return build_mesh(voxels, splats)


def face_normals(mesh: Mesh) -> np.ndarray:
    p = mesh.vertices[mesh.faces].astype(float)
    n = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    return n / np.linalg.norm(n, axis=1, keepdims=True)


def test_ground_is_flat_and_covers_the_whole_scene(mesh):
    road = np.isin(mesh.face_class, (sem.ROAD, sem.LAWN))
    p = mesh.vertices[mesh.faces[road]]
    flat = np.abs(face_normals(mesh)[road][:, 2]) > 0.999
    assert flat.mean() > 0.9
    assert np.abs(p[flat][..., 2]).max() < 0.1
    low, high = mesh.vertices[:, :2].min(0), mesh.vertices[:, :2].max(0)
    assert np.allclose(low, 0) and np.allclose(high, SIZE)


def test_roof_is_a_plane_and_walls_stand_upright(mesh):
    house = mesh.face_class == sem.HOUSE
    n = face_normals(mesh)[house]
    roof = n[:, 2] > 0.9
    centre = mesh.vertices[mesh.faces[house]].mean(1)
    off = np.abs(centre[roof][:, 2] - ROOF)
    assert np.median(off) < 0.05 and off.max() < 0.25  # the corners are a little round
    wall = (np.abs(n[:, 2]) < 0.3) & (centre[:, 2] > 1) & (centre[:, 2] < ROOF - 1)
    lean = np.abs(n[wall][:, 2])
    assert wall.any() and np.quantile(lean, 0.9) < 0.05 and lean.max() < 0.15  # the most at the corners under the roof


def test_winding_is_outward(mesh):
    n = face_normals(mesh)
    ground = np.isin(mesh.face_class, (sem.ROAD, sem.WATER))
    assert (n[ground][:, 2] > 0).all()
    house = mesh.face_class == sem.HOUSE
    centre = mesh.vertices[mesh.faces[house]].mean(1)
    middle = np.array([(HOUSE[1].start + HOUSE[1].stop) / 2, SIZE - (HOUSE[0].start + HOUSE[0].stop) / 2, ROOF / 2])
    assert ((centre - middle) * n[house]).sum(1).min() > -0.5
    assert (np.einsum("fkc,fc->fk", mesh.corner_normal, n) > 0).mean() > 0.999


def test_no_degenerate_faces_and_every_edge_has_at_most_two(mesh):
    assert (mesh.faces[:, 0] != mesh.faces[:, 1]).all() and (mesh.faces[:, 1] != mesh.faces[:, 2]).all()
    p = mesh.vertices[mesh.faces].astype(float)
    assert np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1).min() > 0
    ends = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), 1)
    edge, count = np.unique(ends, axis=0, return_counts=True)
    assert (count <= 2).mean() > 0.999
    x, y = mesh.vertices[edge[count == 1]][..., 0], mesh.vertices[edge[count == 1]][..., 1]
    border = (np.minimum(x, y).max(1) < 0.01) | (np.maximum(x, y).min(1) > SIZE - 0.01)
    assert border.all()  # open only at the scene's sides


def test_colours_are_those_of_the_classes(mesh):
    for class_id in (sem.ROAD, sem.HOUSE, sem.WATER):
        color = mesh.corner_color[mesh.face_class == class_id].astype(int)
        assert np.median(np.abs(color - sem.PALETTE[class_id])) < 4


def test_the_same_every_time(mesh):
    voxels, splats, _ = small_scene.scene()
    again = build_mesh(voxels, splats)
    assert glb_bytes(surface_place(again)) == glb_bytes(surface_place(mesh))


def test_crown_closes_and_hangs_over_its_ground_on_a_trunk(mesh):
    crown = mesh.face_class == sem.BROADLEAF
    n, centre = face_normals(mesh)[crown], mesh.vertices[mesh.faces[crown]].mean(1)
    trunk = centre[:, 2] < 2
    assert (n[~trunk][:, 2] < -0.5).any() and np.ptp(centre[~trunk][:, :2], 0).min() > 5
    assert trunk.any() and centre[:, 2].min() < 0.6 and np.ptp(centre[trunk][:, :2], 0).max() < 3
    ground = (mesh.face_class == sem.LAWN) & (np.abs(face_normals(mesh)[:, 2]) > 0.99)
    centre = mesh.vertices[mesh.faces[ground]].mean(1)
    assert (np.linalg.norm(centre[:, :2] - [30, SIZE - 9.5], axis=1) < 2).any()  # lawn below the crown


def test_sloped_ground_is_one_smooth_sheet():
    voxels, splats, ids = small_scene.scene()
    mesh = build_mesh(*drape(voxels, splats, ids, slope(0.2)))
    road = mesh.face_class == sem.ROAD
    centre = mesh.vertices[mesh.faces[road]].mean(1)
    inside = (centre[:, 0] > 2) & (centre[:, 0] < 16)
    assert np.abs(centre[inside, 2] - 0.2 * centre[inside, 0]).max() < 0.12
    assert face_normals(mesh)[road][inside][:, 2].min() > 0.9


def test_glb_is_read_by_another_tool(mesh, tmp_path):
    trimesh = pytest.importorskip("trimesh")
    (tmp_path / "mesh.glb").write_bytes(glb_bytes(surface_place(mesh)))
    scene = trimesh.load(tmp_path / "mesh.glb", process=False)
    parts = list(scene.geometry.values())
    assert len(parts) == len(np.unique(mesh.face_class))
    assert sum(len(p.faces) for p in parts) == len(mesh.faces)
    low = np.min([p.bounds[0] for p in parts], 0)
    high = np.max([p.bounds[1] for p in parts], 0)
    expected = mesh.vertices.min(0), mesh.vertices.max(0)
    assert np.allclose(low, [expected[0][0], expected[0][2], -expected[1][1]], atol=1e-3)
    assert np.allclose(high, [expected[1][0], expected[1][2], -expected[0][1]], atol=1e-3)


def test_linear_colours():
    assert np.allclose(srgb_to_linear(np.array([0, 255], np.uint8)), [0, 1])
    assert np.isclose(srgb_to_linear(np.array([188], np.uint8))[0], 0.5, atol=0.01)
