"""The CPU rasteriser: numba tiles with a hand-written backward. See definition.py for what it computes."""
from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from . import cpu_kernels as kernels
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
        mean_, log_scale_, quat_, opacity_, channels_ = (_array(t) for t in (mean, log_scale, quat, opacity, channels))
        view, focal = _camera_arrays(camera)
        _use_torch_threads()
        params, box, depth = kernels.project(mean_, log_scale_, quat_, opacity_, view, focal, camera.orthographic,
                                             camera.near, camera.width, camera.height)
        order = kernels.depth_order(box, depth)
        starts, entries, slots = kernels.tile_lists(order, box, camera.width, camera.height)
        with numba.parallel_chunksize(4):  # tiles differ in work
            image, trans, last = kernels.tiles_forward(starts, entries, params, box, channels_, camera.width,
                                                       camera.height)
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
        view, focal = _camera_arrays(ctx.camera)
        _use_torch_threads()
        with numba.parallel_chunksize(4):
            g_entries = kernels.tiles_backward(starts, entries, slots, params, box, channels, trans, last,
                                               _array(g_image), _array(g_alpha))
        gradients = kernels.project_backward(g_entries, slots, params, box, mean, log_scale, quat, view, focal,
                                             ctx.camera.orthographic)
        return *(torch.from_numpy(g) for g in gradients), None


def _array(tensor: Tensor) -> np.ndarray:
    """The tensor's values as a C-contiguous float32 array, without a copy where possible."""
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)


def _camera_arrays(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """World to camera rows float64 [3, 4] and fx, fy, cx, cy float64 [4]."""
    return (np.ascontiguousarray(camera.world_to_camera[:3]),
            np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float64))


def _use_torch_threads() -> None:
    numba.set_num_threads(max(1, min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)))
