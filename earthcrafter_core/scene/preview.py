"""A coarse view of a place that is still being generated, as coloured triangles in a file. NumPy alone."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInput, WriteError


@dataclass
class Preview:
    """Coloured faces; no two of different colour or direction share a vertex.

    Attributes:
        position: float32 [V, 3] metres, x east and y north of the layout's south-west corner, z up as in the result.
        color: uint8 [V, 4] sRGB and alpha.
        triangles: int32 [T, 3] counter-clockwise from outside.
    """

    position: np.ndarray
    color: np.ndarray
    triangles: np.ndarray


def write_preview(file: Path, preview: Preview) -> None:
    """Write a preview's .npz; the file appears when it is whole. Raises WriteError."""
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        with open(temporary, "wb") as f:
            np.savez(f, position=preview.position, color=preview.color, triangles=preview.triangles)
        os.replace(temporary, file)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise WriteError(f"The preview {file} could not be written ({e.strerror or e}).", "Free some space.") from e


def read_preview(file: Path) -> Preview:
    """Read what `write_preview` wrote. Raises BadInput where it is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as f:
            return Preview(f["position"], f["color"], f["triangles"])
    except Exception as e:  # zipfile, ValueError, KeyError, OSError: all mean the same
        raise BadInput(f"The preview {file} cannot be read ({e}).", "Wait for the result.") from e
