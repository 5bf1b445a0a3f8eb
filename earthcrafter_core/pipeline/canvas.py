"""What the flows are sampled on: the layout's planes at voxel resolution, noise of a place, windows of a sparse canvas."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

import numpy as np
import torch
from torch import Tensor

from .. import tiling
from ..flow import place_noise, sample
from ..models.condition import Condition
from ..models.config import CELL, TEXTURE_LATENT
from ..models.struct_flow import FineFlow
from ..models.tex_flow import TexFlow
from ..scene.layout import Layout, resample
from ..sparse.coords import Coords
from .networks import Models
from .run import Run, Settings

TEMPERATURE = {"coarse": 1.0, "fine": 0.6, "texture": 0.75, "facade": 0.95}
"""Spread of each stage's noise, in the texture that of walls apart: below 1 samples keep to what is likely, with cleaner forms
and fewer surprises. Windows are surprises."""


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
        self.size: tuple[int, int] = (ids.shape[0], ids.shape[1])
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

    def part(self, w: tiling.Window) -> Planes:
        """The planes of a rectangle of cells as a canvas of their own."""
        out = copy(self)
        here = (slice(w.y0 * CELL, w.y1 * CELL), slice(w.x0 * CELL, w.x1 * CELL))
        out.shape = (w.y1 - w.y0, w.x1 - w.x0)
        h, w_ = (max(min(n, high * CELL) - low * CELL, 0)
                 for n, low, high in zip(self.size, (w.y0, w.x0), (w.y1, w.x1)))
        out.size = (h, w_)
        out.class_id, out.height = self.class_id[here], self.height[here]
        out.elevation = None if self.elevation is None else self.elevation[here]
        return out

    def condition(self, w: tiling.Window, device: str) -> Condition:
        """The window's condition, [1, Y, X] each."""
        here = (slice(w.y0 * CELL, w.y1 * CELL), slice(w.x0 * CELL, w.x1 * CELL))
        ids = torch.from_numpy(np.ascontiguousarray(self.class_id[here])).long()[None]
        return Condition(ids.to(device), torch.from_numpy(np.ascontiguousarray(self.height[here]))[None].to(device))


def noise_of(run: Run, stage: str, coords: np.ndarray, channels: int) -> Tensor:
    """The stage's noise at its temperature, float32 [N, channels], of voxels (or, but in the texture, cells) [N, 3]."""
    corner = np.array([*run.corner, 0]) * (CELL if stage == "texture" else 1)
    return place_noise(run.settings.seed, stage, coords + corner, channels) * TEMPERATURE[stage]


def coarse_noise(run: Run, channels: int, shape: tuple[int, int]) -> Tensor:
    """Noise of dense cells, float32 [1, channels, Y, X]."""
    y, x = np.mgrid[:shape[0], :shape[1]]
    columns = np.stack([x.ravel(), y.ravel(), np.zeros(y.size, int)], 1)
    return noise_of(run, "coarse", columns, channels).T.reshape(1, channels, *shape).contiguous()


def texture_noise(run: Run, coords: np.ndarray, wall: np.ndarray) -> Tensor:
    """The texture's noise float32 [N, 8]; wall: bool [N] voxels of buildings' walls, which have a temperature of their own."""
    noise = noise_of(run, "texture", coords, TEXTURE_LATENT)
    noise[torch.from_numpy(wall)] *= TEMPERATURE["facade"] / TEMPERATURE["texture"]
    return noise


def sample_sparse(stage: str, net: FineFlow | TexFlow, features: Callable[[Condition, Coords, Tensor, bool], tuple],
                  bxyz: Tensor, noise: Tensor, planes: Planes, models: Models, run: Run, step: Callable[[int, int], None],
                  windows: Sequence[tiling.Window], shifts: Sequence[tuple[int, int]] = ((0, 0),),
                  known: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Sample a flow over sparse voxels on the whole canvas, window by window; float32 [N, channels].

    Args:
        stage: "fine" (voxels are cells) or "texture". features: of (condition, coords in the window, their rows, whether
            nothing is to be said of them). bxyz: int64 [N, 4]. noise: float32 [N, C].
        windows: of cells, which cover the canvas.
        shifts: (x, y) voxels that the network's grid is moved by, one after another from step to step.
        known: mask bool [N, 1] and values [N, C] of voxels that are to stay as they are.
    """
    s, cell = run.settings, 1 if stage == "fine" else CELL

    def window(w: tiling.Window, empty: bool) -> tuple[Tensor, Tensor, Callable[[Tensor, float], Tensor]]:
        run.check()
        rows = tiling.rows_in(bxyz, w, cell)
        local = tiling.local_coords(bxyz, rows, w, cell)
        c = planes.condition(w, models.device)
        c = c.empty() if empty else c
        moved = [(here, features(c.shifted(x, y), here, rows, empty))
                 for x, y in shifts for here in [local.shifted(x, y)]]

        def predict(x: Tensor, t: float) -> Tensor:
            here, said = moved[round(t * s.steps) % len(moved)]
            return net(x, here, torch.tensor([t], device=models.device), said)

        return rows, tiling.taper((bxyz[rows, 2] + 0.5) / cell, (bxyz[rows, 1] + 0.5) / cell, w), predict

    def parts(empty: bool) -> list:
        return [window(w, empty) for w in windows]

    guidance = s.guidance_of(stage)
    return sample(tiling.blend_sparse(parts(False)), noise.to(models.device), s.steps, guidance=guidance, on_step=step,
                  cancel=run.cancel, known=known, unconditional=tiling.blend_sparse(parts(True)) if guidance != 1 else None)
