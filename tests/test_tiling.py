"""Windows, chunks and blending."""
import torch
from hypothesis import given, settings, strategies as st

from earthcrafter_core import tiling
from earthcrafter_core.sparse.coords import sorted_coords

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(2, 16))
def test_windows_cover_the_canvas(shape, side):
    seen = torch.zeros(shape)
    for w in tiling.windows(shape, side, max(1, side * 3 // 4)):
        assert 0 <= w.y0 < w.y1 <= shape[0] and 0 <= w.x0 < w.x1 <= shape[1]
        assert w.y1 - w.y0 == min(side, shape[0]) and w.x1 - w.x0 == min(side, shape[1])
        seen[w.y0:w.y1, w.x0:w.x1] += 1
    assert bool((seen > 0).all())


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(2, 16), st.integers(0, 3))
def test_chunks_tile_the_canvas_once(shape, side, margin):
    seen = torch.zeros(shape)
    for core, wide in tiling.chunks(shape, side, margin):
        seen[core.y0:core.y1, core.x0:core.x1] += 1
        assert wide.y0 <= core.y0 and wide.y1 >= core.y1 and wide.x0 <= core.x0 and wide.x1 >= core.x1
    assert bool((seen == 1).all())


def test_blending_of_denoisers_that_agree_is_what_they_say():
    def predict(x, t):
        return x * 2 + t
    parts = [(w, predict) for w in tiling.windows((10, 13), 4, 3)]
    x = torch.randn(1, 3, 10, 13)
    torch.testing.assert_close(tiling.blend_dense(parts)(x, 0.5), x * 2 + 0.5)
    coords, _ = sorted_coords(torch.cartesian_prod(torch.zeros(1, dtype=torch.long), *(torch.arange(n) for n in (13, 10, 2))))
    sparse = []
    for w in tiling.windows((10, 13), 4, 3):
        rows = tiling.rows_in(coords.bxyz, w, 1)
        weight = tiling.taper(coords.bxyz[rows, 2] + 0.5, coords.bxyz[rows, 1] + 0.5, w)
        sparse.append((rows, weight, predict))
    y = torch.randn(len(coords), 3)
    torch.testing.assert_close(tiling.blend_sparse(sparse)(y, 0.5), y * 2 + 0.5)


def test_local_coords_start_at_the_window():
    coords, _ = sorted_coords(torch.tensor([[0, 9, 17, 3], [0, 8, 16, 0], [0, 1, 1, 1]]))
    w = tiling.Window(2, 4, 1, 2)
    rows = tiling.rows_in(coords.bxyz, w, 8)
    assert tiling.local_coords(coords.bxyz, rows, w, 8).bxyz.tolist() == [[0, 0, 0, 0], [0, 1, 1, 3]]
