"""Plants' faces on sheets of leaves and bark: strips that come again around a crown or trunk, and flat pieces above and below.

All forms and levels of detail of a class share its sheets. Leaves have about their true size on all of them.
"""
from __future__ import annotations

import numpy as np

SIDE, TOP, UNDER = range(3)
"""Sheets of a lobed crown: around it, its top and its underside as seen from above and from below."""
LOW, MIDDLE, HIGH = range(3)
"""Sheets of a conifer: its tiers, by how high they are. Each has a tier's upper side and, below UPPER, its lower side."""
BARK = 3
REPEATS = 3  # times that a lobed crown's side sheet comes again around it
OVER, CONE_OVER = 1.4, 1.75  # strips are so many times their period wide: faces that cross their seam go on; a conifer's
TOP_FROM, UNDER_TO = 0.72, -0.78  # height of directions in which a crown's faces are on the flat sheets
CAP = 0.84  # of the crown's radius: half the width of the flat sheets
SIDE_ANGLES = (np.radians(25), np.radians(158))  # from above: upper and lower edge of the side sheet
CREASED = 0.05  # of the side sheet: how much lower, where it is darker, deep creases lie on it
UPPER = 0.3  # of a conifer's sheet


def around(vertices: np.ndarray, faces: np.ndarray, v: np.ndarray, repeats: int = 1, over: float = OVER
           ) -> np.ndarray:
    """Places float64 [F, 3, 2] of faces on a strip around the axis: the turn, and a height v [V] or [F, 3] of 0..1 as given.

    Corners on the axis have the turn of the others' middle. The strip comes again `repeats` times around, less often where
    faces are too wide for it, which is `over` periods wide.
    """
    place = vertices[faces]
    axis = np.hypot(place[..., 0], place[..., 1]) < 1e-9
    turn = np.arctan2(place[..., 1], place[..., 0]) / (2 * np.pi)
    first = np.take_along_axis(turn, axis.argmin(1)[:, None], 1)
    turn = first + (turn - first + 0.5) % 1 - 0.5
    middle = np.where(axis, 0, turn).sum(1, keepdims=True) / np.maximum((~axis).sum(1, keepdims=True), 1)
    turn = np.where(axis, middle, turn)
    widest = np.ptp(turn, axis=1).max(initial=0.0)
    turn = turn * max(1, min(repeats, int((over - 1) / max(widest, 1e-9))))
    turn -= np.floor(turn.min(1, keepdims=True))
    return np.stack([np.minimum(turn / over, 1), v if v.shape == turn.shape else v[faces]], -1)


def lobed(points: np.ndarray, faces: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the faces of a lobed crown lie.

    Args:
        points: float64 [V, 3] directions of its corners. faces: int [F, 3]. depth: [V] 0..1, 0 in the deepest creases.

    Returns:
        The sheet of each face, int64 [F], and its corners' places there, float64 [F, 3, 2] of 0..1.
    """
    middle = points[faces].mean(1)
    height = middle[:, 2] / np.maximum(np.linalg.norm(middle, axis=1), 1e-9)
    sheet = np.where(height > TOP_FROM, TOP, np.where(height < UNDER_TO, UNDER, SIDE))
    angle = np.arccos(np.clip(points[:, 2], -1, 1))
    up = (SIDE_ANGLES[1] - angle) / (SIDE_ANGLES[1] - SIDE_ANGLES[0]) - CREASED * (1 - depth) + CREASED / 3
    uv = np.empty((len(faces), 3, 2))
    side = sheet == SIDE
    uv[side] = around(points, faces[side], np.clip(up, 0, 1), REPEATS)
    flat = points[faces[~side]][..., :2] / CAP
    uv[~side] = np.clip(0.5 + 0.5 * flat, 0, 1)
    return sheet, uv
