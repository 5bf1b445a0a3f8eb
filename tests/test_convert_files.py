from __future__ import annotations

import errno
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import small_scene

from earthcrafter_core.convert import files, ply
from earthcrafter_core.errors import BadInput, WriteError
from earthcrafter_core.scene.layout import Layout

STRUCTURE = {"coords": np.zeros((2, 3), np.int32), "layout": np.ones((4, 4), np.uint8)}

LAYOUT = Layout(np.full((3, 4), 7, np.uint8), 0.5, np.full((3, 4), np.nan, np.float32))


def meshes(folder: Path) -> None:
    for name in (files.MESH, files.PLANTS):
        (folder / name).write_bytes(b"made elsewhere")


def write(out: Path, scene: dict) -> None:
    voxels, splats, _ = small_scene.scene()
    files.write_generation(out, lambda: scene, voxels, splats, meshes, STRUCTURE, layout=LAYOUT,
                           thumbnail=np.full((8, 8, 3), 90, np.uint8))


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("r") / "deep" / "result"
    write(out, {"seed": 3})
    return out


def test_all_files_of_the_contract(result):
    assert {p.name for p in result.iterdir()} == set(files.FILES) - {files.SURFELS}
    assert [p.name for p in result.parent.iterdir()] == ["result"]
    with np.load(result / "voxels.npz") as f:
        assert set(f.files) == {"coords", "class_id", "rgb", "origin", "voxel_size"}
        assert (f["coords"].dtype, f["class_id"].dtype, f["rgb"].dtype) == (np.int32, np.uint8, np.uint8)
        assert f["origin"].dtype == np.float64 and f["origin"].shape == (3,) and f["voxel_size"].dtype == np.float64


def test_what_is_read_is_what_was_written(result):
    voxels, splats, _ = small_scene.scene()
    again = files.read_voxels(result)
    assert all(np.array_equal(v, asdict(again)[k]) for k, v in asdict(voxels).items())
    for k, v in asdict(files.read_splats(result / "splats.ply")).items():
        assert np.array_equal(v, getattr(splats, k)), k
    points = files.read_points(result / "points.ply")
    assert np.array_equal(points.position, splats.mean) and np.array_equal(points.rgb, splats.rgb())
    assert np.array_equal(files.read_structure(result)["layout"], STRUCTURE["layout"])
    assert files.read_scene(result)["seed"] == 3
    assert files.read_layout_of(result).hash() == LAYOUT.hash()


def test_splats_that_are_not_the_surfels(tmp_path):
    """The surfels are kept beside them; points are surfels; a result that lacks them says so."""
    voxels, surfels, _ = small_scene.scene()
    splats = type(surfels)(**{**asdict(surfels), "mean": surfels.mean + 1})
    sampled = {"settings": {"splats": "meshes"}}
    for name, more, scene in (("a", {"surfels": surfels}, sampled), ("b", {}, {"settings": {"splats": "network"}}),
                              ("c", {}, {})):
        shown = splats if more else surfels
        files.write_generation(tmp_path / name, lambda scene=scene: scene, voxels, shown, meshes, STRUCTURE, **more)
        assert (tmp_path / name / "surfels.ply").is_file() == bool(more)
        assert np.array_equal(files.read_surfels(tmp_path / name).mean, surfels.mean)
        assert np.array_equal(files.read_points(tmp_path / name / "points.ply").position, surfels.mean)
    assert np.array_equal(files.read_splats(tmp_path / "a" / "splats.ply").mean, splats.mean)
    files.write_generation(tmp_path / "a", lambda: {}, voxels, surfels, meshes, STRUCTURE)
    assert not (tmp_path / "a" / "surfels.ply").exists(), "those of the older result do not stay"
    (tmp_path / "a" / "scene.json").write_text(json.dumps(sampled))
    with pytest.raises(BadInput, match="surfels.ply"):
        files.read_surfels(tmp_path / "a")


def test_splats_are_the_3dgs_layout(result):
    plyfile = pytest.importorskip("plyfile")
    vertex = plyfile.PlyData.read(result / "splats.ply")["vertex"]
    names = [p.name for p in vertex.properties]
    assert names == ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1",
                     "scale_2", "rot_0", "rot_1", "rot_2", "rot_3", "class_id"]
    assert np.allclose(vertex["scale_2"], np.log(1e-6))


def test_higher_harmonics_survive(tmp_path):
    _, splats, _ = small_scene.scene()
    sh = np.random.default_rng(0).normal(size=(len(splats), 4, 3)).astype(np.float32)
    ply.write_splats(tmp_path / "s.ply", type(splats)(**{**asdict(splats), "sh": sh}))
    assert np.array_equal(ply.read_splats(tmp_path / "s.ply").sh, sh)


def test_an_older_result_is_replaced_and_other_files_stay(tmp_path):
    out = tmp_path / "r"
    write(out, {"seed": 1})
    (out / "notes.txt").write_text("mine")
    write(out, {"seed": 2})
    assert files.read_scene(out)["seed"] == 2
    assert (out / "notes.txt").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_leaves_the_older_result_and_nothing_else(tmp_path, monkeypatch, error):
    out = tmp_path / "r"
    write(out, {"seed": 1})

    def full(*_):
        raise error

    monkeypatch.setattr(files, "write_points", full)
    with pytest.raises((WriteError, KeyboardInterrupt)):
        write(out, {"seed": 2})
    assert files.read_scene(out)["seed"] == 1
    with pytest.raises((WriteError, KeyboardInterrupt)):
        write(tmp_path / "new" / "deeper", {"seed": 2})
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WriteError):
            files.check_writable(out)
    files.check_writable(tmp_path / "new" / "deeper")
    assert not (tmp_path / "new").exists()


def test_too_little_space(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MIN_FREE_BYTES", 1 << 62)
    with pytest.raises(WriteError, match="free"):
        files.check_writable(tmp_path / "out")


@pytest.mark.parametrize("name", ["voxels.npz", "splats.ply", "points.ply"])
@pytest.mark.parametrize("damage", [lambda b: b[:len(b) // 2], lambda b: b"", lambda b: b"junk" * 50])
def test_damaged_files(result, tmp_path, name, damage):
    (tmp_path / name).write_bytes(damage((result / name).read_bytes()))
    with pytest.raises(BadInput):
        {"voxels.npz": lambda: files.read_voxels(tmp_path), "splats.ply": lambda: files.read_splats(tmp_path / name),
         "points.ply": lambda: files.read_points(tmp_path / name)}[name]()


def test_a_folder_without_a_result(tmp_path):
    for read in (files.read_scene, files.read_structure, files.read_voxels):
        with pytest.raises(BadInput):
            read(tmp_path)
