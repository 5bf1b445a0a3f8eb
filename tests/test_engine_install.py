"""Installing the engine: from small wheels made here, cancelled, from broken ones, without space, as on Windows."""
from __future__ import annotations

import ast
import collections
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import bare
from engine_bench import left, zombies

install, home_module, pip_output = bare.part("engine_install"), bare.part("engine_home"), bare.part("pip_output")
processes, ownership, self_test = bare.part("processes"), bare.part("ownership"), bare.part("self_test")
errors = bare.part("earthcrafter_core.errors")
ROOT = bare.ROOT
PASSES = """
import json, torch, helper_one
print(json.dumps({"step": "import", "ok": True, "text": "torch " + torch.__version__}))
print(json.dumps({"report": {"ok": True, "torch": torch.__version__, "python": "3"}}))
"""


def make_wheel(folder: Path, name: str, version: str, code: str = "") -> Path:
    """A wheel with one module."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    files = {f"{name}/__init__.py": f"__version__ = {version!r}\n{code}", f"{info}/METADATA":
             f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(f"{n},,\n" for n in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for inner, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(inner, text)
    return path


class Bench:
    """A user's folder, a core with a self-test, wheels and a pinned list."""

    def __init__(self, folder: Path):
        self.folder = folder / "Benutzer ü"
        self.wheels, self.core = self.folder / "Räder hier", self.folder / "core"
        package = self.core / "earthcrafter_core" / "engine"
        for made in (self.wheels, package):
            made.mkdir(parents=True)
        (package.parent / "__init__.py").touch()
        (package / "__init__.py").touch()
        self.self_test = package / "self_test.py"
        self.self_test.write_text(PASSES)
        self.requirements = self.folder / "list.txt"
        self.requirements.write_text("# pinned\ntorch==2.13.0\nhelper_one==1.0; python_version >= '3.8'\n")
        make_wheel(self.wheels, "torch", "2.13.0")
        make_wheel(self.wheels, "helper_one", "1.0")
        self.home = home_module.EngineHome(self.folder / "engine")

    def plan(self, python=sys.executable, wheels: Path | None = None, build="cpu"):
        cache, log = self.folder / "cache", self.folder / "install.log"
        return install.Plan(Path(python), build, self.home, self.core, cache, log, wheels)

    def install(self, **options):
        """Install, watched as Blender's timer does; the installer and the texts that were shown."""
        installer = install.Installer(self.plan(**{"wheels": self.wheels} | options), self.requirements)
        installer.start()
        shown, fractions = [], []
        end = time.monotonic() + 120
        while not installer.is_done and time.monotonic() < end:
            if not shown or shown[-1] != installer.text:
                shown.append(installer.text)
            fractions.append(installer.fraction)
            time.sleep(0.02)
        assert installer.is_done and fractions == sorted(fractions)
        return installer, shown

    def environments(self) -> set[str]:
        return {name for name in left(self.home.folder) if name.startswith("env-")}


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    assert not zombies()


def test_from_a_folder_then_again_then_removed(bench):
    """The switch is to a new folder; the old one goes; removing takes all."""
    assert bench.home.python() is None
    installer, shown = bench.install()
    assert installer.error is None and installer.fraction == 1.0 and installer.report["torch"] == "2.13.0"
    assert any("environment" in s for s in shown) and any("Trying the engine" in s for s in shown)
    first = bench.home.environment()
    assert bench.environments() == {first.name} and not (first / "tmp").exists() and not ownership.is_marked(first)
    out = subprocess.run([bench.home.python(), "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
    assert out.stdout.strip() == "2.13.0"
    about = bench.home.about()
    assert about["build"] == "cpu" and about["python"].startswith("3.") and not bench.home.is_outdated()
    installer, _ = bench.install()
    assert installer.error is None and bench.home.environment() != first
    assert bench.environments() == {bench.home.environment().name}
    bench.home.forget()
    assert bench.home.python() is None and bench.home.clear() == [] and bench.environments() == set()


def test_an_engine_that_fails_its_test_is_not_switched_to(bench):
    bench.install()
    kept = bench.home.environment()
    for code, words in [("raise SystemExit('no torch')", "no torch"),
                        ('print(\'{"step": "tile", "ok": false, "text": "The tile was empty."}\')', "The tile was empty")]:
        bench.self_test.write_text(code)
        installer, _ = bench.install()
        assert installer.error.kind == "install" and words in installer.error.message and installer.error.remedy
        assert bench.home.environment() == kept and bench.environments() == {kept.name}


@pytest.mark.parametrize("stage", ["Making the environment", "Installing", "Trying the engine"])
def test_cancel_leaves_nothing_and_takes_no_time(bench, stage):
    slow = "import time; print('{\"step\": \"slow\", \"ok\": true, \"text\": \"slow\"}', flush=True); time.sleep(60)"
    bench.self_test.write_text(slow)
    installer = install.Installer(bench.plan(wheels=bench.wheels), bench.requirements)
    installer.start()
    end = time.monotonic() + 60
    while not installer.text.startswith(stage) and time.monotonic() < end and not installer.is_done:
        time.sleep(0.002)
    assert installer.text.startswith(stage)
    began = time.perf_counter()
    installer.cancel()
    assert time.perf_counter() - began < 0.05
    assert installer.join(10) and installer.is_done
    assert installer.error.kind == "cancelled" and bench.home.about() is None and bench.environments() == set()


def test_what_pip_says_becomes_one_sentence(bench):
    (bench.wheels / "helper_one-1.0-py3-none-any.whl").unlink()
    installer, _ = bench.install()
    assert "lacks helper_one==1.0" in installer.error.message and "wheel" in installer.error.remedy
    whole = make_wheel(bench.wheels, "helper_one", "1.0").read_bytes()
    (bench.wheels / "helper_one-1.0-py3-none-any.whl").write_bytes(whole[:len(whole) // 2])
    installer, _ = bench.install()
    assert "is damaged" in installer.error.message and "helper" in installer.error.message
    assert bench.environments() == set() and bench.home.about() is None
    installer, _ = bench.install(wheels=bench.folder / "no such folder")
    assert installer.error.kind == "bad_input" and bench.environments() == set()


def test_a_wheel_with_a_changed_file_is_told(bench):
    path = make_wheel(bench.wheels, "helper_one", "1.0")
    data = bytearray(path.read_bytes())
    data[data.index(b"__version__")] ^= 0xFF  # the archive's checksum tells
    path.write_bytes(data)
    installer, _ = bench.install()
    assert installer.error is not None and installer.error.kind == "install" and bench.environments() == set()


@pytest.mark.parametrize(("lines", "offline", "words"), [
    (["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"], False, "disk is full"),
    (["ERROR: Could not install packages due to an OSError: [WinError 112] There is not enough space on the disk"], True,
     "disk is full"),
    (["WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError(...): Failed to establish a new "
      "connection: [Errno -3] Temporary failure in name resolution': /simple/torch/",
      "ERROR: No matching distribution found for torch==2.13.0"], False, "server cannot be reached"),
    (["ERROR: No matching distribution found for torch==2.13.0"], False, "nowhere to get torch==2.13.0"),
    (["ERROR: Wheel 'torch' located at C:\\w\\torch-2.13.0.whl is invalid."], True, "torch is damaged"),
    (["something else", "ERROR: it went wrong"], False, "it went wrong"), ([], False, "exit status 7")])
def test_more_of_what_pip_says(lines, offline, words):
    error = pip_output.explain(lines, 7, offline)
    assert words in error.message and error.remedy and error.message.endswith(".")


def test_no_space(bench, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _path: usage(10**12, 10**12 - 10**8, 10**8))
    installer, _ = bench.install()
    assert "0.1 GB free" in installer.error.message and "Free some space" in installer.error.remedy
    assert bench.environments() == set()


@pytest.mark.parametrize(("answer", "words"), [
    ("[[3, 10, 1], 64, []]", "Python 3.10.1 (64 bit) cannot run"), ("[[3, 15, 0], 64, []]", "3.15.0"),
    ("[[3, 12, 0], 32, []]", "32 bit"),
    ('[[3, 14, 6], 64, ["ensurepip"]]', "has no ensurepip"), ("Blender quit", "does not run")])
def test_a_python_that_does_not_do(bench, tmp_path, answer, words):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{answer}'\n")
    python.chmod(0o755)
    installer, _ = bench.install(python=python)
    assert installer.error.kind == "python" and words in installer.error.message and "hoose" in installer.error.remedy
    assert bench.environments() == set()


def test_a_python_that_is_not_there(bench, tmp_path):
    installer, _ = bench.install(python=tmp_path / "none")
    assert installer.error.kind == "python" and "could not be started" in installer.error.message


def test_without_a_folder_the_servers_of_pip_are_asked(bench, monkeypatch):
    """pip is told by its own settings where to look; the second way of getting torch is taken where the first fails."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", bench.wheels.as_uri())
    monkeypatch.setattr(install, "torch_commands", lambda build, pinned: [[f"{pinned}+nowhere"], [pinned]])
    installer, shown = bench.install(wheels=None)
    assert installer.error is None and bench.home.python() is not None
    log = (bench.folder / "install.log").read_text(encoding="utf-8")
    assert "torch==2.13.0+nowhere" in log and log.count("> ") >= 5
    monkeypatch.setattr(install, "torch_commands", lambda build, pinned: [[f"{pinned}+nowhere"], [f"{pinned}+neither"]])
    installer, _ = bench.install(wheels=None)
    assert installer.error.kind == "install" and len(bench.environments()) == 1


@pytest.mark.parametrize(("system", "build", "indices"), [
    ("linux", "cpu", ["", "https://download.pytorch.org/whl/cpu"]), ("linux", "cuda", []), ("darwin", "apple", []),
    ("win32", "cpu", []), ("win32", "cuda", ["", "https://download.pytorch.org/whl/cu130"])])
def test_the_build_of_torch(monkeypatch, system, build, indices):
    monkeypatch.setattr(sys, "platform", system)
    commands = install.torch_commands(build, "torch==2.13.0")
    assert [c[c.index("--index-url") + 1] if "--index-url" in c else "" for c in commands] == indices
    assert all(c[0].startswith("torch==2.13.0+") for c in commands)


@pytest.mark.parametrize(("system", "driver", "build"), [("darwin", None, "apple"), ("win32", "C:/nvidia-smi.exe", "cuda"),
                                                         ("linux", None, "cpu"), ("linux", "/usr/bin/nvidia-smi", "cuda")])
def test_the_build_that_fits(monkeypatch, system, driver, build):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(install.shutil, "which", lambda name: driver if name == "nvidia-smi" else None)
    assert install.suggested_build() == build


def test_what_a_crash_left_is_cleared_and_what_others_make_is_not(bench):
    mine = bench.home.new_environment()
    crashed = bench.home.new_environment()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (crashed / "owner.json").write_text(json.dumps(json.loads((mine / "owner.json").read_text()) | {"pid": dead.pid}))
    assert mine != crashed and bench.home.clear() == [] and bench.environments() == {mine.name}


def test_files_that_cannot_be_removed_stay_for_the_next_time(bench, monkeypatch):
    """As on Windows, where a running engine holds its libraries open."""
    old = bench.home.new_environment()
    ownership.unmark(old)
    with monkeypatch.context() as patched:
        patched.setattr(bare.part("background").shutil, "rmtree", lambda path, ignore_errors=False: None)
        patched.setattr(bare.part("background"), "_PAUSE", 0.0)
        assert bench.home.clear() == [old] and old.exists()
    assert bench.home.clear() == [] and not old.exists()


def test_the_list_of_another_release_is_told(bench, monkeypatch):
    environment = bench.home.new_environment()
    bench.home.switch(environment, "3.11", "cpu")
    assert not bench.home.is_outdated()
    monkeypatch.setattr(home_module, "requirements_hash", lambda: "other")
    assert bench.home.is_outdated()


# ------------------------------------------------------------------------------------------------------- as on Windows

def test_processes_as_on_windows(monkeypatch):
    monkeypatch.setattr(processes, "is_windows", lambda: True)
    assert processes.start_options() == {"creationflags": 0x08000000 | 0x200}
    calls = []
    monkeypatch.setattr(processes.subprocess, "run", lambda command, **options: calls.append((command, options)))

    class Process:
        pid, killed = 4711, False

        def poll(self):
            return None

        def kill(self):
            self.killed = True

    process = Process()
    processes.end_tree(process)
    (command, options), = calls
    assert command == ["taskkill", "/T", "/F", "/PID", "4711"] and process.killed
    assert options["creationflags"] & 0x08000000 and options["timeout"]
    asked = []
    monkeypatch.setattr(processes, "_is_alive_on_windows", lambda pid: asked.append(pid) or False)
    monkeypatch.setattr(os, "kill", lambda *a: pytest.fail("os.kill ends a process on Windows"))
    assert not processes.is_alive(4711) and asked == [4711]


def test_interpreters_of_both_kinds_of_environments(tmp_path):
    for name, python in (("windows env", "Scripts/python.exe"), ("other env", "bin/python")):
        path = tmp_path / name / python
        path.parent.mkdir(parents=True)
        path.touch()
        assert home_module.interpreter(tmp_path / name) == path == home_module.interpreter(path)
    assert home_module.interpreter(tmp_path / "none") is None


# ------------------------------------------------------------------------------------------------------ the pinned list

def pins(path: Path, python: str) -> dict[str, str]:
    """Name to specifier, of the lines that count for that Python."""
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    wanted = [Requirement(line) for line in lines if line]
    here = {"python_version": python}
    return {r.name.lower(): str(r.specifier) for r in wanted if r.marker is None or r.marker.evaluate(here)}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_the_pinned_list_agrees_with_the_project_and_holds_what_the_engine_imports(python):
    engine = pins(home_module.REQUIREMENTS, python)
    assert all(spec.startswith("==") for spec in engine.values())
    project = pins(ROOT / "requirements.txt", "3.11")
    assert set(engine) <= set(project)
    if python == "3.11":
        assert engine == {name: project[name] for name in engine}
    optional = {"spconv", "gsplat", "diffusers", "tqdm", "matplotlib"}  # CUDA's extras, training and the command line
    imported = set()
    for path in (ROOT / "earthcrafter_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {a.name.split(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add((node.module or "").split(".")[0])
    packages = {"PIL": "pillow", "pxr": "usd-core"}
    third = {packages.get(n, n) for n in imported if n not in sys.stdlib_module_names and n != "earthcrafter_core"}
    assert third - optional <= set(engine)


def test_the_hash_names_the_list_not_its_comments(tmp_path):
    list_a, list_b = tmp_path / "a", tmp_path / "b"
    list_a.write_text("# one\na==1\n\nb==2\n")
    list_b.write_text("a==1\nb==2 \n")
    assert home_module.requirements_hash(list_a) == home_module.requirements_hash(list_b)
    list_b.write_text("a==1\nb==3\n")
    assert home_module.requirements_hash(list_a) != home_module.requirements_hash(list_b)
    assert len(home_module.requirements_hash(list_a)) == 8


# -------------------------------------------------------------------------------------------------------- the self-test

def test_the_report_holds_versions_steps_and_the_last_lines():
    reader = self_test.SelfTestReader()
    for line in ('{"step": "import", "ok": true, "text": "torch 2.13.0"}', "Traceback: oh",
                 '{"step": "tile", "ok": false, "text": "The tile was empty."}', '{"report": {"ok": false, "cores": 2}}',
                 "[1]"):
        reader.read(line)
    assert not reader.ok and reader.failure(1) == "The tile was empty" and reader.report["cores"] == 2
    text = self_test.report_text(reader, {"Blender": "5.2"})
    for words in ("Blender: 5.2", "[ok] import: torch 2.13.0", "[FAILED] tile", "cores: 2", "Traceback: oh"):
        assert words in text
    assert "not run" in self_test.report_text(None, {})


def test_a_task_that_goes_wrong_leaves_no_child(tmp_path):
    task_module = bare.part("child_task")

    class Task(task_module.ChildTask):
        def work(self):
            def wrong(_line):
                raise FileNotFoundError("oh")

            code = "import time; print(1, flush=True); time.sleep(60)"
            self.call([sys.executable, "-c", code], dict(os.environ), tmp_path, wrong)

    task = Task(tmp_path / "log")
    task.start()
    assert task.join(10) and task.error.kind == "internal" and "FileNotFoundError" in task.error.message and not zombies()
