"""UTM coordinates of geographic ones (WGS 84) and back, by Krueger's series to the fourth order: exact to the millimetre."""
from __future__ import annotations

import math

import numpy as np

_A, _F = 6378137.0, 1 / 298.257223563  # semi-major axis in metres and flattening of WGS 84
_N = _F / (2 - _F)
_RADIUS = _A / (1 + _N) * (1 + _N**2 / 4 + _N**4 / 64)  # of the circle as long as a meridian
_SCALE, _EAST, _SOUTH = 0.9996, 500_000.0, 10_000_000.0
_ALPHA = (_N / 2 - 2 / 3 * _N**2 + 5 / 16 * _N**3 + 41 / 180 * _N**4,
          13 / 48 * _N**2 - 3 / 5 * _N**3 + 557 / 1440 * _N**4,
          61 / 240 * _N**3 - 103 / 140 * _N**4, 49561 / 161280 * _N**4)
_BETA = (_N / 2 - 2 / 3 * _N**2 + 37 / 96 * _N**3 - 1 / 360 * _N**4,
         1 / 48 * _N**2 + 1 / 15 * _N**3 - 437 / 1440 * _N**4,
         17 / 480 * _N**3 - 37 / 840 * _N**4, 4397 / 161280 * _N**4)
_ECCENTRICITY = math.sqrt(_F * (2 - _F))


def zone_of(lat: float, lon: float) -> int:
    """EPSG code of the UTM zone of a place in degrees: 32601..32660 north, 32701..32760 south of the equator."""
    zone = int(np.clip(math.floor((lon + 180) / 6) + 1, 1, 60))
    return (32600 if lat >= 0 else 32700) + zone


def to_utm(lat: np.ndarray, lon: np.ndarray, epsg: int) -> tuple[np.ndarray, np.ndarray]:
    """East and north in metres of latitudes and longitudes in degrees (any shape), in the zone of an EPSG code."""
    phi, lam = np.radians(lat), np.radians(np.asarray(lon, float) - _meridian(epsg))
    e = _ECCENTRICITY
    t = np.sinh(np.arctanh(np.sin(phi)) - e * np.arctanh(e * np.sin(phi)))
    xi, eta = np.arctan2(t, np.cos(lam)), np.arctanh(np.sin(lam) / np.sqrt(1 + t * t))
    east, north = eta.copy(), xi.copy()
    for j, a in enumerate(_ALPHA, 1):
        east += a * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
        north += a * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
    return _EAST + _SCALE * _RADIUS * east, _false_north(epsg) + _SCALE * _RADIUS * north


def from_utm(east: np.ndarray, north: np.ndarray, epsg: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude in degrees of UTM coordinates in metres (any shape)."""
    xi = (np.asarray(north, float) - _false_north(epsg)) / (_SCALE * _RADIUS)
    eta = (np.asarray(east, float) - _EAST) / (_SCALE * _RADIUS)
    x, y = xi.copy(), eta.copy()
    for j, b in enumerate(_BETA, 1):
        x -= b * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
        y -= b * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
    conformal = np.arcsin(np.sin(x) / np.cosh(y))
    phi, e = conformal.copy(), _ECCENTRICITY
    for _ in range(6):  # each round gains more than two digits
        phi = np.arcsin(np.tanh(np.arctanh(np.sin(conformal)) + e * np.arctanh(e * np.sin(phi))))
    return np.degrees(phi), _meridian(epsg) + np.degrees(np.arctan2(np.sinh(y), np.cos(x)))


def _meridian(epsg: int) -> float:
    return (epsg % 100) * 6.0 - 183.0


def _false_north(epsg: int) -> float:
    return _SOUTH if epsg >= 32700 else 0.0
