"""Planners of built-up places: suburb, downtown, village, campus, industrial."""
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
        _park(canvas, *place(float(rng.uniform(-60, 60)), float(rng.uniform(-60, 60))), float(rng.uniform(28, 45)))
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
            ends = np.array([(x + nx * kerb + ax, y + ny * kerb + ay), (x + nx * (back - hv) + ax, y + ny * (back - hv) + ay)])
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
                p = np.array([(x + nx * (kerb + 0.5) + np.cos(a) * step / 2, y + ny * (kerb + 0.5) + np.sin(a) * step / 2),
                              (x + nx * (garden + 10) + np.cos(a) * step / 2, y + ny * (garden + 10) + np.sin(a) * step / 2)])
                g.hedge(canvas, p)
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


def _park(canvas: Canvas, x: float, y: float, radius: float) -> None:
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


def downtown(canvas: Canvas) -> None:
    """A grid of blocks with towers, offices, apartment blocks, car parks and squares."""
    rng = canvas.rng
    place = frame(canvas, float(rng.uniform(0, np.pi / 2)))
    angle = _angle(place)
    bu, bv = float(rng.uniform(70, 105)), float(rng.uniform(55, 80))
    width, pavement = float(rng.choice([10.0, 12.0, 14.0])), float(rng.uniform(2.5, 4.0))
    reach = 0.75 * canvas.size
    su, sv = float(rng.uniform(0, bu)), float(rng.uniform(0, bv))
    us, vs = np.arange(-reach + su, reach, bu), np.arange(-reach + sv, reach, bv)
    canvas.cover[:] = c.PATH
    for u in us:
        r.road(canvas, street(canvas, place, u, -reach, u, reach), width, pavement)
    for v in vs:
        r.road(canvas, street(canvas, place, -reach, v, reach, v), width, pavement)
    for u in us:
        for v in vs:
            for du, dv, turn in ((width / 2 + 2, 0, 0), (-width / 2 - 2, 0, 0), (0, width / 2 + 2, 1), (0, -width / 2 - 2, 1)):
                x, y = place(u + du, v + dv)
                r.crossing(canvas, x, y, angle + turn * np.pi / 2, width)
    margin = width / 2 + pavement
    for u in us:
        for v in vs:
            _block(canvas, place, angle, u + bu / 2, v + bv / 2, bu / 2 - margin, bv / 2 - margin)
    for v in vs:
        for side in (-1, 1):
            if rng.random() < 0.6:
                g.tree_row(canvas, street(canvas, place, -reach, v + side * (margin - 1.2), reach, v + side * (margin - 1.2)),
                           12.0, scale=0.7)
    if rng.random() < 0.3:
        x0, y0 = place(-reach, float(rng.uniform(-60, 60)) + sv)
        x1, y1 = place(reach, float(rng.uniform(-60, 60)) + sv)
        _flyover(canvas, (x0, y0), (x1, y1))


def _flyover(canvas: Canvas, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A raised road or railway right across, where no building is in the way."""
    line = np.array([start, end])
    w, d, _ = canvas.near(line, 9)
    keep = []
    for building in canvas.buildings:
        p = building.wings[0]
        row, col = canvas.cell(p.x, p.y)
        off = abs((end[0] - start[0]) * (p.y - start[1]) - (end[1] - start[1]) * (p.x - start[0])) / float(
            np.hypot(end[0] - start[0], end[1] - start[1]))
        if off > 7 + float(np.hypot(p.hu, p.hv)):
            keep.append(building)
    canvas.buildings[:] = keep
    canvas.trees[:] = [t for t in canvas.trees if abs((end[0] - start[0]) * (t[1] - start[1]) - (end[1] - start[1])
                       * (t[0] - start[0])) / float(np.hypot(end[0] - start[0], end[1] - start[1])) > 8 + t[3]]
    r.bridge(canvas, start, end, 10.0, float(canvas.rng.uniform(5.5, 7.5)), bool(canvas.rng.random() < 0.4))


def _block(canvas: Canvas, place: Place, angle: float, u: float, v: float, hu: float, hv: float) -> None:
    """One city block: what it is, drawn at random."""
    rng = canvas.rng
    x, y = place(u, v)
    if not -hu < x < canvas.size + hu or not -hv < y < canvas.size + hv:
        return
    kind = str(rng.choice(["towers", "offices", "court", "parking", "square", "mixed"],
                          p=[0.24, 0.22, 0.17, 0.1, 0.1, 0.17]))
    if kind == "towers":
        for _ in range(int(rng.integers(1, 4))):
            tu, tv = float(rng.uniform(9, 17)), float(rng.uniform(9, 17))
            b.build(canvas, c.TOWER, *place(u + float(rng.uniform(-1, 1)) * max(hu - tu, 0),
                                            v + float(rng.uniform(-1, 1)) * max(hv - tv, 0)), angle, tu, tv, apron=3)
        _infill(canvas, place, angle, u, v, hu, hv, (c.COMMERCIAL,))
    elif kind == "offices":
        _infill(canvas, place, angle, u, v, hu, hv, (c.COMMERCIAL, c.COMMERCIAL, c.APARTMENTS, c.APARTMENTS, c.TOWER))
    elif kind == "court":
        w, a, e = canvas.box(x, y, angle, hu, hv)
        canvas.paint(w, (np.abs(a) < hu - 10) & (np.abs(e) < hv - 10) & ~canvas.taken[w], c.LAWN)
        floors = float(3.0 * rng.integers(4, 8) + 0.6)
        for du, dv, lu, lv in ((0, hv - 6, hu, 6), (0, -hv + 6, hu, 6), (hu - 6, 0, hv - 12.5, 6), (-hu + 6, 0, hv - 12.5, 6)):
            upright = du != 0
            b.build(canvas, c.APARTMENTS, *place(u + du, v + dv), angle + (np.pi / 2 if upright else 0), lu, lv, floors,
                    apron=0)
        _trees_in(canvas, place, u, v, hu - 14, hv - 14, 8)
    elif kind == "parking":
        r.parking(canvas, x, y, angle, hu - 2, hv - 2, cars=float(rng.uniform(0.2, 0.8)))
        _trees_in(canvas, place, u, v, hu, hv, 4)
    elif kind == "square":
        w, a, e = canvas.box(x, y, angle, hu, hv)
        canvas.stain(w, 0.5 * ((np.abs(np.mod(a, 6.0) - 3) > 2.7) | (np.abs(np.mod(e, 6.0) - 3) > 2.7)) *
                     (np.abs(a) < hu) * (np.abs(e) < hv), (140, 132, 122))
        if rng.random() < 0.6:
            canvas.paint(w, (np.abs(a) < hu - 8) & (np.abs(e) < hv - 8) & ~canvas.taken[w], c.LAWN)
            _park(canvas, x, y, min(hu, hv) - 8)
        _trees_in(canvas, place, u, v, hu - 3, hv - 3, 14)
    else:
        r.parking(canvas, *place(u + hu / 2, v), angle, hu / 2 - 2, hv - 3)
        _infill(canvas, place, angle, u - hu / 2, v, hu / 2, hv, (c.COMMERCIAL, c.APARTMENTS, c.COMMERCIAL, c.STRUCTURE))


def _infill(canvas: Canvas, place: Place, angle: float, u: float, v: float, hu: float, hv: float,
            classes: tuple[int, ...]) -> None:
    """Split a rectangle into lots and build on nearly all of them, wall to wall or with gaps."""
    rng = canvas.rng
    if max(hu, hv) > float(rng.uniform(11, 19)):
        t = float(rng.uniform(0.35, 0.65))
        if hu >= hv:
            _infill(canvas, place, angle, u - hu * (1 - t), v, hu * t, hv, classes)
            _infill(canvas, place, angle, u + hu * t, v, hu * (1 - t), hv, classes)
        else:
            _infill(canvas, place, angle, u, v - hv * (1 - t), hu, hv * t, classes)
            _infill(canvas, place, angle, u, v + hv * t, hu, hv * (1 - t), classes)
        return
    gap = float(rng.choice([0.3, 0.8, 2.5]))
    if min(hu, hv) - gap < 3.5 or rng.random() < 0.08:
        return
    b.build(canvas, int(rng.choice(classes)), *place(u, v), angle, hu - gap, hv - gap, apron=0.0)


def _trees_in(canvas: Canvas, place: Place, u: float, v: float, hu: float, hv: float, count: int) -> None:
    for _ in range(count):
        a, e = canvas.rng.uniform(-1, 1, 2)
        g.tree(canvas, *place(u + float(a) * hu, v + float(e) * hv), c.BROADLEAF, 0.8)


def _angle(place: Place) -> float:
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
            kind = int(rng.choice([c.HOUSE, c.HOUSE, c.HOUSE, c.STRUCTURE, c.INDUSTRIAL], p=[0.3, 0.3, 0.22, 0.1, 0.08]))
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


def campus(canvas: Canvas) -> None:
    """Schools or a university: large buildings in lawns, paths, sports fields, car parks, a pond."""
    rng = canvas.rng
    size = canvas.size
    place = frame(canvas, float(rng.uniform(0, np.pi / 2)))
    angle = _angle(place)
    reach = 0.75 * size
    edge = float(rng.uniform(70, 105)) * float(rng.choice([-1, 1]))
    r.road(canvas, street(canvas, place, -reach, edge, reach, edge, 3.0), 9.0, 2.0)
    if rng.random() < 0.6:
        side = float(rng.uniform(80, 110)) * float(rng.choice([-1, 1]))
        r.road(canvas, street(canvas, place, side, -reach, side, reach, 6.0), 7.0, 2.0)
    for kind in rng.permutation(["track", "football", "tennis", "baseball", "court", "football"])[:4]:
        for _ in range(8):
            u, v = rng.uniform(-size * 0.48, size * 0.48, 2)
            if g.sports_field(canvas, *place(float(u), float(v)), angle + (np.pi / 2 if rng.random() < 0.3 else 0), str(kind)):
                break
    for _ in range(int(rng.integers(1, 3))):
        u, v = rng.uniform(-size * 0.45, size * 0.45, 2)
        hu, hv = float(rng.uniform(18, 34)), float(rng.choice([16.0, 24.0]))
        w, a, e = canvas.box(*place(float(u), float(v)), angle, hu, hv)
        if canvas.is_free(w, (np.abs(a) < hu) & (np.abs(e) < hv)):
            r.parking(canvas, *place(float(u), float(v)), angle, hu, hv)
    spots = []
    for _ in range(60):
        u, v = (float(t) for t in rng.uniform(-size * 0.5, size * 0.5, 2))
        hu, hv = float(rng.uniform(12, 28)), float(rng.uniform(7, 12))
        turn = angle + (np.pi / 2 if rng.random() < 0.5 else 0.0)
        kind = int(rng.choice([c.COMMERCIAL, c.APARTMENTS, c.TOWER], p=[0.82, 0.13, 0.05]))
        if kind == c.TOWER:
            hu, hv = 10.0, 10.0
        if b.build(canvas, kind, *place(u, v), turn, hu, hv, apron=5):
            spots.append(place(u, v))
        if len(spots) > 13:
            break
    for p, q in zip(spots[:-1], spots[1:], strict=True):
        _paved(canvas, p, q)
    if rng.random() < 0.5:
        g.pool(canvas, *place(float(rng.uniform(-90, 90)), float(rng.uniform(-90, 90))), angle, 12.5, 6.0)
    if rng.random() < 0.4:
        r.lake(canvas, *canvas.spot(30), float(rng.uniform(9, 16)))
    g.scatter(canvas, int(size * size / 450), on=(c.LAWN,))
    g.scatter(canvas, int(size * size / 3000), c.CONIFER, on=(c.LAWN,))
    for _ in range(8):
        g.patch(canvas, int(rng.choice([c.SHRUB, c.MEADOW])), *canvas.spot(), float(rng.uniform(3, 9)))
    r.settle_water(canvas)


def _paved(canvas: Canvas, p: tuple[float, float], q: tuple[float, float]) -> None:
    w, d, _ = canvas.near(r.wander(canvas.rng, p, q, 3.0), 3)
    mask = (np.abs(d) <= 1.4) & ~canvas.taken[w] & np.isin(canvas.cover[w], (c.LAWN, c.MEADOW))
    canvas.paint(w, mask, c.PATH)


def industrial(canvas: Canvas) -> None:
    """Halls, yards, tanks, car parks, a railway with sidings, waste ground."""
    rng = canvas.rng
    size = canvas.size
    canvas.cover[:] = c.MEADOW
    place = frame(canvas, float(rng.uniform(0, np.pi)))
    angle = _angle(place)
    reach = 0.75 * size
    rail = float(rng.uniform(-95, 95))
    for _ in range(5):
        g.patch(canvas, int(rng.choice([c.SOIL, c.LAWN, c.SOIL, c.SHRUB])), *canvas.spot(), float(rng.uniform(12, 32)))
    if rng.random() < 0.8:
        r.railway(canvas, street(canvas, place, -reach, rail, reach, rail, 3.0), int(rng.integers(1, 5)))
    us = np.arange(-reach + float(rng.uniform(0, 110)), reach, float(rng.uniform(105, 150)))
    vs = np.arange(-reach + float(rng.uniform(0, 90)), reach, float(rng.uniform(85, 130)))
    for v in vs:
        if abs(v - rail) > 22:
            r.road(canvas, street(canvas, place, -reach, v, reach, v), 8.0, 1.5 if rng.random() < 0.5 else 0.0)
    for u in us:
        r.road(canvas, street(canvas, place, u, -reach, u, reach), 7.0, 0.0)
    if len(us) and rng.random() < 0.6:
        u = float(us[len(us) // 2])
        r.bridge(canvas, place(u, rail - 55), place(u, rail + 55), 10.0, 6.5)
    for _ in range(220):
        u, v = (float(t) for t in rng.uniform(-size * 0.62, size * 0.62, 2))
        hu, hv = float(rng.uniform(10, 36)), float(rng.uniform(8, 22))
        kind = int(rng.choice([c.INDUSTRIAL, c.INDUSTRIAL, c.COMMERCIAL, c.STRUCTURE], p=[0.5, 0.3, 0.12, 0.08]))
        if kind == c.STRUCTURE:
            hu, hv = float(rng.uniform(3, 7)), float(rng.uniform(2.5, 4))
        x, y = place(u, v)
        if b.build(canvas, kind, x, y, angle, hu, hv, apron=2.0) and kind == c.INDUSTRIAL:
            _yard(canvas, x, y, angle, hu, hv)
    for _ in range(14):
        x, y = (float(t) for t in rng.uniform(5, size - 5, 2))
        radius = float(rng.uniform(2.5, 9))
        for k in range(int(rng.integers(1, 5))):
            b.tank(canvas, x + k * (2 * radius + 2.5) * np.cos(angle), y + k * (2 * radius + 2.5) * np.sin(angle), radius,
                   float(rng.uniform(6, 15)))
    for _ in range(4):
        u, v = (float(t) for t in rng.uniform(-size * 0.5, size * 0.5, 2))
        w, a, e = canvas.box(*place(u, v), angle, 22, 16)
        if canvas.is_free(w, (np.abs(a) < 22) & (np.abs(e) < 16)):
            r.parking(canvas, *place(u, v), angle, 22, 16)
    g.scatter(canvas, int(size * size / 800), scale=0.8)
    for _ in range(6):
        g.patch(canvas, c.SHRUB, *canvas.spot(), float(rng.uniform(3, 9)))


def _yard(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float) -> None:
    """Paved ground around a hall, with stacks and trailers painted on it."""
    rng = canvas.rng
    out = float(rng.uniform(4, 12))
    w, u, v = canvas.box(x, y, angle, hu + out, hv + out)
    mask = (np.abs(u) <= hu + out) & (np.abs(v) <= hv + out) & np.isin(canvas.cover[w], (c.MEADOW, c.SOIL, c.LAWN, c.SHRUB))
    canvas.paint(w, mask, int(rng.choice([c.PARKING, c.PATH, c.PARKING, c.SOIL])))
    canvas.stain(w, 0.3 * mask * (canvas.noise.plane(canvas.n, canvas.n, 8.0, 1)[w] > 0.8), (96, 92, 88))
