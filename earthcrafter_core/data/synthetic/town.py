"""Planners of small towns: suburb and village; and the axes and streets that all towns are laid out with."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...scene import classes as c
from . import buildings as b
from . import green as g
from . import ways as r
from .canvas import Canvas

Place = Callable[[float, float], tuple[float, float]]


def frame(canvas: Canvas, angle: float) -> Place:
    """Axes turned by an angle about the scene's middle: a function (u, v) -> (x, y), with u, v in metres."""
    m = canvas.size / 2
    cos, sin = np.cos(angle), np.sin(angle)

    def place(u: float, v: float) -> tuple[float, float]:
        return m + u * cos - v * sin, m + u * sin + v * cos
    return place


def street(canvas: Canvas, place: Place, u0: float, v0: float, u1: float, v1: float, sway: float = 0.0) -> np.ndarray:
    """A line [K, 2] between two places of a frame."""
    return r.wander(canvas.rng, place(u0, v0), place(u1, v1), sway, 4)


def suburb(canvas: Canvas) -> None:
    """Streets of detached houses with drives, gardens, sheds and pools."""
    rng = canvas.rng
    angle = float(rng.uniform(0, np.pi))
    place = frame(canvas, angle)
    reach = 0.75 * canvas.size
    spacing = float(rng.uniform(58, 78))
    sway = float(rng.choice([0.0, 3.0, 8.0]))
    shift = float(rng.uniform(-spacing / 2, spacing / 2))
    streets = [street(canvas, place, -reach, v, reach, v, sway) for v in np.arange(-reach + shift, reach, spacing)]
    cross = [street(canvas, place, u, -reach, u, reach, sway / 2)
             for u in np.arange(-reach + float(rng.uniform(0, 120)), reach, float(rng.uniform(110, 170)))]
    width, pavement = float(rng.choice([6.0, 7.0, 8.0])), float(rng.choice([0.0, 1.5, 2.0], p=[0.25, 0.5, 0.25]))
    for line in cross + streets:
        r.road(canvas, line, width, pavement, bool(rng.random() < 0.6))
    if rng.random() < 0.5:
        park(canvas, *place(float(rng.uniform(-60, 60)), float(rng.uniform(-60, 60))), float(rng.uniform(28, 45)))
    front = float(rng.uniform(12, 16)) + width / 2
    for line in streets:
        _lots(canvas, line, front, width / 2 + pavement, float(rng.uniform(16, 23)))
    for line in cross:
        _lots(canvas, line, front, width / 2 + pavement, float(rng.uniform(18, 26)))
    conifers = float(rng.uniform(0, 0.35))
    for line in streets:
        for side in (-1, 1):
            if rng.random() < 0.55:
                g.tree_row(canvas, _parallel(line, side * (width / 2 + pavement + 1.2)), 11.0)
    for _ in range(int(canvas.size ** 2 / 550)):
        x, y = rng.uniform(0, canvas.size, 2)
        g.tree(canvas, float(x), float(y), c.CONIFER if rng.random() < conifers else c.BROADLEAF, 0.85)
    for _ in range(int(rng.integers(0, 10))):
        g.patch(canvas, int(rng.choice([c.SHRUB, c.MEADOW, c.SOIL])), *canvas.spot(),
                float(rng.uniform(2, 6)))


def _lots(canvas: Canvas, line: np.ndarray, front: float, kerb: float, step: float) -> None:
    """Houses along both sides of a street, each with what stands around it."""
    rng = canvas.rng
    for x, y, a in r.stations(line, step, float(rng.uniform(0, step))):
        for side in (-1.0, 1.0):
            if rng.random() < 0.06:
                continue
            nx, ny = -np.sin(a) * side, np.cos(a) * side
            back = front + float(rng.normal(0, 1.0))
            facing = a if side > 0 else a + np.pi  # the v axis points away from the street
            hu, hv = float(rng.uniform(5.2, step / 2 - 1.6)), float(rng.uniform(4.0, 5.8))
            house = b.build(canvas, c.HOUSE, x + nx * back, y + ny * back, facing, hu, hv, apron=1.2)
            if house is None:
                continue
            drive = float(rng.choice([-1, 1])) * (hu - 1.8)
            ax, ay = np.cos(a) * drive, np.sin(a) * drive
            ends = np.array([(x + nx * t + ax, y + ny * t + ay) for t in (kerb, back - hv)])
            canvas.band(ends, float(rng.uniform(2.8, 4.5)), c.PATH, (c.LAWN, c.MEADOW, c.SOIL, c.PATH))
            garden = back + hv
            if rng.random() < 0.35:
                t = garden + float(rng.uniform(5, 10))
                b.build(canvas, c.STRUCTURE, x + nx * t - ax, y + ny * t - ay, facing, float(rng.uniform(1.5, 3.2)),
                        float(rng.uniform(1.4, 2.6)), apron=0.5)
            if rng.random() < 0.22:
                t = garden + float(rng.uniform(5, 8))
                g.pool(canvas, x + nx * t + ax * 0.3, y + ny * t + ay * 0.3, facing, float(rng.uniform(3, 5)),
                       float(rng.uniform(1.7, 2.6)))
            if rng.random() < 0.3:
                ex, ey = x + np.cos(a) * step / 2, y + np.sin(a) * step / 2  # the lot's edge
                g.hedge(canvas, np.array([(ex + nx * t, ey + ny * t) for t in (kerb + 0.5, garden + 10)]))
            if rng.random() < 0.3:
                t = garden + 1.8
                w, u, v = canvas.box(x + nx * t, y + ny * t, facing, 3.0, 1.6)
                deck = (np.abs(u) < 3) & (np.abs(v) < 1.6) & ~canvas.taken[w]
                canvas.paint(w, deck, c.PATH)
                canvas.take(w, deck)


def _parallel(line: np.ndarray, offset: float) -> np.ndarray:
    d = np.gradient(line, axis=0)
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-6)[:, None]
    return line + offset * np.stack([-d[:, 1], d[:, 0]], 1)


def park(canvas: Canvas, x: float, y: float, radius: float) -> None:
    """A park: a pond, paths, a playground's sand, groups of trees."""
    rng = canvas.rng
    if rng.random() < 0.6:
        r.lake(canvas, x, y, radius * 0.4, c.MEADOW if rng.random() < 0.5 else None)
    for _ in range(2):
        a = float(rng.uniform(0, np.pi))
        d = np.array([np.cos(a), np.sin(a)]) * radius
        r.path(canvas, r.wander(rng, (x - d[0], y - d[1]), (x + d[0], y + d[1]), 5.0), 2.4, rng.random() < 0.5)
    g.patch(canvas, c.SAND, x + 0.6 * radius, y, float(rng.uniform(3, 6)))
    for _ in range(int(radius * 0.8)):
        a, d = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.uniform(0.1, 1))
        g.tree(canvas, float(x + d * np.cos(a)), float(y + d * np.sin(a)),
               c.CONIFER if rng.random() < 0.2 else c.BROADLEAF, 1.1)
    w, u, v = canvas.box(x, y, 0.0, radius, radius)
    canvas.take(w, np.hypot(u, v) < radius)


def angle_of(place: Place) -> float:
    """Direction of a frame's u axis, radians."""
    (x0, y0), (x1, y1) = place(0.0, 0.0), place(1.0, 0.0)
    return float(np.arctan2(y1 - y0, x1 - x0))


def village(canvas: Canvas) -> None:
    """A crooked main road, houses and barns along it, a church, gardens, orchards and fields around."""
    rng = canvas.rng
    size = canvas.size
    canvas.cover[:] = c.MEADOW
    angle = float(rng.uniform(0, np.pi))
    main = r.across(rng, size, angle, float(rng.uniform(-30, 30)), 14.0)
    branch = [r.wander(rng, (size / 2, size / 2), (size / 2 + size * np.cos(a), size / 2 + size * np.sin(a)), 10.0)
              for a in angle + rng.uniform(0.8, 2.3, 1 + int(rng.integers(0, 2))) * rng.choice([-1, 1])]
    w, d, _ = canvas.near(main, 55)
    canvas.paint(w, np.abs(d) < 45 + 8 * canvas.noise.plane(canvas.n, canvas.n, 32.0)[w], c.LAWN)
    for line in branch:
        w, d, _ = canvas.near(line, 45)
        canvas.paint(w, np.abs(d) < 34 + 8 * canvas.noise.plane(canvas.n, canvas.n, 32.0)[w], c.LAWN)
    if rng.random() < 0.4:
        stream = r.across(rng, size, angle + np.pi / 2 + float(rng.normal(0, 0.2)), float(rng.uniform(-70, 70)), 10.0)
        r.river(canvas, stream, float(rng.uniform(5, 10)))
    for line in branch:
        r.road_over_water(canvas, line, 5.0, 0.0, False)
    r.road_over_water(canvas, main, 6.0, 1.4, True)
    along = list(r.stations(main, 8.0))
    for _ in range(20):
        x, y, a = along[int(rng.uniform(0.25, 0.75) * len(along))]
        if b.church(canvas, x - np.sin(a) * 22, y + np.cos(a) * 22, a + np.pi / 2 * float(rng.integers(0, 2))):
            break
    for line in [main, *branch]:
        _farms(canvas, line)
    fields(canvas, float(rng.uniform(0, np.pi)), (c.CROPLAND, c.MEADOW, c.MEADOW, c.ORCHARD, c.SOIL), (c.MEADOW,))
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0, size, 2)
        w, d = canvas.blob(float(x), float(y), float(rng.uniform(10, 26)))
        g.wood(canvas, w, (d <= 0) & np.isin(canvas.cover[w], (c.MEADOW, c.LAWN)), c.BROADLEAF, mixed=0.1)
    g.scatter(canvas, int(size * size / 900), scale=0.9)
    r.settle_water(canvas)


def _farms(canvas: Canvas, line: np.ndarray) -> None:
    rng = canvas.rng
    for x, y, a in r.stations(line, 17.0, 5.0):
        for side in (-1.0, 1.0):
            if rng.random() < 0.25:
                continue
            back = float(rng.uniform(9, 18))
            nx, ny = -np.sin(a) * side, np.cos(a) * side
            turn = a + (np.pi / 2 if rng.random() < 0.4 else 0.0) + float(rng.normal(0, 0.08))
            kind = int(rng.choice([c.HOUSE, c.STRUCTURE, c.INDUSTRIAL], p=[0.82, 0.1, 0.08]))
            hu, hv = (float(rng.uniform(8, 14)), float(rng.uniform(5, 7))) if kind == c.INDUSTRIAL else (
                float(rng.uniform(4.5, 8)), float(rng.uniform(3.6, 5)))
            if b.build(canvas, kind, x + nx * back, y + ny * back, turn, hu, hv, apron=1.0) and rng.random() < 0.6:
                yard = np.array([(x + nx * 3, y + ny * 3), (x + nx * (back - 4), y + ny * (back - 4))])
                canvas.band(yard, float(rng.uniform(3, 7)), c.PATH, (c.LAWN, c.MEADOW))
            if rng.random() < 0.35:
                t = back + float(rng.uniform(12, 20))
                w, u, v = canvas.box(x + nx * t, y + ny * t, a, 8, 6)
                plot = (np.abs(u) < 8) & (np.abs(v) < 6) & ~canvas.taken[w] & (canvas.cover[w] == c.LAWN)
                pick = rng.random()
                if pick < 0.4:
                    g.orchard(canvas, w, plot, a, False)
                elif pick < 0.75:
                    g.field(canvas, w, plot, a, c.SOIL if pick < 0.55 else c.CROPLAND)
            if rng.random() < 0.4:
                g.hedge(canvas, np.array([(x + nx * 5, y + ny * 5), (x + nx * 32, y + ny * 32)]))


def fields(canvas: Canvas, angle: float, kinds: tuple[int, ...], over: tuple[int, ...]) -> None:
    """Split what is of the classes `over` into fields along an angle, each of one kind."""
    rng = canvas.rng
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = canvas.x[None, :] - canvas.size / 2, canvas.y[:, None] - canvas.size / 2
    bend = 5.0 * canvas.noise.plane(canvas.n, canvas.n, 64.0, 2)
    u, v = x * cos + y * sin + bend, y * cos - x * sin + bend
    step_v = float(rng.uniform(55, 120))
    strip = np.floor((v + 2000) / step_v).astype(int)
    margin = np.abs(np.mod(v + 2000, step_v) - step_v / 2) > step_v / 2 - 1.3
    for k in np.unique(strip):
        step_u = float(rng.uniform(70, 170))
        cut = np.floor((u + 2000 + rng.uniform(0, step_u)) / step_u).astype(int)
        for q in np.unique(cut):
            mask = (strip == k) & (cut == q) & ~margin & np.isin(canvas.cover, over) & ~canvas.taken
            if mask.sum() < 300:
                continue
            rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            w = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
            kind = int(rng.choice(kinds))
            turn = angle + (np.pi / 2 if rng.random() < 0.3 else 0.0)
            if kind == c.ORCHARD:
                g.orchard(canvas, w, mask[w], turn, bool(rng.random() < 0.5))
            else:
                g.field(canvas, w, mask[w], turn, kind)
