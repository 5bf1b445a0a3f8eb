"""The sheet of terrain, its waters and bridges: closed and upright whatever the map, smooth where the map has steps."""
from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy import ndimage
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from earthcrafter_core.mesh.land import sheet as sheets
from earthcrafter_core.mesh.checks import report, report_place
from earthcrafter_core.mesh.columns import Columns
from earthcrafter_core.mesh.land.decks import THICKNESS, deck_parts
from earthcrafter_core.mesh.place import Instances, PlaceMesh
from earthcrafter_core.mesh.land.sheet_borders import Borders, borders_of, grid_borders
from earthcrafter_core.mesh.land.sheet_labels import LEVEL_OF, cleaned
from earthcrafter_core.mesh.land.terrain import terrain_parts
from earthcrafter_core.mesh.land.terrain_heights import DEPTH, KERB, POOL_DEPTH, POOL_FREE
from earthcrafter_core.mesh.land.triangulate import constrained, regions
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.splats import Splats

NO_SPLATS = Splats(*(np.zeros((0, *s), np.float32) for s in ((3,), (2,), (4,), (), (1, 3))), np.zeros(0, np.uint8))
SIDE = 48


def columns(cover, ground=0.0, above=0, top=0.0, shown=None, building=0, cell: float = 1.0, origin=(10.0, -20.0)) -> Columns:
    """Columns of planes [X, Y] or single values."""
    def plane(value, kind):
        return np.broadcast_to(np.asarray(value, kind), cover.shape).copy()

    above, building = plane(above, np.uint8), plane(building, np.int32)
    shown = building == 0 if shown is None else shown
    return Columns(np.array(origin), cell, cover.astype(np.uint8), plane(ground, float), shown, above, plane(top, float),
                   building)


def grid(side: int = SIDE):
    mid = np.arange(side) + 0.5
    return np.meshgrid(mid, mid, indexing="ij")


def upright(part):
    p = part.vertices[part.faces]
    normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    return np.abs(normal[:, 2]) < 1e-9 * np.linalg.norm(normal, axis=1)


def check_sheet(part, size, origin=(10.0, -20.0)):
    """One piece, every inner edge twice and the two ways round, open edges on the scene's edge alone, the plan covered once."""
    faces = report(part)
    assert not {k: v for k, v in faces.faults().items() if k != "holes"} and faces.pieces == 1
    edges = part.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    key = np.sort(edges, 1)
    _, index, count = np.unique(key, axis=0, return_index=True, return_counts=True)
    assert count.max() == 2 and len(np.unique(edges, axis=0)) == len(edges)
    ends = part.vertices[key[index[count == 1]]][..., :2] - origin
    assert (np.isclose(ends, 0) | np.isclose(ends, size)).any(2).all()
    p = part.vertices[part.faces][..., :2]
    area = 0.5 * ((p[:, 1] - p[:, 0]) * (p[:, 2] - p[:, 0])[:, ::-1] * [1, -1]).sum(1)
    assert area.sum() == pytest.approx(np.prod(size)) and area.min() > -1e-9
    assert np.allclose(np.linalg.norm(part.corner_normal, axis=2), 1, atol=1e-5)


def random_place(seed: int) -> Columns:
    """A map that nobody would paint: blobs or specks of many classes, rough ground, holes in what is known."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(6, 60, 2))
    ids = rng.permutation([sem.ROAD, sem.PATH, sem.PARKING, sem.LAWN, sem.MEADOW, sem.SAND, sem.WATER, sem.POOL, sem.SPORTS])
    ids = ids[:rng.integers(2, len(ids))]
    blur = rng.choice([0, 0.8, 2.0])
    cover = ids[np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), blur) for _ in ids]).argmax(0)]
    ground = ndimage.gaussian_filter(rng.standard_normal(shape), 3) * rng.choice([0, 10])
    built = ndimage.gaussian_filter(rng.standard_normal(shape), 3) > 0.15
    return columns(cover, ground, np.where(built, sem.HOUSE, 0), shown=~built & (rng.random(shape) < 0.95),
                   building=ndimage.label(built)[0], cell=float(rng.choice([0.5, 1.0, 2.0])))


@pytest.mark.parametrize("seed", range(12))
def test_the_sheet_is_whole_whatever_the_map(seed):
    place = random_place(seed)
    terrain, *waters = terrain_parts(place, NO_SPLATS)
    check_sheet(terrain, np.array(place.shape) * place.cell)
    known = {tuple(v) for v in np.round(terrain.vertices[:, :2], 6)}
    for water in waters:
        assert np.ptp(water.vertices[:, 2]) == 0 and {tuple(v) for v in np.round(water.vertices[:, :2], 6)} <= known


@pytest.mark.parametrize("angle", [0.0, 0.06, 0.3, 0.55, np.pi / 4, 1.2])
def test_kerbs_are_straight_upright_and_a_kerb_high(angle):
    x, y = grid()
    off = -(x - SIDE / 2) * np.sin(angle) + (y - SIDE / 2) * np.cos(angle)
    place = columns(np.where(np.abs(off) < 4, sem.ROAD, sem.LAWN), 0.05 * x)
    terrain, = terrain_parts(place, NO_SPLATS)
    check_sheet(terrain, (SIDE, SIDE))
    kerb = terrain.faces[upright(terrain)]
    p = terrain.vertices[kerb]
    assert np.ptp(p[..., 2], axis=1).max() < KERB + 0.05 * 8 and set(terrain.face_class[upright(terrain)]) == {sem.LAWN}
    plan = terrain.vertices[np.unique(kerb)][:, :2] - place.origin
    away = np.abs(-(plan[:, 0] - SIDE / 2) * np.sin(angle) + (plan[:, 1] - SIDE / 2) * np.cos(angle))
    inside = (np.abs(plan - SIDE / 2) < SIDE / 2 - 4).all(1)
    assert np.abs(away[inside] - 4).max() < 0.4, "the kerb leaves the line that was painted"
    for side in (-1, 1):
        row = inside & (np.sign(-(plan[:, 0] - SIDE / 2) * np.sin(angle) + (plan[:, 1] - SIDE / 2) * np.cos(angle)) == side)
        q = plan[row] - plan[row].mean(0)
        off_line = np.linalg.svd(q, compute_uv=False)[-1] / np.sqrt(len(q))  # a flight of steps: 0.29
        assert off_line < (0.1 if angle == 0.06 else 0.06), "the kerb is not straight"  # few steps say little of its direction
    flat = terrain.vertices[terrain.faces[~upright(terrain)]].mean(1)
    step = flat[:, 2] - 0.05 * (flat[:, 0] - place.origin[0])
    road = (terrain.face_class == sem.ROAD)[~upright(terrain)]
    middle = (np.abs(flat[:, :2] - place.origin - SIDE / 2) < SIDE / 2 - 3).all(1)
    assert np.median(step[road & middle]) == pytest.approx(-KERB, abs=0.02)
    assert np.abs(step[~road & middle]).max() < 0.04


def test_a_country_road_has_no_kerb():
    x, y = grid()
    terrain, = terrain_parts(columns(np.where(np.abs(y - 24.3) < 3, sem.ROAD, sem.MEADOW)), NO_SPLATS)
    assert not upright(terrain).any() and np.ptp(terrain.vertices[:, 2]) < 1e-9
    assert set(terrain.face_class) == {sem.ROAD, sem.MEADOW}


def lake(edge: int, level: float = -1.0) -> Columns:
    x, y = grid()
    wet = np.hypot(x - 24, y - 24) < 12
    return columns(np.where(wet, sem.WATER, edge), np.where(wet, level, 0.02 * x))


def test_a_shore_comes_down_to_the_water():
    terrain, water = terrain_parts(lake(sem.MEADOW), NO_SPLATS)
    check_sheet(terrain, (SIDE, SIDE))
    assert not upright(terrain).any(), "a natural shore has no step"
    assert set(water.vertices[:, 2]) == {-1.0} and water.class_id == sem.WATER and water.kind == "water"
    assert water.attributes["area"] == pytest.approx(np.pi * 144, rel=0.035)
    edges = np.sort(water.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    ends, count = np.unique(edges, axis=0, return_counts=True)
    boundary = water.vertices[np.unique(ends[count == 1])]
    away, at = cKDTree(terrain.vertices).query(boundary)
    assert away.max() < 1e-9, "the water's edge lies on the terrain"
    radius = np.hypot(*(boundary[:, :2] - [34, 4]).T)
    assert np.abs(radius - 12).max() < 0.55 and np.abs(radius - 12).mean() < 0.2
    out = np.hypot(*(terrain.vertices[:, :2] - [34, 4]).T)
    assert terrain.vertices[out < 11.5, 2].max() < -1.05 and terrain.vertices[:, 2].min() == pytest.approx(-1 - DEPTH)
    assert terrain.vertices[out > 12.6, 2].min() > -1 and set(terrain.face_class) == {sem.MEADOW, sem.SOIL}
    assert sem.SAND in terrain_parts(lake(sem.SAND), NO_SPLATS)[0].face_class


def test_what_is_paved_ends_at_the_water_in_a_quay():
    terrain, water = terrain_parts(lake(sem.PATH), NO_SPLATS)
    check_sheet(terrain, (SIDE, SIDE))
    wall = upright(terrain)
    height = terrain.vertices[terrain.faces[wall]][..., 2]
    assert wall.sum() > 60 and height.max() > 0 and height.min() < -1.5 and set(terrain.face_class[wall]) == {sem.PATH}
    out = np.hypot(*(terrain.vertices[:, :2] - [34, 4]).T)
    assert terrain.vertices[out > 12.5, 2].min() > -0.1


def test_land_below_a_lake_is_raised_above_it():
    terrain, water = terrain_parts(lake(sem.MEADOW, 0.8), NO_SPLATS)
    out = np.hypot(*(terrain.vertices[:, :2] - [34, 4]).T)
    assert terrain.vertices[(out > 12.6) & (out < 14), 2].min() > 0.8 > terrain.vertices[out > 22, 2].min()
    at = np.isclose(out, 12, atol=0.5) & (cKDTree(water.vertices[:, :2]).query(terrain.vertices[:, :2])[0] < 1e-9)
    assert at.sum() > 20 and np.isclose(terrain.vertices[at, 2], 0.8).mean() > 0.7


def test_a_pool_is_a_basin_with_corners():
    cover = np.full((SIDE, SIDE), sem.LAWN)
    cover[20:28, 18:22] = sem.POOL
    terrain, pool = terrain_parts(columns(cover, 1.0), NO_SPLATS)
    check_sheet(terrain, (SIDE, SIDE))
    level = 1.0 - POOL_FREE
    assert pool.name == "pool_001" and set(pool.vertices[:, 2]) == {level}
    assert terrain.vertices[:, 2].min() == pytest.approx(level - POOL_DEPTH)
    assert pool.attributes["area"] == pytest.approx(32, rel=0.12)
    size = np.ptp(pool.vertices[:, :2], axis=0)
    assert np.allclose(size, [8, 4], atol=0.3)
    basin = np.isclose(terrain.vertices[terrain.faces][..., 2].min(1), level - POOL_DEPTH)
    assert set(terrain.face_class[basin & ~upright(terrain)]) == {sem.PATH}


def test_ground_that_stands_out_is_left_out():
    ground = np.zeros((SIDE, SIDE))
    ground[20:22, 30:32] = 13.0
    terrain, = terrain_parts(columns(np.full((SIDE, SIDE), sem.LAWN), ground), NO_SPLATS)
    assert np.ptp(terrain.vertices[:, 2]) < 0.01


def test_a_lawn_needs_few_triangles_and_a_hill_more():
    x, y = grid()
    flat, = terrain_parts(columns(np.full((SIDE, SIDE), sem.LAWN), 0.1 * x), NO_SPLATS)
    hill = 3 * np.exp(-((x - 24) ** 2 + (y - 24) ** 2) / 30)
    hilly, = terrain_parts(columns(np.full((SIDE, SIDE), sem.LAWN), hill), NO_SPLATS)
    assert len(flat.faces) < 3 * (SIDE // 4) ** 2 < len(hilly.faces) < 4000
    at = LinearNDInterpolator(hilly.vertices[:, :2], hilly.vertices[:, 2])(np.column_stack([x.ravel(), y.ravel()]) + [10, -20])
    assert np.abs(at - hill.ravel()).max() < 0.25


def bridge(angle: float = 0.5, height: float = 4.0) -> Columns:
    x, y = grid()
    u = (x - 24) * np.cos(angle) + (y - 24) * np.sin(angle)
    v = -(x - 24) * np.sin(angle) + (y - 24) * np.cos(angle)
    deck = (np.abs(u) < 18) & (np.abs(v) < 3)
    wet = np.abs(u) < 8
    ground = np.where(wet, -3.0, 0.0)
    cover = np.where(wet & ~deck, sem.WATER, sem.MEADOW)
    return columns(cover, ground, np.where(deck, sem.BRIDGE, 0), np.where(deck, height + 0.03 * u, ground), shown=~deck)


@pytest.mark.parametrize("angle", [0.0, 0.5, 0.9])
def test_a_bridge_is_a_slab_that_stands_on_its_supports(angle):
    place = bridge(angle)
    parts = terrain_parts(place, NO_SPLATS)
    assert [p.name for p in parts[1:]] == ["water_001"], "the river goes on beneath"
    deck, = deck_parts(place, NO_SPLATS)
    mesh = trimesh.Trimesh(deck.vertices, deck.faces, process=False)
    assert deck.solid and mesh.is_watertight and mesh.is_winding_consistent
    assert deck.attributes["area"] == pytest.approx(36 * 6, rel=0.05)
    assert deck.attributes["height"] == pytest.approx(7 + 0.03 * 18, abs=0.15)
    side = deck.corner_normal[np.abs(mesh.face_normals[:, 2]) < 0.5]
    assert np.abs(side[..., 2]).max() < 1e-6, "sides are upright and shaded flat"
    slab, *carried = sorted(mesh.split(), key=lambda m: -m.volume)
    assert slab.volume == pytest.approx(deck.attributes["area"] * THICKNESS, rel=0.01) and len(carried) >= 3
    assert all(m.volume > 0 for m in carried)
    assert not report_place(PlaceMesh([*parts, deck], {}, no_instances()))[deck.name].faults()
    assert len(deck.convex) == 1 + len(carried)


def test_a_bent_bridge_keeps_its_outline():
    x, y = grid()
    ring = np.abs(np.hypot(x - 8, y - 8) - 24) < 3
    place = columns(np.full((SIDE, SIDE), sem.MEADOW), 0.0, np.where(ring, sem.BRIDGE, 0), np.where(ring, 5.0, 0.0))
    deck, = deck_parts(place, NO_SPLATS)
    mesh = trimesh.Trimesh(deck.vertices, deck.faces, process=False)
    assert mesh.is_watertight and deck.attributes["area"] == pytest.approx(ring.sum(), rel=0.04)
    assert np.allclose(deck.vertices[:, 2].max(), 5.0, atol=0.05) and not deck.convex
    assert not report_place(PlaceMesh([*terrain_parts(place, NO_SPLATS), deck], {}, no_instances()))[deck.name].faults()


def no_instances() -> Instances:
    return Instances(np.zeros((0, 3)), *(np.zeros(0, np.float32) for _ in range(3)), np.zeros(0, np.uint8),
                     np.zeros((0, 3), np.uint8))


def test_the_same_again_and_a_check_that_ends_it():
    place = random_place(3)
    first, again = terrain_parts(place, NO_SPLATS), terrain_parts(place, NO_SPLATS)
    assert all(np.array_equal(getattr(a, k), getattr(b, k)) for a, b in zip(first, again, strict=True)
               for k in ("vertices", "faces", "face_class", "corner_normal"))

    class Ended(Exception):
        pass

    calls = iter(range(100))

    def check():
        if next(calls) == 3:
            raise Ended

    with pytest.raises(Ended):
        terrain_parts(place, NO_SPLATS, check)


def test_labels_meet_along_sides_alone():
    rng = np.random.default_rng(5)
    labels = cleaned(rng.choice(np.array([sem.ROAD, sem.LAWN, sem.WATER, sem.SAND, sem.PATH], np.uint8), (80, 70)), 4.0)
    a, b, c, d = labels[:-1, :-1], labels[1:, :-1], labels[1:, 1:], labels[:-1, 1:]
    for of in (lambda v: v, lambda v: LEVEL_OF[v]):
        p, q, r, s = of(a), of(b), of(c), of(d)
        assert not ((p == r) & (p != q) & (p != s)).any() and not ((q == s) & (q != p) & (q != r)).any()


def test_triangles_keep_edges_and_say_which_they_cannot():
    rng = np.random.default_rng(2)
    points = np.concatenate([[[0, 0], [10, 0], [10, 10], [0, 10], [1, 5.03], [9, 4.95]], rng.uniform(0.5, 9.5, (200, 2))])
    points = points[(np.abs(points[:, 1] - 5) > 0.06) | (np.arange(len(points)) < 6)]
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [4, 5]])
    triangles, missing = constrained(points, edges)
    assert not len(missing)
    have = {tuple(sorted(e)) for e in triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).tolist()}
    assert {tuple(sorted(e)) for e in edges.tolist()} <= have
    p = points[triangles]
    area = 0.5 * ((p[:, 1] - p[:, 0]) * (p[:, 2] - p[:, 0])[:, ::-1] * [1, -1]).sum(1)
    assert area.min() > 0 and area.sum() == pytest.approx(100)
    on_the_way = np.concatenate([points, [[5.0, 4.99]]])
    assert constrained(on_the_way, edges)[1].tolist() == [4]
    with pytest.raises(ValueError, match="one label"):
        regions(triangles, edges, np.array([1, 1, 1, 1, 2]), np.array([0, 0, 0, 0, 3]))


def test_lines_that_cross_give_way_to_those_of_the_grid():
    labels = np.full((24, 24), sem.LAWN, np.uint8)
    labels[8:16, 8:16] = sem.ROAD
    good = borders_of(labels, 0.5, lambda place: np.zeros(len(place)))
    middle = good.left == sem.ROAD if (good.left == sem.ROAD).any() else good.right == sem.ROAD
    moved = np.unique(good.edges[middle])
    points = good.points.copy()
    points[moved[0]] += 40  # far over all the others
    crossed = Borders(np.clip(points, 0, 12), good.edges, good.left, good.right)
    sheet = sheets.sheet_of(labels, 0.5, crossed, lambda place: np.zeros((len(place), 1)))
    p = sheet.points[sheet.triangles]
    area = 0.5 * ((p[:, 1] - p[:, 0]) * (p[:, 2] - p[:, 0])[:, ::-1] * [1, -1]).sum(1)
    assert area.sum() == pytest.approx(144) and area[sheet.label == sem.ROAD].sum() == pytest.approx(16)
    assert np.array_equal(sheet.borders.points, grid_borders(labels, 0.5).points)
