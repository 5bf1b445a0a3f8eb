"""The dataset: splits, crops, augmentation and the manifest; and real places where they are at hand."""
from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from earthcrafter_core.data import dataset as ds
from earthcrafter_core.data.lidar import read_points
from earthcrafter_core.data.lidar_scene import scene_from_lidar
from earthcrafter_core.data.training_scene import SUBSAMPLES, TrainingScene
from earthcrafter_core.errors import BadInput
from earthcrafter_core.scene import classes as c
from earthcrafter_core.scene.voxels import tangent_frame

from test_lidar import place, write_las

DATA = Path(os.environ.get("EARTHCRAFTER_DATA", "../shared/data"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> TrainingScene:
    path = write_las(tmp_path_factory.mktemp("lidar") / "place.laz", place(np.random.default_rng(0)))
    return scene_from_lidar(read_points(path), meta={"name": "place"})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    write_las(folder / "one.laz", place(np.random.default_rng(0)))
    ds.build(folder, folder / "data")
    return folder / "data"


# ----------------------------------------------------------------------------------------------------------- building

def test_split_leaves_a_gap(scene: TrainingScene) -> None:
    train, test, block = ds.split(scene, (64, 32, 32, 48), gap=16)
    assert block == [64, 32, 32, 48] and test.layout.shape == (48, 32)
    np.testing.assert_array_equal(test.layout, scene.layout[32:80, 64:96])
    hole = np.zeros(scene.layout.shape, bool)
    hole[16:96, 48:112] = True
    np.testing.assert_array_equal(train.layout == 0, hole)
    rows = scene.layout.shape[0] - 1 - train.coords[:, 1]
    assert not hole[rows, train.coords[:, 0]].any()
    assert len(train.coords) + len(test.coords) < len(scene.coords)
    assert (scene.layout > 0).all()  # the scene itself is left as it was


def test_manifest_names_sources_counts_and_hashes(built: Path, tmp_path: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    entry = manifest["scenes"][0]
    assert {e["split"] for e in manifest["scenes"]} == {"train", "test"}
    assert len(entry["sha256"]) == 64 and manifest["sources"]["one"]["licence"] == "unknown"
    assert sum(entry["class_cells"].values()) == entry["cells"][0] * entry["cells"][1]
    again = ds.build(built.parent, tmp_path / "again")
    assert again["hash"] == manifest["hash"]  # reproducible


def test_nothing_to_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        ds.build(tmp_path, tmp_path / "out")
    with pytest.raises(BadInput):
        ds.build(None, tmp_path / "out")


# ------------------------------------------------------------------------------------------------------------ loading

def store(folder: Path, scene: TrainingScene, split: str) -> None:
    """A dataset of one scene."""
    (folder / "scenes").mkdir(exist_ok=True)
    entry = ds._store(scene, folder, f"a_{split}", {"source": "a", "split": split})
    ds._write_json(folder / "manifest.json", ds._manifest([entry], 1.0))


def test_crops_never_touch_missing_cells(tmp_path: Path, scene: TrainingScene) -> None:
    train, _, _ = ds.split(scene, (96, 0, 32, 64), gap=8)
    store(tmp_path, train, "train")
    data = ds.Dataset(tmp_path, "train")
    rng = np.random.default_rng(0)
    corners = set()
    for _ in range(30):
        crop = data.crops(rng, 48)
        assert crop.layout.shape == (48, 48) and (crop.layout > 0).all()
        assert crop.coords[:, :2].min() == 0 and crop.coords[:, :2].max() == 47
        corners.add(tuple(crop.meta["crop"]))
    assert len(corners) > 5 and all(v % 8 == 0 for p in corners for v in p)
    with pytest.raises(BadInput):
        data.crops(rng, 256)
    with pytest.raises(BadInput):
        data.crops(rng, 48, source="b")
    with pytest.raises(BadInput):
        ds.Dataset(tmp_path, "test")


def test_test_tiles_are_fixed_and_apart(tmp_path: Path, scene: TrainingScene) -> None:
    store(tmp_path, scene, "test")
    tiles = ds.Dataset(tmp_path, "test").test_tiles(size=40)
    places = [tuple(t.meta["crop"]) for t in tiles]
    assert len(tiles) == 9
    for k, (x, y) in enumerate(places):
        assert all(abs(x - u) >= 40 or abs(y - v) >= 40 for u, v in places[k + 1:])
    assert places == [tuple(t.meta["crop"]) for t in ds.Dataset(tmp_path, "test").test_tiles(size=40)]


def test_missing_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        ds.Dataset(tmp_path, "train")


# ------------------------------------------------------------------------------------------------------- augmentation

def by_place(scene: TrainingScene) -> dict[tuple[int, ...], int]:
    return {tuple(map(int, row)): k for k, row in enumerate(scene.coords)}


@pytest.mark.parametrize("change", ["x", "y", "transpose"])
def test_changes_move_everything_together(scene: TrainingScene, change: str) -> None:
    size = scene.layout.shape[0]
    out = ds.transpose(scene) if change == "transpose" else ds.mirror(scene, "xy".index(change))

    def move(p: np.ndarray, extent: float) -> np.ndarray:
        """Points or directions under the change; `extent` is the scene's size (0 for directions)."""
        p = p.astype(np.float64).copy()
        if change == "transpose":
            return p[..., [1, 0, 2]]
        axis = "xy".index(change)
        p[..., axis] = extent - p[..., axis]
        return p

    places = by_place(out)
    target = np.array([places[tuple(map(int, row))] for row in move(scene.coords + 0.5, size) - 0.5])
    assert (np.diff(out.coords[:, 0]) >= 0).all()
    np.testing.assert_array_equal(out.class_id[target], scene.class_id)
    np.testing.assert_allclose(out.normals()[target], move(scene.normals(), 0), atol=1e-6)
    # each colour sample lies where the moved one lay, in one order or another of the four
    before, after = move(scene.subsample_points(), size), out.subsample_points()[target]
    apart = np.linalg.norm(before[:, :, None] - after[:, None], axis=3)  # [N, 4, 4]
    match = apart.argmin(2)
    level = np.abs(scene.normal[:, 2]) > 120
    wall = np.abs(scene.normal[:, 2]) < 10
    for sure in (level, wall):
        assert apart.min(2)[sure].max() < 0.15
        np.testing.assert_array_equal(np.take_along_axis(out.rgb[target], match[..., None], 1)[sure], scene.rgb[sure])
    # planes: the layout still names the class of the columns
    rows = size - 1 - out.coords[:, 1]
    np.testing.assert_array_equal(out.layout[rows, out.coords[:, 0]][target],
                                  scene.layout[size - 1 - scene.coords[:, 1], scene.coords[:, 0]])


def test_mirrors_undo_themselves(scene: TrainingScene) -> None:
    for change in (lambda s: ds.mirror(s, 0), lambda s: ds.mirror(s, 1), ds.transpose):
        twice = change(change(scene))
        for k in TrainingScene.ARRAYS:
            np.testing.assert_array_equal(getattr(twice, k), getattr(scene, k), err_msg=k)


def test_tangent_frames_give_the_documented_order() -> None:
    u, v = tangent_frame(np.array([[0.0, 0.0, 1.0]], np.float32))
    np.testing.assert_allclose([u[0], v[0]], [[1, 0, 0], [0, 1, 0]], atol=1e-6)
    assert SUBSAMPLES.tolist() == [[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]]


# -------------------------------------------------------------------------------------------------------- real places

@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "lidar/woodford.laz").exists(), reason="EARTHCRAFTER_DATA has no lidar/woodford.laz")
def test_a_real_suburb_has_houses_roads_and_trees() -> None:
    points = read_points(DATA / "lidar/woodford.laz")
    north = points.xyz[:, 1].max()
    x = points.xyz[:, 0] - points.xyz[:, 0].min()
    near = (x > 704) & (x < 960) & (points.xyz[:, 1] < north - 150) & (points.xyz[:, 1] > north - 406)
    scene = scene_from_lidar(points.select(near))
    share = np.bincount(scene.layout.ravel(), minlength=26) / scene.layout.size
    assert 0.08 < share[c.BUILDING_IDS].sum() < 0.25 and share[c.HOUSE] > 0.8 * share[c.BUILDING_IDS].sum()
    assert 0.08 < share[c.ROAD] + share[c.PATH] < 0.35 and share[c.LAWN] > 0.3
    built, low = (c.is_in(scene.layout, ids) for ids in (c.BUILDING_IDS, c.FLAT_IDS))
    assert (scene.height[built] >= 2.5).mean() > 0.95 and (np.abs(scene.height[low]) < 1).mean() > 0.97
    assert len(scene.coords) < 2.0 * scene.layout.size
