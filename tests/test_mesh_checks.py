from __future__ import annotations

from dataclasses import replace

import mesh_shapes as shapes
import numpy as np
import pytest

from earthcrafter_core.mesh.checks import Report, report, report_place
from earthcrafter_core.mesh.land.sheet_height import SheetHeight
from earthcrafter_core.mesh.place import Part


def without(part: Part, faces: list[int]) -> Part:
    keep = np.setdiff1d(np.arange(len(part.faces)), faces)
    return replace(part, faces=part.faces[keep], face_class=part.face_class[keep], corner_normal=part.corner_normal[keep],
                   corner_color=part.corner_color[keep], uv=None, texture="")


def with_faces(part: Part, extra: np.ndarray, vertices: np.ndarray | None = None) -> Part:
    v = part.vertices if vertices is None else np.concatenate([part.vertices, vertices])
    return shapes.part(part.name, part.kind, part.class_id, v, np.concatenate([part.faces, extra]), solid=part.solid)


def moved(part: Part, by: tuple[float, float, float]) -> Part:
    return replace(part, vertices=part.vertices + by)


@pytest.fixture()
def ground() -> SheetHeight:
    t = shapes.terrain()
    return SheetHeight(t.vertices, t.faces)


def test_a_good_place_has_no_faults():
    place = shapes.place()
    reports = report_place(place)
    assert set(reports) == {p.name for p in place.parts}
    total = sum(reports.values(), Report())
    assert total.faults() == {} and total.slivers == 0
    assert total.triangles == place.triangles()
    assert (reports["broadleaf"].pieces, reports["terrain"].pieces) == (2, 1)


def test_shares_of_walls_and_roofs():
    house = report(shapes.house(1, (0, 0, 0), (8, 6, 4), ridge=2))
    assert house.walls == house.upright == pytest.approx(2 * 4 * (8 + 6) + 2 * 6 * 2 / 2)  # with the gables
    assert house.roofs == house.planar == pytest.approx(2 * 8 * np.hypot(3, 2))
    leaning = shapes.house(1, (0, 0, 0), (8, 6, 4), ridge=2)
    leaning.vertices[leaning.vertices[:, 2] == 4] += [0.3, 0, 0]  # 4 degrees, in the walls to the east and west
    assert report(shapes.part("a", "building", 1, leaning.vertices, leaning.faces)).upright == pytest.approx(2 * 4 * 8)
    bent = shapes.terrain()
    bent.vertices[:, 2] = -0.02 * (bent.vertices[:, 0] - 16) ** 2  # turns by two degrees a metre
    found = report(shapes.part("a", "building", 1, bent.vertices, bent.faces))
    assert found.roofs > shapes.SIZE ** 2 and found.planar < 0.1 * found.roofs


def test_holes_are_counted():
    assert report(without(shapes.house(1, (0, 0, 0), (8, 6, 4)), [3])).holes == 3
    assert report(without(shapes.terrain(), [500])).holes == 3
    assert report(without(shapes.terrain(), [0])).holes == 2  # the third lay on the border
    assert report(shapes.terrain()).holes == 0


def test_edges_of_three_faces_and_pinched_vertices():
    house = shapes.house(1, (0, 0, 0), (8, 6, 4))
    fin = with_faces(house, np.array([[4, 5, 8]]), np.array([[4, 0, 9.0]]))
    assert report(fin).non_manifold == 1
    other = shapes.house(2, (8, 6, 4), (10, 10, 10))  # touches at one corner
    joined = other.faces + 8
    joined[joined == 8] = 6
    assert report(with_faces(house, joined, other.vertices)).non_manifold == 1
    assert report(with_faces(house, other.faces + 8, other.vertices)).non_manifold == 1  # a reader that welds joins them


def test_faces_inside_out():
    house = shapes.house(1, (0, 0, 0), (8, 6, 4))
    one = shapes.part("a", "building", 1, house.vertices, house.faces.copy(), solid=True)
    one.faces[0] = one.faces[0, ::-1]
    found = report(one)
    assert found.flipped == 3 and found.against == 3
    inward = shapes.part("a", "building", 1, house.vertices, house.faces[:, ::-1], solid=True)
    assert report(inward).flipped == 1
    sheet = shapes.terrain()
    assert report(shapes.part("t", "terrain", 0, sheet.vertices, sheet.faces[:, ::-1])).flipped == len(sheet.faces)


def test_slivers():
    v = np.array([[0, 0, 0], [10, 0, 0], [5, 0.005, 0], [0, 5, 0], [5, 0.0005, 1], [10, 0, 1], [0, 0, 1]])
    found = report(shapes.part("a", "deck", 11, v, [[0, 1, 2], [0, 1, 3], [6, 5, 4]]))
    assert (found.slivers, found.degenerate) == (2, 1)


@pytest.mark.parametrize("lift, floating", [(0, 0), (3, 1)])
def test_what_floats(ground, lift, floating):
    house = moved(shapes.house(1, (4, 4, -0.4), (12, 10, 4)), (0, 0, lift))
    assert report(house, ground).floating == floating
    assert report(house).floating == 0  # nothing is known of the ground


def test_what_touches_a_thing_that_stands_does_not_float(ground):
    trunk, high, far = (shapes.ball(c, r) for c, r in (((4, 4, 1), 1), ((4, 4, 3), 1.5), ((12, 4, 6), 1.5)))
    assert report(shapes.crowns(trunk, high), ground).floating == 0
    assert report(shapes.crowns(trunk, high, far), ground).floating == 1


@pytest.mark.parametrize("level, holes", [(0.0, 0), (0.5, 4)])
def test_the_edge_of_water_lies_in_the_ground(level, holes, ground):
    corners = np.array([[1, 1, level], [5, 1, level], [5, 5, level], [1, 5, level]])
    assert report(shapes.part("w", "water", 22, corners, [[0, 1, 2], [0, 2, 3]]), ground).holes == holes


def test_heights_of_a_sheet(ground):
    sheet = shapes.terrain()
    places = np.random.default_rng(1).random((400, 2)) * shapes.SIZE
    cell, share = np.divmod(places, 1)
    corner = (cell[:, 0] * (shapes.SIZE + 1) + cell[:, 1]).astype(int)
    z = sheet.vertices[:, 2]
    a, b, c, d = z[corner], z[corner + shapes.SIZE + 1], z[corner + shapes.SIZE + 2], z[corner + 1]
    u, v = share.T
    expected = np.where(u >= v, a + u * (b - a) + v * (c - b), a + v * (d - a) + u * (c - d))
    assert np.allclose(ground.at(places), expected)
    assert np.isnan(ground.at(np.array([[-1.0, 3.0], [40.0, 3.0]]))).all()
    assert np.allclose(ground.at(sheet.vertices[:, :2]), z)


def test_nothing_is_no_fault():
    empty = shapes.part("a", "building", 1, np.zeros((0, 3)), np.zeros((0, 3), int), solid=True)
    assert report(empty) == Report()


def test_agrees_with_trimesh():
    trimesh = pytest.importorskip("trimesh")
    for part in shapes.place().parts:
        other = trimesh.Trimesh(part.vertices, part.faces, process=False)
        assert other.is_watertight == (part.solid and report(part).holes == 0)
        assert other.is_winding_consistent and other.body_count == report(part).pieces
