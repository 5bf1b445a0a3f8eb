"""The files that a generation leaves behind, written as a whole or not at all.

scene.json, voxels.npz, structure.npz (for a new texture, and for making a part anew), splats.ply, surfels.ply (what the
texture network decoded, which meshes are made from; left out where the splats are the same), points.ply, mesh.glb, plants.npz
(where trees stand), layout.npz (what was asked for) and thumbnail.png are written into a temporary folder beside the
result's, which takes its place when all are complete.
"""
from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import BadInput, WriteError
from ..scene.layout import Layout
from ..scene.splats import Splats
from ..scene.voxels import VoxelScene
from .ply import Points, read_points, read_splats, write_points, write_splats

SCENE, VOXELS, STRUCTURE, POINTS, MESH = "scene.json", "voxels.npz", "structure.npz", "points.ply", "mesh.glb"
SPLATS, SURFELS = "splats.ply", "surfels.ply"
PLANTS, LAYOUT, THUMBNAIL = "plants.npz", "layout.npz", "thumbnail.png"
FILES = (SCENE, VOXELS, STRUCTURE, SPLATS, SURFELS, POINTS, MESH, PLANTS, LAYOUT, THUMBNAIL)
MIN_FREE_BYTES = 96 * 1024 ** 2
"""A tile's files need 40 to 60 MB; with less than this free, a run would be in vain."""
_PLANES = ("class_id", "height_hint", "elevation")
_REMEDY = "Choose another folder or free some space."
__all__ = ["FILES", "check_writable", "read_layout_of", "read_points", "read_scene", "read_splats", "read_structure",
           "read_surfels", "read_voxels", "write_generation"]


def check_writable(out: Path) -> None:
    """Raise WriteError where a result could not be written to `out`; to be called before the work begins."""
    out = Path(out).absolute()
    try:
        if out.exists() and not out.is_dir():
            raise WriteError(f"{out} is a file, not a folder.", "Choose another folder.")
        parent = next(p for p in out.parents if p.exists())
        with tempfile.TemporaryFile(dir=parent):
            pass
        free = shutil.disk_usage(parent).free
    except OSError as e:
        raise WriteError(f"The folder {out} cannot be written ({e.strerror or e}).", _REMEDY) from e
    if free < MIN_FREE_BYTES:
        raise WriteError(f"There are only {free // 1024 ** 2} MB free for {out}.", _REMEDY)


def write_generation(out: Path, scene: Callable[[], dict[str, Any]], voxels: VoxelScene, splats: Splats,
                     meshes: Callable[[Path], None], structure: dict[str, np.ndarray], *, surfels: Splats | None = None,
                     layout: Layout | None = None, thumbnail: np.ndarray | None = None,
                     check: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Write a whole result; an older one in `out` is replaced when the new one is complete, other files there are kept.

    Args:
        out: the result's folder; made where it does not exist.
        scene: gives the content of scene.json; called last, when the time and memory of everything else are known.
        voxels: the draped scene. splats: what is shown. meshes: writes MESH and PLANTS into the folder that it is given.
        structure: arrays that `read_structure` gives back.
        surfels: of the draped scene, where the splats were made from them; None where the splats are the surfels.
        layout: what was asked for, which `read_layout_of` gives back. thumbnail: uint8 [H, W, 3] sRGB.
        check: called between the files; may raise, and nothing is left behind then.

    Returns:
        The content of scene.json.

    Raises:
        WriteError: a folder that cannot be written, a full disk. Nothing is left behind then.
    """
    with _replacing(Path(out).absolute()) as folder:
        np.savez_compressed(folder / VOXELS, coords=voxels.coords.astype(np.int32), class_id=voxels.class_id.astype(np.uint8),
                            rgb=voxels.rgb.astype(np.uint8), origin=np.asarray(voxels.origin, np.float64),
                            voxel_size=np.float64(voxels.voxel_size))
        check()
        np.savez_compressed(folder / STRUCTURE, **structure)  # type: ignore[arg-type]
        check()
        write_splats(folder / SPLATS, splats)
        check()
        if surfels is not None:
            write_splats(folder / SURFELS, surfels)
            check()
        surfels = splats if surfels is None else surfels
        write_points(folder / POINTS, Points(surfels.mean, surfels.normals(), surfels.rgb(), surfels.class_id))
        check()
        meshes(folder)
        check()
        if layout is not None:
            planes = {name: getattr(layout, name) for name in _PLANES if getattr(layout, name) is not None}
            if layout.crs is not None and layout.origin is not None:
                planes |= {"crs": np.array(layout.crs), "origin": np.array(layout.origin, np.float64)}
            np.savez_compressed(folder / LAYOUT, cell_size=np.float64(layout.cell_size), **planes)
        if thumbnail is not None:
            Image.fromarray(thumbnail).save(folder / THUMBNAIL)
        content = scene()
        (folder / SCENE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return content


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `out` at the end; after any error nothing of it is left."""
    missing = [p for p in out.parents if not p.exists()]  # nearest first
    temporary = out.with_name(f".{out.name}.{os.getpid()}.new")
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if not out.exists():
            os.rename(temporary, out)
            return
        os.rename(out, old)
        try:
            for entry in old.iterdir():
                if entry.name not in FILES:
                    os.rename(entry, temporary / entry.name)
            os.rename(temporary, out)
        except BaseException:
            for entry in temporary.iterdir():
                if entry.name not in FILES:
                    os.rename(entry, old / entry.name)
            os.rename(old, out)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except BaseException as e:
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in missing:
            try:
                folder.rmdir()
            except OSError:
                break
        if isinstance(e, OSError):
            raise WriteError(f"The result could not be written to {out} ({e.strerror or e}).", _REMEDY) from e
        raise


def read_scene(folder: Path) -> dict[str, Any]:
    """scene.json of a result. Raises BadInput where the folder holds no whole result."""
    try:
        scene = json.loads((Path(folder) / SCENE).read_text(encoding="utf-8"))
        if not isinstance(scene, dict):
            raise ValueError("no JSON object")
        return scene
    except (OSError, ValueError) as e:
        raise BadInput(f"The folder {folder} holds no generated scene ({e}).",
                       "Give the folder of a result, the one with scene.json.") from e


def read_voxels(folder: Path) -> VoxelScene:
    """voxels.npz of a result. Raises BadInput."""
    a = _read_arrays(Path(folder) / VOXELS, ("coords", "class_id", "rgb", "origin", "voxel_size"))
    return VoxelScene(a["coords"], a["class_id"], a["rgb"], a["origin"], float(a["voxel_size"]))


def read_surfels(folder: Path) -> Splats:
    """The surfels that a result's meshes are made from. Raises BadInput."""
    path = Path(folder) / SURFELS
    sampled = (read_scene(folder).get("settings") or {}).get("splats") == "meshes"
    return read_splats(path if sampled or path.is_file() else Path(folder) / SPLATS)


def read_structure(folder: Path) -> dict[str, np.ndarray]:
    """structure.npz of a result: the arrays that were given to `write_generation`. Raises BadInput."""
    return _read_arrays(Path(folder) / STRUCTURE, ())


def read_layout_of(folder: Path) -> Layout | None:
    """The layout that a result was made from; None for results of versions that did not keep it. Raises BadInput."""
    path = Path(folder) / LAYOUT
    if not path.is_file():
        return None
    a = _read_arrays(path, ())
    if not {"class_id", "cell_size"} <= set(a):
        raise BadInput(f"The file {path} holds no layout.", "Generate the scene again.")
    where = (str(a["crs"]), (float(a["origin"][0]), float(a["origin"][1]))) if {"crs", "origin"} <= set(a) else (None, None)
    return Layout(a["class_id"], float(a["cell_size"]), a.get("height_hint"), a.get("elevation"), *where)


def _read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as f:
            return {k: f[k] for k in (names or f.files)}
    except Exception as e:  # zipfile, ValueError, KeyError, OSError: all mean the same to the person
        raise BadInput(f"The file {path} cannot be read ({e}).", "Generate the scene again.") from e
