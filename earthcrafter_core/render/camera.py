"""Cameras of the rasteriser: pinhole and orthographic, in the OpenCV convention.

Camera space: x right, y down, z forward. Pixel (column j, row i) has its centre at (j + 0.5, i + 0.5); the image's
upper left corner is (0, 0). A world point p has the camera coordinates c = world_to_camera[:3, :3] @ p +
world_to_camera[:3, 3] and the image position (fx * c.x / c.z + cx, fy * c.y / c.z + cy), or without the division by
c.z where the camera is orthographic (fx and fy are then pixels per metre).
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

Vector = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Camera:
    """A camera.

    Attributes:
        fx, fy: focal lengths in pixels (pinhole), or pixels per metre (orthographic).
        cx, cy: principal point in pixels.
        width, height: image size in pixels.
        world_to_camera: float64 [4, 4] rigid transform, metres.
        orthographic: parallel rays along the camera's z axis.
        near: metres; surfels that reach closer than this are left out.

    Raises:
        ValueError: empty image, focal lengths or near plane not positive, or a matrix of another shape.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    world_to_camera: np.ndarray
    orthographic: bool = False
    near: float = 0.1

    def __post_init__(self) -> None:
        matrix = np.asarray(self.world_to_camera, np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ValueError(f"world_to_camera must be a finite 4 x 4 matrix, not {matrix.shape}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"an image of {self.width} x {self.height} pixels is empty")
        if not (self.fx > 0 and self.fy > 0 and self.near > 0):
            raise ValueError("focal lengths and the near plane must be positive")
        object.__setattr__(self, "world_to_camera", matrix)

    @property
    def rotation(self) -> np.ndarray:
        """World to camera rotation, float64 [3, 3]; its rows are the camera's right, down and forward axes."""
        return self.world_to_camera[:3, :3]

    @property
    def eye(self) -> np.ndarray:
        """World position of the camera's centre, float64 [3], metres."""
        return -self.rotation.T @ self.world_to_camera[:3, 3]

    def finer(self, times: int) -> Camera:
        """The same view with so many times the pixels along each side."""
        return replace(self, fx=self.fx * times, fy=self.fy * times, cx=self.cx * times, cy=self.cy * times,
                       width=self.width * times, height=self.height * times)

    @classmethod
    def look_at(cls, eye: Vector, target: Vector, *, width: int, height: int, fov: float = 50.0,
                up: Vector = (0.0, 0.0, 1.0), near: float = 0.1) -> Camera:
        """Pinhole camera at `eye` that looks at `target`.

        Args:
            eye, target: [3] world positions, metres, not the same.
            width, height: pixels.
            fov: horizontal field of view, degrees.
            up: [3] direction that appears upwards; north where the view is vertical.
            near: metres.
        """
        focal = 0.5 * width / math.tan(math.radians(fov) / 2)
        return cls(focal, focal, width / 2, height / 2, width, height, _view_matrix(eye, target, up), False, near)

    @classmethod
    def orthographic_look_at(cls, eye: Vector, target: Vector, *, width: int, height: int, view_width: float,
                             up: Vector = (0.0, 0.0, 1.0), near: float = 0.1) -> Camera:
        """Orthographic camera at `eye` along the direction to `target`; the image spans `view_width` metres."""
        scale = width / view_width
        return cls(scale, scale, width / 2, height / 2, width, height, _view_matrix(eye, target, up), True, near)

    @classmethod
    def top_down(cls, extent: Sequence[float], *, width: int, top: float = 200.0, near: float = 0.1) -> Camera:
        """Map view: orthographic, straight down, north up; square pixels, so the height follows from the extent.

        Args:
            extent: (x_min, y_min, x_max, y_max), metres.
            width: pixels.
            top: height of the camera, metres; everything to be seen lies below.
            near: metres.
        """
        x0, y0, x1, y1 = extent
        height = max(1, round(width * (y1 - y0) / (x1 - x0)))
        centre = ((x0 + x1) / 2, (y0 + y1) / 2)
        return cls.orthographic_look_at((*centre, top), (*centre, top - 1), width=width, height=height,
                                        view_width=x1 - x0, near=near)

    @classmethod
    def oblique(cls, extent: Sequence[float], *, width: int, height: int, azimuth: float = 225.0,
                elevation: float = 35.0, fov: float = 40.0, z: float = 0.0, margin: float = 1.0) -> Camera:
        """Aerial view of a rectangle of ground, as from a helicopter; the whole rectangle is in the picture.

        Args:
            extent: (x_min, y_min, x_max, y_max), metres.
            width, height: pixels.
            azimuth: where the camera stands, degrees clockwise from north as seen from the centre (225: south-west).
            elevation: degrees above the horizon.
            fov: horizontal field of view, degrees.
            z: height of the ground, metres.
            margin: distance in units of the smallest one that shows the whole rectangle.
        """
        x0, y0, x1, y1 = extent
        target = np.array([(x0 + x1) / 2, (y0 + y1) / 2, z])
        a, e = math.radians(azimuth), math.radians(elevation)
        back = np.array([math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), math.sin(e)])  # target to camera
        right, down, forward = _view_matrix(target + back, target, (0.0, 0.0, 1.0))[:3, :3]
        corners = np.array([[x, y, z] for x in (x0, x1) for y in (y0, y1)]) - target  # [4, 3]
        tan_x = math.tan(math.radians(fov) / 2)
        tan_y = tan_x * height / width
        distance = max((np.abs(corners @ right) / tan_x - corners @ forward).max(),
                       (np.abs(corners @ down) / tan_y - corners @ forward).max()) * margin
        return cls.look_at(target + back * distance, target, width=width, height=height, fov=fov)

    @classmethod
    def street(cls, position: Vector, heading: float, *, width: int, height: int, eye_height: float = 1.7,
               pitch: float = 3.0, fov: float = 70.0) -> Camera:
        """View of a person who stands on the ground.

        Args:
            position: [3] the point of the ground under the camera, metres.
            heading: where the person looks, degrees clockwise from north.
            width, height: pixels.
            eye_height: metres above the ground.
            pitch: degrees upwards.
            fov: horizontal field of view, degrees.
        """
        a, e = math.radians(heading), math.radians(pitch)
        eye = np.asarray(position, np.float64) + (0, 0, eye_height)
        forward = (math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), math.sin(e))
        return cls.look_at(eye, eye + forward, width=width, height=height, fov=fov)


def _view_matrix(eye: Vector, target: Vector, up: Vector) -> np.ndarray:
    """World to camera transform [4, 4] of a camera at `eye` that looks at `target`."""
    eye = np.asarray(eye, np.float64)
    forward = np.asarray(target, np.float64) - eye
    length = np.linalg.norm(forward)
    if length == 0:
        raise ValueError("the camera and its target are the same point")
    forward = forward / length
    right = np.cross(forward, np.asarray(up, np.float64))
    if np.linalg.norm(right) < 1e-6:  # the view is vertical: north is up
        right = np.cross(forward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = right, np.cross(forward, right), forward
    matrix[:3, 3] = -matrix[:3, :3] @ eye
    return matrix
