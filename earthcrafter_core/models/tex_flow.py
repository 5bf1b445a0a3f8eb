"""TexFM: flow matching of the 8-channel textural latent on known voxels (paper, "TexFM").

The network does not start from nothing: each class's mean and spread of the latent are measured before training, and what
the network adds is scaled as in Karras et al. (arXiv 2206.00364), so that a net that knows nothing already gives the best
guess from class and noise alone. Rare classes have their colour from the first step on.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn

from ..scene.classes import NUM_CLASSES
from ..sparse.coords import Coords
from .condition import CondNet, on_columns
from .config import TEXTURE_LATENT, SparseFlowConfig
from .unet import SparseUNet

_SEMANTIC = 24  # width of the class embedding of a voxel


class TexFlow(nn.Module):
    """Swin U-Net at L, L/2, L/4, L/8. The semantic map is projected onto the voxels: every voxel carries its class.

    Class 0 on a voxel means that nothing is said of it (the empty condition). `prior_mean` and `prior_std` [26, 8] hold each
    class's normalised latent; classes that were never seen keep 0 and 1.
    """

    prior_mean: Tensor
    prior_std: Tensor

    def __init__(self, c: SparseFlowConfig, condition: tuple[int, int, int]):
        super().__init__()
        self.condition = CondNet(condition)
        self.semantic = nn.Embedding(NUM_CLASSES, _SEMANTIC)
        self.place = nn.Embedding(64, _SEMANTIC)  # height index of the voxel, clamped
        self.unet = SparseUNet(c, TEXTURE_LATENT, TEXTURE_LATENT, (_SEMANTIC, *condition), context=condition[2])
        self.register_buffer("prior_mean", torch.zeros(NUM_CLASSES, TEXTURE_LATENT))
        self.register_buffer("prior_std", torch.ones(NUM_CLASSES, TEXTURE_LATENT))

    def measure_prior(self, latent: Tensor, class_id: Tensor) -> None:
        """Set each class's mean and spread from normalised latents [N, 8] of classes [N]; class 0 stays at 0 and 1."""
        for c in range(1, NUM_CLASSES):
            own = latent[class_id == c]
            if len(own) > 50:
                self.prior_mean[c] = own.mean(0)
                self.prior_std[c] = own.std(0).clamp(min=0.1)

    def voxels(self, features: tuple[Tensor, ...], coords: Coords, class_id: Tensor,
               ) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Condition features for every level, tokens for cross-attention, mean and spread [N, 8] of each voxel's class."""
        levels = [self.semantic(class_id) + self.place(coords.bxyz[:, 3].clamp(max=63))]
        here = coords
        for plane in features:
            here = here.pool().parents
            levels.append(on_columns(plane, here))
        return levels, features[-1].flatten(2).transpose(1, 2), self.prior_mean[class_id], self.prior_std[class_id]

    def forward(self, x: Tensor, coords: Coords, t: Tensor, features: tuple[list[Tensor], Tensor, Tensor, Tensor]) -> Tensor:
        """x [N, 8], t [B], features from `voxels` -> clean latent [N, 8], normalised."""
        levels, tokens, mean, std = features
        each = t[coords.bxyz[:, 0], None]  # [N, 1]
        noise = 1 - each
        variance = (each * std).square() + noise.square()  # of x around t mean, [N, 8]
        guess = mean + each * std.square() / variance * (x - each * mean)  # E[x_1 | x_t] of a Gaussian
        scaled = (x - each * mean) / variance.sqrt()  # unit variance at every t
        return guess + std * noise * variance.rsqrt() * self.unet(scaled, coords, t, levels, tokens).float()
