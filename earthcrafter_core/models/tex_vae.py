"""TexVAE: colour and normals of voxels to an 8-channel latent and on to 2D Gaussian surfels (paper, "TexVAE").

A tube: no downsampling, for spatial compression ruins texture (paper, Table 2). K surfels for a voxel make the texture
finer than the voxel.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..sparse.coords import Coords
from .blocks import Stage
from .config import TEXTURE_LATENT, TextureVaeConfig

SURFEL_SIGMA = 0.30  # standard deviation of a surfel at the start, in voxels; neighbours lie 0.5 apart
CROSS_CHANNELS = 18  # of `cross_features`
_OUT = 12  # outputs for each surfel: offset 3, rotation 3, log-scale 2, opacity 1, colour 3


@dataclass
class Surfels:
    """Surfels in index space (voxels; a voxel's centre is its index + 0.5), K for each of N voxels.

    Attributes:
        mean [N, K, 3], log_scale [N, K, 2] (log voxels), quat [N, K, 4] wxyz, opacity [N, K] logits, color [N, K, 3] 0..1,
        normal [N, 3] unit, the voxel's own.
    """

    mean: Tensor
    log_scale: Tensor
    quat: Tensor
    opacity: Tensor
    color: Tensor
    normal: Tensor


@dataclass
class KnownSurface:
    """The surface in each voxel, where the structure tells it.

    Attributes:
        normal: float32 [N, 3] unit. offset: float32 [N, 3] surface point minus the voxel's centre, in voxels.
        known: bool [N] where the two hold.
    """

    normal: Tensor
    offset: Tensor
    known: Tensor


def tangents(normal: Tensor) -> tuple[Tensor, Tensor]:
    """As scene.voxels.tangent_frame, differentiable: unit u, v [N, 3] with u x v = normal."""
    flat = normal[:, 2:3].abs() > 0.7
    up, north = normal.new_tensor([0.0, 0.0, 1.0]), normal.new_tensor([0.0, 1.0, 0.0])
    ref = torch.where(flat, north, up)
    v = F.normalize(ref - (ref * normal).sum(1, keepdim=True) * normal, dim=1)
    return torch.linalg.cross(v, normal), v


def cross_features(rgb: Tensor, normal: Tensor) -> Tensor:
    """The 18 input channels: RGB of the voxel's middle and of four points around it (-1..1), and the normal.

    Args:
        rgb: [N, 4, 3] in 0..1 at the sub-samples. normal: [N, 3] unit.

    Returns:
        [N, 18].
    """
    rgb = rgb * 2 - 1
    return torch.cat([rgb.mean(1), rgb.flatten(1), normal], 1)


class TexVAE(nn.Module):
    """Encoder and decoder tubes; `latent_mean` and `latent_std` [8] are measured after training."""

    latent_mean: Tensor
    latent_std: Tensor
    spread: Tensor

    def __init__(self, c: TextureVaeConfig):
        super().__init__()
        self.surfels = c.surfels
        self.inp = nn.Linear(c.features, c.channels)
        self.encoder = Stage(c.channels, c.layers, c.window)
        self.to_latent = nn.Linear(c.channels, 2 * TEXTURE_LATENT)
        self.from_latent = nn.Linear(TEXTURE_LATENT, c.channels)
        self.place = nn.Embedding(c.window ** 3, c.channels)
        self.decoder = Stage(c.channels, c.layers, c.window)
        self.norm = nn.LayerNorm(c.channels)
        self.head = nn.Linear(c.channels, 6 + _OUT * c.surfels)
        # straight ways past the tubes: colour is nearly linear in the input, so its hue survives from the first steps on
        self.skip_in = nn.Linear(c.features, TEXTURE_LATENT, bias=False)
        self.skip_out = nn.Linear(TEXTURE_LATENT, 6 + _OUT * c.surfels, bias=False)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.skip_out.weight)
        side = torch.arange(c.surfels)
        spread = torch.stack([(side % 2) * 0.5 - 0.25, (side // 2 % 2) * 0.5 - 0.25], 1)  # [K, 2] as the sub-samples
        self.register_buffer("spread", spread, persistent=False)
        self.register_buffer("latent_mean", torch.zeros(TEXTURE_LATENT))
        self.register_buffer("latent_std", torch.ones(TEXTURE_LATENT))
        with torch.no_grad():
            self.head.bias.zero_()
            self.head.bias[2] = 1.0  # normals start upwards

    @property
    def reads_flux(self) -> bool:
        """Whether the encoder wants FLUX-VAE features beside the cross of colours and the normal."""
        return self.inp.in_features > CROSS_CHANNELS

    def encode(self, features: Tensor, coords: Coords) -> tuple[Tensor, Tensor]:
        """features [N, 18], or [N, 66] with those of FLUX-VAE first -> mean [N, 8], log-variance [N, 8]."""
        mean, log_var = self.to_latent(self.encoder(self.inp(features), coords)).float().chunk(2, 1)
        return mean + self.skip_in(features).float(), log_var.clamp(-12, 4)

    def decode(self, latent: Tensor, coords: Coords, surface: KnownSurface | None = None) -> Surfels:
        """latent [N, 8] on `coords` -> Surfels in index space; they lie in the surface where that is known."""
        local = coords.bxyz[:, 1:] % 8
        x = self.from_latent(latent) + self.place((local[:, 0] * 8 + local[:, 1]) * 8 + local[:, 2])
        out = (self.head(self.norm(self.decoder(x, coords))) + self.skip_out(latent)).float()  # [N, 6 + 12 K]
        normal = F.normalize(out[:, :3], dim=1, eps=1e-4)
        centre = coords.bxyz[:, 1:] + 0.5 + torch.tanh(out[:, 3:6]) * 0.75  # [N, 3]
        each = out[:, 6:].view(len(out), self.surfels, _OUT)
        if surface is not None:
            known = surface.known[:, None]
            normal = torch.where(known, surface.normal, normal)
            centre = torch.where(known, coords.bxyz[:, 1:] + 0.5 + surface.offset, centre)
            level = each.new_ones(_OUT).index_fill(0, torch.arange(2, 6, device=each.device), 0.0)  # no step out, no tilt
            each = torch.where(known[..., None], each * level, each)
        u, v = tangents(normal)
        frame = torch.stack([u, v, normal], 2)  # [N, 3, 3], columns are the axes
        spread = F.pad(self.spread, (0, 1)) + torch.tanh(each[..., :3]) * 0.3  # [N, K, 3] along u, v, normal
        mean = centre[:, None] + spread @ frame.transpose(1, 2)
        log_scale = torch.tanh(each[..., 6:8]) * 1.0 + torch.log(torch.tensor(SURFEL_SIGMA))
        quat = multiply_quaternions(frame_quaternions(frame)[:, None], small_rotations(each[..., 3:6]))
        return Surfels(mean, log_scale, quat, each[..., 8] * 2 + 3.0, torch.sigmoid(each[..., 9:12]), normal)

    def second_surfels(self, own: dict[str, Tensor], xyz: Tensor, normal: Tensor, offset: Tensor) -> dict[str, Tensor]:
        """Surfels of voxels in a second surface, with the scale, opacity and colour of those in the first.

        Args:
            own: the fields of Surfels for M voxels, each [M, K, ...]. xyz: int64 [M, 3] index. normal: float32 [M, 3] unit, of
                the second surface. offset: float32 [M, 3] its point minus the voxel's centre, in voxels.
        """
        frame = torch.stack([*tangents(normal), normal], 2)  # [M, 3, 3]
        spread = F.pad(self.spread, (0, 1)) @ frame.transpose(1, 2)  # [M, K, 3]
        quat = frame_quaternions(frame)[:, None].expand(-1, self.surfels, 4)
        return own | {"mean": (xyz + 0.5 + offset)[:, None] + spread, "quat": quat}

    def normalise(self, latent: Tensor) -> Tensor:
        """Latent [N, 8] to zero mean and unit variance for each channel."""
        return (latent - self.latent_mean) / self.latent_std

    def denormalise(self, latent: Tensor) -> Tensor:
        """The reverse of `normalise`."""
        return latent * self.latent_std + self.latent_mean


def small_rotations(vector: Tensor) -> Tensor:
    """Unit quaternions [..., 4] that tilt by at most about 60 degrees, from unbounded vectors [..., 3]."""
    v = torch.tanh(vector) * 0.3
    return F.normalize(torch.cat([torch.ones_like(v[..., :1]), v], -1), dim=-1)


def multiply_quaternions(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product a b of wxyz quaternions [..., 4], broadcast."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack([aw * bw - ax * bx - ay * by - az * bz, aw * bx + ax * bw + ay * bz - az * by,
                        aw * by - ax * bz + ay * bw + az * bx, aw * bz + ax * by - ay * bx + az * bw], -1)


def frame_quaternions(frame: Tensor) -> Tensor:
    """Unit quaternions wxyz [N, 4] of rotation matrices [N, 3, 3], differentiable, stable for every rotation."""
    m = frame
    xx, yy, zz = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    d = (m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1])
    s = (m[:, 1, 0] + m[:, 0, 1], m[:, 2, 0] + m[:, 0, 2], m[:, 2, 1] + m[:, 1, 2])
    t = (1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz)
    rows = torch.stack([torch.stack([t[0], *d], 1), torch.stack([d[0], t[1], s[0], s[1]], 1),
                        torch.stack([d[1], s[0], t[2], s[2]], 1), torch.stack([d[2], s[1], s[2], t[3]], 1)], 1)
    largest = torch.stack(t, 1).argmax(1)  # [N]
    return F.normalize(rows[torch.arange(len(m), device=m.device), largest], dim=1)
