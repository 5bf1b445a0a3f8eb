"""Splats from textured meshes: where they lie, how fine they are, and that they look as the meshes do."""
from __future__ import annotations

from dataclasses import fields

import mesh_shapes
import numpy as np
import pytest

from earthcrafter_core.errors import BadInput, Cancelled
from earthcrafter_core.mesh import threads
from earthcrafter_core.mesh.options import SplatOptions
from earthcrafter_core.mesh.place import BUILDING, CROWN, TERRAIN, WATER, Part, PlaceMesh, Texture
from earthcrafter_core.mesh.sampling import sheet as sheets
from earthcrafter_core.mesh.sampling.sample import sample_splats
from earthcrafter_core.render import Camera
from earthcrafter_core.render.image import render_splats
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.splats import Splats, rotation_matrices

TEXELS = 8  # a metre
GREY = 90


def quad(kind: str, class_id: int, corners: list, texture: str = "one") -> Part:
    """A rectangle, its corners counter-clockwise from the texture's bottom left."""
    part = mesh_shapes.part(kind, kind, class_id, np.array(corners, np.float64), np.array([[0, 1, 2], [0, 2, 3]]))
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    part.uv, part.texture = uv[part.faces], texture
    return part


def place_of(*parts: Part, color: np.ndarray | None = None) -> PlaceMesh:
    color = np.full((8 * TEXELS, 8 * TEXELS, 3), GREY, np.uint8) if color is None else color
    return PlaceMesh(list(parts), {part.texture: Texture(color) for part in parts}, mesh_shapes.place().instances)


def wall(width: float = 8, height: float = 8) -> Part:
    """Seen from the south."""
    return quad(BUILDING, sem.HOUSE, [[0, 0, 0], [width, 0, 0], [width, 0, height], [0, 0, height]])


def chosen(splats: Splats, rows: np.ndarray) -> Splats:
    return Splats(*(getattr(splats, f.name)[rows] for f in fields(Splats)))


def test_a_plain_wall_has_large_splats_and_as_many_behind():
    splats = sample_splats(place_of(wall()))
    front, behind = (chosen(splats, r) for r in (splats.mean[:, 1] < 0.1, splats.mean[:, 1] >= 0.1))
    assert len(front) == 16 * 16
    assert np.allclose(front.mean[:, 1], 0) and set(np.round(behind.mean[:, 1], 4)) == {0.125, 0.25}
    assert np.allclose(np.exp(front.log_scale), sheets.SEEN.sigma * 0.5)
    assert np.exp(behind.log_scale).prod(1).sum() == pytest.approx(sheets.BEHIND.sigma ** 2 * 64, rel=1e-4), "all of it"
    large = np.exp(behind.log_scale[:, 0]) > 0.15
    assert np.allclose(behind.mean[large][:, [0, 2]] % 0.5, 0, atol=1e-5), "in the middle of four"
    assert np.allclose(np.sort(np.unique(front.mean[:, 0])), np.arange(16) / 2 + 0.25, atol=1e-5)
    assert np.allclose(splats.normals(), [0, -1, 0], atol=1e-6)
    assert (splats.rgb() == GREY).all() and (splats.class_id == sem.HOUSE).all()


def test_edges_are_fine_and_the_rest_is_coarse():
    color = np.full((64, 64, 3), GREY, np.uint8)
    color[:, 21:] = 250
    splats = sample_splats(place_of(wall(), color=color))
    front = chosen(splats, splats.mean[:, 1] < 0.1)
    side = np.exp(front.log_scale[:, 0]) / sheets.SEEN.sigma
    fine = side < 0.2
    assert fine.sum() == 64 * 2 and np.abs(front.mean[fine, 0] - 21 / TEXELS).max() < 0.26
    assert set(np.unique(front.rgb()[:, 0])) == {GREY, 250}, "no splat lies across"
    assert side.max() == pytest.approx(0.5, rel=1e-5)


def test_texels_that_are_no_squares_give_discs_that_are_none():
    splats = sample_splats(place_of(wall(16, 4)))
    front = chosen(splats, splats.mean[:, 1] < 0.1)
    assert np.allclose(np.exp(front.log_scale[:, 0] - front.log_scale[:, 1]), 4, rtol=1e-4)
    axes = rotation_matrices(front.quat)
    assert np.allclose(np.abs(axes[:, :, 0]), [1, 0, 0], atol=1e-6)
    assert np.exp(front.log_scale).prod(1).sum() == pytest.approx(sheets.SEEN.sigma ** 2 * 64, rel=1e-4)


def test_the_size_of_the_finest_and_a_place_with_too_many():
    rng = np.random.default_rng(0)
    place = place_of(wall(), color=rng.integers(0, 255, (64, 64, 3), np.uint8))
    fine, coarse = sample_splats(place), sample_splats(place, 0.25)
    assert (fine.mean[:, 1] < 0.1).sum() == 64 * 64 and (coarse.mean[:, 1] < 0.1).sum() == 32 * 32
    few = sample_splats(place, most=len(fine) - 1)
    assert all(np.array_equal(getattr(few, f.name), getattr(coarse, f.name)) for f in fields(Splats))
    assert 0 < len(sample_splats(place, most=1)) < len(coarse), "the coarsest there are"


def test_the_ground_under_buildings_and_water_has_none():
    ground = quad(TERRAIN, sem.LAWN, [[0, 0, 0], [8, 0, 0], [8, 8, 0], [0, 8, 0]])
    house = mesh_shapes.house(1, (1, 1, -0.3), (4, 4, 3))
    house.uv, house.texture = np.tile(np.float32([[0, 0], [1, 0], [1, 1]]), (len(house.faces), 1, 1)), "two"
    pond = quad(WATER, sem.WATER, [[5, 5, -0.2], [8, 5, -0.2], [8, 8, -0.2], [5, 8, -0.2]], "three")
    splats = sample_splats(place_of(ground, house, pond))
    lawn = splats.mean[splats.class_id == sem.LAWN]
    for low, high in ((1, 4), (5, 8)):
        inside = ((lawn[:, :2] > low + 0.8) & (lawn[:, :2] < high - 0.8)).all(1)
        assert not inside.any()
    assert ((np.abs(lawn[:, :2] - [0.75, 6]) < 0.5).all(1)).any(), "beside them there are"
    normal = splats.normals()
    assert (splats.class_id == sem.HOUSE).any() and (normal[:, 2] > -0.9).all(), "no undersides"


def test_plants_that_share_texels_have_each_their_own():
    trees = mesh_shapes.crowns(mesh_shapes.ball((3, 3, 4), 2), mesh_shapes.ball((9, 3, 4), 2))
    half = len(trees.faces) // 2
    corners = np.random.default_rng(0).uniform(0.1, 0.9, (half, 3, 2)).astype(np.float32)
    trees.uv, trees.texture = np.concatenate([corners, corners]), "leaves"
    assert trees.kind == CROWN
    splats = sample_splats(place_of(trees))
    left = splats.mean[:, 0] < 6
    assert left.sum() == (~left).sum() > 100
    area = np.linalg.norm(np.cross(*(trees.vertices[trees.faces[:, k]] - trees.vertices[trees.faces[:, 0]] for k in (1, 2))),
                          axis=1).sum() / 2
    covered = np.exp(splats.log_scale).prod(1).sum() / sheets.SEEN.sigma ** 2
    assert covered == pytest.approx(area, rel=0.1)


def test_faces_with_fewer_texels_than_splats_are_covered():
    coping = quad(BUILDING, sem.HOUSE, [[0, 0, 9], [8, 0, 9], [8, 0.3, 9], [0, 0.3, 9]])
    coping.uv = coping.uv * np.float32([4 / 64, 0.15 / 64]) + np.float32(0.5)  # two texels a metre, a fraction of one across
    splats = sample_splats(place_of(wall(), coping))
    top = splats.mean[:, 2] > 8.95
    assert np.exp(splats.log_scale[top]).prod(1).sum() / sheets.SEEN.sigma ** 2 == pytest.approx(2.4, rel=0.35)
    assert (splats.rgb()[top] == GREY).all()


def test_they_look_as_the_texture_does():
    y, x = np.mgrid[:64, :64]
    color = np.where((((x // 17) + (y // 15)) % 2)[..., None] == 1, [200, 60, 40], [50, 90, 160]).astype(np.uint8)
    splats = sample_splats(place_of(wall(), color=color))
    camera = Camera.orthographic_look_at((4, -20, 4), (4, 0, 4), width=64, height=64, view_width=8)
    seen = render_splats(splats, camera, (1.0, 0.0, 1.0)).astype(np.float64)
    error = ((seen - color)[2:-2, 2:-2] ** 2).mean()
    assert 10 * np.log10(255 ** 2 / error) > 20, "edges of a texel's width are soft, the rest is right"
    assert np.median(np.abs(seen - color).max(2)) < 10 and (seen[2:-2, 2:-2, 1] > 40).all(), "no hole shows what is behind"


def test_the_same_whatever_the_threads(monkeypatch):
    made = []
    for n in (1, 4):
        monkeypatch.setattr(threads, "cores", lambda n=n: n)
        made.append(sample_splats(mesh_shapes.place()))
    assert len(made[0]) > 1000
    assert all(np.array_equal(getattr(made[0], f.name), getattr(made[1], f.name)) for f in fields(Splats))
    assert all(np.isfinite(getattr(made[0], f.name)).all() for f in fields(Splats))


def test_it_can_be_stopped():
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        sample_splats(mesh_shapes.place(), check=stop)


@pytest.mark.parametrize(("given", "said"), [({"source": "photographs"}, "not known"), ({"size": 0.01}, "out of range"),
                                             ({"size": float("nan")}, "out of range")])
def test_options_that_make_no_sense(given, said):
    with pytest.raises(BadInput, match=said):
        SplatOptions(**given)
