"""The CPU rasteriser: numba tiles with a hand-written backward. See definition.py for what it computes."""
from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import cpu_projection, cpu_tiles
from .camera import Camera


def rasterise(camera: Camera, mean: Tensor, log_scale: Tensor, quat: Tensor, opacity: Tensor,
              channels: Tensor) -> tuple[Tensor, Tensor]:
    """Channels [H, W, C] over nothing and alpha [H, W], float32; arguments as in `render`, on the CPU.

    Uses as many threads as torch does. Gradients flow to mean, log_scale, quat, opacity and channels (first order).
    """
    return _Rasterise.apply(mean, log_scale, quat, opacity, channels, camera)


class _Rasterise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mean: Tensor, log_scale: Tensor, quat: Tensor, opacity: Tensor, channels: Tensor,
                camera: Camera) -> tuple[Tensor, Tensor]:
        arrays = [_array(t) for t in (mean, log_scale, quat, opacity, channels)]
        height, width, n = camera.height, camera.width, len(mean)
        params, box, depth = _zeros(n, cpu_projection.N_PARAMS), np.empty((n, 4), np.int32), _zeros(n)
        _parallel(cpu_projection.project, _even_ranges(n), *arrays[:4], *_camera_arrays(camera), camera.near, width,
                  height, params, box, depth)
        order = cpu_tiles.depth_order(box, depth)
        starts, entries, slots = cpu_tiles.tile_lists(order, box, width, height)
        image = np.empty((height, width, channels.shape[1]), np.float32)
        trans, last = np.empty((height, width), np.float32), np.empty((height, width), np.int32)
        _parallel(cpu_tiles.tiles_forward, _tile_ranges(starts), starts, entries, params, box, arrays[4], image, trans,
                  last)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(mean, log_scale, quat, channels)
            ctx.camera = camera
            ctx.kept = starts, entries, slots, params, box, trans, last
        return torch.from_numpy(image), torch.from_numpy(1 - trans)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g_image: Tensor, g_alpha: Tensor) -> tuple[Tensor | None, ...]:
        mean, log_scale, quat, channels = (_array(t) for t in ctx.saved_tensors)
        starts, entries, slots, params, box, trans, last = ctx.kept
        n, c = channels.shape
        g_entries = _zeros(len(entries), cpu_projection.N_PARAMS + c)
        _parallel(cpu_tiles.tiles_backward, _tile_ranges(starts), starts, entries, slots, params, box, channels, trans,
                  last, _array(g_image), _array(g_alpha), g_entries)
        gradients = _zeros(n, 3), _zeros(n, 2), _zeros(n, 4), _zeros(n), _zeros(n, c)
        _parallel(cpu_projection.project_backward, _even_ranges(n), g_entries, slots, params, box, mean, log_scale,
                  quat, *_camera_arrays(ctx.camera), *gradients)
        return *(torch.from_numpy(g) for g in gradients), None


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def _array(tensor: Tensor) -> np.ndarray:
    """The tensor's values as a C-contiguous float32 array, without a copy where possible."""
    return tensor.detach().to(torch.float32).contiguous().numpy()


def _camera_arrays(camera: Camera) -> tuple[np.ndarray, np.ndarray, bool]:
    """World to camera rows float64 [3, 4]; fx, fy, cx, cy float64 [4]; whether the camera is orthographic."""
    return (np.ascontiguousarray(camera.world_to_camera[:3]),
            np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float64), camera.orthographic)


def _even_ranges(n: int) -> np.ndarray:
    """Bounds [R + 1] that cut 0 .. n into one part for each thread, or fewer where n is small."""
    parts = max(1, min(torch.get_num_threads(), n // 1024))
    return np.linspace(0, n, parts + 1).astype(np.int64)


def _tile_ranges(starts: np.ndarray) -> np.ndarray:
    """Bounds [R + 1] that cut the tiles into parts of similar work, several for each thread."""
    threads = torch.get_num_threads()
    parts = 1 if threads == 1 else 4 * threads
    work = starts + np.arange(len(starts))  # entries, and something for the tile itself
    bounds = np.searchsorted(work, np.linspace(0, work[-1], parts + 1))
    bounds[0], bounds[-1] = 0, len(starts) - 1
    return bounds


def _parallel(kernel: Callable[..., None], bounds: np.ndarray, *arguments: Any) -> None:
    """Run kernel(bounds[i], bounds[i + 1], *arguments) for every part, on as many threads as torch uses."""
    parts = [(int(a), int(b)) for a, b in zip(bounds[:-1], bounds[1:], strict=True) if a < b]
    if len(parts) <= 1 or torch.get_num_threads() == 1:
        for part in parts:
            kernel(*part, *arguments)
        return
    for future in [_pool(torch.get_num_threads(), os.getpid()).submit(kernel, *part, *arguments) for part in parts]:
        future.result()


@lru_cache(maxsize=1)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """The threads of this process (a forked child has none of its parent's)."""
    return ThreadPoolExecutor(threads, thread_name_prefix="rasteriser")
