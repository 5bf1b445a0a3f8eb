"""The formats a place can be exported to: what each is called, who writes it, and what it needs."""
from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from .axes import GLTF, SPLATS
from .result import Result
from .where import comments_of, extras_of

MESHES, SPLAT, POINTS, LAYOUT = "meshes", "splats", "points", "layout"
GROUPS = (MESHES, SPLAT, POINTS, LAYOUT)
_AXES = {"y-down": "x east, y down, z north", "y-up": "x east, y up, z south", "z-up": "x east, y north, z up"}


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what `--to` takes. suffix: end of the file's name. label: what an artist reads. group: one of GROUPS.
        modules: what it imports beyond what the program itself needs -> the package that has it.
        write: writes the result to a path; whatever else it writes lies beside that.
        effort: rough seconds for a tile of 128 m, for the progress alone.
    """

    name: str
    suffix: str
    label: str
    group: str
    modules: dict[str, str]
    write: Callable[[Result, Path], None]
    effort: float = 0.3

    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [package for module, package in self.modules.items() if importlib.util.find_spec(module) is None]


def _glb(result: Result, path: Path) -> None:
    kept = result.kept_glb()
    if kept is not None:
        shutil.copyfile(kept, path)
        return
    from .gltf import write_glb
    write_glb(path, result.place, result.options.glb, result.levels, result.hulls, result.check)


def _usd(result: Result, path: Path) -> None:
    from .usd import write_usd
    glb = result.options.glb
    write_usd(path, result.place, result.levels, result.hulls, result.where, None if glb.lossless else glb.quality,
              result.check)


def _splat_glb(result: Result, path: Path) -> None:
    from .splat_gltf import write_splat_glb
    write_splat_glb(path, result.splats, GLTF, extras_of(result.where))


def _splat_usd(result: Result, path: Path) -> None:
    from .usd_splats import write_usd_splats
    write_usd_splats(path, result.splats, result.where)


def _splat_ply(result: Result, path: Path) -> None:
    from .splat_files import write_ply
    said = _AXES[result.options.splat_axes or "y-down"]
    write_ply(path, result.splats, result.axes(SPLATS), comments_of(result.where, said))


def _packed(kind: str) -> Callable[[Result, Path], None]:
    def write(result: Result, path: Path) -> None:
        from .splat_files import write_packed
        usual = GLTF if kind == "spz" else SPLATS  # SPZ is "right, up, back"
        write_packed(path, result.splats, result.axes(usual), kind)

    return write


def _points_ply(result: Result, path: Path) -> None:
    from .points import write_ply
    write_ply(path, result.points, result.where)


def _laz(result: Result, path: Path) -> None:
    from .points import write_laz
    write_laz(path, result.points, result.where)


def _layout_tif(result: Result, path: Path) -> None:
    from .layouts import write_geotiff
    write_geotiff(path, result.layout, result.where)


def _layout_png(result: Result, path: Path) -> None:
    from .layouts import write_picture
    write_picture(path, result.layout, f"result {result.name}")


_USD, _GF, _GLTF = {"pxr": "usd-core"}, {"gaussforge": "gaussforge"}, {"pygltflib": "pygltflib"}
_LAZ = {"laspy": "laspy", "lazrs": "lazrs"}

FORMATS = (
    Format("glb", ".glb", "glTF binary", MESHES, _GLTF, _glb, 4),
    Format("usd", ".usdc", "USD", MESHES, _USD, _usd, 4),
    Format("usdz", ".usdz", "USD package", MESHES, _USD, _usd, 4),
    Format("ply", ".ply", "3DGS PLY", SPLAT, {}, _splat_ply),
    Format("compressed.ply", ".compressed.ply", "Compressed PLY", SPLAT, _GF, _packed("compressed.ply")),
    Format("spz", ".spz", "SPZ", SPLAT, _GF, _packed("spz")),
    Format("sog", ".sog", "SOG", SPLAT, _GF, _packed("sog"), 2),
    Format("splat", ".splat", "Splat", SPLAT, _GF, _packed("splat")),
    Format("splats.glb", ".splats.glb", "glTF splats", SPLAT, _GLTF, _splat_glb),
    Format("splats.usd", ".splats.usdc", "USD splats", SPLAT, _USD, _splat_usd),
    Format("points.ply", ".points.ply", "Point cloud PLY", POINTS, {}, _points_ply),
    Format("laz", ".laz", "LAZ", POINTS, _LAZ, _laz),
    Format("layout.tif", ".layout.tif", "Layout GeoTIFF", LAYOUT, {"tifffile": "tifffile"}, _layout_tif),
    Format("layout.png", ".layout.png", "Layout picture", LAYOUT, {}, _layout_png),
)
BY_NAME = {f.name: f for f in FORMATS}


def parse(text: str) -> list[Format]:
    """The formats of a list such as "glb,ply,points": names, groups, or "all"; each once, in the order asked for.

    Raises BadInput for a name that is none.
    """
    chosen: dict[str, Format] = {}
    for word in (w.strip().lower() for w in text.split(",")):
        found = [f for f in FORMATS if word in (f.name, f.group, "all")]
        if not found:
            raise BadInput(f"The format {word!r} is not known.",
                           f"Use some of: {', '.join(BY_NAME)}, {', '.join(GROUPS)}, all.")
        chosen |= {f.name: f for f in found}
    return list(chosen.values())
