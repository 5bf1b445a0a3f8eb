"""The binary part of a glTF file: arrays of one kind lie side by side in one view, pictures in views of their own."""
from __future__ import annotations

import numpy as np
import pygltflib

_COMPONENTS = {np.dtype("<f4"): pygltflib.FLOAT, np.dtype("<u2"): pygltflib.UNSIGNED_SHORT,
               np.dtype("<u4"): pygltflib.UNSIGNED_INT}
_TYPES = {1: pygltflib.SCALAR, 2: pygltflib.VEC2, 3: pygltflib.VEC3, 4: pygltflib.VEC4}
_ALIGN = 4  # bytes


class Buffer:
    """Collects arrays; `finish` lays them out. A file of a thousand buildings has a handful of views."""

    def __init__(self) -> None:
        self._pieces: list[list[bytes]] = []  # of each view
        self._sizes: list[int] = []
        self._views: list[pygltflib.BufferView] = []
        self._by_kind: dict[str, int] = {}
        self.accessors: list[pygltflib.Accessor] = []

    def vertices(self, kind: str, values: np.ndarray, bounds: bool = False, normalized: bool = False) -> int:
        """Index of an accessor of values [N, 2..4] (float32, or uint16 of whole 4 bytes) for the vertex attribute `kind`."""
        accessor = self._add(kind, values, pygltflib.ARRAY_BUFFER, values.strides[0])
        if bounds:
            accessor.min, accessor.max = values.min(0).tolist(), values.max(0).tolist()
        accessor.normalized = normalized
        return len(self.accessors) - 1

    def indices(self, triangles: np.ndarray, count: int) -> int:
        """Index of an accessor of triangles [F, 3] over `count` vertices, in 2 bytes where these are enough."""
        dtype = "<u2" if count < 65535 else "<u4"  # the highest value is kept for restarts
        self._add(f"indices {dtype}", np.ascontiguousarray(triangles.astype(dtype).reshape(-1, 1)),
                  pygltflib.ELEMENT_ARRAY_BUFFER, None)
        return len(self.accessors) - 1

    def picture(self, data: bytes) -> int:
        """Index of a view of an encoded picture."""
        self._views.append(pygltflib.BufferView(buffer=0))
        self._pieces.append([data])
        self._sizes.append(len(data))
        return len(self._views) - 1

    def finish(self) -> tuple[list[pygltflib.BufferView], bytes]:
        """The views with their places, and all bytes."""
        data, offset = [], 0
        for view, pieces, size in zip(self._views, self._pieces, self._sizes):
            view.byteOffset, view.byteLength = offset, size
            padding = -size % _ALIGN
            data += [*pieces, b"\0" * padding]
            offset += size + padding
        return self._views, b"".join(data)

    def _add(self, kind: str, values: np.ndarray, target: int, stride: int | None) -> pygltflib.Accessor:
        if kind not in self._by_kind:
            self._by_kind[kind] = len(self._views)
            self._views.append(pygltflib.BufferView(buffer=0, target=target, byteStride=stride))
            self._pieces.append([])
            self._sizes.append(0)
        view = self._by_kind[kind]
        data = values.tobytes()
        accessor = pygltflib.Accessor(bufferView=view, byteOffset=self._sizes[view], componentType=_COMPONENTS[values.dtype],
                                      count=len(values), type=_TYPES[values.shape[1]])
        self._pieces[view].append(data)
        self._sizes[view] += len(data)
        self.accessors.append(accessor)
        return accessor
