"""What a generation will need, beside what one takes."""
from __future__ import annotations

import pytest

from earthcrafter_core import pipeline, tiling
from earthcrafter_core.pipeline import Settings
from earthcrafter_core.pipeline import run as run_module
from earthcrafter_core.scene import needs as needs_module
from earthcrafter_core.scene.needs import needs, stage_seconds


def test_needs_grow_with_the_place_and_the_steps_and_shrink_with_larger_voxels():
    tile = needs((128, 128), 1.0, 25)
    assert 5 < tile.seconds < 12 and 0.7e9 < tile.memory_bytes < 1.0e9  # the README's table: 7.8 s, 0.9 GB
    assert needs((128, 128), 1.0, 50).seconds > 1.6 * tile.seconds
    wide = needs((512, 512), 1.0, 25)
    coarse = needs((512, 512), 1.0, 25, voxel_size=2.0)
    assert coarse.seconds < 0.35 * wide.seconds and coarse.memory_bytes < 0.5 * wide.memory_bytes
    assert needs((256, 256), 0.5, 25) == tile and needs((64, 64), 2.0, 25) == tile
    assert needs((128, 128), 1.0, 25, speed=2.0).seconds == pytest.approx(2 * tile.seconds)
    assert needs((128, 128), 1.0, 25, device="cuda").seconds < tile.seconds


def test_windows_are_counted_as_the_samplers_lay_them():
    for cells in (16, 17, 20, 32, 33, 44, 57, 128):
        assert needs_module._windows(cells, 16) == len(tiling.starts(cells, 16, 12))
        spans = tiling.even_windows((cells, 8), needs_module.TEXTURE_WINDOW, needs_module.TEXTURE_OVERLAP)
        covered = sum(w.y1 - w.y0 for w in spans)
        assert 0 <= covered - needs_module._covered(cells) < len(spans), cells
        assert max(w.y1 - w.y0 for w in spans) <= needs_module.TEXTURE_WINDOW
        assert spans[0].y0 == 0 and spans[-1].y1 == cells
        assert all(a.y1 - b.y0 >= needs_module.TEXTURE_OVERLAP for a, b in zip(spans, spans[1:]))


def test_every_stage_is_expected():
    assert tuple(stage_seconds((128, 128), 25)) == pipeline.STAGES


@pytest.mark.parametrize("machine", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("steps", [4, 25])
def test_the_time_left_can_be_trusted(monkeypatch, machine, steps):
    """A machine of another speed, whose stages differ by a fifth each from what is expected: after a third of the time what is
    said to be left is within 30 %, in the next run from the start, and it never jumps up by much."""
    now, told = [100.0], []
    monkeypatch.setattr(run_module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(run_module.Run, "_paces", {})
    for number in range(2):
        told.clear()
        run = run_module.Run(Settings(steps=steps), lambda *p: told.append((now[0], p[4])))
        expected = stage_seconds((128, 128), steps)
        for k, (name, seconds) in enumerate(expected.items()):
            with run.stage(name) as step:
                for i in range(10):
                    now[0] += machine * seconds * (1.2 if k % 2 else 0.8) / 10
                    step(i + 1, 10)
        begun, ended = told[0][0], told[-1][0]
        for share in (1 / 3, 1 / 2) if number == 0 else (0.02, 1 / 3, 1 / 2):
            when, left = next(t for t in told if t[0] >= begun + (ended - begun) * share)
            assert left == pytest.approx(ended - when, rel=0.3), (number, share)
        rises = [b[1] - a[1] for (a, b) in zip(told, told[1:]) if a[0] > begun + (ended - begun) / 3]
        assert max(rises) < 0.05 * (ended - begun)
        assert told[-1][1] == pytest.approx(0, abs=1e-6)
