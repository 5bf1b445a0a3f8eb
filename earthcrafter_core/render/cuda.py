"""The CUDA rasteriser: gsplat's 2DGS kernels (version 1.5) behind our projection; imported lazily.

Only the tiles are gsplat's: projection (pinhole and orthographic), what is left out and the edge-on rule come from
projection.py, so that the picture is the oracle's.
"""
from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

from .camera import Camera
from .definition import LOW_PASS, REACH
from .projection import Projected, project

TILE = 16  # pixels


def unavailable() -> str | None:
    """Why this implementation cannot run here, one sentence; None where it can."""
    if not torch.cuda.is_available():
        return "There is no CUDA device that torch can use."
    if find_spec("gsplat") is None:
        return "The package gsplat is not installed."
    return None


def rasterise(camera: Camera, mean: Tensor, log_scale: Tensor, quat: Tensor, opacity: Tensor,
              channels: Tensor) -> tuple[Tensor, Tensor]:
    """Channels [H, W, C] over nothing and alpha [H, W], float32; arguments as in `render`, on a CUDA device.

    Raises:
        RuntimeError: no CUDA device, or no gsplat.
    """
    reason = unavailable()
    if reason is not None:
        raise RuntimeError(f"{reason} Use the backend \"cpu\".")
    from gsplat import isect_offset_encode, isect_tiles, rasterize_to_pixels_2dgs

    seen = project(camera, mean, log_scale, quat, opacity)
    if len(seen.index) == 0:
        nothing = channels.sum() * 0
        return (nothing + channels.new_zeros(camera.height, camera.width, channels.shape[1]),
                nothing + channels.new_zeros(camera.height, camera.width))
    tiles_x, tiles_y = -(-camera.width // TILE), -(-camera.height // TILE)
    centre, depth = seen.centre[None].contiguous(), seen.depth[None].contiguous()  # [1, M, 2], [1, M]
    _, keys, rows = isect_tiles(centre.detach(), _radii(seen)[None], depth.detach(), TILE, tiles_x, tiles_y)
    offsets = isect_offset_encode(keys, 1, tiles_x, tiles_y)
    image, alpha, *_ = rasterize_to_pixels_2dgs(
        centre, _homographies(seen)[None], channels[seen.index][None].contiguous(), seen.opacity[None],
        channels.new_zeros(1, len(seen.index), 3), torch.zeros_like(centre), camera.width, camera.height, TILE,
        offsets, rows)
    return image[0], alpha[0, ..., 0]


def _homographies(seen: Projected) -> Tensor:
    """Matrices [M, 3, 3] from (u0, u1, 1) on the surfel's plane to homogeneous pixels: rows x, y, scale."""
    scale = torch.cat([seen.w, torch.ones_like(seen.w[:, :1])], 1)  # [M, 3]
    position = torch.cat([seen.jacobian, torch.zeros_like(seen.jacobian[:, :, :1])], 2)  # [M, 2, 3] about the centre
    position = position + seen.centre[:, :, None] * scale[:, None]
    return torch.cat([position, scale[:, None]], 1)


@torch.no_grad()
def _radii(seen: Projected) -> Tensor:
    """Half sizes int32 [M, 2] in pixels of boxes about the centres that hold all that is drawn."""
    reach2 = REACH * REACH
    q = 1 - reach2 * seen.w.square().sum(1, keepdim=True)  # [M, 1] > 0 in front of the near plane
    middle = -reach2 * (seen.jacobian * seen.w[:, None]).sum(2) / q  # [M, 2]
    half = (middle.square() + reach2 * seen.jacobian.square().sum(2) / q).sqrt()
    return (middle.abs() + half).clamp(min=REACH / LOW_PASS ** 0.5, max=1e6).ceil().int()
