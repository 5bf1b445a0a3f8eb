"""`python -m earthcrafter_core.engine.self_test [--device cpu]`: can this Python run the engine here, and how fast?

Prints a JSON line {"step", "ok", "text"} for each step as it ends and at last {"report": ...}; exit code 0 where all is well,
else 1. The report holds nothing personal but the paths in it, and can be pasted into a bug report.
"""
from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from .faults import describe, describe_start

SIDE, STEPS = 64, 4
"""Metres along one side of the tiny tile, and sampling steps."""
PACKAGES = ("torch", "numpy", "numba", "scipy")


def run(device: str, say: Callable[[dict[str, Any]], None]) -> bool:
    """All steps up to the first that fails; the report is said in any case. Whether all went well."""
    report: dict[str, Any] = {"earthcrafter": __version__, "python": platform.python_version(), "executable": sys.executable,
                              "platform": platform.platform(), "device": device, "ok": False}
    steps = [("packages", _packages), ("devices", _devices), ("weights", _weights), ("tile", _tile)]
    for name, step in steps:
        try:
            text = step(report, device)
        except BaseException as e:  # whatever is wrong with this Python becomes one sentence
            said = describe(e) if name == "tile" else describe_start(e)
            report["failed"] = {"step": name, **said}
            say({"step": name, "ok": False, "text": f"{said['message']} {said['remedy']}"})
            break
        say({"step": name, "ok": True, "text": text})
    else:
        report["ok"] = True
    say({"report": report})
    return report["ok"]


def _packages(report: dict[str, Any], device: str) -> str:
    """Import everything that the engine needs; their versions."""
    for name in PACKAGES:
        report[name] = str(import_module(name).__version__)
    from .. import pipeline  # noqa: F401
    return ", ".join(f"{name} {report[name]}" for name in PACKAGES)


def _devices(report: dict[str, Any], device: str) -> str:
    """What the machine has."""
    from .. import machine
    found = report["devices"] = machine.devices()
    report["cores"] = machine.cores()
    report["memory_total"], report["memory_free"] = machine.memory()
    return "; ".join(f"{name}: {d['name']}, {d['free'] / 1e9:.1f} of {d['total'] / 1e9:.1f} GB free"
                     for name, d in found.items())


def _weights(report: dict[str, Any], device: str) -> str:
    """Load the shipped networks."""
    from ..pipeline import Models
    report["weights"] = Models("default", None, device).id
    return f"weights {report['weights']}"


def _tile(report: dict[str, Any], device: str) -> str:
    """Generate a tiny tile and read what was written."""
    import numpy as np

    from .. import machine
    from ..convert.files import read_voxels
    from ..pipeline import Settings, generate
    from ..scene import classes as sem
    from ..scene.layout import Layout
    ids = np.full((SIDE, SIDE), sem.LAWN, np.uint8)
    ids[:, 28:34], ids[10:24, 8:22], ids[36:60, 40:60] = sem.ROAD, sem.HOUSE, sem.BROADLEAF
    with tempfile.TemporaryDirectory(prefix="earthcrafter-") as folder:
        started = time.perf_counter()
        scene = generate(Layout(ids), Path(folder) / "tile", Settings(steps=STEPS, device=device))
        seconds = time.perf_counter() - started
        voxels = len(read_voxels(Path(folder) / "tile").coords)
    report["tile"] = {"seconds": round(seconds, 2), "peak_memory_mb": machine.peak_memory_mb(), "voxels": voxels,
                      "stages": {name: s["seconds"] for name, s in scene["stages"].items()}}
    return f"{voxels} voxels in {seconds:.1f} s, {report['tile']['peak_memory_mb']:.0f} MB at the peak"


def main() -> NoReturn:
    """Run the self-test of the command line."""
    parser = argparse.ArgumentParser(prog="python -m earthcrafter_core.engine.self_test", description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")

    def say(line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)

    sys.exit(0 if run(parser.parse_args().device, say) else 1)


if __name__ == "__main__":
    main()
