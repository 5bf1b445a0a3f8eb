"""Structure to surfels: tones, textural latent, four surfels for each voxel."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import tiling
from ..data.parts import draw_tones, parts_of, tones
from ..models.condition import Condition
from ..models.config import CELL
from ..models.tex_vae import KnownSurface
from ..precision import autocast
from ..scene import classes as sem
from ..scene.layout import Layout
from ..scene.needs import TEXTURE_OVERLAP, TEXTURE_WINDOW
from ..scene.splats import SH_C0, Splats
from ..scene.voxels import flat_origin
from ..sparse.coords import Coords
from .canvas import Planes, sample_sparse, texture_noise
from .networks import Models
from .run import Run, Settings
from .structure import Structure

LUMPY_IDS = np.append(sem.CROWN_IDS, sem.SHRUB)
"""Classes whose surface within a voxel TexVAE shapes; that of all others is known from the mended structure."""
SHIFTS = ((0, 0), (4, 4), (2, 6), (6, 2))
"""The texture's grid of L/8 cells is moved by these voxels from step to step: a cell's mean colour then leaves no squares."""


@dataclass
class KnownTexture:
    """Voxels of a structure whose texture is to stay as it is.

    Attributes:
        mask: bool [N]. latent: float32 [N, 8], normalised. rgb: uint8 [N, 3] sRGB; both where the mask is true.
    """

    mask: np.ndarray
    latent: np.ndarray
    rgb: np.ndarray


def sample_texture(structure: Structure, models: Models, run: Run, step: Callable[[int, int], None],
                   known: KnownTexture | None = None) -> Tensor:
    """Textural latent [N, 8] (denormalised) of the structure's voxels.

    Parts that are known in part, such as a house that is cut by the border of what is made anew, keep their tone.
    """
    net, device = models.texture, models.device
    bxyz = _bxyz(structure.coords, device)
    ids = torch.from_numpy(structure.class_id).long().to(device)
    planes = Planes(Layout(structure.layout), 1, Settings())  # already at voxel resolution
    side = models.config.tile // CELL
    if models.config.tex_flow.full:
        windows = tiling.windows(planes.shape, side, side * 3 // 4)
    else:  # a network of windows alone takes canvases larger than the tiles it learnt from: fewer overlaps
        windows = tiling.even_windows(planes.shape, TEXTURE_WINDOW, TEXTURE_OVERLAP)

    parts = parts_of(structure.coords, structure.class_id, structure.normal)
    drawn = draw_tones(parts, net.palette.cpu().numpy(), net.palette_size.cpu().numpy().astype(int), run.settings.seed)
    kept = None
    if known is not None:
        said = tones(parts, known.rgb[:, None], known.mask)
        drawn = np.where(said[:, 3:] > 0, said, drawn)
        kept = (torch.from_numpy(known.mask)[:, None].to(device), torch.from_numpy(known.latent).to(device))
    tone = torch.from_numpy(drawn[parts.part]).to(device)  # [N, 4]

    def features(c: Condition, here: Coords, rows: Tensor, empty: bool) -> tuple:
        said = 0 if empty else 1
        return net.voxels(net.condition(c), here, ids[rows] * said, tone[rows] * said)

    with autocast(device):
        noise = texture_noise(run, structure.coords, parts.wall[parts.part])
        x = sample_sparse("texture", net, features, bxyz, noise, planes, models, run, step, windows, SHIFTS, kept)
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
