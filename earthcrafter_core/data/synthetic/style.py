"""The look of a scene: palettes that one scene keeps to."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...scene import classes as c

# Ground colours of each class under an overcast-to-sunny sky, sRGB 0..255, of aerial images of temperate towns.
BASE = np.zeros((c.NUM_CLASSES, 3), np.float32)
for _id, _rgb in {
    c.HOUSE: (120, 112, 104), c.APARTMENTS: (124, 118, 110), c.TOWER: (128, 126, 124), c.COMMERCIAL: (140, 136, 130),
    c.INDUSTRIAL: (138, 138, 136), c.STRUCTURE: (122, 118, 112), c.ROAD: (117, 116, 116), c.PATH: (168, 162, 152),
    c.PARKING: (101, 101, 105), c.RAILWAY: (122, 110, 99), c.BRIDGE: (142, 139, 134), c.LAWN: (92, 116, 58),
    c.MEADOW: (120, 123, 68), c.SHRUB: (76, 92, 48), c.BROADLEAF: (62, 84, 38), c.CONIFER: (42, 64, 42),
    c.CROPLAND: (142, 132, 76), c.SOIL: (146, 116, 86), c.SAND: (206, 188, 152), c.ROCK: (132, 126, 118),
    c.SNOW: (214, 219, 228), c.WATER: (54, 76, 82), c.POOL: (86, 168, 188), c.SPORTS: (72, 140, 72),
    c.ORCHARD: (84, 100, 50),
}.items():
    BASE[_id] = _rgb

PITCHED = {"red": [(150, 84, 62), (162, 96, 70), (138, 76, 60), (170, 110, 84)],
           "grey": [(96, 94, 94), (112, 108, 104), (84, 84, 88), (124, 116, 108)],
           "brown": [(110, 92, 76), (126, 106, 88), (98, 80, 66), (140, 122, 102)],
           "mixed": [(148, 88, 68), (100, 98, 98), (120, 100, 82), (84, 84, 90), (136, 128, 118)]}
FLAT = {"white": [(198, 196, 191), (186, 184, 180), (206, 204, 200), (172, 170, 166)],
        "grey": [(142, 140, 136), (124, 122, 120), (160, 156, 150), (110, 108, 108)],
        "gravel": [(164, 154, 138), (148, 140, 128), (178, 168, 152), (130, 126, 120)]}
WALLS = {"render": [(214, 206, 190), (226, 220, 208), (206, 190, 162), (196, 196, 192), (218, 200, 176)],
         "brick": [(146, 92, 72), (158, 104, 82), (130, 84, 68), (170, 124, 98)],
         "clapboard": [(220, 220, 214), (178, 188, 194), (190, 184, 166), (150, 160, 160), (202, 190, 168)],
         "concrete": [(176, 172, 166), (160, 158, 154), (190, 186, 178), (148, 146, 144)]}


@dataclass(frozen=True)
class Style:
    """What stays the same all over one scene.

    Attributes:
        ground: float32 [26, 3] base colour of each class.
        pitched, flat, walls: names of the palettes above.
        dryness: 0 lush .. 1 parched.
        sun: unit vector to the sun [3], east north up.
        haze: how far colours are pulled to grey, 0..0.25.
        exposure: factor on all colours.
    """

    ground: np.ndarray
    pitched: str
    flat: str
    walls: tuple[str, ...]
    dryness: float
    sun: np.ndarray
    haze: float
    exposure: float

    def pitched_roof(self, rng: np.random.Generator) -> np.ndarray:
        """A colour for a pitched roof, float32 [3]."""
        return _pick(PITCHED[self.pitched], rng)

    def flat_roof(self, rng: np.random.Generator) -> np.ndarray:
        """A colour for a flat roof, float32 [3]."""
        return _pick(FLAT[self.flat], rng)

    def wall(self, rng: np.random.Generator, kinds: tuple[str, ...] | None = None) -> np.ndarray:
        """A wall colour of the scene's kinds, or of the given ones, float32 [3]."""
        kinds = kinds or self.walls
        return _pick(WALLS[kinds[int(rng.integers(len(kinds)))]], rng)


def draw_style(rng: np.random.Generator) -> Style:
    """A random style."""
    dryness = float(rng.beta(1.1, 2.8))
    ground = BASE.copy()
    green = [c.LAWN, c.MEADOW, c.SHRUB, c.BROADLEAF, c.ORCHARD, c.CROPLAND]
    strength = np.array([0.6, 0.9, 0.5, 0.25, 0.4, 0.5], np.float32)[:, None] * dryness
    ground[green] += (np.array([158, 144, 92], np.float32) - ground[green]) * strength
    tone = rng.normal(0, 0.04, 3).astype(np.float32)
    ground[green] *= 1 + tone
    ground[c.BROADLEAF] *= 1 + rng.normal(0, 0.05, 3)
    ground[[c.ROAD, c.PARKING]] *= rng.uniform(0.82, 1.25, (2, 1))
    ground[c.WATER] = np.array([(54, 76, 82), (62, 74, 62), (44, 62, 74), (84, 92, 76), (58, 92, 98)],
                               np.float32)[rng.integers(5)]
    ground[c.SOIL] = np.array([(146, 116, 86), (158, 122, 88), (128, 106, 84), (164, 136, 104)],
                              np.float32)[rng.integers(4)]
    azimuth, altitude = np.radians(rng.uniform(195, 250)), np.radians(rng.uniform(42, 60))
    sun = np.array([np.sin(azimuth) * np.cos(altitude), np.cos(azimuth) * np.cos(altitude), np.sin(altitude)])
    walls = list(WALLS)
    kinds = tuple(walls[int(k)] for k in rng.choice(len(walls), int(rng.integers(1, 4)), replace=False))
    return Style(ground, _name(PITCHED, rng), _name(FLAT, rng), kinds, dryness, sun,
                 float(rng.uniform(0, 0.15)), float(rng.uniform(1.0, 1.15)))


def _name(table: dict, rng: np.random.Generator) -> str:
    return list(table)[int(rng.integers(len(table)))]


def _pick(palette: list, rng: np.random.Generator) -> np.ndarray:
    rgb = np.array(palette[int(rng.integers(len(palette)))], np.float32)
    return rgb * (1 + rng.normal(0, 0.05)) + rng.normal(0, 3, 3).astype(np.float32)
