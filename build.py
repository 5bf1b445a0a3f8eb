#!/usr/bin/env python3
"""Builds, tests and shows EarthCrafter. Needs Python 3.11 and nothing else.

    python3 build.py demo       paint a layout in headless Blender, generate it, save demo/demo.blend and three renders
    python3 build.py test       ruff, mypy and pytest (further arguments go to pytest)
    python3 build.py package    dist/earthcrafter-<version>.zip, the extension to install in Blender
    python3 build.py setup      only make the environment in .venv that the others use
    python3 build.py clean      remove build/, dist/ and demo/
"""
from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "earthcrafter-requirements.sha256"
BUILD, DIST = ROOT / "build", ROOT / "dist"
SUBPACKAGES = ("operators", "ui", "earthcrafter_core")
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class BuildError(Exception):
    """One sentence for the person at the terminal."""


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"build.py: {text}", flush=True)


def venv_python() -> Path:
    """The environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


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


def test(arguments: list[str]) -> None:
    """Lint, type check and tests."""
    setup()
    say("ruff ...")
    run([venv_python(), "-m", "ruff", "check", "."], "The style check found something")
    say("mypy ...")
    run([venv_python(), "-m", "mypy"], "The type check of the core found something")
    addon = assemble(BUILD / "typecheck" / "earthcrafter")
    run([venv_python(), "-m", "mypy", "--exclude", "/earthcrafter_core/", addon],
        "The type check of the add-on found something")
    say("pytest ...")
    run([venv_python(), "-m", "pytest", *arguments], "Tests failed")


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
    parser.add_argument("command", choices=("demo", "test", "package", "setup", "clean"))
    options, rest = parser.parse_known_args()
    try:
        check_python()
        if rest and options.command not in ("demo", "test"):
            raise BuildError(f"`{options.command}` takes no further arguments.")
        if options.command in ("demo", "test"):
            {"demo": demo, "test": test}[options.command](rest)
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
