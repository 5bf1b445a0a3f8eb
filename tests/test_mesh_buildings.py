"""Closed buildings from columns and surfels: known forms come back, whatever their turn, and every solid is a solid."""
from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy import ndimage

from earthcrafter_core.mesh.building.buildings import SINK, building_parts
from earthcrafter_core.mesh.checks import report
from earthcrafter_core.mesh.columns import Columns
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.splats import Splats

SIDE = 64


def place(form, class_id: int = sem.HOUSE, ground=lambda x, y: 0 * x, side: int = SIDE):
    """Columns and surfels of one building; form(x, y) -> z of its roof, NaN where it is not."""
    fine = (np.arange(2 * side) + 0.5) / 2
    x, y = (p.ravel() for p in np.meshgrid(fine, fine, indexing="ij"))
    roof = form(x, y)
    mid = np.arange(side) + 0.5
    cx, cy = np.meshgrid(mid, mid, indexing="ij")
    top, soil = form(cx, cy), ground(cx, cy).astype(float)
    built = np.isfinite(top)
    columns = Columns(np.zeros(2), 1.0, np.full(top.shape, sem.LAWN, np.uint8), soil, ~built,
                      np.where(built, class_id, 0).astype(np.uint8), np.where(built, top, soil), built.astype(np.int32))
    own = np.isfinite(roof) & built[x.astype(int), y.astype(int)]
    n = int(own.sum())
    splats = Splats(np.column_stack([x, y, roof])[own].astype(np.float32), np.full((n, 2), -1.0, np.float32),
                    np.tile(np.float32([1, 0, 0, 0]), (n, 1)), np.full(n, 3.0, np.float32), np.zeros((n, 1, 3), np.float32),
                    np.full(n, class_id, np.uint8))
    return columns, splats


def turned(x, y, angle: float, centre=(32.0, 32.0)):
    """u, v of points in a frame turned by an angle."""
    c, s = np.cos(angle), np.sin(angle)
    return (x - centre[0]) * c + (y - centre[1]) * s, -(x - centre[0]) * s + (y - centre[1]) * c


def box_form(angle: float, hu: float, hv: float, height):
    def form(x, y):
        u, v = turned(x, y, angle)
        return np.where((np.abs(u) <= hu) & (np.abs(v) <= hv), height(u, v), np.nan)
    return form


def check_solid(part):
    mesh = trimesh.Trimesh(part.vertices, part.faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    edges = np.sort(part.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    up = mesh.face_normals[:, 2]
    wall = np.abs(up) < 0.5
    assert np.abs(up[wall]).max() < np.sin(np.radians(2))
    found = report(part)
    assert found.holes == found.non_manifold == found.flipped == found.degenerate == found.against == 0
    return mesh


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.7, 1.2])
@pytest.mark.parametrize("roof,code", [
    (lambda u, v: 6 + 0 * u, 0), (lambda u, v: 5 + 0.6 * (6 - np.abs(v)), 1),
    (lambda u, v: 5 + 0.6 * np.minimum(9 - np.abs(u), 6 - np.abs(v)), 2)], ids=["flat", "gable", "hip"])
def test_a_box_comes_back_under_its_roof(angle, roof, code):
    part, = building_parts(*place(box_form(angle, 9, 6, roof)))
    a = part.attributes
    assert part.name == "house_001" and part.solid and part.class_id == sem.HOUSE
    assert a["roof"] == code
    assert a["roof_error"] < 0.12
    assert a["area"] == pytest.approx(18 * 12, rel=0.04)
    assert a["length"] == pytest.approx(18, abs=0.5) and a["width"] == pytest.approx(12, abs=0.5)
    assert abs(np.sin(a["angle"] - angle)) < 0.03
    assert a["height"] == pytest.approx(float(np.max(roof(np.linspace(-9, 9, 99)[:, None], np.linspace(-6, 6, 99)))), abs=0.3)
    assert (a["x"], a["y"]) == pytest.approx((32, 32), abs=0.3)
    mesh = check_solid(part)
    assert len(part.faces) <= (28, 44, 34)[code]
    own = np.array([turned(x, y, a["angle"]) for x, y in mesh.vertices[:, :2]])
    out = np.ptp(own, axis=0) - (a["length"], a["width"])
    assert (out > 0.3).all()  # eaves stand out


def test_wings_share_their_hips():
    def form(x, y):
        u, v = turned(x, y, 0.4)
        a = np.minimum(10 - np.abs(u), 4 - np.abs(v))
        b = np.minimum(4 - np.abs(u + 6), np.minimum(v + 4, 12 - v))
        d = np.maximum(a, b)
        return np.where(d >= 0, 4 + 0.7 * d, np.nan)

    part, = building_parts(*place(form))
    assert part.attributes["roof"] == 2 and part.attributes["roof_error"] < 0.12
    mesh = check_solid(part)
    assert len(part.convex) == 2 and len(part.faces) < 60
    assert mesh.volume == pytest.approx(sum(trimesh.convex.convex_hull(p).volume for p in part.convex), rel=0.5)


def test_terraces_stand_on_one_another():
    def height(u, v):
        return np.where((u > 2) & (v > 1), 17.0, np.where(u > -6, 12.0, 8.0))

    part, = building_parts(*place(box_form(0.5, 14, 10, height), sem.APARTMENTS))
    assert part.attributes["roof"] == 3 and part.attributes["roof_error"] < 0.05
    mesh = check_solid(part)
    up = mesh.face_normals[:, 2] > 0.5
    z = mesh.triangles_center[:, 2].round(1)
    assert np.unique(z[up]).tolist() == [8.0, 8.4, 12.0, 12.4, 17.0, 17.4]  # each level and its parapet
    assert mesh.area_faces[up & (z > 16)].sum() == pytest.approx(12 * 9, rel=0.1)
    for level in (8.4, 12.4, 17.4):
        assert 0 < mesh.area_faces[up & (z == level)].sum() < 0.3 * 84


def test_the_floor_lies_below_the_lowest_ground():
    part, = building_parts(*place(box_form(0.0, 9, 6, lambda u, v: 9 + 0 * u), ground=lambda x, y: 0.1 * (x - 32)))
    assert part.attributes["base"] == pytest.approx(-1.05, abs=0.1)
    assert part.vertices[:, 2].min() == pytest.approx(part.attributes["base"] - SINK)
    assert part.attributes["height"] == pytest.approx(9 - part.attributes["base"], abs=0.01)


def test_a_house_on_the_border_is_cut_there():
    def form(x, y):
        u, v = turned(x, y, 0.5, (3.0, 30.0))
        return np.where((np.abs(u) <= 9) & (np.abs(v) <= 6), 6.0, np.nan)

    part, = building_parts(*place(form))
    check_solid(part)
    assert part.vertices[:, 0].min() == pytest.approx(0, abs=1e-6)
    mid = np.arange(SIDE) + 0.5
    assert part.attributes["area"] == pytest.approx(np.isfinite(form(*np.meshgrid(mid, mid, indexing="ij"))).sum(), rel=0.05)


def test_the_same_place_gives_the_same_bytes():
    columns, splats = place(box_form(0.3, 9, 6, lambda u, v: 5 + 0.6 * (6 - np.abs(v))))
    one, two = building_parts(columns, splats)[0], building_parts(columns, splats)[0]
    assert one.vertices.tobytes() == two.vertices.tobytes() and one.faces.tobytes() == two.faces.tobytes()


def test_it_can_be_ended():
    def end():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        building_parts(*place(box_form(0.0, 9, 6, lambda u, v: 6 + 0 * u)), end)


def test_a_courtyard_stays_open():
    def form(x, y):
        u, v = turned(x, y, 0.3)
        return np.where((np.maximum(np.abs(u), np.abs(v)) <= 14) & (np.maximum(np.abs(u), np.abs(v)) > 6), 12.0, np.nan)

    part, = building_parts(*place(form, sem.APARTMENTS))
    mesh = check_solid(part)
    assert part.attributes["area"] == pytest.approx(28 ** 2 - 12 ** 2, rel=0.04)
    assert mesh.euler_number == 0  # a ring


@pytest.mark.parametrize("cone", [0.0, 0.5])
def test_a_tank_is_round(cone):
    def form(x, y):
        far = np.hypot(x - 32.3, y - 31.8)
        return np.where(far <= 8, 10 + cone * (8 - far), np.nan)

    part, = building_parts(*place(form, sem.INDUSTRIAL))
    mesh = check_solid(part)
    assert part.attributes["roof"] == (2 if cone else 0) and part.attributes["roof_error"] < 0.15
    assert part.attributes["area"] == pytest.approx(np.pi * 64, rel=0.04)
    low = mesh.vertices[mesh.vertices[:, 2] < 1, :2]
    assert len(low) >= 24 and np.hypot(*(low - (32.3, 31.8)).T) == pytest.approx(8, abs=0.4)
    walls = np.abs(mesh.face_normals[:, 2]) < 0.01
    turn = (part.corner_normal[walls] * mesh.face_normals[walls][:, None]).sum(2)
    assert turn.min() > 0.9 and turn.min() < 0.999  # smooth around


def test_a_bent_outline_keeps_its_form():
    def form(x, y):
        u, v = turned(x, y, 0.0, (32.0, 12.0))
        far = np.hypot(u, v)
        return np.where((far > 22) & (far < 34) & (v > 6), 9.0, np.nan)

    columns, splats = place(form, sem.COMMERCIAL)
    part, = building_parts(columns, splats)
    check_solid(part)
    assert part.attributes["area"] == pytest.approx((columns.building > 0).sum(), rel=0.04)
    assert 4 <= len(part.convex) <= 24 and len(part.faces) < 200


def test_a_wedge_has_walls_askew():
    def form(x, y):
        return np.where((x > 12) & (x < 50) & (y > 12) & (y < 30 + 0.35 * (x - 12)), 9.0, np.nan)

    columns, splats = place(form, sem.COMMERCIAL)
    part, = building_parts(columns, splats)
    mesh = check_solid(part)
    assert part.attributes["area"] == pytest.approx((columns.building > 0).sum(), rel=0.03)
    assert len(np.unique(mesh.vertices[mesh.vertices[:, 2] < 1, :2], axis=0)) <= 6


def test_a_wing_ends_at_the_ridge_of_the_house():
    def form(x, y):
        u, v = turned(x, y, 0.2)
        main = np.where((np.abs(u) <= 11) & (np.abs(v) <= 5), 5 - np.abs(v), -1)
        wing = np.where((np.abs(u - 5) <= 4) & (v >= 0) & (v <= 11), 4 - np.abs(u - 5), -1)
        d = np.maximum(main, wing)
        return np.where(d >= 0, 4 + 0.8 * d, np.nan)

    part, = building_parts(*place(form))
    mesh = check_solid(part)
    assert part.attributes["roof"] == 1 and part.attributes["roof_error"] < 0.15
    _, v = turned(*mesh.vertices[:, :2].T, 0.2)
    assert mesh.vertices[(v < -4.5) & (mesh.vertices[:, 2] > 4.5)].size == 0  # no gable on the side without a wing


def test_nothing_is_built_where_the_voxels_lie_on_the_ground():
    assert building_parts(*place(box_form(0.0, 3, 3, lambda u, v: 0.2 + 0 * u), sem.STRUCTURE)) == []


@pytest.mark.parametrize("seed", range(4))
def test_ragged_footprints_stay_solids(seed):
    rng = np.random.default_rng(seed)
    shape = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 5)
    level = 8.0 + 4 * np.digitize(ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 6), (-0.03, 0.03))
    own = ndimage.label(shape > np.quantile(shape, 0.5))[0] == 1

    columns, splats = place(lambda x, y: np.where(own[x.astype(int), y.astype(int)], level[x.astype(int), y.astype(int)],
                                                  np.nan), sem.COMMERCIAL)
    part, = building_parts(columns, splats)
    check_solid(part)
    assert part.attributes["area"] == pytest.approx(own.sum(), rel=0.08)
