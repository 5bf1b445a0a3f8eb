#!/usr/bin/env python3
"""Builds, tests and shows EarthCrafter. Needs Python 3.11 and nothing else.

    python3 build.py demo       paint a layout in headless Blender, generate it, save demo/demo.blend and three renders
    python3 build.py test       ruff, mypy, and three test runs: all on bpy 4.5, the add-on on bpy 5.0, a Blender 5.2 window;
                                --no-window leaves the window out; --only bpy4|bpy5|window makes one run (may be repeated);
                                further arguments go to pytest, and then bpy 4.5 alone is run unless --only says otherwise
    python3 build.py package    dist/earthcrafter-<version>.zip, the extension to install in Blender
    python3 build.py setup      only make the environment in .venv that the others use
    python3 build.py clean      remove build/, dist/ and demo/
"""
from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "earthcrafter-requirements.sha256"
NEWER_BPY = "bpy==5.0.1"
NEWER_VENV = ROOT / ".venv-bpy5"
BUILD, DIST = ROOT / "build", ROOT / "dist"
SUBPACKAGES = ("operators", "ui", "earthcrafter_core")
TEST_RUNS = {"bpy4": ("everything, on bpy 4.5", ".venv"), "bpy5": ("the add-on, on bpy 5.0", ".venv-bpy5"),
             "window": ("a window of Blender 5.2", ".venv")}
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class BuildError(Exception):
    """One sentence for the person at the terminal."""


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"build.py: {text}", flush=True)


def venv_python(venv: Path | None = None) -> Path:
    """An environment's interpreter; that of .venv where none is given."""
    return (venv or VENV) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Raises BuildError for any Python but 3.11."""
    if version != (3, 11):
        raise BuildError(f"Python {version[0]}.{version[1]} cannot run this (bpy 4.5 is made for 3.11): "
                         "install Python 3.11 and call `python3.11 build.py`.")


def run(command: list[str | Path], why: str, **options: object) -> None:
    """Run a command with its output shown. Raises BuildError with the sentence `why` where it fails."""
    try:
        status = subprocess.run([str(c) for c in command], cwd=ROOT, **options).returncode  # type: ignore[call-overload]
    except OSError as e:
        raise BuildError(f"{why} ({e}).") from e
    if status:
        raise BuildError(f"{why} (exit status {status}; the lines above say where).")


def requirements_hash() -> str:
    """Names what the environment has to hold."""
    return hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()


def setup() -> None:
    """Make .venv from requirements.txt where it is missing, unfinished or of other requirements."""
    wanted = requirements_hash()
    if venv_python().exists() and STAMP.exists() and STAMP.read_text().strip() == wanted:
        return
    started = time.monotonic()
    if VENV.exists() and not venv_python().exists():
        shutil.rmtree(VENV)
    if not VENV.exists():
        say("making the environment in .venv (once, several minutes, about 2.5 GB) ...")
        run([sys.executable, "-m", "venv", VENV], "The environment could not be made; on Debian install python3.11-venv")
    STAMP.unlink(missing_ok=True)  # an interrupted install is seen by the missing stamp
    pip: list[str | Path] = [venv_python(), "-m", "pip", "install", "--progress-bar", "on", "--no-input",
                             "--disable-pip-version-check"]
    install_torch(pip)
    say("installing the pinned requirements ...")
    run([*pip, "-r", "requirements.txt"], "The requirements could not be installed: check the network and the free disk space")
    STAMP.write_text(wanted + "\n")
    say(f"the environment is ready ({time.monotonic() - started:.0f} s); the next time starts at once.")


def setup_newer() -> None:
    """Make .venv-bpy5: Blender 5.0's module alone; everything else is that of .venv, which it sees through a .pth file."""
    stamp = NEWER_VENV / "earthcrafter-bpy"
    if stamp.exists() and stamp.read_text().strip() == NEWER_BPY:
        return
    say(f"making the environment with {NEWER_BPY} in {NEWER_VENV.name} (once, about 1 GB) ...")
    shutil.rmtree(NEWER_VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", "--without-pip", NEWER_VENV], "The environment of Blender 5.0 could not be made")
    packages = [Path(subprocess.run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                                    capture_output=True, text=True, check=True).stdout.strip())
                for python in (venv_python(), venv_python(NEWER_VENV))]
    (packages[1] / "earthcrafter.pth").write_text(f"{packages[0]}\n")  # searched after the environment's own packages
    run([venv_python(), "-m", "pip", "--python", venv_python(NEWER_VENV), "install", "--no-input",
         "--disable-pip-version-check", "--no-deps", NEWER_BPY],
        f"{NEWER_BPY} could not be installed: check the network and the free disk space")
    stamp.write_text(NEWER_BPY + "\n")


def install_torch(pip: list[str | Path]) -> None:
    """Install the CPU build of the pinned torch first: on Linux the plain one brings several GB of CUDA along.

    EARTHCRAFTER_TORCH=cuda takes the plain one. The configured package index is tried first, then PyTorch's own.
    """
    if os.environ.get("EARTHCRAFTER_TORCH") == "cuda" or not sys.platform.startswith("linux"):
        return
    pinned = next(line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("torch=="))
    probe = subprocess.run([str(venv_python()), "-c", f"import importlib.metadata as m, sys; "
                            f"sys.exit(m.version('torch') != '{pinned.split('==')[1]}+cpu')"], capture_output=True)
    if probe.returncode == 0:
        return
    say(f"installing {pinned} for the CPU ...")
    cpu = f"{pinned}+cpu"
    quiet = subprocess.run([str(c) for c in [*pip, "--quiet", cpu]], cwd=ROOT, stderr=subprocess.DEVNULL)
    if quiet.returncode:
        run([*pip, cpu, "--index-url", TORCH_CPU_INDEX, "--extra-index-url", "https://pypi.org/simple"],
            "The CPU build of torch could not be installed: check the network and the free disk space")


def assemble(target: Path) -> Path:
    """Lay the extension out in `target`: blender_addon/ as its root, the other packages beside its __init__.py."""
    shutil.rmtree(target, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__", "*.pyc", "*.tmp", ".*")
    shutil.copytree(ROOT / "blender_addon", target, ignore=skip)
    for name in SUBPACKAGES:
        shutil.copytree(ROOT / name, target / name, ignore=skip)
    shutil.copy2(ROOT / "LICENSE", target / "LICENSE")
    return target


def blender_ext() -> Path:
    """Blender's own extension tool, inside the bpy wheel."""
    found = sorted(VENV.glob("**/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise BuildError("Blender's extension tool is not in .venv: remove .venv and run build.py again.")
    return found[-1]


def package() -> Path:
    """Make the extension's zip with Blender's own tool, which also validates it."""
    setup()
    folder = assemble(BUILD / "package" / "earthcrafter")
    version = next(line.split('"')[1] for line in (folder / "blender_manifest.toml").read_text().splitlines()
                   if line.startswith("version"))
    archive = DIST / f"earthcrafter-{version}.zip"
    DIST.mkdir(parents=True, exist_ok=True)
    say("validating and packing the extension ...")
    tool = [venv_python(), blender_ext()]
    run([*tool, "validate", folder], "The extension is not valid")
    run([*tool, "build", "--source-dir", folder, "--output-filepath", archive], "The extension could not be packed")
    run([*tool, "validate", archive], "The extension's archive is not valid")
    say(f"{archive.relative_to(ROOT)} ({archive.stat().st_size / 1e6:.1f} MB): drop it into a Blender window to install it.")
    return archive


def check() -> None:
    """Lint and type check."""
    say("ruff ...")
    run([venv_python(), "-m", "ruff", "check", "."], "The style check found something")
    say("mypy ...")
    run([venv_python(), "-m", "mypy"], "The type check of the core found something")
    addon = assemble(BUILD / "typecheck" / "earthcrafter")
    run([venv_python(), "-m", "mypy", "--exclude", "/earthcrafter_core/", addon],
        "The type check of the add-on found something")


def addon_tests() -> list[str]:
    """The test files that load the add-on into bpy, and the one test of the walls that does."""
    found = [path for path in sorted((ROOT / "tests").glob("test_*.py"))
             if re.search(r"^(import addon|from addon import)\b", path.read_text(encoding="utf-8"), re.MULTILINE)]
    return [*map(str, found), "tests/test_walls.py::test_the_addon_registers_without_torch"]


def test(arguments: list[str], only: list[str], window: bool) -> None:
    """Lint, type check and the test runs; all runs are made, then the first failure counts."""
    setup()
    if not only:
        check()
    parts = only or (["bpy4"] if arguments else list(TEST_RUNS))
    named = any((ROOT / argument.split("::")[0]).exists() for argument in arguments)  # a path: in place of the run's own
    results = {}
    for part in parts:
        if part == "window" and not window:
            continue
        name, environment = TEST_RUNS[part]
        if part == "bpy5":
            setup_newer()
        files = [] if named else {"bpy4": [], "bpy5": addon_tests(), "window": ["tests/window"]}[part]
        say(f"{name} ...")
        started = time.monotonic()
        try:
            run([venv_python(ROOT / environment), "-m", "pytest", *files, *arguments], "Tests failed")
            results[name] = "passed"
        except BuildError:
            results[name] = "FAILED"
        results[name] += f" in {time.monotonic() - started:.0f} s"
    for name, result in results.items():
        say(f"{name}: {result}")
    if not all(result.startswith("passed") for result in results.values()):
        raise BuildError("Tests failed; the lines above say which.")


def demo(arguments: list[str]) -> None:
    """The whole way in headless Blender; writes into demo/."""
    setup()
    user = BUILD / "blender_user"
    assemble(user / "extensions" / "user_default" / "earthcrafter")
    say("painting, generating and rendering in headless Blender ...")
    run([venv_python(), ROOT / "docs" / "demo" / "demo.py", "--output", ROOT / "demo", *arguments],
        "The demo did not come to its end", env={**os.environ, "BLENDER_USER_RESOURCES": str(user)})


def clean() -> None:
    """Remove what the other commands made, but not .venv."""
    for folder in (BUILD, DIST, ROOT / "demo"):
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("demo", "test", "package", "setup", "clean"):
        command = commands.add_parser(name, allow_abbrev=False, description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == "test":
            command.add_argument("--only", action="append", choices=tuple(TEST_RUNS), default=[], help="one of the test runs")
            command.add_argument("--no-window", action="store_true", help="leave the run in a real window out")
    options, rest = parser.parse_known_args()
    try:
        check_python()
        if rest and options.command not in ("demo", "test"):
            raise BuildError(f"`{options.command}` takes no further arguments.")
        if options.command == "test":
            test(rest, options.only, not options.no_window)
        elif options.command == "demo":
            demo(rest)
        else:
            {"package": package, "setup": setup, "clean": clean}[options.command]()
    except BuildError as e:
        print(f"build.py: {e}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("build.py: stopped; run the same command again to go on.", file=sys.stderr, flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
