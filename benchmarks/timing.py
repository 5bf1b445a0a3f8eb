"""What the benchmarks share: timing, the machine's own rates, a surface of voxels."""
from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from earthcrafter_core.sparse.coords import Coords


def best(f: Callable[[], object], repeat: int = 5) -> float:
    """Least seconds of several calls after one that warms up."""
    f()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def matmul_rate(dtype: torch.dtype) -> float:
    """Highest FLOP/s of matrix products of the sizes that the networks use and larger."""
    rates = []
    for rows, width in ((20_000, 128), (8192, 256), (4096, 1024)):
        a, b = torch.randn(rows, width).to(dtype), torch.randn(width, width).to(dtype)
        rates.append(2 * rows * width * width / best(lambda a=a, b=b: a @ b))
    return max(rates)


def memory_rate() -> float:
    """Bytes read and written in a second by a copy that is larger than the caches."""
    a = torch.randn(16_000_000)
    b = torch.empty_like(a)
    return 2 * a.nbytes / best(lambda: b.copy_(a))


def surface(side: int = 128, seed: int = 0) -> Coords:
    """About 30,000 voxels of rolling ground with boxes on it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    top = (5 + 2 * np.sin(x / 9) * np.cos(y / 13)).astype(int)
    rows = [np.stack([0 * x.ravel(), x.ravel(), y.ravel(), top.ravel()], 1)]
    for _ in range(side // 4):
        x0, y0 = rng.integers(0, side - 14, 2)
        w, d, h = rng.integers(6, 14, 3)
        box = np.stack(np.meshgrid(np.arange(w), np.arange(d), np.arange(h), indexing="ij"), -1).reshape(-1, 3)
        wall = (box[:, 0] % (w - 1) == 0) | (box[:, 1] % (d - 1) == 0) | (box[:, 2] == h - 1)
        rows.append(np.insert(box[wall] + [x0, y0, 5], 0, 0, axis=1))
    return Coords(torch.from_numpy(np.unique(np.concatenate(rows), axis=0)))
