"""Fewer splats: what is kept, what is merged first, and that a picture of them is nearly the same."""
from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import small_scene
import torch

from earthcrafter_core.render import Camera
from earthcrafter_core.render.image import psnr, render_splats
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.merging import areas, merged
from earthcrafter_core.scene.splats import SH_C0, Splats


def sheet(rgb: np.ndarray, step: float = 0.2, class_id: int = sem.LAWN) -> Splats:
    """Flat discs on a lattice of `step` metres in colours [H, W, 3] of 0..1."""
    h, w, _ = rgb.shape
    y, x = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    mean = np.stack([x.ravel() * step, y.ravel() * step, np.zeros(h * w)], 1).astype(np.float32)
    n = h * w
    return Splats(mean, np.full((n, 2), np.log(step / 2), np.float32), np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
                  np.full(n, 4, np.float32), ((rgb.reshape(n, 1, 3) - 0.5) / SH_C0).astype(np.float32),
                  np.full(n, class_id, np.uint8))


def rows_of(splats: Splats) -> set[bytes]:
    return {np.concatenate([getattr(splats, f.name)[i].ravel().astype(np.float64) for f in fields(Splats)]).tobytes()
            for i in range(len(splats))}


def test_few_splats_stay_as_they_are():
    _, splats, _ = small_scene.scene()
    assert merged(splats, len(splats)) is splats


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01])
def test_as_many_as_asked_for_cover_as_much_of_every_class(share):
    _, splats, _ = small_scene.scene()
    most = int(share * len(splats))
    few = merged(splats, most)
    assert len(few) == most
    for class_id in np.unique(splats.class_id):
        before, after = (areas(s)[s.class_id == class_id].sum() for s in (splats, few))
        assert after == pytest.approx(before, rel=1e-4)
    assert all(np.isfinite(getattr(few, f.name)).all() for f in fields(Splats))
    assert np.allclose(np.linalg.norm(few.quat, axis=1), 1, atol=1e-5)
    again = merged(splats, most)
    assert all(np.array_equal(getattr(few, f.name), getattr(again, f.name)) for f in fields(Splats))


def test_what_is_alike_goes_first_and_what_differs_stays():
    rng = np.random.default_rng(0)
    rgb = np.full((40, 80, 3), 0.5)
    rgb[:, 40:] = rng.uniform(size=(40, 40, 3))
    splats = sheet(rgb)
    few = merged(splats, 2200)
    lively = splats.mean[:, 0] > 8.1  # the column beside the plain half may share a cell with it
    stayed = rows_of(few) & rows_of(Splats(*(getattr(splats, f.name)[lively] for f in fields(Splats))))
    assert len(few) <= 2200 and len(stayed) > 0.99 * lively.sum(), "but for neighbours that are alike by chance"
    plain = few.mean[:, 0] < 7.9
    assert np.allclose(few.sh[plain], 0, atol=1e-6) and plain.sum() < 700


def test_classes_and_directions_are_not_mixed():
    one, other = sheet(np.full((20, 20, 3), 0.5)), sheet(np.full((20, 20, 3), 0.5), class_id=sem.ROAD)
    other.mean[:, 0] += 0.1
    wall = replace(one, quat=np.tile(np.float32([np.sqrt(0.5), np.sqrt(0.5), 0, 0]), (400, 1)))  # faces -y
    every = Splats(*(np.concatenate([getattr(s, f.name) for s in (one, other, wall)]) for f in fields(Splats)))
    few = merged(every, 60)
    assert set(few.class_id) == {sem.LAWN, sem.ROAD}
    normal = few.normals()
    assert ((np.abs(normal[:, 2]) > 0.999) | (normal[:, 1] < -0.999)).all()
    assert areas(few)[few.class_id == sem.ROAD].sum() == pytest.approx(areas(other).sum(), rel=1e-4)
    assert areas(few)[normal[:, 1] < -0.9].sum() == pytest.approx(areas(wall).sum(), rel=1e-4)


def test_a_row_becomes_long():
    splats = sheet(np.full((1, 40, 3), 0.5))
    few = merged(splats, 12)
    joined = np.exp(few.log_scale).max(1) > 0.11
    assert joined.any() and (few.log_scale[joined, 0] > few.log_scale[joined, 1] + 0.2).all()
    assert np.allclose(few.mean[:, 1:], 0)


def test_it_ends_where_there_are_fewer_places_than_asked_for():
    assert 1 <= len(merged(sheet(np.full((10, 10, 3), 0.5)), 1)) <= 6


def test_half_of_them_look_nearly_as_all():
    _, splats, _ = small_scene.scene()
    camera = Camera.look_at((-6, -8, 20), (16, 16, 2), width=160, height=120)

    def picture(s: Splats) -> torch.Tensor:
        return torch.from_numpy(render_splats(s, camera, (0.6, 0.7, 0.8)).astype(np.float32) / 255)

    whole = picture(splats)
    half = np.sort(np.random.default_rng(0).choice(len(splats), len(splats) // 2, replace=False))
    dropped = Splats(*(getattr(splats, f.name)[half] for f in fields(Splats)))
    value, plain = (float(psnr(whole, picture(s))) for s in (merged(splats, len(splats) // 2), dropped))
    assert value > 30 and value > plain + 6
