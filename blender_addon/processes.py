"""Child processes on Windows, macOS and Linux: how they are started, told apart and ended. No bpy."""
from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

_STILL_ACTIVE, _QUERY_LIMITED = 259, 0x1000  # of the Windows API


def is_windows() -> bool:
    """Whether this is Windows; asked at each use, so that a test can play it."""
    return os.name == "nt"


def start_options() -> dict[str, Any]:
    """Options of subprocess.Popen: no console window, and a group of its own, so that Ctrl+C in Blender's terminal does not
    reach the child and the child's own children can be ended with it."""
    if is_windows():
        return {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0x08000000)
                | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x00000200)}
    return {"start_new_session": True}


def end_tree(process: subprocess.Popen[Any]) -> None:
    """End a child made with `start_options`, and its children, at once. Reaping it is left to who waits for it."""
    if process.poll() is not None:
        return
    try:
        if is_windows():
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10, check=False, **start_options())
        else:
            os.killpg(process.pid, signal.SIGKILL)
    except (OSError, subprocess.SubprocessError):
        pass
    if process.poll() is None:
        try:
            process.kill()
        except OSError:
            pass


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs on this machine; True where that cannot be told."""
    if pid <= 0:
        return False
    if is_windows():
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)  # signal 0 only asks; on Windows it would end the process
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _is_alive_on_windows(pid: int) -> bool:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(_QUERY_LIMITED, False, pid)
    if not handle:
        return False
    try:
        status = ctypes.c_ulong()
        return not kernel.GetExitCodeProcess(handle, ctypes.byref(status)) or status.value == _STILL_ACTIVE
    finally:
        kernel.CloseHandle(handle)
