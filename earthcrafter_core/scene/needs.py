"""What a generation will need, before it starts: seconds and memory from measurements. NumPy alone, used by both sides.

The constants were measured with the shipped weights on one core of the machine that the README's table names (AMD EPYC with
AVX-512 and bfloat16), layouts of 64, 128, 256 and 350 m; `python -m benchmarks needs` measures again and prints both
(mesh and write: raised since by what splats from meshes take, 17 and 90 % of them on a machine half as fast). Other
machines differ by a factor, which a session learns from its own runs: `speed`.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

TILE, CELL = 128, 8  # voxels along one side of a tile and of a coarse cell
TEXTURE_WINDOW, TEXTURE_OVERLAP = 32, 8  # cells along one side of the texture's largest window, and shared by neighbours
SECONDS = {"load": 0.3, "coarse": 0.024, "fine": 0.027, "voxels": 2.1e-3, "surfaces": 7.5e-6, "texture": 1.9e-5,
           "surfels": 1.15e-5, "drape": 5e-6, "mesh": 7.5e-5, "write": 3.0e-5}
"""Of one core. load: once. coarse, fine: for each window and step. voxels: for each column of cells. texture: for each column
of voxels in a window and each step. All others: for each column of voxels."""
MEMORY_OF_ANY, MEMORY_OF_COLUMN = 700e6, 15e3
"""Bytes: of the smallest place at its peak (libraries and networks at rest are 500e6 of them), and on top for each column of
voxels (in the stage mesh)."""
TWO_CORES = 0.75
"""Seconds with two cores as a share of those with one."""
CUDA = 0.15
"""Guess, not a measurement: seconds of the networks' stages on a graphics card as a share of those on one core."""
OF_NETWORKS = ("coarse", "fine", "voxels", "texture", "surfels")


@dataclass(frozen=True)
class Needs:
    """What a generation needs at its peak.

    Attributes:
        seconds: from the start to written files, with loaded libraries. memory_bytes: resident memory of the engine.
    """

    seconds: float
    memory_bytes: int


def needs(shape: tuple[int, int], cell_size: float, steps: int, voxel_size: float = 1.0, device: str = "cpu",
          speed: float = 1.0) -> Needs:
    """Seconds and memory of generating a layout.

    Args:
        shape: rows and columns (H, W) of the layout. cell_size, voxel_size: metres. steps: sampling steps.
        device: "cpu" or "cuda...".
        speed: this machine's measured seconds as a share of those predicted with 1.

    Example:
        >>> tile, four = needs((128, 128), 1.0, 25), needs((256, 256), 1.0, 25)
        >>> four.seconds > 3 * tile.seconds and four.memory_bytes > tile.memory_bytes
        True
    """
    rows, cols = (max(1, round(n * cell_size / voxel_size)) for n in shape)
    seconds = TWO_CORES * sum(stage_seconds((rows, cols), steps, device=device).values())
    return Needs(seconds * speed, int(MEMORY_OF_ANY + MEMORY_OF_COLUMN * rows * cols))


def stage_seconds(voxels: tuple[int, int], steps: int, guided: bool = False, device: str = "cpu") -> dict[str, float]:
    """Seconds of each stage on one core, in the order in which they run.

    Args:
        voxels: rows and columns (H, W) at voxel resolution. guided: guidance in the fine and texture flows too, which then
            run twice in each step.
    """
    columns = voxels[0] * voxels[1]
    cells = [max(TILE // CELL, math.ceil(n / CELL)) for n in voxels]
    tiles = math.prod(_windows(n, TILE // CELL) for n in cells)
    texture = math.prod(_covered(math.ceil(n / CELL)) * CELL for n in voxels)
    twice = 2 if guided else 1
    amount = {"load": 1.0, "coarse": tiles * steps, "fine": tiles * steps * twice, "voxels": cells[0] * cells[1],
              "texture": texture * steps * twice}
    faster = {name: CUDA for name in OF_NETWORKS} if device.startswith("cuda") else {}
    return {name: s * amount.get(name, columns) * faster.get(name, 1.0) for name, s in SECONDS.items()}


def _windows(cells: int, side: int) -> int:
    """How many windows of `side` cells at three quarters of it from start to start cover `cells`."""
    return 1 if cells <= side else 1 + math.ceil((cells - side) / (side * 3 // 4))


def _covered(cells: int) -> int:
    """Cells along one axis that the texture's windows cover, overlaps counted twice."""
    count = 1 if cells <= TEXTURE_WINDOW else math.ceil((cells - TEXTURE_OVERLAP) / (TEXTURE_WINDOW - TEXTURE_OVERLAP))
    return cells + (count - 1) * TEXTURE_OVERLAP
