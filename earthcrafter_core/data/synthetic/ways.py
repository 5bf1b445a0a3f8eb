"""Roads, railways, paths, car parks, water and bridges drawn on a canvas."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from ...scene import classes as c
from .canvas import Canvas, Deck, line, smooth_line
from .noise import hash01

WHITE, YELLOW = (206, 205, 200), (196, 172, 96)


def road(canvas: Canvas, points: np.ndarray, width: float = 7.0, pavement: float = 1.6, marks: bool = True) -> None:
    """A road along a polyline [K, 2] with pavements, centre and edge lines, worn tracks and patches."""
    w, d, s = canvas.near(points, width / 2 + pavement + 1)
    far = np.abs(d)
    solid = canvas.cover[w] != c.ROAD
    if pavement > 0:
        canvas.paint(w, (far <= width / 2 + pavement) & solid, c.PATH)
        canvas.stain(w, 0.35 * line(far - width / 2 - 0.2, 0.4) * solid, (150, 148, 142))
        slabs = (np.mod(s, 2.0) < 0.5) & (far > width / 2 + 0.4) & (far <= width / 2 + pavement) & solid
        canvas.stain(w, 0.10 * slabs, (90, 88, 84))
    inside = far <= width / 2
    canvas.paint(w, inside, c.ROAD)
    canvas.ground[w][inside] = -0.12
    if marks and width > 5.5:
        dash = np.mod(s, 9.0) < 4.5 if width < 9 else np.ones_like(inside)
        centre = line(d, 0.2) if width < 9 else line(far - 0.3, 0.15)
        canvas.stain(w, 0.75 * centre * dash * inside, YELLOW if width >= 9 and canvas.style.dryness > 0.4 else WHITE)
        if width >= 9:
            lanes = line(far - width / 4, 0.15) * (np.mod(s, 9.0) < 4.0)
            canvas.stain(w, 0.7 * lanes * inside, WHITE)
            canvas.stain(w, 0.6 * line(far - (width / 2 - 0.5), 0.15) * inside, WHITE)
    canvas.stain(w, 0.12 * line(far - width / 4, 0.9) * inside, (80, 80, 82))
    canvas.stain(w, 0.25 * ((canvas.noise.plane(canvas.n, canvas.n, 8.0, 6)[w] > 1.7) & inside), (86, 86, 88))
    canvas.take(w, far <= width / 2 + pavement)


def road_over_water(canvas: Canvas, points: np.ndarray, width: float, pavement: float, marks: bool = True) -> None:
    """A road whose line may cross water that is already there: the water stays, bridges carry the road."""
    water = canvas.cover == c.WATER
    road(canvas, points, width, pavement, marks)
    places = list(stations(points, 2.0))
    wet = np.array([0 <= x < canvas.size and 0 <= y < canvas.size and bool(water[canvas.cell(x, y)])
                    for x, y, _ in places])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wet, [False]]).astype(int)))
    for first, last in edges.reshape(-1, 2):
        if last - first > 32:  # along the water, not across it: the road stays on a bank of its own
            continue
        ramp = 11  # stations, 22 m
        a, b = places[max(0, first - ramp)], places[min(len(places) - 1, last + ramp)]
        reach = np.array([places[first][:2], places[last - 1][:2]])
        w, d, _ = canvas.near(reach, width / 2 + pavement + 6)
        under = water[w] & np.isfinite(d)
        canvas.paint(w, under, c.WATER)
        bridge(canvas, a[:2], b[:2], width + 2.0 + pavement, 4.2)


def crossing(canvas: Canvas, x: float, y: float, angle: float, width: float) -> None:
    """A zebra crossing over a road that runs along `angle`."""
    w, u, v = canvas.box(x, y, angle, 1.6, width / 2)
    stripe = (np.abs(u) < 1.6) & (np.abs(v) < width / 2 - 0.3) & (np.mod(v, 1.0) < 0.5)
    canvas.stain(w, 0.8 * (stripe & (canvas.cover[w] == c.ROAD)), WHITE)


def path(canvas: Canvas, points: np.ndarray, width: float = 2.2, gravel: bool = False) -> None:
    """A path along a polyline."""
    w, d, _ = canvas.near(points, width / 2 + 1)
    mask = (np.abs(d) <= width / 2) & ~np.isin(canvas.cover[w], (c.ROAD, c.WATER, c.RAILWAY))
    canvas.paint(w, mask, c.PATH)
    if gravel:
        canvas.stain(w, 0.8 * mask, (176, 158, 128))
        canvas.stain(w, 0.5 * mask * (np.abs(d) < 0.4), (124, 122, 80))
    canvas.take(w, mask)


def railway(canvas: Canvas, points: np.ndarray, tracks: int = 2) -> None:
    """Ballast, sleepers and rails along a polyline."""
    half = 1.2 + 2.1 * tracks
    w, d, s = canvas.near(points, half + 2)
    mask = np.abs(d) <= half
    canvas.paint(w, mask, c.RAILWAY)
    canvas.ground[w][mask] = 0.25
    for k in range(tracks):
        off = d - (k - (tracks - 1) / 2) * 4.2
        sleepers = (np.abs(off) < 1.35) & (np.mod(s, 1.0) < 0.5)
        canvas.stain(w, 0.55 * sleepers * mask, (92, 80, 70))
        canvas.stain(w, 0.22 * line(off, 1.4) * mask, (84, 68, 56))
        canvas.stain(w, 0.8 * line(np.abs(off) - 0.75, 0.2) * mask, (158, 152, 146))
    canvas.take(w, np.abs(d) <= half + 1.5)


def parking(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float, cars: float = 0.5) -> None:
    """A car park: rows of bays along u, lanes between them, some cars."""
    w, u, v = canvas.box(x, y, angle, hu, hv)
    mask = (np.abs(u) <= hu) & (np.abs(v) <= hv)
    canvas.paint(w, mask, c.PARKING)
    canvas.ground[w][mask] = -0.1
    pitch = 16.0  # two rows of 5 m bays and a lane of 6 m
    phase = np.mod(v + hv, pitch)
    row = (phase < 5.0) | (phase > 11.0)
    inner = mask & (np.abs(u) < hu - 1.5)
    bay = np.floor((u + hu) / 2.5)
    canvas.stain(w, 0.75 * (inner & row) * line(np.mod(u + hu + 1.25, 2.5) - 1.25, 0.15), WHITE)
    canvas.stain(w, 0.6 * inner * line(np.minimum(phase, pitch - phase), 0.15), WHITE)
    line_number = np.floor((v + hv) / pitch) * 2 + (phase > 8)
    key = int(canvas.rng.integers(1 << 20))
    draw = hash01(bay + 0 * v, line_number + 0 * u, key)
    depth = np.where(phase > 8, phase - 11.0, phase)
    g = np.mod(u + hu, 2.5)
    car = inner & row & (draw < cars) & (g > 0.4) & (g < 2.1) & (depth > 0.5) & (depth < 4.7)
    paint = np.array([(196, 196, 198), (60, 62, 66), (120, 122, 126), (138, 50, 46), (52, 66, 96), (222, 222, 220)])
    which = (hash01(bay + 0 * v, line_number + 0 * u, key + 1) * len(paint)).astype(int)
    roof = (depth > 1.6) & (depth < 4.0)
    body = paint[which].astype(np.float32)
    old = canvas.mark[w]
    old[car] = np.concatenate([np.where(roof[..., None], body, body * 0.72 + 18)[car], np.full((car.sum(), 1), 0.9)], 1)
    canvas.take(w, mask)


def river(canvas: Canvas, points: np.ndarray, width: float, banks: int = c.MEADOW) -> None:
    """A river of uneven width along a polyline with banks."""
    w, d, s = canvas.near(points, width * 0.75 + 8)
    wobble = 1.5 * canvas.noise.plane(canvas.n, canvas.n, 24.0, 2)[w] + 0.5 * canvas.noise.plane(
        canvas.n, canvas.n, 8.0, 1)[w]
    far = np.abs(d) + wobble
    canvas.paint(w, (far <= width / 2 + 5) & (canvas.cover[w] != c.ROAD), banks)
    canvas.paint(w, far <= width / 2, c.WATER)
    bar = (far > width / 2 - 2.5) & (far <= width / 2 + 1.5)
    bar &= canvas.noise.plane(canvas.n, canvas.n, 32.0, 5)[w] > 0.9
    canvas.paint(w, bar, c.SAND)
    canvas.take(w, far <= width / 2 + 2)


def lake(canvas: Canvas, x: float, y: float, radius: float, shore: int | None = None) -> None:
    """A pond or lake, with a strip of another class around it."""
    w, d = canvas.blob(x, y, radius, 0.3, float(canvas.rng.uniform(0.75, 1.35)), float(canvas.rng.uniform(0, 3)))
    free = ~canvas.taken[w]
    if shore is not None:
        canvas.paint(w, (d <= 3.5) & free, shore)
    canvas.paint(w, (d <= 0) & free, c.WATER)
    canvas.take(w, d <= 2)


def settle_water(canvas: Canvas) -> None:
    """Give water its level, 0.3 to 0.9 m below the banks, and slope the shores towards it."""
    water = canvas.cover == c.WATER
    if not water.any():
        return
    small, land = water[::2, ::2], ~water[::2, ::2]
    depth = ndimage.distance_transform_edt(small).repeat(2, 0).repeat(2, 1)
    shore = ndimage.distance_transform_edt(land).repeat(2, 0).repeat(2, 1)
    canvas.ground[water] = -np.clip(0.62 + 0.03 * depth, 0, 0.85)[water]
    bank = ~water & (shore < 5) & ~np.isin(canvas.cover, (c.ROAD, c.PATH, c.PARKING, c.RAILWAY))
    canvas.ground[bank] -= (0.45 * np.exp(-shore / 2.0))[bank]


def bridge(canvas: Canvas, start: tuple[float, float], end: tuple[float, float], width: float, height: float,
           rail: bool = False) -> None:
    """A deck over what lies between two points."""
    canvas.decks.append(Deck(start, end, width, height, 0.0, rail))
    w, d, _ = canvas.near(np.array([start, end]), width / 2 + 2)
    canvas.take(w, np.abs(d) <= width / 2 + 1)


def wander(rng: np.random.Generator, start: tuple[float, float], end: tuple[float, float], sway: float,
           knots: int = 5) -> np.ndarray:
    """A smooth line [K, 2] from start to end that sways to both sides by about `sway` metres."""
    a, b = np.array(start, float), np.array(end, float)
    t = np.linspace(0, 1, knots + 2)
    d = b - a
    side = np.array([-d[1], d[0]]) / max(float(np.hypot(*d)), 1e-6)
    off = rng.normal(0, sway, len(t)) * np.sin(np.pi * t)
    return smooth_line(a + t[:, None] * d + off[:, None] * side, 3)


def across(rng: np.random.Generator, size: int, angle: float, offset: float, sway: float = 0.0,
           knots: int = 5) -> np.ndarray:
    """A line [K, 2] right through the scene at an angle, `offset` metres left of the middle."""
    d = np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([size / 2, size / 2]) + offset * np.array([-d[1], d[0]])
    reach = 0.75 * size
    return wander(rng, tuple(middle - reach * d), tuple(middle + reach * d), sway, knots)


def stations(points: np.ndarray, step: float, start: float = 0.0) -> Iterator[tuple[float, float, float]]:
    """(x, y, direction) every `step` metres along a polyline [K, 2]."""
    d = np.diff(points, axis=0)
    length = np.hypot(d[:, 0], d[:, 1])
    total = np.concatenate([[0], np.cumsum(length)])
    for s in np.arange(start, total[-1], step):
        k = int(np.clip(np.searchsorted(total, s, side="right") - 1, 0, len(d) - 1))
        p = points[k] + d[k] * (s - total[k]) / max(length[k], 1e-6)
        yield float(p[0]), float(p[1]), float(np.arctan2(d[k, 1], d[k, 0]))
