"""One interface to sparse convolution: the torch backend on any device, spconv on CUDA where it is installed."""
from __future__ import annotations

import functools
import importlib.util
import os

from torch import Tensor

from . import ops
from .coords import Coords


@functools.cache
def spconv_available() -> bool:
    """Whether spconv can be imported. EARTHCRAFTER_SPARSE=torch turns it off."""
    return os.environ.get("EARTHCRAFTER_SPARSE") != "torch" and importlib.util.find_spec("spconv") is not None


def submanifold_conv(x: Tensor, weight: Tensor, coords: Coords) -> Tensor:
    """3^3 submanifold convolution, see ops.submanifold_conv: spconv on CUDA if installed, else torch.

    spconv 2.3.8 is never used on the CPU: its CPU build races with more than one thread and returns wrong rows.
    """
    if x.is_cuda and spconv_available():
        from .spconv_backend import submanifold_conv as spconv_conv
        return spconv_conv(x, weight, coords)
    return ops.submanifold_conv(x, weight, coords)
