from __future__ import annotations

import numpy as np
import pytest

from earthcrafter_core.errors import BadInput
from earthcrafter_core.export import axes
from earthcrafter_core.scene.splats import Splats, quaternions, rotation_matrices

RNG = np.random.default_rng(5)
RIGHT_HANDED = [a for a in axes.ALL if not a.mirrored]


def ids(a: axes.Axes) -> str:
    return a.name


def turns(n: int) -> np.ndarray:
    q = RNG.normal(size=(n, 4))
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def same_rotation(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(np.abs((a * b).sum(-1)), 1, atol=1e-6))


@pytest.mark.parametrize("axis, east, north, up", [
    (axes.OURS, (1, 0, 0), (0, 1, 0), (0, 0, 1)), (axes.USD, (1, 0, 0), (0, 1, 0), (0, 0, 1)),
    (axes.GLTF, (1, 0, 0), (0, 0, -1), (0, 1, 0)), (axes.SPLATS, (1, 0, 0), (0, 0, 1), (0, -1, 0)),
    (axes.UNREAL, (100, 0, 0), (0, -100, 0), (0, 0, 100))])
def test_where_east_north_and_up_go(axis, east, north, up):
    assert np.array_equal(axis.points(np.eye(3)), [east, north, up])


@pytest.mark.parametrize("axis", axes.ALL, ids=ids)
def test_there_and_back(axis):
    points, quat, back = RNG.normal(size=(4, 5, 3)) * 300, turns(20), axis.inverse()
    assert np.allclose(back.points(axis.points(points)), points)
    assert np.allclose(back.directions(axis.directions(points)), points)
    assert same_rotation(back.rotations(axis.rotations(quat)), quat)
    assert axis.points(points.astype(np.float32)).dtype == np.float32
    assert axis.points(np.array([[1, 2, 3]])).dtype == np.float64  # whole metres may become fractions of a unit


@pytest.mark.parametrize("axis", axes.ALL, ids=ids)
def test_faces_stay_outward(axis):
    tetrahedron = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    faces = axis.faces(np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    p = axis.points(tetrahedron)[faces]
    assert np.isclose((p[:, 0] * np.cross(p[:, 1], p[:, 2])).sum() / 6, axis.unit ** 3 / 6)


@pytest.mark.parametrize("axis", axes.ALL, ids=ids)
def test_a_turn_is_the_same_turn_from_other_axes(axis):
    quat, points = turns(9), RNG.normal(size=(9, 3))
    turned = np.einsum("nij,nj->ni", rotation_matrices(quat), points)
    there = np.einsum("nij,nj->ni", rotation_matrices(axis.rotations(quat)), axis.points(points))
    assert np.allclose(there, axis.points(turned))


def splats(terms: int) -> Splats:
    n = 12
    return Splats(RNG.normal(size=(n, 3)).astype(np.float32), RNG.normal(size=(n, 2)).astype(np.float32),
                  turns(n).astype(np.float32), RNG.normal(size=n).astype(np.float32),
                  RNG.normal(size=(n, terms, 3)).astype(np.float32), np.zeros(n, np.uint8))


@pytest.mark.parametrize("axis", RIGHT_HANDED, ids=ids)
@pytest.mark.parametrize("terms", [1, 4, 9, 16])
def test_splats_keep_their_form_and_colours(axis, terms):
    given = splats(terms)
    there = axis.splats(given)
    spread = [rotation_matrices(s.quat)[:, :, :2] * np.exp(s.log_scale)[:, None] for s in (given, there)]
    covariance = [s @ s.transpose(0, 2, 1) for s in spread]
    assert np.allclose(covariance[1], axis.matrix @ covariance[0] @ axis.matrix.T * axis.unit ** 2, atol=1e-4)
    assert np.allclose(there.normals(), axis.directions(given.normals()), atol=1e-5)
    seen = RNG.normal(size=(7, 3))
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    colour = [np.einsum("dk,nkc->ndc", axes._harmonics(d)[:, :terms - 1], s.sh[:, 1:]) for d, s in
              ((seen, given), (axis.directions(seen), there))]
    assert np.allclose(*colour, atol=1e-4)
    back = axis.inverse().splats(there)
    assert np.allclose(back.sh, given.sh, atol=1e-4) and np.allclose(back.mean, given.mean, atol=1e-5)
    assert same_rotation(back.quat, given.quat)


def test_a_left_handed_frame_holds_no_splats():
    with pytest.raises(ValueError, match="left-handed"):
        axes.UNREAL.splats(splats(1))


def test_harmonics_are_those_of_3dgs():
    """Against the sums of 3DGS's own constants, with each degree's common factor taken out."""
    x, y, z = d = np.array([0.36, 0.48, 0.8])
    c2, c3 = 0.31539156525252005, 0.3731763325901154
    second = np.array([1.0925484305920792 * x * y, -1.0925484305920792 * y * z, c2 * (2 * z * z - x * x - y * y),
                       -1.0925484305920792 * x * z, 0.5462742152960396 * (x * x - y * y)]) / c2
    third = np.array([-0.5900435899266435 * y * (3 * x * x - y * y), 2.890611442640554 * x * y * z,
                      -0.4570457994644658 * y * (4 * z * z - x * x - y * y), c3 * z * (2 * z * z - 3 * x * x - 3 * y * y),
                      -0.4570457994644658 * x * (4 * z * z - x * x - y * y), 1.445305721320277 * z * (x * x - y * y),
                      -0.5900435899266435 * x * (x * x - 3 * y * y)]) / c3
    assert np.allclose(axes._harmonics(d[None])[0], np.concatenate([[-y, z, -x], second, third]))


def test_orders_of_quaternions():
    q = quaternions(np.eye(3)[None])[0]
    assert axes.xyzw(q).tolist() == [0, 0, 0, 1] and axes.wxyz(axes.xyzw(q)).tolist() == q.tolist()


def test_v_runs_down_in_gltf():
    uv = RNG.random((5, 3, 2)).astype(np.float32)
    assert np.allclose(axes.flip_v(uv)[..., 1], 1 - uv[..., 1]) and np.allclose(axes.flip_v(axes.flip_v(uv)), uv)


@pytest.mark.parametrize("unit", [1.0, 1200 / 3937])
def test_places_on_the_earth(unit):
    at = axes.Georeference("EPSG:32633", (400_000.5 / unit, 5_800_000 / unit), unit)
    points = RNG.random((9, 3)) * 1000
    assert np.allclose(at.local(at.world(points)), points, atol=1e-6)
    assert np.array_equal(at.world(points)[:, 2], points[:, 2])
    assert at.epsg == 32633 and axes.Georeference().epsg is None and axes.Georeference("local grid").epsg is None
    scale, tie = at.raster((10, 20), 2.0)
    corner = (tie[3] + 20 * scale[0], tie[4] - 10 * scale[1])  # the south-east corner
    assert np.allclose(at.local(np.array(corner)), [40.0, 0.0], atol=1e-6)


def test_the_origin_of_a_scene():
    assert axes.georeference({}) == axes.Georeference()
    assert axes.georeference({"crs": None, "origin": None}) == axes.Georeference()
    assert axes.georeference({"crs": "EPSG:7856", "origin": [3, 4.5]}) == axes.Georeference("EPSG:7856", (3.0, 4.5))
    for damaged in ({"origin": [1]}, {"origin": "x"}, {"origin": 5}):
        with pytest.raises(BadInput, match="origin"):
            axes.georeference(damaged)
