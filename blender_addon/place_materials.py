"""Materials and textures of one place: those with textures are its own, the others are shared by all places."""
from __future__ import annotations

from collections.abc import Generator, Iterable

import bpy

from .class_materials import surface_material, textured_material
from .earthcrafter_core.scene.classes import CLASSES
from .glb_file import PartMaterial, Picture

OWN = "earthcrafter_own"
"""Custom property of materials and images that belong to one place, and go with it."""


class PlaceMaterials:
    """Makes a place's materials when they are first needed.

    Args:
        name: of the place.
        materials: what they show. pictures: the textures, as files in memory.
    """

    def __init__(self, name: str, materials: list[PartMaterial], pictures: list[Picture]):
        self._name, self._wanted, self._pictures = name, materials, pictures
        self._images: list[bpy.types.Image] = []
        self._made: dict[int, bpy.types.Material] = {}

    def load(self) -> Generator[None, None, None]:
        """Make the images, packed into the .blend file; Blender decodes them when it draws them."""
        numbers = {m.roughness for m in self._wanted}
        for index, picture in enumerate(self._pictures):
            image = bpy.data.images.new(f"{picture.name} of {self._name}", 1, 1)
            self._images.append(image)
            image.pack(data=picture.data, data_len=len(picture.data))
            image.source = "FILE"
            if index in numbers:
                image.colorspace_settings.name = "Non-Color"
            image[OWN] = True
            yield

    def slots(self, indices: list[int]) -> Generator[None, None, list[bpy.types.Material]]:
        """The materials at these indices, made where they are not there yet."""
        for index in indices:
            if index not in self._made:
                self._made[index] = self._material(self._wanted[index])
                yield
        return [self._made[index] for index in indices]

    def _material(self, wanted: PartMaterial) -> bpy.types.Material:
        semantic_class = CLASSES[wanted.class_id]
        if wanted.color is None:
            return surface_material(semantic_class)
        roughness = None if wanted.roughness is None else self._images[wanted.roughness]
        material = textured_material(f"{semantic_class.label} of {self._name}", semantic_class, self._images[wanted.color],
                                     roughness)
        material[OWN] = True
        return material

    def remove(self) -> None:
        """Take away what was made of the place's own, after the meshes that used it."""
        for block in [*self._made.values(), *self._images]:
            try:
                if OWN in block and not block.users:
                    bpy.data.batch_remove([block])
            except ReferenceError:  # undo has taken it already
                pass


def remove_own(materials: Iterable[bpy.types.Material]) -> None:
    """Take away those materials that belonged to a place and that nothing uses any more, and their images."""
    unused = [m for m in materials if OWN in m and not m.users]
    images = {node.image for m in unused for node in m.node_tree.nodes if node.type == "TEX_IMAGE" and node.image is not None}
    bpy.data.batch_remove(unused)
    bpy.data.batch_remove([image for image in images if OWN in image and not image.users])
