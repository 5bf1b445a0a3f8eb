"""The rasteriser: the oracle against geometry, the numba tiles and gsplat against the oracle, with gradients."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcrafter_core import render as render_package
from earthcrafter_core.render import Camera, cuda, oracle, render
from earthcrafter_core.render.definition import ALPHA_MIN, TRANSMITTANCE_MIN
from earthcrafter_core.render.projection import project

PINHOLE = Camera.look_at((9, -7, 6), (0, 0, 0), width=53, height=41)
PARALLEL = Camera.orthographic_look_at((9, -7, 6), (0, 0, 0), width=53, height=41, view_width=11)
NAMES = ("mean", "log_scale", "quat", "opacity", "color")


def random_scene(n: int, seed: int, channels: int = 3, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """Surfels about the origin in all directions, sizes and opacities, as leaves."""
    g = torch.Generator().manual_seed(seed)
    scene = [torch.randn(n, 3, generator=g) * 1.5, torch.randn(n, 2, generator=g) * 0.6 - 1.3,
             torch.randn(n, 4, generator=g), torch.randn(n, generator=g) * 2, torch.rand(n, channels, generator=g)]
    return [t.to(dtype).requires_grad_() for t in scene]


def one_surfel(mean, log_scale=(-1.0, -1.0), quat=(1.0, 0.0, 0.0, 0.0), opacity=0.0, color=(1.0, 0.5, 0.25)):
    return [torch.tensor([list(v)] if not isinstance(v, float) else [v], requires_grad=True)
            for v in (mean, log_scale, quat, opacity, color)]


def drawn(camera: Camera, scene: list[torch.Tensor], backend: str,
          normal: bool = True) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """All that `render` returns, and gradients of a fixed random projection of it; the oracle in float64."""
    scene = [(t.double() if backend == "oracle" else t).detach().requires_grad_() for t in scene]
    out = render(camera, *scene, background=torch.linspace(0.1, 0.9, scene[4].shape[1]), normal=normal, backend=backend)
    pictures = [out.rgb, out.alpha, out.depth] + ([out.normal] if normal else [])
    g = torch.Generator().manual_seed(0)
    sum((p * torch.randn(p.shape, generator=g).to(p)).sum() for p in pictures).backward()
    return [p.detach().float() for p in pictures], [t.grad.float() for t in scene]


def ambiguous(camera: Camera, scene: list[torch.Tensor]) -> torch.Tensor:
    """Pixels [H, W] where rounding may decide otherwise: a threshold or an equal depth within a hair."""
    with torch.no_grad():
        seen = project(camera, *(t.double() for t in scene[:4]))
        order = seen.depth.argsort()
        alpha = oracle.pixel_alpha(camera, seen.centre[order], seen.jacobian[order], seen.w[order],
                                   seen.opacity[order])
        kept = torch.where(alpha < ALPHA_MIN, 0.0, alpha)
        after = torch.cumprod(1 - kept, 0)
        close = ((alpha / ALPHA_MIN - 1).abs() < 1e-3) | ((after / TRANSMITTANCE_MIN - 1).abs() < 1e-2)
        gaps = seen.depth[order].diff() < 1e-4
        close[1:] |= gaps[:, None] & (kept[1:] > 0)
        return close.any(0).view(camera.height, camera.width)


def test_alpha_is_the_gaussian_where_the_ray_meets_the_plane():
    camera = Camera.look_at((3, -4, 5), (0.2, 0.1, 0), width=31, height=23, fov=40)
    quat = (0.9, 0.3, -0.2, 0.1)
    scene = one_surfel((0.3, -0.1, 0.2), (-0.7, -0.2), quat, 1.0)
    alpha = render(camera, *scene, backend="oracle").alpha.detach().numpy()
    w, x, y, z = np.array(quat) / np.linalg.norm(quat)
    t0 = np.array([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)])
    t1 = np.array([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)])
    normal, mean = np.cross(t0, t1), np.array([0.3, -0.1, 0.2])
    for row, col in ((11, 15), (8, 18), (14, 12), (12, 20)):
        ray = camera.rotation.T @ [(col + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy, 1]
        hit = camera.eye + ray * (normal @ (mean - camera.eye)) / (normal @ ray) - mean
        r = (hit @ t0 / math.exp(-0.7)) ** 2 + (hit @ t1 / math.exp(-0.2)) ** 2
        assert alpha[row, col] == pytest.approx(math.exp(-r / 2) / (1 + math.exp(-1)), rel=1e-4)


@pytest.mark.parametrize("backend", ["oracle", "cpu"])
def test_nearer_surfel_covers_and_equal_depths_keep_their_order(backend):
    camera = Camera.top_down((-2, -2, 2, 2), width=16, top=10)
    near, far = one_surfel((0.0, 0.0, 2.0), opacity=20.0, color=(1.0, 0.0, 0.0)), one_surfel(
        (0.0, 0.0, 1.0), opacity=20.0, color=(0.0, 1.0, 0.0))
    out = render(camera, *(torch.cat([b, a]) for a, b in zip(near, far, strict=True)), backend=backend, normal=True)
    assert out.rgb[8, 8, 0] > 0.8 and out.rgb[8, 8, 1] < 0.2
    assert 8 < out.depth[8, 8] < 8.2
    assert out.normal[8, 8, 2] > 0.95
    tie = [torch.cat([a, a]) for a in near[:4]] + [torch.tensor([[1.0, 0.0], [0.0, 1.0]])]
    rgb = render(camera, *tie, backend=backend).rgb
    assert rgb[8, 8, 0] > rgb[8, 8, 1]


def test_dense_plane_shows_its_colour():
    camera = Camera.top_down((2, 2, 14, 14), width=40, top=30)
    x, y = np.meshgrid(np.arange(0.25, 16, 0.5), np.arange(0.25, 16, 0.5))
    mean = torch.tensor(np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1), dtype=torch.float32)
    n = len(mean)
    out = render(camera, mean, torch.full((n, 2), math.log(0.35)), torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1),
                 torch.full((n,), 5.0), torch.tensor([[0.2, 0.6, 0.4]]).repeat(n, 1), backend="cpu")
    assert out.alpha.min() > 0.95
    torch.testing.assert_close(out.rgb / out.alpha[..., None], torch.tensor([0.2, 0.6, 0.4]).expand(40, 40, 3))
    torch.testing.assert_close(out.depth, torch.full((40, 40), 30.0))


@pytest.mark.parametrize("camera", [PINHOLE, PARALLEL], ids=["pinhole", "orthographic"])
@pytest.mark.parametrize(("seed", "channels"), [(0, 3), (1, 1), (2, 7)])
def test_cpu_is_the_oracle(camera, seed, channels):
    scene = random_scene(200, seed, channels)
    expected, expected_gradients = drawn(camera, scene, "oracle")
    actual, gradients = drawn(camera, scene, "cpu")
    assert expected[1].mean() > 0.1  # something is there
    for a, b in zip(expected, actual, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    for name, a, b in zip(NAMES, expected_gradients, gradients, strict=True):
        assert a.norm() > 0
        assert (a - b).norm() < 1e-3 * a.norm(), name


def degenerate_scenes() -> dict[str, list[torch.Tensor]]:
    forward = torch.tensor(PINHOLE.rotation[2], dtype=torch.float32)
    right = torch.tensor(PINHOLE.rotation[0], dtype=torch.float32)
    axis = torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]), right)  # turns the normal z into the camera's right axis
    edge_on = (math.sqrt(0.5), *(axis / axis.norm() * math.sqrt(0.5)).tolist())
    mixed = random_scene(12, 3)
    with torch.no_grad():
        mixed[0][0, 1], mixed[1][1, 0], mixed[3][2], mixed[4][3, 0] = math.nan, math.inf, math.nan, math.inf
        mixed[2][4], mixed[0][5], mixed[3][6], mixed[3][7] = 0.0, torch.tensor(PINHOLE.eye), -80.0, 80.0
        mixed[0][3] = math.inf
    layers = [t.detach().repeat(40, *[1] * (t.dim() - 1))
              for t in one_surfel((0.0, 0.0, 0.0), (0.3, 0.3), opacity=6.0)]
    layers[0][:, 2] = 0.05 * torch.arange(40)
    layers = [t.requires_grad_() for t in layers]
    return {
        "nothing": [t[:0].detach().requires_grad_() for t in random_scene(1, 0)],
        "hostile values": mixed,
        "edge-on": one_surfel((0.0, 0.0, 0.0), (-0.5, -0.5), edge_on, 2.0),
        "behind": one_surfel(tuple((torch.tensor(PINHOLE.eye).float() - 3 * forward).tolist())),
        "through the camera": one_surfel(tuple((torch.tensor(PINHOLE.eye).float() + 0.3 * forward).tolist()),
                                         (2.0, 2.0)),
        "outside": one_surfel((500.0, 500.0, -20.0)),
        "giant": one_surfel((0.0, 0.0, 0.0), (0.9, 0.9)),
        "tiny": one_surfel((0.0, 0.0, 0.0), (-20.0, -20.0), opacity=3.0),
        "needle": one_surfel((0.0, 0.0, 0.0), (0.5, -15.0), (0.9, 0.1, 0.3, 0.2), opacity=3.0),
        "many opaque layers": layers,
    }


@pytest.mark.parametrize("name", list(degenerate_scenes()))
@pytest.mark.parametrize("camera", [PINHOLE, PARALLEL], ids=["pinhole", "orthographic"])
def test_degenerate_scenes_are_safe_and_agree(name, camera):
    scene = degenerate_scenes()[name]
    faces_somewhere = name != "edge-on"  # there rounding decides which way the normal is turned
    expected, expected_gradients = drawn(camera, scene, "oracle", faces_somewhere)
    actual, gradients = drawn(camera, scene, "cpu", faces_somewhere)
    clear = ~ambiguous(camera, scene)
    for a, b in zip(expected, actual, strict=True):
        assert torch.isfinite(a).all() and torch.isfinite(b).all()
        torch.testing.assert_close(a[clear], b[clear], atol=1e-4, rtol=1e-4)
    for field, a, b in zip(NAMES, expected_gradients, gradients, strict=True):
        assert torch.isfinite(b).all(), field
        if clear.all():
            assert (torch.nan_to_num(a) - b).norm() <= 1e-3 * torch.nan_to_num(a).norm() + 1e-6, field


def test_edge_on_surfel_is_drawn_by_the_low_pass():
    out = render(PINHOLE, *degenerate_scenes()["edge-on"], backend="cpu")
    assert 0.3 < out.alpha.max() <= 0.9
    assert (out.alpha > 0).sum() < 30  # about a pixel, not a streak


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2 ** 31 - 1), n=st.integers(0, 40), size=st.floats(-6, 1.2), parallel=st.booleans(),
       width=st.integers(1, 40), height=st.integers(1, 40))
def test_cpu_is_the_oracle_on_any_scene(seed, n, size, parallel, width, height):
    if parallel:
        camera = Camera.orthographic_look_at((3, 5, 4), (0, 0, 0), width=width, height=height, view_width=6)
    else:
        camera = Camera.look_at((3, 5, 4), (0, 0, 0), width=width, height=height)
    scene = random_scene(n, seed)
    with torch.no_grad():
        scene[1] += size + 1.3
    expected, _ = drawn(camera, scene, "oracle")
    actual, gradients = drawn(camera, scene, "cpu")
    clear = ~ambiguous(camera, scene)
    torch.testing.assert_close(expected[0][clear], actual[0][clear], atol=2e-4, rtol=1e-4)
    assert all(torch.isfinite(g).all() for g in gradients)


def test_gradients_of_the_oracle_are_those_of_finite_differences():
    camera = Camera.look_at((2, -3, 4), (0, 0, 0), width=6, height=5, fov=25)
    scene = random_scene(3, 5, dtype=torch.float64)
    with torch.no_grad():
        scene[0] *= 0.2
        scene[1] += 1.0
    assert torch.autograd.gradcheck(lambda *s: oracle.rasterise(camera, *s), scene, eps=1e-6, atol=1e-5)


def test_same_bits_whatever_the_threads():
    scene = random_scene(3000, 4)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = drawn(PINHOLE, scene, "cpu")
        torch.set_num_threads(3)
        again = drawn(PINHOLE, scene, "cpu")
    finally:
        torch.set_num_threads(before)
    for a, b in zip(first[0] + first[1], again[0] + again[1], strict=True):
        assert torch.equal(a, b)


def test_fitting_a_picture_by_its_gradients():
    target = render(PINHOLE, *random_scene(60, 8), backend="cpu").rgb.detach()
    scene = random_scene(60, 9)
    optimiser = torch.optim.Adam(scene, 0.05)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (render(PINHOLE, *scene, backend="cpu").rgb - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_bfloat16_parameters_are_taken():
    scene = [t.detach().bfloat16().requires_grad_() for t in random_scene(20, 1)]
    render(PINHOLE, *scene, backend="cpu").rgb.sum().backward()
    assert scene[0].grad.dtype == torch.bfloat16


def test_wrong_arguments_are_named():
    scene = random_scene(4, 0)
    with pytest.raises(ValueError, match="quat"):
        render(PINHOLE, scene[0], scene[1], scene[2][:, :3], scene[3], scene[4])
    with pytest.raises(ValueError, match="metal"):
        render(PINHOLE, *scene, backend="metal")


def test_compiled_kernels_are_kept_outside_the_package():
    render(PINHOLE, *random_scene(4, 0), backend="cpu")
    assert not list(Path(render_package.__file__).parent.rglob("*.nbi"))


@pytest.mark.skipif(cuda.unavailable() is None, reason="CUDA and gsplat are here")
def test_cuda_says_what_is_absent():
    with pytest.raises(RuntimeError, match="CUDA|gsplat"):
        render(PINHOLE, *random_scene(4, 0), backend="cuda")


@pytest.mark.skipif(cuda.unavailable() is not None, reason=str(cuda.unavailable()))
@pytest.mark.parametrize("camera", [PINHOLE, PARALLEL], ids=["pinhole", "orthographic"])
def test_gsplat_is_the_oracle(camera):
    scene = [t.detach().cuda().requires_grad_() for t in random_scene(200, 0)]
    clear = ~ambiguous(camera, scene)
    results = {}
    for backend in ("oracle", "cuda"):
        for tensor in scene:
            tensor.grad = None
        out = render(camera, *scene, backend=backend)
        (out.rgb.square() * clear[..., None]).sum().backward()
        results[backend] = out.rgb.detach()[clear], [t.grad.clone() for t in scene]
    torch.testing.assert_close(results["oracle"][0], results["cuda"][0], atol=1e-3, rtol=1e-3)
    for name, a, b in zip(NAMES, results["oracle"][1], results["cuda"][1], strict=True):
        assert (a - b).norm() < 1e-2 * a.norm(), name
