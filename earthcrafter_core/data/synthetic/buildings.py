"""Buildings of each class, placed on a canvas where there is room."""
from __future__ import annotations

import numpy as np

from ...scene import classes as c
from .canvas import Building, Canvas, Wing


def build(canvas: Canvas, class_id: int, x: float, y: float, angle: float, hu: float, hv: float,
          height: float | None = None, apron: float = 1.0, over: bool = False) -> Building | None:
    """A building of a class with its main block of 2 hu x 2 hv metres at a place, or None where there is no room.

    Args:
        height: of the eaves in metres, drawn for the class where None.
        apron: metres kept free around it.
        over: build even where something was taken.
    """
    w, u, v = canvas.box(x, y, angle, hu + apron, hv + apron)
    mask = (np.abs(u) <= hu + apron) & (np.abs(v) <= hv + apron)
    if not over and not canvas.is_free(w, mask):
        return None
    if not 1 <= x <= canvas.size - 1 or not 1 <= y <= canvas.size - 1:
        return None
    canvas.take(w, mask)
    building = _KINDS[class_id](canvas, x, y, angle, hu, hv, height)
    canvas.buildings.append(building)
    return building


def _house(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float, height: float | None) -> Building:
    rng, style = canvas.rng, canvas.style
    eave = height or float(rng.choice([2.9, 3.2, 5.2, 5.6], p=[0.25, 0.25, 0.3, 0.2]))
    pitch = float(rng.uniform(0.42, 0.85))
    pitch = min(pitch, (9.6 - eave) / max(min(hu, hv), 1))
    kind = str(rng.choice(["gable", "hip", "gable", "flat"], p=[0.45, 0.32, 0.15, 0.08]))
    if hv > hu:
        angle, hu, hv = angle + np.pi / 2, hv, hu
    main = Wing(x, y, angle, hu, hv, kind, eave, pitch)
    wings = [main]
    if rng.random() < 0.45 and hu > 4:  # a wing across
        side = float(rng.choice([-1, 1]))
        deep = float(rng.uniform(1.2, 2.5))
        wx, wy = main.place(side * (hu - hv * 0.55), -(hv * 0.5 + deep * 0.5))
        wings.append(Wing(wx, wy, angle + np.pi / 2, hv * 0.5 + deep, hv * 0.55, kind if kind != "flat" else "flat",
                          eave, pitch))
    if rng.random() < 0.5 and kind != "flat":  # a chimney
        wx, wy = main.place(float(rng.uniform(-0.6, 0.6)) * hu, float(rng.uniform(-0.3, 0.3)) * hv)
        wings.append(Wing(wx, wy, angle, 0.55, 0.55, "flat", eave + pitch * hv + 0.8, 0))
    roof = style.pitched_roof(rng) if kind != "flat" else style.flat_roof(rng)
    return Building(c.HOUSE, wings, style.wall(rng), roof, _trim(rng), "house", 2.7)


def _apartments(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float,
                height: float | None) -> Building:
    rng, style = canvas.rng, canvas.style
    eave = height or float(3.0 * rng.integers(3, 8) + 0.6)
    pitched = rng.random() < 0.4 and hv < 9
    pitch = min(0.55, (23.8 - eave) / hv) if pitched else 0.0
    roof_kind = ("hip" if rng.random() < 0.6 else "gable") if pitched and pitch > 0.15 else "flat"
    if hv > hu:
        angle, hu, hv = angle + np.pi / 2, hv, hu
    main = Wing(x, y, angle, hu, hv, roof_kind, eave, pitch)
    wings = [main]
    if roof_kind == "flat":
        wings += _plant(rng, main, 2.4, 2, 24.0)
    roof = style.flat_roof(rng) if roof_kind == "flat" else style.pitched_roof(rng)
    return Building(c.APARTMENTS, wings, style.wall(rng), roof, _trim(rng), "rows", 3.0)


def _tower(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float, height: float | None) -> Building:
    rng, style = canvas.rng, canvas.style
    top = height or float(np.clip(rng.gamma(4.0, 12.0), 31, 86))
    facade = str(rng.choice(["glass", "strips", "rows"]))
    if rng.random() < 0.14:
        wings = [Wing(x, y, angle, min(hu, hv), min(hu, hv), "round", top, 0.0)]
    else:
        wings = [Wing(x, y, angle, hu, hv, "flat", top, 0.0)]
        if rng.random() < 0.5:  # a setback crown
            wings.append(Wing(x, y, angle, hu * 0.68, hv * 0.68, "flat", min(top + float(rng.uniform(3, 12)), 95), 0.0))
        wings += _plant(rng, wings[-1], 3.2, 2, 98.0)
    wall = style.wall(rng, ("concrete", "render")) if facade != "glass" else np.array([112, 126, 136], np.float32)
    return Building(c.TOWER, wings, wall, style.flat_roof(rng) * 0.92, _trim(rng), facade, 3.4)


def _commercial(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float,
                height: float | None) -> Building:
    rng, style = canvas.rng, canvas.style
    eave = height or float(rng.uniform(5, 14))
    facade = str(rng.choice(["shop", "strips", "shop", "glass"])) if eave > 6 else "shop"
    main = Wing(x, y, angle, hu, hv, "flat", eave, 0.0)
    wings = [main]
    if min(hu, hv) < 8 and rng.random() < 0.25:
        wings[0] = main = Wing(x, y, angle, hu, hv, "hip", min(eave, 10.0), 0.5)
    elif rng.random() < 0.5 and hu > 8:
        px, py = main.place(float(rng.uniform(-0.4, 0.4)) * hu, float(rng.uniform(-0.3, 0.3)) * hv)
        wings.append(Wing(px, py, angle, hu * 0.45, hv * 0.5, "flat", min(eave + 3.5, 17.5), 0.0))
    if main.roof == "flat":
        wings += _plant(rng, main, 1.6, int(rng.integers(1, 6)), 18.0)
    roof = style.flat_roof(rng) if main.roof == "flat" else style.pitched_roof(rng)
    return Building(c.COMMERCIAL, wings, style.wall(rng), roof, _trim(rng), facade, 3.6)


def _industrial(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float,
                height: float | None) -> Building:
    rng, style = canvas.rng, canvas.style
    eave = height or float(rng.uniform(6, 12))
    kind = str(rng.choice(["flat", "gable", "saw", "shed"], p=[0.45, 0.35, 0.12, 0.08]))
    if kind == "shed" and hv > 12:
        kind = "flat"
    if hv > hu:
        angle, hu, hv = angle + np.pi / 2, hv, hu
    pitch = {"gable": min(0.16, 3.5 / hv), "shed": min(0.12, 3.0 / (2 * hv))}.get(kind, 0.0)
    main = Wing(x, y, angle, hu, hv, kind, eave, pitch)
    wings = [main] + (_plant(rng, main, 1.4, int(rng.integers(1, 7)), 16.0) if kind == "flat" else [])
    if rng.random() < 0.35 and hu > 12:
        px, py = main.place(hu * float(rng.choice([-0.8, 0.8])), -hv)
        wings.append(Wing(px, py, angle, 5.0, 4.0, "flat", min(6.5, eave), 0.0))
    sheet = np.array([(186, 190, 192), (150, 160, 170), (200, 196, 186), (132, 146, 138)], np.float32)
    wall = sheet[int(rng.integers(4))]
    metal = np.array([150, 154, 158], np.float32)
    roof = style.flat_roof(rng) if rng.random() < 0.6 else metal * rng.uniform(0.85, 1.2)
    return Building(c.INDUSTRIAL, wings, wall * rng.uniform(0.9, 1.1), roof, _trim(rng), "hall", 4.0)


def _structure(canvas: Canvas, x: float, y: float, angle: float, hu: float, hv: float,
               height: float | None) -> Building:
    rng, style = canvas.rng, canvas.style
    eave = height or float(rng.uniform(2.5, 3.4))
    kind = str(rng.choice(["flat", "gable", "shed"]))
    pitch = {"gable": min(0.45, 1.5 / hv), "shed": min(0.2, 1.2 / (2 * hv))}.get(kind, 0.0)
    roof = style.flat_roof(rng) if kind != "gable" else style.pitched_roof(rng)
    return Building(c.STRUCTURE, [Wing(x, y, angle, hu, hv, kind, eave, pitch)], style.wall(rng), roof, _trim(rng),
                    "plain", 3.0)


def tank(canvas: Canvas, x: float, y: float, radius: float, height: float) -> Building | None:
    """An upright cylinder: a silo or a storage tank."""
    w, u, v = canvas.box(x, y, 0.0, radius + 1, radius + 1)
    mask = np.hypot(u, v) <= radius + 1
    if not canvas.is_free(w, mask):
        return None
    canvas.take(w, mask)
    tone = np.array([204, 206, 204], np.float32) * canvas.rng.uniform(0.75, 1.08)
    pitch = float(canvas.rng.choice([0.0, 0.25]))
    building = Building(c.INDUSTRIAL, [Wing(x, y, 0.0, radius, radius, "round", min(height, 15.0), pitch)], tone,
                        tone * 0.97, tone * 0.8, "plain", 4.0)
    canvas.buildings.append(building)
    return building


def church(canvas: Canvas, x: float, y: float, angle: float) -> Building | None:
    """A nave under a steep roof with a steeple."""
    nave = Wing(x, y, angle, 12.0, 5.0, "gable", 7.0, 1.0)
    w, u, v = canvas.box(x, y, angle, 17, 6)
    mask = (np.abs(u) <= 17) & (np.abs(v) <= 6)
    if not canvas.is_free(w, mask):
        return None
    canvas.take(w, mask)
    sx, sy = nave.place(-14.0, 0.0)
    steeple = Wing(sx, sy, angle, 2.8, 2.8, "hip", 13.0, 1.6)
    rng = canvas.rng
    building = Building(c.COMMERCIAL, [nave, steeple], canvas.style.wall(rng, ("render", "brick")),
                        canvas.style.pitched_roof(rng), _trim(rng), "plain", 4.0)
    canvas.buildings.append(building)
    return building


def _plant(rng: np.random.Generator, main: Wing, rise: float, count: int, limit: float) -> list[Wing]:
    """Machine rooms and ducts on a flat roof."""
    out = []
    for _ in range(count):
        hu, hv = (float(v) for v in rng.uniform(0.9, 3.2, 2))
        if main.hu < hu + 2 or main.hv < hv + 2:
            continue
        u, v = (float(t) for t in rng.uniform(-1, 1, 2))
        x, y = main.place(u * (main.hu - hu - 1.5), v * (main.hv - hv - 1.5))
        top = min(main.eave + rise * float(rng.uniform(0.7, 1.2)), limit)
        out.append(Wing(x, y, main.angle, hu, hv, "flat", top, 0.0))
    return out


def _trim(rng: np.random.Generator) -> np.ndarray:
    choices = [(232, 230, 224), (204, 200, 192), (118, 112, 106), (146, 88, 70), (84, 96, 106), (96, 110, 92)]
    return np.array(choices[int(rng.choice(len(choices), p=[0.4, 0.2, 0.14, 0.08, 0.1, 0.08]))], np.float32)


_KINDS = {c.HOUSE: _house, c.APARTMENTS: _apartments, c.TOWER: _tower, c.COMMERCIAL: _commercial,
          c.INDUSTRIAL: _industrial, c.STRUCTURE: _structure}
