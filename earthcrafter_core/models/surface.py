"""From chances of being occupied to a closed surface.

A surface is one voxel thick. Where its place is uncertain by a voxel or two, none of the candidates reaches an even chance,
though it is all but certain that one of them is there: a plain threshold leaves holes in roofs. So along every axis, each
run of neighbours that together expect a voxel, but have none, gets its likeliest.
"""
from __future__ import annotations

import torch
from torch import Tensor

from ..sparse.coords import Coords, sorted_coords

PRUNE = -1.0
"""Logit above which a voxel above the last level is kept: what is dropped there comes back nowhere."""
_FAINT, _LIKELY = 0.08, 0.2  # chances: below the first a run ends, below the second nothing is made of it


def surface(candidates: Coords, logits: Tensor) -> Tensor:
    """Which candidates are voxels of the surface; logits float32 [N] -> bool [N]."""
    kept = logits > 0
    chance = torch.sigmoid(logits)
    for axis in (2, 0, 1):  # roofs first, then walls
        kept = kept | _likeliest_of_runs(candidates.bxyz, chance, kept, axis)
    return kept


def _likeliest_of_runs(bxyz: Tensor, chance: Tensor, kept: Tensor, axis: int) -> Tensor:
    """The likeliest voxel of each run along an axis that expects half a voxel and has none; bool [N]."""
    rows = (chance > _FAINT).nonzero()[:, 0]
    found = torch.zeros_like(kept)
    if len(rows) == 0:
        return found
    columns = [0] + [1 + a for a in range(3) if a != axis] + [1 + axis]
    along, order = sorted_coords(bxyz[rows][:, columns])
    rows = rows[order]
    step = along.bxyz[1:] - along.bxyz[:-1]
    new = (step[:, :3] != 0).any(1) | (step[:, 3] != 1)
    run = torch.cat([new.new_zeros(1), new]).long().cumsum(0)  # [M]
    runs = int(run[-1]) + 1
    p = chance[rows]
    expected = p.new_zeros(runs).index_add(0, run, p)
    has = p.new_zeros(runs).index_add(0, run, kept[rows].to(p.dtype)) > 0
    best = p.new_zeros(runs).scatter_reduce(0, run, p, "amax")
    at = (~has & (expected > 0.5) & (best > _LIKELY))[run] & (p == best[run])
    found[rows[at]] = True
    return found
