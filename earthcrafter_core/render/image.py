"""Measures of pictures (differentiable torch) and preview pictures of splats (numpy in, numpy out)."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..scene.splats import SH_C0, Splats
from .camera import Camera
from .rasterise import render

WINDOW, SIGMA = 11, 1.5
"""Gaussian window of SSIM: pixels a side, standard deviation in pixels."""
ZENITH, HORIZON, HAZE = (0.42, 0.61, 0.84), (0.86, 0.91, 0.95), (0.72, 0.73, 0.72)
"""sRGB 0..1 of the sky above, at the horizon, and of what lies below it where no scene is."""


def psnr(a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in decibels of pictures [H, W, C] with values in 0..1, a scalar.

    Args:
        a, b: pictures of the same shape.
        mask: [H, W] bool, or weights >= 0; where the pictures are compared. None: everywhere.

    Returns:
        At most 100 (equal pictures); NaN where the mask is empty.
    """
    squared = (a - b).square().mean(-1)  # [H, W]
    if mask is None:
        error = squared.mean()
    else:
        weight = mask.to(squared.dtype)
        error = (squared * weight).sum() / weight.sum()
    return -10 * torch.log10(error.clamp(min=1e-10))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004) of pictures [H, W, C] with values in 0..1, a scalar, 1 where equal.

    Each channel by itself, Gaussian window of 11 x 11 pixels with a deviation of 1.5, where it lies wholly inside the
    picture; the mean over pixels and channels.

    Raises:
        ValueError: pictures smaller than the window.
    """
    if a.shape != b.shape or min(a.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs two pictures of one shape of at least {WINDOW} x {WINDOW} pixels, "
                         f"not {tuple(a.shape)} and {tuple(b.shape)}")
    at = torch.arange(WINDOW, dtype=a.dtype, device=a.device) - WINDOW // 2
    window = torch.exp(-0.5 * (at / SIGMA) ** 2)
    window = window / window.sum()

    def blur(planes: Tensor) -> Tensor:  # [K, H, W] -> [K, H - 10, W - 10]
        planes = functional.conv2d(planes[:, None], window.view(1, 1, 1, -1))
        return functional.conv2d(planes, window.view(1, 1, -1, 1))[:, 0]

    x, y = a.permute(2, 0, 1), b.permute(2, 0, 1)  # [C, H, W]
    mean_x, mean_y, xx, yy, xy = blur(torch.cat([x, y, x * x, y * y, x * y])).chunk(5)
    var_x, var_y, cov = xx - mean_x * mean_x, yy - mean_y * mean_y, xy - mean_x * mean_y
    c1, c2 = 0.01 ** 2, 0.03 ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * cov + c2)
                  / ((mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2)))
    return similarity.mean()


def sky(camera: Camera) -> np.ndarray:
    """A plain sky behind the scene, float32 [H, W, 3] sRGB 0..1: pale at the horizon, haze below it."""
    rows, cols = np.mgrid[0:camera.height, 0:camera.width] + 0.5
    x, y = (cols - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    if camera.orthographic:
        x, y = np.zeros_like(x), np.zeros_like(y)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ camera.rotation  # [H, W, 3] in the world
    up = (rays[..., 2] / np.linalg.norm(rays, axis=-1))[..., None]  # sine of the elevation
    above = np.asarray(HORIZON) + (np.asarray(ZENITH) - HORIZON) * np.clip(up, 0, 1) ** 0.5
    below = np.asarray(HORIZON) + (np.asarray(HAZE) - HORIZON) * np.clip(-4 * up, 0, 1)
    return np.where(up >= 0, above, below).astype(np.float32)


@torch.no_grad()
def render_splats(splats: Splats, camera: Camera, background: str | Sequence[float] = "sky", over: int = 1) -> np.ndarray:
    """A picture of splats, uint8 [H, W, 3] sRGB.

    Args:
        splats: the constant term of the colour is drawn.
        camera: where from.
        background: "sky", or an sRGB colour in 0..1.
        over: places along each side of a pixel, which shows their mean. The rasteriser draws no disc smaller than a pixel, so
            that those that are much smaller hide one another and glitter; with 2 or more they blend as they should.
    """
    camera = camera.finer(over)
    behind = sky(camera) if isinstance(background, str) else np.asarray(background, np.float32)
    color = np.clip(0.5 + SH_C0 * splats.sh[:, 0], 0, 1)
    tensors = [torch.from_numpy(np.ascontiguousarray(a, np.float32))
               for a in (splats.mean, splats.log_scale, splats.quat, splats.opacity, color)]
    picture = render(camera, *tensors, background=torch.from_numpy(behind)).rgb
    height, width = camera.height // over, camera.width // over
    picture = picture.clamp(0, 1).reshape(height, over, width, over, 3).mean((1, 3))
    return (picture * 255 + 0.5).to(torch.uint8).numpy()
