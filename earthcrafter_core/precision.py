"""Bfloat16 where the machine is fast at it."""
from __future__ import annotations

import functools
import time

import torch

GAIN = 1.5
"""How many times as fast as float32 a product in bfloat16 has to be. Processors with bfloat16 instructions reach 4, those that
emulate it 0.1, so a busy moment does not tip the scale."""


@functools.cache
def bfloat16_is_fast(device: str) -> bool:
    """Whether a matrix product in bfloat16 measures faster than in float32 there; measured once."""
    seconds = {torch.float32: [], torch.bfloat16: []}  # type: dict[torch.dtype, list[float]]
    pairs = {d: (torch.randn(1024, 256, device=device).to(d), torch.randn(256, 256, device=device).to(d)) for d in seconds}
    for _ in range(6):  # in turn, so that what disturbs one disturbs the other
        for dtype, (a, b) in pairs.items():
            t = time.perf_counter()
            float((a @ b)[0, 0])
            seconds[dtype].append(time.perf_counter() - t)
    return min(seconds[torch.float32]) > GAIN * min(seconds[torch.bfloat16])


def autocast(device: str, precision: str = "auto") -> torch.autocast:
    """Context in which networks run in bfloat16 ("bf16"), in float32 ("fp32"), or in what is faster ("auto")."""
    enabled = bfloat16_is_fast(device) if precision == "auto" else precision == "bf16"
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=enabled)
