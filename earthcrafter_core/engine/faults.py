"""Any error as its kind, one sentence and a remedy: what the client shows."""
from __future__ import annotations

import errno
import platform

from ..errors import EarthCrafterError

_NO_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory", "out of memory")

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def describe(error: BaseException) -> dict[str, str]:
    """kind, message and remedy of an error of a job; kinds as protocol.py lists them."""
    if isinstance(error, EarthCrafterError):
        return {"kind": error.kind, "message": error.message, "remedy": error.remedy}
    name, text = type(error).__name__, str(error)
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or any(s in text.lower() for s in _NO_MEMORY):
        return {"kind": "out_of_memory", "message": "The engine ran out of memory.",
                "remedy": "Generate a smaller layout, choose the CPU as device, or close other programs."}
    if name == "AcceleratorError" or "CUDA error" in text or "CUDA driver" in text:
        return {"kind": "device", "message": f"The graphics card failed ({_first_line(text)}).",
                "remedy": "Generate again, which starts the engine anew, or choose the CPU as device."}
    if isinstance(error, ImportError):
        return {"kind": "import", "message": f"The engine's Python lacks a package ({_first_line(text)}).",
                "remedy": "Install the engine again in the add-on's preferences, or install requirements.txt into your Python."}
    if isinstance(error, OSError) and error.errno in _FULL:
        return {"kind": "write", "message": "The disk is full.",
                "remedy": "Free some space, or choose another results folder in the add-on's preferences."}
    if isinstance(error, OSError):
        return {"kind": "write", "message": f"A file could not be read or written ({text}).",
                "remedy": "Check the folder's rights and the free space, then press Generate again."}
    return {"kind": "internal", "message": f"The engine met an unexpected error ({name}: {_first_line(text)}).",
            "remedy": "Press Generate again; the engine's log has the details."}


def describe_start(error: BaseException) -> dict[str, str]:
    """The same for an error while the engine loads what it needs: whatever its type, its Python cannot be used as it is.

    Broken libraries raise OSError (a missing DLL), RuntimeError (built for another NumPy) and more besides ImportError.
    """
    said = describe(error)
    if isinstance(error, EarthCrafterError | ImportError) or said["kind"] == "out_of_memory":
        return said
    return {"kind": "import", "message": f"The engine's Python {platform.python_version()} cannot load what it needs "
                                         f"({type(error).__name__}: {_first_line(str(error))}).",
            "remedy": "Install the engine again in the add-on's preferences, or choose another Python."}


def _first_line(text: str) -> str:
    """The first line of a library's message, short enough for a panel."""
    line = text.strip().partition("\n")[0].rstrip(".")
    return line if len(line) <= 160 else line[:157] + "..."
