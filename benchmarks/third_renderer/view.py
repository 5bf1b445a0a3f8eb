"""What is looked at, from where and in which light: said once, for three.js, Blender and our own rasteriser."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from earthcrafter_core.render import Camera

SUN = {"from": (-0.75, -0.25, 0.6), "strength": 3.0, "shadow": True}
FILLS = tuple({"from": d, "strength": 0.35, "shadow": False} for d in ((1.0, 0.3, 0.6), (-0.3, 1.0, 0.6), (-1.0, -0.2, 0.6),
                                                                       (0.2, -1.0, 0.6)))
"""Light from around without shadows instead of a sky: both renderers know it exactly."""


@dataclass(frozen=True)
class View:
    """A view in metres, z up.

    Attributes:
        eye, target: camera and what it looks at. fov: horizontal, degrees. width, height: pixels.
        centre, radius: of a ball around the place, for shadows. background: sRGB 0..1.
        lights: direction towards each ("from"), W/m2 on a face that it is turned to ("strength"), "shadow".
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    width: int
    height: int
    centre: tuple[float, float, float]
    radius: float
    fov: float = 45.0
    near: float = 0.5
    far: float = 4000.0
    background: tuple[float, float, float] = (0.62, 0.74, 0.88)
    lights: tuple[dict[str, Any], ...] = field(default=(SUN, *FILLS))

    def camera(self) -> Camera:
        """The same for our rasteriser."""
        return Camera.look_at(self.eye, self.target, width=self.width, height=self.height, fov=self.fov, near=self.near)

    def json(self, **more: Any) -> dict[str, Any]:
        """For page.mjs and blender.py."""
        return asdict(self) | more


def views(low: np.ndarray, high: np.ndarray, width: int, height: int) -> dict[str, View]:
    """An aerial view of a whole place and one from nearby, by its bounds [3] in metres."""
    centre = (low + high) / 2
    side = float(max(high[:2] - low[:2]))
    ball = (tuple(map(float, centre)), float(np.linalg.norm(high - low) / 2))

    def at(eye: tuple[float, ...], target: tuple[float, ...]) -> View:
        return View(tuple(map(float, low + np.array(eye) * side)), tuple(map(float, low + np.array(target) * side)), width,
                    height, *ball)  # type: ignore[arg-type]

    return {"aerial": at((-0.32, -0.6, 0.85), (0.5, 0.43, 0.0)), "near": at((0.15, -0.02, 0.26), (0.55, 0.6, 0.0))}
