"""The harness of the window tests where there is no window: why tests are skipped, and windows that were left behind."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "window"))
import window_tool


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A tool that can install nothing, and its state file."""
    path = tmp_path / "window.py"
    path.write_text(f"from pathlib import Path\nimport sys\nSTATE = Path({str(tmp_path / 'state.json')!r})\n"
                    f"def root(suite): return Path({str(tmp_path)!r}) / suite\n"
                    "if __name__ == '__main__':\n    sys.exit('no mirror found')\n")
    monkeypatch.setenv("EARTHCRAFTER_WINDOW_TOOL", str(path))
    window_tool.tool_module.cache_clear()
    yield tmp_path / "state.json"
    window_tool.tool_module.cache_clear()


def test_without_the_tool_the_reason_is_its_place(monkeypatch, tmp_path):
    monkeypatch.setenv("EARTHCRAFTER_WINDOW_TOOL", str(tmp_path / "none.py"))
    with pytest.raises(window_tool.Unavailable, match="none.py"):
        window_tool.install()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX")
def test_an_installation_that_fails_is_a_reason(tool, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "base_prefix", "/opt/python")
    monkeypatch.setattr(window_tool.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(window_tool, "DEBIAN", Path(__file__))
    with pytest.raises(window_tool.Unavailable, match="no mirror found"):
        window_tool.install()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(window_tool.Unavailable, match="root"):
        window_tool.install()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_window_of_a_run_that_crashed_does_not_block(tool):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    other = os.getpid()  # lives, but is no Blender: the pid was given to another program
    tool.write_text(json.dumps({"suite": "sid", "blender": ended.pid, "xvfb": other}))
    window_tool.close_abandoned()
    assert not tool.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_an_open_window_is_left_alone_until_it_is_old(tool, tmp_path):
    programs = {}
    for name in ("blender", "xvfb"):
        (tmp_path / name).symlink_to("/bin/sleep")
        programs[name] = subprocess.Popen([str(tmp_path / name), "60"], start_new_session=True)
    try:
        time.sleep(0.2)
        tool.write_text(json.dumps({"suite": "sid"} | {name: p.pid for name, p in programs.items()}))
        with pytest.raises(window_tool.Unavailable, match="another run"):
            window_tool.close_abandoned()
        assert all(p.poll() is None for p in programs.values())
        os.utime(tool, (0, 0))
        window_tool.close_abandoned()
        assert not tool.exists() and all(p.wait(10) == -9 for p in programs.values())
    finally:
        for program in programs.values():
            program.kill()
