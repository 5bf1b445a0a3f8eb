"""A generated place as the exports see it: each of its files is read when a format first asks for it, and once."""
from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..convert import files
from ..convert.ply import Points
from ..errors import BadInput
from ..mesh.options import MeshOptions, SplatOptions
from ..mesh.place import PlaceMesh
from ..scene.layout import Layout
from ..scene.merging import merged
from ..scene.splats import Splats
from .axes import GLTF, OURS, SPLATS, Axes, Georeference, georeference
from .glb_options import GlbOptions
from .where import extras_of, where_of

SPLAT_AXES = {"y-down": SPLATS, "y-up": GLTF, "z-up": OURS}
"""What splat files can be asked to have; else each format has its own."""
FEWEST_SPLATS = 1000


@dataclass(frozen=True)
class ExportOptions:
    """What is chosen once for all formats.

    Attributes:
        mesh: how the meshes are made; None: as those of the result.
        glb: how they are written, where a format has a choice (levels, names of collision meshes, pictures).
        splat_axes: one of SPLAT_AXES, or "" for those that the viewers of each format expect.
        most_splats: of the splat files; None for as many as there are.
        resampled: how splats are sampled anew from textured meshes; None: those of the result.
        name: of the files, without the ending; "" for the name of the result's folder.

    Raises:
        BadInput: an unknown value, a name that is none.
    """

    mesh: MeshOptions | None = None
    glb: GlbOptions = field(default_factory=GlbOptions)
    splat_axes: str = ""
    most_splats: int | None = None
    resampled: SplatOptions | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.splat_axes and self.splat_axes not in SPLAT_AXES:
            raise BadInput(f"The axes {self.splat_axes!r} are not known.", f"Use one of: {', '.join(SPLAT_AXES)}.")
        if self.most_splats is not None and self.most_splats < FEWEST_SPLATS:
            raise BadInput(f"{self.most_splats} splats are too few for a place.", f"Give at least {FEWEST_SPLATS}.")
        if self.name and (Path(self.name).name != self.name or self.name.startswith(".")):
            raise BadInput(f"{self.name!r} is no name for files.", "Give a name without a folder, such as old_town.")


class Result:
    """One result's folder; its attributes raise BadInput where the file behind them is missing or damaged."""

    def __init__(self, folder: Path, options: ExportOptions, check: Callable[[], None]) -> None:
        self.folder, self.options, self.check = folder, options, check
        self.name = options.name or folder.absolute().name

    @cached_property
    def scene(self) -> dict[str, Any]:
        """scene.json."""
        return files.read_scene(self.folder)

    @cached_property
    def splats(self) -> Splats:
        """splats.ply, or splats sampled anew; where there are too many, merged."""
        splats = files.read_splats(self.folder / files.SPLATS) if self.options.resampled is None else self._resampled()
        if self.options.most_splats is not None:
            self.check()
            splats = merged(splats, self.options.most_splats)
        return splats

    def _resampled(self) -> Splats:
        from ..mesh.build import build_place
        from ..mesh.sampling.sample import sample_splats
        wanted = self.options.resampled or SplatOptions()
        place = self.place if wanted.can_use(self.mesh_options) else build_place(
            files.read_voxels(self.folder), files.read_surfels(self.folder), wanted.meshes(), self.check)
        return sample_splats(place, wanted.size, check=self.check)

    @cached_property
    def points(self) -> Points:
        """points.ply."""
        return files.read_points(self.folder / files.POINTS)

    @cached_property
    def kept_layout(self) -> Layout | None:
        """layout.npz; None for results without."""
        return files.read_layout_of(self.folder)

    @property
    def layout(self) -> Layout:
        """The layout, which must be there."""
        if self.kept_layout is None:
            raise BadInput(f"The result {self.folder} keeps no layout.", "Leave the layout out, or generate the scene again.")
        return self.kept_layout

    @cached_property
    def where(self) -> Georeference:
        """Where the place lies on the earth, by scene.json, or by the layout where that cannot be read."""
        try:
            scene = self.scene
        except BadInput:
            layout = self.kept_layout
            return Georeference() if layout is None else where_of(layout.crs, layout.origin)
        at = georeference(scene)
        return where_of(at.crs, at.origin)

    def axes(self, usual: Axes) -> Axes:
        """The axes of a splat file whose viewers expect `usual`."""
        return SPLAT_AXES.get(self.options.splat_axes, usual)

    @cached_property
    def mesh_options(self) -> MeshOptions:
        """The options asked for, or those that the result was made with; the default ones for results of old versions."""
        return self.options.mesh or options_of(self.scene) or MeshOptions()

    @cached_property
    def place(self) -> PlaceMesh:
        """The meshes, made anew from voxels and surfels."""
        from ..mesh.build import build_place
        place = build_place(files.read_voxels(self.folder), files.read_surfels(self.folder), self.mesh_options, self.check)
        place.about |= extras_of(self.where)
        return place

    @cached_property
    def levels(self) -> list[PlaceMesh]:
        """The coarser levels of detail, the finest of them first; empty where none are asked for."""
        if self.mesh_options.levels == 1:
            return []
        from ..mesh.reduction.lod import levels
        return levels(self.place, self.mesh_options.levels, self.check)[1:]

    @cached_property
    def hulls(self) -> list[Any]:
        """The collision meshes; empty where none are asked for."""
        if not self.mesh_options.collisions:
            return []
        from ..mesh.reduction.collision import hulls
        return hulls(self.place, self.check)

    def kept_glb(self) -> Path | None:
        """The result's own mesh.glb where it is whole and exactly what is asked for."""
        path = self.folder / files.MESH
        wanted = self.mesh_options == options_of(self.scene) and self.options.glb == GlbOptions()
        return path if wanted and _is_whole_glb(path) else None


def options_of(scene: dict[str, Any]) -> MeshOptions | None:
    """The options that a result's meshes were made with; None for results of old versions, which had no choice."""
    settings = scene.get("settings") or {}
    try:
        return MeshOptions(settings["mesh"], settings["colours"], settings["texels"])
    except (KeyError, TypeError, BadInput):
        return None


def _is_whole_glb(path: Path) -> bool:
    """Whether a file is a .glb of the length that it says."""
    try:
        with open(path, "rb") as f:
            magic, _, length = struct.unpack("<4sII", f.read(12))
        return bool(magic == b"glTF" and length == path.stat().st_size)
    except (OSError, struct.error):
        return False
