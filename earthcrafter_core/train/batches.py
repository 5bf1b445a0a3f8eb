"""Training scenes to batches of tensors: voxels, surfels and conditions, with random drops of what is painted."""
from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..data.parts import Parts, parts_of, tones
from ..data.training_scene import TrainingScene
from ..models.condition import Condition, on_columns
from ..models.config import CELL
from ..models.flux import FluxFeatures
from ..models.struct_flow import ELEVATION_SCALE, Relief
from ..models.tex_vae import SURFEL_SIGMA, Surfels, cross_features, frame_quaternions, tangents
from ..scene.classes import UNPAINTED
from ..sparse.coords import Coords


class Batch:
    """Tiles of one size as tensors, each made when it is first asked for (the coarse stage never needs a surfel).

    Args:
        scenes: tiles of one size. device: where the tensors go. flux: gives TexVAE's input its FLUX-VAE channels, or None.
    """

    def __init__(self, scenes: list[TrainingScene], device: str = "cpu", flux: FluxFeatures | None = None):
        self.scenes, self.device, self.flux = scenes, device, flux

    def __len__(self) -> int:
        return len(self.scenes)

    @cached_property
    def coords(self) -> Coords:
        """Voxels of all tiles."""
        rows = [np.insert(s.coords.astype(np.int64), 0, i, axis=1) for i, s in enumerate(self.scenes)]
        return Coords(self._tensor(np.concatenate(rows)))

    @cached_property
    def cells(self) -> Coords:
        """The cells at L/8 that hold a voxel."""
        rows = [np.insert(np.unique(s.coords >> 3, axis=0), 0, i, axis=1) for i, s in enumerate(self.scenes)]
        return Coords(self._tensor(np.concatenate(rows).astype(np.int64)))

    @cached_property
    def class_id(self) -> Tensor:
        """int64 [N]."""
        return self._join(lambda s: s.class_id).long()

    @cached_property
    def normal(self) -> Tensor:
        """Unit normals, float32 [N, 3]."""
        return self._join(lambda s: s.normals())

    @cached_property
    def rgb(self) -> Tensor:
        """Colour samples, float32 [N, 4, 3] in 0..1."""
        return self._join(lambda s: s.rgb).float() / 255

    @cached_property
    def points(self) -> Tensor:
        """Places of the colour samples in index space, float32 [N, 4, 3]."""
        return self._join(lambda s: s.subsample_points().astype(np.float32))

    @cached_property
    def seen(self) -> Tensor:
        """bool [N]."""
        return self._join(lambda s: s.seen)

    @cached_property
    def maps(self) -> Condition:
        """What could be painted on each tile; row 0 is y = 0."""
        height = np.stack([s.height[::-1].astype(np.float32) for s in self.scenes])
        return Condition(self._tensor(np.stack([s.layout[::-1] for s in self.scenes])).long(), self._tensor(height))

    @cached_property
    def elevation(self) -> Tensor:
        """float32 [B, Y/8, X/8] in network units around each tile's mean."""
        return self._tensor(np.stack([network_elevation(s.elevation[::-1]) for s in self.scenes]))

    @cached_property
    def parts(self) -> list[Parts]:
        """Parts of each tile."""
        return [parts_of(s.coords, s.class_id, s.normals()) for s in self.scenes]

    @cached_property
    def part_tones(self) -> list[Tensor]:
        """Tones of each tile's parts, float32 [P, 4]."""
        return [self._tensor(tones(p, s.rgb, s.seen)) for p, s in zip(self.parts, self.scenes)]

    def spread(self, tones: list[Tensor]) -> Tensor:
        """Tones of each tile's parts [P, 4] at their voxels, [N, 4]."""
        return torch.cat([t[self._tensor(p.part)] for t, p in zip(tones, self.parts)])

    def features(self) -> Tensor:
        """TexVAE's input channels, [N, 18], or [N, 66] with the FLUX-VAE features of the view from above first."""
        cross = cross_features(self.rgb, self.normal)
        if self.flux is None:
            return cross
        pictures = self._tensor(np.stack([s.from_above() for s in self.scenes])).permute(0, 3, 1, 2).float() / 127.5 - 1
        return torch.cat([on_columns(self.flux.planes(pictures), self.coords), cross], 1)

    def surfels(self) -> Surfels:
        """The surfels that the data itself shows: one for each colour sample; the target of TexVAE's renderings."""
        n, k = self.rgb.shape[:2]
        quat = frame_quaternions(torch.stack([*tangents(self.normal), self.normal], 2))  # [N, 4]
        device = self.rgb.device
        return Surfels(self.points, torch.full((n, k, 2), math.log(SURFEL_SIGMA), device=device),
                       quat[:, None].expand(n, k, 4), torch.full((n, k), 4.0, device=device), self.rgb, self.normal)

    def _join(self, what: Callable[[TrainingScene], np.ndarray]) -> Tensor:
        return self._tensor(np.concatenate([what(s) for s in self.scenes]))

    def _tensor(self, a: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(a)).to(self.device)


def network_elevation(elevation: np.ndarray) -> np.ndarray:
    """Elevation [Y, X] in metres to network units around its mean, within -4 .. 4, float32."""
    return np.clip((elevation - elevation.mean()) * ELEVATION_SCALE, -4, 4).astype(np.float32)


def drop_condition(maps: Condition, rng: np.random.Generator, empty: float = 0.1) -> Condition:
    """What an artist might have painted of it: nothing at all (chance `empty`), or with unpainted patches (0.25);
    heights nowhere (0.5), everywhere, or in patches, in each case where something is painted."""
    class_id, height = maps.class_id.clone(), maps.height.clone()
    for b in range(len(class_id)):
        chance = rng.random()
        if chance < empty:
            class_id[b] = UNPAINTED
        elif chance < empty + 0.25:
            class_id[b][patches(rng, class_id[b].shape)] = UNPAINTED
        hint = rng.random()
        if hint < 0.5:
            height[b] = torch.nan
        elif hint < 0.75:
            height[b][patches(rng, height[b].shape)] = torch.nan
        else:
            height[b] += float(rng.normal(0, 0.3))
        height[b][class_id[b] == UNPAINTED] = torch.nan
    return Condition(class_id, height)


def patches(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """A few random rectangles, bool [Y, X]."""
    mask = torch.zeros(*shape, dtype=torch.bool)
    for _ in range(int(rng.integers(1, 5))):
        size = [int(rng.integers(CELL, max(CELL + 1, n * 3 // 4))) for n in shape]
        y, x = (int(rng.integers(0, n - s + 1)) for n, s in zip(shape, size))
        mask[y:y + size[0], x:x + size[1]] = True
    return mask


def drop_tones(tones: list[Tensor], rng: np.random.Generator) -> list[Tensor]:
    """Tones [P, 4] of tiles with some unknown (all of a tile: 0.1, each part: 0.1), the others as exact as a palette is."""
    out = []
    for tone in tones:
        kept = torch.from_numpy((rng.random(len(tone)) > 0.1) & (rng.random() > 0.1)).to(tone)
        noise = torch.from_numpy(rng.normal(0, 0.04, (len(tone), 3))).to(tone)
        tone = torch.cat([tone[:, :3] + noise, tone[:, 3:]], 1)
        out.append(tone * (tone[:, 3] * kept)[:, None])
    return out


def drop_relief(elevation: Tensor, rng: np.random.Generator) -> Relief:
    """The relief known everywhere (0.4), nowhere (0.4) or in patches, for each tile of [B, Y, X]."""
    known = torch.zeros(elevation.shape, dtype=torch.bool)
    for b in range(len(elevation)):
        chance = rng.random()
        known[b] = True if chance < 0.4 else False
        if chance > 0.8:
            y, x = (int(rng.integers(0, n)) for n in elevation.shape[1:])
            known[b, :y + 1, :x + 1] = True
    return Relief(elevation, known.to(elevation.device))
