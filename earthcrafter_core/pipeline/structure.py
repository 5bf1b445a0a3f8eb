"""Layout to structure: coarse cells and relief, structural latent, voxels and classes, surfaces."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from .. import tiling
from ..data.resurface import framed_shell, surfaces_of
from ..data.walls import wall_surface
from ..flow import sample
from ..models.condition import Condition
from ..models.config import CELL, LATENT
from ..models.struct_flow import ELEVATION_SCALE, Relief, dilate, valid_cells
from ..precision import autocast
from ..scene import classes as sem
from ..scene.voxels import GROUND_INDEX, height_to_index
from ..sparse.coords import Coords, sorted_coords
from .canvas import Planes, coarse_noise, noise_of, sample_sparse
from .networks import Models
from .run import Run


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


def taken(s: Structure, rows: np.ndarray, shift: tuple[int, int] = (0, 0)) -> Structure:
    """Some voxels (bool [N]) of a structure, moved by (x, y); layout and elevation stay."""
    kept = rows[s.corner]
    return Structure(s.coords[rows] + np.array([*shift, 0], np.int32), s.class_id[rows], s.layout, s.elevation, s.normal[rows],
                     s.offset[rows], (np.cumsum(rows) - 1)[s.corner[kept]], s.corner_normal[kept], s.corner_offset[kept])


def joined(parts: list[Structure], layout: np.ndarray, elevation: np.ndarray) -> tuple[Structure, np.ndarray]:
    """Structures of different columns as one, and the order int64 [N] of its voxels in the concatenated parts."""
    coords = np.concatenate([p.coords for p in parts])
    order = np.lexsort((coords[:, 2], coords[:, 1], coords[:, 0]))
    start = np.cumsum([0, *(len(p.coords) for p in parts)])
    corner = np.argsort(order)[np.concatenate([p.corner + n for p, n in zip(parts, start)])]
    by_corner = np.argsort(corner, kind="stable")

    def every(name: str, by: np.ndarray) -> np.ndarray:
        return np.concatenate([getattr(p, name) for p in parts])[by]

    return Structure(coords[order], every("class_id", order), layout, elevation, every("normal", order), every("offset", order),
                     corner[by_corner], every("corner_normal", by_corner), every("corner_offset", by_corner)), order


@dataclass
class Sampled:
    """What the networks say of a structure.

    Attributes:
        coords: int64 [N, 3] voxels of the canvas. class_id: uint8 [N]. planes: the canvas. elevation: float32 [8 Y, 8 X]
            metres.
        cells: int64 [P, 3] cells that the fine flow was sampled on. latent: float32 [P, 32] of them, normalised.
    """

    coords: np.ndarray
    class_id: np.ndarray
    planes: Planes
    elevation: np.ndarray
    cells: np.ndarray
    latent: np.ndarray


def _as_tall_as_learnt(coords: np.ndarray, class_id: np.ndarray, voxel_size: float) -> np.ndarray:
    """Voxels int64 [N, 3] of buildings as high in metres as at the voxels of 1 m that the networks learnt from: a house of 4
    voxels is 4 m high, so 2 voxels of 2 m. Trees keep their proportions, which go with the width they are painted at."""
    if voxel_size == 1:
        return coords
    coords, built = coords.copy(), sem.is_in(class_id, sem.BUILDING_IDS)
    coords[built, 2] = height_to_index(coords[built, 2] - GROUND_INDEX, voxel_size)
    return coords


@dataclass
class KnownCells:
    """Cells of a canvas that are to stay as they are.

    Attributes:
        column: bool [Y, X] columns of cells that are known.
        cells: int64 [P, 3] cells in known columns. latent: float32 [P, 32] of them, normalised.
        elevation: float32 [8 Y, 8 X] metres of the ground; what it says outside the known columns is not used.
    """

    column: np.ndarray
    cells: np.ndarray
    latent: np.ndarray
    elevation: np.ndarray


def sample_structure(planes: Planes, models: Models, run: Run, known: KnownCells | None = None,
                     seen: Callable[[np.ndarray, np.ndarray], None] | None = None) -> Sampled:
    """What the networks say, for `finish_structure`; `seen` is told the coarse cells [Z, Y, X] and the elevation."""
    with torch.inference_mode(), autocast(models.device):
        with run.stage("coarse") as step:
            grid, elevation = sample_coarse(planes, models, run, step, known)
        if seen is not None:
            seen(grid.cpu().numpy(), elevation)
        with run.stage("fine") as step:
            cells, latent = sample_fine(planes, grid, models, run, step, known)
        with run.stage("voxels") as step:
            coords, class_id = decode_structure(cells, latent, planes, models, step)
    coords = _as_tall_as_learnt(coords, class_id, run.settings.voxel_size)
    return Sampled(coords, class_id, planes, elevation, cells.bxyz[:, 1:].cpu().numpy(), latent.float().cpu().numpy())


def sample_coarse(planes: Planes, models: Models, run: Run, step: Callable[[int, int], None],
                  known: KnownCells | None = None) -> tuple[Tensor, np.ndarray]:
    """Occupied cells bool [Z, Y, X] and the ground's elevation float32 [8 Y, 8 X] in metres."""
    net, s, device = models.coarse, run.settings, models.device
    side, nz = models.config.tile // CELL, models.config.coarse.height
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

    kept = None if known is None else _kept_cells(known, nz, device)
    noise = coarse_noise(run, nz + 1, planes.shape).to(device)
    x = sample(tiling.blend_dense(parts(False)), noise, s.steps, unconditional=tiling.blend_dense(parts(True)),
               guidance=s.guidance_of("coarse"), known=kept, on_step=step, cancel=run.cancel)[0]
    occupied = x[:-1] > 0
    occupied[0] = True  # the ground is everywhere
    if planes.elevation is not None:
        return occupied, planes.elevation
    relief = F.interpolate(_smooth(x[-1] / ELEVATION_SCALE)[None, None], scale_factor=CELL, mode="bicubic")[0, 0]
    return occupied, relief.float().cpu().numpy() + (0 if known is None else _middle(known))


def _kept_cells(known: KnownCells, nz: int, device: str) -> tuple[Tensor, Tensor]:
    """Mask bool [1, Z + 1, Y, X] and values of the coarse cells and the relief that are known, in the network's units."""
    values = np.full((nz + 1, *known.column.shape), -1, np.float32)
    there = valid_cells(torch.from_numpy(known.latent)).numpy()
    x, y, z = known.cells[there].T
    values[z, y, x] = 1
    values[0] = 1
    low = F.avg_pool2d(torch.from_numpy(known.elevation)[None, None], CELL)[0, 0].numpy()
    values[-1] = (low - _middle(known)) * ELEVATION_SCALE
    mask = np.broadcast_to(known.column, values.shape)
    return torch.from_numpy(mask.copy())[None].to(device), torch.from_numpy(values)[None].to(device)


def _middle(known: KnownCells) -> float:
    """Mean elevation of the known ground in metres: the networks' relief is about 0."""
    return float(known.elevation[np.kron(known.column, np.ones((CELL, CELL), bool))].mean())


def _smooth(plane: Tensor) -> Tensor:
    """3 x 3 binomial filter of [Y, X]: a sampled relief carries noise from cell to cell that no ground has."""
    k = torch.tensor([1.0, 2.0, 1.0], device=plane.device)
    kernel = (k[:, None] * k / 16)[None, None]
    return F.conv2d(F.pad(plane[None, None], (1, 1, 1, 1), mode="replicate"), kernel)[0, 0]


def sample_fine(planes: Planes, grid: Tensor, models: Models, run: Run, step: Callable[[int, int], None],
                known: KnownCells | None = None) -> tuple[Coords, Tensor]:
    """Cells that may be there on the whole canvas, and their structural latent [P, 32], normalised."""
    net = models.fine
    cells = dilate(_cells_of(grid), planes.shape)
    kept = None
    if known is not None:
        column = torch.from_numpy(known.column).to(cells.device)
        own = torch.from_numpy(np.pad(known.cells, ((0, 0), (1, 0)))).to(cells.device)
        cells = sorted_coords(torch.cat([cells.bxyz[~column[cells.bxyz[:, 2], cells.bxyz[:, 1]]], own]))[0]
        at = cells.find(own)
        values = torch.zeros(len(cells), LATENT, device=cells.device)
        values[at] = torch.from_numpy(known.latent).to(cells.device)
        kept = (column[cells.bxyz[:, 2], cells.bxyz[:, 1]][:, None], values)

    def features(c: Condition, here: Coords, _rows: Tensor, _empty: bool) -> tuple:
        return net.cells(net.condition(c), here)

    noise = noise_of(run, "fine", cells.bxyz[:, 1:].cpu().numpy(), LATENT)
    side = models.config.tile // CELL
    windows = tiling.windows(planes.shape, side, side * 3 // 4)
    return cells, sample_sparse("fine", net, features, cells.bxyz, noise, planes, models, run, step, windows, known=kept)


def _cells_of(grid: Tensor) -> Coords:
    z, y, x = grid.nonzero().unbind(1)
    return sorted_coords(torch.stack([torch.zeros_like(x), x, y, z], 1))[0]


def decode_structure(cells: Coords, latent: Tensor, planes: Planes, models: Models,
                     step: Callable[[int, int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Voxels int64 [N, 3] and classes uint8 [N] of the canvas, chunk by chunk with a margin of two cells."""
    valid = valid_cells(latent) | (cells.bxyz[:, 3] == 0)
    cells, latent = Coords(cells.bxyz[valid]), models.struct_vae.denormalise(latent[valid])
    coords, ids = [], []
    decoder = models.struct_vae.decoder
    whole = tiling.Window(0, planes.shape[0], 0, planes.shape[1])
    maps = decoder.planes(planes.condition(whole, models.device))
    parts = list(tiling.chunks(planes.shape, models.config.tile // CELL, 2))
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


def finish_structure(sampled: Sampled, voxel_size: float, check: Callable[[], None] = lambda: None) -> Structure:
    """Cut the padding off, obey the painted classes, close holes, and make a gap-free shell of it.

    `check` is called between its steps and may raise.
    """
    planes, (h, w) = sampled.planes, sampled.planes.size
    kept = (sampled.coords[:, 0] < w) & (sampled.coords[:, 1] < h)
    coords, class_id = sampled.coords[kept], sampled.class_id[kept]
    kept = ~floating(coords)
    check()
    painted = np.ascontiguousarray(planes.class_id[:h, :w][::-1])
    hint = planes.height[:h, :w][::-1]
    surfaces = surfaces_of(coords[kept], class_id[kept], painted, voxel_size, hint, check)
    check()
    shell = framed_shell(surfaces, voxel_size)
    check()
    facing = wall_surface(shell, surfaces.footprint, voxel_size)
    coords = np.stack([shell.col, h - 1 - shell.row, shell.z], 1).astype(np.int32)
    order = np.lexsort((coords[:, 2], coords[:, 1], coords[:, 0]))
    elevation = np.ascontiguousarray(sampled.elevation[:h, :w][::-1], np.float32)
    return Structure(coords[order], shell.class_id[order], painted, elevation, facing.normal[order], facing.offset[order],
                     np.argsort(order)[facing.corner], facing.corner_normal, facing.corner_offset)


def floating(coords: np.ndarray, largest: int = 16) -> np.ndarray:
    """Which voxels [N, 3] belong to a small component (26-neighbourhood, at most `largest` voxels) off the ground; bool [N]."""
    grid = np.zeros(coords.max(0) + 1, bool)
    grid[tuple(coords.T)] = True
    label, _ = ndimage.label(grid, np.ones((3, 3, 3)))
    component = label[tuple(coords.T)]
    lowest = np.full(component.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest, component, coords[:, 2])
    return (np.bincount(component)[component] <= largest) & (lowest[component] > GROUND_INDEX + 1)
