"""The whole way with the shipped weights, few steps: contract, seeds, obedience, errors, nothing left behind."""
import json
import threading
import time

import numpy as np
import pytest

from earthcrafter_core import pipeline
from earthcrafter_core.convert.files import read_splats, read_voxels
from earthcrafter_core.errors import BadInput, Cancelled, WeightsError
from earthcrafter_core.pipeline import Models, Planes, Settings, again, generate, retexture
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.layout import Layout
from earthcrafter_core.weights import store

FILES = {"scene.json", "voxels.npz", "splats.ply", "surfels.ply", "points.ply", "mesh.glb", "plants.npz",
         "structure.npz", "layout.npz", "thumbnail.png"}


@pytest.fixture(scope="module")
def models() -> Models:
    return Models("default", None, "cpu")


def small_town(size: int = 64) -> Layout:
    ids = np.full((size, size), sem.LAWN, np.uint8)
    ids[:, 28:36] = sem.ROAD
    ids[8:20, 6:18] = sem.HOUSE
    ids[40:60, 40:60] = sem.BROADLEAF
    ids[44:56, 4:20] = sem.WATER
    return Layout(ids)


@pytest.fixture(scope="module")
def scene(models, tmp_path_factory):
    out = tmp_path_factory.mktemp("scene") / "a"
    told = []
    report = generate(small_town(), out, Settings(seed=3, steps=4), models=models,
                      progress=lambda *p: told.append(p))
    return out, report, told


def test_the_contracts_files(scene):
    out, report, _ = scene
    assert {p.name for p in out.iterdir()} == FILES
    assert json.loads((out / "scene.json").read_text())["seed"] == 3
    assert set(report["stages"]) == set(pipeline.STAGES)
    assert json.loads((out / "scene.json").read_text())["stages"].keys() == report["stages"].keys()
    with np.load(out / "voxels.npz") as f:
        assert f["coords"].dtype == np.int32 and f["class_id"].dtype == np.uint8 and f["rgb"].shape == f["coords"].shape
        assert f["origin"].dtype == np.float64 and f["origin"].shape == (3,) and f["voxel_size"].dtype == np.float64


def test_every_column_holds_a_voxel_and_nothing_lies_outside(scene):
    voxels = read_voxels(scene[0])
    xy = voxels.coords[:, :2]
    assert xy.min() == 0 and xy.max() == 63 and len(np.unique(xy, axis=0)) == 64 * 64
    splats = read_splats(scene[0] / "splats.ply")
    assert len(splats) >= 4 * 64 * 64 and np.isfinite(splats.mean).all()
    assert splats.mean[:, :2].min() > -2 and splats.mean[:, :2].max() < 66


def test_progress_only_grows_and_ends(scene):
    fractions, left = [p[3] for p in scene[2]], [p[4] for p in scene[2]]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1.0, abs=0.01)
    assert min(left) >= 0 and left[-1] < 0.01


def test_same_seed_same_scene_and_another_differs(scene, models, tmp_path):
    generate(small_town(), tmp_path / "b", Settings(seed=3, steps=4), models=models)
    for name in ("voxels.npz", "splats.ply", "points.ply", "mesh.glb"):
        assert (tmp_path / "b" / name).read_bytes() == (scene[0] / name).read_bytes(), name
    generate(small_town(), tmp_path / "c", Settings(seed=4, steps=4), models=models)
    assert (tmp_path / "c" / "splats.ply").read_bytes() != (scene[0] / "splats.ply").read_bytes()


def test_retexture_keeps_the_structure(scene, models, tmp_path):
    told = []
    retexture(scene[0], tmp_path / "d", Settings(seed=9, steps=2), models=models, progress=lambda *p: told.append(p[3]))
    assert told == sorted(told) and told[-1] == pytest.approx(1.0, abs=0.01)
    a, b = read_voxels(scene[0]), read_voxels(tmp_path / "d")
    assert np.array_equal(a.coords, b.coords) and np.array_equal(a.class_id, b.class_id)
    assert not np.array_equal(a.rgb, b.rgb)


def test_a_result_can_be_made_again_from_its_folder_alone(models, tmp_path):
    layout = small_town()
    hint = np.where(layout.class_id == sem.HOUSE, 7, np.nan).astype(np.float32)
    told = Settings(seed=5, steps=2, guidance=1.5, voxel_size=2.0, relief="flat")
    generate(Layout(layout.class_id, 2.0, hint), tmp_path / "a", told, models=models, layout_source="by hand")
    retexture(tmp_path / "a", tmp_path / "t", Settings(seed=6, steps=2), models=models)
    for name in "at":
        again(tmp_path / name, tmp_path / f"{name}2", models=models)
        for file in FILES - {"scene.json"}:
            assert (tmp_path / name / file).read_bytes() == (tmp_path / f"{name}2" / file).read_bytes(), (name, file)
    first, second = (json.loads((tmp_path / name / "scene.json").read_text()) for name in ("a", "a2"))
    for scene in (first, second):
        del scene["stages"]
    assert first == second and first["layout_source"] == "by hand" and first["settings"]["voxel_size"] == 2
    scene = json.loads((tmp_path / "a" / "scene.json").read_text())
    (tmp_path / "a" / "scene.json").write_text(json.dumps(scene | {"weights": "others"}))
    with pytest.raises(BadInput, match="other weights"):
        again(tmp_path / "a", tmp_path / "x", models=models)


def test_cancel_leaves_nothing(models, tmp_path):
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        generate(small_town(), tmp_path / "x", Settings(steps=4), models=models, cancel=lambda: next(calls) > 6)
    assert list(tmp_path.iterdir()) == []


def test_larger_layouts_than_one_tile_work(models, tmp_path):
    ids = np.full((72, 200), sem.MEADOW, np.uint8)
    ids[20:50, 120:180] = sem.APARTMENTS
    generate(Layout(ids), tmp_path / "w", Settings(steps=2, relief="flat"), models=models)
    assert read_voxels(tmp_path / "w").coords[:, 0].max() == 199


def test_missing_and_damaged_weights_say_so(tmp_path):
    with pytest.raises(WeightsError, match="missing"):
        generate(small_town(), tmp_path / "x", Settings(weights=tmp_path / "none"))
    folder = tmp_path / "w"
    folder.mkdir()
    for name in store.NETWORKS:
        whole = store.path_of(name).read_bytes()
        store.path_of(name, folder).write_bytes(whole[:len(whole) // 2])
    with pytest.raises(WeightsError, match="damaged"):
        generate(small_town(), tmp_path / "x", Settings(weights=folder))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("bad", [{"steps": 0}, {"guidance": -1.0}, {"relief": "wavy"}, {"configuration": "none"}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(BadInput):
        s = Settings(**bad)
        Models(s.configuration, None, "cpu")


def test_a_given_elevation_is_kept():
    layout = small_town()
    y, x = np.mgrid[:64, :64]
    layout = Layout(layout.class_id, elevation=(x * 0.2 + y * 0.1).astype(np.float32))
    planes = Planes(layout, 128, Settings())
    np.testing.assert_allclose(planes.elevation[:64, :64], layout.elevation[::-1])
    assert planes.class_id.shape == (128, 128) and np.isnan(planes.height).all()


def test_larger_voxels_make_no_taller_houses(models, tmp_path):
    ids = np.full((64, 64), sem.LAWN, np.uint8)
    ids[16:48, 16:48] = sem.HOUSE
    height = {}
    for size in (1.0, 2.0):
        settings = Settings(seed=2, steps=4, voxel_size=size, relief="flat")
        generate(Layout(ids, 2.0), tmp_path / str(size), settings, models=models)
        voxels = read_voxels(tmp_path / str(size))
        centres = voxels.centres()
        roof = voxels.class_id == sem.HOUSE
        height[size] = centres[roof, 2].max() - np.median(centres[~roof, 2])
    assert 2 < height[2.0] < 1.7 * height[1.0]


def test_small_floating_pieces_are_dropped():
    y, x = np.mgrid[:8, :8]
    ground = np.stack([x.ravel(), y.ravel(), np.full(64, 5)], 1)
    wall = np.array([[0, 0, z] for z in range(6, 12)])
    loose = np.array([[5, 5, 20], [5, 6, 20], [6, 6, 21]])
    coords = np.concatenate([ground, wall, loose])
    assert pipeline.floating(coords).nonzero()[0].tolist() == [70, 71, 72]


def test_a_cancel_is_heard_while_a_library_computes():
    """The work looks at nothing for a second; it is left after a moment, and ends by itself."""
    ended, begun = threading.Event(), time.perf_counter()
    run = pipeline.run.Run(Settings(), cancel=lambda: time.perf_counter() > begun + 0.1)

    def work(check) -> None:
        try:
            time.sleep(1)
            check()
        except Cancelled:
            ended.set()
            raise

    with pytest.raises(Cancelled):
        run.patiently(work)
    assert time.perf_counter() - begun < 0.8
    assert ended.wait(5)
    assert pipeline.run.Run(Settings()).patiently(lambda check: check() or 7) == 7
    with pytest.raises(MemoryError):
        pipeline.run.Run(Settings()).patiently(lambda check: np.zeros(1 << 60, np.uint8))
