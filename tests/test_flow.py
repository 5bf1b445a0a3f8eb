"""The flow's path, noise and sampler."""
import numpy as np
import pytest
import torch

from earthcrafter_core.errors import Cancelled
from earthcrafter_core.flow import interpolate, loss_weight, place_noise, sample


def test_noise_depends_on_seed_stage_and_place_alone():
    coords = np.array([[0, 0, 0], [5, 7, 1], [-3, 2, 9]])
    whole = place_noise(7, "fine", coords, 5)
    assert torch.equal(place_noise(7, "fine", coords[1:2], 5)[0], whole[1])
    assert not torch.equal(place_noise(8, "fine", coords, 5), whole)
    assert not torch.equal(place_noise(7, "coarse", coords, 5), whole)


def test_noise_is_standard_normal_and_uncorrelated():
    x, y = np.mgrid[:150, :150]
    noise = place_noise(3, "a", np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1), 4).numpy()
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01
    assert abs((noise ** 4).mean() - 3) < 0.1  # kurtosis of a normal
    grid = noise.reshape(150, 150, 4)
    assert abs((grid[1:] * grid[:-1]).mean()) < 0.015 and abs((grid[:, 1:] * grid[:, :-1]).mean()) < 0.015
    assert np.abs(np.corrcoef(noise.T) - np.eye(4)).max() < 0.03


def test_sampler_recovers_a_gaussian():
    """With the exact posterior mean of data N(2, 0.5^2), samples have that mean and spread."""
    def denoise(x, t):
        gain = t * 0.25 / (t * t * 0.25 + (1 - t) ** 2)
        return 2 + gain * (x - 2 * t)
    out = sample(denoise, torch.randn(20000, generator=torch.Generator().manual_seed(0)), 50)
    assert abs(float(out.mean()) - 2) < 0.02 and abs(float(out.std()) - 0.5) < 0.03


def test_known_region_is_kept_exactly():
    noise, values = torch.randn(50, 3), torch.randn(50, 3)
    mask = torch.arange(50)[:, None] < 20
    out = sample(lambda x, t: x * 0, noise, 5, known=(mask, values))
    assert torch.equal(out[:20], values[:20]) and not torch.equal(out[20:], values[20:])


def test_guidance_extrapolates_and_one_skips_the_empty_side():
    noise = torch.zeros(4)
    out = sample(lambda x, t: torch.ones(4), noise, 1, unconditional=lambda x, t: torch.zeros(4), guidance=3.0)
    assert torch.equal(out, torch.full((4,), 3.0))

    def fail(x, t):
        raise AssertionError("asked")
    sample(lambda x, t: torch.ones(4), noise, 2, unconditional=fail, guidance=1.0)


def test_steps_are_told_and_cancel_stops():
    told = []
    sample(lambda x, t: x, torch.zeros(1), 3, on_step=lambda i, n: told.append((i, n)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(Cancelled):
        sample(lambda x, t: x, torch.zeros(1), 3, cancel=lambda: True)
    with pytest.raises(ValueError, match="steps"):
        sample(lambda x, t: x, torch.zeros(1), 0)


def test_path_and_weight():
    x1, noise = torch.ones(2), torch.zeros(2)
    assert torch.equal(interpolate(x1, noise, torch.tensor(0.25)), torch.full((2,), 0.25))
    assert float(loss_weight(torch.tensor(0.0))) == 1 and float(loss_weight(torch.tensor(1.0))) == pytest.approx(10)
