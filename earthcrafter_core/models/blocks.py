"""Blocks that the networks share: sparse Swin and convolution blocks, resampling, time and place embeddings."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..sparse.backend import submanifold_conv
from ..sparse.coords import Coords
from ..sparse.ops import window_attention

FULL = 1 << 13  # a window that holds any tile: attention among all voxels of a batch item


class SwinBlock(nn.Module):
    """Window attention and a two-layer perceptron over sparse voxels, both residual (paper: StructVAE, TexVAE).

    The voxel's place in its window enters queries, keys and values as a learned embedding; with `window` None attention
    is among all voxels of a batch item and the caller adds places to the features.

    Args:
        channels: width; a multiple of 16. window: voxels along one side, or None. shifted: borders moved by half a window.
        time: width of the time embedding that scales and shifts both norms, or None.
        context: width of condition tokens for cross-attention, or None.
    """

    def __init__(self, channels: int, window: int | None, shifted: bool, time: int | None = None,
                 context: int | None = None, expand: int = 3):
        super().__init__()
        self.heads = max(1, channels // 32)
        self.window, self.shift = window or FULL, (window or 0) // 2 if shifted else 0
        self.place = nn.Embedding(window ** 3, channels) if window else None
        self.norm1, self.norm2 = AdaptiveNorm(channels, time), AdaptiveNorm(channels, time)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = zero(nn.Linear(channels, channels)) if time else nn.Linear(channels, channels)
        self.cross = CrossAttention(channels, context) if context else None
        self.up = nn.Linear(channels, expand * channels)
        self.down = zero(nn.Linear(expand * channels, channels)) if time else nn.Linear(expand * channels, channels)
        if self.place is not None:
            nn.init.normal_(self.place.weight, std=0.3)

    def forward(self, x: Tensor, coords: Coords, time: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """x [N, C], time [B, T], context [B, M, D] -> [N, C]."""
        windows = coords.windows(self.window, self.shift)
        h = self.norm1(x, coords, time)
        if self.place is not None:
            h = h + self.place(windows.place).to(h.dtype)
        qkv = self.qkv(h).view(len(x), 3, self.heads, -1)  # [N, 3, heads, D]
        x = x + self.out(window_attention(qkv, windows).flatten(1))
        if self.cross is not None and context is not None:
            x = x + self.cross(x, coords, context)
        return x + self.down(F.gelu(self.up(self.norm2(x, coords, time)), approximate="tanh"))


class ConvBlock(nn.Module):
    """A submanifold 3^3 convolution and a pointwise layer, residual: one for every few Swin blocks (paper, Table 3)."""

    def __init__(self, channels: int, time: int | None = None):
        super().__init__()
        self.norm = AdaptiveNorm(channels, time)
        self.weight = nn.Parameter(torch.randn(27, channels, channels) / math.sqrt(10 * channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.out = zero(nn.Linear(channels, channels)) if time else nn.Linear(channels, channels)

    def forward(self, x: Tensor, coords: Coords, time: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """x [N, C] -> [N, C]; `context` is not used."""
        h = submanifold_conv(self.norm(x, coords, time), self.weight, coords) + self.bias
        return x + self.out(F.gelu(h, approximate="tanh"))


class Stage(nn.Module):
    """`layers` Swin blocks, every second one with shifted windows, a convolution block after the first of every four."""

    def __init__(self, channels: int, layers: int, window: int | None, time: int | None = None,
                 context: int | None = None):
        super().__init__()
        blocks: list[nn.Module] = []
        for i in range(layers):
            if i % 4 == 0:
                blocks.append(ConvBlock(channels, time))
            blocks.append(SwinBlock(channels, window, shifted=i % 2 == 1, time=time, context=context))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, coords: Coords, time: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """x [N, C] -> [N, C]."""
        for block in self.blocks:
            x = block(x, coords, time, context)
        return x


class AdaptiveNorm(nn.Module):
    """Layer norm whose scale and shift come from the time embedding, or a plain one where `time` is None."""

    def __init__(self, channels: int, time: int | None):
        super().__init__()
        self.norm = nn.LayerNorm(channels, elementwise_affine=time is None)
        self.film = zero(nn.Linear(time, 2 * channels)) if time else None

    def forward(self, x: Tensor, coords: Coords, time: Tensor | None) -> Tensor:
        """x [N, C], time [B, T] -> [N, C]."""
        x = self.norm(x)
        if self.film is None or time is None:
            return x
        film = self.film(time)  # [B, 2 C]
        film = film if len(film) == 1 else film.index_select(0, coords.bxyz[:, 0])
        scale, shift = film.chunk(2, 1)
        return x * (1 + scale) + shift


class CrossAttention(nn.Module):
    """Attention of every voxel to all condition tokens of its batch item."""

    def __init__(self, channels: int, context: int):
        super().__init__()
        self.heads = max(1, channels // 32)
        self.norm = nn.LayerNorm(channels)
        self.q, self.kv = nn.Linear(channels, channels), nn.Linear(context, 2 * channels)
        self.out = zero(nn.Linear(channels, channels))

    def forward(self, x: Tensor, coords: Coords, context: Tensor) -> Tensor:
        """x [N, C], context [B, M, D] -> [N, C]."""
        q = self.q(self.norm(x)).view(len(x), self.heads, -1)
        out = torch.empty_like(x)
        for b, tokens in enumerate(context):
            rows = (coords.bxyz[:, 0] == b).nonzero()[:, 0]
            k, v = self.kv(tokens).view(len(tokens), 2, self.heads, -1).permute(1, 2, 0, 3)  # [heads, M, D]
            y = F.scaled_dot_product_attention(q[rows].transpose(0, 1)[None], k[None], v[None])[0]
            out = out.index_copy(0, rows, y.transpose(0, 1).flatten(1).to(out.dtype))
        return self.out(out)


class TimeEmbedding(nn.Module):
    """Flow time in 0..1 to a vector."""

    frequency: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("frequency", torch.exp(torch.linspace(0, math.log(1000.0), 32)), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(64, channels), nn.SiLU(), nn.Linear(channels, channels), nn.SiLU())

    def forward(self, t: Tensor) -> Tensor:
        """t [B] -> [B, C]."""
        phase = t[:, None].float() * self.frequency
        return self.mlp(torch.cat([phase.cos(), phase.sin()], 1))


class PlaceEmbedding(nn.Module):
    """Learned embedding of z, and with `xy` a sinusoidal one of x and y, added to the features of cells.

    Networks with windows alone go without x and y, so that they treat every place alike. x and y are taken modulo 64
    cells: a tile starts at 0.
    """

    def __init__(self, channels: int, xy: bool, height: int = 64):
        super().__init__()
        self.z = nn.Embedding(height, channels)
        self.xy = nn.Linear(32, channels, bias=False) if xy else None
        nn.init.normal_(self.z.weight, std=0.3)

    def forward(self, bxyz: Tensor) -> Tensor:
        """bxyz int64 [N, 4] -> [N, C]."""
        out = self.z(bxyz[:, 3].clamp(max=self.z.num_embeddings - 1))
        if self.xy is None:
            return out
        k = torch.tensor([1, 2, 4, 6, 8, 12, 16, 24], device=bxyz.device) * (2 * math.pi / 64)
        phase = (bxyz[:, 1:3, None].float() * k).flatten(1)  # [N, 16]
        return out + self.xy(torch.cat([phase.cos(), phase.sin()], 1))


def zero(layer: nn.Linear) -> nn.Linear:
    """The layer with weights and bias set to zero: a residual branch that starts as nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
