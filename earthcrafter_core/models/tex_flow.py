"""TexFM: flow matching of the 8-channel textural latent on known voxels (paper, "TexFM")."""
from __future__ import annotations

from torch import Tensor, nn

from ..scene.classes import NUM_CLASSES
from ..sparse.coords import Coords
from .condition import CondNet, on_columns
from .config import TEXTURE_LATENT, SparseFlowConfig
from .unet import SparseUNet

_SEMANTIC = 24  # width of the class embedding of a voxel


class TexFlow(nn.Module):
    """Swin U-Net at L, L/2, L/4, L/8. The semantic map is projected onto the voxels: every voxel carries its class.

    Class 0 on a voxel means that nothing is said of it (the empty condition).
    """

    def __init__(self, c: SparseFlowConfig, condition: tuple[int, int, int]):
        super().__init__()
        self.condition = CondNet(condition)
        self.semantic = nn.Embedding(NUM_CLASSES, _SEMANTIC)
        self.place = nn.Embedding(64, _SEMANTIC)  # height index of the voxel, clamped
        self.unet = SparseUNet(c, TEXTURE_LATENT, TEXTURE_LATENT, (_SEMANTIC, *condition), context=condition[2])
        self.prior = nn.Embedding(NUM_CLASSES, TEXTURE_LATENT)  # a class's own latent: rare classes learn it at once
        nn.init.zeros_(self.prior.weight)

    def voxels(self, features: tuple[Tensor, ...], coords: Coords, class_id: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Condition features for every level, tokens for cross-attention, and each voxel's prior; class_id int64 [N]."""
        levels = [self.semantic(class_id) + self.place(coords.bxyz[:, 3].clamp(max=63))]
        here = coords
        for plane in features:
            here = here.pool().parents
            levels.append(on_columns(plane, here))
        return levels, features[-1].flatten(2).transpose(1, 2), self.prior(class_id)

    def forward(self, x: Tensor, coords: Coords, t: Tensor, features: tuple[list[Tensor], Tensor, Tensor]) -> Tensor:
        """x [N, 8], t [B], features from `voxels` -> clean latent [N, 8], normalised."""
        levels, tokens, prior = features
        return (self.unet(x, coords, t, levels, tokens) + prior).float()
