"""What scene/needs.py predicts beside what a generation takes, for places of several sizes, each in a process of its own."""
from __future__ import annotations

import json
import subprocess
import sys
import tempfile

import numpy as np

from earthcrafter_core.scene.layout import Layout
from earthcrafter_core.scene.needs import needs

CASES = ((64, 25, 1.0), (128, 25, 1.0), (128, 8, 1.0), (256, 25, 1.0), (256, 25, 2.0))
"""Metres along one side, sampling steps, voxel size."""


def run() -> list[dict]:
    """Two rows for each case, of time and of memory; the ratio is what was predicted over what was measured."""
    rows = []
    for side, steps, voxel_size in CASES:
        expected = needs((side, side), 1.0, steps, voxel_size)
        seconds, memory = measured(side, steps, voxel_size)
        name = f"needs: {side} m, {steps} steps, voxels of {voxel_size:g} m"
        rows.append({"name": f"{name}", "seconds": seconds, "ratio": expected.seconds / seconds,
                     "reference": f"predicted {expected.seconds:.1f} s"})
        rows.append({"name": f"{name}: {memory / 1e6:.0f} MB", "seconds": 0.0, "ratio": expected.memory_bytes / memory,
                     "reference": f"predicted {expected.memory_bytes / 1e6:.0f} MB"})
    return rows


def measured(side: int, steps: int, voxel_size: float) -> tuple[float, float]:
    """Seconds of all stages and peak memory in bytes."""
    code = f"import benchmarks.needs as n; n.generate({side}, {steps}, {voxel_size})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def generate(side: int, steps: int, voxel_size: float) -> None:
    """Generate a town of many tiles and print seconds and bytes."""
    from pathlib import Path

    from earthcrafter_core import pipeline

    from .tile import town
    ids = np.tile(town().class_id, (-(-side // 128),) * 2)[:side, :side]
    with tempfile.TemporaryDirectory() as folder:
        settings = pipeline.Settings(steps=steps, voxel_size=voxel_size)
        scene = pipeline.generate(Layout(ids), Path(folder) / "scene", settings)
    stages = scene["stages"].values()
    print(json.dumps([sum(s["seconds"] for s in stages), max(s["peak_memory_mb"] for s in stages) * 1024 ** 2]))
