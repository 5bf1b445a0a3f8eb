"""The CPU rasteriser against the torch oracle and against the arithmetic that the picture needs."""
from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor

from earthcrafter_core.render import Camera, render
from earthcrafter_core.render.definition import LOW_PASS
from earthcrafter_core.render.projection import project

SIDE = 128.0  # metres
FLOPS_PAIR = 40  # projective offset, division, exponential and blending of one surfel at one pixel, forward
FLOPS_PAIR_BACKWARD = 70
BYTES_SURFEL = 4 * (3 + 2 + 4 + 1 + 3)


def run() -> list[dict]:
    """Rows: name, seconds (best of several), ratio (reference / this; above 1 is faster), reference, flops, bytes.

    flops and bytes are floors: what the surfels and pixels that meet need, if nothing were computed in vain.
    """
    rows = _against_oracle(n=1000, size=64)
    for n in (50_000, 200_000):
        rows += _terrain(n, size=512)
    return rows


def terrain(n: int, seed: int = 0) -> list[Tensor]:
    """Surfels strewn over rolling ground of 128 m, sized to cover it: mean, log_scale, quat, opacity, color; leaves."""
    rng = np.random.default_rng(seed)
    xy = rng.random((n, 2)) * SIDE
    z = 6 * np.sin(xy[:, 0] / 11) * np.cos(xy[:, 1] / 17)
    g = torch.Generator().manual_seed(seed)
    quat = torch.randn(n, 4, generator=g) * 0.15
    quat[:, 0] = 1
    scene = [torch.tensor(np.column_stack([xy, z]), dtype=torch.float32),
             math.log(0.6 * SIDE / math.sqrt(n)) + 0.2 * torch.randn(n, 2, generator=g), quat,
             2 + torch.randn(n, generator=g), torch.rand(n, 3, generator=g)]
    return [t.requires_grad_() for t in scene]


def _against_oracle(n: int, size: int) -> list[dict]:
    scene, camera = terrain(n), Camera.oblique((0, 0, SIDE, SIDE), width=size, height=size)
    oracle = _time(camera, scene, "oracle", repeat=2)
    return _rows(f"{n} surfels, {size} x {size}", _time(camera, scene, "cpu", repeat=5), camera, scene, oracle)


def _terrain(n: int, size: int) -> list[dict]:
    scene, camera = terrain(n), Camera.oblique((0, 0, SIDE, SIDE), width=size, height=size)
    return _rows(f"{n} surfels, {size} x {size}", _time(camera, scene, "cpu", repeat=5), camera, scene, None)


def _rows(name: str, seconds: tuple[float, float], camera: Camera, scene: list[Tensor],
          oracle: tuple[float, float] | None) -> list[dict]:
    pairs, n = _pairs(camera, scene), len(scene[0])
    image = 4 * camera.width * camera.height * 4
    rows = []
    for k, (step, per_pair, passes) in enumerate((("forward", FLOPS_PAIR, 1), ("backward", FLOPS_PAIR_BACKWARD, 2))):
        rows.append({"name": f"rasteriser {step}, {name}", "seconds": seconds[k],
                     "ratio": oracle[k] / seconds[k] if oracle else None,
                     "reference": "torch oracle" if oracle else None,
                     "flops": pairs * per_pair, "bytes": passes * (n * BYTES_SURFEL + image)})
    return rows


def _time(camera: Camera, scene: list[Tensor], backend: str, repeat: int) -> tuple[float, float]:
    """Best seconds forward and backward; the first run compiles or loads the kernels and does not count."""
    def forward() -> Tensor:
        return render(camera, *scene, backend=backend).rgb.square().mean()

    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        loss = forward()
        middle = time.perf_counter()
        loss.backward()
        times.append((middle - start, time.perf_counter() - middle))
    return min(t[0] for t in times[1:]), min(t[1] for t in times[1:])


@torch.no_grad()
def _pairs(camera: Camera, scene: list[Tensor]) -> int:
    """About how many (surfel, pixel) pairs count: areas of the projected ellipses, pixels."""
    seen = project(camera, *scene[:4])
    reach2 = 2 * torch.log(255 * seen.opacity)
    area = math.pi * reach2 * torch.maximum(torch.linalg.det(seen.jacobian).abs(), torch.tensor(1 / LOW_PASS))
    return int(area.clamp(max=camera.width * camera.height).sum())
