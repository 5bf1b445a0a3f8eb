"""Meshes for physics: convex hulls and boxes of what is solid, a simplified ground."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Hull:
    """One collision mesh.

    Attributes:
        of: name of the part that it stands for. number: counts the hulls of that part from 0.
        vertices: float64 [V, 3] metres, z up. faces: int32 [F, 3] counter-clockwise from outside.
        convex: whether it is convex; the ground is not.
    """

    of: str
    number: int
    vertices: np.ndarray
    faces: np.ndarray
    convex: bool = True
