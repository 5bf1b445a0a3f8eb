"""Sparse tensors against dense and plain references."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st

from earthcrafter_core.sparse import backend, ops
from earthcrafter_core.sparse.coords import Coords, sorted_coords


def random_coords(seed: int, n: int = 60, side: int = 9, batch: int = 2) -> Coords:
    rng = np.random.default_rng(seed)
    rows = np.unique(rng.integers(0, [batch, side, side, side], (n, 4)), axis=0)
    return sorted_coords(torch.from_numpy(rng.permutation(rows)))[0]


def dense(coords: Coords, x: torch.Tensor, side: int = 9, batch: int = 2) -> torch.Tensor:
    grid = x.new_zeros(batch, side, side, side, x.shape[1])
    b, i, j, k = coords.bxyz.unbind(1)
    grid[b, i, j, k] = x
    return grid.permute(0, 4, 1, 2, 3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10 ** 6))
def test_submanifold_conv_equals_dense_conv(seed):
    coords = random_coords(seed)
    torch.manual_seed(seed)
    x, w = torch.randn(len(coords), 3), torch.randn(27, 3, 4)
    full = F.conv3d(dense(coords, x), w.view(3, 3, 3, 3, 4).permute(4, 3, 0, 1, 2), padding=1)
    b, i, j, k = coords.bxyz.unbind(1)
    torch.testing.assert_close(ops.submanifold_conv(x, w, coords), full[b, :, i, j, k], atol=1e-4, rtol=1e-4)


def test_submanifold_conv_gradients():
    coords = random_coords(1, 20, 4)
    x = torch.randn(len(coords), 2, dtype=torch.float64, requires_grad=True)
    w = torch.randn(27, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: ops.submanifold_conv(a, b, coords), (x, w))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10 ** 6), st.sampled_from([2, 4, 8]), st.booleans())
def test_window_attention_equals_masked_attention(seed, size, shifted):
    coords = random_coords(seed)
    torch.manual_seed(seed)
    shift = size // 2 if shifted else 0
    qkv = torch.randn(len(coords), 3, 2, 4)
    cell = coords.bxyz.clone()
    cell[:, 1:] = (cell[:, 1:] + shift) // size
    same = (cell[:, None] == cell[None]).all(2)  # [N, N]
    q, k, v = qkv.permute(1, 2, 0, 3)  # [heads, N, D]
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=same).transpose(0, 1)
    torch.testing.assert_close(ops.window_attention(qkv, coords.windows(size, shift)), expected, atol=1e-5, rtol=1e-4)


def test_window_attention_gradients():
    coords = random_coords(2, 24, 5)
    qkv = torch.randn(len(coords), 3, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: ops.window_attention(a, coords.windows(4, 2)), (qkv,))


def test_place_in_window_is_unique_within_each_window():
    coords = random_coords(3, 200)
    w = coords.windows(4, 0)
    cell = coords.bxyz.clone()
    cell[:, 1:] //= 4
    both = torch.cat([cell, w.place[:, None]], 1)
    assert len(torch.unique(both, dim=0)) == len(coords) and int(w.place.max()) < 64


def test_pool_and_children_undo_each_other():
    coords = random_coords(4)
    parents = coords.pool().parents
    candidates, order = parents.children()
    assert len(candidates) == 8 * len(parents) and sorted(order.tolist()) == list(range(8 * len(parents)))
    assert bool((candidates.find(coords.bxyz) >= 0).all())
    x = torch.randn(len(coords), 5)
    rows = ops.pool_children(x, coords)
    torch.testing.assert_close(ops.spread_to_children(rows, coords), x)
    assert float(rows.abs().sum()) == pytest.approx(float(x.abs().sum()), rel=1e-5)


def test_find_tells_absent_rows():
    coords = Coords(torch.tensor([[0, 1, 1, 1], [0, 2, 0, 3]]))
    assert coords.find(torch.tensor([[0, 2, 0, 3], [0, 0, 0, 0], [1, 1, 1, 1]])).tolist() == [1, -1, -1]


def test_bad_coordinates_are_refused():
    with pytest.raises(ValueError, match="lie in"):
        Coords(torch.tensor([[0, -1, 0, 0]]))
    with pytest.raises(ValueError, match=r"\[N, 4\]"):
        Coords(torch.zeros(3, 3))


@pytest.mark.skipif(not (torch.cuda.is_available() and backend.spconv_available()), reason="needs CUDA and spconv")
def test_spconv_equals_torch():
    coords = random_coords(5, 400)
    x, w = torch.randn(len(coords), 16), torch.randn(27, 16, 16)
    on_gpu = backend.submanifold_conv(x.cuda(), w.cuda(), Coords(coords.bxyz.cuda()))
    torch.testing.assert_close(on_gpu.cpu(), ops.submanifold_conv(x, w, coords), atol=1e-3, rtol=1e-3)
