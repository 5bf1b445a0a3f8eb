"""Things that stand at points (trees, shrubs), and reading them from a result's folder. NumPy alone."""
from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ..errors import BadInput

PLANTS = "plants.npz"
"""The plants' file in a result's folder: one array for each field of `Instances`."""


@dataclass
class Instances:
    """Things that stand at points: trees, shrubs.

    Attributes:
        position: float64 [N, 3] metres, world: the foot on the ground.
        height, width: float32 [N] metres (width: diameter of the crown). turn: float32 [N] radians about z.
        class_id: uint8 [N]. rgb: uint8 [N, 3] mean sRGB.
    """

    position: np.ndarray
    height: np.ndarray
    width: np.ndarray
    turn: np.ndarray
    class_id: np.ndarray
    rgb: np.ndarray

    def __len__(self) -> int:
        return len(self.position)


def read_plants(path: Path) -> Instances:
    """Read what `write_plants` wrote. Raises BadInput where the file is missing, cut off or of another form."""
    try:
        with np.load(path, allow_pickle=False) as data:
            found = Instances(**{f.name: data[f.name] for f in fields(Instances)})
        count = len(found.position)
        for name, width in (("position", 3), ("rgb", 3), ("height", 0), ("width", 0), ("turn", 0), ("class_id", 0)):
            shape = getattr(found, name).shape
            if shape != ((count, width) if width else (count,)):
                raise ValueError(f"{name} has the shape {shape}")
        return found
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
        raise BadInput(f"The plants in {path} cannot be read ({e}).", "Generate the place again.") from e
