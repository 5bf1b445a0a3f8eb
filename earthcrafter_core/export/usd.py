"""A place's meshes as USD, by usd-core: a binary layer (.usdc) with its textures in a folder beside it, or one package (.usdz).

    /place                     default prim, kind component; variant set "lod" where there are levels
      /materials/<class>       UsdPreviewSurface: colour and roughness from textures, or displayColor
      /<part>                  Mesh: one for each part; faceVarying normals and st; a GeomSubset for each class of its faces;
                               what an artist selects by as userProperties:height ... (Blender makes them custom properties)
      /collisions/<name>       convex hulls, purpose guide, with UsdPhysics' collision API

z is up and units are metres: the layer says so, and nothing is turned.
Specification: OpenUSD's UsdGeom, UsdShade, UsdPreviewSurface and UsdPhysics schemas.
"""
from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..mesh.place import Hull, Part, PlaceMesh, Texture
from ..scene.colour import srgb_to_linear
from .axes import USD, Georeference
from .materials import Material, Materials, materials_of

_ROOT = "/place"
_ATTRIBUTES = "userProperties:"


def write_usd(path: Path, place: PlaceMesh, levels: Sequence[PlaceMesh] = (), hulls: Sequence[Hull] = (),
              where: Georeference | None = None, quality: int | None = 92, check: Callable[[], None] = lambda: None) -> None:
    """Write a place as .usdc with a folder NAME_textures, or as one .usdz.

    Args:
        path: ends in .usdc or .usdz.
        place: the finest level. levels: coarser ones, variants of "lod". hulls: collision meshes.
        where: for the layer's customLayerData.
        quality: of the textures' JPEG; None for PNG.
        check: called between parts and textures; may raise.

    Raises:
        ImportError: usd-core is absent. OSError.
    """
    if path.suffix == ".usdz":
        with tempfile.TemporaryDirectory(dir=path.parent) as near:
            layer = Path(near) / f"{path.stem}.usdc"
            write_usd(layer, place, levels, hulls, where, quality, check)
            _package(path, layer)
        return
    folder = path.with_name(f"{path.stem}_textures")
    pictures = {name: _write_texture(folder, name, texture, quality, check) for name, texture in place.textures.items()}
    _Stage(path, place, pictures, where or Georeference(), check).write(levels, hulls)


def new_stage(path: Path, where: Georeference) -> tuple[Any, Any]:
    """A new layer, z up and in metres, and its default prim /place; customLayerData says where that lies."""
    from pxr import Gf, Usd, UsdGeom
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1 / USD.unit)
    data: dict[str, Any] = {"creator": "EarthCrafter"}
    if where.crs is not None:
        data |= {"crs": where.crs, "origin": Gf.Vec2d(*where.origin)}
    stage.GetRootLayer().customLayerData = data
    root = UsdGeom.Xform.Define(stage, _ROOT)
    stage.SetDefaultPrim(root.GetPrim())
    Usd.ModelAPI(root.GetPrim()).SetKind("component")
    return stage, root


def _write_texture(folder: Path, name: str, texture: Texture, quality: int | None,
                   check: Callable[[], None]) -> tuple[str, str]:
    """Write a texture's pictures; their names as the layer refers to them, "" for no roughness."""
    folder.mkdir(exist_ok=True)
    check()
    color = f"{name}.png" if quality is None else f"{name}.jpg"
    settings: dict[str, Any] = {} if quality is None else {"quality": quality, "subsampling": 0}
    Image.fromarray(texture.color).save(folder / color, **settings)
    check()
    if texture.roughness is None:
        return f"./{folder.name}/{color}", ""
    Image.fromarray(texture.roughness).save(folder / f"{name}_roughness.png")
    return f"./{folder.name}/{color}", f"./{folder.name}/{name}_roughness.png"


def _package(path: Path, layer: Path) -> None:
    """Put a layer and its textures into one .usdz. Its entries carry the files' times, in local time: one day for all."""
    from pxr import Sdf, UsdUtils
    first_day = time.mktime((1980, 1, 1, 0, 0, 0, 0, 0, -1))  # of a zip file's calendar
    for file in (p for p in layer.parent.rglob("*") if p.is_file()):
        os.utime(file, (first_day, first_day))
    if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(layer)), str(path)):
        raise OSError(f"the package {path.name} could not be made")


class _Stage:
    """One layer in the making."""

    def __init__(self, path: Path, place: PlaceMesh, pictures: dict[str, tuple[str, str]], where: Georeference,
                 check: Callable[[], None]) -> None:
        self.stage, self.root = new_stage(path, where)
        self.place, self.pictures, self.check = place, pictures, check
        self.materials: Materials = materials_of(place)
        self._paths: dict[int, Any] = {}

    def write(self, levels: Sequence[PlaceMesh], hulls: Sequence[Hull]) -> None:
        for level in (self.place, *levels):  # coarser parts may be of classes that no finer one is
            for part in level.parts:
                for class_id in np.unique(part.face_class):
                    self.materials.of(part.kind, class_id, part.texture)
        self._materials()
        if levels:
            self._variants([self.place, *levels])
        else:
            self._parts(self.place)
        for hull in hulls:
            self.check()
            self._hull(hull)
        self.stage.GetRootLayer().Save()

    def _variants(self, levels: list[PlaceMesh]) -> None:
        """The same parts at several levels of detail, of which the finest is chosen."""
        variants = self.root.GetPrim().GetVariantSets().AddVariantSet("lod")
        for k, level in enumerate(levels):
            variants.AddVariant(f"LOD{k}")
            variants.SetVariantSelection(f"LOD{k}")
            with variants.GetVariantEditContext():
                self._parts(level)
        variants.SetVariantSelection("LOD0")

    def _parts(self, place: PlaceMesh) -> None:
        for part in place.parts:
            self.check()
            self._part(part)

    def _part(self, part: Part) -> None:
        from pxr import Sdf, UsdGeom, Vt
        mesh = UsdGeom.Mesh.Define(self.stage, f"{_ROOT}/{identifier(part.name)}")
        self._topology(mesh, part.vertices, part.faces)
        corners = len(part.faces) * 3
        normals = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("normals", Sdf.ValueTypeNames.Normal3fArray,
                                                          UsdGeom.Tokens.faceVarying)
        _indexed(normals, USD.directions(part.corner_normal).reshape(corners, 3), Vt.Vec3fArray)
        if part.texture and part.uv is not None:
            st = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying)
            _indexed(st, part.uv.reshape(corners, 2), Vt.Vec2fArray)
        else:
            color = mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.faceVarying)
            _indexed(color, srgb_to_linear(part.corner_color).reshape(corners, 3), Vt.Vec3fArray)
        mesh.CreateDoubleSidedAttr(any(self._material(part, c).both_sides for c in np.unique(part.face_class)))
        prim = mesh.GetPrim()
        prim.CreateAttribute(f"{_ATTRIBUTES}kind", Sdf.ValueTypeNames.String).Set(part.kind)
        prim.CreateAttribute(f"{_ATTRIBUTES}class_id", Sdf.ValueTypeNames.Int).Set(int(part.class_id))
        for name, value in part.attributes.items():
            prim.CreateAttribute(f"{_ATTRIBUTES}{name}", Sdf.ValueTypeNames.Double).Set(float(value))
        self._bind(mesh, part)

    def _topology(self, mesh: Any, vertices: np.ndarray, faces: np.ndarray) -> None:
        from pxr import UsdGeom, Vt
        points = np.ascontiguousarray(USD.points(vertices), np.float32)
        mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
        mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
        mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(faces, np.int32).reshape(-1)))
        mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
        mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)])))

    def _bind(self, mesh: Any, part: Part) -> None:
        """Bind a material to the whole mesh, or one to the faces of each class."""
        from pxr import UsdGeom, UsdShade, Vt
        ids = np.unique(part.face_class)
        api = UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim())
        if len(ids) == 1:
            api.Bind(self._paths[self._index(part, ids[0])])
            return
        for class_id in ids:
            rows = Vt.IntArray.FromNumpy(np.flatnonzero(part.face_class == class_id).astype(np.int32))
            index = self._index(part, class_id)
            subset = api.CreateMaterialBindSubset(identifier(self.materials.list[index].name), rows,
                                                  UsdGeom.Tokens.face)
            UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(self._paths[index])
        api.SetMaterialBindSubsetsFamilyType(UsdGeom.Tokens.partition)

    def _index(self, part: Part, class_id: int) -> int:
        return self.materials.of(part.kind, class_id, part.texture)

    def _material(self, part: Part, class_id: int) -> Material:
        return self.materials.list[self._index(part, class_id)]

    def _materials(self) -> None:
        """Define all materials under /place/materials."""
        from pxr import UsdGeom
        UsdGeom.Scope.Define(self.stage, f"{_ROOT}/materials")
        for k, material in enumerate(self.materials.list):
            self._paths[k] = _define_material(self.stage, f"{_ROOT}/materials/{identifier(material.name)}", material,
                                              self.pictures.get(material.texture))

    def _hull(self, hull: Hull) -> None:
        from pxr import UsdGeom, UsdPhysics
        UsdGeom.Scope.Define(self.stage, f"{_ROOT}/collisions")
        mesh = UsdGeom.Mesh.Define(self.stage, f"{_ROOT}/collisions/{identifier(f'{hull.of}_{hull.number:02d}')}")
        self._topology(mesh, hull.vertices, hull.faces)
        mesh.CreatePurposeAttr(UsdGeom.Tokens.guide)
        UsdPhysics.CollisionAPI.Apply(mesh.GetPrim())
        shape = UsdPhysics.Tokens.convexHull if hull.convex else UsdPhysics.Tokens.none
        UsdPhysics.MeshCollisionAPI.Apply(mesh.GetPrim()).CreateApproximationAttr(shape)


def identifier(name: str) -> str:
    """A name that USD takes: letters, digits and underscores."""
    from pxr import Tf
    return str(Tf.MakeValidIdentifier(name))


def _indexed(primvar: Any, values: np.ndarray, array: Any) -> None:
    """Set a faceVarying primvar, equal values once."""
    from pxr import Vt
    rows = np.ascontiguousarray(values, np.float32)
    packed = rows.view([("", rows.dtype)] * rows.shape[1]).reshape(-1)
    _, first, index = np.unique(packed, return_index=True, return_inverse=True)
    primvar.Set(array.FromNumpy(np.ascontiguousarray(rows[first])))
    primvar.SetIndices(Vt.IntArray.FromNumpy(index.astype(np.int32).reshape(-1)))


def _define_material(stage: Any, path: str, material: Material, pictures: tuple[str, str] | None) -> Any:
    """A UsdPreviewSurface: textures where there are pictures, else the mesh's displayColor."""
    from pxr import Sdf, UsdShade
    made = UsdShade.Material.Define(stage, path)
    made.GetPrim().CreateAttribute(f"{_ATTRIBUTES}class_id", Sdf.ValueTypeNames.Int).Set(material.class_id)
    surface = UsdShade.Shader.Define(stage, f"{path}/surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("metallic", Sdf.ValueTypeNames.Float).Set(0.0)
    roughness = surface.CreateInput("roughness", Sdf.ValueTypeNames.Float)
    roughness.Set(float(material.roughness))
    diffuse = surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
    if pictures is None:
        reader = _primvar_reader(stage, f"{path}/color", "UsdPrimvarReader_float3", "displayColor")
        diffuse.ConnectToSource(reader.CreateOutput("result", Sdf.ValueTypeNames.Float3))
    else:
        st = _primvar_reader(stage, f"{path}/st", "UsdPrimvarReader_float2", "st").CreateOutput(
            "result", Sdf.ValueTypeNames.Float2)
        diffuse.ConnectToSource(_texture(stage, f"{path}/color", pictures[0], "sRGB", st).CreateOutput(
            "rgb", Sdf.ValueTypeNames.Float3))
        if pictures[1]:
            roughness.ConnectToSource(_texture(stage, f"{path}/rough", pictures[1], "raw", st).CreateOutput(
                "r", Sdf.ValueTypeNames.Float))
    made.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    return made


def _primvar_reader(stage: Any, path: str, kind: str, name: str) -> Any:
    from pxr import Sdf, UsdShade
    reader = UsdShade.Shader.Define(stage, path)
    reader.CreateIdAttr(kind)
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set(name)
    return reader


def _texture(stage: Any, path: str, file: str, space: str, st: Any) -> Any:
    from pxr import Sdf, UsdShade
    texture = UsdShade.Shader.Define(stage, path)
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(Sdf.AssetPath(file))
    texture.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set(space)
    for side in ("wrapS", "wrapT"):
        texture.CreateInput(side, Sdf.ValueTypeNames.Token).Set("clamp")
    texture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(st)
    return texture
