from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from earthcrafter_core import cli
from earthcrafter_core.errors import Cancelled
from earthcrafter_core.scene import classes as sem


@pytest.fixture
def layout(tmp_path):
    path = tmp_path / "l.png"
    Image.fromarray(np.full((16, 16), sem.LAWN, np.uint8)).save(path)
    return path


@pytest.fixture
def calls(monkeypatch):
    """What the command line asks of the pipeline, without running it."""
    from earthcrafter_core import pipeline
    made = []

    def record(*given, progress=None, cancel=None, layout_source=""):
        progress("coarse", 1, 2, 0.5, 3.0)
        made.append(given)
        return {"stages": {"load": {"seconds": 1.0}}, "counts": {"voxels": 1, "splats": 4}}

    monkeypatch.setattr(pipeline, "generate", record)
    monkeypatch.setattr(pipeline, "retexture", record)
    monkeypatch.setattr(pipeline, "regenerate", record)
    monkeypatch.setattr(pipeline, "again", record)
    return made


def fails(capsys, code, *words):
    """Run, check the exit code and that stderr is one line with no traceback; that line."""
    assert cli.main([str(w) for w in words]) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in lines[0]
    return lines[0]


def test_generate_hands_the_options_on(layout, tmp_path, calls, capsys):
    np.save(tmp_path / "h.npy", np.full((16, 16), 3.0))
    assert cli.main(["generate", str(layout), "-o", str(tmp_path / "out"), "--cell-size", "2", "--seed", "7", "--steps", "5",
                     "--guidance", "2.5", "--height-hint", str(tmp_path / "h.npy"), "--elevation", "flat"]) == 0
    made, out, settings = calls[0]
    assert (made.cell_size, settings.seed, settings.steps, settings.guidance, settings.relief) == (2, 7, 5, 2.5, "flat")
    assert made.height_hint is not None and made.elevation is None and out == tmp_path / "out"
    assert "4 splats" in capsys.readouterr().out


def test_unconditional(tmp_path, calls):
    np.save(tmp_path / "e.npy", np.arange(4.0).reshape(2, 2))
    assert cli.main(["generate", "--unconditional", "--size", "64", "-o", str(tmp_path / "out"),
                     "--elevation", str(tmp_path / "e.npy")]) == 0
    made = calls[0][0]
    assert made.shape == (64, 64) and not made.class_id.any() and made.elevation.shape == (64, 64)


def test_retexture_needs_a_result(tmp_path, calls, capsys):
    assert "scene.json" in fails(capsys, 2, "generate", "--retexture", tmp_path, "-o", tmp_path / "out")
    (tmp_path / "scene.json").write_text("{}")
    assert cli.main(["generate", "--retexture", str(tmp_path), "--seed", "4", "-o", str(tmp_path / "out")]) == 0
    assert calls[0][2].seed == 4


def test_again_and_a_rectangle_need_a_result(layout, tmp_path, calls, capsys):
    assert "scene.json" in fails(capsys, 2, "generate", "--again", tmp_path, "-o", tmp_path / "out")
    (tmp_path / "scene.json").write_text("{}")
    assert cli.main(["generate", "--again", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    assert calls[0] == (tmp_path, tmp_path / "out")
    part = ["generate", layout, "--cell-size", "2", "--base", tmp_path, "-o", tmp_path / "out", "--region"]
    assert cli.main([str(w) for w in [*part, "3,0,8.5,4"]]) == 0
    capsys.readouterr()
    assert calls[1][0] == tmp_path and calls[1][2] == (14, 1, 16, 5)  # 16 rows of 2 m: y 0..4 m are the last two
    assert "rectangle" in fails(capsys, 2, *part, "3,0,8")
    assert "empty" in fails(capsys, 2, *part, "3,0,3,4")
    assert "belong together" in fails(capsys, 2, *part[:-1])


@pytest.mark.parametrize("make", [
    lambda d: Image.fromarray(np.full((4, 4), 99, np.uint8)).save(d / "bad.png"),
    lambda d: Image.fromarray(np.full((4, 4, 3), 99, np.uint8)).save(d / "bad.png"),
    lambda d: Image.fromarray(np.zeros((1, 5000), np.uint8)).save(d / "bad.png"),
    lambda d: (d / "bad.png").write_bytes(b""),
    lambda d: (d / "bad.png").write_text("not a picture"),
    lambda d: None])
def test_bad_layouts(tmp_path, capsys, make):
    make(tmp_path)
    fails(capsys, 2, "generate", tmp_path / "bad.png", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [
    ["--cell-size", "0"], ["--cell-size", "nan"], ["--steps", "0"], ["--guidance", "-1"], ["--elevation", "no.tif"],
    ["--height-hint", "no.npy"], ["--unconditional"], ["--retexture", "nowhere"], ["--device", "cuda:99"]])
def test_bad_options(layout, tmp_path, capsys, words):
    if words[0] == "--device":
        import torch
        if torch.cuda.is_available():
            pytest.skip("there is a CUDA device here")
    fails(capsys, 2, "generate", layout, "-o", tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()


def test_hint_of_another_shape(layout, tmp_path, capsys):
    np.save(tmp_path / "h.npy", np.zeros((3, 3)))
    assert "(3, 3)" in fails(capsys, 2, "generate", layout, "-o", tmp_path / "out", "--height-hint", tmp_path / "h.npy")


def test_a_folder_that_cannot_be_written(layout, tmp_path, capsys):
    assert "folder" in fails(capsys, 2, "generate", layout, "-o", layout / "out")


def test_nothing_to_generate(tmp_path, capsys):
    assert "LAYOUT" in fails(capsys, 2, "generate", "-o", tmp_path / "out")


def test_unknown_commands_and_options():
    for words in ([], ["fly"], ["generate", "--unknown"]):
        with pytest.raises(SystemExit) as e:
            cli.main(words)
        assert e.value.code == 2


@pytest.mark.parametrize("error, code, text", [
    (KeyboardInterrupt(), 130, "Nothing was written"), (Cancelled(), 130, "Nothing was written"),
    (MemoryError(), 2, "memory"), (RuntimeError("boom"), 1, "--traceback")])
def test_what_goes_wrong_inside(layout, tmp_path, calls, monkeypatch, capsys, error, code, text):
    from earthcrafter_core import pipeline

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(pipeline, "generate", fail)
    assert cli.main(["generate", str(layout), "-o", str(tmp_path / "out")]) == code
    err = capsys.readouterr().err
    assert text in err and "Traceback" not in err
    if isinstance(error, RuntimeError):
        cli.main(["generate", str(layout), "-o", str(tmp_path / "out"), "--traceback"])
        assert "Traceback" in capsys.readouterr().err


def test_layout_from_lidar(tmp_path, monkeypatch, capsys):
    from earthcrafter_core.data import lidar_scene
    from earthcrafter_core.scene.layout import Layout
    from earthcrafter_core.scene.made_layout import MadeLayout
    plane = np.full((8, 8), sem.LAWN, np.uint8)
    monkeypatch.setattr(lidar_scene, "made_from_lidar", lambda path, cell, step: MadeLayout(
        Layout(plane, cell, np.zeros((8, 8)), np.zeros((8, 8))), "f", ["3 cells have no returns."]))
    assert cli.main(["layout", "from-lidar", "f.laz", "-o", str(tmp_path / "l.png"), "--cell-size", "2", "--planes"]) == 0
    said = capsys.readouterr()
    assert len(said.out.split()) == 4 and said.err == "3 cells have no returns.\n"
    fails(capsys, 2, "layout", "from-lidar", "f.laz", "-o", tmp_path / "l.jpg")


def test_truncated_laz(tmp_path, capsys):
    (tmp_path / "f.laz").write_bytes(b"LASF" + b"\0" * 200)
    fails(capsys, 2, "layout", "from-lidar", tmp_path / "f.laz", "-o", tmp_path / "l.png")
    assert not (tmp_path / "l.png").exists()
