from __future__ import annotations

import numpy as np
import pytest
import small_scene
from scipy import ndimage
from small_scene import HOUSE, POND, ROOF, SIZE, slope

from earthcrafter_core.convert.drape import drape
from earthcrafter_core.scene import classes as sem


def columns(voxels, class_id, rows_cols):
    """World heights of the highest voxel centre of a class in each cell of a part of the layout."""
    out = []
    for r in range(*rows_cols[0].indices(SIZE)):
        for c in range(*rows_cols[1].indices(SIZE)):
            here = (voxels.coords[:, 0] == c) & (voxels.coords[:, 1] == SIZE - 1 - r) & (voxels.class_id == class_id)
            out.append(voxels.centres()[here, 2].max())
    return np.array(out)


def in_part(splats, part):
    """Mask of the splats over a part of the layout."""
    x, row = splats.mean[:, 0], SIZE - splats.mean[:, 1]
    return (row >= part[0].start) & (row < part[0].stop) & (x >= part[1].start) & (x < part[1].stop)


def test_constant_elevation_is_a_pure_shift():
    voxels, splats, ids = small_scene.scene()
    moved, moved_splats = drape(voxels, splats, ids, np.full(ids.shape, 123.4, np.float32))
    assert len(moved.coords) == len(voxels.coords)
    assert np.allclose(moved.centres() - voxels.centres(), [0, 0, 123.4], atol=1e-4)
    assert np.allclose(moved_splats.mean - splats.mean, [0, 0, 123.4], atol=1e-4)
    assert np.allclose(moved_splats.quat, splats.quat)
    assert np.array_equal(moved.class_id, voxels.class_id)


def test_roof_stays_level_and_water_flat_on_a_slope():
    voxels, splats, ids = small_scene.scene()
    draped, draped_splats = drape(voxels, splats, ids, slope(0.2))
    assert np.ptp(columns(draped, sem.HOUSE, HOUSE)) == 0
    assert np.ptp(columns(draped, sem.WATER, POND)) == 0
    roof = (draped_splats.class_id == sem.HOUSE) & (draped_splats.normals()[:, 2] > 0.9)
    assert np.ptp(draped_splats.mean[roof, 2]) < 1e-3
    water = draped_splats.class_id == sem.WATER
    assert np.ptp(draped_splats.mean[water, 2]) < 1e-3
    ground = slope(0.2)[HOUSE]
    level = columns(draped, sem.HOUSE, HOUSE)[0] - ROOF
    assert ground.min() - 0.5 <= level <= ground.max() + 0.5


def test_ground_splats_lie_on_the_relief_and_tilt_with_it():
    voxels, splats, ids = small_scene.scene()
    _, draped = drape(voxels, splats, ids, slope(0.2))
    road = draped.class_id == sem.ROAD
    inside = road & (draped.mean[:, 0] > 1) & (draped.mean[:, 0] < 16)  # away from the shore
    assert np.abs(draped.mean[inside, 2] - 0.2 * draped.mean[inside, 0]).max() < 1e-3
    expected = np.array([-0.2, 0, 1]) / np.hypot(0.2, 1)
    assert np.abs(draped.normals()[inside] - expected).max() < 1e-3


def test_walls_come_down_to_the_lowest_ground_beside_them():
    voxels, splats, ids = small_scene.scene()
    draped, draped_splats = drape(voxels, splats, ids, slope(0.5))
    house = draped.class_id == sem.HOUSE
    west = house & (draped.coords[:, 0] == HOUSE[1].start)
    ground = (draped.class_id == sem.LAWN) & (draped.coords[:, 0] == HOUSE[1].start - 1)
    for y in np.unique(draped.coords[west, 1]):
        low = draped.coords[west & (draped.coords[:, 1] == y), 2].min()
        assert low <= draped.coords[ground & (draped.coords[:, 1] == y), 2].min()
    assert len(draped_splats) > len(splats)  # the new walls have splats
    assert (draped_splats.class_id[len(splats):] == sem.HOUSE).any()


@pytest.mark.parametrize("share", [0.2, 0.6, 1.7])
def test_no_holes_open(share):
    voxels, splats, ids = small_scene.scene()
    draped, _ = drape(voxels, splats, ids, slope(share))
    assert air_reaches(draped) == air_reaches(voxels) == 0


def air_reaches(voxels) -> int:
    """Air from above that leaks below the shell of ground and buildings: its number of bottom cells."""
    crown = sem.is_in(voxels.class_id, sem.TREE_IDS)
    coords = voxels.coords[~crown] - voxels.coords[~crown].min(0) + [0, 0, 1]
    full = np.zeros(coords.max(0) + [1, 1, 2], bool)
    full[tuple(coords.T)] = True
    label, _ = ndimage.label(~full)
    top = np.unique(label[:, :, -1])
    return int(np.isin(label[:, :, 0], top[top > 0]).sum())


def test_every_column_holds_a_voxel_and_none_is_doubled():
    voxels, splats, ids = small_scene.scene()
    hills = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=ids.shape), 4) * 60
    draped, _ = drape(voxels, splats, ids, hills.astype(np.float32))
    assert len(np.unique(draped.coords[:, :2], axis=0)) == ids.size
    assert len(np.unique(draped.coords, axis=0)) == len(draped.coords)
    assert draped.coords.min() == 0 and draped.coords.dtype == np.int32
    assert len(draped.coords) == len(draped.class_id) == len(draped.rgb)


def test_bridge_spans_and_the_river_beneath_is_one():
    voxels, splats, ids = small_scene.scene(bridge=True)
    x = np.arange(SIZE) + 0.5
    valley = np.broadcast_to(np.clip(np.abs(x - 18) - 4, 0, 6), ids.shape).astype(np.float32)
    draped, draped_splats = drape(voxels, splats, ids, valley + slope(0.02))
    deck = draped_splats.class_id == sem.BRIDGE
    fit = np.polyfit(draped_splats.mean[deck, 0], draped_splats.mean[deck, 2], 1)
    assert np.abs(np.polyval(fit, draped_splats.mean[deck, 0]) - draped_splats.mean[deck, 2]).max() < 0.3
    water = draped_splats.class_id == sem.WATER
    assert np.ptp(draped_splats.mean[water, 2]) < 1e-3
    assert draped_splats.mean[deck, 2].min() > draped_splats.mean[water, 2].max() + 3


def test_unpainted_layout_takes_the_classes_from_the_voxels():
    voxels, splats, ids = small_scene.scene()
    draped, _ = drape(voxels, splats, np.zeros_like(ids), slope(0.2))
    assert np.ptp(columns(draped, sem.HOUSE, HOUSE)) == 0


def test_crowns_rise_as_one():
    voxels, splats, ids = small_scene.scene()
    _, draped = drape(voxels, splats, ids, slope(0.2))
    crown = splats.class_id == sem.BROADLEAF
    rise = draped.mean[:len(splats)][crown, 2] - splats.mean[crown, 2]
    assert np.abs(rise - 0.2 * splats.mean[crown, 0]).max() < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3)])
def test_any_size(shape):
    voxels, splats, ids = small_scene.scene()
    keep = (voxels.coords[:, 0] < shape[1]) & (voxels.coords[:, 1] < shape[0])
    part = type(voxels)(voxels.coords[keep], voxels.class_id[keep], voxels.rgb[keep], voxels.origin, 1.0)
    mine = np.repeat(keep, 4)
    few = type(splats)(*(getattr(splats, k)[mine] for k in splats.__dataclass_fields__))
    draped, _ = drape(part, few, ids[SIZE - shape[0]:, :shape[1]], slope(0.2)[:shape[0], :shape[1]])
    assert len(np.unique(draped.coords[:, :2], axis=0)) == shape[0] * shape[1]
