"""Every stage of one tile of 128 m with the shipped weights, beside the arithmetic and traffic it cannot do without."""
from __future__ import annotations

import numpy as np
import tempfile
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from earthcrafter_core import pipeline
from earthcrafter_core.pipeline import Models, Run, Settings
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.layout import Layout

STEPS = 25


def run() -> list[dict]:
    """A row for each stage; ratio is its share of the whole. FLOPs are counted by torch over a run of one step.

    Bytes are those of the stage's weights, read once in each of its evaluations.
    """
    models = Models("default", None, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        scene = pipeline.generate(town(), Path(folder) / "scene", Settings(steps=STEPS), models=models)
    flops = count_flops(models)
    total = sum(s["seconds"] for s in scene["stages"].values())
    evaluations = {name: STEPS * (1 if guidance == 1 else 2) for name, guidance in pipeline.GUIDANCE.items()}
    weights = {"coarse": (models.coarse, evaluations["coarse"]), "fine": (models.fine, evaluations["fine"]),
               "texture": (models.texture, evaluations["texture"]),
               "voxels": (models.struct_vae.decoder, 1), "surfels": (models.tex_vae, 1)}
    rows = []
    for name, stage in scene["stages"].items():
        module, times = weights.get(name, (torch.nn.Identity(), 0))
        read = 4 * times * sum(p.numel() for p in module.parameters())
        rows.append({"name": f"tile: {name}", "seconds": stage["seconds"], "ratio": stage["seconds"] / total,
                     "reference": "share of the tile", "flops": flops.get(name, 0), "bytes": read,
                     "rate": "float32" if name == "surfels" else "sampling"})
    voxels = scene["counts"]["voxels"]
    rows.append({"name": f"tile: all, {voxels} voxels, {STEPS} steps", "seconds": total, "flops": sum(flops.values()),
                 "rate": "sampling"})
    return rows


def count_flops(models: Models) -> dict[str, float]:
    """FLOPs of each stage of a tile at STEPS steps: one step counted, the sampled ones times STEPS."""
    run_ = Run(Settings(steps=1))
    planes = pipeline.Planes(town(), models.config.tile, run_.settings)

    def quiet(i: int, n: int) -> None:
        """No progress."""

    out = {}
    with torch.no_grad():
        with FlopCounterMode(display=False) as c:
            grid, elevation = pipeline.sample_coarse(planes, models, run_, quiet)
        out["coarse"] = c.get_total_flops() * STEPS
        with FlopCounterMode(display=False) as c:
            cells, latent = pipeline.sample_fine(planes, grid, models, run_, quiet)
        out["fine"] = c.get_total_flops() * STEPS
        with FlopCounterMode(display=False) as c:
            coords, ids = pipeline.decode_structure(cells, latent, planes, models, quiet)
        out["voxels"] = c.get_total_flops()
        sampled = pipeline.Sampled(coords, ids, planes, elevation, cells.bxyz[:, 1:].numpy(), latent.numpy())
        structure = pipeline.finish_structure(sampled, 1.0)
        with FlopCounterMode(display=False) as c:
            texture = pipeline.sample_texture(structure, models, run_, quiet)
        out["texture"] = c.get_total_flops() * STEPS
        with FlopCounterMode(display=False) as c:
            pipeline.decode_texture(structure, texture, models, 1.0, quiet)
        out["surfels"] = c.get_total_flops()
    return out


def town() -> Layout:
    """A painted tile: roads, houses, a park, a pond."""
    ids = np.full((128, 128), sem.LAWN, np.uint8)
    ids[60:68] = ids[:, 60:68] = sem.ROAD
    for x in range(6, 120, 18):
        if not 48 < x < 70:
            ids[44:54, x:x + 11] = ids[74:84, x:x + 11] = sem.HOUSE
    ids[90:124, 4:50] = sem.BROADLEAF
    ids[4:30, 80:120] = sem.WATER
    return Layout(ids)
