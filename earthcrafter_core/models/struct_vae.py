"""StructVAE: voxels at L to a latent at L/8 and back, by pseudo-sparse to sparse blocks (paper, "StructVAE").

Beyond the paper the encoder reads each voxel's class and the decoder predicts it, so that a scene without a painted
layout, or with unpainted cells, still knows its classes.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..scene.classes import NUM_CLASSES
from ..sparse.coords import Coords
from ..sparse.ops import pool_children
from .blocks import PlaceEmbedding, Stage
from .config import CELL, LATENT, VaeConfig


@dataclass
class Decoded:
    """What the decoder makes.

    Attributes:
        coords: voxels at L (at a training target: the target's voxels).
        class_logits: [N, 26].
        candidates: for each level L/4, L/2, L: the pseudo-sparse Coords.
        logits: for each level [M]: above 0 a candidate is kept.
    """

    coords: Coords
    class_logits: Tensor
    candidates: list[Coords]
    logits: list[Tensor]


class StructEncoder(nn.Module):
    """Voxels and classes at L to mean and log-variance of the latent at L/8."""

    def __init__(self, c: VaeConfig):
        super().__init__()
        self.place = nn.Embedding(CELL ** 3, c.channels[0])
        self.semantic = nn.Embedding(NUM_CLASSES, c.channels[0])
        self.stages = nn.ModuleList(
            Stage(width, layers, None if i == 3 and c.full else c.window)
            for i, (width, layers) in enumerate(zip(c.channels, c.encoder)))
        self.pools = nn.ModuleList(nn.Linear(8 * a, b) for a, b in zip(c.channels, c.channels[1:]))
        self.cell = PlaceEmbedding(c.channels[3], c.full)
        self.out = nn.Linear(c.channels[3], 2 * LATENT)

    def forward(self, coords: Coords, class_id: Tensor) -> tuple[Coords, Tensor, Tensor]:
        """coords (N voxels), class_id int64 [N] -> cells, mean [P, 32], log-variance [P, 32]."""
        local = coords.bxyz[:, 1:] % CELL
        x = self.place((local[:, 0] * CELL + local[:, 1]) * CELL + local[:, 2]) + self.semantic(class_id)  # [N, C0]
        for stage, pool in zip(self.stages, self.pools):
            x = stage(x, coords)
            x = pool(pool_children(x, coords))
            coords = coords.pool().parents
        x = self.stages[3](x + self.cell(coords.bxyz), coords)
        mean, log_var = self.out(x).float().chunk(2, 1)
        return coords, mean, log_var.clamp(-12, 4)


class PSSBlock(nn.Module):
    """Pseudo-sparse to sparse: eight children for every voxel, N1 layers, drop those that are not there, N2 layers."""

    def __init__(self, c_in: int, c_out: int, before: int, after: int, window: int):
        super().__init__()
        self.shuffle = nn.Linear(c_in, 8 * c_out)
        self.before = Stage(c_out, before, window)
        self.classify = nn.Linear(c_out, 1)
        self.after = Stage(c_out, after, window)

    def forward(self, x: Tensor, coords: Coords, target: Coords | None) -> tuple[Tensor, Coords, Coords, Tensor]:
        """x [N, C_in] -> features [K, C_out] and Coords of the kept children, all candidates, their logits [8 N].

        With a `target` (training) its voxels are kept, whatever the classifier says.
        """
        candidates, order = coords.children()
        h = self.shuffle(x).view(len(x) * 8, -1).index_select(0, order)  # [8 N, C_out]
        h = self.before(h, candidates)
        logits = self.classify(h)[:, 0].float()
        if target is None:
            kept = (logits > 0).nonzero()[:, 0]
            kept_coords = Coords(candidates.bxyz[kept])
        else:
            at = candidates.find(target.bxyz)
            kept, kept_coords = at[at >= 0], target
            if len(kept) < len(target):
                raise ValueError("the target has voxels outside the decoded cells")
        return self.after(h.index_select(0, kept), kept_coords), kept_coords, candidates, logits


class StructDecoder(nn.Module):
    """Latent at L/8 to voxels at L."""

    def __init__(self, c: VaeConfig):
        super().__init__()
        widths = c.channels[::-1]
        self.inp = nn.Linear(LATENT, widths[0])
        self.cell = PlaceEmbedding(widths[0], c.full)
        self.lowest = Stage(widths[0], c.lowest, None if c.full else c.window)
        self.blocks = nn.ModuleList(
            PSSBlock(a, b, before, after, c.window)
            for a, b, before, after in zip(widths, widths[1:], c.before, c.after))
        self.semantic = nn.Linear(widths[3], NUM_CLASSES)

    def forward(self, latent: Tensor, cells: Coords, target: Coords | None = None) -> Decoded:
        """latent [P, 32] on `cells` -> Decoded; with `target` (voxels at L) the levels are teacher-forced."""
        targets: list[Coords | None] = [None, None, None]
        if target is not None:
            half = target.pool().parents
            targets = [half.pool().parents, half, target]
        x, coords = self.lowest(self.inp(latent) + self.cell(cells.bxyz), cells), cells
        candidates, logits = [], []
        for block, wanted in zip(self.blocks, targets):
            x, coords, all_coords, all_logits = block(x, coords, wanted)
            candidates.append(all_coords)
            logits.append(all_logits)
        return Decoded(coords, self.semantic(x).float(), candidates, logits)


class StructVAE(nn.Module):
    """Encoder, decoder and the latent's scale.

    `latent_mean` and `latent_std` [32] are measured after training; the flow works on normalised latents.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, c: VaeConfig):
        super().__init__()
        self.encoder, self.decoder = StructEncoder(c), StructDecoder(c)
        self.register_buffer("latent_mean", torch.zeros(LATENT))
        self.register_buffer("latent_std", torch.ones(LATENT))

    def normalise(self, latent: Tensor) -> Tensor:
        """Latent [P, 32] to zero mean and unit variance for each channel."""
        return (latent - self.latent_mean) / self.latent_std

    def denormalise(self, latent: Tensor) -> Tensor:
        """The reverse of `normalise`."""
        return latent * self.latent_std + self.latent_mean

    def loss(self, coords: Coords, class_id: Tensor, kl_weight: float = 1e-3) -> tuple[Tensor, dict[str, float]]:
        """Voxel classification at every level + KL (as XCube) + class cross-entropy; and figures for the log."""
        cells, mean, log_var = self.encoder(coords, class_id)
        latent = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        decoded = self.decoder(latent, cells, coords)
        occupancy = mean.new_zeros(())
        half = coords.pool().parents
        for candidates, logits, there in zip(decoded.candidates, decoded.logits, (half.pool().parents, half, coords)):
            occupied = (there.find(candidates.bxyz) >= 0).float()
            occupancy = occupancy + F.binary_cross_entropy_with_logits(logits, occupied)
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).mean()
        semantic = F.cross_entropy(decoded.class_logits, class_id)
        hit = (decoded.logits[-1] > 0) == occupied.bool()
        both = ((decoded.logits[-1] > 0) & occupied.bool()).sum() / ((decoded.logits[-1] > 0) | occupied.bool()).sum()
        figures = {"occupancy": float(occupancy.detach()), "kl": float(kl.detach()), "class": float(semantic.detach()),
                   "accuracy": float(hit.float().mean()), "iou": float(both)}
        return occupancy + kl_weight * kl + 0.2 * semantic, figures
