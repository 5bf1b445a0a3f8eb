"""Operations on the features of sparse voxels, torch backend (any device)."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .coords import Coords, Windows


class _Gather(torch.autograd.Function):
    """Rows by index where index and inverse undo each other: the backward is a gather too, no atomics, deterministic."""

    @staticmethod
    def forward(ctx, x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(index, inverse)
        return _take(x, index)

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[override]
        index, inverse = ctx.saved_tensors
        return _take(grad.contiguous(), inverse), None, None


def _take(x: Tensor, index: Tensor) -> Tensor:
    """x[index] with zeros where the index is len(x)."""
    if len(index) and len(index) > len(x):  # only a padded list can name the row past the end
        x = torch.cat([x, x.new_zeros(1, *x.shape[1:])])
    return x.index_select(0, index)


def window_attention(qkv: Tensor, windows: Windows) -> Tensor:
    """Softmax attention among the voxels of each window.

    Args:
        qkv: [N, 3, heads, D] queries, keys and values, any float dtype.
        windows: from Coords.windows.

    Returns:
        [N, heads, D].
    """
    n, _, heads, d = qkv.shape
    slots = _Gather.apply(qkv.flatten(1), windows.gather, windows.inverse)  # [M, 3 heads D]
    parts = []
    # split, not slices: the backward of a slice fills a tensor of the whole size
    sizes = [count * length for _, count, length, _ in windows.buckets]
    for part, (_, count, length, mask) in zip(slots.split(sizes), windows.buckets):
        q, k, v = part.view(count, length, 3, heads, d).permute(2, 0, 3, 1, 4).unbind(0)  # [count, heads, length, D]
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None, :])
        parts.append(out.transpose(1, 2).reshape(count * length, heads * d))
    return _Gather.apply(torch.cat(parts), windows.inverse, windows.gather).view(n, heads, d)


class _SubmanifoldConv(torch.autograd.Function):
    """Gather, multiply, add for each kernel offset; the backward walks the same pairs."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, coords: Coords) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, weight)
        ctx.coords = coords
        out = x @ weight[13]
        for slot, to, frm in coords.neighbour_pairs():
            out.index_add_(0, to, x.index_select(0, frm) @ weight[slot])
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[override]
        x, weight = ctx.saved_tensors
        grad = grad.contiguous()
        grad_x = grad @ weight[13].t()
        grad_w = torch.empty_like(weight)
        grad_w[13] = x.t() @ grad
        for slot, to, frm in ctx.coords.neighbour_pairs():
            g = grad.index_select(0, to)
            grad_x.index_add_(0, frm, g @ weight[slot].t())
            grad_w[slot] = x.index_select(0, frm).t() @ g
        return grad_x, grad_w, None


def submanifold_conv(x: Tensor, weight: Tensor, coords: Coords) -> Tensor:
    """3 x 3 x 3 convolution whose output lives on the input's voxels (no bias).

    Args:
        x: [N, C_in]. weight: [27, C_in, C_out], slots as in Coords.neighbour_pairs.

    Returns:
        [N, C_out].
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
    return _SubmanifoldConv.apply(x, weight, coords)


def pool_children(x: Tensor, coords: Coords) -> Tensor:
    """The features of each parent's children side by side, zeros for absent ones: [N, C] -> [P, 8 C]."""
    pooling = coords.pool()
    rows = pooling.parent * 8 + pooling.slot
    return x.new_zeros(len(pooling.parents) * 8, x.shape[1]).index_copy(0, rows, x).view(len(pooling.parents), -1)


def spread_to_children(x: Tensor, coords: Coords) -> Tensor:
    """The reverse: parents' features [P, 8 C] to the existing children of `coords` [N, C]."""
    pooling = coords.pool()
    return x.view(x.shape[0] * 8, -1).index_select(0, pooling.parent * 8 + pooling.slot)
