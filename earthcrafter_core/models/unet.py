"""The Swin U-Net over sparse voxels that fine StructFM and TexFM share."""
from __future__ import annotations

from torch import Tensor, nn

from ..sparse.coords import Coords
from ..sparse.ops import pool_children, spread_to_children
from .blocks import PlaceEmbedding, Stage, TimeEmbedding
from .config import SparseFlowConfig


class SparseUNet(nn.Module):
    """Levels of Stage blocks, pooling by 2 between them, skips by addition; time enters every norm.

    Args:
        c: widths and depths. inp, out: feature channels. condition: width of the condition features at each level.
        context: width of the tokens for cross-attention at the lowest level, or None.
    """

    def __init__(self, c: SparseFlowConfig, inp: int, out: int, condition: tuple[int, ...], context: int | None = None):
        super().__init__()
        time = 2 * c.channels[0] if c.channels[0] < 128 else c.channels[0]
        self.time = TimeEmbedding(time)
        self.inp = nn.Linear(inp, c.channels[0])
        self.condition = nn.ModuleList(nn.Linear(d, width) for d, width in zip(condition, c.channels))
        last = len(c.channels) - 1
        self.place = PlaceEmbedding(c.channels[last], c.full)
        window = [None if i == last and c.full else c.window for i in range(last + 1)]
        self.down = nn.ModuleList(
            Stage(width, layers, window[i], time, context if i == last and c.cross else None)
            for i, (width, layers) in enumerate(zip(c.channels, c.layers)))
        self.pools = nn.ModuleList(nn.Linear(8 * a, b) for a, b in zip(c.channels, c.channels[1:]))
        self.spreads = nn.ModuleList(nn.Linear(b, 8 * a) for a, b in zip(c.channels, c.channels[1:]))
        self.up = nn.ModuleList(Stage(width, layers, window[i], time)
                                for i, (width, layers) in enumerate(zip(c.channels[:last], c.layers)))
        self.norm = nn.LayerNorm(c.channels[0])
        self.out = nn.Linear(c.channels[0], out)

    def forward(self, x: Tensor, coords: Coords, t: Tensor, condition: list[Tensor], context: Tensor | None = None) -> Tensor:
        """x [N, inp], t [B], condition [N_level, D_level] for each level, context [B, M, D] -> [N, out]."""
        time = self.time(t)
        levels = [coords]
        for _ in self.pools:
            levels.append(levels[-1].pool().parents)
        skips, h = [], self.inp(x)
        last = len(levels) - 1
        for i, here in enumerate(levels):
            h = h + self.condition[i](condition[i])
            if i == last:
                h = h + self.place(here.bxyz)
            h = self.down[i](h, here, time, context)
            if i < last:
                skips.append(h)
                h = self.pools[i](pool_children(h, here))
        for i in reversed(range(last)):
            h = skips[i] + spread_to_children(self.spreads[i](h), levels[i])
            h = self.up[i](h, levels[i], time)
        return self.out(self.norm(h))
