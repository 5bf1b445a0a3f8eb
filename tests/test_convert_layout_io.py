from __future__ import annotations

import io
import json

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from earthcrafter_core.convert.layout_io import (layout_from_image, read_class_ids, read_elevation, read_layout,
                                                  write_layout)
from earthcrafter_core.errors import BadInput, WriteError
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.layout import MAX_CELLS, Layout

IDS = np.arange(sem.NUM_CLASSES, dtype=np.uint8).reshape(2, 13)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("array", [IDS, sem.PALETTE[IDS], np.dstack([sem.PALETTE[IDS], np.full(IDS.shape, 255, np.uint8)]),
                                   IDS.astype(np.uint16)])
def test_ids_and_colours(tmp_path, array):
    (tmp_path / "l.png").write_bytes(png(array))
    assert np.array_equal(read_layout(tmp_path / "l.png").class_id, IDS)


def test_indexed_by_another_programs_order(tmp_path):
    image = Image.fromarray(sem.PALETTE[IDS]).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    image.save(tmp_path / "l.png")
    assert np.array_equal(read_layout(tmp_path / "l.png").class_id, IDS)


def test_transparent_is_unpainted(tmp_path):
    pixels = np.dstack([sem.PALETTE[IDS], np.full(IDS.shape, 255, np.uint8)])
    pixels[0, 3] = (9, 9, 9, 0)
    (tmp_path / "l.png").write_bytes(png(pixels))
    assert read_layout(tmp_path / "l.png").class_id[0, 3] == sem.UNPAINTED


def test_a_near_miss_names_class_and_pixel(tmp_path):
    pixels = sem.PALETTE[IDS].copy()
    pixels[1, 4] = sem.PALETTE[sem.ROAD] + 1
    (tmp_path / "l.png").write_bytes(png(pixels))
    with pytest.raises(BadInput, match=r"column 4, row 1.*\n?.*road"):
        read_layout(tmp_path / "l.png")


def test_unknown_ids(tmp_path):
    (tmp_path / "l.png").write_bytes(png(IDS + 5))
    with pytest.raises(BadInput, match="26, 27"):
        read_layout(tmp_path / "l.png")


def test_huge(tmp_path, monkeypatch):
    (tmp_path / "l.png").write_bytes(png(np.zeros((1, MAX_CELLS + 1), np.uint8)))
    with pytest.raises(BadInput, match="too large"):
        read_layout(tmp_path / "l.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # a decompression bomb, for Pillow
    with pytest.raises(BadInput, match="too large"):
        read_layout(tmp_path / "l.png")


def test_no_picture(tmp_path):
    (tmp_path / "l.png").write_text("no picture")
    for path in (tmp_path / "l.png", tmp_path / "missing.png", tmp_path):
        with pytest.raises(BadInput):
            read_layout(path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_pictures_give_one_error(tmp_path_factory, data):
    good = bytearray(png(sem.PALETTE[IDS]))
    cut = data.draw(st.integers(0, len(good)))
    for _ in range(data.draw(st.integers(0, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(bytes(good[:cut]))
    try:
        assert read_class_ids(path).ndim == 2
    except BadInput as e:
        assert e.message.endswith(".") and e.remedy.endswith(".")


def test_planes(tmp_path):
    (tmp_path / "l.png").write_bytes(png(IDS))
    hint = np.full(IDS.shape, 7, np.float32)
    np.save(tmp_path / "h.npy", hint)
    np.save(tmp_path / "wrong.npy", hint[:1])
    np.save(tmp_path / "e.npy", np.array([[1.0, 2.0]]))
    layout = read_layout(tmp_path / "l.png", 2.0, tmp_path / "h.npy", tmp_path / "e.npy")
    assert layout.cell_size == 2 and np.array_equal(layout.height_hint, hint)
    assert np.allclose(layout.elevation[:, [0, 6, 12]], [1, 1.5, 2])
    with pytest.raises(BadInput, match="shape"):
        read_layout(tmp_path / "l.png", height_hint=tmp_path / "wrong.npy")
    with pytest.raises(BadInput):
        read_layout(tmp_path / "l.png", height_hint=tmp_path / "l.png")


def test_tif_with_holes_and_without(tmp_path):
    dem = np.linspace(0, 9, 40, dtype=np.float32).reshape(4, 10)
    tifffile.imwrite(tmp_path / "d.tif", dem)
    assert np.allclose(read_elevation(tmp_path / "d.tif", (4, 10)), dem)
    assert read_elevation(tmp_path / "d.tif", (8, 20)).shape == (8, 20)
    dem[1, 1] = -9999
    tifffile.imwrite(tmp_path / "h.tif", dem, extratags=[(42113, "s", 0, "-9999", True)])
    with pytest.raises(BadInput, match="without a value"):
        read_elevation(tmp_path / "h.tif", (4, 10))
    (tmp_path / "x.tif").write_text("no")
    for name in ("x.tif", "x.xyz", "missing.npy"):
        with pytest.raises(BadInput):
            read_elevation(tmp_path / name, (4, 10))


def test_written_layouts_come_back(tmp_path):
    layout = Layout(IDS, 0.5, np.ones(IDS.shape), np.zeros(IDS.shape))
    paths = write_layout(tmp_path / "new" / "l.png", layout, "here", planes=True)
    assert {p.name for p in paths} == {"l.png", "l.json", "l.height.npy", "l.elevation.npy"} == {
        p.name for p in (tmp_path / "new").iterdir()}
    again = read_layout(paths[0], 0.5, paths[2], paths[3])
    assert again.hash() == layout.hash()
    assert json.loads(paths[1].read_text())["cell_size"] == 0.5
    assert Image.open(paths[0]).convert("RGB").getpixel((7, 0)) == tuple(sem.PALETTE[sem.ROAD])
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError):
        write_layout(tmp_path / "file" / "l.png", layout)


def test_pictures_by_the_palette_say_what_did_not_map(tmp_path):
    pixels = sem.PALETTE[IDS].copy()
    pixels[1, 4] = sem.PALETTE[sem.ROAD] + 1
    pixels[0, 0] = (1, 99, 2)
    (tmp_path / "l.png").write_bytes(png(pixels))
    made = layout_from_image(tmp_path / "l.png")
    expected = IDS.copy()
    expected[1, 4] = expected[0, 0] = sem.UNPAINTED
    assert np.array_equal(made.layout.class_id, expected)
    assert made.report == ["2 pixels (7.7 %) have colours that stand for no class and stay unpainted: #016302 (1), #4e4e4e "
                           "(1); a tolerance takes the nearest class for colours that are nearly right."]
    nearly = layout_from_image(tmp_path / "l.png", tolerance=3)
    assert nearly.layout.class_id[1, 4] == sem.ROAD and "#016302 (1)." in nearly.report[0]


@pytest.mark.parametrize("name,text", [
    ("m.json", '{"#FF0000": "house", "#00ff00": 12, "#0000ff": "Water"}'),
    ("m.csv", "colour,class\n#ff0000,house\n#00ff00,lawn\n#0000ff,22\n"),
    ("m.csv", "#ff0000;house\n#00ff00;lawn\n#0000ff;water\n")])
def test_mapping_tables_of_colours(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (tmp_path / "p.png").write_bytes(png(np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (0, 0, 0)]], np.uint8)))
    made = layout_from_image(tmp_path / "p.png", 2.0, tmp_path / name)
    assert made.layout.class_id.tolist() == [[sem.HOUSE, sem.LAWN], [sem.WATER, 0]] and made.layout.cell_size == 2.0
    assert "1 pixels (25.0 %)" in made.report[0] and "#000000 (1)" in made.report[0]


@pytest.mark.parametrize("dtype,values", [(np.uint8, (3, 200)), (np.uint16, (3, 4711))])
def test_mapping_tables_of_grey_values(tmp_path, dtype, values):
    (tmp_path / "m.json").write_text(json.dumps({str(values[0]): "cropland", str(values[1]): "road"}))
    (tmp_path / "p.png").write_bytes(png(np.array([[values[0], values[1]], [7, values[0]]], dtype)))
    made = layout_from_image(tmp_path / "p.png", mapping=tmp_path / "m.json")
    assert made.layout.class_id.tolist() == [[sem.CROPLAND, sem.ROAD], [0, sem.CROPLAND]] and " 7 (1)" in made.report[0]


def test_mapping_tables_of_palette_indices(tmp_path):
    image = Image.fromarray(np.array([[40, 41], [41, 40]], np.uint8)).convert("P")
    image.putpalette([k for k in range(256) for _ in range(3)])
    image.save(tmp_path / "p.png")
    (tmp_path / "m.json").write_text('{"40": "snow", "41": "rock"}')
    ids = layout_from_image(tmp_path / "p.png", mapping=tmp_path / "m.json").layout.class_id
    assert ids.tolist() == [[sem.SNOW, sem.ROCK], [sem.ROCK, sem.SNOW]]


@pytest.mark.parametrize("text,says", [
    ("{", "cannot be read"), ("[1]", "cannot be read"), ("{}", "is empty"), ('{"red": "house"}', "neither #rrggbb"),
    ('{"#ff0000": "hous"}', "Did you mean house"), ('{"#ff00": "house"}', "neither #rrggbb")])
def test_tables_that_are_none(tmp_path, text, says):
    (tmp_path / "m.json").write_text(text)
    (tmp_path / "p.png").write_bytes(png(IDS))
    with pytest.raises(BadInput) as e:
        layout_from_image(tmp_path / "p.png", mapping=tmp_path / "m.json")
    assert says in str(e.value)


def test_a_photograph_is_no_layout(tmp_path):
    (tmp_path / "p.jpg").write_bytes(png(np.full((4, 4, 3), (200, 31, 77), np.uint8)))
    with pytest.raises(BadInput, match=r"No pixel has a colour.*#c81f4d \(16\)"):
        layout_from_image(tmp_path / "p.jpg")


def test_the_sidecar_brings_cell_size_planes_and_place_back(tmp_path):
    hint = np.full(IDS.shape, np.nan, np.float32)
    hint[0, 1] = 7
    layout = Layout(IDS, 0.5, hint, np.arange(26, dtype=np.float32).reshape(IDS.shape), "EPSG:32633", (384308.5, 5935142.0))
    files = write_layout(tmp_path / "l.png", layout, "lidar f.laz", True)
    assert len(files) == 4
    made = layout_from_image(tmp_path / "l.png")
    assert made.layout.hash() == layout.hash() and not made.report
    assert (made.layout.crs, made.layout.origin, made.source) == ("EPSG:32633", (384308.5, 5935142.0), "lidar f.laz")
    assert layout_from_image(tmp_path / "l.png", 3.0).layout.cell_size == 3.0
    (tmp_path / "l.elevation.npy").unlink()  # planes that went missing are no error
    assert layout_from_image(tmp_path / "l.png").layout.elevation is None


@pytest.mark.parametrize("text,says", [("{", "beside the picture"), ('{"cell_size": "wide"}', "beside the picture"),
                                       ('{"cell_size": 1, "elevation": "../x.npy"}', "beside the picture")])
def test_a_damaged_sidecar(tmp_path, text, says):
    (tmp_path / "l.png").write_bytes(png(IDS))
    (tmp_path / "l.json").write_text(text)
    with pytest.raises(BadInput, match=says):
        layout_from_image(tmp_path / "l.png")


def test_another_programs_json_is_let_be(tmp_path):
    (tmp_path / "l.png").write_bytes(png(IDS))
    (tmp_path / "l.json").write_text('{"frames": []}')
    assert layout_from_image(tmp_path / "l.png").layout.cell_size == 1.0


def test_planes_of_another_shape(tmp_path):
    write_layout(tmp_path / "l.png", Layout(IDS, 1.0, np.zeros(IDS.shape)), planes=True)
    np.save(tmp_path / "l.height.npy", np.zeros((3, 3)))
    with pytest.raises(BadInput, match="the picture"):
        layout_from_image(tmp_path / "l.png")


def test_a_layout_is_generated_in_the_size_that_it_was_saved_in(tmp_path):
    write_layout(tmp_path / "l.png", Layout(IDS, 0.5))
    assert read_layout(tmp_path / "l.png", None).cell_size == 0.5 and read_layout(tmp_path / "l.png", 2.0).cell_size == 2.0
