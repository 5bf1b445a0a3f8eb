"""What an artist chooses of a place's meshes and splats. NumPy is not needed here."""
from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadInput

STYLES = {"clean": "terrain as one sheet, closed buildings, crowns", "surface": "one surface around the voxels"}
SPLATS = {"meshes": "sampled from the textured meshes, sharp", "network": "as the texture network decodes them, soft"}
COLOURS = {"texture": "baked textures", "vertex": "vertex colours, lighter"}
MOST_TEXELS = 16.0  # a metre


@dataclass(frozen=True)
class MeshOptions:
    """How the meshes of a place are made.

    Attributes:
        style: one of STYLES. colours: one of COLOURS ("surface" always has vertex colours).
        texels: texels a metre of the baked textures, 1..16.
        triangles: most triangles of the finest level; None for as many as there are.
        levels: levels of detail, 1 (the finest alone) to 4, each with about a quarter of the triangles of the one before.
        collisions: whether hulls for physics are made.
        facades: whether windows, doors and courses of tiles, finer than the surfels tell, are painted into the textures.

    Raises:
        BadInput: a value out of range.
    """

    style: str = "clean"
    colours: str = "texture"
    texels: float = 8.0
    triangles: int | None = None
    levels: int = 1
    collisions: bool = False
    facades: bool = True

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise BadInput(f"The mesh style {self.style!r} is not known.", f"Use one of: {', '.join(STYLES)}.")
        if self.colours not in COLOURS:
            raise BadInput(f"The mesh colours {self.colours!r} are not known.", f"Use one of: {', '.join(COLOURS)}.")
        if not 1 <= self.texels <= MOST_TEXELS:
            raise BadInput(f"{self.texels} texels a metre are out of range.", "Give 1 to 16; 8 is a good number.")
        if self.triangles is not None and self.triangles < 1000:
            raise BadInput(f"A budget of {self.triangles} triangles is too small for a place.", "Give at least 1000.")
        if not 1 <= self.levels <= 4:
            raise BadInput(f"{self.levels} levels of detail are out of range.", "Give 1 to 4.")


@dataclass(frozen=True)
class SplatOptions:
    """Where the splats of a place come from.

    Attributes:
        source: one of SPLATS. size: metres across the finest splats that are sampled from meshes, 0.05..0.5; very large places
            get coarser ones (see sampling/sample.py).

    Raises:
        BadInput: a value out of range.
    """

    source: str = "meshes"
    size: float = 0.125

    def __post_init__(self) -> None:
        if self.source not in SPLATS:
            raise BadInput(f"The source of splats {self.source!r} is not known.", f"Use one of: {', '.join(SPLATS)}.")
        if not 0.05 <= self.size <= 0.5:
            raise BadInput(f"Splats of {self.size} m are out of range.", "Give 0.05 to 0.5 metres; 0.125 is a good size.")

    def meshes(self) -> MeshOptions:
        """Meshes whose textures are fine enough for splats of this size."""
        return MeshOptions(texels=min(1 / self.size, MOST_TEXELS))

    def can_use(self, meshes: MeshOptions) -> bool:
        """Whether meshes made in this way are fine enough."""
        whole = meshes.style == "clean" and meshes.colours == "texture" and meshes.triangles is None
        return whole and meshes.texels >= self.meshes().texels
