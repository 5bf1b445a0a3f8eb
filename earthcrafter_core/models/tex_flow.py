"""TexFM: flow matching of the 8-channel textural latent on known voxels (paper, "TexFM").

Beyond the paper it is told the tone of each part: the mean colour of every building's roof, of its walls and of every other
class (data/parts.py). A roof is of one colour; noise that differs from voxel to voxel has no way to say which, and a network
that has to settle it by attention paints clouds. Tones are drawn from those that the data showed.

The network does not start from nothing: each class's mean and spread of the latent, and how the latent follows the tone, are
measured before training, and what the network adds is scaled as in Karras et al. (arXiv 2206.00364), so that a net that knows
nothing already gives the best guess from class, tone and noise alone. Rare classes have their colour from the first step on.
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
PALETTE = 64  # tones kept for each class's walls and for the rest of it
_FEWEST = 50  # voxels that tell a class's mean and spread


class TexFlow(nn.Module):
    """Swin U-Net at L, L/2, L/4, L/8. The semantic map is projected onto the voxels: every voxel carries its class.

    Class 0 on a voxel means that nothing is said of it (the empty condition). A tone is [r, g, b, 1] with colours in -1..1,
    or 0 where unknown.

    Attributes:
        prior_mean [26, 8]: each class's mean normalised latent; 0 where the class was never seen.
        prior_std [2, 26, 8]: its spread where the tone is unknown, and around what the tone tells.
        tone_mean [26, 3]: each class's mean tone. tone_effect [3, 8]: what a step in tone adds to the latent.
        palette [26, 2, PALETTE, 3], palette_size [26, 2]: tones that parts of the data had; index 1 is walls.
    """

    prior_mean: Tensor
    prior_std: Tensor
    tone_mean: Tensor
    tone_effect: Tensor
    palette: Tensor
    palette_size: Tensor

    def __init__(self, c: SparseFlowConfig, condition: tuple[int, int, int]):
        super().__init__()
        self.condition = CondNet(condition)
        self.semantic = nn.Embedding(NUM_CLASSES, _SEMANTIC)
        self.place = nn.Embedding(64, _SEMANTIC)  # height index of the voxel, clamped
        self.tone = nn.Linear(4, _SEMANTIC, bias=False)
        self.unet = SparseUNet(c, TEXTURE_LATENT, TEXTURE_LATENT, (_SEMANTIC, *condition), context=condition[2])
        shapes = {"prior_mean": (NUM_CLASSES, TEXTURE_LATENT), "tone_mean": (NUM_CLASSES, 3),
                  "tone_effect": (3, TEXTURE_LATENT), "palette": (NUM_CLASSES, 2, PALETTE, 3), "palette_size": (NUM_CLASSES, 2)}
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("prior_std", torch.ones(2, NUM_CLASSES, TEXTURE_LATENT))

    def measure_prior(self, latent: Tensor, class_id: Tensor, tone: Tensor) -> None:
        """Set what is known of each class from normalised latents [N, 8] of classes [N] and tones [N, 4]; class 0 stays."""
        away, shift = torch.zeros_like(latent), torch.zeros_like(tone[:, :3])
        told = torch.zeros_like(class_id, dtype=torch.bool)
        for c in range(1, NUM_CLASSES):
            own = class_id == c
            known = own & (tone[:, 3] > 0)
            if int(own.sum()) > _FEWEST:
                self.prior_mean[c] = latent[own].mean(0)
                away[own] = latent[own] - self.prior_mean[c]
                self.prior_std[:, c] = away[own].std(0).clamp(min=0.1)
            if int(known.sum()) > _FEWEST:
                self.tone_mean[c] = tone[known, :3].mean(0)
                shift[known] = tone[known, :3] - self.tone_mean[c]
                told |= known
        if not bool(told.any()):
            return
        self.tone_effect.copy_(torch.linalg.lstsq(shift[told], away[told]).solution)
        rest = away - shift @ self.tone_effect
        for c in class_id[told].unique().tolist():
            self.prior_std[1, c] = rest[told & (class_id == c)].std(0).clamp(min=0.1)

    def measure_palette(self, class_id: Tensor, wall: Tensor, tone: Tensor) -> None:
        """Keep up to PALETTE tones for each class, walls apart, of parts with class [P], wall bool [P] and tone [P, 4]."""
        for c in range(1, NUM_CLASSES):
            for upright in (0, 1):
                own = tone[(class_id == c) & (wall == bool(upright)) & (tone[:, 3] > 0), :3]
                kept = own[torch.linspace(0, len(own) - 1, min(len(own), PALETTE)).round().long()] if len(own) else own
                self.palette[c, upright, :len(kept)] = kept
                self.palette_size[c, upright] = len(kept)

    def voxels(self, features: tuple[Tensor, ...], coords: Coords, class_id: Tensor, tone: Tensor,
               ) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Condition features for every level, tokens for cross-attention, and mean and spread [N, 8] that each voxel's class
        and tone [N, 4] tell."""
        levels = [self.semantic(class_id) + self.place(coords.bxyz[:, 3].clamp(max=63)) + self.tone(tone)]
        here = coords
        for plane in features:
            here = here.pool().parents
            levels.append(on_columns(plane, here))
        known = tone[:, 3:]
        mean = self.prior_mean[class_id] + known * ((tone[:, :3] - self.tone_mean[class_id]) @ self.tone_effect)
        std = torch.where(known > 0, self.prior_std[1][class_id], self.prior_std[0][class_id])
        return levels, features[-1].flatten(2).transpose(1, 2), mean, std

    def forward(self, x: Tensor, coords: Coords, t: Tensor, features: tuple[list[Tensor], Tensor, Tensor, Tensor]) -> Tensor:
        """x [N, 8], t [B], features from `voxels` -> clean latent [N, 8], normalised."""
        levels, tokens, mean, std = features
        each = t[coords.bxyz[:, 0], None]  # [N, 1]
        noise = 1 - each
        variance = (each * std).square() + noise.square()  # of x around t mean, [N, 8]
        guess = mean + each * std.square() / variance * (x - each * mean)  # E[x_1 | x_t] of a Gaussian
        scaled = (x - each * mean) / variance.sqrt()  # unit variance at every t
        return guess + std * noise * variance.rsqrt() * self.unet(scaled, coords, t, levels, tokens).float()
