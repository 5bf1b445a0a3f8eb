"""The tool that opens windows: where it is, what it needs, and windows that a run left behind."""
from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent.parent
DEBIAN = Path("/etc/debian_version")
INSTALL_SECONDS, ABANDONED_SECONDS = 600, 3600


class Unavailable(Exception):
    """Why this machine can open no window."""


def tool_path() -> Path:
    """The tool that opens windows. Raises Unavailable."""
    path = Path(os.environ.get("EARTHCRAFTER_WINDOW_TOOL")
                or ROOT.parent / "shared" / "tools" / "blender_window" / "window.py")
    if not path.is_file():
        raise Unavailable(f"the window tool is not at {path}")
    return path


@cache
def tool_module() -> ModuleType:
    """The tool as a module, for the places of its files."""
    spec = importlib.util.spec_from_file_location("blender_window_tool", tool_path())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install() -> None:
    """Install the window's Blender where it is missing. Raises Unavailable."""
    path = tool_path()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise Unavailable("a window needs root")
    if not DEBIAN.exists() or not shutil.which("apt-get"):
        raise Unavailable("the window's Blender comes from Debian's packages, and this is no Debian")
    if Path(sys.base_prefix) in (Path("/"), Path("/usr")):
        raise Unavailable("the engine's Python belongs to this system and cannot be lent to the window's")
    if (tool_module().root("sid") / "usr" / "bin" / "blender").exists():
        return
    try:
        done = subprocess.run([sys.executable, str(path), "install"], capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as e:
        raise Unavailable(f"the window's Blender was not installed within {INSTALL_SECONDS} s") from e
    if done.returncode:
        raise Unavailable("the window's Blender could not be installed: "
                          + " | ".join((done.stderr + done.stdout).strip().splitlines()[-3:]))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids_of_window() -> dict[str, int]:
    """Pids of the window's processes as the tool wrote them down; empty where no window is open."""
    try:
        state = json.loads(tool_module().STATE.read_text())
    except (OSError, ValueError):
        return {}
    return {name: int(state[name]) for name in ("blender", "xvfb")}


def close_abandoned() -> None:
    """Close a window that a run left behind. Raises Unavailable where another run's window is open and young."""
    state = tool_module().STATE
    if not state.exists():
        return
    pids = pids_of_window()
    ours = {name: pid for name, pid in pids.items()
            if alive(pid) and Path(f"/proc/{pid}/comm").read_text().strip().lower().startswith(name)}
    if not ours:
        state.unlink()  # `stop` would end whatever has these pids now
        return
    if ours.keys() == pids.keys() and time.time() - state.stat().st_mtime < ABANDONED_SECONDS:
        raise Unavailable("another run has the window open")
    for pid in ours.values():
        os.killpg(pid, signal.SIGKILL)
    state.unlink()
