"""Planners of open places: coast, mountain valley, farmland, swatches."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from ...scene import classes as c
from . import buildings as b
from . import green as g
from . import ways as r
from .canvas import Canvas, Wing, line, smooth_line
from .town import fields, frame

LARGE = 400  # metres a side from which a place shows more than one such scene


def coast(canvas: Canvas) -> None:
    """Sea or a broad river mouth, a beach or rocks, dunes, a promenade, houses and hotels behind."""
    rng = canvas.rng
    size = canvas.size
    angle = float(rng.uniform(0, 2 * np.pi))
    n = canvas.n
    _, v = Wing(size / 2, size / 2, angle, 1, 1).local(canvas.x[None, :], canvas.y[:, None])
    inland = v + 14 * canvas.noise.plane(n, n, 128.0) * 0.8 + 3 * canvas.noise.plane(n, n, 32.0) \
        + float(rng.uniform(-10, 60))
    beach = float(rng.uniform(10, 34))
    everything = (slice(0, n), slice(0, n))
    canvas.cover[:] = c.LAWN
    rocky = canvas.noise.plane(n, n, 64.0, 4) > float(rng.uniform(0.4, 1.6))
    canvas.cover[inland < beach + 14 + 5 * canvas.noise.plane(n, n, 16.0)] = c.MEADOW
    canvas.cover[inland < beach] = c.SAND
    canvas.cover[(inland < beach * 0.8) & rocky] = c.ROCK
    lumps = (canvas.cover == c.ROCK)
    canvas.ground[lumps] += np.clip(0.9 * canvas.noise.plane(n, n, 8.0, 2), 0, 1.8)[lumps]
    canvas.cover[inland < 0] = c.WATER
    wet = (inland >= 0) & (inland < 3.5) & (canvas.cover == c.SAND)
    canvas.stain(everything, 0.5 * wet * (1 - inland / 3.5), (134, 118, 92))
    wave = np.mod(inland + 2.0 * canvas.noise.plane(n, n, 16.0, 1), 11.0)
    foam = (inland < 0) & (np.abs(wave - 5) < 0.6) & (inland > -24)
    canvas.stain(everything, 0.55 * foam * np.clip(canvas.noise.plane(n, n, 32.0, 6) + 0.3, 0, 1), (222, 226, 224))
    canvas.taken |= inland < beach + 6
    place = frame(canvas, angle)
    reach = 0.75 * size
    back = float(beach + rng.uniform(26, 40))
    road = _contour(inland, canvas, place, back, reach)
    if road is not None:
        r.road(canvas, road, 7.0, 2.2)
        r.path(canvas, _offset(road, -9.0), 3.0)
        depth = int(np.clip(size // 256, 1, 3))  # streets behind the promenade, two rows of houses each
        for x, y, a in r.stations(road, float(rng.uniform(20, 34))):
            for t in 16.0 + 28.0 * np.arange(2 + 2 * depth):
                kind = int(rng.choice([c.HOUSE, c.HOUSE, c.APARTMENTS, c.COMMERCIAL]))
                hu, hv = (float(rng.uniform(5, 8)), float(rng.uniform(4, 5))) if kind == c.HOUSE else (
                    float(rng.uniform(8, 13)), float(rng.uniform(6, 9)))
                px, py = x - np.sin(a) * t, y + np.cos(a) * t
                if rng.random() < 0.65 and b.build(canvas, kind, px, py, a, hu, hv, apron=2) and rng.random() < 0.35:
                    g.pool(canvas, px - np.sin(a) * (hv + 6), py + np.cos(a) * (hv + 6), a,
                           float(rng.uniform(3.5, 7)), 2.4)
        for k in range(depth):
            second = _offset(road, 58.0 + 56.0 * k)
            if size > LARGE:  # inside sharp bends an offset line folds: leave out what comes nearer than it should
                gap = np.hypot(*(second[:, None] - road[None]).transpose(2, 0, 1)).min(1)
                second = second[gap > 0.93 * (58.0 + 56.0 * k)]
            w, d, _ = canvas.near(second, 4)
            if (canvas.taken[w] & (np.abs(d) < 2.5)).sum() <= 0.2 * d.size:
                canvas.band(second, 5.0, c.ROAD, (c.LAWN, c.MEADOW))
    if size > LARGE:  # fields behind the town
        canvas.cover[(inland > back + 150 + 56 * (size // 256)) & (canvas.cover == c.LAWN) & ~canvas.taken] = c.CROPLAND
        fields(canvas, angle, (c.CROPLAND, c.CROPLAND, c.MEADOW, c.ORCHARD, c.SOIL), (c.CROPLAND,))
    if rng.random() < 0.6:  # a pier
        x, y = place(float(rng.uniform(-60, 60)), 0.0)
        d = np.array([np.sin(angle), -np.cos(angle)])
        r.bridge(canvas, (x - d[0] * 30, y - d[1] * 30), (x + d[0] * 90, y + d[1] * 90), 5.0, 2.6)
    g.scatter(canvas, int(size * size / 700), int(rng.choice([c.CONIFER, c.BROADLEAF])), scale=0.8)
    for _ in range(14):
        g.patch(canvas, int(rng.choice([c.SHRUB, c.SAND, c.MEADOW])), *canvas.spot(), float(rng.uniform(3, 11)),
                (c.MEADOW, c.LAWN))
    r.settle_water(canvas)


def _contour(inland: np.ndarray, canvas: Canvas, place, level: float, reach: float) -> np.ndarray | None:
    """A line [K, 2] along the shore at a distance `level` inland; None where it leaves the scene."""
    points = []
    for u in np.linspace(-reach, reach, 25):
        for v in np.linspace(-reach, reach, 200):
            x, y = place(u, v)
            if 0 <= x < canvas.size and 0 <= y < canvas.size and inland[canvas.cell(x, y)] > level:
                points.append((x, y))
                break
    return None if len(points) < 5 else _smoothed(np.array(points))


def _smoothed(line: np.ndarray) -> np.ndarray:
    kernel = np.ones(3) / 3
    p = np.stack([np.convolve(np.pad(line[:, k], 1, mode="edge"), kernel, "valid") for k in range(2)], 1)
    first, last = p[0] + (p[0] - p[1]) * 3, p[-1] + (p[-1] - p[-2]) * 3
    return smooth_line(np.vstack([first, p, last]), 2)


def _offset(line: np.ndarray, by: float) -> np.ndarray:
    d = np.gradient(line, axis=0)
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-6)[:, None]
    return line + by * np.stack([-d[:, 1], d[:, 0]], 1)


def valley(canvas: Canvas) -> None:
    """A mountain valley: a stream, meadows, conifer woods, rocks, snow above, a road, huts, a bridge."""
    rng = canvas.rng
    size, n = canvas.size, canvas.n
    angle = float(rng.uniform(0, np.pi))
    _, v = Wing(size / 2, size / 2, angle, 1, 1).local(canvas.x[None, :], canvas.y[:, None])
    v = v + float(rng.uniform(-50, 50))
    scale = float(np.clip(size / LARGE, 1, 2.5))
    if size > LARGE:  # the other side of the valley comes into sight
        v = np.maximum(v, -v - 0.4 * size)
    high = v + 20 * canvas.noise.plane(n, n, 128.0) + 8 * canvas.noise.plane(n, n, 32.0)
    canvas.cover[:] = c.MEADOW
    tree_line, rock_line, snow_line = float(rng.uniform(5, 35)), float(rng.uniform(45, 90)), float(rng.uniform(80, 130))
    tree_line, rock_line, snow_line = tree_line * scale, rock_line * scale, snow_line * scale
    everything = (slice(0, n), slice(0, n))
    rough = canvas.noise.plane(n, n, 16.0, 2)
    canvas.cover[high > rock_line + 8 * rough] = c.ROCK
    canvas.cover[high > snow_line + 14 * rough] = c.SNOW
    winter = rng.random() < 0.14
    if winter:
        canvas.cover[(canvas.cover == c.MEADOW) & (rough + canvas.noise.plane(n, n, 64.0, 5) > -0.4)] = c.SNOW
    rocks = canvas.cover == c.ROCK
    lumps = 0.7 * canvas.noise.plane(n, n, 8.0, 3) + 0.4 * canvas.noise.plane(n, n, 2.0, 3)
    canvas.ground[rocks] += np.clip(lumps, -0.2, 2.0)[rocks]
    canvas.stain(everything, 0.5 * rocks * (np.sin(high * 0.9 + 2 * rough) > 0.5), (116, 112, 108))
    canvas.stain(everything, 0.25 * (canvas.cover == c.SNOW) * np.clip(rough - 0.4, 0, 1), (196, 208, 226))
    stream = r.across(rng, size, angle, float(rng.uniform(-55, -15)), 12.0)
    w, d, s = canvas.near(stream, 30)
    r.river(canvas, stream, float(rng.uniform(7, 22)), c.MEADOW)
    w, d, _ = canvas.near(stream, 24)
    pebbles = (np.abs(d) < 16) & (canvas.cover[w] == c.MEADOW) & (canvas.noise.plane(n, n, 16.0, 5)[w] > 0.5)
    canvas.paint(w, pebbles, c.ROCK if rng.random() < 0.5 else c.SAND)
    lane = r.across(rng, size, angle, float(rng.uniform(0, 25)), 8.0)
    r.road_over_water(canvas, lane, 6.0, 0.0)
    if rng.random() < 0.7:
        k = int(rng.integers(len(stream) // 3, 2 * len(stream) // 3))
        x, y = stream[k]
        t = angle + np.pi / 2 + float(rng.normal(0, 0.15))
        dx, dy = 38 * np.cos(t), 38 * np.sin(t)
        r.road(canvas, np.array([(x - 3 * dx, y - 3 * dy), (x - dx * 0.9, y - dy * 0.9)]), 5.0, 0.0, False)
        r.bridge(canvas, (x - dx, y - dy), (x + dx, y + dy), 6.0, float(rng.uniform(4, 6)))
    for x, y, a in r.stations(lane, float(rng.uniform(25, 60))):
        side = float(rng.choice([-1, 1]))
        t = float(rng.uniform(10, 22)) * side
        b.build(canvas, int(rng.choice([c.HOUSE, c.HOUSE, c.STRUCTURE])), x - np.sin(a) * t, y + np.cos(a) * t,
                a + float(rng.normal(0, 0.2)), float(rng.uniform(4, 7)), float(rng.uniform(3.5, 5)), apron=2)
    woods = (high > tree_line) & (high < rock_line + 22) & (canvas.noise.plane(n, n, 64.0, 1) > -0.5) & \
        np.isin(canvas.cover, (c.MEADOW, c.ROCK))
    g.wood(canvas, everything, woods, c.CONIFER, float(rng.uniform(4.5, 5.5)), mixed=float(rng.uniform(0, 0.25)),
           floor=None)
    low = (high < tree_line - 18) & (canvas.noise.plane(n, n, 64.0, 6) > 0.7)
    g.wood(canvas, everything, low & (canvas.cover == c.MEADOW), c.BROADLEAF, 6.0, mixed=0.25)
    g.scatter(canvas, int(size * size / 1400), c.CONIFER)
    for _ in range(16):
        kind = int(rng.choice([c.SHRUB, c.ROCK, c.SHRUB]))
        g.patch(canvas, kind, *canvas.spot(), float(rng.uniform(2, 9)), (c.MEADOW,))
    r.settle_water(canvas)


def farmland(canvas: Canvas) -> None:
    """Fields, orchards and vineyards, hedges, a farm, a lane, woods, sometimes a railway or a river."""
    rng = canvas.rng
    size = canvas.size
    canvas.cover[:] = c.MEADOW
    angle = float(rng.uniform(0, np.pi))
    lane = r.across(rng, size, angle + float(rng.normal(0, 0.1)), float(rng.uniform(-70, 70)), 8.0)
    extra = rng.random()
    if extra < 0.3:
        turn = angle + float(rng.uniform(0.6, 1.2))
        r.railway(canvas, r.across(rng, size, turn, float(rng.uniform(-50, 50)), 6.0, 2), 2)
    elif extra < 0.55:
        r.river(canvas, r.across(rng, size, angle + float(rng.uniform(0.7, 1.4)), float(rng.uniform(-60, 60)), 14.0),
                float(rng.uniform(6, 26)))
    elif extra < 0.7:
        r.lake(canvas, *canvas.spot(40), float(rng.uniform(10, 30)), c.MEADOW)
    r.road_over_water(canvas, lane, float(rng.choice([4.5, 6.0])), 0.0)
    for _ in range(int(rng.integers(1, 3))):
        _farmyard(canvas, lane)
    fields(canvas, angle, (c.CROPLAND, c.CROPLAND, c.CROPLAND, c.MEADOW, c.ORCHARD, c.SOIL), (c.MEADOW,))
    for _ in range(int(rng.integers(1, 4))):
        w, d = canvas.blob(*canvas.spot(), float(rng.uniform(14, 40)))
        kind = int(rng.choice([c.BROADLEAF, c.BROADLEAF, c.CONIFER]))
        g.wood(canvas, w, (d <= 0) & ~np.isin(canvas.cover[w], (c.ORCHARD,)), kind, mixed=0.15)
    for _ in range(int(rng.integers(2, 6))):
        line = r.across(rng, size, angle + float(rng.choice([0, np.pi / 2])), float(rng.uniform(-100, 100)), 2.0)
        w, d, _ = canvas.near(line, 3)
        if rng.random() < 0.5:
            g.hedge(canvas, line, 2.4)
        else:
            g.tree_row(canvas, line, float(rng.uniform(7, 13)), c.BROADLEAF, 1.0)
    if rng.random() < 0.7:
        track = r.across(rng, size, angle + np.pi / 2, float(rng.uniform(-80, 80)), 3.0)
        r.path(canvas, track, 3.0, True)
    g.scatter(canvas, 20)
    r.settle_water(canvas)


def _farmyard(canvas: Canvas, lane: np.ndarray) -> None:
    rng = canvas.rng
    spots = [s for s in r.stations(lane, 10.0) if 30 < s[0] < canvas.size - 30 and 30 < s[1] < canvas.size - 30]
    if not spots:
        return
    x, y, a = spots[int(rng.integers(len(spots)))]
    side = float(rng.choice([-1, 1]))
    cx, cy = x - np.sin(a) * 30 * side, y + np.cos(a) * 30 * side
    w, d = canvas.blob(cx, cy, 26, 0.2)
    canvas.paint(w, (d <= 4) & (canvas.cover[w] == c.MEADOW), c.LAWN)
    canvas.paint(w, (d <= -8) & (canvas.cover[w] == c.LAWN), int(rng.choice([c.PATH, c.SOIL])))
    canvas.band(np.array([(x, y), (cx, cy)]), 4.0, c.PATH, (c.LAWN, c.MEADOW, c.SOIL))
    for kind, hu, hv in ((c.HOUSE, 7.0, 5.0), (c.INDUSTRIAL, 14.0, 7.0), (c.INDUSTRIAL, 11.0, 6.0),
                         (c.STRUCTURE, 5.0, 3.5), (c.STRUCTURE, 3.0, 2.5)):
        for _ in range(8):
            dx, dy = rng.uniform(-24, 24, 2)
            turn = a + float(rng.choice([0, np.pi / 2]))
            if b.build(canvas, kind, cx + float(dx), cy + float(dy), turn, hu, hv, apron=1.5):
                break
    b.tank(canvas, cx + 18, cy - 12, 2.8, 12.0)
    w, u, v = canvas.box(cx, cy, a, 30, 30)
    canvas.take(w, np.hypot(u, v) < 24)


def swatches(canvas: Canvas) -> None:
    """What someone paints who tries the palette: swatches of every class, blobs, or one class nearly everywhere."""
    rng = canvas.rng
    size, n = canvas.size, canvas.n
    x, y = canvas.x[None, :], canvas.y[:, None]
    mode = str(rng.choice(["grid", "blobs", "few"], p=[0.45, 0.3, 0.25]))
    if mode == "grid":
        count = int(rng.choice([4, 5, 5, 6]))
        order = np.concatenate([rng.permutation(25) + 1 for _ in range(2)])[:count * count]
        gap = float(rng.choice([0.0, 0.0, 3.0]))
        column, row = (np.minimum((t / size * count).astype(int), count - 1) for t in (x, y))
        cells = column + count * row
        painted = order[cells]
        edge = size / count
        border = (np.minimum(np.mod(x, edge), np.mod(y, edge)) < gap)
        painted = np.where(border, int(rng.choice([c.LAWN, c.PATH, c.ROAD])), painted)
    elif mode == "blobs":
        painted = np.full((n, n), int(rng.choice([c.LAWN, c.MEADOW, c.SAND, c.WATER, c.SNOW, c.ROCK, c.SOIL, c.PATH])))
        for class_id in rng.permutation(25)[:int(rng.integers(8, 25))] + 1:
            w, d = canvas.blob(*canvas.spot(), float(rng.uniform(14, 46)), 0.35,
                               float(rng.uniform(0.6, 1.6)), float(rng.uniform(0, 3)))
            painted[w][d <= 0] = class_id
    else:
        classes = rng.permutation(25)[:int(rng.integers(2, 5))] + 1
        fields_ = np.stack([canvas.noise.plane(n, n, 128.0, k) for k in range(len(classes))])
        painted = classes[np.argmax(fields_, 0)]
    canvas.cover[:] = painted
    for class_id in np.unique(painted):
        parts, count = ndimage.label(painted == class_id)
        for k in range(1, count + 1):
            _fill(canvas, int(class_id), parts == k)
    r.settle_water(canvas)


def _fill(canvas: Canvas, class_id: int, mask: np.ndarray) -> None:
    """Fill an area painted with one class with what such an area holds."""
    rng = canvas.rng
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    w = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
    inside = mask[w]
    angle = float(rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    if class_id <= c.STRUCTURE:
        canvas.paint(w, inside, int(rng.choice([c.LAWN, c.PATH, c.LAWN]) if class_id == c.HOUSE else c.PATH))
        _crowd(canvas, class_id, mask, angle)
    elif class_id in (c.BROADLEAF, c.CONIFER):
        g.wood(canvas, w, inside, class_id, float(rng.uniform(3.8, 5.0)))
    elif class_id == c.ORCHARD:
        g.orchard(canvas, w, inside, angle, bool(rng.random() < 0.4))
    elif class_id in (c.CROPLAND, c.SOIL) and rng.random() < 0.7:
        g.field(canvas, w, inside, angle, class_id)
    elif class_id == c.BRIDGE:
        canvas.paint(w, inside, int(rng.choice([c.WATER, c.ROAD, c.MEADOW])))
        if inside.mean() > 0.45 and min(inside.shape) > 12:
            _deck_over(canvas, w)
    elif class_id == c.ROCK:
        canvas.ground[w] += inside * np.clip(0.8 * canvas.noise.plane(canvas.n, canvas.n, 8.0, 3)[w], -0.2, 2.0)
    elif class_id == c.RAILWAY:
        canvas.ground[w][inside] = 0.25
        x, y = canvas.grid(w)
        _, v = Wing(0, 0, angle, 1, 1).local(x, y)
        u, _ = Wing(0, 0, angle, 1, 1).local(x, y)
        off = np.mod(v, 4.2) - 2.1
        canvas.stain(w, 0.5 * inside * ((np.abs(off) < 1.35) & (np.mod(u, 1.0) < 0.5)), (92, 80, 70))
        canvas.stain(w, 0.8 * inside * line(np.abs(off) - 0.75, 0.2), (158, 152, 146))
    elif class_id == c.PARKING:
        middle = (cols.mean() * 0.5, canvas.size - rows.mean() * 0.5)
        before = canvas.cover.copy()
        marks = canvas.mark.copy()
        r.parking(canvas, *middle, float(rng.choice([0.0, np.pi / 2])), len(cols) / 4 + 20, len(rows) / 4 + 20)
        canvas.cover[~mask], canvas.mark[~mask] = before[~mask], marks[~mask]
        canvas.ground[~mask & (before != c.PARKING) & (canvas.ground == np.float32(-0.1))] = 0
    elif class_id == c.SPORTS:
        canvas.taken[w] &= ~inside
        g.sports_field(canvas, cols.mean() * 0.5, canvas.size - rows.mean() * 0.5, float(rng.choice([0, np.pi / 2])),
                       "football", min(len(cols), len(rows)) / 2 / 110)
    elif class_id == c.POOL:
        canvas.ground[w][inside] = -0.45
    elif class_id == c.ROAD:
        x, y = canvas.grid(w)
        u, v = Wing(0, 0, angle, 1, 1).local(x, y)
        canvas.stain(w, 0.7 * inside * line(np.mod(v, 3.5) - 1.75, 0.15) * (np.mod(u, 9.0) < 4.5), r.WHITE)
        canvas.ground[w][inside] = -0.12


def _crowd(canvas: Canvas, class_id: int, mask: np.ndarray, angle: float) -> None:
    """Buildings of one class in the mask: a single one, wall to wall, or as many as find room."""
    rng = canvas.rng
    sizes = {c.HOUSE: (5, 8, 4, 5), c.APARTMENTS: (10, 20, 5.5, 8), c.TOWER: (9, 15, 9, 15),
             c.COMMERCIAL: (9, 20, 8, 15), c.INDUSTRIAL: (12, 24, 9, 16), c.STRUCTURE: (2.5, 5, 2, 3.5)}[class_id]
    rows, cols = np.nonzero(mask)
    if not len(rows):
        return
    how = rng.random()
    if how < 0.45:  # one building all over the area, as a painter of swatches means it
        low, high = np.array([cols.min(), rows.min()]), np.array([cols.max(), rows.max()]) + 1
        hu, hv = (high - low) / 4 - 0.5
        full = mask[rows.min():rows.max() + 1, cols.min():cols.max() + 1].mean() > 0.97
        if full and max(hu, hv) <= (16 if class_id in (c.HOUSE, c.STRUCTURE) else 34):
            b.build(canvas, class_id, (low[0] + high[0]) / 4, canvas.size - (low[1] + high[1]) / 4, 0.0, float(hu),
                    float(hv), apron=0.0)
            return
    if how < 0.7:  # wall to wall
        _terraces(canvas, class_id, mask, sizes[0] * 0.8)
        return
    tries = int(np.clip(len(rows) / 4 / (sizes[0] * sizes[2]), 4, 160))
    pick = rng.integers(0, len(rows), tries)
    for row, col in zip(rows[pick], cols[pick], strict=True):
        hu, hv = float(rng.uniform(*sizes[:2])), float(rng.uniform(*sizes[2:]))
        x, y = col * 0.5, canvas.size - row * 0.5
        w, u, v = canvas.box(x, y, angle, hu, hv)
        shape = (np.abs(u) <= hu) & (np.abs(v) <= hv)
        if shape.any() and mask[w][shape].all():
            b.build(canvas, class_id, x, y, angle, hu, hv, apron=float(rng.choice([0.5, 2.0])))


def _terraces(canvas: Canvas, class_id: int, mask: np.ndarray, half: float) -> None:
    """Square buildings side by side that cover nearly all of the mask."""
    step = int(4 * half)  # raster cells
    for row in range(0, canvas.n, step):
        for col in range(0, canvas.n, step):
            part = mask[row:row + step, col:col + step]
            if part.mean() > 0.6:
                side = (part.shape[1] / 4, part.shape[0] / 4)
                b.build(canvas, class_id, col / 2 + side[0], canvas.size - row / 2 - side[1], 0.0, side[0] - 0.05,
                        side[1] - 0.05, apron=0.0, over=True)


def _deck_over(canvas: Canvas, w: tuple[slice, slice]) -> None:
    """One straight deck over an area along its longer side."""
    rows, cols = (w[0].stop - w[0].start) / 2, (w[1].stop - w[1].start) / 2
    x, y = (w[1].start + w[1].stop) / 4, canvas.size - (w[0].start + w[0].stop) / 4
    height = float(canvas.rng.uniform(4, 7))
    if cols >= rows:
        r.bridge(canvas, (x - cols / 2, y), (x + cols / 2, y), min(rows, 24.0), height)
    else:
        r.bridge(canvas, (x, y - rows / 2), (x, y + rows / 2), min(cols, 24.0), height)
