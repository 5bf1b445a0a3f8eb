"""Scenes larger than one tile: overlapping windows whose predictions are blended, and chunks with a margin.

Every window is denoised at every step and the predictions are averaged where windows overlap, so that one sample covers
the whole canvas (MultiDiffusion, arXiv 2302.08113).
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .sparse.coords import Coords


@dataclass(frozen=True)
class Window:
    """A rectangle of cells at L/8: y0 <= y < y1, x0 <= x < x1."""

    y0: int
    y1: int
    x0: int
    x1: int


def starts(length: int, side: int, stride: int) -> list[int]:
    """First cells of windows of `side` that cover 0 .. length; the last one ends at the border."""
    if length <= side:
        return [0]
    return [*range(0, length - side, stride), length - side]


def windows(shape: tuple[int, int], side: int, stride: int) -> list[Window]:
    """Windows of side x side cells over a canvas of shape (Y, X)."""
    return [Window(y, min(y + side, shape[0]), x, min(x + side, shape[1]))
            for y in starts(shape[0], side, stride) for x in starts(shape[1], side, stride)]


def even_windows(shape: tuple[int, int], most: int, overlap: int) -> list[Window]:
    """As few windows of at most `most` cells a side as cover a canvas of shape (Y, X), of one size, that share at least
    `overlap` cells with their neighbours. For networks that take canvases of any size."""
    def spans(length: int) -> list[tuple[int, int]]:
        count = 1 if length <= most else -(-(length - overlap) // (most - overlap))
        side = -(-(length + (count - 1) * overlap) // count)
        return [(s, s + side) for s in (round(i * (length - side) / max(count - 1, 1)) for i in range(count))]

    return [Window(*y, *x) for y in spans(shape[0]) for x in spans(shape[1])]


def chunks(shape: tuple[int, int], side: int, margin: int) -> Iterator[tuple[Window, Window]]:
    """(core, core with a margin) of chunks that tile the canvas without overlap."""
    for y in range(0, shape[0], side):
        for x in range(0, shape[1], side):
            core = Window(y, min(y + side, shape[0]), x, min(x + side, shape[1]))
            yield core, Window(max(y - margin, 0), min(core.y1 + margin, shape[0]),
                               max(x - margin, 0), min(core.x1 + margin, shape[1]))


def taper(y: Tensor, x: Tensor, w: Window) -> Tensor:
    """Blending weight of places (in cells, at their middle) in a window: 1 in the middle, small at its border."""
    fy = 1 - (2 * (y - w.y0) / (w.y1 - w.y0) - 1).abs()
    fx = 1 - (2 * (x - w.x0) / (w.x1 - w.x0) - 1).abs()
    return (fy * fx).clamp(min=1e-3)


def rows_in(bxyz: Tensor, w: Window, cell: int) -> Tensor:
    """Rows of coordinates [N, 4] that lie in a window; `cell` is the coordinates' voxels along one cell (1 or 8)."""
    x, y = bxyz[:, 1], bxyz[:, 2]
    inside = (x >= w.x0 * cell) & (x < w.x1 * cell) & (y >= w.y0 * cell) & (y < w.y1 * cell)
    return inside.nonzero()[:, 0]


def local_coords(bxyz: Tensor, rows: Tensor, w: Window, cell: int) -> Coords:
    """The rows' Coords with the window's corner at 0. Order is kept."""
    shift = torch.tensor([0, w.x0 * cell, w.y0 * cell, 0], device=bxyz.device)
    return Coords(bxyz[rows] - shift)


def blend_dense(parts: list[tuple[Window, Callable[[Tensor, float], Tensor]]]) -> Callable[[Tensor, float], Tensor]:
    """One denoiser of a canvas [1, C, Y, X] from denoisers of windows."""
    def denoise(x: Tensor, t: float) -> Tensor:
        if len(parts) == 1:
            return parts[0][1](x, t)
        total, weights = torch.zeros_like(x), x.new_zeros(1, 1, *x.shape[2:])
        for w, predict in parts:
            here = (slice(None), slice(None), slice(w.y0, w.y1), slice(w.x0, w.x1))
            y, xx = torch.meshgrid(torch.arange(w.y0, w.y1) + 0.5, torch.arange(w.x0, w.x1) + 0.5, indexing="ij")
            weight = taper(y, xx, w).to(x)[None, None]
            total[here] += weight * predict(x[here], t)
            weights[here] += weight
        return total / weights
    return denoise


def blend_sparse(parts: list[tuple[Tensor, Tensor, Callable[[Tensor, float], Tensor]]],
                 ) -> Callable[[Tensor, float], Tensor]:
    """One denoiser of sparse features [N, C] from (rows, weight [K], denoiser of those rows)."""
    def denoise(x: Tensor, t: float) -> Tensor:
        if len(parts) == 1 and len(parts[0][0]) == len(x):
            return parts[0][2](x, t)
        total, weights = torch.zeros_like(x), x.new_zeros(len(x), 1)
        for rows, weight, predict in parts:
            total.index_add_(0, rows, weight[:, None] * predict(x[rows], t))
            weights.index_add_(0, rows, weight[:, None])
        return total / weights
    return denoise
