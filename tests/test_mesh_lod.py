from __future__ import annotations

from dataclasses import replace

import mesh_shapes as shapes
import numpy as np
import pytest

from earthcrafter_core.errors import BadInput
from earthcrafter_core.mesh.checks import Report, report, report_place
from earthcrafter_core.mesh.reduction.collapse import collapsed
from earthcrafter_core.mesh.reduction.collision import hulls
from earthcrafter_core.mesh.reduction.lod import fit_budget, levels
from earthcrafter_core.mesh.reduction.look import charts, with_faces
from earthcrafter_core.mesh.place import CROWN, Instances, Part, PlaceMesh
from earthcrafter_core.mesh.land.sheet_height import SheetHeight
from earthcrafter_core.mesh.reduction.simple_buildings import simpler
from earthcrafter_core.mesh.building.solids import united
from earthcrafter_core.mesh.topology import edges_of
from earthcrafter_core.scene import classes as sem


def reduced(part: Part, target: int, **more) -> Part:
    faces, kept = collapsed(part.vertices, part.faces, part.face_class, target, **more)
    return with_faces(part, faces, kept, part.face_class)


def class_border(part: Part) -> np.ndarray:
    """Corners [K, 3] on borders between classes."""
    edges = edges_of(part.faces)
    pair = edges.sharing()
    differ = part.face_class[pair // 3].ptp(1) > 0
    return part.vertices[np.unique(edges.ends[edges.of_face.ravel()[pair[differ, 0]]])]


def kerb() -> Part:
    """A pavement 12 cm above a road along a wavy line, with upright faces between them."""
    n, x = 80, np.linspace(0, 40, 81)
    line = 10 + 2 * np.sin(x / 6)
    rows = [(np.zeros(81), 0.0), (line / 2, 0.0), (line, 0.0), (line, 0.12), ((line + 20) / 2, 0.12), (np.full(81, 20.0), 0.12)]
    v = np.concatenate([np.column_stack([x, y, np.full(81, z)]) for y, z in rows])
    start = (np.arange(5)[:, None] * 81 + np.arange(n)).ravel()
    quads = np.stack([start, start + 1, start + 82, start + 81], 1)
    out = shapes.part("terrain", "terrain", 0, v, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
    out.face_class = np.tile(np.repeat([sem.ROAD, sem.ROAD, sem.PATH, sem.PATH, sem.PATH], n), 2).astype(np.uint8)
    return out


@pytest.mark.parametrize("target", [1000, 300, 60])
def test_a_simpler_sheet_is_a_good_sheet(target):
    fine = shapes.terrain(64)
    coarse = reduced(fine, target)
    found = report(coarse)
    assert found.faults() == {} and found.slivers == 0
    assert 0.5 * target < len(coarse.faces) <= target
    assert np.array_equal(coarse.vertices.min(0)[:2], [0, 0]) and np.array_equal(coarse.vertices.max(0)[:2], [32, 32])
    border = class_border(coarse)
    assert np.isin(border[:, 1], [12, 20]).all()  # the road's sides are where they were
    assert len(border) < len(class_border(fine)) / 2
    area = [np.bincount(p.face_class, np.abs(np.cross(*np.moveaxis(np.diff(p.vertices[p.faces][..., :2], axis=1), 1, 0))) / 2)
            for p in (fine, coarse)]
    assert np.allclose(*area)
    assert np.allclose(coarse.uv, coarse.vertices[coarse.faces][..., :2] / shapes.SIZE)


def test_the_error_ends_the_work():
    fine = shapes.terrain(64)
    coarse = reduced(fine, 2, error=0.05)
    at = np.random.default_rng(0).random((2000, 2)) * shapes.SIZE
    off = SheetHeight(coarse.vertices, coarse.faces).at(at) - SheetHeight(fine.vertices, fine.faces).at(at)
    assert np.sqrt((off ** 2).mean()) < 0.05 and np.abs(off).max() < 0.25
    assert 20 < len(coarse.faces) < len(fine.faces) / 20


def test_a_kerb_stays_a_kerb():
    fine = kerb()
    coarse = reduced(fine, 120)
    assert report(coarse).faults() == {} and len(coarse.faces) <= 120
    p = coarse.vertices[coarse.faces]
    normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    mixed = np.ptp(p[..., 2], axis=1) > 0.1
    assert mixed.sum() >= 20 and (np.abs(normal[mixed, 2]) < 0.2).all()  # steep, and the rest level
    assert np.allclose(normal[~mixed], [0, 0, 1])
    line = class_border(coarse)
    assert np.abs(line[:, 1] - (10 + 2 * np.sin(line[:, 0] / 6))).max() < 1e-9 and len(line) < 60


def test_a_line_ends_where_what_it_parts_changes():
    """A lake's edge leaves the shore: no corner of the ground moves along it onto one that is the lake's alone."""
    ground = shapes.terrain(16)
    a, b, own = 8 * 17 + 8, 9 * 17 + 8, len(ground.vertices)
    v = np.concatenate([ground.vertices, ground.vertices[[a, b]] + [0, 0.5, 0.1]])
    lake = np.array([[a, b, own + 1], [a, own + 1, own]])  # shares one edge with the ground
    faces, kept = collapsed(v, np.concatenate([ground.faces, lake]), np.repeat([0, 1], [len(ground.faces), 2]), 4)
    assert (faces[kept < len(ground.faces)] < own).all() and (kept >= len(ground.faces)).any()
    assert len(faces) < 60


def test_a_closed_body_stays_closed():
    v, f = shapes.ball((0, 0, 0), 3, rings=24, around=40)
    fine = shapes.part("a", "crown", sem.BROADLEAF, v, f, solid=True)
    coarse = reduced(fine, 100)
    assert report(coarse).faults() == {} and len(coarse.faces) <= 100
    radius = np.linalg.norm(coarse.vertices[coarse.faces].mean(1), axis=1)
    assert radius.min() > 2.3


def test_the_same_every_time_and_stopped_when_asked():
    fine = shapes.terrain(64)
    a, b = (collapsed(fine.vertices, fine.faces, fine.face_class, 200) for _ in range(2))
    assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])

    def stop() -> None:
        raise InterruptedError
    with pytest.raises(InterruptedError):
        collapsed(fine.vertices, fine.faces, fine.face_class, 200, check=stop)


def test_charts_are_told_apart():
    part = shapes.terrain(4)
    assert np.unique(charts(part)).size == 1
    part.uv[part.vertices[part.faces].mean(1)[:, 0] > 16, :, 0] += 0.5
    assert np.unique(charts(part)).size == 2
    assert np.unique(charts(replace(part, uv=None))).size == 1


def test_buildings_become_boxes():
    wide, tower = shapes.house(1, (0, 0, 0), (20, 10, 6)), shapes.house(2, (2, 2, 0), (8, 8, 20))
    porch = shapes.box_corners((20, 4, 0), (21, 5, 3))
    pieces = [wide.vertices, tower.vertices, porch]
    part = shapes.part("tower_001", "building", sem.TOWER, *united(pieces), solid=True, convex=pieces,
                       attributes={"angle": 0.0})
    part.uv, part.texture = part.vertices[part.faces][..., :2].astype(np.float32) / 40, "buildings"
    assert simpler(part, 0) is part
    steps = [simpler(part, k) for k in (1, 2)]
    assert len(part.faces) > len(steps[0].faces) >= len(steps[1].faces)
    for step in steps:
        found = report(step)
        assert found.faults() == {} and found.upright == found.walls > 0
        assert step.vertices.max(0)[2] == 20 and step.vertices.max(0)[0] == 20  # without the porch
        assert step.uv.shape == (len(step.faces), 3, 2) and 0 <= step.uv.min() and step.uv.max() <= part.uv.max()
    plain = shapes.house(3, (0, 0, 0), (5, 5, 5))
    assert simpler(plain, 2) is plain  # a box is as simple as it gets


def test_boxes_that_touch_along_an_edge_are_no_solid():
    pieces = [shapes.box_corners((0, 0, 0), (5, 5, 4)), shapes.box_corners((5, 5, 0), (9, 9, 4)),
              np.array([[4, 4, 0], [6, 4, 0], [6, 6, 0], [4, 6, 0], [4, 4, 2], [6, 4, 2], [6, 6, 2], [4, 6, 2.0]])]
    part = shapes.part("house_001", "building", sem.HOUSE, *united(pieces), solid=True, convex=pieces)
    apart = replace(part, convex=pieces[:2])  # without what joins them
    assert len(united(pieces[:2])[1]) < len(part.faces)
    assert simpler(apart, 1) is apart and simpler(apart, 2) is apart


def test_a_gable_becomes_a_box_of_its_volume():
    house = simpler(shapes.house(1, (0, 0, 0), (8, 6, 4), ridge=2), 2)
    assert len(house.faces) == 12 and np.allclose(house.vertices.max(0), [8, 6, 5])


@pytest.fixture(scope="module")
def place() -> PlaceMesh:
    """The small place with fine ground, and the plants of its crowns."""
    out = shapes.place()
    plants = Instances(np.array([[25, 6, 0.3], [28, 12, 0.4]]), np.array([6, 7], np.float32), np.array([5, 6], np.float32),
                       np.zeros(2, np.float32), np.full(2, sem.BROADLEAF, np.uint8), np.full((2, 3), 90, np.uint8))
    crowns = shapes.crowns(shapes.ball((25, 6, 2.3), 2.5, 12, 20), shapes.ball((28, 12, 3), 3, 12, 20))
    return PlaceMesh([shapes.terrain(64), *out.parts[1:-1], crowns], out.textures, plants)


def test_levels_have_a_quarter_each(place):
    made = levels(place, 4)
    assert made[0] is place and len(made) == 4
    counts = [level.triangles() for level in made]
    assert all(0.15 < b / a < 0.45 for a, b in zip(counts[:2], counts[1:3])) and counts[3] < counts[2]
    for level in made[1:]:
        assert {p.name for p in level.parts} == {p.name for p in place.parts}
        assert set(sum(report_place(level).values(), Report()).faults()) <= {"floating"}  # crowns over coarse ground
        assert all(p.uv is not None for p in level.parts if p.texture)
    assert made[2].parts[1] is place.parts[1]  # a pond of two triangles stays as it is


@pytest.mark.parametrize("budget", [4000, 1000, 200])
def test_a_budget_is_kept(place, budget):
    found = fit_budget(place, budget)
    assert 0.5 * budget < found.triangles() <= budget
    assert sum(report_place(found).values(), Report()).non_manifold == 0


def test_budgets_that_are_large_or_hopeless(place):
    assert fit_budget(place, place.triangles()) is place
    with pytest.raises(BadInput, match="too few"):
        fit_budget(place, 20)


def test_small_plants_go_first(place):
    tight = fit_budget(place, 80)
    left = tight.instances
    assert len(left) < 2 and (not len(left) or left.width[0] == 6)
    assert tight.triangles() <= 80 and (CROWN in {p.kind for p in tight.parts}) == bool(len(left))


def test_shores_stay_one():
    """Ground and a lake that share a shore: no gap opens between them."""
    ground = shapes.terrain(64)
    middle = ground.vertices[ground.faces].mean(1)
    lake = np.linalg.norm(middle[:, :2] - 8, axis=1) < 5
    ground.vertices[:, 2] = 0
    keep = np.flatnonzero(lake)
    water = with_faces(replace(ground, name="water_001", kind="water", class_id=sem.WATER, uv=None, texture=""),
                       ground.faces[keep], keep, ground.face_class)
    inside = np.setdiff1d(np.unique(ground.faces[lake]), np.unique(ground.faces[~lake]))
    ground.vertices[inside, 2] -= 1.5  # the bed
    whole = PlaceMesh([ground, water], {}, shapes.place().instances)
    for level in levels(whole, 3)[1:]:
        coarse, lake_now = level.parts
        edges = edges_of(lake_now.faces)
        shore = lake_now.vertices[np.unique(edges.ends[edges.count == 1])]
        known = {tuple(v) for v in coarse.vertices}
        assert len(shore) < 60 and all(tuple(v) in known for v in shore)
        assert report_place(level)["water_001"].holes == 0


def test_hulls(place):
    found = hulls(place)
    assert [h.of for h in found] == ["terrain", "bridge_001", "bridge_001", "house_001", "house_002"]
    assert [h.convex for h in found] == [False, True, True, True, True]
    ground = SheetHeight(found[0].vertices, found[0].faces)
    at = np.random.default_rng(0).random((500, 2)) * shapes.SIZE
    off = ground.at(at) - SheetHeight(place.parts[0].vertices, place.parts[0].faces).at(at)
    assert np.sqrt((off ** 2).mean()) < 0.15 and len(found[0].faces) < 400
    for hull in found[1:]:
        assert report(shapes.part("a", "building", 1, hull.vertices, hull.faces, solid=True)).faults() == {}
    house = found[3]
    assert np.allclose(np.sort(house.vertices, 0), np.sort(place.parts[3].vertices, 0))
