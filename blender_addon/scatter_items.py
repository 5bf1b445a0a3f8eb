"""What a collection offers to be scattered: its objects and child collections, how large each is, and which suits a thing."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .earthcrafter_core.errors import BadInput
from .placement import world

STRETCH, PROPORTIONS, KEEP = "STRETCH", "PROPORTIONS", "KEEP"
FITS = [(STRETCH, "Stretch", "To the length, width and height of what it replaces"),
        (PROPORTIONS, "Keep Proportions", "By one factor: as high as what it replaces, where that is not too wide"),
        (KEEP, "Keep Size", "Not at all")]
"""How an item is brought to a thing's size, as items of an enum."""
SQUARE = 1.25  # an item that is less elongated than this is turned as it is
_ALIKE = 0.3  # items whose distortion (logarithm) is at most this much more than the best one's are drawn from by chance
_DEPTH = 8  # of collection instances in one another
_THIN = 1e-3  # metres: nothing is thinner


@dataclass
class Items:
    """The items of a collection, in the order in which Blender's Collection Info node gives them.

    Attributes:
        usable: int64 [K] numbers of the items that have a size (no lights, no cameras).
        size: float64 [K, 3] metres along x, y, z, of the usable ones. foot: float64 [K, 3] the middle of their lower side,
            from the collection's origin.
    """

    usable: np.ndarray
    size: np.ndarray
    foot: np.ndarray


@dataclass
class Fit:
    """Items chosen for things: number, int32 [N]; scale, float64 [N, 3]; turn, float64 [N] radians; shift, float64 [N, 3] what
    moves each item's foot onto the thing's, before its turn."""

    number: np.ndarray
    scale: np.ndarray
    turn: np.ndarray
    shift: np.ndarray


def items_of(collection: bpy.types.Collection) -> Items:
    """The items of a collection. Raises BadInput where it has none that could be seen."""
    entries = sorted([*collection.children, *collection.objects], key=lambda entry: natural_key(entry.name))
    boxes = [_box(entry, collection) for entry in entries]
    usable = [k for k, box in enumerate(boxes) if box is not None]
    if not usable:
        raise BadInput(f"The collection {collection.name} holds nothing that can be seen.",
                       "Put the objects that are to be scattered into it.")
    low, high = np.array([boxes[k] for k in usable]).transpose(1, 0, 2)
    foot = (low + high) / 2
    foot[:, 2] = low[:, 2]
    return Items(np.array(usable), np.maximum(high - low, _THIN), foot)


def natural_key(name: str) -> tuple[object, ...]:
    """Sorts names as Blender does: "tree 9" before "Tree 10", "a.001" before "a 1"."""
    def part(text: str) -> tuple[int, int, str]:
        if text.isdigit() and text.isascii():
            return (ord("0") + 1, int(text), "")
        return (0 if text == "." else ord(text.lower()[0]) + 1, 0, text.lower())
    return (*(part(text) for text in re.findall(r"[0-9]+|.", name, re.DOTALL)), (-1, 0, ""), name)


def _box(entry: bpy.types.Collection | bpy.types.Object, collection: bpy.types.Collection) -> np.ndarray | None:
    """Lowest and highest corner [2, 3] of an item, from its collection's origin; None where it has no size."""
    if isinstance(entry, bpy.types.Collection):
        objects, matrix = entry.all_objects, Matrix()
    else:
        objects, matrix = [entry], Matrix.Translation(-collection.instance_offset)
    corners = [c for obj in objects for c in _corners(obj, matrix, _DEPTH)]
    return np.array([np.min(corners, axis=0), np.max(corners, axis=0)]) if corners else None


def _corners(obj: bpy.types.Object, matrix: Matrix, depth: int) -> Iterator[Vector]:
    """Corners of the boxes of what an object shows."""
    if obj.instance_type == "COLLECTION" and obj.instance_collection is not None and depth:
        inner = matrix @ world(obj) @ Matrix.Translation(-obj.instance_collection.instance_offset)
        for child in obj.instance_collection.all_objects:
            yield from _corners(child, inner, depth - 1)
    elif obj.type in {"MESH", "CURVE", "SURFACE", "FONT", "META", "CURVES", "POINTCLOUD"}:
        yield from (matrix @ world(obj) @ Vector(c) for c in obj.bound_box)


def fitted(items: Items, size: np.ndarray, turn: np.ndarray, how: str, seed: int) -> Fit:
    """An item for each thing of a size [N, 3] (length along its direction `turn` [N], width, height).

    The item is one of those that are distorted least; a long item lies along the thing. With PROPORTIONS the factor is the one
    for the height, or less where the footprint is too small for it; with KEEP the item is chosen by chance.
    """
    rng = np.random.default_rng([seed, len(size)])
    long_y = items.size[:, 1] > SQUARE * items.size[:, 0]
    own = np.where(long_y[:, None], items.size[:, [1, 0, 2]], items.size)  # along its longer side first
    ratio = np.log(np.maximum(size, _THIN)[:, None] / own)  # [N, K, 3]
    distortion = np.zeros(ratio.shape[:2]) if how == KEEP else np.ptp(ratio, axis=2)
    likely = distortion <= distortion.min(1, keepdims=True) + _ALIKE
    pick = np.where(likely, rng.random(likely.shape), -1.0).argmax(1)
    ratio = ratio[np.arange(len(size)), pick]
    if how == STRETCH:
        scale = np.exp(ratio)
    elif how == PROPORTIONS:
        scale = np.exp(np.repeat(np.minimum(ratio[:, 2], ratio[:, :2].max(1))[:, None], 3, 1))
    else:
        scale = np.ones((len(size), 3))
    turned = long_y[pick]
    scale = np.where(turned[:, None], scale[:, [1, 0, 2]], scale)
    return Fit(items.usable[pick].astype(np.int32), scale, turn - np.where(turned, np.pi / 2, 0.0), -scale * items.foot[pick])
