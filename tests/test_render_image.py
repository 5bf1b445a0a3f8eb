"""Cameras, measures of pictures, and preview pictures of splats."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from earthcrafter_core.render import Camera, psnr, render_splats, ssim
from earthcrafter_core.render.image import HORIZON, sky
from earthcrafter_core.scene.splats import SH_C0, Splats

EXTENT = (10.0, 20.0, 74.0, 52.0)


def pixel(camera: Camera, point) -> tuple[float, float]:
    """Column and row at which a world point appears."""
    x, y, z = camera.world_to_camera[:3, :3] @ np.asarray(point, float) + camera.world_to_camera[:3, 3]
    scale = 1.0 if camera.orthographic else z
    return camera.fx * x / scale + camera.cx, camera.fy * y / scale + camera.cy


def test_look_at_puts_the_target_in_the_middle_and_up_upwards():
    camera = Camera.look_at((3, -8, 5), (1, 2, 0), width=80, height=60)
    assert pixel(camera, (1, 2, 0)) == pytest.approx((40, 30))
    assert pixel(camera, (1, 2, 1))[1] < 30
    np.testing.assert_allclose(camera.eye, (3, -8, 5))
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_top_down_is_a_map():
    camera = Camera.top_down(EXTENT, width=128)
    assert (camera.width, camera.height) == (128, 64)
    assert pixel(camera, (10, 52, 3)) == pytest.approx((0, 0))  # north-west is the upper left corner
    assert pixel(camera, (74, 20, -3)) == pytest.approx((128, 64))


@pytest.mark.parametrize("azimuth", [0, 45, 225, 300])
def test_oblique_shows_the_whole_rectangle(azimuth):
    camera = Camera.oblique(EXTENT, width=96, height=72, azimuth=azimuth)
    at = np.array([pixel(camera, (x, y, 0)) for x in EXTENT[::2] for y in EXTENT[1::2]])
    assert (at >= -1e-6).all() and (at <= (96 + 1e-6, 72 + 1e-6)).all()
    assert at[:, 0].min() < 1e-6 or at[:, 1].min() < 1e-6 or at.max() > 71.9  # and no farther away than needed
    assert camera.eye[2] > 0


def test_street_stands_on_the_ground_and_looks_along_the_heading():
    camera = Camera.street((5, 6, 2), 90, width=64, height=48)
    np.testing.assert_allclose(camera.eye, (5, 6, 3.7))
    column, _ = pixel(camera, (50, 6, 3.7))  # due east
    assert column == pytest.approx(32)
    assert pixel(camera, (50, 0, 3.7))[0] > 32  # south is to the right


@pytest.mark.parametrize("change", [{"width": 0}, {"fx": 0.0}, {"near": -1.0}, {"world_to_camera": np.eye(3)},
                                    {"world_to_camera": np.full((4, 4), np.nan)}])
def test_impossible_cameras_are_refused(change):
    values = {"fx": 1.0, "fy": 1.0, "cx": 0, "cy": 0, "width": 4, "height": 4, "world_to_camera": np.eye(4)} | change
    with pytest.raises(ValueError):
        Camera(**values)
    with pytest.raises(ValueError):
        Camera.look_at((1, 2, 3), (1, 2, 3), width=4, height=4)


def test_psnr():
    a = torch.zeros(8, 9, 3)
    b = torch.full_like(a, 0.1)
    assert psnr(a, b).item() == pytest.approx(20, abs=1e-4)
    assert psnr(a, a).item() == pytest.approx(100)
    mask = torch.zeros(8, 9, dtype=torch.bool)
    mask[2] = True
    b[2] = 0.01
    assert psnr(a, b, mask).item() == pytest.approx(40, abs=1e-3)


def test_ssim_of_flat_pictures_is_the_formula_and_falls_with_noise():
    a, b = torch.full((20, 24, 2), 0.3, dtype=torch.float64), torch.full((20, 24, 2), 0.5, dtype=torch.float64)
    assert ssim(a, b).item() == pytest.approx((2 * 0.15 + 1e-4) / (0.09 + 0.25 + 1e-4))
    g = torch.Generator().manual_seed(0)
    picture = torch.rand(32, 32, 3, generator=g)
    noise = torch.randn(32, 32, 3, generator=g)
    assert ssim(picture, picture).item() == pytest.approx(1, abs=1e-5)
    assert 1 > ssim(picture, picture + 0.05 * noise) > ssim(picture, picture + 0.2 * noise)
    noisy = (picture + 0.1 * noise).requires_grad_()
    ssim(noisy, picture).backward()
    assert torch.isfinite(noisy.grad).all() and noisy.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="11"):
        ssim(a[:8], b[:8])


def test_ssim_of_one_window_is_the_definition():
    g = torch.Generator().manual_seed(1)
    a, b = torch.rand(11, 11, 1, generator=g, dtype=torch.float64), torch.rand(11, 11, 1, generator=g,
                                                                               dtype=torch.float64)
    at = np.arange(11) - 5
    w = np.exp(-(at[:, None] ** 2 + at ** 2) / 4.5)
    w /= w.sum()
    x, y = a[..., 0].numpy(), b[..., 0].numpy()
    mx, my = (w * x).sum(), (w * y).sum()
    vx, vy, cov = (w * (x - mx) ** 2).sum(), (w * (y - my) ** 2).sum(), (w * (x - mx) * (y - my)).sum()
    expected = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx ** 2 + my ** 2 + 1e-4) * (vx + vy + 9e-4))
    assert ssim(a, b).item() == pytest.approx(expected)


def test_preview_shows_the_splat_before_the_sky():
    color = np.array([[0.9, 0.1, 0.2]], np.float32)
    splats = Splats(np.zeros((1, 3), np.float32), np.zeros((1, 2), np.float32), np.array([[1, 0, 0, 0]], np.float32),
                    np.array([9], np.float32), ((color - 0.5) / SH_C0)[:, None], np.ones(1, np.uint8))
    camera = Camera.look_at((0, -6, 3), (0, 0, 0), width=64, height=48)
    picture = render_splats(splats, camera)
    assert picture.dtype == np.uint8 and picture.shape == (48, 64, 3)
    np.testing.assert_allclose(picture[24, 32], color[0] * 255, atol=4)
    np.testing.assert_array_equal(picture[0, 0], (sky(camera)[0, 0] * 255 + 0.5).astype(np.uint8))
    white = render_splats(splats, camera, (1, 1, 1))
    assert (white[0, 0] == 255).all()


def test_tiny_discs_blend_where_a_pixel_has_several_places():
    """A chessboard of black and white discs, eight to a pixel's side: without, whichever is drawn first hides the others."""
    y, x = np.mgrid[:160, :160]
    mean = np.stack([x.ravel() / 160 - 0.5, y.ravel() / 160 - 0.5, np.zeros(x.size)], 1).astype(np.float32)
    mean[:, 2] = np.random.default_rng(0).uniform(0, 1e-3, x.size)
    color = np.repeat(((x + y) % 2 * 0.8 + 0.1).reshape(-1, 1), 3, 1).astype(np.float32)
    n = x.size
    splats = Splats(mean, np.full((n, 2), np.log(0.5 / 160), np.float32), np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
                    np.full(n, 4, np.float32), ((color - 0.5) / SH_C0)[:, None], np.ones(n, np.uint8))
    camera = Camera.orthographic_look_at((0, 0, 5), (0, 0, 0), width=20, height=20, view_width=1)
    plain, finer = (render_splats(splats, camera, (0.5, 0.5, 0.5), over)[2:-2, 2:-2].astype(float) for over in (1, 4))
    assert plain.shape == finer.shape == (16, 16, 3)
    assert finer.std() < 0.6 * plain.std() and abs(finer.mean() - 127.5) < 6


def test_sky_is_pale_at_the_horizon_and_blue_above():
    picture = sky(Camera.street((0, 0, 0), 0, width=32, height=32, pitch=0, fov=90))
    assert picture.dtype == np.float32 and picture.shape == (32, 32, 3)
    np.testing.assert_allclose(picture[15].mean(0), HORIZON, atol=0.12)
    assert picture[0, 16, 2] - picture[0, 16, 0] > 0.2
    assert np.ptp(picture[31, 16]) < 0.05
