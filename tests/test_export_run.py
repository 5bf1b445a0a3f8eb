"""The export as a whole: formats beside one another, the command line, and what goes wrong said in one sentence."""
from __future__ import annotations

import json
import shutil
import struct
import zipfile
from pathlib import Path

import export_scene
import mesh_shapes
import numpy as np
import pytest

from earthcrafter_core import cli
from earthcrafter_core.convert.files import FILES
from earthcrafter_core.errors import BadInput, Cancelled
from earthcrafter_core.export import formats
from earthcrafter_core.export.formats import BY_NAME, FORMATS, GROUPS, parse
from earthcrafter_core.export.glb_options import GlbOptions
from earthcrafter_core.export.result import ExportOptions, Result, options_of
from earthcrafter_core.export.run import export
from earthcrafter_core.mesh.options import MeshOptions
from earthcrafter_core.mesh.sampling.sample import sample_splats

QUICK = "ply,splat,points.ply,laz,layout.tif,layout.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return export_scene.write(tmp_path_factory.mktemp("results") / "town")


@pytest.fixture()
def copy(folder, tmp_path) -> Path:
    """A result that may be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "town"))


def run(capsys, *words: str | Path) -> tuple[int, list[str], list[str]]:
    """Exit status, lines of stdout and of stderr of the command."""
    status = cli.main(["export", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out.splitlines(), told.err.splitlines()


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


# ------------------------------------------------------------------------------------------------------- what is written

def test_every_format_that_needs_no_new_mesh(folder, tmp_path, capsys):
    status, out, err = run(capsys, folder, "--to", "glb,splats,points,layout", "-o", tmp_path / "out")
    assert (status, err) == (0, [])
    wanted = {f"town{f.suffix}" for f in FORMATS if f.group != "meshes" or f.name == "glb"} | {"town.layout.json"}
    assert names(tmp_path / "out") == wanted
    assert {Path(line).name for line in out} == wanted
    assert (tmp_path / "out" / "town.glb").read_bytes() == (folder / "mesh.glb").read_bytes()


def test_into_the_result_by_default_and_by_another_name(copy, capsys):
    assert run(capsys, copy, "--to", "splat", "--name", "old_town")[0] == 0
    assert names(copy / "export") == {"old_town.splat"}


def test_meshes_are_made_anew_for_other_options(folder, tmp_path, monkeypatch, capsys):
    asked = []

    def build(voxels, splats, options, check):
        asked.append(options)
        return mesh_shapes.place()

    monkeypatch.setattr("earthcrafter_core.mesh.build.build_place", build)
    status, _, err = run(capsys, folder, "--to", "glb,usd", "-o", tmp_path, "--texels", "4", "--lossless")
    assert (status, err) == (0, [])
    assert asked == [MeshOptions(texels=4.0)], "once for both"
    assert {"town.glb", "town.usdc", "town_textures"} == names(tmp_path)
    assert names(tmp_path / "town_textures") == {"terrain.png", "buildings.png", "buildings_roughness.png"}


def test_the_same_bytes_every_time(folder, tmp_path, monkeypatch):
    """All formats, with all that lies beside the files."""
    monkeypatch.setattr(Result, "place", property(lambda result: mesh_shapes.place()))
    found = []
    for name in "ab":
        assert export(folder, list(FORMATS), tmp_path / name, ExportOptions(MeshOptions(texels=4.0)))
        found.append({p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()})
    assert len(found[0]) == len(FORMATS) + 4  # two colours and a roughness of USD, the layout's JSON
    assert [p for p in found[0] if found[0][p] != found[1].get(p)] == []
    with zipfile.ZipFile(tmp_path / "a" / "town.usdz") as package:  # the clock may have stood still between the two
        assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_older_files_are_replaced_and_others_stay(folder, tmp_path, capsys):
    (tmp_path / "town.splat").write_bytes(b"old")
    (tmp_path / "mine.txt").write_text("mine")
    assert run(capsys, folder, "--to", "splat", "-o", tmp_path)[0] == 0
    assert names(tmp_path) == {"town.splat", "mine.txt"}
    assert (tmp_path / "town.splat").stat().st_size == 32 * len(export_scene.splats())


def test_fewer_splats_and_splats_anew(folder, tmp_path, capsys, monkeypatch):
    """Where the result's meshes are fine enough they serve, else finer ones are made."""
    wanted, built = len(export_scene.splats()) // 3, []
    assert run(capsys, folder, "--to", "splat", "--most-splats", wanted, "-o", tmp_path / "few")[0] == 0
    assert 0.8 * wanted < (tmp_path / "few" / "town.splat").stat().st_size / 32 <= wanted

    def build(voxels, splats, options, check):
        built.append(options)
        return mesh_shapes.place()

    monkeypatch.setattr("earthcrafter_core.mesh.build.build_place", build)
    for size, texels in ((0.25, 8.0), (0.0625, 16.0)):
        assert run(capsys, folder, "--to", "splat,ply", "--splat-size", size, "-o", tmp_path / "anew")[0] == 0
        assert [options.texels for options in built] == [texels], "once for all formats"
        assert (tmp_path / "anew" / "town.splat").stat().st_size / 32 == len(sample_splats(mesh_shapes.place(), size))
        built.clear()
    for words, said in ((("--most-splats", 3), "at least 1000"), (("--splat-size", 2), "0.05 to 0.5")):
        status, _, err = run(capsys, folder, "--to", "splat", *words, "-o", tmp_path / "none")
        assert status != 0 and said in err[0] and not (tmp_path / "none").exists()


def test_lines_of_json(folder, tmp_path, capsys):
    status, out, err = run(capsys, folder, "--to", "splat,layout.png", "-o", tmp_path, "--json")
    lines = [json.loads(line) for line in out]
    assert (status, err) == (0, [])
    assert lines[0] == {"format": "splat", "progress": 0.0, "say": "Writing Splat"}
    assert lines[1] == {"format": "splat", "file": str(tmp_path / "town.splat"), "files": [str(tmp_path / "town.splat")]}
    assert lines[2]["progress"] == 0.5
    assert [Path(p).name for p in lines[3]["files"]] == ["town.layout.png", "town.layout.json"]


def test_the_list_of_formats(capsys, monkeypatch):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None if name == "lazrs" else object())
    lines = [json.loads(line) for line in run(capsys, "--list", "--json")[1]]
    assert [line["name"] for line in lines] == [f.name for f in FORMATS]
    assert {line["name"]: line["missing"] for line in lines}["laz"] == ["lazrs"]
    assert all(line["group"] in GROUPS and line["suffix"].startswith(".") for line in lines)


def test_which_formats_are_meant():
    assert [f.name for f in parse("SPZ, glb,spz")] == ["spz", "glb"]
    assert parse("all") == list(FORMATS) and {f.group for f in parse("points")} == {"points"}
    assert len(BY_NAME) == len(FORMATS) == len({f.suffix for f in FORMATS})


# -------------------------------------------------------------------------------------------------------- what goes wrong

@pytest.mark.parametrize("damage, fails", [
    (("splats.ply", None), {"ply", "splat"}), (("splats.ply", 0.5), {"ply", "splat"}),
    (("points.ply", 0.5), {"points.ply", "laz"}), (("points.ply", None), {"points.ply", "laz"}),
    (("layout.npz", None), {"layout.tif", "layout.png"}), (("layout.npz", 0.5), {"layout.tif", "layout.png"}),
    (("scene.json", None), set()), (("voxels.npz", 0.5), set())], ids=str)
def test_a_file_missing_or_cut(copy, tmp_path, capsys, damage, fails):
    """One sentence and a remedy for each format that needs the file; the others are written."""
    name, keep = damage
    if keep is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes((copy / name).read_bytes()[:int(keep * (copy / name).stat().st_size)])
    status, out, err = run(capsys, copy, "--to", QUICK, "-o", tmp_path / "out")
    assert status == (1 if fails else 0)
    assert len(err) == len(fails) and all(line.count(". ") >= 1 and "Traceback" not in line for line in err), err
    written = {f.name for f in FORMATS if (tmp_path / "out" / f"town{f.suffix}").exists()}
    assert written == set(QUICK.split(",")) - fails
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")]


def test_where_it_lies_is_told_twice(copy):
    """By scene.json, and by the layout where that is gone."""
    for name in ("", "scene.json"):
        if name:
            (copy / name).unlink()
        at = Result(copy, ExportOptions(), lambda: None).where
        assert (at.crs, at.origin, at.unit) == (export_scene.CRS, export_scene.ORIGIN, 1.0)


def test_a_mesh_that_is_cut_is_not_copied(copy):
    whole = Result(copy, ExportOptions(), lambda: None)
    assert whole.kept_glb() == copy / "mesh.glb"
    assert Result(copy, ExportOptions(glb=GlbOptions(lossless=True)), lambda: None).kept_glb() is None
    assert Result(copy, ExportOptions(MeshOptions(levels=2)), lambda: None).kept_glb() is None
    (copy / "mesh.glb").write_bytes((copy / "mesh.glb").read_bytes()[:-10])
    assert Result(copy, ExportOptions(), lambda: None).kept_glb() is None
    (copy / "mesh.glb").write_bytes(struct.pack("<4s", b"glTF"))
    assert Result(copy, ExportOptions(), lambda: None).kept_glb() is None


def test_options_of_old_results():
    assert options_of({}) is None and options_of({"settings": {"mesh": "marble", "colours": "vertex", "texels": 8}}) is None
    assert options_of({"settings": export_scene.SETTINGS}) == MeshOptions()


def test_a_library_that_is_absent(folder, tmp_path, capsys, monkeypatch):
    find = formats.importlib.util.find_spec
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None if name == "gaussforge" else find(name))
    status, out, err = run(capsys, folder, "--to", "spz,ply", "-o", tmp_path)
    assert status == 1 and names(tmp_path) == {"town.ply"}
    assert err == ["SPZ needs gaussforge, which is not installed. Install it with: pip install gaussforge."]


def test_a_library_that_fails(folder, tmp_path, capsys, monkeypatch):
    def fail(*given):
        raise RuntimeError("no more\nroom")

    monkeypatch.setattr("earthcrafter_core.export.points.write_laz", fail)
    status, out, err = run(capsys, folder, "--to", "laz,splat", "-o", tmp_path, "--json")
    lines = [json.loads(line) for line in out]
    assert status == 1 and err == [] and names(tmp_path) == {"town.splat"}
    assert lines[1] == {"format": "laz", "error": "LAZ could not be written (RuntimeError: no more room).",
                        "remedy": "Export another format, and report this."}


def test_a_target_that_cannot_be_written(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    status, out, err = run(capsys, folder, "--to", "ply", "-o", tmp_path / "file")
    assert status == 2 and len(err) == 1 and "is a file, not a folder" in err[0]


def test_a_file_in_the_way_of_one_format(folder, tmp_path, capsys):
    (tmp_path / "town.splat").mkdir()
    (tmp_path / "town.splat" / "mine").write_text("mine")
    status, out, err = run(capsys, folder, "--to", "splat,ply", "-o", tmp_path)
    assert status == 1 and len(err) == 1 and "Splat could not be written" in err[0]
    assert (tmp_path / "town.ply").is_file() and (tmp_path / "town.splat" / "mine").read_text() == "mine"
    assert names(tmp_path) == {"town.splat", "town.ply"}


@pytest.mark.parametrize("words, said", [
    (["nowhere"], "holds no generated scene"), ([], "A folder is needed"), (["FOLDER", "--to", "jpg"], "'jpg' is not known"),
    (["FOLDER", "--to", ""], "'' is not known"), (["FOLDER", "--texels", "99"], "out of range"),
    (["FOLDER", "--name", "a/b"], "is no name")])
def test_input_that_cannot_be_used(folder, tmp_path, capsys, words, said):
    status, out, err = run(capsys, *[folder if w == "FOLDER" else w for w in words])
    assert status == 2 and len(err) == 1 and said in err[0]
    assert names(folder) <= set(FILES)


def test_stopping(folder, tmp_path):
    """What is whole stays, nothing half-written does."""
    calls = np.zeros(1)

    def check() -> None:
        calls[0] += 1
        if calls[0] > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        export(folder, parse("splat,ply,laz"), tmp_path, check=check)
    assert names(tmp_path) == {"town.splat"}


def test_an_empty_folder(tmp_path):
    with pytest.raises(BadInput, match="holds no generated scene"):
        export(tmp_path, parse("ply"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
