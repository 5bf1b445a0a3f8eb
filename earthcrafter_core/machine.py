"""What the machine has and what this process holds of it: memory, cores, devices; on Linux, macOS and Windows."""
from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
from typing import Any

import psutil

MB = 1024 ** 2
# torch keeps compiled kernels for the last 1,024 shapes it met. Windows of voxels come in hundreds of shapes, and nothing gives
# that memory back. Of a tile's 865 MB, 35 go with 256 of them at no cost; with 32 it is 215, but it takes a seventh longer.
for _name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_name, "256")


def memory() -> tuple[int, int]:
    """Memory of the whole machine in bytes: all, and what programs could still take."""
    seen = psutil.virtual_memory()
    return int(seen.total), int(seen.available)


def cores() -> int:
    """Logical cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def resident_mb() -> float:
    """Resident memory of this process now, in MB."""
    return round(psutil.Process().memory_info().rss / MB, 1)


def peak_memory_mb() -> float:
    """Peak resident memory of this process so far, in MB."""
    if os.name == "nt":
        return round(psutil.Process().memory_info().peak_wset / MB, 1)
    if sys.platform == "linux":
        return _peak_of_linux()
    import resource
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB, 1)  # macOS tells bytes


def _peak_of_linux() -> float:
    """VmHWM in MB. The ru_maxrss of getrusage is no use: a process that Blender starts inherits Blender's own peak."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as f:
        return round(next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024, 1)


def devices() -> dict[str, dict[str, Any]]:
    """Devices that torch could run on: {"cpu": {"name", "total", "free"}, "cuda:0": ...}, bytes."""
    total, free = memory()
    out: dict[str, dict[str, Any]] = {"cpu": {"name": processor(), "total": total, "free": free}}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(i)
            out[f"cuda:{i}"] = {"name": torch.cuda.get_device_name(i), "total": int(total), "free": int(free)}
    return out


def processor() -> str:
    """The processor's name as its maker gives it, or its architecture where the system does not tell."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def give_back() -> None:
    """Return memory that is no longer used to the system: Python's, the C library's, the graphics card's."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)  # glibc keeps freed pages otherwise
        except (OSError, AttributeError):  # another C library
            pass
