"""Planners of cities: downtown, campus, industrial."""
from __future__ import annotations

import numpy as np

from ...scene import classes as c
from . import buildings as b
from . import green as g
from . import ways as r
from .canvas import Canvas
from .town import Place, angle_of, frame, park, street


def downtown(canvas: Canvas) -> None:
    """A grid of blocks with towers, offices, apartment blocks, car parks and squares."""
    rng = canvas.rng
    place = frame(canvas, float(rng.uniform(0, np.pi / 2)))
    angle = angle_of(place)
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
            out = width / 2 + 2
            for du, dv, turn in ((out, 0, 0), (-out, 0, 0), (0, out, 1), (0, -out, 1)):
                x, y = place(u + du, v + dv)
                r.crossing(canvas, x, y, angle + turn * np.pi / 2, width)
    margin = width / 2 + pavement
    for u in us:
        for v in vs:
            _block(canvas, place, angle, u + bu / 2, v + bv / 2, bu / 2 - margin, bv / 2 - margin)
    for v in vs:
        for side in (-1, 1):
            if rng.random() < 0.6:
                kerb = v + side * (margin - 1.2)
                g.tree_row(canvas, street(canvas, place, -reach, kerb, reach, kerb), 12.0, scale=0.7)
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
        for du, dv, lu, lv in ((0, hv - 6, hu, 6), (0, -hv + 6, hu, 6), (hu - 6, 0, hv - 12.5, 6),
                               (-hu + 6, 0, hv - 12.5, 6)):
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
            park(canvas, x, y, min(hu, hv) - 8)
        _trees_in(canvas, place, u, v, hu - 3, hv - 3, 14)
    else:
        r.parking(canvas, *place(u + hu / 2, v), angle, hu / 2 - 2, hv - 3)
        mixed = (c.COMMERCIAL, c.APARTMENTS, c.COMMERCIAL, c.STRUCTURE)
        _infill(canvas, place, angle, u - hu / 2, v, hu / 2, hv, mixed)


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


def campus(canvas: Canvas) -> None:
    """Schools or a university: large buildings in lawns, paths, sports fields, car parks, a pond."""
    rng = canvas.rng
    size = canvas.size
    place = frame(canvas, float(rng.uniform(0, np.pi / 2)))
    angle = angle_of(place)
    reach = 0.75 * size
    scale = max(1, round((size / 256) ** 2))  # how many such scenes the place holds
    edge = float(rng.uniform(70, 105)) * float(rng.choice([-1, 1]))
    for v in edge + 240.0 * np.arange(-(size // 512), size // 512 + 1):
        r.road(canvas, street(canvas, place, -reach, v, reach, v, 3.0), 9.0, 2.0)
    if rng.random() < 0.6:
        side = float(rng.uniform(80, 110)) * float(rng.choice([-1, 1]))
        r.road(canvas, street(canvas, place, side, -reach, side, reach, 6.0), 7.0, 2.0)
    for kind in np.tile(rng.permutation(["track", "football", "tennis", "baseball", "court", "football"])[:4], scale):
        for _ in range(8):
            u, v = rng.uniform(-size * 0.48, size * 0.48, 2)
            turn = angle + (np.pi / 2 if rng.random() < 0.3 else 0.0)
            if g.sports_field(canvas, *place(float(u), float(v)), turn, str(kind)):
                break
    for _ in range(int(rng.integers(1, 3)) * scale):
        u, v = rng.uniform(-size * 0.45, size * 0.45, 2)
        hu, hv = float(rng.uniform(18, 34)), float(rng.choice([16.0, 24.0]))
        w, a, e = canvas.box(*place(float(u), float(v)), angle, hu, hv)
        if canvas.is_free(w, (np.abs(a) < hu) & (np.abs(e) < hv)):
            r.parking(canvas, *place(float(u), float(v)), angle, hu, hv)
    spots = []
    for _ in range(60 * scale):
        u, v = (float(t) for t in rng.uniform(-size * 0.5, size * 0.5, 2))
        hu, hv = float(rng.uniform(12, 28)), float(rng.uniform(7, 12))
        turn = angle + (np.pi / 2 if rng.random() < 0.5 else 0.0)
        kind = int(rng.choice([c.COMMERCIAL, c.APARTMENTS, c.TOWER], p=[0.82, 0.13, 0.05]))
        if kind == c.TOWER:
            hu, hv = 10.0, 10.0
        if b.build(canvas, kind, *place(u, v), turn, hu, hv, apron=5):
            spots.append(place(u, v))
        if len(spots) > 13 * scale:
            break
    for k, p in enumerate(spots[:-1], 1):  # to the next one built; in a large place, to the nearest
        q = spots[k] if scale == 1 else min(spots[k:], key=lambda s: (s[0] - p[0]) ** 2 + (s[1] - p[1]) ** 2)
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
    angle = angle_of(place)
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
            along = k * (2 * radius + 2.5)
            b.tank(canvas, x + along * np.cos(angle), y + along * np.sin(angle), radius, float(rng.uniform(6, 15)))
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
    mask = (np.abs(u) <= hu + out) & (np.abs(v) <= hv + out)
    mask &= np.isin(canvas.cover[w], (c.MEADOW, c.SOIL, c.LAWN, c.SHRUB))
    canvas.paint(w, mask, int(rng.choice([c.PARKING, c.PATH, c.PARKING, c.SOIL])))
    canvas.stain(w, 0.3 * mask * (canvas.noise.plane(canvas.n, canvas.n, 8.0, 1)[w] > 0.8), (96, 92, 88))
