"""From a layout to a written scene: the one place that knows the whole way.

layout -> coarse cells and relief -> structural latent -> voxels and classes -> textural latent -> surfels -> draped scene
-> files. Everything up to the surfels happens in height above ground (scene/voxels.py).
"""
from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from . import __version__, tiling
from .errors import BadInput, Cancelled, OutOfMemory
from .flow import place_noise, sample
from .data.parts import draw_tones, parts_of
from .data.resurface import framed_shell, surfaces_of
from .data.walls import wall_surface
from .models.condition import Condition
from .models.config import CELL, LATENT, TEXTURE_LATENT, ModelConfig, config
from .models.struct_flow import ELEVATION_SCALE, CoarseFlow, FineFlow, Relief, dilate, valid_cells
from .models.struct_vae import StructVAE
from .models.tex_flow import TexFlow
from .models.tex_vae import KnownSurface
from .precision import autocast, bfloat16_is_fast
from .scene import classes as sem
from .scene.layout import Layout, resample
from .scene.preview import Preview
from .scene.splats import SH_C0, Splats
from .scene.voxels import GROUND_INDEX, VoxelScene, flat_origin
from .sparse.coords import Coords, sorted_coords
from .weights import store

Progress = Callable[[str, int, int, float], None]
"""stage, step, steps of the stage, overall fraction 0..1"""

STAGES = {"load": 0.04, "coarse": 0.1, "fine": 0.14, "voxels": 0.05, "surfaces": 0.02, "texture": 0.49, "surfels": 0.02,
          "drape": 0.01, "mesh": 0.11, "write": 0.02}
"""Stages and their share of the time, measured on two cores."""
OF_STRUCTURE = ("coarse", "fine", "voxels", "surfaces")
"""Stages that a new texture goes without."""
GUIDANCE = {"coarse": 1.5, "fine": 1.0, "texture": 1.0}
"""Guidance of each stage where none is asked for, by layout adherence and IoU on held-out places."""
TEMPERATURE = {"coarse": 1.0, "fine": 0.6, "texture": 0.75, "facade": 0.95}
"""Spread of each stage's noise, in the texture that of walls apart: below 1 samples keep to what is likely, with cleaner forms
and fewer surprises. Windows are surprises."""

LUMPY_IDS = np.append(sem.CROWN_IDS, sem.SHRUB)
"""Classes whose surface within a voxel TexVAE shapes; that of all others is known from the mended structure."""
SHIFTS = ((0, 0), (4, 4), (2, 6), (6, 2))
"""The texture's grid of L/8 cells is moved by these voxels from step to step: a cell's mean colour then leaves no squares."""


@dataclass
class Settings:
    """How to generate.

    Attributes:
        seed: any integer; every seed gives the same scene again on the same device.
        steps: sampling steps of each flow, 1..1000. guidance: classifier-free guidance of all three flows, None for GUIDANCE.
        device: "cpu" or "cuda". voxel_size: metres; the default weights are trained at 1.
        relief: "generated" or "flat"; a layout with an elevation is always draped on that.
        weights: folder of weights, None for the shipped ones. configuration: name of the model configuration.
    """

    seed: int = 0
    steps: int = 25
    guidance: float | None = None
    device: str = "cpu"
    voxel_size: float = 1.0
    relief: str = "generated"
    weights: Path | None = None
    configuration: str = "default"

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise BadInput(f"{self.steps} steps are out of range.", "Give 1 to 1000 steps; 25 is a good number.")
        if self.guidance is not None and not 0 <= self.guidance <= 20:
            raise BadInput(f"The guidance {self.guidance} is out of range.", "Give 0 to 20; 1 turns it off.")
        if self.relief not in ("generated", "flat"):
            raise BadInput(f"The relief {self.relief!r} is not known.", "Use 'generated' or 'flat'.")
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise BadInput("There is no CUDA device here.", "Use the device 'cpu'.")

    def guidance_of(self, stage: str) -> float:
        """Guidance of one flow."""
        return GUIDANCE[stage] if self.guidance is None else self.guidance


@dataclass
class Structure:
    """A generated structure in height above ground, before texture and relief.

    Attributes:
        coords: int32 [N, 3] sorted by x, y, z. class_id: uint8 [N]. layout: uint8 [H, W] at voxel resolution, row 0 north.
        elevation: float32 [H, W] metres.
        normal: float32 [N, 3] unit, of the surface in each voxel. offset: float32 [N, 3] surface point minus the voxel's
            centre, in voxels.
        corner: int64 [M] voxels at the corners of walls, which have a second surface. corner_normal, corner_offset: float32
            [M, 3] of that.
    """

    coords: np.ndarray
    class_id: np.ndarray
    layout: np.ndarray
    elevation: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    corner: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    corner_normal: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    corner_offset: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))


@dataclass
class Run:
    """One run: settings, progress, cancel, what each stage took, and the stages that it goes without."""

    settings: Settings
    progress: Progress | None
    cancel: Callable[[], bool] | None
    report: dict[str, dict[str, float]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    done: float = 0.0
    started: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Time a stage; gives a function to tell its steps."""
        if self.cancel is not None and self.cancel():
            raise Cancelled
        share, before = STAGES[name] / sum(v for k, v in STAGES.items() if k not in self.without), self.done

        def step(i: int, n: int) -> None:
            if self.progress is not None:
                self.progress(name, i, n, min(before + share * i / n, 1.0))

        step(0, 1)
        self.started = time.perf_counter()
        try:
            yield step
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"The device has too little memory for the stage {name!r}.",
                              "Use a smaller layout or the device 'cpu'.") from e
        except MemoryError as e:
            raise OutOfMemory(f"The machine has too little memory for the stage {name!r}.", "Use a smaller layout.") from e
        except RuntimeError as e:
            if "can't allocate memory" in str(e) or "not enough memory" in str(e):  # torch's allocator on the CPU
                raise OutOfMemory(f"The machine has too little memory for the stage {name!r}.",
                                  "Use a smaller layout.") from e
            raise
        self.note(name)
        self.done = before + share
        step(1, 1)

    def note(self, name: str) -> None:
        """Write down what the stage that runs has taken so far."""
        self.report[name] = {"seconds": round(time.perf_counter() - self.started, 3), "peak_memory_mb": peak_memory()}


class Models:
    """The five networks with their weights, ready to sample. Loading once serves many runs.

    Raises:
        WeightsError: weights missing, damaged or of another configuration.
    """

    def __init__(self, configuration: str, folder: Path | None, device: str):
        c: ModelConfig = config(configuration)
        self.config, self.device = c, device
        self.struct_vae, self.tex_vae = StructVAE(c.struct_vae, c.condition), store.tex_vae_of(c, folder)
        self.coarse, self.fine = CoarseFlow(c.coarse, c.condition), FineFlow(c.fine, c.condition)
        self.texture = TexFlow(c.tex_flow, c.condition)
        digest = hashlib.sha256()
        for name, module in zip(store.NETWORKS, (self.struct_vae, self.tex_vae, self.coarse, self.fine, self.texture)):
            store.load(name, module, folder, configuration)
            module.to(device).eval()
            digest.update(store.path_of(name, folder).read_bytes())
        self.id = digest.hexdigest()[:16]


def generate(layout: Layout, out: Path, settings: Settings, *, progress: Progress | None = None,
             cancel: Callable[[], bool] | None = None, models: Models | None = None,
             preview: Callable[[str, Preview], None] | None = None, layout_source: str = "") -> dict:
    """Generate a scene for a layout and write the contract's files into `out`.

    An unpainted layout (all 0) is the unconditional case.

    Returns:
        The content of scene.json.

    Raises:
        BadInput, WeightsError, WriteError, OutOfMemory; Cancelled: cancel() was true. Nothing is left behind then.
    """
    from .convert.files import check_writable
    check_writable(out)
    run = Run(settings, progress, cancel)
    with run.stage("load"):
        models = models or Models(settings.configuration, settings.weights, settings.device)
    structure = make_structure(layout, models, run)
    return _texture_and_write(structure, layout.hash(), out, models, run)


def retexture(scene_dir: Path, out: Path, settings: Settings, *, progress: Progress | None = None,
              cancel: Callable[[], bool] | None = None, models: Models | None = None) -> dict:
    """Texture the structure of a generated scene again, with the seed of `settings`; writes a whole scene into `out`.

    Raises:
        As generate; BadInput where `scene_dir` holds no generated scene.
    """
    from .convert.files import check_writable, read_scene, read_structure
    check_writable(out)
    scene = read_scene(scene_dir)
    arrays = read_structure(scene_dir)
    if set(arrays) != set(Structure.__dataclass_fields__):
        raise BadInput(f"The structure in {scene_dir} is of another version.", "Generate the scene again.")
    structure = Structure(**arrays)
    run = Run(settings, progress, cancel, without=OF_STRUCTURE)
    with run.stage("load"):
        models = models or Models(settings.configuration, settings.weights, settings.device)
    return _texture_and_write(structure, scene["layout_hash"], out, models, run)


# -------------------------------------------------------------------------------------------------------- structure

def make_structure(layout: Layout, models: Models, run: Run) -> Structure:
    """Coarse cells and relief, structural latent, voxels and their classes, surfaces."""
    sampled = sample_structure(layout, models, run)
    with run.stage("surfaces"):
        return finish_structure(*sampled, run.settings.voxel_size)


def sample_structure(layout: Layout, models: Models, run: Run) -> tuple[np.ndarray, np.ndarray, Planes, np.ndarray]:
    """What the networks say, for `finish_structure`: voxels int64 [N, 3], classes uint8 [N], planes, elevation."""
    planes = Planes(layout, models.config.tile, run.settings)
    side = models.config.tile // CELL
    with torch.inference_mode(), autocast(models.device):
        with run.stage("coarse") as step:
            grid, elevation = sample_coarse(planes, models, side, run, step)
        with run.stage("fine") as step:
            cells, latent = sample_fine(planes, grid, models, side, run, step)
        with run.stage("voxels") as step:
            coords, class_id = decode_structure(cells, latent, planes, models, side, step)
    return coords, class_id, planes, elevation


class Planes:
    """A layout at voxel resolution, padded to whole cells and at least one tile; row 0 of every plane is y = 0 (south).

    Attributes:
        shape: cells (Y, X) of the canvas. size: rows and columns (H, W) of the layout at voxel resolution.
        class_id: uint8 [8 Y, 8 X]. height: float32 [8 Y, 8 X], NaN unknown. elevation: float32 [8 Y, 8 X] metres or None.
    """

    def __init__(self, layout: Layout, tile: int, settings: Settings):
        def plane(p: np.ndarray) -> np.ndarray:
            return resample(p, layout.cell_size, settings.voxel_size)[::-1]

        ids = plane(layout.class_id)
        self.size = ids.shape
        pad = [(0, max(tile, -(-n // CELL) * CELL) - n) for n in ids.shape]
        self.class_id = np.pad(ids, pad)
        self.shape = (self.class_id.shape[0] // CELL, self.class_id.shape[1] // CELL)
        hint = np.full(ids.shape, np.nan, np.float32) if layout.height_hint is None else plane(layout.height_hint)
        self.height = np.pad(hint, pad, constant_values=np.nan)
        self.elevation = None
        if layout.elevation is not None:
            self.elevation = np.pad(plane(layout.elevation), pad, mode="edge")
        elif settings.relief == "flat":
            self.elevation = np.zeros(self.class_id.shape, np.float32)

    def condition(self, w: tiling.Window, device: str) -> Condition:
        """The window's condition, [1, Y, X] each."""
        here = (slice(w.y0 * CELL, w.y1 * CELL), slice(w.x0 * CELL, w.x1 * CELL))
        ids = torch.from_numpy(np.ascontiguousarray(self.class_id[here])).long()[None]
        return Condition(ids.to(device), torch.from_numpy(np.ascontiguousarray(self.height[here]))[None].to(device))


def sample_coarse(planes: Planes, models: Models, side: int, run: Run, step: Callable[[int, int], None],
                  ) -> tuple[Tensor, np.ndarray]:
    """Occupied cells bool [Z, Y, X] and the ground's elevation float32 [8 Y, 8 X] in metres."""
    net, s, device = models.coarse, run.settings, models.device
    ny, nx = planes.shape
    nz = models.config.coarse.height
    given = None if planes.elevation is None else torch.from_numpy(planes.elevation.copy())
    low = None if given is None else F.avg_pool2d(given[None, None], CELL)[0, 0]  # [Y, X] metres

    def parts(empty: bool) -> list:
        out = []
        for w in tiling.windows(planes.shape, side, side * 3 // 4):
            here = (slice(w.y0, w.y1), slice(w.x0, w.x1))
            shape = (1, w.y1 - w.y0, w.x1 - w.x0)
            if low is None:
                relief = Relief(torch.zeros(shape, device=device), torch.zeros(shape, dtype=torch.bool, device=device))
            else:
                units = ((low[here] - low[here].mean()) * ELEVATION_SCALE).clamp(-4, 4)[None].to(device)
                relief = Relief(units, torch.ones(shape, dtype=torch.bool, device=device))
            c = planes.condition(w, device)
            features = net.condition(c.empty() if empty else c)

            def predict(x: Tensor, t: float, features=features, relief=relief) -> Tensor:
                return net.clean(net(x, torch.tensor([t], device=device), features, relief))
            out.append((w, predict))
        return out

    noise = _dense_noise(s.seed, nz + 1, ny, nx).to(device)
    x = sample(tiling.blend_dense(parts(False)), noise, s.steps, unconditional=tiling.blend_dense(parts(True)),
               guidance=s.guidance_of("coarse"), on_step=step, cancel=run.cancel)[0]
    occupied = x[:-1] > 0
    occupied[0] = True  # the ground is everywhere
    if planes.elevation is not None:
        return occupied, planes.elevation
    relief = F.interpolate(_smooth(x[-1] / ELEVATION_SCALE)[None, None], scale_factor=CELL, mode="bicubic")[0, 0]
    return occupied, relief.float().cpu().numpy()


def _dense_noise(seed: int, channels: int, ny: int, nx: int) -> Tensor:
    y, x = np.mgrid[:ny, :nx]
    columns = np.stack([x.ravel(), y.ravel(), np.zeros(ny * nx, int)], 1)
    return _noise(seed, "coarse", columns, channels).T.reshape(1, channels, ny, nx).contiguous()


def _noise(seed: int, stage: str, coords: np.ndarray, channels: int) -> Tensor:
    """The stage's noise at its temperature, float32 [N, channels]."""
    return place_noise(seed, stage, coords, channels) * TEMPERATURE[stage]


def texture_noise(seed: int, coords: np.ndarray, wall: np.ndarray) -> Tensor:
    """The texture's noise float32 [N, 8]; wall: bool [N] voxels of buildings' walls, which have a temperature of their own."""
    noise = _noise(seed, "texture", coords, TEXTURE_LATENT)
    noise[torch.from_numpy(wall)] *= TEMPERATURE["facade"] / TEMPERATURE["texture"]
    return noise


def _smooth(plane: Tensor) -> Tensor:
    """3 x 3 binomial filter of [Y, X]: a sampled relief carries noise from cell to cell that no ground has."""
    k = torch.tensor([1.0, 2.0, 1.0], device=plane.device)
    kernel = (k[:, None] * k / 16)[None, None]
    return F.conv2d(F.pad(plane[None, None], (1, 1, 1, 1), mode="replicate"), kernel)[0, 0]


def sample_fine(planes: Planes, grid: Tensor, models: Models, side: int, run: Run, step: Callable[[int, int], None],
                ) -> tuple[Coords, Tensor]:
    """Valid cells and their structural latent [P, 32] (denormalised) on the whole canvas."""
    net = models.fine
    cells = dilate(_cells_of(grid), planes.shape)

    def features(c: Condition, here: Coords, _rows: Tensor, _empty: bool) -> tuple:
        return net.cells(net.condition(c), here)

    noise = _noise(run.settings.seed, "fine", cells.bxyz[:, 1:].cpu().numpy(), LATENT)
    x = _sample_sparse("fine", net, features, cells.bxyz, noise, planes, side, models.device, run, step)
    valid = valid_cells(x) | (cells.bxyz[:, 3] == 0)
    return Coords(cells.bxyz[valid]), models.struct_vae.denormalise(x[valid])


def _sample_sparse(stage: str, net: FineFlow | TexFlow, features: Callable[[Condition, Coords, Tensor, bool], tuple],
                   bxyz: Tensor, noise: Tensor, planes: Planes, side: int, device: str, run: Run,
                   step: Callable[[int, int], None], shifts: Sequence[tuple[int, int]] = ((0, 0),)) -> Tensor:
    """Sample a flow over sparse voxels on the whole canvas, window by window; float32 [N, channels].

    Args:
        stage: "fine" (voxels are cells) or "texture". features: of (condition, coords in the window, their rows, whether
            nothing is to be said of them). bxyz: int64 [N, 4]. noise: float32 [N, C]. side: cells along one side of a window.
        shifts: (x, y) voxels that the network's grid is moved by, one after another from step to step.
    """
    s, cell = run.settings, 1 if stage == "fine" else CELL

    def window(w: tiling.Window, empty: bool) -> tuple[Tensor, Tensor, Callable[[Tensor, float], Tensor]]:
        rows = tiling.rows_in(bxyz, w, cell)
        local = tiling.local_coords(bxyz, rows, w, cell)
        c = planes.condition(w, device)
        c = c.empty() if empty else c
        moved = [(here, features(c.shifted(x, y), here, rows, empty))
                 for x, y in shifts for here in [local.shifted(x, y)]]

        def predict(x: Tensor, t: float) -> Tensor:
            here, known = moved[round(t * s.steps) % len(moved)]
            return net(x, here, torch.tensor([t], device=device), known)

        return rows, tiling.taper((bxyz[rows, 2] + 0.5) / cell, (bxyz[rows, 1] + 0.5) / cell, w), predict

    def parts(empty: bool) -> list:
        return [window(w, empty) for w in tiling.windows(planes.shape, side, side * 3 // 4)]

    guidance = s.guidance_of(stage)
    return sample(tiling.blend_sparse(parts(False)), noise.to(device), s.steps, guidance=guidance, on_step=step,
                  cancel=run.cancel, unconditional=tiling.blend_sparse(parts(True)) if guidance != 1 else None)


def _cells_of(grid: Tensor) -> Coords:
    z, y, x = grid.nonzero().unbind(1)
    return sorted_coords(torch.stack([torch.zeros_like(x), x, y, z], 1))[0]


def decode_structure(cells: Coords, latent: Tensor, planes: Planes, models: Models, side: int,
                     step: Callable[[int, int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Voxels int64 [N, 3] and classes uint8 [N] of the canvas, chunk by chunk with a margin of two cells."""
    coords, ids = [], []
    decoder = models.struct_vae.decoder
    whole = tiling.Window(0, planes.shape[0], 0, planes.shape[1])
    maps = decoder.planes(planes.condition(whole, models.device))
    parts = list(tiling.chunks(planes.shape, side, 2))
    for i, (core, wide) in enumerate(parts):
        rows = tiling.rows_in(cells.bxyz, wide, 1)
        decoded = decoder(latent[rows], Coords(cells.bxyz[rows]), maps)
        keep = tiling.rows_in(decoded.coords.bxyz, core, CELL)
        coords.append(decoded.coords.bxyz[keep, 1:].cpu().numpy())
        logits = decoded.class_logits[keep]
        logits[:, sem.UNPAINTED] = -torch.inf
        ids.append(logits.argmax(1).to(torch.uint8).cpu().numpy())
        step(i + 1, len(parts))
    return np.concatenate(coords), np.concatenate(ids)


def finish_structure(coords: np.ndarray, class_id: np.ndarray, planes: Planes, elevation: np.ndarray,
                     voxel_size: float) -> Structure:
    """Cut the padding off, obey the painted classes, close holes, and make a gap-free shell of it."""
    h, w = planes.size
    kept = (coords[:, 0] < w) & (coords[:, 1] < h)
    coords, class_id = coords[kept], class_id[kept]
    kept = ~floating(coords)
    painted = np.ascontiguousarray(planes.class_id[:h, :w][::-1])
    hint = planes.height[:h, :w][::-1]
    surfaces = surfaces_of(coords[kept], class_id[kept], painted, voxel_size, hint)
    shell = framed_shell(surfaces, voxel_size)
    facing = wall_surface(shell, surfaces.footprint, voxel_size)
    coords = np.stack([shell.col, h - 1 - shell.row, shell.z], 1).astype(np.int32)
    order = np.lexsort((coords[:, 2], coords[:, 1], coords[:, 0]))
    return Structure(coords[order], shell.class_id[order], painted, np.ascontiguousarray(elevation[:h, :w][::-1], np.float32),
                     facing.normal[order], facing.offset[order], np.argsort(order)[facing.corner], facing.corner_normal,
                     facing.corner_offset)


def floating(coords: np.ndarray, largest: int = 16) -> np.ndarray:
    """Which voxels [N, 3] belong to a small component (26-neighbourhood, at most `largest` voxels) off the ground; bool [N]."""
    grid = np.zeros(coords.max(0) + 1, bool)
    grid[tuple(coords.T)] = True
    label, _ = ndimage.label(grid, np.ones((3, 3, 3)))
    component = label[tuple(coords.T)]
    lowest = np.full(component.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest, component, coords[:, 2])
    return (np.bincount(component)[component] <= largest) & (lowest[component] > GROUND_INDEX + 1)


# ---------------------------------------------------------------------------------------------------------- texture

def _texture_and_write(structure: Structure, layout_hash: str, out: Path, models: Models, run: Run) -> dict:
    from .convert.drape import drape
    from .convert.files import write_generation
    from .convert.kerbs import smooth_kerbs
    from .convert.mesh import build_mesh
    s = run.settings
    with torch.inference_mode():
        with run.stage("texture") as step:
            latent = sample_texture(structure, models, run, step)
        with run.stage("surfels") as step:
            splats, rgb = decode_texture(structure, latent, models, s.voxel_size, step)
            splats = smooth_kerbs(structure.coords, structure.class_id, splats, s.voxel_size)
    flat = VoxelScene(structure.coords, structure.class_id, rgb, flat_origin(s.voxel_size), s.voxel_size)
    with run.stage("drape"):
        voxels, splats = drape(flat, splats, structure.layout, structure.elevation)
    with run.stage("mesh"):
        mesh = build_mesh(voxels, splats)

    def scene() -> dict:
        run.note("write")
        return {
            "version": __version__, "layout_hash": layout_hash, "seed": s.seed,
            "settings": {k: v if not isinstance(v, Path) else str(v) for k, v in asdict(s).items() if k != "seed"},
            "weights": models.id, "device": s.device,
            "precision": "bfloat16" if bfloat16_is_fast(s.device) else "float32",
            "torch": torch.__version__, "threads": torch.get_num_threads(),
            "cells": list(structure.layout.shape),
            "counts": {"voxels": len(voxels.coords), "splats": len(splats), "vertices": len(mesh.vertices),
                       "triangles": len(mesh.faces)}, "stages": run.report}

    with run.stage("write"):
        return write_generation(out, scene, voxels, splats, mesh, asdict(structure))


def sample_texture(structure: Structure, models: Models, run: Run, step: Callable[[int, int], None]) -> Tensor:
    """Textural latent [N, 8] (denormalised) of the structure's voxels."""
    net, device = models.texture, models.device
    bxyz = _bxyz(structure.coords, device)
    ids = torch.from_numpy(structure.class_id).long().to(device)
    planes = Planes(Layout(structure.layout), 1, Settings())  # already at voxel resolution
    # a network of windows alone takes canvases larger than the tiles it learnt from: fewer overlaps
    side = models.config.tile // CELL * (1 if models.config.tex_flow.full else 2)

    parts = parts_of(structure.coords, structure.class_id, structure.normal)
    drawn = draw_tones(parts, net.palette.cpu().numpy(), net.palette_size.cpu().numpy().astype(int), run.settings.seed)
    tone = torch.from_numpy(drawn[parts.part]).to(device)  # [N, 4]

    def features(c: Condition, here: Coords, rows: Tensor, empty: bool) -> tuple:
        said = 0 if empty else 1
        return net.voxels(net.condition(c), here, ids[rows] * said, tone[rows] * said)

    with autocast(device):
        noise = texture_noise(run.settings.seed, structure.coords, parts.wall[parts.part])
        x = _sample_sparse("texture", net, features, bxyz, noise, planes, side, device, run, step, SHIFTS)
    return models.tex_vae.denormalise(x)


def decode_texture(structure: Structure, latent: Tensor, models: Models, voxel_size: float,
                   step: Callable[[int, int], None]) -> tuple[Splats, np.ndarray]:
    """Splats in the flattened frame, metres, K for each voxel in the voxels' order and K for each corner's second wall; and
    each voxel's colour uint8 [N, 3]."""
    bxyz = _bxyz(structure.coords, models.device)
    shape = (-(-structure.layout.shape[0] // CELL), -(-structure.layout.shape[1] // CELL))
    parts = list(tiling.chunks(shape, models.config.tile // CELL, 1))
    n, k = len(bxyz), models.tex_vae.surfels
    lumpy = sem.is_in(structure.class_id, LUMPY_IDS)  # leaves are no planes: there the network's own surfels are better
    normal, offset, known = (torch.from_numpy(a).to(bxyz.device) for a in (structure.normal, structure.offset, ~lumpy))
    out = {name: torch.zeros(n, k, d, device=bxyz.device) for name, d in
           (("mean", 3), ("log_scale", 2), ("quat", 4), ("opacity", 1), ("color", 3))}
    for i, (core, wide) in enumerate(parts):
        rows = tiling.rows_in(bxyz, wide, CELL)
        surfels = models.tex_vae.decode(latent[rows], Coords(bxyz[rows]), KnownSurface(normal[rows], offset[rows], known[rows]))
        keep = tiling.rows_in(bxyz[rows], core, CELL)
        for name, values in out.items():
            values[rows[keep]] = getattr(surfels, name)[keep].view(len(keep), k, -1)
        step(i + 1, len(parts))
    corner, normal, offset = (torch.from_numpy(a).to(bxyz.device)
                              for a in (structure.corner, structure.corner_normal, structure.corner_offset))
    second = models.tex_vae.second_surfels({name: v[corner] for name, v in out.items()}, bxyz[corner, 1:], normal, offset)
    rgb = out["color"].mean(1)
    out = {name: torch.cat([v, second[name]]) for name, v in out.items()}
    flat = {name: v.flatten(0, 1).float().cpu().numpy() for name, v in out.items()}
    origin = flat_origin(voxel_size).astype(np.float32)
    splats = Splats(flat["mean"] * np.float32(voxel_size) + origin, flat["log_scale"] + np.float32(np.log(voxel_size)),
                    flat["quat"], flat["opacity"][:, 0], ((flat["color"] - 0.5) / SH_C0)[:, None].astype(np.float32),
                    np.repeat(np.concatenate([structure.class_id, structure.class_id[structure.corner]]), k))
    return splats, (rgb.float() * 255 + 0.5).clamp(0, 255).byte().cpu().numpy()


def _bxyz(coords: np.ndarray, device: str) -> Tensor:
    """int64 [N, 4] with batch 0."""
    return F.pad(torch.from_numpy(coords.astype(np.int64)), (1, 0)).to(device)


def peak_memory() -> float:
    """Peak resident memory of this process so far in MB; 0 where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1024 ** 2 if sys.platform == "darwin" else peak / 1024, 1)
