"""A rectangle of a result made anew, with the shipped weights and few steps: what stays, what changes, and the seam."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from earthcrafter_core.convert import files
from earthcrafter_core.convert.relief import continued
from earthcrafter_core.convert.seam import fill_seam, join_colours
from earthcrafter_core.errors import BadInput
from earthcrafter_core.pipeline import Models, Settings, again, generate, regenerate, retexture
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.layout import Layout
from earthcrafter_core.train.evaluate import adherence

SIZE, STEPS = 64, 4
REGION = (20, 12, 44, 39)  # row0, col0, row1, col1: rows from the north
COLUMNS, ROWS = (8, 40), (16, 48)  # x and y of all cells of 8 that it touches
SETTINGS = Settings(seed=3, steps=STEPS)


@pytest.fixture(scope="module")
def models() -> Models:
    return Models("default", None, "cpu")


def town() -> Layout:
    """An apartment house and a lake that reach into the region, on a slope."""
    ids = np.full((SIZE, SIZE), sem.LAWN, np.uint8)
    ids[:, 26:32] = sem.ROAD
    ids[6:34, 2:20] = sem.APARTMENTS
    ids[36:60, 34:60] = sem.WATER
    ids[4:20, 44:60] = sem.BROADLEAF
    row, col = np.mgrid[:SIZE, :SIZE]
    return Layout(ids, elevation=(0.15 * col + 4 * np.sin(row / 9)).astype(np.float32))


def changed() -> Layout:
    """The town with a new house and a plaza inside the region, and other classes outside of it."""
    layout = town()
    ids = layout.class_id.copy()
    row0, col0, row1, col1 = REGION
    ids[row0:row1, col0:col1] = sem.LAWN
    ids[row0:row1, 12:20] = sem.APARTMENTS
    ids[28:40, 24:36] = sem.HOUSE
    ids[:4] = sem.TOWER  # outside: does not count
    return replace(layout, class_id=ids)


@pytest.fixture(scope="module")
def base(models, tmp_path_factory):
    out = tmp_path_factory.mktemp("base") / "a"
    generate(town(), out, SETTINGS, models=models, layout_source="a test")
    return out


@pytest.fixture(scope="module")
def made(models, base, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "b"
    told: list = []
    seen: list = []
    scene = regenerate(base, changed(), REGION, out, replace(SETTINGS, seed=8), models=models,
                       progress=lambda *p: told.append(p), preview=lambda *p: seen.append(p))
    return out, scene, told, seen


def inside(x, y):
    return (x >= COLUMNS[0]) & (x < COLUMNS[1]) & (y >= ROWS[0]) & (y < ROWS[1])


def outside_of(folder):
    """Voxels' and surfels' arrays outside the region's cells."""
    voxels, splats = files.read_voxels(folder), files.read_surfels(folder)
    v = ~inside(voxels.coords[:, 0], voxels.coords[:, 1])
    s = ~inside(splats.mean[:, 0], splats.mean[:, 1])
    arrays = {name: getattr(voxels, name)[v] for name in ("coords", "class_id", "rgb")}
    return arrays | {"origin": voxels.origin} | {n: getattr(splats, n)[s] for n in splats.__dataclass_fields__}


def test_outside_not_a_voxel_and_not_a_surfel_changes(base, made):
    before, after = outside_of(base), outside_of(made[0])
    assert len(before["coords"]) > 3000
    for name, values in before.items():
        assert np.array_equal(values, after[name]), name


def test_inside_it_is_another_place_that_obeys_the_new_layout(base, made):
    a, b = files.read_voxels(base), files.read_voxels(made[0])
    assert not np.array_equal(a.coords, b.coords)
    flat = files.read_structure(made[0])
    row0, col0, row1, col1 = REGION
    x, y, _ = flat["coords"].T
    here = (x >= col0) & (x < col1) & (y >= SIZE - row1) & (y < SIZE - row0)
    coords = flat["coords"][here] - [col0, SIZE - row1, 0]
    counts = np.array(list(adherence(coords, changed().class_id[row0:row1, col0:col1]).values()))
    assert counts[:, 0].sum() > 0.9 * counts[:, 1].sum()
    assert scene_layout(made[0])[30, 30] == sem.HOUSE and scene_layout(made[0])[0, 0] == sem.LAWN


def scene_layout(folder):
    return files.read_layout_of(folder).class_id


def test_the_seam_is_closed(made):
    coords = files.read_voxels(made[0]).coords
    x, y = np.mgrid[:SIZE, :SIZE]
    assert len(np.unique(coords[:, :2], axis=0)) == SIZE * SIZE
    assert len(fill_seam(coords, inside(x, y)).place) == 0


def test_what_crosses_the_border_keeps_its_level(base, made):
    levels = files.read_structure(made[0])["levels"]
    row0, _, row1, _ = REGION
    ids = scene_layout(made[0])
    house = levels[1][6:34, 2:20][ids[6:34, 2:20] == sem.APARTMENTS]
    assert np.ptp(house) == 0
    crossing = levels[2][44:60, 36:58]  # the lake south of the region
    assert np.ptp(crossing) == 0


def test_progress_and_previews_of_the_part(made):
    fractions = [p[3] for p in made[2]]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1, abs=0.01)
    assert [kind for kind, _ in made[3]] == ["cells", "voxels", "colours"]
    assert made[1]["region"] == list(REGION) and made[1]["base"] == "a"


def test_the_same_twice_and_again_from_its_folder_alone(base, made, models, tmp_path):
    regenerate(base, changed(), REGION, tmp_path / "b", replace(SETTINGS, seed=8), models=models)
    again(made[0], tmp_path / "c", models=models)
    for other in ("b", "c"):
        for name in set(files.FILES) - {"scene.json"}:
            assert (tmp_path / other / name).read_bytes() == (made[0] / name).read_bytes(), (other, name)


def test_a_new_texture_keeps_the_shapes_of_a_result_with_a_new_part(made, models, tmp_path):
    retexture(made[0], tmp_path / "t", replace(SETTINGS, steps=2, seed=9), models=models)
    a, b = files.read_voxels(made[0]), files.read_voxels(tmp_path / "t")
    kept = {tuple(c) for c in a.coords.tolist()}
    assert sum(tuple(c) in kept for c in b.coords.tolist()) > 0.99 * len(b.coords)
    assert np.array_equal(a.origin, b.origin)


@pytest.mark.parametrize("layout, region, settings, words", [
    (Layout(np.zeros((32, 64), np.uint8)), REGION, SETTINGS, "cells"),
    (Layout(np.zeros((64, 64), np.uint8), 2.0), REGION, SETTINGS, "cells"),
    (town(), (10, 10, 10, 20), SETTINGS, "no cell"), (town(), (70, 70, 90, 90), SETTINGS, "no cell"),
    (town(), REGION, replace(SETTINGS, voxel_size=2.0), "voxels of 1 m")])
def test_what_does_not_fit_is_refused(base, models, tmp_path, layout, region, settings, words):
    with pytest.raises(BadInput, match=words):
        regenerate(base, layout, region, tmp_path / "x", settings, models=models)
    assert list(tmp_path.iterdir()) == []


def test_a_result_of_an_older_version_is_refused(base, models, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    for name in ("scene.json", "voxels.npz", "splats.ply"):
        (old / name).write_bytes((base / name).read_bytes())
    arrays = files.read_structure(base)
    np.savez(old / "structure.npz", **{k: v for k, v in arrays.items() if "latent" not in k})
    with pytest.raises(BadInput, match="older version"):
        regenerate(old, town(), REGION, tmp_path / "x", SETTINGS, models=models)
    with pytest.raises(BadInput, match="layout"):
        again(old, tmp_path / "x", models=models)
    retexture(old, tmp_path / "y", replace(SETTINGS, steps=1), models=models)  # shapes and classes are enough for that


def test_steps_beside_kept_columns_are_filled_in_the_new_ones():
    anew = np.zeros((3, 1), bool)
    anew[1:] = True
    coords = np.array([[0, 0, 9], [1, 0, 5], [2, 0, 5], [1, 0, 20]])  # a roof over ground with a crown
    fill = fill_seam(coords, anew)
    assert sorted(map(tuple, fill.place.tolist())) == [(1, 0, 6), (1, 0, 7), (1, 0, 8)]
    assert set(fill.source.tolist()) == {0} and np.array_equal(fill.normal[0], [1, 0, 0])
    fill = fill_seam(np.array([[0, 0, 5], [1, 0, 9], [2, 0, 9]]), anew)  # the new one is the higher
    assert sorted(fill.place[:, 2].tolist()) == [6, 7, 8] and set(fill.place[:, 0].tolist()) == {1}
    assert np.array_equal(fill.normal[0], [-1, 0, 0])


def test_ground_joins_what_is_around_it():
    outside = np.ones((60, 60), bool)
    outside[10:50, 10:50] = False
    joined = continued(np.full((60, 60), 5.0), np.zeros((60, 60)), outside, 1.0)
    assert (joined[outside] == 0).all() and joined[30, 30] == 5
    assert np.abs(np.diff(joined, axis=1)).max() < 1


def test_colours_of_one_class_show_no_border():
    x, y = (a.ravel() for a in np.mgrid[:60, :60])
    anew = np.zeros((60, 60), bool)
    anew[30:] = True
    rgb = np.where(anew.ravel()[:, None], 100, 160).astype(np.uint8) * np.ones((1, 3), np.uint8)
    change = join_colours(np.stack([x, y, np.full(3600, 5)], 1), np.full(3600, sem.LAWN, np.uint8), rgb, anew, 1.0)
    assert (change[~anew.ravel()] == 0).all()
    assert (np.abs(change[x == 30] - 60) < 5).all() and (change[x > 52] == 0).all()
