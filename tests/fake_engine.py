"""An engine for tests: the real server with a backend that makes small box towns at once, or goes wrong on demand.

The seed chooses what goes wrong, see the constants; the command line's arguments what goes wrong at the start: `--no-import`
cannot import torch, `--dies` ends before it is ready, `--slow` takes two seconds to be ready, `--silent` never is.
"""
from __future__ import annotations

import errno
import json
import os
import sys
import time
import types
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from earthcrafter_core.convert import files
from earthcrafter_core.convert.mesh import build_mesh
from earthcrafter_core.engine import server
from earthcrafter_core.errors import BadInput, Cancelled, OutOfMemory
from earthcrafter_core.export.gltf import write_glb
from earthcrafter_core.mesh.planting.plants_file import write_plants
from earthcrafter_core.mesh.surface import surface_place
from earthcrafter_core.scene.classes import BUILDING_IDS, PALETTE
from earthcrafter_core.scene.layout import Layout
from earthcrafter_core.scene.made_layout import MadeLayout
from earthcrafter_core.scene.preview import Preview
from earthcrafter_core.scene.splats import SH_C0, Splats
from earthcrafter_core.scene.voxels import GROUND_INDEX, VoxelScene, flat_origin

KILL, SLOW, BAD, BUG = 666, 667, 668, 669
"""Dies in mid-write; takes 50 s; raises an error for people; raises any other."""
NO_MEMORY, FULL, DEVICE, HANG, FREEZE = 670, 671, 672, 673, 674
"""Raises MemoryError; raises the OSError of a full disk; raises torch's error of a broken graphics card, after which the engine
ends; hears no cancel for ten minutes, with heartbeats; the same without heartbeats."""
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
    mesh: str = "clean"
    colours: str = "texture"
    texels: float = 8.0
    splats: str = "meshes"
    splat_size: float = 0.125


def generate(layout, out, settings, *, progress=None, cancel=None, models=None, preview=None, layout_source=""):
    """Write a box town for the layout."""
    print("a library that prints to stdout")  # must not reach the client's pipe
    work(settings, progress, cancel, out)
    for kind in ("cells", "voxels", "colours") if preview is not None else ():
        preview(kind, ground_preview(layout))
    scene = {"layout_hash": layout.hash(), "seed": settings.seed, "settings": {"voxel_size": settings.voxel_size},
             "layout_source": layout_source}
    write_town(out, layout, scene)
    return scene


def work(settings, progress, cancel, out):
    """Take a while, or go wrong."""
    slow = settings.seed in (SLOW, KILL)
    steps = 1000 if settings.seed == SLOW else STEPS
    for step in range(steps):
        if cancel():
            raise Cancelled()
        left = (steps - step - 1) * (0.05 if slow else 0)
        progress("texture", step + 1, steps, (step + 1) / steps, left)
        time.sleep(0.05 if slow else 0)
    if settings.seed == KILL:
        out.mkdir(parents=True)
        (out / "splats.ply").write_bytes(b"ply\n")
        os.kill(os.getpid(), 9)
    if settings.seed == BAD:
        raise OutOfMemory("The machine has too little memory for the stage 'texture'.", "Use a smaller layout.")
    if settings.seed == BUG:
        raise IndexError("index 7 is out of bounds")
    if settings.seed == NO_MEMORY:
        raise MemoryError
    if settings.seed == FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if settings.seed == DEVICE:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if settings.seed == HANG:
        time.sleep(600)
    if settings.seed == FREEZE:
        import ctypes
        ctypes.PyDLL(None).sleep(600)  # PyDLL keeps the interpreter's lock: no other thread runs


def regenerate(base, layout, region, out, settings, *, progress=None, cancel=None, models=None, preview=None, layout_source=""):
    """Write the kept result's town with the layout's classes inside the region."""
    kept = files.read_scene(base)
    ids = files.read_structure(base)["layout"].copy()
    if ids.shape != layout.shape:
        raise BadInput("The layout has another size than the result.", "Generate the whole layout.")
    row0, col0, row1, col1 = region
    ids[row0:row1, col0:col1] = layout.class_id[row0:row1, col0:col1]
    work(settings, progress, cancel, out)
    content = kept | {"seed": settings.seed, "region": list(region), "base": base.name, "layout_source": layout_source}
    write_town(out, replace(layout, class_id=ids), content)
    return content


def retexture(scene, out, settings, *, progress=None, cancel=None, models=None):
    """Write the kept result's layout again as a box town, with the seed in scene.json."""
    kept = files.read_scene(scene)
    content = kept | {"seed": settings.seed, "retextured": scene.name}
    write_town(out, Layout(files.read_structure(scene)["layout"]), content)
    return content


def make_layout(source, options, cancel=None, progress=None):
    """A lawn with a road across, of options' width and height (32); the source "bad" cannot be used."""
    if source == "bad":
        raise BadInput("There is no such file.", "Give another.")
    ids = np.full((int(options.get("height", 32)), int(options.get("width", 32))), 10, np.uint8)
    ids[len(ids) // 2] = 7
    progress("layout", 1, 1, 1.0)
    layout = Layout(ids, float(options.get("cell_size", 1.0)), crs="EPSG:32633", origin=(389000.0, 5934000.0))
    return MadeLayout(layout, "town", ["2 things of a kind unknown were left out."],
                      f"{source} {json.dumps(options, ensure_ascii=False)}")


def ground_preview(layout):
    """Two triangles over the layout's extent."""
    h, w = (n * layout.cell_size for n in layout.shape)
    position = np.array([[0, 0, 0], [w, 0, 0], [w, h, 0], [0, h, 0]], np.float32)
    return Preview(position, np.full((4, 4), 200, np.uint8), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


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
    place = surface_place(build_mesh(voxels, splats))

    def meshes(folder: Path) -> None:
        write_glb(folder / files.MESH, place)
        write_plants(folder / files.PLANTS, place.instances)

    files.write_generation(out, lambda: scene, voxels, splats, meshes, {"layout": layout.class_id}, layout=layout,
                           thumbnail=np.kron(PALETTE[layout.class_id], np.ones((4, 4, 1), np.uint8)))


def load() -> server.Backend:
    """In place of the real backend."""
    if "--no-import" in sys.argv:
        import torch_that_is_not_there  # noqa: F401
    if "--dies" in sys.argv:
        os._exit(3)
    if "--silent" in sys.argv:
        time.sleep(600)
    if "--slow" in sys.argv:
        time.sleep(2)
    pipeline = types.SimpleNamespace(Settings=Settings, generate=generate, retexture=retexture, regenerate=regenerate,
                                     Models=lambda *key, check: key)
    return server.Backend(pipeline, make_layout)


if __name__ == "__main__":
    server.main(load)
