"""An engine for tests: the real server with a pipeline that makes small box towns at once, or goes wrong on demand.

The seed chooses: KILL dies in mid-write, SLOW takes long, BAD raises an error for people, BUG raises any other.
"""
from __future__ import annotations

import json
import os
import signal
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plyfile
import trimesh

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from earthcrafter_core.engine import server  # noqa: E402
from earthcrafter_core.errors import Cancelled, OutOfMemory  # noqa: E402
from earthcrafter_core.scene.classes import BUILDING_IDS, CLASSES, PALETTE  # noqa: E402

KILL, SLOW, BAD, BUG = 666, 667, 668, 669
STEPS = 5


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
    out.mkdir(parents=True)
    scene = {"layout_hash": layout.hash(), "seed": settings.seed, "settings": {"voxel_size": settings.voxel_size}}
    write_town(out, layout)
    (out / "scene.json").write_text(json.dumps(scene))
    return scene


def write_town(out: Path, layout) -> None:
    """One flat square for each cell, 6 m up on buildings, as mesh, points and splats."""
    rows, cols = layout.shape
    row, col = (a.ravel() for a in np.mgrid[:rows, :cols])
    ids = layout.class_id.ravel()
    centre = np.stack([col + 0.5, rows - row - 0.5, np.where(np.isin(ids, BUILDING_IDS), 6.0, 0.0)], 1)
    centre[:, :2] *= layout.cell_size
    scene = trimesh.Scene()
    to_y_up = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)
    for class_id in np.unique(ids):
        c = centre[ids == class_id]
        corners = (c[:, None] + np.array([[-.5, -.5, 0], [.5, -.5, 0], [.5, .5, 0], [-.5, .5, 0]]) * layout.cell_size)
        base = np.arange(len(c))[:, None] * 4
        faces = np.concatenate([base + [0, 1, 2], base + [0, 2, 3]])
        mesh = trimesh.Trimesh(corners.reshape(-1, 3), faces, process=False)
        mesh.apply_transform(to_y_up)
        mesh.visual = trimesh.visual.TextureVisuals(
            material=trimesh.visual.material.PBRMaterial(name=CLASSES[class_id].name))
        mesh.vertex_attributes["color"] = np.tile([*PALETTE[class_id], 255], (len(corners) * 4, 1)).astype(np.uint8)
        scene.add_geometry(mesh, geom_name=CLASSES[class_id].name)
    (out / "mesh.glb").write_bytes(scene.export(file_type="glb"))
    n = len(centre)
    rgb = PALETTE[ids]
    columns = {"x": centre[:, 0], "y": centre[:, 1], "z": centre[:, 2], "nx": np.zeros(n), "ny": np.zeros(n),
               "nz": np.ones(n)}
    _write_ply(out / "points.ply", {**columns, "red": rgb[:, 0], "green": rgb[:, 1], "blue": rgb[:, 2], "class_id": ids})
    f_dc = (rgb / 255 - 0.5) / 0.28209479177387814
    log_scale = np.full(n, np.log(0.4 * layout.cell_size))
    _write_ply(out / "splats.ply", {
        **columns, "f_dc_0": f_dc[:, 0], "f_dc_1": f_dc[:, 1], "f_dc_2": f_dc[:, 2], "opacity": np.full(n, 3.0),
        "scale_0": log_scale, "scale_1": log_scale, "scale_2": np.full(n, np.log(1e-6)), "rot_0": np.ones(n),
        "rot_1": np.zeros(n), "rot_2": np.zeros(n), "rot_3": np.zeros(n)})


def _write_ply(path: Path, columns: dict) -> None:
    kinds = {k: "u1" if v.dtype == np.uint8 else "<f4" for k, v in columns.items()}
    table = np.empty(len(columns["x"]), list(kinds.items()))
    for name, values in columns.items():
        table[name] = values
    plyfile.PlyData([plyfile.PlyElement.describe(table, "vertex")], byte_order="<").write(str(path))


def load() -> types.SimpleNamespace:
    """In place of the module pipeline."""
    return types.SimpleNamespace(Settings=Settings, generate=generate, Models=lambda *key: key)


if __name__ == "__main__":
    server.main(load)
