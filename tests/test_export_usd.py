"""USD: what we write opens, is what it was, and OpenUSD's own validators have nothing to say."""
from __future__ import annotations

from pathlib import Path

import export_scene
import mesh_shapes
import numpy as np
import pytest

from earthcrafter_core.export.axes import Georeference
from earthcrafter_core.export.splat_files import along_curve
from earthcrafter_core.export.usd import identifier, write_usd
from earthcrafter_core.export.usd_splats import write_usd_splats
from earthcrafter_core.mesh.place import Hull, PlaceMesh
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.colour import srgb_to_linear

pytest.importorskip("pxr")
from pxr import Usd, UsdGeom, UsdPhysics, UsdShade, UsdValidation, UsdVol

WHERE = Georeference(export_scene.CRS, export_scene.ORIGIN)
HULLS = [Hull("house_001", 0, mesh_shapes.box_corners((4, 4, 0), (12, 10, 6)), mesh_shapes.BOX_FACES)]


def complaints(path: Path) -> list[str]:
    """What usdchecker says: it runs these validators (UsdUtils.ComplianceChecker is gone from usd-core 26)."""
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 20
    return [f"{e.GetName()}: {e.GetMessage()}" for e in
            UsdValidation.ValidationContext(validators).Validate(Usd.Stage.Open(str(path)))]


@pytest.fixture(scope="module")
def place() -> PlaceMesh:
    return mesh_shapes.place()


@pytest.fixture(scope="module")
def path(place, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("usd") / "town.usdc"
    write_usd(path, place, [PlaceMesh([mesh_shapes.terrain(8)], place.textures, place.instances)], HULLS, WHERE)
    return path


def corners(mesh, name: str) -> np.ndarray:
    return np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar(name).ComputeFlattened())


def test_the_validators_have_nothing_to_say(path, place, tmp_path):
    assert complaints(path) == []
    write_usd(tmp_path / "town.usdz", place, hulls=HULLS, where=WHERE)
    assert complaints(tmp_path / "town.usdz") == []
    write_usd_splats(tmp_path / "splats.usdc", export_scene.splats(), WHERE)
    assert complaints(tmp_path / "splats.usdc") == []


def test_the_validators_would_say_it(path, tmp_path):
    """A layer without a default prim, and a face of no subset, are told of."""
    stage = Usd.Stage.Open(str(path))
    copy = tmp_path / "broken.usda"
    stage.Export(str(copy))
    broken = Usd.Stage.Open(str(copy))
    broken.GetRootLayer().ClearDefaultPrim()
    subset = UsdGeom.Subset(broken.GetPrimAtPath("/place/terrain/road"))
    subset.GetIndicesAttr().Set(subset.GetIndicesAttr().Get()[:-1])
    broken.GetRootLayer().Save()
    told = " ".join(complaints(copy))
    assert "defaultPrim" in told and "InvalidSubsetFamily" in told


def test_units_and_place(path):
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    data = stage.GetRootLayer().customLayerData
    assert data["crs"] == export_scene.CRS and tuple(data["origin"]) == export_scene.ORIGIN
    assert stage.GetDefaultPrim().GetPath() == "/place"


def test_what_a_part_holds(path, place):
    stage = Usd.Stage.Open(str(path))
    for part in place.parts:
        mesh = UsdGeom.Mesh(stage.GetPrimAtPath(f"/place/{part.name}"))
        points, index = np.array(mesh.GetPointsAttr().Get()), np.array(mesh.GetFaceVertexIndicesAttr().Get())
        assert np.allclose(points[index.reshape(-1, 3)], part.vertices[part.faces], atol=1e-5)
        assert np.allclose(corners(mesh, "normals").reshape(-1, 3, 3), part.corner_normal, atol=1e-6)
        assert np.allclose(np.array(mesh.GetExtentAttr().Get()), [part.vertices.min(0), part.vertices.max(0)], atol=1e-5)
        if part.texture:
            assert np.allclose(corners(mesh, "st").reshape(-1, 3, 2), part.uv, atol=1e-6)
        else:
            assert np.allclose(corners(mesh, "displayColor").reshape(-1, 3, 3), srgb_to_linear(part.corner_color), atol=1e-6)
        said = {a.GetBaseName(): a.Get() for a in mesh.GetPrim().GetAuthoredAttributes()
                if a.GetNamespace() == "userProperties"}
        assert said == {"kind": part.kind, "class_id": part.class_id, **part.attributes}


def test_materials_by_class(path, place):
    stage = Usd.Stage.Open(str(path))
    terrain = UsdGeom.Mesh(stage.GetPrimAtPath("/place/terrain"))
    subsets = {s.GetPrim().GetName(): np.array(s.GetIndicesAttr().Get()) for s in UsdGeom.Subset.GetAllGeomSubsets(terrain)}
    assert set(subsets) == {"lawn", "road"}
    assert (place.parts[0].face_class[subsets["road"]] == sem.ROAD).all()
    for name, expected in (("terrain/road", "road"), ("house_001", "house"), ("broadleaf", "broadleaf")):
        prim = stage.GetPrimAtPath(f"/place/{name}")
        material = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]
        assert material.GetPath() == f"/place/materials/{expected}"
    textured = UsdShade.Shader(stage.GetPrimAtPath("/place/materials/house/color"))
    assert textured.GetInput("sourceColorSpace").Get() == "sRGB"
    assert Path(textured.GetInput("file").Get().resolvedPath).stat().st_size > 0
    rough = UsdShade.Shader(stage.GetPrimAtPath("/place/materials/house/rough"))
    assert rough.GetInput("sourceColorSpace").Get() == "raw" and rough.GetInput("file").Get().resolvedPath.endswith(".png")


def test_levels_are_variants(path):
    stage = Usd.Stage.Open(str(path))
    variants = stage.GetDefaultPrim().GetVariantSet("lod")
    assert variants.GetVariantNames() == ["LOD0", "LOD1"] and variants.GetVariantSelection() == "LOD0"
    fine = len(UsdGeom.Mesh(stage.GetPrimAtPath("/place/terrain")).GetFaceVertexCountsAttr().Get())
    variants.SetVariantSelection("LOD1")
    coarse = len(UsdGeom.Mesh(stage.GetPrimAtPath("/place/terrain")).GetFaceVertexCountsAttr().Get())
    assert (fine, coarse) == (2 * 32 * 32, 2 * 8 * 8)
    assert not stage.GetPrimAtPath("/place/house_001")


def test_collisions_are_hidden_hulls(path):
    stage = Usd.Stage.Open(str(path))
    hull = stage.GetPrimAtPath("/place/collisions/house_001_00")
    assert UsdGeom.Imageable(hull).ComputePurpose() == "guide" and hull.HasAPI(UsdPhysics.CollisionAPI)
    assert UsdPhysics.MeshCollisionAPI(hull).GetApproximationAttr().Get() == "convexHull"


def test_the_same_bytes_every_time(path, place, tmp_path):
    again = tmp_path / "town.usdc"
    write_usd(again, place, [PlaceMesh([mesh_shapes.terrain(8)], place.textures, place.instances)], HULLS, WHERE)
    assert again.read_bytes() == path.read_bytes()


def test_names_that_usd_does_not_take():
    assert identifier("3 houses") == "_3_houses" or identifier("3 houses").isidentifier()


def test_splats(tmp_path):
    splats = along_curve(export_scene.splats())
    write_usd_splats(tmp_path / "a.usdc", splats, WHERE)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    field = UsdVol.ParticleField3DGaussianSplat(stage.GetPrimAtPath("/place/splats"))
    assert np.allclose(np.array(field.GetPositionsAttr().Get()), splats.mean)
    assert np.allclose(np.array(field.GetScalesAttr().Get())[:, :2], np.exp(splats.log_scale))
    quats = field.GetOrientationsAttr().Get()
    wxyz = np.array([(q.GetReal(), *q.GetImaginary()) for q in quats])
    assert np.allclose(wxyz, splats.quat, atol=1e-6)
    assert np.allclose(np.array(field.GetOpacitiesAttr().Get()), 1 / (1 + np.exp(-splats.opacity)), atol=1e-6)
    assert field.GetRadianceSphericalHarmonicsDegreeAttr().Get() == 0
    assert np.allclose(np.array(field.GetRadianceSphericalHarmonicsCoefficientsAttr().Get()), splats.sh[:, 0])
    classes = UsdGeom.PrimvarsAPI(field).GetPrimvar("class_id").Get()
    assert (np.array(classes) == splats.class_id).all()
    low, high = np.array(field.GetExtentAttr().Get())
    assert (low < splats.mean.min(0)).all() and (high > splats.mean.max(0)).all()
