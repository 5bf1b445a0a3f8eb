"""Splats as glTF: points with the extension KHR_gaussian_splatting, which other programs show as a plain cloud of points.

Specification: Khronos glTF 2.0 and its extension KHR_gaussian_splatting ("ellipse" kernel; scales linear, opacities 0..1,
quaternions xyzw, harmonics as in 3DGS). No Python library writes it; the file itself is pygltflib's.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pygltflib

from ..convert.ply import THIN
from ..scene.colour import srgb_to_linear
from ..scene.splats import Splats
from .axes import Axes, xyzw
from .gltf_buffer import Buffer
from .splat_files import along_curve

EXTENSION = "KHR_gaussian_splatting"


def write_splat_glb(path: Path, splats: Splats, axes: Axes, extras: dict[str, Any]) -> None:
    """Write splats as .glb; `extras` of its root node: where the place lies. Raises OSError."""
    s = axes.splats(along_curve(splats))
    buffer = Buffer()
    opacity = 1 / (1 + np.exp(-s.opacity.astype(np.float64)))
    scale = np.exp(np.concatenate([s.log_scale, np.full((len(s), 1), THIN, np.float32)], 1))
    color = np.empty((len(s), 4), "<u2")
    color[:, :3] = np.rint(srgb_to_linear(s.rgb()).astype(np.float64) * 65535)
    color[:, 3] = np.rint(opacity * 65535)
    attributes = pygltflib.Attributes(POSITION=buffer.vertices("position", s.mean.astype("<f4"), bounds=True),
                                      COLOR_0=buffer.vertices("color", color, normalized=True))
    named: dict[str, np.ndarray] = {"ROTATION": xyzw(_unit(s.quat)), "SCALE": scale, "OPACITY": opacity[:, None],
                                    **_harmonics(s.sh)}
    for name, values in named.items():
        setattr(attributes, f"{EXTENSION}:{name}", buffer.vertices(name, np.ascontiguousarray(values, "<f4")))
    about = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display", "sortingMethod": "cameraDistance",
             "projection": "perspective"}
    primitive = pygltflib.Primitive(attributes=attributes, mode=pygltflib.POINTS, extensions={EXTENSION: about})
    views, binary = buffer.finish()
    document = pygltflib.GLTF2(
        asset=pygltflib.Asset(generator="EarthCrafter"), scene=0, scenes=[pygltflib.Scene(nodes=[0])],
        nodes=[pygltflib.Node(name="splats", mesh=0, extras=extras)], extensionsUsed=[EXTENSION],
        meshes=[pygltflib.Mesh(name="splats", primitives=[primitive])], accessors=buffer.accessors, bufferViews=views,
        buffers=[pygltflib.Buffer(byteLength=len(binary))])
    document.set_binary_blob(binary)
    path.write_bytes(b"".join(document.save_to_bytes()))


def _unit(quat: np.ndarray) -> np.ndarray:
    return quat / np.linalg.norm(quat, axis=1, keepdims=True)


def _harmonics(sh: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> [N, 3] of each coefficient."""
    named: dict[str, np.ndarray] = {}
    first = 0
    for degree in range(4):
        if first >= sh.shape[1]:
            break
        named |= {f"SH_DEGREE_{degree}_COEF_{k}": sh[:, first + k] for k in range(2 * degree + 1)}
        first += 2 * degree + 1
    return named
