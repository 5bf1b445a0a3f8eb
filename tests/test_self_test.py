"""The engine's self-test: what it prints where all is well, and where this Python cannot run the engine."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def lines_of(*arguments: str, before: str = "") -> tuple[int, list[dict]]:
    """Exit code and JSON lines of the self-test, after running `before` in its interpreter."""
    code = f"{before}\nimport sys, runpy\nsys.argv = ['self_test', *{list(arguments)!r}]\n" \
           "runpy.run_module('earthcrafter_core.engine.self_test', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_all_is_well():
    code, lines = lines_of()
    assert code == 0 and all(line["ok"] and line["text"] for line in lines[:-1])
    assert [line["step"] for line in lines[:-1]] == ["packages", "devices", "weights", "tile"]
    report = lines[-1]["report"]
    assert report["ok"] and report["tile"]["voxels"] >= 64 * 64 and report["tile"]["peak_memory_mb"] > 100
    assert {"torch", "numpy", "numba"} <= set(report) and report["devices"]["cpu"]["total"] > 0


@pytest.mark.parametrize("raised", ["ImportError('No module named torch')", "OSError('[WinError 126] c10.dll')"])
def test_a_torch_that_cannot_be_imported(raised):
    before = f"""
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise {raised}
sys.meta_path.insert(0, Wall())"""
    code, lines = lines_of(before=before)
    assert code == 1 and len(lines) == 2
    assert not lines[0]["ok"] and lines[0]["step"] == "packages" and lines[0]["text"].endswith(".")
    report = lines[1]["report"]
    assert not report["ok"] and report["failed"]["kind"] == "import" and report["python"]


def test_a_device_that_is_not_there():
    code, lines = lines_of("--device", "cuda:9")
    assert code == 1 and not lines[-2]["ok"] and lines[-1]["report"]["failed"]["step"] in ("weights", "tile")
