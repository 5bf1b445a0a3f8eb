"""Materials by class: how rough each is, what they are called, which sides are seen. Shared by all mesh formats."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.place import CROWN, TERRAIN, WATER, PlaceMesh
from ..scene import classes as sem

OPEN_KINDS = (TERRAIN, WATER, CROWN)
"""Kinds of parts whose faces are seen from both sides."""


@dataclass(frozen=True)
class Material:
    """One material.

    Attributes:
        name: unique; the class's name, with "_vertex" after it where a textured one of the class has that name.
        class_id: its class. texture: key of `PlaceMesh.textures`, "" for vertex colours.
        both_sides: whether its faces are seen from behind.
    """

    name: str
    class_id: int
    texture: str
    both_sides: bool

    @property
    def roughness(self) -> float:
        """0 to 1; where the texture has a roughness of its own, that holds instead."""
        return sem.ROUGHNESS[self.class_id]


class Materials:
    """The materials that a place uses, in the order of their first use.

    Names depend on the finest level alone, so that all levels of detail share them.
    """

    def __init__(self) -> None:
        self.list: list[Material] = []
        self._index: dict[tuple[int, str, bool], int] = {}

    def of(self, kind: str, class_id: int, texture: str) -> int:
        """Index of the material for faces of a class in a part of a kind with a texture ("" for vertex colours)."""
        key = (int(class_id), texture, kind in OPEN_KINDS)
        if key not in self._index:
            self._index[key] = len(self.list)
            self.list.append(Material(self._name(*key), *key))
        return self._index[key]

    def _name(self, class_id: int, texture: str, both_sides: bool) -> str:
        taken = {m.name for m in self.list}
        name = sem.NAMES[class_id]
        wished = [name, *([] if texture else [f"{name}_vertex"])]
        return next(n for n in (*wished, *(f"{wished[-1]}_{k}" for k in range(2, len(taken) + 3))) if n not in taken)


def materials_of(place: PlaceMesh) -> Materials:
    """All materials of a place: those of textured parts take the classes' plain names first."""
    materials = Materials()
    for textured in (True, False):
        for part in place.parts:
            if bool(part.texture) == textured:
                for class_id in np.unique(part.face_class):
                    materials.of(part.kind, class_id, part.texture)
    return materials
