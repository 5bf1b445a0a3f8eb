"""How numba compiles kernels, and where the compiled ones are kept."""
from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import numba


def _cache_directory() -> str:
    """A writable folder for compiled kernels outside the package: in the user's cache, else one for this process."""
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = base / "earthcrafter" / "numba"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return str(folder)
    except (OSError, RuntimeError):  # no home, or a home that cannot be written
        pass
    temporary = tempfile.mkdtemp(prefix="earthcrafter-numba-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


if not numba.config.CACHE_DIR:  # the person's NUMBA_CACHE_DIR wins
    numba.config.CACHE_DIR = _cache_directory()

PARALLEL = {"cache": True, "nogil": True, "error_model": "numpy"}
"""Options of kernels that run on several threads at once: serial code that holds no lock of Python's."""
INLINE = {"cache": True, "error_model": "numpy", "inline": "always"}
"""Options of small functions that become part of a kernel."""
