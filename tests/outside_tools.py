"""Other people's validators and readers from npm, as the tests run them (tests/outside/package.json pins them)."""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent / "outside"
HOME = HERE.parent.parent / "build" / "outside"


@lru_cache
def _missing() -> str:
    """Why the packages are not there, "" where they are. Installed once for each package-lock.json, which needs the network."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    stamp = HOME / "installed.txt"
    if stamp.is_file() and stamp.read_text() == lock:
        return "" if shutil.which("node") else "Node.js is not installed"
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "Node.js and npm are not installed"
    new = HOME.with_name(f"outside.{os.getpid()}.tmp")
    try:
        new.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, new)
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=new, capture_output=True,
                              text=True, timeout=240)
        if done.returncode:
            return f"npm ci failed: {done.stderr.strip()[-300:]}"
        (new / stamp.name).write_text(lock)
        shutil.rmtree(HOME, ignore_errors=True)
        os.rename(new, HOME)
        return ""
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"npm ci failed: {e}"
    finally:
        shutil.rmtree(new, ignore_errors=True)


def modules() -> Path:
    """The node_modules folder with the pinned packages; skips the test where it cannot be had."""
    if _missing():
        pytest.skip(_missing())
    return HOME / "node_modules"


def node(script: str, *arguments: str | Path, timeout: float = 120) -> str:
    """What a script of tests/outside prints. Fails the test where it does not end well."""
    done = subprocess.run(["node", str(HERE / script), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=os.environ | {"NODE_PATH": str(modules())})
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def khronos(*paths: Path) -> list[dict[str, Any]]:
    """The Khronos glTF validator's report of each file."""
    return [json.loads(line) for line in node("validate_glb.cjs", *paths).splitlines()]


def assert_valid_gltf(*paths: Path) -> None:
    """No error and no warning of the Khronos validator."""
    for path, report in zip(paths, khronos(*paths), strict=True):
        issues = report["issues"]
        told = [f"{m['code']} {m.get('pointer', '')}: {m['message']}" for m in issues["messages"] if m["severity"] < 2]
        assert issues["numErrors"] == issues["numWarnings"] == 0, f"{path.name}: {told[:5]}"
