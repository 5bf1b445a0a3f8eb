"""Splats as USD: a ParticleField3DGaussianSplat, which usd-core has since 26.03.

Specification: OpenUSD's UsdVol schema: scales linear, opacities 0..1, spherical harmonics as in 3DGS.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ..convert.ply import THIN
from ..errors import BadInput
from ..scene.splats import Splats
from .axes import USD, Georeference
from .splat_files import along_curve
from .usd import new_stage


def write_usd_splats(path: Path, splats: Splats, where: Georeference) -> None:
    """Write splats as .usdc, z up, metres; each splat's class is the primvar "class_id".

    Raises:
        ImportError: usd-core is absent. BadInput: it is too old. OSError.
    """
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdVol, Vt
    if not hasattr(UsdVol, "ParticleField3DGaussianSplat"):
        raise BadInput(f"The installed usd-core {'.'.join(map(str, Usd.GetVersion()))} knows no splats.",
                       "Install usd-core 26.3 or newer.")
    s = USD.splats(along_curve(splats))
    stage, _ = new_stage(path, where)
    field = UsdVol.ParticleField3DGaussianSplat.Define(stage, "/place/splats")
    scale = np.exp(np.concatenate([s.log_scale, np.full((len(s), 1), THIN, np.float32)], 1))
    field.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(s.mean, np.float32)))
    field.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(scale, np.float32)))
    quat = (s.quat / np.linalg.norm(s.quat, axis=1, keepdims=True)).astype(np.float32)
    field.CreateOrientationsAttr(Vt.QuatfArray.FromNumpy(np.ascontiguousarray(np.roll(quat, -1, 1))))  # kept as x, y, z, w
    field.CreateOpacitiesAttr(Vt.FloatArray.FromNumpy((1 / (1 + np.exp(-s.opacity))).astype(np.float32)))
    field.CreateRadianceSphericalHarmonicsDegreeAttr(int(np.sqrt(s.sh.shape[1])) - 1)
    field.CreateRadianceSphericalHarmonicsCoefficientsAttr(
        Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(s.sh.reshape(-1, 3), np.float32)))
    reach = 3 * np.exp(s.log_scale.max(1, keepdims=True))
    low, high = (s.mean - reach).min(0), (s.mean + reach).max(0)
    field.CreateExtentAttr([Gf.Vec3f(*map(float, low)), Gf.Vec3f(*map(float, high))])
    classes = UsdGeom.PrimvarsAPI(field).CreatePrimvar("class_id", Sdf.ValueTypeNames.IntArray, UsdGeom.Tokens.vertex)
    classes.Set(Vt.IntArray.FromNumpy(s.class_id.astype(np.int32)))
    stage.GetRootLayer().Save()
