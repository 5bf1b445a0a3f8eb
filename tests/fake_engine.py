"""An engine for tests: the real server with a pipeline that makes small box towns at once, or goes wrong on demand.

The seed chooses: KILL dies in mid-write, SLOW takes long, BAD raises an error for people, BUG raises any other.
"""
from __future__ import annotations

import os
import signal
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from earthcrafter_core.convert import files
from earthcrafter_core.convert.mesh import build_mesh
from earthcrafter_core.engine import server
from earthcrafter_core.errors import Cancelled, OutOfMemory
from earthcrafter_core.scene.classes import BUILDING_IDS, PALETTE
from earthcrafter_core.scene.layout import Layout
from earthcrafter_core.scene.splats import SH_C0, Splats
from earthcrafter_core.scene.voxels import GROUND_INDEX, VoxelScene, flat_origin

KILL, SLOW, BAD, BUG = 666, 667, 668, 669
STEPS = 5
BUILDING_HEIGHT = 6  # voxels


@dataclass
class Settings:
    """As pipeline.Settings."""

    seed: int = 0
    steps: int = 25
    guidance: float | None = None
    device: str = "cpu"
    voxel_size: float = 1.0
    relief: str = "generated"
    weights: Path | None = None
    configuration: str = "default"


def generate(layout, out, settings, *, progress=None, cancel=None, models=None):
    """Write a box town for the layout."""
    print("a library that prints to stdout")  # must not reach the client's pipe
    steps = 1000 if settings.seed == SLOW else STEPS
    for step in range(steps):
        if cancel():
            raise Cancelled()
        progress("texture", step + 1, steps, (step + 1) / steps)
        time.sleep(0.05 if settings.seed in (SLOW, KILL) else 0)
    if settings.seed == KILL:
        out.mkdir(parents=True)
        (out / "splats.ply").write_bytes(b"ply\n")
        os.kill(os.getpid(), signal.SIGKILL)
    if settings.seed == BAD:
        raise OutOfMemory("The machine has too little memory for the stage 'texture'.", "Use a smaller layout.")
    if settings.seed == BUG:
        raise IndexError("index 7 is out of bounds")
    scene = {"layout_hash": layout.hash(), "seed": settings.seed, "settings": {"voxel_size": settings.voxel_size}}
    write_town(out, layout, scene)
    return scene


def retexture(scene, out, settings, *, progress=None, cancel=None, models=None):
    """Write the kept result's layout again as a box town, with the seed in scene.json."""
    kept = files.read_scene(scene)
    content = kept | {"seed": settings.seed, "retextured": scene.name}
    write_town(out, Layout(files.read_structure(scene)["layout"]), content)
    return content


def write_town(out: Path, layout, scene: dict) -> None:
    """A voxel for each cell, and columns of BUILDING_HEIGHT on buildings; one splat for each voxel."""
    rows, cols = layout.shape
    row, col = (a.ravel() for a in np.mgrid[:rows, :cols])
    ids = layout.class_id.ravel()
    columns = np.stack([col, rows - 1 - row, np.full(len(col), GROUND_INDEX)], 1)
    high = np.isin(ids, BUILDING_IDS)
    stacked = [columns] + [columns[high] + [0, 0, z] for z in range(1, BUILDING_HEIGHT + 1)]
    class_id = np.concatenate([ids] + [ids[high]] * BUILDING_HEIGHT)
    size = layout.cell_size
    voxels = VoxelScene(np.concatenate(stacked).astype(np.int32), class_id, PALETTE[class_id], flat_origin(size), size)
    n = len(class_id)
    splats = Splats(voxels.centres().astype(np.float32), np.full((n, 2), np.log(0.4 * size), np.float32),
                    np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)), np.full(n, 3, np.float32),
                    ((PALETTE[class_id] / 255 - 0.5) / SH_C0)[:, None].astype(np.float32), class_id)
    files.write_generation(out, lambda: scene, voxels, splats, build_mesh(voxels, splats), {"layout": layout.class_id})


def load() -> types.SimpleNamespace:
    """In place of the module pipeline."""
    return types.SimpleNamespace(Settings=Settings, generate=generate, retexture=retexture, Models=lambda *key: key)


if __name__ == "__main__":
    server.main(load)
