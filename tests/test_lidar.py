"""LiDAR reading, ground, classification and shells, on a small place that the tests make themselves."""
from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest

from earthcrafter_core.data import classify
from earthcrafter_core.data.ground import Frame, bilinear, drape, fill, relief, terrain
from earthcrafter_core.data.lidar import Place, _epsg_of_wkt, read_place, read_points
from earthcrafter_core.data.lidar_scene import balance, layout_from_lidar, made_from_lidar, scene_from_lidar
from earthcrafter_core.data.shell import Surfaces, build_shell
from earthcrafter_core.errors import BadInput
from earthcrafter_core.scene import classes as c
from earthcrafter_core.scene.voxels import GROUND_INDEX

SIZE = 128


def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The ground of the test place: 10 % to the east, 2 % to the north, from 200 m."""
    return 200 + 0.10 * x + 0.02 * y


def place(rng: np.random.Generator, spacing: float = 0.5) -> dict[str, np.ndarray]:
    """A lawn on a slope with a road, a flat-roofed house of 12 x 16 m, 6 m high, and five round trees of 12 m."""
    x, y = (a.ravel() for a in np.meshgrid(np.arange(0.05, SIZE, spacing), np.arange(0.05, SIZE, spacing)))
    x, y = x + rng.uniform(0, 0.2, x.size), y + rng.uniform(0, 0.2, x.size)
    ground = slope(x, y)
    z, code, number = ground.copy(), np.full(x.size, 2), np.ones(x.size, int)
    rgb = np.tile([70, 130, 50], (x.size, 1)) + rng.integers(-8, 8, (x.size, 3))
    road = np.abs(y - 24) < 5
    rgb[road] = 130 + rng.integers(-4, 4, (road.sum(), 1))
    house = (np.abs(x - 40) < 6) & (np.abs(y - 60) < 8)
    z[house], code[house], rgb[house] = slope(40, 60) + 6, 1, [150, 90, 80]
    extra = []
    for tx, ty in ((80, 70), (95, 85), (70, 100), (100, 60), (88, 104)):
        r2 = (x - tx) ** 2 + (y - ty) ** 2
        crown = r2 < 25
        z[crown] = ground[crown] + 5 + 7 * np.sqrt(1 - r2[crown] / 25) + rng.normal(0, 0.7, crown.sum())
        code[crown], rgb[crown], number[crown] = 1, [40, 90, 30], 2
        extra.append(np.flatnonzero(crown)[::4])
    last = np.concatenate(extra)  # pulses that go on to the ground
    return {
        "x": np.append(x, x[last]), "y": np.append(y, y[last]), "z": np.append(z, ground[last]),
        "code": np.append(code, np.full(last.size, 2)), "rgb": np.concatenate([rgb, rgb[last]]),
        "return": np.append(np.ones(x.size, int), np.full(last.size, 2)), "of": np.append(number, np.full(last.size, 2))}


def write_las(path: Path, p: dict[str, np.ndarray], bits: int = 16, point_format: int = 2) -> Path:
    header = laspy.LasHeader(point_format=point_format, version="1.2")
    header.scales, header.offsets = [0.01] * 3, [0, 0, 0]
    las = laspy.LasData(header)
    las.x, las.y, las.z = p["x"], p["y"], p["z"]
    las.classification, las.return_number, las.number_of_returns = p["code"], p["return"], p["of"]
    if point_format == 2:
        las.red, las.green, las.blue = (p["rgb"].T * (256 if bits == 16 else 1)).astype(np.uint16)
    las.write(path)
    return path


@pytest.fixture(scope="module")
def laz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_las(tmp_path_factory.mktemp("lidar") / "place.laz", place(np.random.default_rng(0)))


@pytest.fixture(scope="module")
def scene(laz: Path):
    return scene_from_lidar(read_points(laz), meta={"name": "place"})


# ------------------------------------------------------------------------------------------------------------ reading

@pytest.mark.parametrize("bits", [8, 16])
def test_colours_come_out_as_eight_bits(tmp_path: Path, bits: int) -> None:
    p = place(np.random.default_rng(1), 4.0)
    points = read_points(write_las(tmp_path / "a.las", p, bits))
    assert points.rgb is not None and points.rgb.dtype == np.uint8
    np.testing.assert_array_equal(points.rgb, p["rgb"])
    np.testing.assert_allclose(points.xyz[:, 2], p["z"], atol=0.006)


def test_without_colour_there_is_none(tmp_path: Path) -> None:
    points = read_points(write_las(tmp_path / "a.las", place(np.random.default_rng(1), 1.0), point_format=1))
    assert points.rgb is None
    assert (scene_from_lidar(points).rgb[:100] > 0).all()


def test_noise_is_left_out(tmp_path: Path) -> None:
    p = place(np.random.default_rng(1), 4.0)
    p["code"][:5] = 7
    assert len(read_points(write_las(tmp_path / "a.las", p))) == len(p["x"]) - 5


@pytest.mark.parametrize("damage", ["missing", "text", "empty file", "truncated", "no points", "cut header"])
def test_bad_files_give_one_sentence_and_a_remedy(tmp_path: Path, laz: Path, damage: str) -> None:
    path = tmp_path / "bad.laz"
    data = laz.read_bytes()
    if damage == "no points":
        write_las(path, {k: v[:0] for k, v in place(np.random.default_rng(1), 8.0).items()})
    elif damage != "missing":
        path.write_bytes({"text": b"not a point cloud\n" * 50, "empty file": b"", "truncated": data[:len(data) // 2],
                          "cut header": data[:100]}[damage])
    with pytest.raises(BadInput) as caught:
        read_points(path)
    assert caught.value.message.endswith(".") and caught.value.remedy.endswith(".")


def test_no_ground_and_too_small_are_refused(laz: Path) -> None:
    points = read_points(laz)
    with pytest.raises(BadInput, match="ground"):
        scene_from_lidar(points.select(points.classification == 1))
    with pytest.raises(BadInput, match="covers"):
        scene_from_lidar(points.select(points.xyz[:, 0] < 5))


# ------------------------------------------------------------------------------------------------------------- ground

def test_fill_keeps_what_is_known_and_a_constant() -> None:
    rng = np.random.default_rng(0)
    v = rng.normal(size=(37, 50))
    known = rng.random(v.shape) < 0.3
    out = fill(v, known)
    np.testing.assert_array_equal(out[known], v[known])
    assert np.isfinite(out).all() and out.min() >= v[known].min() and out.max() <= v[known].max()
    np.testing.assert_allclose(fill(np.full((20, 31), 4.0), known[:20, :31]), 4.0)


def test_terrain_loses_spikes_and_relief_keeps_a_slope() -> None:
    x, y = (a.ravel() for a in np.meshgrid(np.arange(0.5, 64), np.arange(0.5, 64)))
    z = slope(x, y)
    z[[500, 2000]] += 9
    frame = Frame(0, 64, 64, 64, 1.0)
    ground, measured = terrain(frame, np.stack([x, y, z], 1))
    cols, rows = np.meshgrid(np.arange(0.5, 64), 64 - np.arange(0.5, 64))
    assert measured.all()
    np.testing.assert_allclose(ground, slope(cols, rows), atol=0.2)
    plane = relief(ground, np.zeros((64, 64), bool))
    assert plane.shape == (8, 8)
    inner = np.s_[16:48, 16:48]
    np.testing.assert_allclose(drape(plane)[inner], slope(cols, rows)[inner], atol=0.1)


def test_bilinear_is_exact_on_planes() -> None:
    plane = np.add.outer(np.arange(5.0), 2 * np.arange(7.0))
    rows, cols = np.array([0.25, 3.5]), np.array([1.5, 5.75])
    np.testing.assert_allclose(bilinear(plane, rows, cols), np.add.outer(rows, 2 * cols))


# ----------------------------------------------------------------------------------------------------------- classes

def test_plane_fit_is_exact_and_keeps_a_ridge() -> None:
    row, col = np.indices((30, 30)).astype(float)
    planes, residual = classify.fit_planes(3 + 0.5 * col - 0.25 * row, np.ones((30, 30), bool))
    np.testing.assert_allclose(planes[..., 0], 0.5, atol=1e-6)
    np.testing.assert_allclose(planes[..., 1], -0.25, atol=1e-6)
    np.testing.assert_allclose(planes[..., 2], 3 + 0.5 * col - 0.25 * row, atol=1e-6)
    assert residual.max() < 1e-4
    gable = 10 - 0.6 * np.abs(col - 14)
    noisy = gable + np.random.default_rng(0).normal(0, 0.15, gable.shape)
    smooth = classify.smooth_planar(noisy, np.ones((30, 30), bool))
    assert np.abs(smooth - gable).mean() < 0.6 * np.abs(noisy - gable).mean()
    assert np.abs(smooth[5:25, 14] - 10).mean() < 0.25  # the ridge is not rounded off


def test_opening_and_closing_by_discs() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:25, 5:25] = True
    mask[30:32, :] = True  # a strip two cells wide
    opened = classify.opening(mask, 3.0)
    assert opened[10:20, 10:20].all() and not opened[30:32].any()
    mask[12:14, 12:14] = False
    assert classify.closing(mask, 3.0)[12:14, 12:14].all()


def test_balance_spreads_the_colours() -> None:
    rng = np.random.default_rng(0)
    out = balance(rng.integers(90, 190, (10_000, 3)).astype(np.uint8))
    assert out.min() < 40 and out.max() > 190


# -------------------------------------------------------------------------------------------------------------- scene

def column(scene, x: int, y: int):
    """Indices of the voxels of a column."""
    return np.flatnonzero((scene.coords[:, 0] == x) & (scene.coords[:, 1] == y))


def at(scene, x: int, y: int) -> int:
    return scene.layout[scene.layout.shape[0] - 1 - y, x]


def test_scene_tells_house_trees_road_and_lawn_apart(scene) -> None:
    assert scene.layout.shape == (SIZE, SIZE)
    assert c.is_in(np.array(at(scene, 40, 60)), c.BUILDING_IDS)
    assert at(scene, 80, 70) in c.TREE_IDS and at(scene, 95, 85) in c.TREE_IDS
    assert at(scene, 64, 24) in (c.ROAD, c.PARKING)
    assert at(scene, 20, 100) in (c.LAWN, c.MEADOW)
    built = c.is_in(scene.layout, c.BUILDING_IDS).sum()
    assert 150 < built < 240  # 192 m2


def test_scene_is_flat_on_a_slope(scene) -> None:
    roof = [scene.coords[column(scene, x, y), 2].max() for x, y in ((36, 54), (40, 60), (44, 66))]
    assert len(set(roof)) == 1 and abs(roof[0] - GROUND_INDEX - 6) <= 1
    low = c.is_in(scene.layout, c.GROUND_IDS)
    assert np.abs(scene.height[low].astype(float)).max() < 0.6
    assert 6.0 < np.ptp(scene.elevation) < 15.0  # the slope is in the elevation plane


def test_scene_obeys_the_contract(scene) -> None:
    co = scene.coords.astype(np.int64)
    key = (co[:, 0] * 4096 + co[:, 1]) * 256 + co[:, 2]
    assert (np.diff(key) > 0).all()  # unique and sorted
    assert co.min() >= 0 and co[:, :2].max() < SIZE and co[:, 2].max() < 128
    assert len(np.unique(key // 256)) == SIZE * SIZE  # every column holds a voxel
    assert ((scene.class_id >= 1) & (scene.class_id <= 25)).all()
    np.testing.assert_allclose(np.linalg.norm(scene.normal.astype(float), axis=1), 127, atol=2)
    assert np.abs(scene.offset).max() <= 50
    assert scene.rgb.shape == (len(co), 4, 3) and scene.elevation.shape == (SIZE // 8, SIZE // 8)


def test_walls_are_closed_vertical_and_unseen(scene) -> None:
    house = c.is_in(scene.layout, c.BUILDING_IDS)
    row, col = np.nonzero(house & ~np.roll(house, -1, 1))  # eastern rim
    assert len(row)
    for r, q in zip(row[2:-2], col[2:-2], strict=True):
        at_column = column(scene, q, SIZE - 1 - r)
        z = scene.coords[at_column, 2]
        assert z.max() - z.min() >= 5 and len(z) == z.max() - z.min() + 1  # from the roof to the ground, no gap
        wall = at_column[:-1]
        assert not scene.seen[wall].any() and scene.seen[at_column[-1]]
        assert np.abs(scene.normal[wall, 2]).max() <= 1


def test_ground_runs_under_crowns(scene) -> None:
    z = scene.coords[column(scene, 80, 70), 2]
    assert abs(z.min() - GROUND_INDEX) <= 1 and z.max() - GROUND_INDEX >= 8 and len(z) < 8


def test_shell_has_no_gaps() -> None:
    rng = np.random.default_rng(3)
    ground = np.round(rng.uniform(-4, 2, (24, 24)))
    flat = np.full((24, 24), c.MEADOW, np.uint8)
    shell = build_shell(Surfaces(flat, flat, ground, ground, np.zeros((24, 24), np.int32)))
    filled = np.zeros((24, 24, 128), bool)
    filled[shell.row, shell.col, shell.z] = True
    top = np.where(filled, np.arange(128), -1).max(2)
    np.testing.assert_array_equal(top - GROUND_INDEX, ground)
    step = top[:, :-1] - top[:, 1:]
    for r, q in np.argwhere(step > 1):  # the higher column comes down beside the lower one
        assert filled[r, q, top[r, q + 1] + 1:top[r, q] + 1].all()


def test_layout_from_lidar(laz: Path) -> None:
    layout = layout_from_lidar(laz, 2.0)
    assert layout.shape == (SIZE // 2, SIZE // 2) and layout.cell_size == 2.0
    assert layout.height_hint is not None and np.nanmax(layout.height_hint) > 5
    assert layout.elevation is not None and 198 < layout.elevation.min() < 203


def test_the_place_on_earth_comes_along(tmp_path: Path, laz: Path) -> None:
    assert read_place(laz) == Place(None, 1.0) and made_from_lidar(laz).layout.origin is None
    las = laspy.read(laz)
    wkt = 'COMPD_CS["x",PROJCS["NAD83 / Oregon",GEOGCS["NAD83",AUTHORITY["EPSG","4269"]],UNIT["metre",1,AUTHORITY["EPSG",' \
          '"9001"]],AUTHORITY["EPSG","2991"]],VERT_CS["height",AUTHORITY["EPSG","5703"]]]'
    las.header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(wkt))
    las.write(tmp_path / "w.laz")
    made = made_from_lidar(tmp_path / "w.laz", 2.0)
    assert made.layout.crs == "EPSG:2991" and made.source == "lidar w.laz" and made.layout.elevation is not None
    assert made.layout.origin == pytest.approx((float(las.x.min()), float(las.y.min())), abs=0.02)


@pytest.mark.parametrize("wkt,code", [
    ('PROJCRS["a",BASEGEOGCRS["b",ID["EPSG",4326]],ID["EPSG",32633]]', 32633),
    ('PROJCS["a",UNIT["m",1,AUTHORITY["EPSG","9001"]]]', 0),
    ('GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]]', 0), ("", 0), ("PROJCS[", 0)])
def test_codes_in_wkt(wkt: str, code: int) -> None:
    assert _epsg_of_wkt(wkt) == code


def test_the_report_of_a_survey(laz: Path) -> None:
    made = made_from_lidar(laz)
    holes = int((made.layout.class_id == 0).sum())
    assert any(line.startswith(f"{holes} cells") for line in made.report) == (holes > 0)
    told: list[float] = []
    made_from_lidar(laz, step=told.append)
    assert told == sorted(told) and len(told) == 2
