"""Textures: charts and their packing, colours baked from surfels, facades, the ground, and that nothing depends on threads."""
from __future__ import annotations

import threading

import numpy as np
import pytest

from earthcrafter_core.mesh.texturing import atlas, facades
from earthcrafter_core.mesh import threads
from earthcrafter_core.mesh.texturing.atlas import FLAT, PAD, UNDER, WALL, charts_of
from earthcrafter_core.mesh.columns import Columns
from earthcrafter_core.mesh.texturing.openings import paint_openings
from earthcrafter_core.mesh.options import MeshOptions
from earthcrafter_core.mesh.place import BUILDING, TERRAIN, WATER, Part
from earthcrafter_core.mesh.texturing.texture import texture_place
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.splats import SH_C0, Splats, quaternions

SIDE = 32.0  # metres of the test's place
BOX = (10.0, 8.0, 22.0, 18.0)  # x0, y0, x1, y1 of its house
EAVES = 6.0


def quiet() -> None:
    """A check that never ends the work."""


def part_of(name: str, kind: str, class_id: int, vertices, faces, face_class=None, **attributes: float) -> Part:
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int32)
    corner = vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal = (normal / np.linalg.norm(normal, axis=1)[:, None]).astype(np.float32)
    classes = np.full(len(faces), class_id, np.uint8) if face_class is None else np.asarray(face_class, np.uint8)
    return Part(name, kind, class_id, vertices, faces, classes, np.repeat(normal[:, None], 3, 1),
                np.full((len(faces), 3, 3), 128, np.uint8), solid=kind == BUILDING, attributes=attributes)


def prism(name: str, outline: np.ndarray, low: float, high: float, class_id: int = sem.HOUSE) -> Part:
    """A closed prism over a convex outline [N, 2], counter-clockwise."""
    n = len(outline)
    vertices = np.concatenate([np.column_stack([outline, np.full(n, z)]) for z in (low, high)])
    faces = []
    for k in range(n):
        m = (k + 1) % n
        faces += [(k, m, n + m), (k, n + m, n + k)]
    faces += [(n, n + k, n + k + 1) for k in range(1, n - 1)] + [(0, k + 1, k) for k in range(1, n - 1)]
    return part_of(name, BUILDING, class_id, vertices, faces, base=max(low, 0.0), eaves=high, height=high, roof=0, angle=0.0)


def box_house(name: str = "house_001", shift: float = 0.0) -> Part:
    x0, y0, x1, y1 = BOX
    return prism(name, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) + shift, -0.4, EAVES)


def plane(classes=((SIDE, sem.LAWN),)) -> Part:
    """Terrain at z = 0, of strips along x that end at the given places."""
    xs = np.array([0.0] + [x for x, _ in classes])
    vertices = [(x, y, 0.0) for x in xs for y in (0.0, SIDE)]
    faces = [f for k in range(len(classes)) for f in ((2 * k, 2 * k + 2, 2 * k + 3), (2 * k, 2 * k + 3, 2 * k + 1))]
    return part_of("terrain", TERRAIN, 0, vertices, faces, np.repeat([c for _, c in classes], 2))


def surfels(points: np.ndarray, normal, rgb, class_id: int, sigma: float = 0.3) -> Splats:
    """Round surfels at points [N, 3] that all look one way."""
    normal = np.asarray(normal, float)
    first = np.cross(normal, (0, 0, 1) if abs(normal[2]) < 0.9 else (1, 0, 0))
    first /= np.linalg.norm(first)
    frame = np.stack([first, np.cross(normal, first), normal], 1)
    n = len(points)
    sh = np.zeros((n, 1, 3), np.float32)
    sh[:, 0] = (np.broadcast_to(rgb, (n, 3)) / 255 - 0.5) / SH_C0
    return Splats(points.astype(np.float32), np.full((n, 2), np.log(sigma), np.float32),
                  np.repeat(quaternions(frame[None]).astype(np.float32), n, 0), np.full(n, 3.0, np.float32), sh,
                  np.full(n, class_id, np.uint8))


def joined(*some: Splats) -> Splats:
    return Splats(*(np.concatenate([getattr(s, k) for s in some]) for k in Splats.__dataclass_fields__))


def grid(u: tuple[float, float], v: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Middles of half metres in two ranges."""
    a, b = np.meshgrid(np.arange(u[0] + 0.25, u[1], 0.5), np.arange(v[0] + 0.25, v[1], 0.5), indexing="ij")
    return a.ravel(), b.ravel()


WALLS = {(0, -1): (200, 60, 60), (1, 0): (60, 190, 60), (0, 1): (70, 70, 200), (-1, 0): (190, 180, 60)}
ROOF = (120, 70, 50)


def house_surfels(class_id: int = sem.HOUSE) -> Splats:
    """Surfels of the box house, each wall of its own colour."""
    x0, y0, x1, y1 = BOX
    out = []
    for (nx, ny), rgb in WALLS.items():
        along, z = grid((x0, x1) if ny else (y0, y1), (0, EAVES))
        across = np.full(len(along), {(0, -1): y0, (1, 0): x1, (0, 1): y1, (-1, 0): x0}[nx, ny])
        points = np.stack([along, across, z] if ny else [across, along, z], 1)
        out.append(surfels(points, (nx, ny, 0), rgb, class_id))
    x, y = grid((x0, x1), (y0, y1))
    return joined(*out, surfels(np.stack([x, y, np.full(len(x), EAVES)], 1), (0, 0, 1), ROOF, class_id))


def ground_surfels(x: tuple[float, float], rgb, class_id: int) -> Splats:
    a, b = grid(x, (0, SIDE))
    return surfels(np.stack([a, b, np.zeros(len(a))], 1), (0, 0, 1), rgb, class_id)


def columns_for(cover: np.ndarray | int = sem.LAWN, house: bool = True) -> Columns:
    shape = (int(SIDE), int(SIDE))
    cover = np.broadcast_to(np.asarray(cover, np.uint8), shape).copy()
    above = np.zeros(shape, np.uint8)
    x0, y0, x1, y1 = (int(v) for v in BOX)
    if house:
        above[x0:x1, y0:y1] = sem.HOUSE
    stands = above > 0
    return Columns(np.zeros(2), 1.0, cover, np.zeros(shape), ~stands, above, EAVES * stands, stands.astype(np.int32))


PLAIN = MeshOptions(facades=False)


@pytest.fixture(scope="module")
def house():
    """The box house on a lawn, textured without and with facades."""
    splats = joined(house_surfels(), ground_surfels((0, SIDE), (90, 120, 60), sem.LAWN))
    parts = [plane(), box_house()]
    return {options.facades: texture_place(parts, splats, columns_for(), options, quiet) for options in (PLAIN, MeshOptions())}


def texels_of(part: Part, texture, normal, inset: float = 0.12) -> np.ndarray:
    """Colours [M, 3] of the texture at points inside the faces that look one way."""
    corner = part.vertices[part.faces]
    facing = np.einsum("fck,k->f", part.corner_normal.astype(float), np.asarray(normal, float)) > 2.9
    assert facing.any() and corner.shape[1] == 3
    rng = np.random.default_rng(0)
    weight = rng.dirichlet((1, 1, 1), 500) * (1 - 3 * inset) + inset
    uv = np.einsum("mc,fck->fmk", weight, part.uv[facing]).reshape(-1, 2)
    h, w = texture.color.shape[:2]
    return texture.color[np.clip(((1 - uv[:, 1]) * h).astype(int), 0, h - 1), np.clip((uv[:, 0] * w).astype(int), 0, w - 1)]


# charts

def test_charts_are_upright_true_to_scale_and_apart():
    parts = [box_house(), prism("tower_002", np.array([[2, 2], [6, 3], [5, 7.0]]), 0, 20, sem.TOWER)]
    charts = charts_of(parts, 8.0)
    assert sorted(charts.kind[charts.part == 0]) == sorted([WALL] * 4 + [FLAT, UNDER])
    corner = np.concatenate([p.vertices[p.faces] for p in parts])
    uv = charts.face_uv
    edge3 = np.linalg.norm(np.roll(corner, -1, 1) - corner, axis=2)
    assert np.allclose(np.linalg.norm(np.roll(uv, -1, 1) - uv, axis=2), edge3)  # metres, undistorted
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0).all()  # nothing is mirrored
    wall = charts.kind[charts.face_chart] == WALL
    rise = np.roll(corner, -1, 1)[wall, :, 2] - corner[wall, :, 2]
    assert np.allclose(np.roll(uv, -1, 1)[wall, :, 1] - uv[wall, :, 1], rise)  # v is up
    assert apart(charts)


def apart(charts: atlas.Charts) -> bool:
    """Whether no two charts share a texel and all lie on their page."""
    for page, (w, h) in enumerate(charts.pages):
        used = np.zeros((h, w), int)
        for (x, y), (cw, ch) in zip(charts.corner[charts.page == page], charts.pixels[charts.page == page]):
            assert x + cw <= w and y + ch <= h
            used[y:y + ch, x:x + cw] += 1
        if used.max() > 1:
            return False
    uv = charts.uv()
    return bool((uv >= 0).all() and (uv <= 1).all())


@pytest.mark.parametrize("rise, kind", [(0.0, FLAT), (0.5, atlas.ROOF), (4.0, atlas.ROOF)])
def test_a_roof_that_rises_a_little_is_no_flat_roof(rise, kind):
    x0, y0, x1, y1 = BOX
    part = box_house()
    part.vertices[[6, 7], 2] += rise  # the northern eaves
    charts = charts_of([part], 8.0)
    roof = [c for c in range(len(charts.kind)) if charts.panels.normal[charts.first[c], 2] > 0.5]
    assert len(roof) == 1 and charts.kind[roof[0]] == kind
    assert charts.size[roof[0]] == pytest.approx((x1 - x0, np.hypot(y1 - y0, rise)))  # u along the eaves, v up the slope


def test_a_round_wall_is_unrolled_into_one_chart():
    turn = np.arange(24) * 2 * np.pi / 24
    part = prism("tower_001", 16 + 6 * np.stack([np.cos(turn), np.sin(turn)], 1), 0, 30, sem.TOWER)
    charts = charts_of([part], 8.0)
    walls = np.flatnonzero(charts.kind == WALL)
    assert len(walls) == 1
    facet = 12 * np.sin(np.pi / 24)
    assert charts.size[walls[0]] == pytest.approx((24 * facet, 30))
    panels = charts.panels
    mine = slice(charts.first[walls[0]], charts.first[walls[0] + 1])
    order = np.argsort(panels.left[mine])
    assert np.allclose(panels.left[mine][order], facet * np.arange(24))  # one beside the other, without gaps


def test_large_places_get_several_pages_and_vast_parts_fewer_texels(monkeypatch):
    monkeypatch.setattr(atlas, "PAGE", 256)
    parts = [box_house(f"house_{k:03d}", 40.0 * k) for k in range(6)]
    charts = charts_of(parts, 8.0)
    assert len(charts.pages) > 1 and charts.pages.max() <= 256 and apart(charts)
    assert all(len(set(charts.page[charts.part == k])) == 1 for k in range(6))
    vast = charts_of([prism("industrial_001", np.array([[0, 0], [90, 0], [90, 60], [0, 60.0]]), 0, 9, sem.INDUSTRIAL)], 8.0)
    assert vast.density.max() < 4 and vast.pages.max() <= 512 and apart(vast)


# colours

def test_each_wall_has_its_own_colour_and_no_neighbours(house):
    parts, textures = house[False]
    assert set(textures) == {"terrain", "buildings"} and parts[1].texture == "buildings"
    for (nx, ny), rgb in WALLS.items():
        seen = texels_of(parts[1], textures["buildings"], (nx, ny, 0), 0.0).astype(int)
        assert np.abs(seen - rgb).max() <= 3, (nx, ny)
    assert np.abs(texels_of(parts[1], textures["buildings"], (0, 0, 1), 0.0).astype(int) - ROOF).max() <= 3
    facing = parts[1].corner_normal[:, 0, 1] < -0.9
    assert np.abs(parts[1].corner_color[facing].astype(int) - WALLS[0, -1]).max() <= 3


def test_no_texel_is_black(house):
    for textures in (house[False][1], house[True][1]):
        for texture in textures.values():
            assert texture.color.max(2).min() >= 10 and texture.color.dtype == np.uint8
            assert texture.roughness.shape == texture.color.shape[:2] and texture.roughness.min() >= 10


def test_padding_holds_the_charts_colour():
    """A renderer that reads half a level coarser still finds the wall's colour around a chart."""
    charts = charts_of([box_house()], 8.0)
    _, textures = texture_place([box_house()], house_surfels(), columns_for(), PLAIN, quiet)
    color = textures["buildings"].color[::-1].astype(int)
    for c in np.flatnonzero(charts.kind == WALL):
        (x, y), (w, h) = charts.corner[c], charts.pixels[c]
        normal = charts.panels.normal[charts.first[c]]
        rgb = WALLS[round(normal[0]), round(normal[1])]
        assert np.abs(color[y:y + h, x:x + w] - rgb).max() <= 3
    assert PAD >= 4


def test_classes_of_the_ground_do_not_bleed():
    strips = ((12.0, sem.LAWN), (20.0, sem.ROAD), (SIDE, sem.PATH))
    tones = {sem.LAWN: (60, 130, 50), sem.ROAD: (90, 90, 95), sem.PATH: (190, 185, 175)}
    splats = joined(ground_surfels((0, 12), tones[sem.LAWN], sem.LAWN), ground_surfels((12, 20), tones[sem.ROAD], sem.ROAD),
                    ground_surfels((20, SIDE), tones[sem.PATH], sem.PATH))
    cover = np.repeat([sem.LAWN, sem.ROAD, sem.PATH], [12, 8, 12])[:, None]
    parts, textures = texture_place([plane(strips)], splats, columns_for(cover, house=False), PLAIN, quiet)
    color = textures["terrain"].color.astype(int)
    assert color.shape == (256, 256, 3)
    for (a, b), c in (((0, 95), sem.LAWN), ((97, 159), sem.ROAD), ((161, 256), sem.PATH)):
        assert np.abs(color[:, a:b] - tones[c]).max() <= 2
    assert np.allclose(parts[0].uv, parts[0].vertices[parts[0].faces][..., :2] / SIDE)
    for f, c in enumerate(parts[0].face_class):
        assert np.abs(parts[0].corner_color[f].astype(int) - tones[c]).max() <= 2


def test_the_ground_goes_on_under_what_hides_it_and_a_bed_is_no_hole():
    """Half of the lawn has no surfel (a house stands there), and the soil of the lake's bed has none at all."""
    strips = ((24.0, sem.LAWN), (SIDE, sem.SOIL))
    splats = ground_surfels((0, 12), (60, 130, 50), sem.LAWN)
    _, textures = texture_place([plane(strips)], splats, columns_for(house=False), PLAIN, quiet)
    color = textures["terrain"].color.astype(int)
    assert np.abs(color[:, :190] - (60, 130, 50)).max() <= 3
    assert color[:, 194:].min() > 50


def test_kerbs_take_the_colour_of_their_upper_edge():
    road, path = (90, 90, 95), (190, 185, 175)
    x = 16.0
    vertices = [(0, 0, 0), (0, SIDE, 0), (x, 0, 0), (x, SIDE, 0), (x, 0, 0.1), (x, SIDE, 0.1),
                (SIDE, 0, 0.1), (SIDE, SIDE, 0.1)]
    faces = [(0, 2, 3), (0, 3, 1), (2, 4, 5), (2, 5, 3), (4, 6, 7), (4, 7, 5)]
    terrain = part_of("terrain", TERRAIN, 0, vertices, faces, np.repeat([sem.ROAD, sem.PATH, sem.PATH], 2))
    splats = joined(ground_surfels((0, x), road, sem.ROAD), ground_surfels((x, SIDE), path, sem.PATH))
    cover = np.repeat([sem.ROAD, sem.PATH], 16)[:, None]
    parts, textures = texture_place([terrain], splats, columns_for(cover, house=False), PLAIN, quiet)
    uv = parts[0].uv[2:4].reshape(-1, 2)
    assert (uv[:, 0] * SIDE > x).all() and (uv[:, 0] * SIDE < x + 0.2).all()
    assert np.abs(parts[0].corner_color[2:4].astype(int) - path).max() <= 3
    assert "water" not in textures


def test_water_has_a_texture_of_its_own():
    water = part_of("water_001", WATER, sem.WATER, [(4, 4, -0.2), (20, 4, -0.2), (20, 20, -0.2), (4, 20, -0.2)],
                    [(0, 1, 2), (0, 2, 3)])
    cover = np.full((32, 32), sem.LAWN)
    cover[4:20, 4:20] = sem.WATER
    x, y = grid((4, 20), (4, 20))
    splats = joined(surfels(np.stack([x, y, np.full(len(x), -0.2)], 1), (0, 0, 1), (60, 90, 110), sem.WATER),
                    ground_surfels((0, SIDE), (90, 120, 60), sem.LAWN))
    parts, textures = texture_place([plane(), water], splats, columns_for(cover, house=False), PLAIN, quiet)
    assert parts[1].texture == "water" and np.abs(parts[1].corner_color.astype(int) - (60, 90, 110)).max() <= 3
    assert textures["water"].roughness.max() < 40 < textures["terrain"].roughness.min()


def test_parts_without_a_surfel_are_plain_and_crowns_stay():
    crown = prism("broadleaf", np.array([[1, 1], [3, 1], [2, 3.0]]), 2, 5, sem.BROADLEAF)
    crown.kind = "crown"
    lonely = ground_surfels((0, SIDE), (90, 120, 60), sem.LAWN)
    parts, textures = texture_place([plane(), box_house(), crown], lonely, columns_for(), MeshOptions(), quiet)
    assert parts[2] is crown and crown.uv is None
    assert textures["buildings"].color.max(2).min() >= 10


def test_vertex_colours_are_the_light_variant():
    splats = joined(house_surfels(), ground_surfels((0, SIDE), (90, 120, 60), sem.LAWN))
    parts, textures = texture_place([plane(), box_house()], splats, columns_for(), MeshOptions(colours="vertex"), quiet)
    assert textures == {} and all(p.uv is None and p.texture == "" for p in parts)
    assert np.abs(parts[0].corner_color.astype(int) - (90, 120, 60)).max() <= 3
    east = parts[1].corner_normal[:, 0, 0] > 0.9
    assert np.abs(parts[1].corner_color[east].astype(int) - WALLS[1, 0]).max() <= 3


# facades

def wall_for(length: float, height: float, fits=None, front: bool = False, ground: float = 0.0) -> facades.Wall:
    def inside(r: np.ndarray) -> np.ndarray:
        return (r[:, 0] >= 0) & (r[:, 1] <= length) & (r[:, 2] >= 0) & (r[:, 3] <= height)
    return facades.Wall(length, height, 0.0, np.full(int(length * 8), ground), 8.0, fits or inside, front)


def look_for(class_id: int, eaves: float, name: str = "x") -> facades.Look:
    return facades.look_of(name, class_id, 0.1, eaves, False, np.array([150, 150, 150], np.float32))


@pytest.mark.parametrize("class_id", sem.BUILDING_IDS.tolist())
@pytest.mark.parametrize("front", [False, True])
def test_openings_lie_on_the_wall_apart_and_in_rows(class_id, front):
    for length in (3.0, 7.3, 12.0, 41.7):
        for eaves in (2.6, 6.0, 31.0):
            plan = facades.plan(wall_for(length, eaves, front=front), look_for(class_id, eaves))
            r, plain = plan.rect, plan.kind == facades.WINDOW
            assert (r[:, 0] >= 0).all() and (r[:, 1] <= length).all() and (r[:, 2] >= -0.01).all() and (r[:, 3] <= eaves).all()
            for k in range(len(r)):
                over = (r[:, 0] < r[k, 1]) & (r[:, 1] > r[k, 0]) & (r[:, 2] < r[k, 3]) & (r[:, 3] > r[k, 2])
                assert over.sum() == 1
            sills = np.unique(np.round(r[plain, 2], 6))
            if len(sills) > 1:
                assert np.allclose(np.diff(sills), np.diff(sills)[0])
            middles = np.unique(np.round(r[plain, :2].mean(1), 6))
            if len(middles) > 2 and not front:
                assert np.allclose(np.diff(middles), np.diff(middles)[0])
                assert middles[0] == pytest.approx(length - middles[-1])  # the same wall at both ends


def test_a_house_has_windows_on_both_floors_and_a_door_to_the_street():
    plan = facades.plan(wall_for(12, 6, front=True), look_for(sem.HOUSE, 6.0))
    assert (plan.kind == facades.DOOR).sum() == 1
    assert len(np.unique(plan.rect[plan.kind == facades.WINDOW, 2])) == 2
    assert not (facades.plan(wall_for(12, 6), look_for(sem.HOUSE, 6.0)).kind == facades.DOOR).any()


def test_joints_between_slabs_cut_no_window():
    look = look_for(sem.TOWER, 31.0)
    for length in (3.0, 9.4, 30.2):
        first, pitch = facades.joints(length, look.style)
        rect = facades.plan(wall_for(length, 31), look).rect
        at = first + pitch * np.arange(-1, length / pitch + 2)
        assert len(rect) and not ((at > rect[:, :1]) & (at < rect[:, 1:2])).any()


def test_a_tall_window_that_does_not_fit_is_a_window():
    """The lowest row of an upper storey that stands on a roof: there is no wall for windows that go down to the floor."""
    look = next(k for k in (look_for(sem.APARTMENTS, 12.0, f"block_{n}") for n in range(40)) if k.style.french)

    def upper(r: np.ndarray) -> np.ndarray:
        return (r[:, 0] >= 0) & (r[:, 1] <= 20) & (r[:, 2] >= look.floor + look.storey) & (r[:, 3] <= 12)
    plan = facades.plan(wall_for(20, 12, upper), look)
    lowest = np.isclose(plan.rect[:, 3], plan.rect[:, 3].min())
    assert (plan.kind[lowest] == facades.WINDOW).all() and (plan.kind[~lowest] == facades.FRENCH).any()
    assert lowest.sum() == len(np.unique(plan.rect[:, 0].round(6)))


def test_no_window_is_cut_by_a_gable_or_by_the_ground():
    def gable(r: np.ndarray) -> np.ndarray:
        high = 4 + 3 * (1 - np.abs(r[:, :2] - 5) / 5).min(1)
        return (r[:, 0] >= 0) & (r[:, 1] <= 10) & (r[:, 2] >= 0) & (r[:, 3] <= high)
    look = look_for(sem.HOUSE, 3.0)
    plan = facades.plan(wall_for(10, 7, gable), look)
    rim = plan.rect + facades.RIM * np.array([-1, 1, -1, 1])
    assert len(rim) and gable(rim).all() and len(np.unique(plan.rect[:, 2])) >= 2
    buried = facades.plan(wall_for(10, 7, gable, ground=2.5), look)
    assert (buried.rect[:, 2] > 2.5).all()


def test_the_sill_is_below_the_window_and_the_shadow_above():
    color, rough = np.full((128, 128, 3), 150, np.float32), np.full((128, 128), 0.8, np.float32)
    trim, leaf, glass = np.full(3, 240, np.float32), np.full(3, 90, np.float32), np.array([44, 54, 64], np.float32)
    paint_openings(color, rough, 32.0, 4, np.array([[1.0, 2.5, 1.2, 2.8]]), np.array([facades.WINDOW]), np.array([[1, 1]]),
                   np.array([5]), trim, leaf, glass)
    light = color.mean(2)
    row = light[:, 60]  # a column of texels, from below

    def at(v: float) -> float:
        return row[int(4 + 32 * v)]

    assert at(1.14) > 200  # the sill, just below v = 1.2 m
    assert at(1.02) < 140  # its shadow on the wall
    assert at(2.67) < 0.7 * at(2.5) < 100  # the pane's upper end lies in the shade of the wall
    assert at(2.75) < 0.8 * at(1.24)  # and so does the frame's
    assert rough[int(4 + 32 * 2), 60] < 0.15 and rough[2, 2] == pytest.approx(0.8)
    assert (light[:, :8] == 150).all()  # beside it the wall is untouched


def test_facades_keep_the_tone_of_the_wall_around_their_openings():
    rgb = np.array([176, 128, 96])
    splats = house_surfels()
    wall = np.abs(splats.normals()[:, 2]) < 0.5
    splats.sh[wall, 0] = (rgb / 255 - 0.5) / SH_C0
    parts, textures = texture_place([box_house()], splats, columns_for(), MeshOptions(), quiet)
    for normal in WALLS:
        seen = texels_of(parts[0], textures["buildings"], (*normal, 0), 0.0).astype(float)
        assert np.abs(np.median(seen, 0) / rgb - 1).max() < 0.12
        glass = np.abs(seen - (45, 55, 64)).max(1) < 40
        assert 0.02 < glass.mean() < 0.35, "there are windows, and there is more wall than window"


# the whole

def test_the_same_bytes_whatever_the_threads(monkeypatch, house):
    splats = joined(house_surfels(), ground_surfels((0, SIDE), (90, 120, 60), sem.LAWN))
    monkeypatch.setattr(threads, "cores", lambda: 1)
    parts, textures = texture_place([plane(), box_house()], splats, columns_for(), MeshOptions(), quiet)
    for name, texture in house[True][1].items():
        assert texture.color.tobytes() == textures[name].color.tobytes()
        assert texture.roughness.tobytes() == textures[name].roughness.tobytes()
    for a, b in zip(parts, house[True][0]):
        assert a.uv.tobytes() == b.uv.tobytes() and a.corner_color.tobytes() == b.corner_color.tobytes()


def test_cancelling_ends_the_work_and_its_threads():
    class Cancelled(Exception):
        pass

    def cancel() -> None:
        raise Cancelled

    splats = joined(house_surfels(), ground_surfels((0, SIDE), (90, 120, 60), sem.LAWN))
    with pytest.raises(Cancelled):
        texture_place([plane(), box_house()], splats, columns_for(), MeshOptions(), cancel)
    assert not [t for t in threading.enumerate() if t.name.startswith("texture")]
