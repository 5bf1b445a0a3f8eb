"""CondNet: the painted map to features at L/2, L/4 and L/8, and its three inputs (paper, "Condition branch").

The map lies on a plane at one dummy depth: sparse voxels with z = 0, so the same Swin blocks encode it. Each cell carries
its class (0: unpainted), a height hint in metres (or unknown). The image branch has its place here: `image` features at
L/8 are added where they are given; the network that makes them comes later.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..scene.classes import NUM_CLASSES
from ..sparse.coords import Coords
from .blocks import Stage
from .config import CELL

HEIGHT_SCALE = 0.1  # metres to units of the network


@dataclass
class Condition:
    """Conditions of a batch of tiles, row 0 of a map is y = 0 (south; flipped from the layout's order).

    Attributes:
        class_id: int64 [B, Y, X], 0 where unpainted.
        height: float32 [B, Y, X] metres above ground, NaN where unknown.
        image: float32 [B, D, Y/8, X/8] features of an image encoder, or None.
    """

    class_id: Tensor
    height: Tensor
    image: Tensor | None = None

    def empty(self) -> Condition:
        """The same tiles with nothing painted: the unconditional side of guidance."""
        return Condition(torch.zeros_like(self.class_id), torch.full_like(self.height, torch.nan))

    def shifted(self, x: int, y: int) -> Condition:
        """The same map moved by x and y cells (0..7) on a canvas larger by one cell of L/8; its border is repeated."""
        if (x, y) == (0, 0):
            return self

        def pad(plane: Tensor) -> Tensor:
            return F.pad(plane[:, None].float(), (x, CELL - x, y, CELL - y), mode="replicate")[:, 0]

        return Condition(pad(self.class_id).long(), pad(self.height), self.image)


class CondNet(nn.Module):
    """Plane at L to planes of features at L/2, L/4 and L/8.

    Args:
        channels: widths at L/2, L/4, L/8. layers: Swin blocks at L/4 and L/8.
    """

    def __init__(self, channels: tuple[int, int, int], layers: int = 1, image_channels: int | None = None):
        super().__init__()
        self.channels = channels
        self.semantic = nn.Embedding(NUM_CLASSES, 12)
        self.stem = nn.Conv2d(14, channels[0], 2, stride=2)
        self.mid = nn.Sequential(nn.GELU(), nn.Conv2d(channels[0], channels[0], 3, padding=1), nn.GELU())
        self.down = nn.ModuleList([nn.Conv2d(channels[0], channels[1], 2, stride=2),
                                   nn.Conv2d(channels[1], channels[2], 2, stride=2)])
        self.stages = nn.ModuleList([PlaneSwin(channels[1], layers), PlaneSwin(channels[2], layers)])
        self.image = nn.Conv2d(image_channels, channels[2], 1) if image_channels else None

    def forward(self, c: Condition) -> tuple[Tensor, Tensor, Tensor]:
        """-> features [B, C, Y/2, X/2], [B, C', Y/4, X/4], [B, C'', Y/8, X/8]."""
        known = ~torch.isnan(c.height)
        hints = torch.stack([torch.nan_to_num(c.height) * HEIGHT_SCALE, known.float()], 1)  # [B, 2, Y, X]
        x = torch.cat([self.semantic(c.class_id).permute(0, 3, 1, 2), hints], 1)  # [B, 14, Y, X]
        half = self.stem(x)
        half = half + self.mid(half)
        quarter = self.stages[0](self.down[0](half))
        eighth = self.stages[1](self.down[1](quarter))
        if self.image is not None and c.image is not None:
            eighth = eighth + self.image(c.image)
        return half, quarter, eighth


class PlaneSwin(nn.Module):
    """Swin blocks over a dense plane, held as sparse voxels of one dummy depth (kept between calls of one shape)."""

    def __init__(self, channels: int, layers: int):
        super().__init__()
        self.stage = Stage(channels, layers, 4)
        self._coords: dict[tuple, Coords] = {}

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, Y, X] -> [B, C, Y, X]."""
        b, c, height, width = x.shape
        key = (b, height, width, x.device)
        if key not in self._coords:
            grid = torch.cartesian_prod(*(torch.arange(n, device=x.device) for n in (b, height, width)))
            self._coords = {key: Coords(torch.cat([grid, torch.zeros_like(grid[:, :1])], 1))}
        rows = x.permute(0, 2, 3, 1).reshape(-1, c)  # [B Y X, C]; y takes the place of x: planes are square to the net
        return self.stage(rows, self._coords[key]).view(b, height, width, c).permute(0, 3, 1, 2)


def on_columns(plane: Tensor, coords: Coords) -> Tensor:
    """The plane's features [B, C, Y, X] at the columns of sparse voxels of the same resolution: [N, C]."""
    b, x, y, _ = coords.bxyz.unbind(1)
    return plane.permute(0, 2, 3, 1)[b, y, x]
