"""The plain torch oracle: every pixel against every surfel, gradients by autograd. For tests; memory is M x H x W."""
from __future__ import annotations

import torch
from torch import Tensor

from .camera import Camera
from .definition import ALPHA_MAX, ALPHA_MIN, LOW_PASS, TRANSMITTANCE_MIN
from .projection import project


def rasterise(camera: Camera, mean: Tensor, log_scale: Tensor, quat: Tensor, opacity: Tensor,
              channels: Tensor) -> tuple[Tensor, Tensor]:
    """Channels [H, W, C] over nothing and alpha [H, W]; arguments as in `render`, any floating dtype.

    Example:
        >>> rasterise(camera, mean, log_scale, quat, opacity, color)[0].shape  # 64 x 48 pixels
        torch.Size([48, 64, 3])
    """
    seen = project(camera, mean, log_scale, quat, opacity)
    order = torch.sort(seen.depth.detach(), stable=True).indices  # [M]
    alpha = pixel_alpha(camera, seen.centre[order], seen.jacobian[order], seen.w[order], seen.opacity[order])
    alpha = torch.where(alpha < ALPHA_MIN, torch.zeros_like(alpha), alpha)  # [M, P]
    with torch.no_grad():
        after = torch.cumprod(1 - alpha, 0)  # transmittance behind each surfel if nothing ended the pixel
        open_pixel = torch.cumsum((after <= TRANSMITTANCE_MIN) & (alpha > 0), 0) == 0
    alpha = alpha * open_pixel
    after = torch.cumprod(1 - alpha, 0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    image = (alpha * before).T @ channels[seen.index][order]  # [P, C]
    last = after[-1] if len(after) else after.new_ones(camera.height * camera.width)
    shape = (camera.height, camera.width)
    return image.view(*shape, channels.shape[1]), (1 - last).view(shape)


def pixel_alpha(camera: Camera, centre: Tensor, jacobian: Tensor, w: Tensor, opacity: Tensor) -> Tensor:
    """Steps 2 and 3 of the definition before the threshold: alpha of M surfels at the P = H W pixels, [M, P]."""
    rows = torch.arange(camera.height, dtype=centre.dtype, device=centre.device) + 0.5
    cols = torch.arange(camera.width, dtype=centre.dtype, device=centre.device) + 0.5
    pixels = torch.stack([cols.repeat(camera.height), rows.repeat_interleave(camera.width)], 1)  # [P, 2] x, y
    d = pixels[None] - centre[:, None]  # [M, P, 2]
    (a, b), (c, e) = jacobian.permute(1, 2, 0)  # [M] each
    inverse = torch.stack([e, -b, -c, a], 1).view(-1, 2, 2) / (a * e - b * c)[:, None, None]
    q = d @ inverse.transpose(1, 2)  # [M, P, 2]
    denominator = 1 - (q * w[:, None]).sum(2)  # [M, P]
    in_front = denominator > 0
    r3 = q.square().sum(2) / torch.where(in_front, denominator, 1.0).square()
    r2 = LOW_PASS * d.square().sum(2)
    r = torch.where(in_front & (r3 <= r2), r3, r2)
    return (opacity[:, None] * torch.exp(-0.5 * r)).clamp(max=ALPHA_MAX)
