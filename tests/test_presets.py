"""Presets: each a good layout at once, of any size, the same for the same seed."""
from __future__ import annotations

import json
import math

import numpy as np
import pytest

from earthcrafter_core import cli
from earthcrafter_core.data.layout_sources import SOURCES, make_layout
from earthcrafter_core.data.presets import LABELS, NAMES, make_preset
from earthcrafter_core.errors import BadInput, Cancelled
from earthcrafter_core.scene import classes as c


def shares(made):
    return np.bincount(made.layout.class_id.ravel(), minlength=c.NUM_CLASSES) / made.layout.class_id.size


SIGNS = {"suburb": [((c.HOUSE,), 0.05), ((c.ROAD,), 0.05), ((c.LAWN,), 0.2)],
         "downtown": [((c.TOWER,), 0.01), ((c.APARTMENTS, c.COMMERCIAL, c.TOWER), 0.2), ((c.ROAD,), 0.08)],
         "village": [((c.HOUSE,), 0.02), ((c.ROAD,), 0.02), ((c.LAWN, c.MEADOW, c.CROPLAND, c.ORCHARD), 0.3)],
         "coast": [((c.WATER,), 0.15), ((c.SAND, c.ROCK), 0.04), ((c.ROAD,), 0.015)],
         "valley": [((c.WATER,), 0.02), ((c.CONIFER,), 0.05), ((c.MEADOW,), 0.1)],
         "farmland": [((c.CROPLAND, c.MEADOW, c.ORCHARD, c.SOIL), 0.5), ((c.INDUSTRIAL, c.HOUSE, c.STRUCTURE), 0.005)],
         "campus": [((c.COMMERCIAL, c.APARTMENTS, c.TOWER), 0.05), ((c.SPORTS,), 0.02), ((c.LAWN,), 0.2)]}
"""Classes without which it would be no such place, and the least share that they have."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cells", [128, 256])
def test_each_is_such_a_place(name, cells):
    for seed in (1, 2):
        made = make_preset(name, seed, cells, cells)
        share = shares(made)
        assert not share[c.UNPAINTED] and made.name == LABELS[name] and not made.report
        for classes, least in SIGNS[name]:
            assert share[list(classes)].sum() >= least, (name, seed, c.NAMES[classes[0]])


def test_the_same_seed_gives_the_same_place_and_another_another():
    assert make_preset("village", 5, 64, 64).layout.hash() == make_preset("village", 5, 64, 64).layout.hash()
    assert make_preset("village", 5, 64, 64).layout.hash() != make_preset("village", 6, 64, 64).layout.hash()


@pytest.mark.parametrize("width,height,cell_size", [(64, 200, 0.5), (200, 30, 1.0), (100, 80, 3.0), (8, 8, 0.05)])
def test_any_size(width, height, cell_size):
    layout = make_preset("suburb", 1, width, height, cell_size).layout
    assert layout.shape == (height, width) and layout.cell_size == cell_size


def test_cells_half_as_large_show_the_same_place():
    fine, coarse = make_preset("coast", 4, 256, 256, 0.5).layout, make_preset("coast", 4, 128, 128, 1.0).layout
    same = fine.class_id[::2, ::2] == coarse.class_id
    assert same.mean() > 0.9


def test_heights_are_those_of_the_buildings():
    layout = make_preset("downtown", 1, 128, 128).layout
    known = np.isfinite(layout.height_hint)
    assert np.array_equal(known, c.is_in(layout.class_id, c.BUILDING_IDS))
    tower = layout.height_hint[layout.class_id == c.TOWER]
    assert tower.min() > 25 and layout.height_hint[known].min() > 2


@pytest.mark.parametrize("arguments,says", [
    (("castle",), "Choose one of: suburb"), (("suburb", -1), "whole number from 0"), (("suburb", 0, 4, 128), "Give 8 to"),
    (("suburb", 0, 5000, 128), "Give 8 to 2048"), (("suburb", 0, 64, 64, math.nan), "0.05 to 100")])
def test_what_cannot_be(arguments, says):
    with pytest.raises(BadInput, match=says):
        make_preset(*arguments)


def test_sources(tmp_path):
    told = []
    made = make_layout("preset", {"name": "campus", "width": 40, "height": 32}, progress=lambda *a: told.append(a))
    assert made.layout.shape == (32, 40) and told[0] == ("layout", 0, 100, 0.0) and told[-1][3] == 1.0
    with pytest.raises(BadInput, match=", ".join(SOURCES)):
        make_layout("dream", {})
    with pytest.raises(BadInput, match="do not fit"):
        make_layout("preset", {"colour": 3})
    with pytest.raises(BadInput, match="do not fit"):
        make_layout("osm", {})
    for source, options in (("preset", {}), ("osm", {"path": "x"}), ("lidar", {"path": "x"})):
        with pytest.raises(Cancelled):
            make_layout(source, options, cancel=lambda: True)


def test_command_line(tmp_path, capsys):
    out = tmp_path / "l.png"
    assert cli.main(["layout", "preset", "valley", "--seed", "3", "--size", "64", "--height", "48", "-o", str(out)]) == 0
    about = json.loads((tmp_path / "l.json").read_text())
    assert about["cells"] == [48, 64] and about["source"] == "preset valley 3" and about["crs"] is None
    assert cli.main(["layout", "preset", "valley", "--size", "4", "-o", str(out)]) == 2
    assert "Give 8 to" in capsys.readouterr().err
