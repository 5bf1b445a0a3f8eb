"""Flow matching: path, loss weight, noise that is a function of (seed, place), and the sampler.

x_t = (1 - t) x_0 + t x_1 with noise x_0 and data x_1 (Lipman et al., arXiv 2210.02747). The networks predict the clean
sample x_1; the velocity is (x_1 - x_t) / (1 - t).
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .errors import Cancelled

Denoiser = Callable[[Tensor, float], Tensor]
"""x_t and t -> predicted clean sample, same shape."""


def interpolate(x1: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t on the straight path; t broadcasts against x1."""
    return (1 - t) * noise + t * x1


def loss_weight(t: Tensor) -> Tensor:
    """Weight of the squared error of the clean sample: that of the velocity, (1 - t)^-2, capped at 10."""
    return (1 - t).clamp(min=10 ** -0.5) ** -2


def sample(denoise: Denoiser, noise: Tensor, steps: int, *, unconditional: Denoiser | None = None, guidance: float = 1.0,
           known: tuple[Tensor, Tensor] | None = None, on_step: Callable[[int, int], None] | None = None,
           cancel: Callable[[], bool] | None = None) -> Tensor:
    """Integrate the flow from noise (t = 0) to a sample (t = 1) with Euler steps.

    Args:
        denoise: the conditional prediction. noise: x_0, any shape. steps: at least 1.
        unconditional, guidance: classifier-free guidance, u + guidance (c - u); skipped where guidance is 1.
        known: (mask broadcastable to the sample, values): where the mask is true the values are kept and the rest is
            made to fit. on_step: called with (steps done, steps). cancel: looked at before every step.

    Returns:
        The sample, same shape as noise; exactly `values` where known.

    Raises:
        Cancelled: cancel() was true. ValueError: steps < 1.

    Example:
        >>> x1 = torch.ones(3)
        >>> bool(torch.allclose(sample(lambda x, t: x1, torch.zeros(3), 4), x1))
        True
    """
    if steps < 1:
        raise ValueError("steps must be at least 1")
    x = noise
    for i in range(steps):
        if cancel is not None and cancel():
            raise Cancelled
        t, after = i / steps, (i + 1) / steps
        if known is not None:
            x = torch.where(known[0], (1 - t) * noise + t * known[1], x)
        clean = denoise(x, t)
        if unconditional is not None and guidance != 1:
            empty = unconditional(x, t)
            clean = empty + guidance * (clean - empty)
        x = x + (clean - x) * ((after - t) / (1 - t))
        if on_step is not None:
            on_step(i + 1, steps)
    return x if known is None else torch.where(known[0], known[1].to(x.dtype), x)


def place_noise(seed: int, stage: str, coords: np.ndarray, channels: int) -> Tensor:
    """Standard normal noise that depends on the seed, the stage and the place alone.

    Args:
        seed: any integer. stage: name that keeps the stages' noise apart. coords: int [N, 3] absolute indices.
        channels: values for each place.

    Returns:
        float32 [N, channels]; the same for a place whatever else is asked with it.
    """
    name = int.from_bytes(stage.encode()[:8].ljust(8, b"\0"), "little")
    with np.errstate(over="ignore"):
        key = _mix(np.array([seed & (2 ** 64 - 1)], np.uint64) ^ np.uint64(name))
        c = np.asarray(coords, np.int64).astype(np.uint64)
        for axis in range(3):
            key = _mix(key ^ c[:, axis] + np.uint64(0x9E3779B97F4A7C15) * np.uint64(axis + 1))
        pairs = (channels + 1) // 2
        bits = _mix(key[:, None] + np.arange(2 * pairs, dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03))
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0 ** -53  # [N, 2 pairs] in (0, 1)
    radius, angle = np.sqrt(-2 * np.log(uniform[:, :pairs])), 2 * np.pi * uniform[:, pairs:]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)[:, :channels]  # Box and Muller
    return torch.from_numpy(normal.astype(np.float32))


def _mix(z: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele et al., 2014): a bijection that scatters uint64 values."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
