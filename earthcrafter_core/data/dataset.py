"""The dataset on disk: built from LiDAR files and synthetic scenes, split by place, with a manifest; and its loader.

    python -m earthcrafter_core.data.dataset build --lidar-dir DIR -o DATA --synthetic 400 --workers 2

DATA holds manifest.json and scenes/NAME_SPLIT.npz (TrainingScene.save). Cells that belong to the other split, to the
gap between the two, or to no survey have layout 0 and no voxels.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import BadInput, WriteError
from ..scene.classes import BUILDING_IDS, NAMES, WATER, is_in
from .training_scene import TrainingScene

VERSION = 1
GAP = 64  # cells between training and test
TILE = 128
TEST_SEED = 1_000_000  # first seed of the synthetic test scenes
SYNTHETIC_SIZE = 256

HOLD_OUT = {  # west column, north row, columns, rows of the test block
    "autzen": (624, 48, 384, 512),
    "woodford": (832, 160, 384, 512),
    "frankfort": (1008, 1024, 512, 496),
    "bald_rock": (0, 704, 256, 512),
}
SOURCES = {
    "autzen": ("Eugene OR, Watershed Sciences 2010, classes by Max Sampson (Hobu) 2021, PDAL/data", "CC BY 4.0"),
    "frankfort": ("Frankfort KY, Commonwealth of Kentucky, KyFromAbove", "public domain"),
    "woodford": ("Versailles KY, Commonwealth of Kentucky, KyFromAbove", "public domain"),
    "bald_rock": ("Bald Rock KY, Commonwealth of Kentucky, KyFromAbove", "public domain"),
    "synthetic": ("EarthCrafter's procedural generator", "GPL-3.0-or-later"),
}
WEIGHTS = {"woodford": 0.18, "autzen": 0.17, "frankfort": 0.18, "bald_rock": 0.15, "synthetic": 0.32}
"""Share of the training crops by source; sources that a dataset lacks leave theirs to the others."""
UNSEEN = {"frankfort": [WATER], "autzen": [WATER]}
"""Classes whose colour a survey is not to teach. The rivers ran olive with mud at Frankfort and black under trees at Eugene on
the days of the flights, and as most of the water here they would give those colours to every painted lake."""


# ---------------------------------------------------------------------------------------------------------- building

def build(lidar_dir: Path | None, out: Path, synthetic: int = 0, workers: int = 1, voxel_size: float = 1.0,
          files: Iterable[str] | None = None) -> dict:
    """Build a dataset; returns its manifest.

    Args:
        lidar_dir: folder of .laz / .las files, or None.
        out: folder to write, made where it is absent; scenes of the same name are replaced.
        synthetic: number of synthetic training scenes (a tenth more, at least 4, are made for tests).
        workers: processes.
        voxel_size: metres.
        files: names (stems) of the LiDAR files to take; all where None.

    Raises:
        BadInput: no LiDAR files where a folder is given, or a file cannot be read.
        WriteError: the folder cannot be written.
    """
    out = Path(out)
    jobs: list[tuple] = []
    if lidar_dir is not None:
        wanted = None if files is None else set(files)
        found = [f for f in sorted(Path(lidar_dir).glob("*.la[sz]")) if wanted is None or f.stem in wanted]
        if not found:
            raise BadInput(f"The folder {lidar_dir} has no LiDAR files to take.", "Give a folder of .laz or .las files.")
        jobs += [(_build_lidar, f, out, voxel_size) for f in found]
    tests = max(4, synthetic // 10) if synthetic else 0
    jobs += [(_build_synthetic, seed, out, "train") for seed in range(synthetic)]
    jobs += [(_build_synthetic, TEST_SEED + k, out, "test") for k in range(tests)]
    if not jobs:
        raise BadInput("There is nothing to build a dataset from.", "Give --lidar-dir, --synthetic or both.")
    try:
        (out / "scenes").mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise WriteError(f"The folder {out} cannot be written ({e}).", "Choose another folder.") from e
    entries = [e for part in _run(jobs, workers) for e in part]
    manifest = _manifest(entries, voxel_size)
    _write_json(out / "manifest.json", manifest)
    return manifest


def _run(jobs: list[tuple], workers: int) -> Iterable[list[dict]]:
    """Results of the jobs in their order, with a progress bar."""
    from tqdm import tqdm

    if workers <= 1:
        yield from (job[0](*job[1:]) for job in tqdm(jobs, desc="scenes"))
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = [pool.submit(*job) for job in jobs]
        yield from (f.result() for f in tqdm(futures, desc="scenes"))


def _build_lidar(path: Path, out: Path, voxel_size: float) -> list[dict]:
    """Both splits of one LiDAR file; their manifest entries."""
    from .lidar import read_points
    from .lidar_scene import scene_from_lidar

    name = path.stem
    source, licence = SOURCES.get(name, (path.name, "unknown"))
    digest = _file_hash(path)
    meta = {"name": name, "source": source, "licence": licence, "file": path.name, "sha256": digest}
    scene = scene_from_lidar(read_points(path), voxel_size, meta)
    scene = replace(scene, seen=scene.seen & ~np.isin(scene.class_id, UNSEEN.get(name, [])))
    train, test, block = split(scene, HOLD_OUT.get(name))
    entries = []
    for part, which in ((train, "train"), (test, "test")):
        part.meta["split"] = which
        entries.append(_store(part, out, f"{name}_{which}", {"source": name, "split": which, "file": path.name,
                                                              "sha256": digest, "hold_out": block}))
    return entries


def _build_synthetic(seed: int, out: Path, which: str) -> list[dict]:
    """One synthetic scene; its manifest entry."""
    from .synthetic import make_scene

    scene = make_scene(seed, SYNTHETIC_SIZE)
    scene.meta.update(split=which, seed=seed)
    return [_store(scene, out, f"synthetic_{seed:07d}_{which}", {"source": "synthetic", "split": which, "seed": seed})]


def _store(scene: TrainingScene, out: Path, name: str, entry: dict) -> dict:
    scene.save(out / "scenes" / f"{name}.npz")
    counts = np.bincount(scene.layout.ravel(), minlength=len(NAMES))
    return {**entry, "scene": f"scenes/{name}.npz", "voxels": len(scene.coords), "cells": list(scene.layout.shape),
            "class_cells": {NAMES[k]: int(n) for k, n in enumerate(counts) if n}, "content": content_hash(scene)}


def _manifest(entries: list[dict], voxel_size: float) -> dict:
    used = sorted({e["source"] for e in entries})
    totals: dict[str, dict[str, int]] = {}
    for e in entries:
        total = totals.setdefault(e["split"], {})
        for k, n in e["class_cells"].items():
            total[k] = total.get(k, 0) + n
    digest = hashlib.sha256(json.dumps(sorted((e["scene"], e["content"]) for e in entries)).encode()).hexdigest()
    return {
        "version": VERSION, "hash": digest, "voxel_size": voxel_size,
        "parameters": {"gap": GAP, "tile": TILE, "synthetic_size": SYNTHETIC_SIZE, "test_seed": TEST_SEED,
                       "hold_out": {k: list(v) for k, v in HOLD_OUT.items()}},
        "sources": {k: dict(zip(("source", "licence"), SOURCES.get(k, (k, "unknown")), strict=True)) for k in used},
        "class_cells": totals, "scenes": entries}


def _write_json(path: Path, data: dict) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_text(json.dumps(data, indent=1))
        os.replace(temporary, path)
    except OSError as e:
        raise WriteError(f"The file {path} could not be written ({e}).", "Choose a folder with free space.") from e


def _file_hash(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def content_hash(scene: TrainingScene) -> str:
    """SHA-256 of a scene's arrays."""
    h = hashlib.sha256()
    for k in TrainingScene.ARRAYS:
        a = np.ascontiguousarray(getattr(scene, k))
        h.update(f"{k}{a.dtype}{a.shape}".encode())
        h.update(a.tobytes())
    return h.hexdigest()


def split(scene: TrainingScene, block: tuple[int, int, int, int] | None = None,
          gap: int = GAP) -> tuple[TrainingScene, TrainingScene, list[int]]:
    """Training and test part of a scene, with a gap between them.

    Args:
        scene: a whole place.
        block: west column, north row, columns, rows of the test block, multiples of 8; the eastern fifth where None.
        gap: cells around the block that neither part holds.

    Returns:
        the training scene (same extent, block and gap emptied), the test scene (the block) and the block.
    """
    h, w = scene.layout.shape
    if block is None:
        cols = max(w // 5 // 8 * 8, min(TILE, w))
        block = (w - cols, 0, cols, h)
    col, row = min(block[0], w), min(block[1], h)
    cols, rows = min(block[2], w - col), min(block[3], h - row)
    test = scene.crop(col, h - row - rows, cols, rows)
    inside = np.zeros((h, w), bool)
    inside[max(row - gap, 0):row + rows + gap, max(col - gap, 0):col + cols + gap] = True
    return _emptied(scene, inside), test, [col, row, cols, rows]


def _emptied(scene: TrainingScene, mask: np.ndarray) -> TrainingScene:
    """The scene without the voxels of the masked cells [H, W], which become layout 0."""
    h = scene.layout.shape[0]
    keep = ~mask[h - 1 - scene.coords[:, 1], scene.coords[:, 0]]
    arrays = {k: getattr(scene, k)[keep] for k in TrainingScene.ARRAYS[:6]}
    return replace(scene, **arrays, layout=np.where(mask, 0, scene.layout).astype(np.uint8), meta=dict(scene.meta))


# ----------------------------------------------------------------------------------------------------------- loading

class Dataset:
    """Scenes of one split, drawn as random crops or as a fixed list of tiles.

    Args:
        path: folder that `build` wrote.
        split: "train" or "test".
        weights: share of the crops by source, default WEIGHTS.
        cache: synthetic scenes kept in memory.

    Raises:
        BadInput: no dataset there, or none of this split.

    Example:
        data = Dataset("data", "train"); crop = augment(data.crops(rng, 128), rng)
    """

    def __init__(self, path: Path | str, split: str = "train", weights: dict[str, float] | None = None,
                 cache: int = 256):
        self.path, self.split = Path(path), split
        try:
            self.manifest = json.loads((self.path / "manifest.json").read_text())
            self.entries: list[dict] = [e for e in self.manifest["scenes"] if e["split"] == split]
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise BadInput(f"The folder {path} holds no dataset ({e}).", "Build one with the dataset command.") from e
        if not self.entries:
            raise BadInput(f"The dataset {path} has no {split} scenes.", "Build it again with more scenes.")
        self.sources = sorted({e["source"] for e in self.entries})
        self._weights = {s: (weights or WEIGHTS).get(s, 0.1) for s in self.sources}
        self._cache: OrderedDict[str, TrainingScene] = OrderedDict()
        self._places: OrderedDict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._limit = cache

    def scene(self, entry: dict) -> TrainingScene:
        """The whole scene of a manifest entry; the most recent ones are kept in memory."""
        name = entry["scene"]
        if name not in self._cache:
            self._cache[name] = TrainingScene.load(self.path / name)
            if len(self._cache) > self._limit:
                self._cache.popitem(last=False)
        self._cache.move_to_end(name)
        return self._cache[name]

    def crops(self, rng: np.random.Generator, size: int = TILE, source: str | None = None) -> TrainingScene:
        """One random crop of size x size cells without missing cells, at a multiple of 8 cells.

        The source is drawn by weight, the place within it with a preference for buildings.

        Raises:
            BadInput: no scene of the source has room for a crop of this size.
        """
        entries = self._of(source)
        if source is None:
            p = np.array([self._weights[s] for s in self.sources])
            drawn = self.sources[rng.choice(len(p), p=p / p.sum())]
            entries = self._of(drawn) if any(len(self._room(e, size)[0]) for e in self._of(drawn)[:4]) else entries
        for k in rng.permutation(len(entries)):
            corners, chance = self._room(entries[k], size)
            if len(corners):
                x, y = corners[rng.choice(len(corners), p=chance)]
                return self.scene(entries[k]).crop(int(x), int(y), size, size)
        raise BadInput(f"The dataset has no place of {size} x {size} cells.", "Ask for a smaller crop.")

    def test_tiles(self, source: str | None = None, size: int = TILE) -> list[TrainingScene]:
        """All tiles of all scenes, as `tiles_of`, in a fixed order (by scene, north to south, west to east)."""
        return [tile for entry in self._of(source) for tile in tiles_of(self.scene(entry), size)]

    def _of(self, source: str | None) -> list[dict]:
        entries = [e for e in self.entries if source in (None, e["source"])]
        if not entries:
            raise BadInput(f"The dataset has no source {source}.", f"Use one of {', '.join(self.sources)}.")
        return entries

    def _room(self, entry: dict, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Corners x, y [K, 2] of the valid crops of a scene and their chance [K]."""
        key = (entry["scene"], size)
        if key not in self._places:
            layout = self.scene(entry).layout
            corners = valid_corners(layout > 0, size)
            built = _window_sums(is_in(layout, BUILDING_IDS), size)
            share = built[layout.shape[0] - size - corners[:, 1], corners[:, 0]] / size ** 2
            chance = 1 + 4 * np.minimum(share / 0.08, 1)
            self._places[key] = corners, chance / max(chance.sum(), 1e-9)
        return self._places[key]


def tiles_of(scene: TrainingScene, size: int = TILE) -> list[TrainingScene]:
    """Non-overlapping tiles without missing cells, north to south and west to east."""
    tiles, free, h = [], scene.layout > 0, scene.layout.shape[0]
    for x, y in sorted(valid_corners(free, size).tolist(), key=lambda p: (-p[1], p[0])):
        part = (slice(h - y - size, h - y), slice(x, x + size))
        if free[part].all():
            tiles.append(scene.crop(x, y, size, size))
            free[part] = False
    return tiles


def _window_sums(mask: np.ndarray, size: int) -> np.ndarray:
    """Sums of a mask [H, W] over each size x size window, int64 [H - size + 1, W - size + 1] by north-west corner."""
    s = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return s[size:, size:] - s[:-size, size:] - s[size:, :-size] + s[:-size, :-size]


def valid_corners(valid: np.ndarray, size: int) -> np.ndarray:
    """South-west corners x, y (multiples of 8) of the size x size windows inside the mask [H, W]; int64 [K, 2]."""
    if min(valid.shape) < size:
        return np.zeros((0, 2), np.int64)
    row, col = np.nonzero(_window_sums(valid, size) == size * size)
    x, y = col, valid.shape[0] - size - row
    on_grid = (x % 8 == 0) & (y % 8 == 0)
    return np.stack([x[on_grid], y[on_grid]], 1)


# ------------------------------------------------------------------------------------------------------ augmentation

_SWAP_U, _SWAP_V, _SWAP_UV = [1, 0, 3, 2], [2, 3, 0, 1], [0, 2, 1, 3]  # orders of the sub-samples


def augment(scene: TrainingScene, rng: np.random.Generator) -> TrainingScene:
    """The scene mirrored east-west, north-south and across the diagonal (square scenes), each with one half chance."""
    if rng.random() < 0.5:
        scene = mirror(scene, 0)
    if rng.random() < 0.5:
        scene = mirror(scene, 1)
    if scene.layout.shape[0] == scene.layout.shape[1] and rng.random() < 0.5:
        scene = transpose(scene)
    return scene


def mirror(scene: TrainingScene, axis: int) -> TrainingScene:
    """The scene mirrored along x (axis 0) or y (axis 1)."""
    h, w = scene.layout.shape
    coords, normal, offset = scene.coords.copy(), scene.normal.copy(), scene.offset.copy()
    coords[:, axis] = (w, h)[axis] - 1 - coords[:, axis]
    normal[:, axis] *= -1
    offset[:, axis] *= -1
    # tangent_frame takes v from z on walls (kept by the mirror) and from y elsewhere
    flat = np.abs(scene.normals()[:, 2]) > 0.7
    rgb = scene.rgb[:, _SWAP_U]
    if axis == 1:
        rgb = np.where(flat[:, None, None], scene.rgb[:, _SWAP_V], rgb)
    flip = (slice(None), slice(None, None, -1)) if axis == 0 else (slice(None, None, -1), slice(None))
    return _sorted(replace(scene, coords=coords, normal=normal, offset=offset, rgb=rgb, layout=scene.layout[flip],
                           height=scene.height[flip], elevation=scene.elevation[flip]))


def transpose(scene: TrainingScene) -> TrainingScene:
    """The scene with x and y exchanged."""
    flat = np.abs(scene.normals()[:, 2]) > 0.7
    rgb = np.where(flat[:, None, None], scene.rgb[:, _SWAP_UV], scene.rgb[:, _SWAP_U])
    swap = [1, 0, 2]
    layout, height, elevation = (np.ascontiguousarray(p[::-1, ::-1].T)
                                 for p in (scene.layout, scene.height, scene.elevation))
    return _sorted(replace(scene, coords=scene.coords[:, swap], normal=scene.normal[:, swap],
                           offset=scene.offset[:, swap], rgb=rgb, layout=layout, height=height, elevation=elevation))


def _sorted(scene: TrainingScene) -> TrainingScene:
    order = np.lexsort((scene.coords[:, 2], scene.coords[:, 1], scene.coords[:, 0]))
    return replace(scene, coords=scene.coords[order], class_id=scene.class_id[order], normal=scene.normal[order],
                   offset=scene.offset[order], rgb=scene.rgb[order], seen=scene.seen[order])


def main(argv: list[str] | None = None) -> int:
    """Command line: build."""
    parser = argparse.ArgumentParser(prog="python -m earthcrafter_core.data.dataset", description=__doc__)
    command = parser.add_subparsers(dest="command", required=True).add_parser("build", help="build a dataset")
    command.add_argument("--lidar-dir", type=Path, help="folder of .laz or .las files")
    command.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    command.add_argument("--synthetic", type=int, default=0, help="number of synthetic training scenes")
    command.add_argument("--workers", type=int, default=1, help="processes")
    command.add_argument("--voxel-size", type=float, default=1.0, help="metres")
    command.add_argument("--files", nargs="*", help="names of the LiDAR files to take, without suffix")
    args = parser.parse_args(argv)
    manifest = build(args.lidar_dir, args.out, args.synthetic, args.workers, args.voxel_size, args.files)
    print(f"{len(manifest['scenes'])} scenes, {sum(e['voxels'] for e in manifest['scenes']):,} voxels, "
          f"hash {manifest['hash'][:16]}: {args.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
