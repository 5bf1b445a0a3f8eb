"""Where the voxels of a batch are: sorted coordinates with cached neighbour, pooling and window tables.

All tables depend on the coordinates alone, so layers and sampling steps that share a `Coords` share them.
"""
from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

_BITS = 15  # each of batch, x + 1, y + 1, z + 1 must stay below 2^15


@dataclass(frozen=True)
class Windows:
    """Voxels grouped into windows, padded to a few lengths.

    Attributes:
        gather: int64 [M] voxel of each padded slot, N where the slot is padding.
        inverse: int64 [N] slot of each voxel (each voxel has exactly one).
        buckets: (first slot, windows, slots for each window, padding mask bool [windows, slots] or None if none).
        place: int64 [N] position of each voxel within its window, 0 .. size^3 - 1.
    """

    gather: Tensor
    inverse: Tensor
    buckets: list[tuple[int, int, int, Tensor | None]]
    place: Tensor


@dataclass(frozen=True)
class Pooling:
    """Voxels and their parents on the grid of half the resolution.

    Attributes:
        parents: the coarser Coords (P voxels).
        parent: int64 [N] index of each voxel's parent.
        slot: int64 [N] which of the parent's 8 children it is: 4 (x & 1) + 2 (y & 1) + (z & 1).
    """

    parents: Coords
    parent: Tensor
    slot: Tensor


class Coords:
    """Coordinates of a batch of sparse grids.

    Args:
        bxyz: int64 [N, 4] batch index, x, y, z; non-negative, unique, sorted by (batch, x, y, z). `sorted_coords` sorts.

    Raises:
        ValueError: not of that shape, or out of range.
    """

    def __init__(self, bxyz: Tensor):
        if bxyz.ndim != 2 or bxyz.shape[1] != 4:
            raise ValueError(f"coordinates must be [N, 4], not {tuple(bxyz.shape)}")
        self.bxyz = bxyz.long()  # [N, 4]
        if len(bxyz) and (int(bxyz.min()) < 0 or int(bxyz.max()) >= (1 << _BITS) - 2):
            raise ValueError(f"coordinates must lie in 0 .. {(1 << _BITS) - 3}")
        self.keys = _keys(self.bxyz)  # [N]
        self._cache: dict = {}

    def __len__(self) -> int:
        return len(self.bxyz)

    @property
    def device(self) -> torch.device:
        return self.bxyz.device

    def shifted(self, x: int, y: int) -> Coords:
        """The same voxels moved by x and y; their order stays."""
        return self if (x, y) == (0, 0) else Coords(self.bxyz + torch.tensor([0, x, y, 0], device=self.device))

    def find(self, bxyz: Tensor) -> Tensor:
        """Index of each coordinate row [M, 4], -1 where it is not among these; int64 [M]."""
        if len(self) == 0:
            return torch.full((len(bxyz),), -1, dtype=torch.int64, device=self.device)
        keys = _keys(bxyz)
        at = torch.searchsorted(self.keys, keys).clamp_(max=len(self) - 1)
        return torch.where(self.keys[at] == keys, at, -1)

    def neighbour_pairs(self) -> list[tuple[int, Tensor, Tensor]]:
        """(kernel slot, out voxel [K], in voxel [K]) for the 3 x 3 x 3 offsets; slot 9 (dx+1) + 3 (dy+1) + (dz+1).

        The voxel at `in` lies at the voxel at `out` plus the offset. The centre (slot 13) is left out: it is the identity.
        """
        if "pairs" not in self._cache:
            pairs = []
            for slot, offset in enumerate(product((-1, 0, 1), repeat=3)):
                if slot >= 13:
                    break
                found = self.find(self.bxyz + torch.tensor((0, *offset), device=self.device))
                out = (found >= 0).nonzero()[:, 0]
                pairs.append((slot, out, found[out]))
            mirrored = [(26 - slot, inn, out) for slot, out, inn in pairs]  # the offset's opposite
            self._cache["pairs"] = pairs + mirrored
        return self._cache["pairs"]

    def pool(self) -> Pooling:
        """The grid of half the resolution."""
        if "pool" not in self._cache:
            half = self.bxyz.clone()
            half[:, 1:] >>= 1
            # Sorting by the parents' keys is not implied by the children's order in y and z.
            _, first, parent = _unique_rows(_keys(half))
            low = self.bxyz[:, 1:] & 1
            self._cache["pool"] = Pooling(Coords(half[first]), parent, low[:, 0] * 4 + low[:, 1] * 2 + low[:, 2])
        return self._cache["pool"]

    def children(self) -> tuple[Coords, Tensor]:
        """All 8 children of every voxel: Coords of 8 N voxels, and for each its row 8 parent + slot, int64 [8 N]."""
        if "children" not in self._cache:
            slots = torch.tensor(list(product((0, 1), repeat=3)), device=self.device)  # [8, 3]
            xyz = (self.bxyz[:, None, 1:] * 2 + slots).reshape(-1, 3)
            bxyz = torch.cat([self.bxyz[:, :1].repeat_interleave(8, 0), xyz], 1)  # [8 N, 4]
            coords, order = sorted_coords(bxyz)
            self._cache["children"] = (coords, order)
        return self._cache["children"]

    def spconv_tables(self) -> dict:
        """Where the spconv backend keeps its pair tables of these coordinates."""
        return self._cache.setdefault("spconv", {})

    def windows(self, size: int, shift: int, size_z: int | None = None) -> Windows:
        """Windows of size x size x size_z voxels whose borders are shifted by `shift` along each axis."""
        key = ("windows", size, shift, size_z)
        if key not in self._cache:
            self._cache[key] = _make_windows(self, size, shift, size_z or size)
        return self._cache[key]


def sorted_coords(bxyz: Tensor) -> tuple[Coords, Tensor]:
    """Coords of the rows [N, 4] in order, and that order: int64 [N] with coords.bxyz == bxyz[order]."""
    order = torch.argsort(_keys(bxyz.long()))
    return Coords(bxyz[order]), order


def _keys(bxyz: Tensor) -> Tensor:
    b, x, y, z = bxyz.unbind(1)
    return (((b << _BITS | (x + 1)) << _BITS | (y + 1)) << _BITS) | (z + 1)


def _unique_rows(keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sorted unique keys, one index of each, and the inverse."""
    unique, inverse = torch.unique(keys, return_inverse=True)
    first = torch.empty(len(unique), dtype=torch.int64, device=keys.device)
    first[inverse] = torch.arange(len(keys), device=keys.device)
    return unique, first, inverse


def _make_windows(coords: Coords, size: int, shift: int, size_z: int) -> Windows:
    n, device = len(coords), coords.device
    shifted = coords.bxyz.clone()
    shifted[:, 1:] += shift
    sizes = torch.tensor([1, size, size, size_z], device=device)
    cell = torch.div(shifted, sizes, rounding_mode="floor")
    local = shifted - cell * sizes
    place = (local[:, 1] * size + local[:, 2]) * size_z + local[:, 3]
    _, window, count = torch.unique(_keys(cell), return_inverse=True, return_counts=True)
    order = torch.argsort(window, stable=True)  # voxels, window by window
    start = torch.cumsum(count, 0) - count
    rank = torch.empty(n, dtype=torch.int64, device=device)  # place of the voxel in its window's list
    rank[order] = torch.arange(n, device=device) - start.repeat_interleave(count)
    padded = _round_up(count)
    # Windows of one padded length lie together; each gets `padded` slots.
    by_length = torch.argsort(padded, stable=True)
    first = torch.empty_like(count)
    lengths = padded[by_length]
    first[by_length] = torch.cumsum(lengths, 0) - lengths
    inverse = first[window] + rank
    total = int(padded.sum())
    gather = torch.full((total,), n, dtype=torch.int64, device=device)
    gather[inverse] = torch.arange(n, device=device)
    buckets, at = [], 0
    for length, windows in zip(*(t.tolist() for t in torch.unique_consecutive(lengths, return_counts=True))):
        mask = (gather[at:at + windows * length] < n).view(windows, length)
        buckets.append((at, windows, length, None if bool(mask.all()) else mask))
        at += windows * length
    return Windows(gather, inverse, buckets, place)


def _round_up(count: Tensor) -> Tensor:
    """Lengths padded to multiples of 8 up to 64 and of 32 above: few buckets, little padding."""
    step = torch.where(count <= 64, 8, 32)
    return torch.div(count + step - 1, step, rounding_mode="floor") * step
