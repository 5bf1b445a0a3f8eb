"""Where one building stands: its columns, the direction of its walls, and a fine raster in the frame of these."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

STEP = 0.25  # cells: pitch of the raster in the building's frame
BLUR = 0.7  # cells: standard deviation of the blur that takes the steps off a border askew
PARTY = 0.4  # share by which a building is let into the columns of another beside it, so that no gap stays between them
MARGIN = 4  # cells around a building that are looked at
FEW = 60  # cells of a building too small for its border to tell its direction
MOST = 1000  # about so many points of the border tell the direction
_REFINE = np.radians(np.linspace(-4, 4, 17))


@dataclass(frozen=True)
class Frame:
    """A plane frame: u runs at `angle` (radians from east), v to its left, metres from `centre` (world x, y)."""

    centre: np.ndarray
    angle: float

    def axes(self) -> np.ndarray:
        """Rows u and v in the world, float64 [2, 2]."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, s], [-s, c]])

    def own(self, world: np.ndarray) -> np.ndarray:
        """World x, y [..., 2] in this frame."""
        return (world - self.centre) @ self.axes().T

    def world(self, own: np.ndarray) -> np.ndarray:
        """Points [..., 2] of this frame in the world."""
        return own @ self.axes() + self.centre


@dataclass
class Patch:
    """The columns around one building: its window of the place's planes, continued at the place's border.

    Attributes:
        mask: bool [X, Y] its columns. share: float64 [X, Y] 1 there, PARTY in those of other buildings beside them.
        height: float64 [X, Y] world z of their roofs, the nearest column's outside.
        origin: world x, y of the window's south-west corner. cell: metres. extent: (x0, y0, x1, y1) of the whole place.
    """

    mask: np.ndarray
    share: np.ndarray
    height: np.ndarray
    origin: np.ndarray
    cell: float
    extent: tuple[float, float, float, float]

    def sample(self, plane: np.ndarray, world: np.ndarray, order: int = 1) -> np.ndarray:
        """Values of a plane [X, Y] at world x, y [..., 2]; order 0 nearest, 1 bilinear."""
        at = (world - self.origin) / self.cell - 0.5
        return ndimage.map_coordinates(plane, np.moveaxis(at, -1, 0), order=order, mode="nearest")

    def inside(self, world: np.ndarray) -> np.ndarray:
        """Whether world x, y [..., 2] lie in the place."""
        x0, y0, x1, y1 = self.extent
        return (world[..., 0] >= x0) & (world[..., 0] <= x1) & (world[..., 1] >= y0) & (world[..., 1] <= y1)


@dataclass
class Raster:
    """A fine raster [I, J] in a building's frame.

    Attributes:
        u, v: float64 [I], [J] of the samples' middles, metres. step: metres.
        share: float64 [I, J] share of the sample that is the building's. known: bool, whether it lies in the place.
        world: float64 [I, J, 2].
    """

    u: np.ndarray
    v: np.ndarray
    step: float
    share: np.ndarray
    known: np.ndarray
    world: np.ndarray

    def area(self) -> float:
        """Square metres of the building that lie in the place."""
        return float(((self.share > 0.5) & self.known).sum() * self.step ** 2)


def patch_of(building: np.ndarray, top: np.ndarray, number: int, box: tuple[slice, slice], origin: np.ndarray,
             cell: float) -> Patch:
    """The patch of building `number` of planes [X, Y]; box: where it lies."""
    i, j = (np.arange(s.start - MARGIN, s.stop + MARGIN) for s in box)
    at = np.ix_(*(np.clip(k, 0, n - 1) for k, n in zip((i, j), building.shape)))
    mask = building[at] == number
    beside = ndimage.binary_dilation(mask) & ~mask & (building[at] > 0)
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    far = origin + np.array(building.shape) * cell
    return Patch(mask, mask + PARTY * beside, top[at][tuple(nearest)], origin + np.array([i[0], j[0]]) * cell, cell,
                 (origin[0], origin[1], far[0], far[1]))


def main_direction(patch: Patch) -> tuple[float, float]:
    """Angle of the walls, radians, and the share 0..1 of the border that agrees on it (1: a rectangle).

    The border's slopes vote with e^(4i angle), as in data/walls.py; the angle is then turned to where the walls are thinnest.
    """
    soft = ndimage.gaussian_filter(patch.mask.astype(np.float64), 1.2)
    gx, gy = np.gradient(soft)
    slope = np.hypot(gx, gy)
    border = patch.mask & ~ndimage.binary_erosion(patch.mask, border_value=1) & (slope > 1e-6)
    if not border.any():
        return 0.0, 0.0
    if patch.mask.sum() < FEW:
        return _box_direction(np.argwhere(patch.mask)), 1.0
    away = np.arctan2(-gy[border], -gx[border])
    weight = slope[border]
    turn = (weight * np.exp(4j * away)).sum()
    angle = float(np.angle(turn) / 4)
    edge = np.stack(np.nonzero(border), 1) + ((soft[border] - 0.5) / slope[border]).clip(-1, 1)[:, None] * np.stack(
        [np.cos(away), np.sin(away)], 1)
    few = slice(None, None, max(len(edge) // MOST, 1))
    scores = [_thinness(edge[few], away[few], weight[few], angle + d) - 1e-3 * abs(d) for d in _REFINE]
    return angle + float(_REFINE[int(np.argmax(scores))]), float(np.abs(turn) / weight.sum())


def _box_direction(cells: np.ndarray) -> float:
    """Angle of the box of the cells' [N, 2] own spread that holds most of them: for huts of few cells."""
    points = (cells[:, None] + np.array([(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)])).reshape(-1, 2)
    points = points - points.mean(0)
    angles = np.radians(np.arange(0, 90, 2.5))
    held = []
    for angle in angles:
        own = np.abs(points @ Frame(np.zeros(2), float(angle)).axes().T)
        held.append((own <= np.sqrt(3 * (own ** 2).mean(0))).all(1).mean())
    best = np.array(held) > max(held) - 1e-9
    return float(angles[best][int(best.sum()) // 2])


def _thinness(edge: np.ndarray, away: np.ndarray, weight: np.ndarray, angle: float) -> float:
    """How much the border points [N, 2] (cells) gather on lines along and across an angle."""
    quarter = np.rint((away - angle) / (np.pi / 2)).astype(int) % 4
    total = 0.0
    for k in range(4):
        own = quarter == k
        across = edge[own] @ np.array([np.cos(angle + k * np.pi / 2), np.sin(angle + k * np.pi / 2)])
        if len(across):
            near = np.abs(across[:, None] - across[None, :])
            total += float((np.exp(-2 * near ** 2) * np.outer(weight[own], weight[own])).sum())
    return total / float(weight.sum()) ** 2


def raster_of(patch: Patch, frame: Frame) -> Raster:
    """The patch in a frame."""
    step = STEP * patch.cell
    cells = (np.stack(np.nonzero(patch.mask), 1) + 0.5) * patch.cell + patch.origin
    own = frame.own(cells[patch.inside(cells)])
    low, high = own.min(0) - 2 * patch.cell, own.max(0) + 2 * patch.cell
    u, v = (a + (np.arange(int(np.ceil((b - a) / step))) + 0.5) * step for a, b in zip(low, high))
    world = frame.world(np.stack(np.meshgrid(u, v, indexing="ij"), -1))
    soft = ndimage.gaussian_filter(patch.share, BLUR)
    return Raster(u, v, step, patch.sample(soft, world), patch.inside(world), world)
