"""One door to everything that a layout can be made from without networks: presets, maps, surveys."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import BadInput, Cancelled
from ..scene.made_layout import MadeLayout

SOURCES = ("preset", "osm", "lidar")
Progress = Callable[[str, int, int, float], None]  # stage, step, steps, fraction


def make_layout(source: str, options: dict[str, Any], cancel: Callable[[], bool] | None = None,
                progress: Progress | None = None) -> MadeLayout:
    """A layout from one of SOURCES. Imports neither torch nor what the other sources need.

    Args:
        source: "preset": name, seed, width, height (cells), cell_size (metres).
            "osm": path (also GeoJSON, by its suffix), center ([latitude, longitude] in degrees or null: the middle of the
            extract), size (metres a side), cell_size, fill (whether untagged ground becomes lawn and meadow).
            "lidar": path, cell_size.
        options: as above; what is left out has its default, but path.
        cancel: asked now and then.
        progress: told the stage and the share done.

    Raises:
        BadInput: an unknown source or option, or input that cannot be used. Cancelled: `cancel` said yes.
    """
    makers: dict[str, Callable[..., MadeLayout]] = {"preset": _preset, "osm": _osm, "lidar": _lidar}
    if source not in makers:
        raise BadInput(f"There is no source {source!r} of layouts.", f"Use one of: {', '.join(SOURCES)}.")

    def tell(fraction: float) -> None:
        if cancel is not None and cancel():
            raise Cancelled
        if progress is not None:
            progress("layout", round(100 * fraction), 100, fraction)

    tell(0.0)
    try:
        made = makers[source](tell, cancel, **options)
    except TypeError as e:
        if "argument" not in str(e):
            raise
        raise BadInput(f"The options of the source {source!r} do not fit ({e}).", "Give the options that it has.") from e
    tell(1.0)
    return made


def _preset(tell: Callable[[float], None], cancel: Callable[[], bool] | None, *, name: str = "suburb", seed: int = 0,
            width: int = 128, height: int = 128, cell_size: float = 1.0) -> MadeLayout:
    from .presets import make_preset
    return make_preset(name, int(seed), int(width), int(height), float(cell_size), cancel)


def _osm(tell: Callable[[float], None], cancel: Callable[[], bool] | None, *, path: str | Path,
         center: tuple[float, float] | list[float] | None = None, size: float = 1000.0, cell_size: float = 1.0,
         fill: bool = True) -> MadeLayout:
    from .osm import layout_from_osm
    return layout_from_osm(path, None if center is None else (float(center[0]), float(center[1])), float(size),
                           float(cell_size), bool(fill), cancel, tell)


def _lidar(tell: Callable[[float], None], cancel: Callable[[], bool] | None, *, path: str | Path,
           cell_size: float = 1.0) -> MadeLayout:
    from .lidar_scene import made_from_lidar
    return made_from_lidar(path, float(cell_size), tell)
