"""The plants of a place as a file: plants.npz, one array for each field of `Instances`."""
from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ...scene.instances import Instances, read_plants

__all__ = ["read_plants", "write_plants"]


def write_plants(path: Path, plants: Instances) -> None:
    """Write plants.npz whole or not at all; the same plants give the same bytes. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(temporary, "wb") as f:
            np.savez_compressed(f, **asdict(plants))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
