"""StructFM, coarse to fine: which cells at L/8 are occupied, then their structural latent (paper, "StructFM").

Both predict the clean sample; flow.py turns that into velocities. The coarse cells are -1 / +1, so the best prediction of
the clean sample is 2 p - 1 with p the chance of being occupied: the network's logits are trained as such.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..sparse.coords import Coords, sorted_coords
from .blocks import PlaceEmbedding, Stage, TimeEmbedding
from .condition import CondNet, on_columns
from .config import LATENT, CoarseConfig, SparseFlowConfig
from .unet import SparseUNet

ELEVATION_SCALE = 0.1  # metres around the tile's mean to units of the network
KEEP = 0.3  # a cell stays where more than half of its channels exceed this in magnitude


@dataclass
class Relief:
    """The ground's elevation where it is known.

    Attributes:
        elevation: float32 [B, Y, X] at L/8, in network units, 0 where unknown.
        known: bool [B, Y, X].
    """

    elevation: Tensor
    known: Tensor

    def planes(self) -> Tensor:
        """[B, 2, Y, X]: value and mask."""
        return torch.stack([self.elevation * self.known, self.known.float()], 1)


class CoarseFlow(nn.Module):
    """Plain transformer over patches of the dense grid of cells and the elevation plane at L/8.

    A sample is [B, Z + 1, Y, X]: Z cells of -1 / +1 from the bottom up, then the elevation in network units.
    """

    def __init__(self, c: CoarseConfig, condition: tuple[int, int, int]):
        super().__init__()
        self.c = c
        self.condition = CondNet(condition)
        px, py, pz = c.patch
        if c.height % pz:
            raise ValueError(f"the height of {c.height} cells is no multiple of the patch's {pz}")
        area = px * py
        self.time = TimeEmbedding(c.channels)
        self.inp = nn.Linear(area * (pz + 3 + condition[2]), c.channels)
        self.place = PlaceEmbedding(c.channels, True)
        self.stage = Stage(c.channels, c.layers, None, time=c.channels)
        self.norm = nn.LayerNorm(c.channels)
        self.out = nn.Linear(c.channels, area * (pz + 1))
        self._grid: dict[tuple, Coords] = {}

    def forward(self, x: Tensor, t: Tensor, features: tuple[Tensor, ...], relief: Relief) -> Tensor:
        """x [B, Z + 1, Y, X], t [B], features of `condition`, relief -> logits [B, Z, Y, X] and clean elevation, joined."""
        b, _, rows, columns = x.shape
        px, py, pz = self.c.patch
        nz = self.c.height // pz
        planes = torch.cat([x[:, -1:], relief.planes(), features[2]], 1)  # [B, 3 + D, Y, X]
        margin = (0, -columns % px, 0, -rows % py)  # 45 cells do not divide into patches of 2
        x, planes = F.pad(x, margin), F.pad(planes, margin)
        ny, nx = x.shape[2:]
        cells = x[:, :-1].view(b, nz, pz, ny // py, py, nx // px, px).permute(0, 5, 3, 1, 6, 4, 2)  # b X Y Z px py pz
        d = planes.shape[1]
        planes = planes.view(b, d, ny // py, py, nx // px, px).permute(0, 4, 2, 5, 3, 1).flatten(3)  # b X Y (px py d)
        planes = planes[:, :, :, None].expand(-1, -1, -1, nz, -1)
        tokens = torch.cat([cells.flatten(4), planes], 4).reshape(-1, px * py * (pz + d))
        grid = self._tokens(b, nx // px, ny // py, nz, x.device)
        h = self.stage(self.inp(tokens) + self.place(grid.bxyz), grid, self.time(t))
        out = self.out(self.norm(h)).float().view(b, nx // px, ny // py, nz, px, py, pz + 1)
        logits = out[..., :pz].permute(0, 3, 6, 2, 5, 1, 4).reshape(b, self.c.height, ny, nx)
        elevation = out[..., pz].mean(3).permute(0, 2, 4, 1, 3).reshape(b, 1, ny, nx)
        return torch.cat([logits, elevation], 1)[..., :rows, :columns]

    def clean(self, prediction: Tensor) -> Tensor:
        """Predicted clean sample [B, Z + 1, Y, X] (cells 2 p - 1, elevation) from the network's output."""
        return torch.cat([torch.tanh(prediction[:, :-1] / 2), prediction[:, -1:]], 1)

    def _tokens(self, b: int, nx: int, ny: int, nz: int, device: torch.device) -> Coords:
        key = (b, nx, ny, nz, device)
        if key not in self._grid:
            self._grid = {key: Coords(torch.cartesian_prod(*(torch.arange(n, device=device) for n in (b, nx, ny, nz))))}
        return self._grid[key]


class FineFlow(nn.Module):
    """Swin U-Net over the active cells: the structural latent, zero where a cell is not valid."""

    def __init__(self, c: SparseFlowConfig, condition: tuple[int, int, int]):
        super().__init__()
        self.condition = CondNet(condition)
        detail = condition[2] + 4 * condition[1]  # L/8 and, unshuffled, L/4
        self.unet = SparseUNet(c, LATENT, LATENT, (detail,) + (condition[2],) * (len(c.channels) - 1),
                               context=condition[2])

    def cells(self, features: tuple[Tensor, ...], coords: Coords) -> tuple[list[Tensor], Tensor]:
        """Condition features for every level on the cells, and the tokens for cross-attention."""
        _, quarter, eighth = features
        fine = torch.cat([eighth, F.pixel_unshuffle(quarter, 2)], 1)
        levels, here, plane = [on_columns(fine, coords)], coords, eighth
        for _ in self.unet.pools:
            here = here.pool().parents
            plane = F.avg_pool2d(plane, 2, ceil_mode=True)
            levels.append(on_columns(plane, here))
        return levels, eighth.flatten(2).transpose(1, 2)

    def forward(self, x: Tensor, coords: Coords, t: Tensor, features: tuple[list[Tensor], Tensor]) -> Tensor:
        """x [P, 32], t [B], features from `cells` -> clean latent [P, 32], normalised."""
        return self.unet(x, coords, t, features[0], features[1]).float()


def valid_cells(latent: Tensor) -> Tensor:
    """Which cells of a sampled normalised latent [P, 32] are there: more than half of the channels exceed KEEP; bool [P]."""
    return (latent.abs() > KEEP).float().mean(1) > 0.5


def dilate(cells: Coords, shape: tuple[int, int]) -> Coords:
    """The cells and their six neighbours within a canvas of (Y, X) cells and above the floor."""
    steps = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0, 0, -1, 0], [0, 0, 0, 1],
                          [0, 0, 0, -1]], device=cells.device)
    grown = (cells.bxyz[:, None] + steps).reshape(-1, 4)
    inside = (grown[:, 1:] >= 0).all(1) & (grown[:, 1] < shape[1]) & (grown[:, 2] < shape[0])
    return sorted_coords(torch.unique(grown[inside], dim=0))[0]
