"""Submanifold convolution by spconv (https://github.com/traveller59/spconv), for CUDA."""
from __future__ import annotations

import functools

import torch
from torch import Tensor

from .coords import Coords


@functools.cache
def _layer(c_in: int, c_out: int) -> torch.nn.Module:
    """A bias-free SubMConv3d without weights of its own: they are passed at each call."""
    from spconv.pytorch import SubMConv3d
    return SubMConv3d(c_in, c_out, 3, bias=False, indice_key="submanifold").to("meta")


def submanifold_conv(x: Tensor, weight: Tensor, coords: Coords) -> Tensor:
    """As ops.submanifold_conv: x [N, C_in], weight [27, C_in, C_out] -> [N, C_out]; gradients to both.

    spconv's pair tables are kept with the coordinates, as the torch backend's are.
    """
    from spconv.pytorch import SparseConvTensor
    tables = coords.spconv_tables()
    c_in, c_out = weight.shape[1:]
    filters = weight.view(3, 3, 3, c_in, c_out).permute(4, 0, 1, 2, 3).contiguous()  # spconv's KRSC order
    extent = (coords.bxyz[:, 1:].amax(0) + 1).tolist()
    batch = int(coords.bxyz[-1, 0]) + 1
    tensor = SparseConvTensor(x.contiguous(), coords.bxyz.int(), extent, batch, indice_dict=tables)
    return torch.func.functional_call(_layer(c_in, c_out), {"weight": filters}, (tensor,)).features
