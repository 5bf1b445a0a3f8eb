"""Point clouds and layouts: read back by the libraries of others, in the layout's coordinate system."""
from __future__ import annotations

import export_scene
import numpy as np
import pytest
import tifffile
from PIL import Image

from earthcrafter_core.convert.ply import Points
from earthcrafter_core.errors import BadInput
from earthcrafter_core.export.axes import Georeference
from earthcrafter_core.export.layouts import write_geotiff, write_picture
from earthcrafter_core.export.points import write_laz, write_ply
from earthcrafter_core.export.where import where_of, wkt_of
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.layout import Layout

UTM = Georeference(export_scene.CRS, export_scene.ORIGIN)
FEET = 1200 / 3937  # US survey foot


def points() -> Points:
    s = export_scene.splats()
    return Points(s.mean, s.normals(), s.rgb(), s.class_id)


def layout(**more) -> Layout:
    ids = np.random.default_rng(0).integers(0, sem.NUM_CLASSES, (30, 40)).astype(np.uint8)
    return Layout(ids, 2.0, **more)


# ------------------------------------------------------------------------------------------------------------ points

def test_laz_read_again_by_laspy(tmp_path):
    laspy = pytest.importorskip("laspy")
    given = points()
    write_laz(tmp_path / "a.laz", given, UTM)
    found = laspy.read(tmp_path / "a.laz")
    assert found.header.are_points_compressed and str(found.header.version) == "1.4"
    assert len(found.points) == len(given.position)
    assert np.allclose(np.stack([found.x, found.y, found.z], 1) - [*export_scene.ORIGIN, 0], given.position, atol=0.00051)
    assert (np.stack([found.red, found.green, found.blue], 1) // 257 == given.rgb).all()
    assert (np.asarray(found.class_id) == given.class_id).all()
    ours = np.bincount(sem.CLASS_TO_ASPRS[given.class_id], minlength=256)
    assert (np.bincount(np.asarray(found.classification), minlength=256) == ours).all()
    assert (np.bincount(np.asarray(found.class_id)) == np.bincount(given.class_id)).all()
    assert found.header.parse_crs().to_epsg() == 32633


def test_laz_without_a_coordinate_system(tmp_path):
    laspy = pytest.importorskip("laspy")
    write_laz(tmp_path / "a.laz", points(), Georeference())
    found = laspy.read(tmp_path / "a.laz")
    assert found.header.parse_crs() is None
    assert np.allclose(found.x, points().position[:, 0], atol=0.00051)


def test_laz_is_the_same_every_day(tmp_path):
    pytest.importorskip("laspy")
    for name in "ab":
        write_laz(tmp_path / name, points(), UTM)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_asprs_codes():
    """What readers of LAS expect: ground 2, low plants 4, trees 5, buildings 6, water 9, rails 10, roads 11, bridges 17."""
    code = dict(zip(sem.NAMES, sem.CLASS_TO_ASPRS.tolist()))
    assert {n: code[n] for n in ("lawn", "shrub", "broadleaf", "conifer", "house", "tower", "water", "pool", "railway", "road",
                                 "bridge", "unpainted", "snow")} == {
        "lawn": 2, "shrub": 4, "broadleaf": 5, "conifer": 5, "house": 6, "tower": 6, "water": 9, "pool": 9, "railway": 10,
        "road": 11, "bridge": 17, "unpainted": 1, "snow": 21}


def test_ply_points_by_plyfile(tmp_path):
    plyfile = pytest.importorskip("plyfile")
    given = points()
    write_ply(tmp_path / "a.ply", given, UTM)
    found = plyfile.PlyData.read(tmp_path / "a.ply")
    assert np.allclose(np.stack([found["vertex"][k] for k in "xyz"], 1), given.position)
    assert (np.asarray(found["vertex"]["class_id"]) == given.class_id).all()
    assert found.comments == ["x east, y north, z up, metres", "origin at 388000.0 5935000.0 in EPSG:32633"]


# ------------------------------------------------------------------------------------------------------------ layouts

def test_geotiff(tmp_path):
    given = layout()
    write_geotiff(tmp_path / "a.tif", given, UTM)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        page = tif.pages.first
        assert (page.asarray() == given.class_id).all()
        assert (page.colormap[:, :sem.NUM_CLASSES].T // 257 == sem.PALETTE).all()
        geo = tif.geotiff_metadata
        assert "road" in page.tags[42112].value
    assert geo["ProjectedCSTypeGeoKey"] == 32633 and geo["GTModelTypeGeoKey"] == 1 and geo["GTRasterTypeGeoKey"] == 1
    assert list(geo["ModelPixelScale"]) == [2, 2, 0]
    east, north = export_scene.ORIGIN
    assert list(geo["ModelTiepoint"]) == [0, 0, 0, east, north + 60, 0]  # north-west corner


def test_geotiff_by_gdal(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    write_geotiff(tmp_path / "a.tif", layout(), UTM)
    with rasterio.open(tmp_path / "a.tif") as found:
        assert found.crs.to_epsg() == 32633 and found.res == (2, 2)
        assert found.bounds == (*export_scene.ORIGIN, export_scene.ORIGIN[0] + 80, export_scene.ORIGIN[1] + 60)
        assert found.colormap(1)[sem.ROAD][:3] == sem.CLASSES[sem.ROAD].color
        assert (found.read(1) == layout().class_id).all() and found.tags(1)["class_7"] == "road"


def test_geotiff_in_feet_and_without_a_place(tmp_path):
    write_geotiff(tmp_path / "feet.tif", layout(), Georeference("EPSG:2927", (1e6, 2e6), FEET))
    write_geotiff(tmp_path / "none.tif", layout(), Georeference())
    feet = tifffile.TiffFile(tmp_path / "feet.tif").geotiff_metadata
    assert feet["ModelPixelScale"][0] == pytest.approx(2 / FEET) and feet["ModelTiepoint"][4] == pytest.approx(2e6 + 60 / FEET)
    none = tifffile.TiffFile(tmp_path / "none.tif").pages.first.tags
    assert list(none[33550].value) == [2, 2, 0] and 34735 not in none


def test_picture(tmp_path):
    from earthcrafter_core.convert.layout_io import read_layout
    from earthcrafter_core.scene import layout_sidecar
    given = layout(elevation=np.ones((30, 40), np.float32), crs=UTM.crs, origin=UTM.origin)
    write_picture(tmp_path / "a.png", given, "result town")
    assert (read_layout(tmp_path / "a.png", None).class_id == given.class_id).all()
    assert Image.open(tmp_path / "a.png").mode == "P"
    beside = layout_sidecar.read(tmp_path / "a.png")
    assert (beside.cell_size, beside.crs, beside.origin) == (2.0, UTM.crs, UTM.origin)
    assert set(beside.planes) == {"elevation"}


# --------------------------------------------------------------------------------------------------- where a place lies

def test_where():
    assert where_of(None, None) == Georeference()
    assert where_of("EPSG:32633", [1, 2]) == Georeference("EPSG:32633", (1.0, 2.0), 1.0)
    assert where_of("EPSG:2927", (1.0, 2.0)).unit == where_of("EPSG:2927+5703", (1.0, 2.0)).unit == pytest.approx(FEET)
    assert "UTM zone 33N" in wkt_of(UTM) and wkt_of(Georeference()) == ""


@pytest.mark.parametrize("crs, match", [("EPSG:4326", "not a flat one"), ("EPSG:99999", "not known"),
                                        ("Atlantis", "not known")])
def test_coordinate_systems_that_do_not_do(crs, match):
    with pytest.raises(BadInput, match=match):
        where_of(crs, (1.0, 2.0))
