"""StructVAE: voxels at L to a latent at L/8 and back, by pseudo-sparse to sparse blocks (paper, "StructVAE").

Beyond the paper the encoder reads each voxel's class and the decoder predicts it, so that a scene without a painted
layout, or with unpainted cells, still knows its classes; and the decoder sees the painted map, so that walls and kerbs stand
where they were drawn, to the voxel, and the latent need only tell what the map does not.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..scene.classes import NUM_CLASSES
from ..sparse.coords import Coords
from ..sparse.ops import pool_children
from .blocks import PlaceEmbedding, Stage, zero
from .condition import CondNet, Condition, on_columns
from .config import CELL, LATENT, VaeConfig
from .surface import PRUNE, surface


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
    """Pseudo-sparse to sparse: eight children for every voxel, N1 layers, drop those that are not there, N2 layers.

    Args:
        condition: width of the map's features at this level. last: the level of the voxels themselves.
    """

    def __init__(self, c_in: int, c_out: int, before: int, after: int, window: int, condition: int, last: bool):
        super().__init__()
        self.last = last
        self.shuffle = nn.Linear(c_in, 8 * c_out)
        self.condition = zero(nn.Linear(condition, c_out))
        self.before = Stage(c_out, before, window)
        self.classify = nn.Linear(c_out, 1)
        self.after = Stage(c_out, after, window)

    def forward(self, x: Tensor, coords: Coords, plane: Tensor, target: Coords | None,
                ) -> tuple[Tensor, Coords, Coords, Tensor]:
        """x [N, C_in], plane [B, D, Y, X] -> features [K, C_out] and Coords of the kept children, all candidates, their
        logits [8 N].

        With a `target` (training) its voxels are kept and, above the last level, also what would be kept without it: the
        next level learns to drop children of voxels that are not there.
        """
        candidates, order = coords.children()
        h = self.shuffle(x).view(len(x) * 8, -1).index_select(0, order)  # [8 N, C_out]
        h = self.before(h + self.condition(on_columns(plane, candidates)), candidates)
        logits = self.classify(h)[:, 0].float()
        if target is not None and self.last:
            kept, kept_coords = _rows_of(target, candidates), target
        else:
            keep = surface(candidates, logits) if self.last else logits > PRUNE
            if target is not None:
                keep[_rows_of(target, candidates)] = True
            kept = keep.nonzero()[:, 0]
            kept_coords = Coords(candidates.bxyz[kept])
        return self.after(h.index_select(0, kept), kept_coords), kept_coords, candidates, logits


def _rows_of(target: Coords, candidates: Coords) -> Tensor:
    """The rows of the target's voxels among the candidates, in the target's order."""
    at = candidates.find(target.bxyz)
    if bool((at < 0).any()):
        raise ValueError("the target has voxels outside the decoded cells")
    return at


class StructDecoder(nn.Module):
    """Latent at L/8 and painted map to voxels at L.

    Args:
        c: widths and depths. condition: widths of CondNet's features at L/2, L/4 and L/8.
    """

    def __init__(self, c: VaeConfig, condition: tuple[int, int, int]):
        super().__init__()
        widths = c.channels[::-1]
        self.inp = nn.Linear(LATENT, widths[0])
        self.cell = PlaceEmbedding(widths[0], c.full)
        self.condition = CondNet(condition)
        self.painted = nn.Embedding(NUM_CLASSES, widths[3])
        self.lowest_condition = zero(nn.Linear(condition[2], widths[0]))
        self.lowest = Stage(widths[0], c.lowest, None if c.full else c.window)
        planes = (condition[1], condition[0], widths[3])
        self.blocks = nn.ModuleList(
            PSSBlock(a, b, before, after, c.window, plane, i == 2)
            for i, (a, b, before, after, plane) in enumerate(zip(widths, widths[1:], c.before, c.after, planes)))
        self.semantic = nn.Linear(widths[3], NUM_CLASSES)

    def planes(self, maps: Condition) -> list[Tensor]:
        """The map's features at L/8, L/4, L/2 and L, [B, D, Y, X] each."""
        half, quarter, eighth = self.condition(maps)
        return [eighth, quarter, half, self.painted(maps.class_id).permute(0, 3, 1, 2)]

    def forward(self, latent: Tensor, cells: Coords, planes: list[Tensor], target: Coords | None = None) -> Decoded:
        """latent [P, 32] on `cells`, `planes` of the map -> Decoded; with `target` (voxels at L) its voxels are kept."""
        targets: list[Coords | None] = [None, None, None]
        if target is not None:
            half = target.pool().parents
            targets = [half.pool().parents, half, target]
        x = self.inp(latent) + self.cell(cells.bxyz) + self.lowest_condition(on_columns(planes[0], cells))
        x, coords = self.lowest(x, cells), cells
        candidates, logits = [], []
        for block, plane, wanted in zip(self.blocks, planes[1:], targets):
            x, coords, all_coords, all_logits = block(x, coords, plane, wanted)
            candidates.append(all_coords)
            logits.append(all_logits)
        return Decoded(coords, self.semantic(x).float(), candidates, logits)


class StructVAE(nn.Module):
    """Encoder, decoder and the latent's scale.

    `latent_mean` and `latent_std` [32] are measured after training; the flow works on normalised latents.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, c: VaeConfig, condition: tuple[int, int, int]):
        super().__init__()
        self.encoder, self.decoder = StructEncoder(c), StructDecoder(c, condition)
        self.register_buffer("latent_mean", torch.zeros(LATENT))
        self.register_buffer("latent_std", torch.ones(LATENT))

    def normalise(self, latent: Tensor) -> Tensor:
        """Latent [P, 32] to zero mean and unit variance for each channel."""
        return (latent - self.latent_mean) / self.latent_std

    def denormalise(self, latent: Tensor) -> Tensor:
        """The reverse of `normalise`."""
        return latent * self.latent_std + self.latent_mean

    def loss(self, coords: Coords, class_id: Tensor, maps: Condition,
             kl_weight: float = 1e-3) -> tuple[Tensor, dict[str, float]]:
        """Voxel classification at every level + KL (as XCube) + class cross-entropy; and figures for the log."""
        cells, mean, log_var = self.encoder(coords, class_id)
        latent = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).mean()
        loss, figures = self.decoder_loss(latent, cells, coords, class_id, maps)
        return loss + kl_weight * kl, {**figures, "kl": float(kl.detach())}

    def decoder_loss(self, latent: Tensor, cells: Coords, coords: Coords, class_id: Tensor, maps: Condition,
                     ) -> tuple[Tensor, dict[str, float]]:
        """The decoder's part of the loss for a latent [P, 32] on cells that hold all of `coords`."""
        decoded = self.decoder(latent, cells, self.decoder.planes(maps), coords)
        occupancy = latent.new_zeros(())
        half = coords.pool().parents
        for candidates, logits, there in zip(decoded.candidates, decoded.logits, (half.pool().parents, half, coords)):
            occupied = (there.find(candidates.bxyz) >= 0).float()
            occupancy = occupancy + F.binary_cross_entropy_with_logits(logits, occupied)
        semantic = F.cross_entropy(decoded.class_logits, class_id)
        hit = (decoded.logits[-1] > 0) == occupied.bool()
        both = ((decoded.logits[-1] > 0) & occupied.bool()).sum() / ((decoded.logits[-1] > 0) | occupied.bool()).sum()
        figures = {"occupancy": float(occupancy.detach()), "class": float(semantic.detach()),
                   "accuracy": float(hit.float().mean()), "iou": float(both)}
        return occupancy + 0.2 * semantic, figures
