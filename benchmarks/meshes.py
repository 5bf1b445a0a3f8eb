"""Meshes of five generated places: seconds of each stage with the triangles that go in and come out, and what checks find."""
from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from earthcrafter_core import pipeline
from earthcrafter_core.convert.files import read_surfels, read_voxels
from earthcrafter_core.data.presets import make_preset
from earthcrafter_core.export.gltf import glb_bytes
from earthcrafter_core.mesh.build import build_place
from earthcrafter_core.mesh.checks import Report, report, report_place
from earthcrafter_core.mesh.reduction.collision import hulls
from earthcrafter_core.mesh.reduction.lod import fit_budget, levels
from earthcrafter_core.mesh.options import MeshOptions
from earthcrafter_core.mesh.place import BUILDING, Part, PlaceMesh
from earthcrafter_core.mesh.sampling.sample import sample_splats
from earthcrafter_core.pipeline import Models, Settings
from earthcrafter_core.scene import classes as sem

PLACES = ("suburb", "downtown", "village", "coast", "campus")
SEED, STEPS = 1, 25
LEVELS, BUDGET = 4, 5000


def run() -> Iterator[dict]:
    """Rows of every place, and its lines for the table in docs/outputs.md at the end."""
    models = Models("default", None, "cpu")
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in PLACES:
            out = Path(folder) / name
            pipeline.generate(make_preset(name, SEED).layout, out, Settings(seed=SEED, steps=STEPS), models=models)
            if not lines:  # kernels are compiled before anything is timed
                levels(_built(out, MeshOptions(), lambda *_: None), LEVELS)
            rows, line = _place(name, out)
            yield from rows
            lines.append(line)
    yield {"text": "\n".join([*_HEAD, *lines])}


_COLUMNS = ("place (128 m)", "triangles: ground, water, buildings, bridges, plants", "texels (M)", "splats", ".glb (MB)",
            "light .glb (MB)", f"triangles of {LEVELS} levels", "seconds: meshes, textures, file", "wall area within 2°",
            "roof area within 5 cm", "both of the plain surface", "holes", "non-manifold", "floating", "slivers")
_HEAD = ("", "| " + " | ".join(_COLUMNS) + " |", "|---|" + "--:|" * (len(_COLUMNS) - 1))


def _place(name: str, folder: Path) -> tuple[list[dict], str]:
    """The rows of one place, and its line of the table."""
    rows: list[dict] = []

    def told(step: str, seconds: float, before: int, after: int) -> None:
        rows.append({"name": f"{name}: {step}, {before} -> {after} triangles", "seconds": seconds})

    surface_seconds, surface = _timed(lambda: _built(folder, MeshOptions("surface"), lambda *_: None))
    place = _built(folder, MeshOptions(), told)
    seconds = {row["name"].split(": ")[1].split(",")[0]: row["seconds"] for row in rows}
    light = _built(folder, MeshOptions(colours="vertex"), lambda *_: None)
    took, coarser = _timed(lambda: levels(place, LEVELS))
    counts = [level.triangles() for level in coarser]
    texels = sum(t.color.shape[0] * t.color.shape[1] for t in place.textures.values()) / 1e6
    told(f"{LEVELS} levels ({' '.join(map(str, counts))})", took, place.triangles(), sum(counts))
    took, fitted = _timed(lambda: fit_budget(place, BUDGET))
    told(f"budget {BUDGET}", took, place.triangles(), fitted.triangles())
    took, splats = _timed(lambda: sample_splats(place))
    rows.append({"name": f"{name}: {len(splats):,} splats of the textured meshes", "seconds": took,
                 "bytes": 2 * 3 * texels * 1e6 + 52 * len(splats)})  # textures are read twice, splats written once
    took, bodies = _timed(lambda: hulls(place))
    told(f"{len(bodies)} collision meshes", took, place.triangles(), sum(len(h.faces) for h in bodies))
    file_seconds, data = _timed(lambda: glb_bytes(place))
    told(f"file of {len(data) / 1e6:.1f} MB", file_seconds, place.triangles(), place.triangles())
    rows.append({"name": f"{name}: all meshes with textures, {place.triangles()} triangles", "seconds": sum(seconds.values()),
                 "ratio": surface_seconds / sum(seconds.values()),
                 "reference": f"surface, {surface.triangles()} triangles"})
    found = sum(report_place(place).values(), Report())
    kinds = [sum(len(p.faces) for p in place.parts if p.kind == k) for k in ("terrain", "water", "building", "deck", "crown")]
    cells = [name, f"{place.triangles()}: {', '.join(map(str, kinds))}", f"{texels:.1f}", f"{len(splats):,}",
             f"{len(data) / 1e6:.1f}", f"{len(glb_bytes(light)) / 1e6:.1f}", " ".join(map(str, counts)),
             f"{sum(seconds.values()) - seconds['textures']:.1f}, {seconds['textures']:.1f}, {file_seconds:.1f}",
             _percent(found.upright, found.walls), _percent(found.planar, found.roofs), _form_of(surface.parts[0]),
             *map(str, (found.holes, found.non_manifold, found.floating, found.slivers))]
    return rows, "| " + " | ".join(cells) + " |"


def _form_of(surface: Part) -> str:
    """Shares of upright walls and of planar roof faces of the buildings in a plain surface."""
    built = np.isin(surface.face_class, sem.BUILDING_IDS)
    found = report(replace(surface, kind=BUILDING, faces=surface.faces[built], face_class=surface.face_class[built],
                           corner_normal=surface.corner_normal[built], corner_color=surface.corner_color[built]))
    return f"{_percent(found.upright, found.walls)}, {_percent(found.planar, found.roofs)}"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _built(folder: Path, options: MeshOptions, told: Callable[[str, float, int, int], None]) -> PlaceMesh:
    return build_place(read_voxels(folder), read_surfels(folder), options, told=told)


def _timed(work: Callable):
    """Seconds, and the result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
