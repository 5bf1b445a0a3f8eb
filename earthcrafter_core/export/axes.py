"""The one place that knows axes, units and origins: from our own (x east, y north, z up, metres) to those of files, and back.

    OURS, USD      x east, y north, z up, metres (USD says so itself: upAxis Z, metersPerUnit 1)
    GLTF           x east, y up, z south, metres (glTF 2.0, section 3.4); also what SPZ files use ("right, up, back")
    SPLATS         x east, y down, z north, metres: the axes of 3DGS captures, in which viewers show .ply, .splat and .sog
    UNREAL         x east, y south, z up, centimetres, left-handed

It is the same world seen from other axes: triangles turn round in left-handed ones, and rotations are told in their axes.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import BadInput
from ..scene.splats import Splats, quaternions


@dataclass(frozen=True)
class Axes:
    """Another program's axes and unit.

    Attributes:
        name: what it is called.
        rows: for each of its axes, the direction in ours: (1, 0, 0) is east. Orthonormal.
        unit: its units in a metre.
    """

    name: str
    rows: tuple[tuple[int, int, int], ...]
    unit: float = 1.0

    @property
    def matrix(self) -> np.ndarray:
        """float64 [3, 3]: its direction = matrix @ ours."""
        return np.array(self.rows, np.float64)

    @property
    def mirrored(self) -> bool:
        """Whether it is left-handed."""
        return bool(np.linalg.det(self.matrix) < 0)

    def inverse(self) -> Axes:
        """The way back: from its axes to ours."""
        rows = tuple(tuple(int(v) for v in row) for row in self.matrix.T)
        return Axes(f"from {self.name}", rows, 1 / self.unit)  # type: ignore[arg-type]

    def points(self, points: np.ndarray) -> np.ndarray:
        """Places [..., 3] in metres to its axes and unit; same shape and dtype."""
        return _like(points, points @ self.matrix.T * self.unit)

    def directions(self, directions: np.ndarray) -> np.ndarray:
        """Normals and other directions [..., 3]; same shape, dtype and length."""
        return _like(directions, directions @ self.matrix.T)

    def faces(self, faces: np.ndarray) -> np.ndarray:
        """Faces [F, K] (or their corners' values [F, K, ...]) that are counter-clockwise from outside in its axes as well."""
        return np.ascontiguousarray(faces[:, ::-1]) if self.mirrored else faces

    def rotations(self, quat: np.ndarray) -> np.ndarray:
        """Turns of things whose own coordinates change axes as well, as quaternions wxyz [..., 4]: matrix R matrix^T.

        The axis of a rotation is a pseudovector: a mirrored frame also turns its sense round. Same shape and dtype.
        """
        sign = -1 if self.mirrored else 1
        return np.concatenate([quat[..., :1], _like(quat, quat[..., 1:] @ self.matrix.T * sign)], -1)

    def orientations(self, quat: np.ndarray) -> np.ndarray:
        """Frames of things whose own axes stay, such as a splat's with its scales: matrix R, as quaternions wxyz [N, 4].

        Raises ValueError for left-handed axes: no rotation holds the frame of a mirrored thing.
        """
        if self.mirrored:
            raise ValueError(f"{self.name} is left-handed")
        return _like(quat, _product(quaternions(self.matrix[None])[0], quat.astype(np.float64)))

    def splats(self, splats: Splats) -> Splats:
        """Splats in its axes and unit: places, scales, rotations and the spherical harmonics above the constant.

        Raises ValueError as `orientations` does.
        """
        sh = splats.sh
        if sh.shape[1] > 1:
            sh = np.concatenate([sh[:, :1], _like(sh, _harmonics_turn(self.matrix, sh.shape[1]) @ sh[:, 1:])], 1)
        return replace(splats, mean=self.points(splats.mean), quat=self.orientations(splats.quat), sh=sh,
                       log_scale=_like(splats.log_scale, splats.log_scale + np.log(self.unit)))


OURS = Axes("EarthCrafter", ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
USD = Axes("USD", ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
GLTF = Axes("glTF", ((1, 0, 0), (0, 0, 1), (0, -1, 0)))
SPLATS = Axes("3DGS", ((1, 0, 0), (0, 0, -1), (0, 1, 0)))
UNREAL = Axes("Unreal", ((1, 0, 0), (0, -1, 0), (0, 0, 1)), 100.0)
ALL = (OURS, USD, GLTF, SPLATS, UNREAL)


def xyzw(quat: np.ndarray) -> np.ndarray:
    """Quaternions wxyz [..., 4] in the order x, y, z, w of glTF."""
    return np.roll(quat, -1, -1)


def wxyz(quat: np.ndarray) -> np.ndarray:
    """Quaternions xyzw [..., 4] in our order."""
    return np.roll(quat, 1, -1)


def flip_v(uv: np.ndarray) -> np.ndarray:
    """Texture coordinates [..., 2] between v up (ours, OBJ, USD, Blender) and v down (glTF); its own inverse."""
    return np.stack([uv[..., 0], 1 - uv[..., 1]], -1)


def _like(values: np.ndarray, result: np.ndarray) -> np.ndarray:
    return result.astype(values.dtype if values.dtype.kind == "f" else np.float64)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product of a quaternion wxyz [4] and others [..., 4]: first b, then a."""
    scalar = a[0] * b[..., :1] - b[..., 1:] @ a[1:, None]
    return np.concatenate([scalar, a[0] * b[..., 1:] + b[..., :1] * a[1:] + np.cross(a[1:], b[..., 1:])], -1)


def _harmonics(d: np.ndarray) -> np.ndarray:
    """The real spherical harmonics of degrees 1 to 3 in the order and signs of 3DGS, [N, 15], of unit directions [N, 3].

    Constant factors that are common to a degree are left out: a rotation mixes within a degree only.
    """
    x, y, z = d.T
    xx, yy, zz = x * x, y * y, z * z
    a, b, c, e = np.sqrt([3.0, 15.0, 2.5, 1.5])
    return np.stack([
        -y, z, -x,
        2 * a * x * y, -2 * a * y * z, 2 * zz - xx - yy, -2 * a * x * z, a * (xx - yy),
        -c * y * (3 * xx - yy), 2 * b * x * y * z, -e * y * (4 * zz - xx - yy), z * (2 * zz - 3 * xx - 3 * yy),
        -e * x * (4 * zz - xx - yy), b * z * (xx - yy), -c * x * (xx - 3 * yy)], 1)


def _harmonics_turn(matrix: np.ndarray, terms: int) -> np.ndarray:
    """float64 [terms - 1, terms - 1] that turns the coefficients above the constant (degrees 1 to 3: terms 4, 9 or 16).

    The colour seen from a direction stays: Y(matrix d) . turned = Y(d) . given, solved from directions all around.
    """
    if terms not in (4, 9, 16):
        raise ValueError(f"{terms} spherical harmonics are no whole number of degrees up to 3")
    directions = np.random.default_rng(0).normal(size=(64, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    turn = np.zeros((15, 15))
    for degree in (slice(0, 3), slice(3, 8), slice(8, 15)):
        seen, given = _harmonics(directions @ matrix.T)[:, degree], _harmonics(directions)[:, degree]
        turn[degree, degree] = np.linalg.lstsq(seen, given, rcond=None)[0]
    return turn[:terms - 1, :terms - 1]


@dataclass(frozen=True)
class Georeference:
    """Where a place lies on the earth.

    Attributes:
        crs: "EPSG:n" of a projected coordinate reference system, or None where it is not known.
        origin: its easting and northing at our x = y = 0, in units of the system.
        unit: metres in one of its units (0.3048 for feet). Heights stay metres.
    """

    crs: str | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    unit: float = 1.0

    @property
    def epsg(self) -> int | None:
        """The number of the system, None where there is none."""
        number = (self.crs or "").upper().removeprefix("EPSG:")
        return int(number) if number.isdigit() else None

    def world(self, points: np.ndarray) -> np.ndarray:
        """Our places [..., 2 or 3] as easting, northing (and height), float64."""
        out = np.array(points, np.float64)
        out[..., :2] = out[..., :2] / self.unit + self.origin
        return out

    def local(self, points: np.ndarray) -> np.ndarray:
        """Easting, northing (and height) [..., 2 or 3] as our places, float64."""
        out = np.array(points, np.float64)
        out[..., :2] = (out[..., :2] - self.origin) * self.unit
        return out

    def raster(self, shape: tuple[int, ...], cell: float) -> tuple[tuple[float, float, float], tuple[float, ...]]:
        """GeoTIFF's ModelPixelScale and ModelTiepoint (OGC 19-008r4, 7.5) of a raster (rows from the north, columns from the
        west) with cells of `cell` metres whose south-west corner is the origin: pixel (0, 0)'s north-west corner is tied."""
        scale = cell / self.unit
        return (scale, scale, 0.0), (0.0, 0.0, 0.0, self.origin[0], self.origin[1] + shape[0] * scale, 0.0)


def georeference(scene: dict[str, Any]) -> Georeference:
    """Where the place of a scene.json lies: its keys "crs", "origin" and "crs_unit". Raises BadInput where they are damaged."""
    try:
        origin = scene.get("origin") or (0.0, 0.0)
        crs = scene.get("crs")
        return Georeference(None if crs is None else str(crs), (float(origin[0]), float(origin[1])),
                            float(scene.get("crs_unit") or 1.0))
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as e:
        raise BadInput(f"The origin in scene.json cannot be read ({e}).", "Generate the scene again.") from e
