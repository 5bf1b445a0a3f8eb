"""Frames, jobs and settings between the add-on and the engine."""
from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st

from earthcrafter_core.engine import protocol
from earthcrafter_core.errors import BadInput, WriteError
from earthcrafter_core.scene.layout import Layout

_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-2**53, 2**53), st.text(), st.floats(allow_nan=False,
                                                                                          allow_infinity=False))


@given(st.lists(st.dictionaries(st.text(), _VALUES), max_size=5))
def test_frames_round_trip(bodies):
    messages = [{**body, "type": "progress"} for body in bodies]
    pipe = io.BytesIO()
    for message in messages:
        protocol.write_message(pipe, message)
    pipe.seek(0)
    assert [protocol.read_message(pipe) for _ in messages] == messages
    assert protocol.read_message(pipe) is None


class Trickle(io.BytesIO):
    """A pipe that gives one byte at a time."""

    def read(self, size=-1):
        return super().read(min(size, 1))


def test_frames_in_pieces_and_cut_off():
    pipe = io.BytesIO()
    protocol.write_message(pipe, {"type": "done", "folder": "/tmp/straße 東京"})
    data = pipe.getvalue()
    assert protocol.read_message(Trickle(data))["folder"] == "/tmp/straße 東京"
    for length in range(len(data)):
        assert protocol.read_message(io.BytesIO(data[:length])) is None


@pytest.mark.parametrize("data", [b"Hello world, this is a print", b"ECF1" + struct.pack("<I", 1 << 30),
                                  b"ECF1" + struct.pack("<I", 2) + b"[]", b"ECF1" + struct.pack("<I", 2) + b"\xff\xff",
                                  b"ECF1" + struct.pack("<I", 2) + b"{}"])
def test_bytes_that_are_no_message(data):
    with pytest.raises(protocol.ProtocolError):
        protocol.read_message(io.BytesIO(data))


def test_jobs_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    layout = Layout(rng.integers(0, 26, (5, 7)).astype(np.uint8), 0.5,
                    np.full((5, 7), np.nan, np.float32), rng.random((5, 7)).astype(np.float32))
    protocol.write_job(tmp_path / "jöb", layout)
    assert protocol.read_job(tmp_path / "jöb").hash() == layout.hash()
    plain = Layout(layout.class_id)
    protocol.write_job(tmp_path / "plain", plain)
    assert protocol.read_job(tmp_path / "plain").hash() == plain.hash()


def test_jobs_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(BadInput):
        protocol.read_job(tmp_path / "none")
    protocol.write_job(tmp_path, Layout(np.zeros((4, 4), np.uint8)))
    data = (tmp_path / "class_id.npy").read_bytes()
    (tmp_path / "class_id.npy").write_bytes(data[:-5])
    with pytest.raises(BadInput):
        protocol.read_job(tmp_path)
    with pytest.raises(WriteError):
        protocol.write_job(tmp_path / "layout.json" / "x", Layout(np.zeros((4, 4), np.uint8)))


def test_settings_are_checked():
    assert protocol.check_settings({"seed": "7", "guidance": None}) == {"seed": 7, "guidance": None}
    for wrong in ({"sead": 1}, {"seed": "x"}, {"steps": None}):
        with pytest.raises(BadInput):
            protocol.check_settings(wrong)
