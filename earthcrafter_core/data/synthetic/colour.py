"""Colour of every sample of the shell: ground, roofs, facades, crowns and decks, at its exact place."""
from __future__ import annotations

import numpy as np

from ...scene import classes as c
from .canvas import Canvas
from .form import Solid
from .noise import hash01

_FACADES = ("house", "rows", "strips", "glass", "hall", "shop", "plain")
SHADOW = 0.34  # how dark a full shadow is


def wing_table(solid: Solid, canvas: Canvas) -> dict[str, np.ndarray]:
    """Parameters of all wings as columns [wings] (colours [wings, 3])."""
    pairs = [(canvas.buildings[b], w, b) for b, w in solid.wings]

    def column(values: list, dtype: type = np.float32) -> np.ndarray:
        return np.array(values, dtype)

    return {"x": column([w.x for _, w, _ in pairs]), "y": column([w.y for _, w, _ in pairs]),
            "cos": column([np.cos(w.angle) for _, w, _ in pairs]),
            "sin": column([np.sin(w.angle) for _, w, _ in pairs]),
            "hu": column([w.hu for _, w, _ in pairs]), "hv": column([w.hv for _, w, _ in pairs]),
            "eave": column([w.eave for _, w, _ in pairs]), "pitch": column([w.pitch for _, w, _ in pairs]),
            "round": column([w.roof == "round" for _, w, _ in pairs], bool),
            "flat": column([w.roof in ("flat", "saw") for _, w, _ in pairs], bool),
            "gable": column([w.roof == "gable" for _, w, _ in pairs], bool),
            "facade": column([_FACADES.index(b.facade) for b, _, _ in pairs], np.int64),
            "storey": column([b.storey for b, _, _ in pairs]), "building": column([b for _, _, b in pairs], np.int64),
            "class": column([b.class_id for b, _, _ in pairs], np.int64),
            "wall": column([b.wall for b, _, _ in pairs]).reshape(-1, 3),
            "roof": column([b.roof for b, _, _ in pairs]).reshape(-1, 3),
            "trim": column([b.trim for b, _, _ in pairs]).reshape(-1, 3)}


def wall_faces(t: dict[str, np.ndarray], k: np.ndarray, x: np.ndarray, y: np.ndarray):
    """Outward direction (x, y), distance to the wall's plane and face number 0..3 of points in wings `k`."""
    cos, sin, hu, hv = t["cos"][k], t["sin"][k], t["hu"][k], t["hv"][k]
    u = (x - t["x"][k]) * cos + (y - t["y"][k]) * sin
    v = (y - t["y"][k]) * cos - (x - t["x"][k]) * sin
    du, dv = hu - np.abs(u), hv - np.abs(v)
    end = du < dv
    su, sv = np.where(u < 0, -1.0, 1.0), np.where(v < 0, -1.0, 1.0)
    nx = np.where(end, su * cos, -sv * sin)
    ny = np.where(end, su * sin, sv * cos)
    distance = np.where(end, du, dv)
    face = np.where(end, np.where(u < 0, 0, 1), np.where(v < 0, 2, 3))
    turn = t["round"][k]
    r = np.maximum(np.hypot(x - t["x"][k], y - t["y"][k]), 1e-3)
    nx = np.where(turn, (x - t["x"][k]) / r, nx)
    ny = np.where(turn, (y - t["y"][k]) / r, ny)
    return nx, ny, np.where(turn, hu - r, distance), face


def facade(t: dict[str, np.ndarray], k: np.ndarray, p: np.ndarray, face: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Wall colours at points p [M, 4, 3] (metres, z above ground) of wings k [M], faces [M]; float32 [M, 4, 3]."""
    cos, sin = t["cos"][k][:, None], t["sin"][k][:, None]
    dx, dy = p[..., 0] - t["x"][k][:, None], p[..., 1] - t["y"][k][:, None]
    u, v = dx * cos + dy * sin, dy * cos - dx * sin
    face = face[:, None]
    hu, hv = t["hu"][k][:, None], t["hv"][k][:, None]
    s = np.where(face < 2, v, u)
    half = np.where(face < 2, hv, hu)
    turn = t["round"][k][:, None]
    s = np.where(turn, np.arctan2(v, u) * hu, s)
    half = np.where(turn, np.pi * hu, half)
    z = p[..., 2]
    kind, storey = t["facade"][k][:, None], t["storey"][k][:, None]
    eave, b = t["eave"][k][:, None], t["building"][k][:, None]
    seed = b * 7 + face
    bay_size = np.array([3.2, 3.0, 1.5, 1.5, 6.0, 3.0, 3.2], np.float32)[kind]
    bays = np.maximum(np.floor(2 * half / bay_size), 1)
    bay_at = (s + half) / (2 * half) * bays
    bay, g = np.floor(bay_at), bay_at - np.floor(bay_at)
    level = np.floor(z / storey)
    f = z / storey - level
    below_eave = (level + 1) * storey <= eave + 0.6
    inner = below_eave & (level >= 0)
    draw = hash01(seed, bay, level)
    wall = t["wall"][k][:, None] * np.ones((1, 4, 1), np.float32)
    trim = t["trim"][k][:, None]
    grain = canvas.noise.at(s + 7.0 * b, z, 0.5, 3) * 0.03 + canvas.noise.at(s + 3.0 * b, z, 8.0, 3) * 0.035
    rgb = wall * (1 + grain)[..., None]
    ground_floor = level == 0

    wide = (g > 0.26) & (g < 0.76)
    tall = (f > 0.3) & (f < 0.8)
    window = np.where(kind == 0, wide & tall & (draw > 0.22), False)
    window |= (kind == 1) & (g > 0.22) & (g < 0.78) & tall & (draw > 0.06)
    window |= (kind == 5) & ~ground_floor & (g > 0.25) & (g < 0.75) & tall
    window |= (kind == 2) & (f > 0.32) & (f < 0.85)
    window |= (kind == 3) & (f > 0.12)
    window |= (kind == 4) & (z > 0.72 * eave) & (z < 0.88 * eave) & (hash01(seed, 5) > 0.4)
    window &= inner | (kind == 4)
    shopfront = (kind == 5) & (z > 0.4) & (z < 2.9)
    glass = window | shopfront
    tint = np.array([62, 72, 82], np.float32) * (0.72 + 0.75 * draw[..., None] ** 2)
    tint = np.where((kind == 3)[..., None], tint * 0.7 + np.array([40, 58, 72], np.float32) * 0.8, tint)
    tint = tint * (1 + 0.10 * canvas.noise.at(s, z, 8.0, 6))[..., None]
    rgb = np.where(glass[..., None], tint, rgb)
    mullion = ((kind == 3) | (kind == 2)) & window & (g < 0.22) & (np.mod(bay, 2) == 0)
    rgb = np.where(mullion[..., None], trim * 0.9, rgb)
    rim = (kind <= 1) & inner & (draw > 0.22) & ((f > 0.2) & (f <= 0.3)) & wide
    rgb = np.where(rim[..., None], trim, rgb)
    balcony = (kind == 1) & (level >= 1) & inner & (hash01(seed, bay) > 0.68) & (f < 0.34)
    rgb = np.where(balcony[..., None], trim * 0.95, rgb)
    corrugated = (kind == 4) & ~glass
    rgb = rgb * np.where(corrugated, 1 + 0.045 * np.sign(np.sin(s * np.pi)), 1)[..., None]
    gate = (kind == 4) & (z < 3.8) & (g > 0.2) & (g < 0.82) & (hash01(seed, bay, 11) > 0.62)
    rgb = np.where(gate[..., None], trim * np.where(np.mod(z, 1.0) < 0.5, 0.96, 1.03)[..., None], rgb)
    sign = (kind == 5) & (z >= 2.9) & (z < 3.9)
    rgb = np.where(sign[..., None], trim, rgb)
    door_bay = np.floor(hash01(b, face, 3) * bays)
    door = (kind <= 1) & (bay == door_bay) & (g > 0.3) & (g < 0.66) & (z < 2.2) & (face >= 2)
    rgb = np.where(door[..., None], trim * np.array([0.55, 0.5, 0.48], np.float32), rgb)
    garage = (kind == 0) & (face == 2) & (bay == bays - 1) & (z < 2.3) & (hash01(b, 9) > 0.5) & (g > 0.08) & (g < 0.92)
    panel = np.where(np.mod(z, 0.8) < 0.4, 0.95, 1)[..., None]
    rgb = np.where(garage[..., None], np.array([212, 210, 204], np.float32) * panel, rgb)
    cornice = (kind != 0) & (z > eave - 0.6) & (kind != 4)
    rgb = np.where(cornice[..., None], wall * 0.6 + trim * 0.35, rgb)
    rgb = rgb * np.where(z < 0.6, 0.86, 1)[..., None]
    return rgb.astype(np.float32)


def roofs(t: dict[str, np.ndarray], k: np.ndarray, p: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Roof colours at points p [M, 4, 3] of wings k [M]; float32 [M, 4, 3]."""
    cos, sin = t["cos"][k][:, None], t["sin"][k][:, None]
    dx, dy = p[..., 0] - t["x"][k][:, None], p[..., 1] - t["y"][k][:, None]
    u, v = dx * cos + dy * sin, dy * cos - dx * sin
    hu, hv, b = t["hu"][k][:, None], t["hv"][k][:, None], t["building"][k][:, None]
    a, e = hu - np.abs(u), hv - np.abs(v)
    flat, gable = t["flat"][k][:, None], t["gable"][k][:, None]
    pitched = ~flat & (t["pitch"][k][:, None] > 0.12)
    grain = canvas.noise.at(p[..., 0] + 11.0 * b, p[..., 1], 0.5, 4)
    patch = canvas.noise.at(p[..., 0] + 5.0 * b, p[..., 1] + 3.0 * b, 8.0, 4)
    rgb = t["roof"][k][:, None] * (0.94 + 0.12 * hash01(k, 17))[:, None, None]
    factor = 1 + 0.045 * grain + 0.04 * patch
    down = np.where(gable | (e <= a), e, a)
    course = np.where(np.mod(down, 1.0) < 0.5, 0.97, 1.03)
    factor = factor * np.where(pitched, course, 1)
    ridge = pitched & np.where(gable, np.abs(v) < 0.35, np.abs(a - e) < 0.35)
    factor = np.where(ridge, factor * 1.13, factor)
    factor = np.where(pitched & (down < 0.4), factor * 0.86, factor)
    seam = flat & (np.abs(np.mod(u + 2, 6.0) - 3) > 2.78)
    factor = np.where(seam, factor * 0.93, factor)
    rim = flat & (np.minimum(a, e) < 0.9)
    factor = np.where(rim, factor * 1.06, factor)
    puddle = flat & (patch > 1.3) & ~rim
    factor = np.where(puddle, factor * 0.86, factor)
    rgb = rgb * factor[..., None]
    # skylights and solar panels on one slope, plant and ducts on flat roofs
    draw = hash01(b, 23)
    cell = hash01(b, np.floor(u / 3.0), np.floor(v / 2.5), 5)
    sky = pitched & (cell > 0.955) & (np.mod(u, 3.0) < 1.2) & (np.mod(v, 2.5) < 1.2) & (down > 0.8)
    rgb = np.where(sky[..., None], np.array([66, 80, 94], np.float32), rgb)
    solar = pitched & (draw > 0.86) & (v < 0) & (e > 0.8) & (np.abs(v) > 0.8) & (np.abs(u) < 0.55 * hu)
    panel = np.where(np.mod(u, 1.0) < 0.5, 0.92, 1.1)[..., None]
    rgb = np.where(solar[..., None], np.array([38, 44, 62], np.float32) * panel, rgb)
    vent = flat & (hash01(b, np.floor(u / 2.0), np.floor(v / 2.0), 7) > 0.965) & ~rim
    rgb = np.where(vent[..., None], rgb * 0.72, rgb)
    light = flat & (draw < 0.3) & (t["facade"][k][:, None] == 4) & (np.mod(u, 8.0) < 1.6) & (e > 2)
    rgb = np.where(light[..., None], rgb * 0.6 + np.array([80, 86, 90], np.float32), rgb)
    return rgb.astype(np.float32)


def crowns(canvas: Canvas, tree: np.ndarray, p: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Crown colours at points p [M, 4, 3] of trees [M]; `share` [M, 4] of the tree's height; float32 [M, 4, 3]."""
    table = np.array(canvas.trees, np.float32).reshape(-1, 5)
    kind = table[tree, 4].astype(np.int64)
    base = canvas.style.ground[kind] * np.array([1.06, 1.06, 1.0], np.float32)
    draw, warm = hash01(tree, 3), hash01(tree, 8)
    base = base * (0.82 + 0.36 * draw)[:, None] + np.array([16, 6, -2], np.float32) * ((warm - 0.4) * 1.4)[:, None]
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    leaf = canvas.noise.at(x + 0.7 * z, y + 0.45 * z, 0.5, 5)
    clump = canvas.noise.at(x + 0.6 * z, y + 0.4 * z, 2.0, 5)
    factor = (0.62 + 0.46 * np.clip(share, 0, 1)) * (1 + 0.10 * leaf + 0.12 * clump)
    return base[:, None] * factor[..., None]


def decks(canvas: Canvas, number: np.ndarray, p: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Deck colours at points p [M, 4, 3] of decks [M]; sides are concrete; float32 [M, 4, 3]."""
    rows = np.array([(*d.start, *d.end, d.width, d.rail) for d in canvas.decks], np.float32)[number][:, None]
    x, y = p[..., 0] - rows[..., 0], p[..., 1] - rows[..., 1]
    du, dv = rows[..., 2] - rows[..., 0], rows[..., 3] - rows[..., 1]
    length = np.hypot(du, dv)
    along, across = (x * du + y * dv) / length, (y * du - x * dv) / length
    half, rail = rows[..., 4] / 2, rows[..., 5] > 0
    concrete = canvas.style.ground[c.BRIDGE]
    road = canvas.style.ground[c.ROAD] * 1.04
    grain = 1 + 0.035 * canvas.noise.at(p[..., 0], p[..., 1] + p[..., 2], 0.5, 2) \
        + 0.03 * canvas.noise.at(p[..., 0], p[..., 1], 8.0, 2)
    rgb = np.where((np.abs(across) > half - 1.6)[..., None], concrete * 1.1, road)
    rgb = np.where((rail & (np.abs(across) < half - 1))[..., None], canvas.style.ground[c.RAILWAY], rgb)
    lane = ~rail & (np.abs(across) < 0.3) & (np.mod(along, 9.0) < 4.5)
    lane |= ~rail & (np.abs(np.abs(across) - (half - 2.0)) < 0.3)
    rgb = np.where(lane[..., None], np.array([200, 198, 190], np.float32), rgb)
    sleepers = rail & (np.abs(across) < 1.3) & (np.mod(along, 1.0) < 0.5)
    rgb = np.where(sleepers[..., None], rgb * 0.8, rgb)
    track = rail & (np.abs(np.abs(across) - 0.75) < 0.3)
    rgb = np.where(track[..., None], np.array([150, 144, 140], np.float32), rgb)
    rgb = np.where(side[:, None, None], concrete * 0.92, rgb)
    return (rgb * grain[..., None]).astype(np.float32)


def sunlight(normal: np.ndarray, sun: np.ndarray) -> np.ndarray:
    """Mild shading factor of unit normals [N, 3], 1 on level ground; float32 [N]."""
    lit = np.clip(normal @ sun, 0, 1) / sun[2]
    return (0.80 + 0.20 * np.clip(lit, 0, 1.5) + 0.03 * normal[:, 2] - 0.03).astype(np.float32)

