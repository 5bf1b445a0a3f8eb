"""Folders that belong to a running Blender: marked with its process, so that what a crash left behind is told apart. No bpy."""
from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

from . import processes

_MARK = "owner.json"
_FORGOTTEN_SECONDS = 24 * 3600.0  # a folder of another machine is left over when nobody wrote into it for so long


def mark(folder: Path) -> None:
    """Make the folder, owned by this process. Raises OSError, also where it exists."""
    folder.mkdir(parents=True)
    owner = {"pid": os.getpid(), "host": socket.gethostname()}
    (folder / _MARK).write_text(json.dumps(owner), encoding="utf-8")


def unmark(folder: Path) -> None:
    """The folder is whole: it belongs to nobody any more. Raises OSError."""
    (folder / _MARK).unlink()


def is_marked(folder: Path) -> bool:
    """Whether somebody works, or worked, in the folder."""
    return (folder / _MARK).exists()


def is_left_over(folder: Path) -> bool:
    """Whether the Blender that marked the folder runs no more; from another machine, or without a mark: whether nobody wrote
    into it for a day."""
    try:
        owner = json.loads((folder / _MARK).read_text(encoding="utf-8"))
        if owner["host"] == socket.gethostname():
            return not processes.is_alive(int(owner["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        return time.time() - max(p.stat().st_mtime for p in (folder, *folder.iterdir())) > _FORGOTTEN_SECONDS
    except OSError:
        return False
