"""What makes mesh datablocks from arrays: a new one that goes where its making fails, and attributes by one copy each."""
from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import bpy
import numpy as np

Steps = Generator[None, None, bpy.types.Object]
"""Yields between steps that are short enough to be taken between two redraws; returns the object."""


@contextmanager
def new_mesh(name: str) -> Iterator[bpy.types.Mesh]:
    """A new mesh datablock; removed where the steps inside fail or are given up."""
    mesh = bpy.data.meshes.new(name)
    try:
        yield mesh
    except BaseException:
        try:
            bpy.data.meshes.remove(mesh)
        except ReferenceError:  # undo has taken it already
            pass
        raise


def fill(mesh: bpy.types.Mesh, name: str, kind: str, domain: str, field: str, values: np.ndarray) -> None:
    """Write an attribute by one copy of memory, made where it is not there yet."""
    attribute = mesh.attributes.get(name) or mesh.attributes.new(name, kind, domain)
    attribute.data.foreach_set(field, values.ravel())
