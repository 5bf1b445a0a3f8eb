"""How a place becomes a .glb: what a person chooses. No library is needed to say it."""
from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadInput

LEVELS = ("msft", "nodes")
COLLISION_NAMES = ("unreal", "godot")


@dataclass(frozen=True)
class GlbOptions:
    """How a place becomes a .glb.

    Attributes:
        levels: how levels of detail are told, one of LEVELS.
        collision_names: whose names the collision meshes have, one of COLLISION_NAMES.
        lossless: colours as PNG instead of JPEG. quality: of the JPEG, 1 to 100.

    Raises:
        BadInput: an unknown value.
    """

    levels: str = "msft"
    collision_names: str = "unreal"
    lossless: bool = False
    quality: int = 92

    def __post_init__(self) -> None:
        for value, known in ((self.levels, LEVELS), (self.collision_names, COLLISION_NAMES)):
            if value not in known:
                raise BadInput(f"The option {value!r} is not known.", f"Use one of: {', '.join(known)}.")
        if not 1 <= self.quality <= 100:
            raise BadInput(f"A JPEG quality of {self.quality} is out of range.", "Give 1 to 100; 92 is a good number.")
