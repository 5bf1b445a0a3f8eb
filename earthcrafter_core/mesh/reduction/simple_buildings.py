"""Buildings for far away: fewer convex pieces, then boxes; always closed, with upright walls."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from manifold3d import Manifold

from ..building.solids import united
from ..place import Part
from ..topology import edges_of, welded
from .look import with_form

SHARES = (1.0, 0.95, 0.8)  # of the volume that the pieces must hold, by step


def simpler(part: Part, step: int) -> Part:
    """A building with less detail; the same object where that has no fewer triangles.

    Args:
        step: 0 as it is; 1 without its smallest pieces; 2 and more as upright boxes around its largest pieces.
    """
    if step == 0 or not part.convex:
        return part
    pieces = _largest(part.convex, SHARES[min(step, 2)])
    if step >= 2:
        pieces = [_box(piece, part.attributes.get("angle", 0.0)) for piece in pieces]
    vertices, faces = united(pieces)
    if not 0 < len(faces) < len(part.faces) or (edges_of(welded(vertices, faces)[1]).count != 2).any():
        return part  # nothing is won, or boxes touch along an edge only
    return replace(with_form(part, vertices, faces), convex=pieces)


def _largest(pieces: list[np.ndarray], share: float) -> list[np.ndarray]:
    """The largest pieces that together have this share of the volume, in their given order."""
    volume = np.array([Manifold.hull_points(piece).volume() for piece in pieces])
    order = np.argsort(-volume, kind="stable")
    enough = int(np.searchsorted(np.cumsum(volume[order]), share * volume.sum() * (1 - 1e-9))) + 1
    return [pieces[k] for k in np.sort(order[:enough])]


def _box(piece: np.ndarray, angle: float) -> np.ndarray:
    """The eight corners of the upright box around a piece, turned by `angle` and as high as holds the piece's volume."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    flat = piece[:, :2] @ turn.T
    low, high = flat.min(0), flat.max(0)
    bottom = piece[:, 2].min()
    top = bottom + Manifold.hull_points(piece).volume() / max(float((high - low).prod()), 1e-9)
    corners = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]) @ turn
    return np.concatenate([np.column_stack([corners, np.full(4, z)]) for z in (bottom, top)])
