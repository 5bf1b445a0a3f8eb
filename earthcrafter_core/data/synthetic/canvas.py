"""What the planners draw on: classes, marks and relief of the ground at half a metre, buildings, trees and decks.

Positions are metres, x east, y north, the south-west corner is (0, 0). Rasters have row 0 in the north.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...scene import classes as c
from .noise import Noise
from .style import Style

PITCH = 0.5  # metres, the side of a raster cell


@dataclass
class Wing:
    """One block of a building: a rectangle with a roof of its own.

    Attributes:
        x, y: centre, metres.
        angle: of the wing's u axis from east, radians.
        hu, hv: half sides, metres; gables' ridges run along u.
        roof: "flat", "gable", "hip", "shed", "round" (an upright cylinder of radius hu) or "saw" (north-light roofs).
        eave: metres above the ground.
        pitch: rise of the roof per metre.
    """

    x: float
    y: float
    angle: float
    hu: float
    hv: float
    roof: str = "flat"
    eave: float = 6.0
    pitch: float = 0.6

    def local(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in the wing's axes, metres."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return (x - self.x) * cos + (y - self.y) * sin, (y - self.y) * cos - (x - self.x) * sin

    def place(self, u: float, v: float) -> tuple[float, float]:
        """World position of a place in the wing's axes."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return self.x + u * cos - v * sin, self.y + u * sin + v * cos


@dataclass
class Building:
    """A building: wings of one class and one look.

    Attributes:
        class_id: one of the building classes.
        wings: at least one; the highest wins where they overlap.
        wall, roof, trim: sRGB [3] each.
        facade: "house", "rows", "strips", "glass", "hall", "shop" or "plain".
        storey: metres.
    """

    class_id: int
    wings: list[Wing]
    wall: np.ndarray
    roof: np.ndarray
    trim: np.ndarray
    facade: str = "house"
    storey: float = 2.8


@dataclass
class Deck:
    """A bridge along a straight line.

    Attributes:
        start, end: (x, y) of its ends, metres.
        width: metres.
        height: of its middle above the ground, metres; the ends lie `rest` above it.
        rail: whether it carries rails instead of a road.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    width: float
    height: float
    rest: float = 0.0
    rail: bool = False


class Canvas:
    """A scene in the making.

    Attributes:
        size: metres a side; n: raster cells a side.
        cover: uint8 [n, n] class of the ground.
        mark: float32 [n, n, 4] painted marks, sRGB and opacity 0..1.
        ground: float32 [n, n] height above the smooth relief, metres.
        x, y: float32 [n] positions of the columns and rows of the rasters.
        taken: bool [n, n] where nothing more is to be built or planted.
        buildings, decks: what stands there. trees: rows of x, y, height, crown radius, class (CONIFER, BROADLEAF ...).
        shade: float32 [n, n] factor on the ground's colour.
    """

    def __init__(self, rng: np.random.Generator, size: int, style: Style, fill: int = c.LAWN):
        self.rng, self.size, self.style, self.n = rng, size, style, int(size / PITCH)
        self.noise = Noise(rng)
        self.cover = np.full((self.n, self.n), fill, np.uint8)
        self.mark = np.zeros((self.n, self.n, 4), np.float32)
        self.ground = np.zeros((self.n, self.n), np.float32)
        self.shade = np.ones((self.n, self.n), np.float32)
        self.taken = np.zeros((self.n, self.n), bool)
        self.x = ((np.arange(self.n) + 0.5) * PITCH).astype(np.float32)
        self.y = self.x[::-1].copy()
        self.buildings: list[Building] = []
        self.decks: list[Deck] = []
        self.trees: list[tuple[float, float, float, float, int]] = []

    # windows into the rasters
    def window(self, x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice]:
        """Rows and columns that cover a box in metres, clipped to the scene."""
        c0, c1 = (int(np.clip(np.floor(v / PITCH) + e, 0, self.n)) for v, e in ((x0, 0), (x1, 1)))
        r0, r1 = (int(np.clip(np.floor((self.size - v) / PITCH) + e, 0, self.n)) for v, e in ((y1, 0), (y0, 1)))
        return slice(r0, r1), slice(c0, c1)

    def grid(self, w: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
        """x [1, k] and y [m, 1] of a window."""
        return self.x[w[1]][None, :], self.y[w[0]][:, None]

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of a position, clipped to the scene."""
        return (int(np.clip((self.size - y) / PITCH, 0, self.n - 1)), int(np.clip(x / PITCH, 0, self.n - 1)))

    def spot(self, margin: float = 0.0) -> tuple[float, float]:
        """A random position, `margin` metres from the edge (nearer the middle in scenes that are smaller)."""
        margin = min(margin, self.size / 2 - 1)
        x, y = self.rng.uniform(margin, self.size - margin, 2)
        return float(x), float(y)

    # shapes
    def near(self, points: np.ndarray, reach: float):
        """Window around a polyline [K, 2], signed distance left of it and length along it (inf beyond `reach`)."""
        points = np.asarray(points, np.float32)
        low, high = points.min(0) - reach, points.max(0) + reach
        w = self.window(low[0], low[1], high[0], high[1])
        shape = (w[0].stop - w[0].start, w[1].stop - w[1].start)
        best, along = np.full(shape, np.inf, np.float32), np.zeros(shape, np.float32)
        length = 0.0
        for a, b in zip(points[:-1], points[1:], strict=True):
            d = b - a
            step = float(np.hypot(*d))
            if step < 1e-6:
                continue
            lo, hi = np.minimum(a, b) - reach, np.maximum(a, b) + reach
            part = self.window(lo[0], lo[1], hi[0], hi[1])
            sub = (slice(part[0].start - w[0].start, part[0].stop - w[0].start),
                   slice(part[1].start - w[1].start, part[1].stop - w[1].start))
            x, y = self.grid(part)
            t = ((x - a[0]) * d[0] + (y - a[1]) * d[1]) / step
            side = ((y - a[1]) * d[0] - (x - a[0]) * d[1]) / step
            over = t - np.clip(t, 0, step)
            distance = np.copysign(np.hypot(side, over), side)
            closer = np.abs(distance) < np.abs(best[sub])
            best[sub][closer] = distance[closer]
            along[sub][closer] = (length + t)[closer]
            length += step
        return w, best, along

    def box(self, x: float, y: float, angle: float, hu: float, hv: float):
        """Window around a turned rectangle and positions in its axes, u along the angle."""
        wing = Wing(x, y, angle, hu, hv)
        reach = float(np.hypot(hu, hv)) + 1
        w = self.window(x - reach, y - reach, x + reach, y + reach)
        u, v = wing.local(*self.grid(w))
        return w, u, v

    def blob(self, x: float, y: float, radius: float, rough: float = 0.35, stretch: float = 1.0, angle: float = 0.0):
        """Window and signed distance (negative inside, metres, roughly) of an irregular patch."""
        reach = radius * max(stretch, 1 / stretch) * (1 + 2 * rough) + 2
        w = self.window(x - reach, y - reach, x + reach, y + reach)
        u, v = Wing(x, y, angle, 1, 1).local(*self.grid(w))
        which = int(self.rng.integers(8))
        wobble = self.noise.plane(self.n, self.n, 32.0, which)[w] * 0.6 + \
            self.noise.plane(self.n, self.n, 8.0, which)[w] * 0.2
        return w, np.hypot(u / stretch, v * stretch) - radius * (1 + rough * np.clip(wobble, -2, 2))

    # drawing
    def paint(self, w: tuple[slice, slice], mask: np.ndarray, class_id: int) -> None:
        """Give the masked cells of a window a class; marks under it go."""
        self.cover[w][mask] = class_id
        self.mark[w][mask] = 0

    def stain(self, w: tuple[slice, slice], alpha: np.ndarray, rgb: tuple[float, float, float] | np.ndarray) -> None:
        """Paint a mark over a window with opacity `alpha` [m, k]."""
        rows, cols = np.nonzero(alpha > 0.004)
        view = self.mark[w]
        old = view[rows, cols]  # [m, 4]
        a = np.clip(np.broadcast_to(alpha, view.shape[:2])[rows, cols], 0, 1).astype(np.float32)[:, None]
        under = old[:, 3:] * (1 - a)
        total = a + under
        old[:, :3] = (np.asarray(rgb, np.float32) * a + old[:, :3] * under) / np.maximum(total, 1e-6)
        old[:, 3:] = total
        view[rows, cols] = old

    def band(self, points: np.ndarray, width: float, class_id: int, over: tuple[int, ...] | None = None) -> None:
        """Paint a strip along a polyline; `over`: the classes it may replace."""
        w, d, _ = self.near(points, width / 2 + 1)
        mask = np.abs(d) <= width / 2
        if over is not None:
            mask &= np.isin(self.cover[w], over)
        self.paint(w, mask, class_id)

    def take(self, w: tuple[slice, slice], mask: np.ndarray) -> None:
        """Mark cells as taken."""
        self.taken[w] |= mask

    def is_free(self, w: tuple[slice, slice], mask: np.ndarray) -> bool:
        """Whether nothing has been taken under the mask."""
        return bool(mask.any()) and not bool((self.taken[w] & mask).any())


def line(distance: np.ndarray, width: float) -> np.ndarray:
    """Opacity of a line of a given width at distances from its middle, softened to the raster's pitch."""
    return np.clip((width / 2 + PITCH / 2 - np.abs(distance)) / PITCH, 0, 1) * min(1.0, 0.35 + width / PITCH)


def smooth_line(points: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Corner cutting of a polyline [K, 2] that keeps its ends."""
    p = np.asarray(points, np.float64)
    for _ in range(rounds):
        if len(p) < 3:
            break
        q = np.empty((2 * len(p) - 2, 2))
        q[0::2], q[1::2] = 0.75 * p[:-1] + 0.25 * p[1:], 0.25 * p[:-1] + 0.75 * p[1:]
        q[0], q[-1] = p[0], p[-1]
        p = q
    return p
