"""Meshes and rasters to elevation."""
from __future__ import annotations

import numpy as np
import pytest

from earthcrafter_core.convert.terrain import elevation_of
from earthcrafter_core.errors import BadInput
from earthcrafter_core.scene.terrain import Terrain


def grid(height, low=(0.0, 0.0), high=(20.0, 12.0), count=9):
    """A mesh of a height function over a rectangle of metres."""
    x, y = np.meshgrid(np.linspace(low[0], high[0], count), np.linspace(low[1], high[1], count))
    vertices = np.stack([x.ravel(), y.ravel(), height(x, y).ravel()], 1)
    first = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    a, b, c, d = first, first + 1, first + count + 1, first + count
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def cells(shape, size):
    """x and y of the cells' middles, row 0 north."""
    row, col = np.mgrid[:shape[0], :shape[1]]
    return (col + 0.5) * size, (shape[0] - row - 0.5) * size


def test_a_tilted_plane_is_met_exactly():
    vertices, triangles = grid(lambda x, y: 0.3 * x - 0.7 * y + 100)
    made = elevation_of(Terrain("mesh", vertices, triangles), (24, 40), 0.5)
    x, y = cells((24, 40), 0.5)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, 0.3 * x - 0.7 * y + 100, atol=1e-4)


def test_the_highest_of_several_layers_counts_whatever_their_winding():
    low, high = grid(lambda x, y: 0 * x), grid(lambda x, y: 0 * x + 7, (6, 4), (14, 8))
    vertices = np.concatenate([high[0], low[0]])
    triangles = np.concatenate([high[1][:, ::-1], low[1] + len(high[0])])
    made = elevation_of(Terrain("mesh", vertices, triangles), (12, 20), 1.0)
    x, y = cells((12, 20), 1.0)
    np.testing.assert_array_equal(made, np.where((x > 6) & (x < 14) & (y > 4) & (y < 8), 7, 0))


def test_where_the_mesh_does_not_reach_the_nearest_value_counts():
    made = elevation_of(Terrain("mesh", *grid(lambda x, y: y, (0, 0), (10, 12))), (12, 20), 1.0)
    np.testing.assert_allclose(made[:, 10:], np.repeat(made[:, 9:10], 10, 1))
    np.testing.assert_allclose(made[:, 0], 11.5 - np.arange(12), atol=1e-5)


def test_meshes_beside_the_layout_and_upright_ones_are_refused():
    with pytest.raises(BadInput, match="over or under"):
        elevation_of(Terrain("mesh", *grid(lambda x, y: y, (100, 0), (120, 12))), (12, 20), 1.0)
    wall = np.array([[1, 1, 0], [9, 9, 0], [9, 9, 5]], float)
    with pytest.raises(BadInput, match="over or under"):
        elevation_of(Terrain("mesh", wall, np.array([[0, 1, 2]])), (12, 20), 1.0)


def test_a_raster_covers_the_layout(tmp_path):
    file = tmp_path / "Höhe.npy"
    np.save(file, np.array([[4.0, 4.0], [0.0, 0.0]]))
    made = elevation_of(Terrain("raster", path=str(file)), (8, 8), 1.0)
    assert made.shape == (8, 8) and (made[0] == 4).all() and (made[-1] == 0).all()
    np.save(file, np.array([[4.0, np.nan], [0.0, 0.0]]))
    with pytest.raises(BadInput, match="without a value"):
        elevation_of(Terrain("raster", path=str(file)), (8, 8), 1.0)
