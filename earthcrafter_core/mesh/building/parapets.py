"""Parapets: the low walls around flat roofs, as convex pieces."""
from __future__ import annotations

import numpy as np

from .roofs import prism

HIGH, THICK = 0.4, 0.25  # metres
LEAST_AREA = 40.0  # square metres of footprint that has one
BURIED = 0.2  # metres that a parapet reaches below the roof's surface


def grid_parapets(u: np.ndarray, v: np.ndarray, level: np.ndarray, heights: np.ndarray) -> list[np.ndarray]:
    """Parapets where the roof over a grid of lines falls off to a lower level.

    Args:
        u: float64 [M + 1], v: float64 [N + 1]. level: int64 [M, N], 0 outside. heights: world z of each level, from 0.
    """
    boxes = _along(u, v, level, heights) + [(v0, u0, v1, u1, z) for u0, v0, u1, v1, z in _along(v, u, level.T, heights)]
    return [prism(np.array([(u0, v0, z + HIGH), (u1, v0, z + HIGH), (u1, v1, z + HIGH), (u0, v1, z + HIGH)]), z - BURIED)
            for u0, v0, u1, v1, z in boxes]


def _along(u: np.ndarray, v: np.ndarray, level: np.ndarray, heights: np.ndarray) -> list[tuple[float, ...]]:
    """Boxes (u0, v0, u1, v1, z) of the parapets on the lines of u; they go round inner corners."""
    padded = np.pad(level, 1)
    out: list[tuple[float, ...]] = []
    for line in range(len(u)):
        for own, other, inward in ((padded[line + 1], padded[line], 1.0), (padded[line], padded[line + 1], -1.0)):
            start = None
            for j in range(1, len(own)):
                there = own[j] > other[j] and own[j] > 0
                if start is not None and not (there and own[j] == own[start]):
                    k = own[start]
                    low = v[start - 1] - (THICK if own[start - 1] >= k and other[start - 1] >= k else 0.0)
                    high = v[j - 1] + (THICK if own[j] >= k and other[j] >= k else 0.0)
                    edges = sorted((u[line], u[line] + inward * THICK))
                    out.append((edges[0], low, edges[1], high, float(heights[k])))
                    start = None
                if there and start is None:
                    start = j
    return out


def ring_parapet(ring: np.ndarray, z: float) -> list[np.ndarray]:
    """A parapet within a convex counter-clockwise outline [P, 2] at world z; corners are mitred."""
    side = np.roll(ring, -1, 0) - ring
    inward = np.column_stack([-side[:, 1], side[:, 0]]) / np.linalg.norm(side, axis=1, keepdims=True)
    before = np.roll(inward, 1, 0)
    inner = ring + THICK * (before + inward) / (1 + (before * inward).sum(1, keepdims=True))
    return [prism(np.column_stack([np.stack([ring[k], ring[n], inner[n], inner[k]]), np.full(4, z + HIGH)]), z - BURIED)
            for k, n in zip(range(len(ring)), np.roll(np.arange(len(ring)), -1))]
