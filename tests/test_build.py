"""build.py: the extension's layout and archive, and what it says to people."""
from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import build  # noqa: E402
import earthcrafter_core  # noqa: E402


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The extension, validated and packed by Blender's own tool, in a folder of its own."""
    pytest.importorskip("bpy")
    folder = tmp_path_factory.mktemp("package")
    kept, build.BUILD, build.DIST = (build.BUILD, build.DIST), folder / "build", ROOT / "build" / "test-dist"
    setup, build.setup = build.setup, lambda: None
    try:
        return build.package()
    finally:
        (build.BUILD, build.DIST), build.setup = kept, setup


def test_the_archive_holds_the_extension_and_nothing_else(archive):
    with zipfile.ZipFile(archive) as z:
        names = set(z.namelist())
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "operators/__init__.py", "ui/layout_panel.py",
            "earthcrafter_core/engine/protocol.py", "earthcrafter_core/engine/__main__.py"} <= names
    assert not [n for n in names if "__pycache__" in n or n.startswith(("tests/", ".venv")) or n.endswith(".pyc")]
    weights = {p.name for p in (ROOT / "earthcrafter_core" / "weights").glob("*.safetensors")}
    assert {Path(n).name for n in names if n.endswith(".safetensors")} == weights


def test_the_manifest_agrees_with_the_project():
    manifest = tomllib.loads((ROOT / "blender_addon" / "blender_manifest.toml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest["version"] == project["version"] == earthcrafter_core.__version__
    assert manifest["id"] == "earthcrafter" and manifest["blender_version_min"] == "4.5.0"
    assert len(manifest["tagline"]) <= 64 and not manifest["tagline"].endswith(".")
    assert "blender" not in manifest["name"].lower()


@pytest.mark.parametrize("version", [(3, 10), (3, 12), (3, 14), (2, 7)])
def test_another_python_is_told_what_to_do(version):
    with pytest.raises(build.BuildError, match="install Python 3.11"):
        build.check_python(version)


def test_an_unfinished_environment_is_completed(tmp_path, monkeypatch):
    """A .venv without its stamp, or with another's, is installed into again; one with the right stamp is left alone."""
    venv = tmp_path / ".venv"
    monkeypatch.setattr(build, "VENV", venv)
    monkeypatch.setattr(build, "STAMP", venv / "stamp")
    calls = []

    def run(command, why, **_options):
        calls.append([str(c) for c in command])
        if "venv" in calls[-1]:
            build.venv_python().parent.mkdir(parents=True)
            build.venv_python().touch()
        if "-r" in calls[-1] and len(calls) < 3:
            raise build.BuildError(why)

    monkeypatch.setattr(build, "run", run)
    monkeypatch.setattr(build, "install_torch", lambda pip: None)
    with pytest.raises(build.BuildError, match="network"):
        build.setup()
    assert not build.STAMP.exists()
    build.setup()
    assert build.STAMP.read_text().strip() == build.requirements_hash()
    before = len(calls)
    build.setup()
    assert len(calls) == before
    build.STAMP.write_text("of other requirements")
    build.setup()
    assert len(calls) == before + 1


def test_the_newer_bpy_runs_the_tests_that_load_the_addon():
    named = {Path(test.split("::")[0]).name for test in build.addon_tests()}
    assert {"test_addon_layout.py", "test_addon_generate.py", "test_tools.py", "test_walls.py"} <= named
    assert not named & {"test_pipeline.py", "test_train.py", "test_build.py"}
    assert all((ROOT / test.split("::")[0]).is_file() for test in build.addon_tests())


@pytest.mark.parametrize("fails", ["", ".venv-bpy5", "tests/window"])
def test_all_test_runs_are_made_and_one_that_fails_counts(monkeypatch, capsys, fails):
    made = []

    def run(command, why, **_options):
        made.append(" ".join(map(str, command)))
        if fails and fails in made[-1]:
            raise build.BuildError(why)

    for name in ("setup", "setup_newer", "check"):
        monkeypatch.setattr(build, name, lambda: None)
    monkeypatch.setattr(build, "run", run)
    if fails:
        with pytest.raises(build.BuildError, match="Tests failed"):
            build.test([], [], True)
    else:
        build.test([], [], True)
    assert len(made) == 3 and capsys.readouterr().out.count("FAILED") == bool(fails)
    made.clear()
    build.test(["-k", "nothing"], [], True)
    build.test([], ["bpy4", "window"], False)
    assert len(made) == 2 and all("window" not in command and "bpy5" not in command for command in made)


def test_errors_are_one_sentence():
    done = subprocess.run([sys.executable, str(ROOT / "build.py"), "package", "--nonsense"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.strip().splitlines() == ["build.py: `package` takes no further arguments."]
