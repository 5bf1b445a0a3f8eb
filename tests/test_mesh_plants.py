"""Plants found in columns of known trees, their crowns as closed meshes, and their file."""
from __future__ import annotations

import numpy as np
import pytest
import trimesh

import small_scene
from earthcrafter_core.data.synthetic.canvas import Canvas
from earthcrafter_core.data.synthetic.form import build_solid, crown_height
from earthcrafter_core.data.synthetic.style import draw_style
from earthcrafter_core.data.synthetic.themes import THEMES
from earthcrafter_core.errors import BadInput
from earthcrafter_core.mesh.planting import plant_forms
from earthcrafter_core.mesh.columns import Columns, columns_of
from earthcrafter_core.mesh.planting.crowns import crown_parts
from earthcrafter_core.mesh.place import CROWN, Instances
from earthcrafter_core.mesh.planting.plants import find_plants
from earthcrafter_core.mesh.planting.plants_file import read_plants, write_plants
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.splats import SH_C0, Splats

SIZE = 96
ORIGIN = np.array([100.0, -50.0])


def ground_columns(slope: float = 0.0) -> Columns:
    x = np.broadcast_to((np.arange(SIZE) * slope)[:, None], (SIZE, SIZE)).copy()
    return Columns(ORIGIN, 1.0, np.full((SIZE, SIZE), sem.LAWN, np.uint8), x, np.ones((SIZE, SIZE), bool),
                   np.zeros((SIZE, SIZE), np.uint8), x.copy(), np.zeros((SIZE, SIZE), np.int32))


def plant(columns: Columns, x: float, y: float, height: float, radius: float, class_id: int) -> None:
    """A tree as the generator's training scenes have it, in whole metres of height."""
    i, j = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5, indexing="ij")
    r = np.hypot(i - x, j - y) / radius
    top = columns.ground + np.maximum(np.rint(crown_height(height, r, class_id)), 1.0)
    higher = (r <= 1) & (top > columns.top)
    columns.top[higher], columns.above[higher] = top[higher], class_id


def no_splats() -> Splats:
    return Splats(np.zeros((0, 3), np.float32), np.zeros((0, 2), np.float32), np.zeros((0, 4), np.float32),
                  np.zeros(0, np.float32), np.zeros((0, 1, 3), np.float32), np.zeros(0, np.uint8))


def plain_splats(mean: np.ndarray, rgb: tuple[int, int, int], class_id: int) -> Splats:
    n = len(mean)
    sh = np.broadcast_to((np.array(rgb) / 255 - 0.5) / SH_C0, (n, 1, 3))
    return Splats(mean.astype(np.float32), np.full((n, 2), np.log(0.3), np.float32), np.tile([1, 0, 0, 0], (n, 1)).astype("f4"),
                  np.full(n, 4, np.float32), sh.astype(np.float32), np.full(n, class_id, np.uint8))


def grown(slope: float = 0.0) -> tuple[Columns, np.ndarray]:
    """Trees that stand alone or touch: columns, and x, y, height, radius, class of each."""
    trees = np.array([(14.5, 15.5, 8, 5, sem.BROADLEAF), (24.0, 16.0, 7, 4.2, sem.BROADLEAF), (50.5, 20.5, 14, 4, sem.CONIFER),
                      (57.5, 20.5, 11, 3.2, sem.CONIFER), (20.5, 60.5, 17, 6, sem.BROADLEAF), (70.5, 70.5, 6, 2.2, sem.CONIFER),
                      (40.5, 80.5, 9, 5.5, sem.BROADLEAF), (80.5, 30.5, 5, 2.5, sem.BROADLEAF)])
    columns = ground_columns(slope)
    for x, y, height, radius, class_id in trees:
        plant(columns, x, y, height, radius, int(class_id))
    return columns, trees


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_every_tree_is_found_where_it_stands_as_high_and_wide_as_it_is(slope):
    columns, trees = grown(slope)
    plants = find_plants(columns, no_splats())
    assert len(plants) == len(trees)
    away = np.linalg.norm(plants.position[None, :, :2] - (trees[:, None, :2] + ORIGIN), axis=2)
    own = away.argmin(1)
    assert sorted(own) == list(range(len(trees))) and away.min(1).max() < 1.0
    np.testing.assert_allclose(plants.height[own], trees[:, 2], atol=0.6 + 6 * slope)  # of a crown that hangs over a slope
    np.testing.assert_allclose(plants.width[own], 2 * trees[:, 3], rtol=0.12)
    np.testing.assert_array_equal(plants.class_id[own], trees[:, 4])
    ground = (plants.position[:, 0] - ORIGIN[0] - 0.5) * slope
    np.testing.assert_allclose(plants.position[:, 2], ground, atol=0.5 * slope + 1e-9)


def test_the_trees_of_planned_suburbs_are_found():
    """Against the plans of synthetic places: trees of which half the crown is to be seen, tops rounded to whole metres."""
    planned = found = matched = 0
    height_error, width_error = [], []
    for seed in range(3):
        canvas = Canvas(rng := np.random.default_rng(seed), SIZE, draw_style(rng))
        THEMES["suburb"].plan(canvas)
        solid = build_solid(canvas)
        number, cover, ground, top = (a[::-1].T for a in (solid.tree, solid.surfaces.cover, solid.surfaces.ground,
                                                          solid.surfaces.top))
        above = np.where(number >= 0, solid.surfaces.layout[::-1].T, 0).astype(np.uint8)
        columns = Columns(np.zeros(2), 1.0, cover, ground, np.ones_like(above, bool), above,
                          np.where(number >= 0, np.rint(top), ground), np.zeros(above.shape, np.int32))
        plants = find_plants(columns, no_splats())
        seen = np.bincount(number[number >= 0], minlength=len(canvas.trees))
        trees = np.array([t for t, n in zip(canvas.trees, seen) if n > 0.5 * np.pi * t[3] ** 2 and t[4] != sem.ORCHARD])
        away = np.linalg.norm(trees[:, None, :2] - plants.position[None, :, :2], axis=2)
        own = away.argmin(1)
        hit = (away.min(1) < 0.5 * trees[:, 3]) & (away.argmin(0)[own] == np.arange(len(trees)))
        planned, found, matched = planned + len(trees), found + len(plants), matched + int(hit.sum())
        height_error += np.abs(plants.height[own] - trees[:, 2])[hit].tolist()
        width_error += np.abs(plants.width[own] / (2 * trees[:, 3]) - 1)[hit].tolist()
    assert planned > 50 and matched > 0.95 * planned and matched > 0.9 * found
    assert np.median(height_error) < 0.5 and np.median(width_error) < 0.05


def test_a_closed_forest_is_filled_with_crowns_of_a_likely_width():
    columns = ground_columns()
    columns.above[10:80, 10:80] = sem.BROADLEAF
    columns.top[10:80, 10:80] = np.random.default_rng(0).integers(14, 16, (70, 70))
    plants = find_plants(columns, no_splats())
    assert 5 < np.median(plants.width) < 11
    assert (np.pi / 4 * plants.width.astype(float) ** 2).sum() == pytest.approx(4900, rel=0.05)


def test_orchards_are_rows_and_hedges_are_closed():
    columns = ground_columns()
    columns.above[10:40, 10:30], columns.top[10:40, 10:30] = sem.ORCHARD, 3.0
    columns.above[10:70, 60:62], columns.top[10:70, 60:62] = sem.SHRUB, 1.0
    plants = find_plants(columns, no_splats())
    orchard, hedge = plants.class_id == sem.ORCHARD, plants.class_id == sem.SHRUB
    assert orchard.sum() == pytest.approx(600 / (4.2 * 5.0), rel=0.25)
    assert (np.diff(np.sort(plants.position[orchard, 1])) > 3.0).sum() == 3  # four rows, along the longer side
    x = np.sort(plants.position[hedge, 0])
    assert np.diff(x).max() < plants.width[hedge].min() * 1.6 and x[0] < ORIGIN[0] + 12 and x[-1] > ORIGIN[0] + 68


def test_a_foot_stands_beside_the_pavement_that_the_crown_hangs_over():
    columns = ground_columns()
    plant(columns, 30.5, 30.5, 9, 5, sem.BROADLEAF)
    columns.cover[30:] = sem.ROAD
    x, y, _ = find_plants(columns, no_splats()).position[0]
    assert columns.cover[int(x - ORIGIN[0]), int(y - ORIGIN[1])] == sem.LAWN
    assert np.hypot(x - ORIGIN[0] - 30.5, y - ORIGIN[1] - 30.5) < 2.5


def test_plants_have_the_colour_of_their_own_surfels():
    columns, trees = grown()
    first, second = (np.column_stack([trees[k, :2] + ORIGIN + d, [6.0] * 4])
                     for k, d in ((2, np.eye(4, 2)), (4, np.eye(4, 2))))
    red, blue = plain_splats(first, (200, 40, 30), sem.CONIFER), plain_splats(second, (20, 60, 180), sem.BROADLEAF)
    both = Splats(*(np.concatenate([getattr(red, f), getattr(blue, f)]) for f in Splats.__dataclass_fields__))
    plants = find_plants(columns, both)
    near = [np.linalg.norm(plants.position[:, :2] - trees[k, :2] - ORIGIN, axis=1).argmin() for k in (2, 4)]
    np.testing.assert_allclose(plants.rgb[near], [(200, 40, 30), (20, 60, 180)], atol=1)


def test_a_place_without_plants_has_none():
    plants = find_plants(ground_columns(), no_splats())
    assert len(plants) == 0 and crown_parts(plants, ground_columns(), no_splats()) == []


@pytest.mark.parametrize("level", range(plant_forms.LEVELS))
@pytest.mark.parametrize("class_id", [sem.BROADLEAF, sem.CONIFER, sem.ORCHARD, sem.SHRUB])
def test_every_form_is_one_closed_surface_of_its_size(class_id, level):
    for variant in range(plant_forms.VARIANTS):
        form = plant_forms.form(class_id, variant, level)
        mesh = trimesh.Trimesh(form.vertices, form.faces, process=False)
        assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0 and mesh.body_count == 1
        assert form.vertices[:, 2].min() == 0 and form.vertices[:, 2].max() == pytest.approx(1)
        assert form.vertices[form.root, 2].max() == 0 and form.light.min() >= 0 and form.light.max() <= 1
        thick = np.where(form.wood, 0.2, plant_forms.SIZES[class_id][0])[:, None] * [1, 1, 0]
        mesh.vertices = form.vertices * (thick + [0, 0, plant_forms.SIZES[class_id][2]])
        assert (2 * mesh.area_faces / mesh.edges_unique_length[mesh.faces_unique_edges].max(1)).min() > 0.02, "slivers"
        if level == 0:
            assert len(form.faces) <= 240


def test_crowns_are_closed_smooth_coloured_and_reach_into_the_ground():
    voxels, splats, _ = small_scene.scene()
    columns = columns_of(voxels, splats)
    plants = find_plants(columns, splats)
    assert len(plants) == 1
    part, = crown_parts(plants, columns, splats)
    assert (part.name, part.kind, part.class_id, part.solid) == ("broadleaf", CROWN, sem.BROADLEAF, True)
    mesh = trimesh.Trimesh(part.vertices, part.faces, process=False)
    assert mesh.is_watertight and mesh.volume > 0
    foot = plants.position[0]
    assert part.vertices[:, 2].min() < foot[2] - 0.1
    assert part.vertices[:, 2].max() == pytest.approx(foot[2] + plants.height[0], abs=0.01)
    np.testing.assert_allclose(np.linalg.norm(part.corner_normal, axis=2), 1, atol=1e-5)
    assert ((part.corner_normal * mesh.face_normals[:, None]).sum(2) > 0).mean() > 0.98
    share = (part.vertices[part.faces][..., 2] - foot[2]) / plants.height[0]
    shade, leafy = part.corner_color.astype(int).sum(2), part.corner_color[..., 1] > part.corner_color[..., 0]
    assert shade[share > 0.8].mean() > 1.2 * shade[leafy & (share > 0.3) & (share < 0.5)].mean()


def test_crowns_follow_the_slope_and_are_the_same_again():
    columns, _ = grown(0.3)
    columns.above[10:30, 40:42], columns.top[10:30, 40:42] = sem.SHRUB, columns.ground[10:30, 40:42] + 1
    plants = find_plants(columns, no_splats())
    parts = crown_parts(plants, columns, None)
    for part in parts:
        ground = np.interp(part.vertices[:, 0], ORIGIN[0] + np.arange(SIZE) + 0.5, columns.ground[:, 0])
        assert (part.vertices[:, 2] < ground - 0.1).sum() >= 3 * part.attributes["count"]
    again = crown_parts(find_plants(columns, no_splats()), columns, None)
    for one, two in zip(parts, again, strict=True):
        assert one.vertices.tobytes() == two.vertices.tobytes() and one.corner_color.tobytes() == two.corner_color.tobytes()


def test_making_crowns_can_be_ended():
    columns, _ = grown()

    def stop() -> None:
        raise InterruptedError
    with pytest.raises(InterruptedError):
        crown_parts(find_plants(columns, no_splats()), columns, None, stop)


def test_plants_are_read_as_written_and_a_cut_file_says_so(tmp_path):
    columns, _ = grown()
    plants, path = find_plants(columns, no_splats()), tmp_path / "plants.npz"
    write_plants(path, plants)
    first = path.read_bytes()
    write_plants(path, plants)
    assert path.read_bytes() == first and list(tmp_path.iterdir()) == [path]
    again = read_plants(path)
    for name in Instances.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(plants, name))
        assert getattr(again, name).dtype == getattr(plants, name).dtype
    path.write_bytes(first[:len(first) // 2])
    for bad in (path, tmp_path / "none.npz"):
        with pytest.raises(BadInput, match="cannot be read"):
            read_plants(bad)
    np.savez(path, position=np.zeros((2, 3)), height=np.zeros(3), width=np.zeros(2), turn=np.zeros(2), class_id=np.zeros(2),
             rgb=np.zeros((2, 3)))
    with pytest.raises(BadInput, match="height"):
        read_plants(path)


def test_a_stray_voxel_is_no_tree():
    columns = ground_columns()
    columns.above[40, 40], columns.top[40, 40] = sem.BROADLEAF, 9.0
    columns.above[60:64, 60:64], columns.top[60:64, 60:64] = sem.CONIFER, 0.5
    assert len(find_plants(columns, no_splats())) == 0
