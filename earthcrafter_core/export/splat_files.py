"""Splats as the files of Gaussian viewers: 3DGS .ply by ourselves, everything smaller by gaussforge.

A surfel has two scales; files want three, so the third is written as a millionth of a metre (`convert.ply.THIN`), which every
viewer blurs to its own least width. Splats are put in the order of a Z-curve: formats that keep blocks of neighbours
(compressed .ply: 256 of them) then keep millimetres instead of centimetres, and all of them pack better.
"""
from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from ..convert.ply import splat_bytes
from ..errors import BadInput, WriteError
from ..scene.splats import Splats
from .axes import Axes

SPZ_REACH = 2047.0
"""Metres from the origin that SPZ holds as gaussforge writes it: 24 bits a coordinate, 12 of them behind the point."""
_BITS = 10  # of each coordinate in the Z-curve


def write_ply(path: Path, splats: Splats, axes: Axes, comments: tuple[str, ...] = ()) -> None:
    """The 3DGS layout of the original implementation, all properties floats, without the class. Raises OSError."""
    path.write_bytes(splat_bytes(axes.splats(along_curve(splats)), class_id=False, comments=comments))


def write_packed(path: Path, splats: Splats, axes: Axes, kind: str) -> None:
    """One of gaussforge's formats: "compressed.ply", "spz", "sog" or "splat".

    Raises:
        ImportError: gaussforge is absent. WriteError: it refuses the splats. OSError.
        BadInput: a place too large for SPZ.
    """
    import gaussforge
    turned = axes.splats(along_curve(splats))
    reach = float(np.abs(turned.mean).max(initial=0.0))
    if kind == "spz" and reach > SPZ_REACH:
        raise BadInput(f"SPZ holds what lies within {SPZ_REACH:.0f} m of the origin, and this place reaches {reach:.0f} m.",
                       "Export it as sog or compressed.ply.")
    made = gaussforge.GaussForge().convert(splat_bytes(turned, class_id=False), "ply", kind)
    if "data" not in made:
        raise WriteError(f"The splats could not be written as {kind} ({made.get('error', 'no reason is given')}).",
                         "Export them as ply, and convert that.")
    path.write_bytes(made["data"])


def along_curve(splats: Splats) -> Splats:
    """The splats in the order of a Z-curve (Morton) through their bounds; the same order for the same splats."""
    if not len(splats):
        return splats
    low = splats.mean.min(0)
    side = max(float((splats.mean.max(0) - low).max()), 1e-6)
    cell = np.minimum((splats.mean - low) / side * (1 << _BITS), (1 << _BITS) - 1).astype(np.uint32)
    x, y, z = (_spread(c) for c in cell.T)
    order = np.argsort(x | (y << 1) | (z << 2), kind="stable")
    return replace(splats, **{f.name: getattr(splats, f.name)[order] for f in fields(splats)})


def _spread(v: np.ndarray) -> np.ndarray:
    """Ten bits with two zeros between each, uint32 [N]."""
    v = (v | (v << 16)) & 0x030000FF
    v = (v | (v << 8)) & 0x0300F00F
    v = (v | (v << 4)) & 0x030C30C3
    return (v | (v << 2)) & 0x09249249
