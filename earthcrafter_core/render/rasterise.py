"""The one interface of the rasteriser and the choice of what computes it; definition.py says what is computed."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .camera import Camera
from .projection import rotation_columns, world_to_camera

BACKENDS = ("cpu", "cuda", "oracle")


@dataclass
class RenderOutput:
    """A picture.

    Attributes:
        rgb: float32 [H, W, C] channels over the background.
        alpha: float32 [H, W] coverage, 0..1.
        depth: float32 [H, W] mean z of the surfels' centres in camera space, metres, weighted as the channels are; 0
            where nothing is.
        normal: float32 [H, W, 3] sum of the surfels' world normals, turned towards the camera, weighted as the channels
            are and not normalised; None unless asked for.
    """

    rgb: Tensor
    alpha: Tensor
    depth: Tensor
    normal: Tensor | None = None


class _Rasterise(Protocol):
    def __call__(self, camera: Camera, mean: Tensor, log_scale: Tensor, quat: Tensor, opacity: Tensor,
                 channels: Tensor) -> tuple[Tensor, Tensor]: ...


def render(camera: Camera, mean: Tensor, log_scale: Tensor, quat: Tensor, opacity: Tensor, color: Tensor, *,
           background: Sequence[float] | Tensor | None = None, normal: bool = False,
           backend: str = "auto") -> RenderOutput:
    """Draw 2D Gaussian surfels.

    Args:
        camera: where from.
        mean: float32 [N, 3] centres, metres.
        log_scale: float32 [N, 2] log of the standard deviations along the surfel's two axes, log metres.
        quat: float32 [N, 4] quaternions wxyz, any length but 0; the third axis of the rotation is the normal.
        opacity: float32 [N] logits.
        color: float32 [N, C] any number of channels: colour in 0..1, class scores, masks.
        background: [C], or [H, W, C] (a sky); None is black.
        normal: draw the normals too.
        backend: "cpu", "cuda", "oracle", or "auto": by the device of `mean`.

    Returns:
        The picture on the device of `mean`. Gradients flow from every part of it to every tensor argument.

    Raises:
        ValueError: shapes that do not fit together, or an unknown backend.
        RuntimeError: backend "cuda" where CUDA or gsplat is absent; the message says which.

    Example:
        >>> camera = Camera.top_down((0, 0, 128, 128), width=256)
        >>> render(camera, mean, log_scale, quat, opacity, color).rgb.shape
        torch.Size([256, 256, 3])
    """
    n = len(mean)
    for name, tensor, shape in (("mean", mean, (n, 3)), ("log_scale", log_scale, (n, 2)), ("quat", quat, (n, 4)),
                                ("opacity", opacity, (n,)), ("color", color, (n, color.shape[-1]))):
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(tensor.shape)} instead of {shape}")
    rotation, translation = world_to_camera(camera, mean)
    parts = [color, (mean @ rotation[2] + translation[2])[:, None]]
    if normal:
        parts.append(_facing_normals(camera, mean, quat))
    # a surfel that is not finite is left out; its channels must not poison sums as 0 * NaN
    channels = torch.nan_to_num(torch.cat(parts, 1), nan=0.0, posinf=0.0, neginf=0.0)  # [N, C + 1 (+ 3)]
    image, alpha = _implementation(backend, mean)(camera, mean, log_scale, quat, opacity, channels)
    c = color.shape[1]
    rgb = image[..., :c]
    if background is not None:
        rgb = rgb + (1 - alpha)[..., None] * torch.as_tensor(background, dtype=rgb.dtype, device=rgb.device)
    depth = image[..., c] / alpha.clamp(min=1e-6)
    return RenderOutput(rgb, alpha, depth, image[..., c + 1:] if normal else None)


def _facing_normals(camera: Camera, mean: Tensor, quat: Tensor) -> Tensor:
    """World normals [N, 3] of surfels, turned towards the camera."""
    usable = torch.isfinite(quat.detach()).all(1) & (quat.detach().norm(dim=1) > 0)  # the others are not drawn
    normals = rotation_columns(torch.where(usable[:, None], quat, torch.ones_like(quat)))[:, :, 2]
    if camera.orthographic:
        towards = torch.as_tensor(-camera.rotation[2], dtype=mean.dtype, device=mean.device)
    else:
        towards = torch.as_tensor(camera.eye, dtype=mean.dtype, device=mean.device) - mean.detach()
    away = (normals.detach() * towards).sum(1, keepdim=True) < 0
    return torch.where(away, -normals, normals)


def _implementation(backend: str, mean: Tensor) -> _Rasterise:
    if backend == "auto":
        backend = "cuda" if mean.is_cuda else "cpu"
    if backend == "cpu":
        from . import cpu
        return cpu.rasterise
    if backend == "oracle":
        from . import oracle
        return oracle.rasterise
    if backend == "cuda":
        from . import cuda
        return cuda.rasterise
    raise ValueError(f"unknown backend {backend!r}; there are auto, {', '.join(BACKENDS)}")
