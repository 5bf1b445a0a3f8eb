"""Frames, jobs and settings between the add-on and the engine."""
from __future__ import annotations

import io
import struct
from dataclasses import replace

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


def some_layout() -> Layout:
    rng = np.random.default_rng(0)
    return Layout(rng.integers(0, 26, (5, 7)).astype(np.uint8), 0.5, np.full((5, 7), np.nan, np.float32),
                  rng.random((5, 7)).astype(np.float32))


def test_jobs_round_trip(tmp_path):
    layout = some_layout()
    protocol.write_job(tmp_path / "jöb", layout)
    read, terrain = protocol.read_job(tmp_path / "jöb")
    assert read.hash() == layout.hash() and terrain is None
    plain = Layout(layout.class_id)
    protocol.write_job(tmp_path / "plain", plain)
    assert protocol.read_job(tmp_path / "plain")[0].hash() == plain.hash()


def test_jobs_carry_terrain(tmp_path):
    mesh = protocol.Terrain("mesh", np.random.default_rng(1).random((4, 3)), np.array([[0, 1, 2], [1, 2, 3]]))
    protocol.write_job(tmp_path / "mesh", some_layout(), mesh)
    read = protocol.read_job(tmp_path / "mesh")[1]
    assert read.hash() == mesh.hash() and read.vertices.dtype == np.float32 and read.triangles.dtype == np.int32
    file = tmp_path / "höhen.npy"
    np.save(file, np.zeros((3, 3)))
    raster = protocol.Terrain("raster", path=str(file))
    protocol.write_job(tmp_path / "raster", some_layout(), raster)
    assert protocol.read_job(tmp_path / "raster")[1] == raster
    before = raster.hash()
    np.save(file, np.zeros((4, 4)))
    assert raster.hash() != before != mesh.hash()
    moved = protocol.Terrain("mesh", mesh.vertices + 1, mesh.triangles)
    assert moved.hash() != mesh.hash()


@pytest.mark.parametrize("wrong", [dict(kind="sphere"), dict(kind="mesh"), dict(kind="raster", path="/none.tif"),
                                   dict(kind="mesh", vertices=np.zeros((2, 3)), triangles=np.array([[0, 1, 2]])),
                                   dict(kind="mesh", vertices=np.full((3, 3), np.nan), triangles=np.array([[0, 1, 2]]))])
def test_terrain_that_is_none(wrong):
    with pytest.raises(BadInput):
        protocol.Terrain(**wrong)


@pytest.mark.parametrize("origin", [None, (389000.5, 5934000.0)])
def test_made_layouts_round_trip(tmp_path, origin):
    made = protocol.MadeLayout(replace(some_layout(), crs=origin and "EPSG:32633", origin=origin), "Straße",
                               ["3 things left out."], "osm a.pbf")
    protocol.write_made_layout(tmp_path, made)
    read = protocol.read_made_layout(tmp_path)
    assert read.layout.hash() == made.layout.hash()
    assert (read.name, read.report, read.layout.crs, read.layout.origin, read.source) == (
        made.name, made.report, made.layout.crs, made.layout.origin, made.source)
    protocol.write_job(tmp_path / "job", some_layout())
    with pytest.raises(BadInput):
        protocol.read_made_layout(tmp_path / "job")


def test_previews_round_trip(tmp_path):
    preview = protocol.Preview(np.zeros((3, 3), np.float32), np.full((3, 4), 7, np.uint8), np.array([[0, 1, 2]], np.int32))
    protocol.write_preview(tmp_path / "a.npz", preview)
    read = protocol.read_preview(tmp_path / "a.npz")
    assert all(np.array_equal(getattr(read, k), getattr(preview, k)) for k in ("position", "color", "triangles"))
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    (tmp_path / "a.npz").write_bytes(b"PK\3\4 no more")
    with pytest.raises(BadInput):
        protocol.read_preview(tmp_path / "a.npz")
    with pytest.raises(WriteError):
        protocol.write_preview(tmp_path / "none" / "a.npz", preview)


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
