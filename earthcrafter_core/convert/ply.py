"""Binary PLY files of vertices: splats as 3D Gaussian viewers read them, and coloured points."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInput
from ..scene.splats import Splats

THIN = float(np.log(1e-6))  # scale_2 of a disc
_NAMES = {np.dtype("<f4"): "float", np.dtype("u1"): "uchar"}
_TYPES = {"float": "<f4", "float32": "<f4", "uchar": "u1", "uint8": "u1", "double": "<f8", "float64": "<f8", "int": "<i4",
          "int32": "<i4", "uint": "<u4", "uint32": "<u4", "char": "i1", "int8": "i1", "short": "<i2", "int16": "<i2",
          "ushort": "<u2", "uint16": "<u2"}


@dataclass
class Points:
    """A coloured point cloud.

    Attributes:
        position: float32 [N, 3] metres. normal: float32 [N, 3]. rgb: uint8 [N, 3] sRGB. class_id: uint8 [N].
    """

    position: np.ndarray
    normal: np.ndarray
    rgb: np.ndarray
    class_id: np.ndarray


def write_splats(path: Path, splats: Splats) -> None:
    """The 3DGS layout, with class_id as one property more. Raises OSError."""
    path.write_bytes(splat_bytes(splats))


def splat_bytes(splats: Splats, class_id: bool = True, comments: tuple[str, ...] = ()) -> bytes:
    """A file of splats in the 3DGS layout; class_id is a float too, for some readers take nothing else."""
    columns: dict[str, np.ndarray] = dict(zip("xyz", splats.mean.T))
    columns |= dict(zip(("nx", "ny", "nz"), splats.normals().T))
    columns |= {f"f_dc_{k}": splats.sh[:, 0, k] for k in range(3)}
    rest = splats.sh[:, 1:].transpose(0, 2, 1).reshape(len(splats), -1)  # all of red, then green, then blue
    columns |= {f"f_rest_{k}": rest[:, k] for k in range(rest.shape[1])}
    columns["opacity"] = splats.opacity
    columns |= {"scale_0": splats.log_scale[:, 0], "scale_1": splats.log_scale[:, 1],
                "scale_2": np.full(len(splats), THIN)}
    columns |= {f"rot_{k}": splats.quat[:, k] for k in range(4)}
    more = {"class_id": (splats.class_id, "<f4")} if class_id else {}
    return _encode({name: (values, "<f4") for name, values in columns.items()} | more, comments)


def read_splats(path: Path) -> Splats:
    """What `write_splats` or another tool wrote (class 0 where it has none). Raises BadInput."""
    v = read_vertices(path)
    rest = [n for n in v.dtype.names or () if n.startswith("f_rest_")]
    dc = _columns(v, ("f_dc_0", "f_dc_1", "f_dc_2"), path)[:, None]
    if rest:
        higher = _columns(v, tuple(f"f_rest_{k}" for k in range(len(rest))), path)
        dc = np.concatenate([dc, higher.reshape(len(v), 3, -1).transpose(0, 2, 1)], 1)
    return Splats(_columns(v, ("x", "y", "z"), path), _columns(v, ("scale_0", "scale_1"), path),
                  _columns(v, ("rot_0", "rot_1", "rot_2", "rot_3"), path), _columns(v, ("opacity",), path)[:, 0], dc,
                  _class_ids(v))


def write_points(path: Path, points: Points, comments: tuple[str, ...] = ()) -> None:
    """x y z nx ny nz red green blue class_id, with lines of comment in the header. Raises OSError."""
    path.write_bytes(_encode({name: (values, "<f4") for name, values in
                              zip(("x", "y", "z", "nx", "ny", "nz"), (*points.position.T, *points.normal.T))}
                             | {name: (values, "u1") for name, values in zip(("red", "green", "blue"), points.rgb.T)}
                             | {"class_id": (points.class_id, "u1")}, comments))


def read_points(path: Path) -> Points:
    """What `write_points` wrote. Raises BadInput."""
    v = read_vertices(path)
    rgb = np.stack([_column(v, n, path) for n in ("red", "green", "blue")], 1).astype(np.uint8)
    return Points(_columns(v, ("x", "y", "z"), path), _columns(v, ("nx", "ny", "nz"), path), rgb, _class_ids(v))


def read_vertices(path: Path) -> np.ndarray:
    """Vertices of a binary little-endian PLY as a structured array [N]. Raises BadInput."""
    try:
        data = path.read_bytes()
        head, mark, body = data.partition(b"end_header\n")
        lines = [line.split() for line in head.decode("ascii").splitlines()]
        if not mark or lines[0] != ["ply"]:
            raise ValueError("it is no PLY file")
        if ["format", "binary_little_endian", "1.0"] not in lines:
            raise ValueError("it is not binary little-endian")
        elements = [line for line in lines if line[:1] == ["element"]]
        if not elements or elements[0][1] != "vertex":
            raise ValueError("it does not begin with vertices")
        last = next((k for k, line in enumerate(lines) if line[:1] == ["element"] and line[1] != "vertex"), len(lines))
        dtype = np.dtype([(line[2], _TYPES[line[1]]) for line in lines[:last] if line[:1] == ["property"]])
        count = int(elements[0][2])
        if len(body) < count * dtype.itemsize:
            raise ValueError("it is cut off")
        return np.frombuffer(body, dtype, count)
    except (OSError, ValueError, KeyError, IndexError) as e:
        raise BadInput(f"The file {path} cannot be read ({e}).", "Generate the scene again.") from e


def _encode(columns: dict[str, tuple[np.ndarray, str]], comments: tuple[str, ...] = ()) -> bytes:
    table = np.empty(len(next(iter(columns.values()))[0]), np.dtype([(n, t) for n, (_, t) in columns.items()]))
    for name, (values, _) in columns.items():
        table[name] = values
    properties = "".join(f"property {_NAMES[np.dtype(t)]} {n}\n" for n, (_, t) in columns.items())
    said = "".join(f"comment {line}\n" for line in comments)
    head = f"ply\nformat binary_little_endian 1.0\n{said}element vertex {len(table)}\n{properties}end_header\n"
    return head.encode("ascii") + table.tobytes()


def _column(vertices: np.ndarray, name: str, path: Path) -> np.ndarray:
    if name not in (vertices.dtype.names or ()):
        raise BadInput(f"The file {path} lacks the property {name}.", "Generate the scene again.")
    return vertices[name]


def _columns(vertices: np.ndarray, names: tuple[str, ...], path: Path) -> np.ndarray:
    return np.stack([_column(vertices, n, path) for n in names], 1).astype(np.float32)


def _class_ids(vertices: np.ndarray) -> np.ndarray:
    if "class_id" in (vertices.dtype.names or ()):
        return vertices["class_id"].astype(np.uint8)
    return np.zeros(len(vertices), np.uint8)
