"""Window attention over sparse voxels: windows bucketed by length against all padded to the longest."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from earthcrafter_core.sparse import ops
from earthcrafter_core.sparse.coords import Windows

from .timing import best, surface


def run() -> list[dict]:
    """Rows for 8^3 windows, 64 channels in 2 heads."""
    coords = surface()
    windows = coords.windows(8, 0)
    qkv = torch.randn(len(coords), 3, 2, 32)
    lengths = torch.cat([torch.full((count,), length) for _, count, length, _ in windows.buckets])
    with torch.inference_mode():
        expected = ops.window_attention(qkv, windows)
        index, mask = padded_table(windows, len(coords))
        if float((padded(qkv, index, mask) - expected).abs().max()) > 1e-4:
            raise RuntimeError("the two attentions disagree")
        ours = best(lambda: ops.window_attention(qkv, windows))
        longest = best(lambda: padded(qkv, index, mask))
    pairs = float((lengths.double() ** 2).sum())
    return [{"name": f"window attention, {len(coords)} voxels, 8^3, 64 ch", "seconds": ours, "ratio": longest / ours,
             "reference": "padded to the longest window", "flops": 4 * 64 * pairs, "bytes": 4 * 4 * 64 * len(coords)}]


def padded_table(windows: Windows, n: int) -> tuple[Tensor, Tensor]:
    """Voxel of each slot [W, longest] and which slots are filled, every window padded to the longest."""
    longest = max(length for _, _, length, _ in windows.buckets)
    rows = [F.pad(windows.gather[first:first + count * length].view(count, length), (0, longest - length), value=n)
            for first, count, length, _ in windows.buckets]
    index = torch.cat(rows)
    return index.clamp(max=n - 1), index < n


def padded(qkv: Tensor, index: Tensor, mask: Tensor) -> Tensor:
    """The same attention with every window padded: qkv [N, 3, H, D] -> [N, H, D]."""
    q, k, v = qkv[index].permute(2, 0, 3, 1, 4)  # [W, H, longest, D]
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None]).transpose(1, 2)
    result = torch.empty_like(qkv[:, 0])
    result[index[mask]] = out[mask]
    return result
