"""Our sparse 3^3 convolution against spconv on the CPU (one thread: with more it returns wrong rows) and a dense one."""
from __future__ import annotations

import torch
import torch.nn.functional as F

from earthcrafter_core.sparse import ops
from earthcrafter_core.sparse.backend import spconv_available
from earthcrafter_core.sparse.coords import Coords

from .timing import best, surface


def run() -> list[dict]:
    """Rows for 32 and 64 channels, one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return [row for channels in (32, 64) for row in _rows(surface(), channels)]
    finally:
        torch.set_num_threads(threads)


def _rows(coords: Coords, channels: int) -> list[dict]:
    x, w = torch.randn(len(coords), channels), torch.randn(27, channels, channels) / 30
    pairs = len(coords) + sum(len(out) for _, out, _ in coords.neighbour_pairs())
    about = {"flops": 2 * pairs * channels ** 2, "bytes": 4 * (2 * len(coords) * channels + w.numel())}
    what = f"submanifold conv, {len(coords)} voxels, {channels} ch, 1 thread"
    ours = best(lambda: ops.submanifold_conv(x, w, coords))
    expected = ops.submanifold_conv(x, w, coords)
    rows = [{"name": what, "seconds": ours, **about}]
    if spconv_available():
        from earthcrafter_core.sparse.spconv_backend import submanifold_conv
        error = float((submanifold_conv(x, w, coords) - expected).abs().max())
        if error > 1e-3:
            raise RuntimeError(f"spconv disagrees by {error}")
        spconv = best(lambda: submanifold_conv(x, w, coords))
        rows[0] |= {"ratio": spconv / ours, "reference": "spconv on the CPU"}
    else:
        rows.append({"name": "  against spconv", "skipped": "spconv is not installed (pip install spconv)"})
    dense, kernel = _dense(x, w, coords)
    dense_seconds = best(lambda: F.conv3d(dense, kernel, padding=1), 2)
    rows.append({"name": "  dense conv of the box around it", "seconds": dense_seconds, "ratio": dense_seconds / ours,
                 "reference": "dense / ours", "flops": 2 * 27 * channels ** 2 * dense[0, 0].numel(), "bytes": 2 * dense.nbytes})
    return rows


def _dense(x: torch.Tensor, w: torch.Tensor, coords: Coords) -> tuple[torch.Tensor, torch.Tensor]:
    """The same features in a dense grid [1, C, X, Y, Z] and the kernel as conv3d wants it; checked to agree."""
    channels = x.shape[1]
    _, i, j, k = coords.bxyz.unbind(1)
    grid = x.new_zeros(1, channels, *(coords.bxyz[:, 1:].amax(0) + 1).tolist())
    grid[0, :, i, j, k] = x.t()
    kernel = w.view(3, 3, 3, channels, channels).permute(4, 3, 0, 1, 2).contiguous()
    difference = F.conv3d(grid, kernel, padding=1)[0, :, i, j, k].t() - ops.submanifold_conv(x, w, coords)
    if float(difference.abs().max()) > 1e-3:
        raise RuntimeError("the dense convolution disagrees")
    return grid, kernel
