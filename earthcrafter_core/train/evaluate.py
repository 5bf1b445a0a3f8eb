"""Measures of the trained networks on held-out places: reconstruction, structure, adherence, colour and diversity."""
from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..data.dataset import TILE, Dataset, tiles_of
from ..data.training_scene import OFFSET_UNIT, TrainingScene
from ..errors import BadInput
from ..models.config import CELL
from ..models.flux import FluxFeatures
from ..pipeline import (
    Models,
    Planes,
    Run,
    Settings,
    Structure,
    decode_texture,
    finish_structure,
    sample_structure,
    sample_texture,
)
from ..render.image import psnr
from ..scene import classes as sem
from ..scene.layout import Layout
from ..scene.voxels import GROUND_INDEX, column_tops, pack_keys
from .batches import Batch
from .stages import draw, random_camera, wants_flux

Table = dict[str, float]


def struct_vae(models: Models, tiles: list[TrainingScene]) -> Table:
    """Share of right decisions over all pseudo-sparse candidates at L, and IoU at L of what is decoded freely, with the
    painted map and ("_unpainted") without."""
    out: Table = {}
    for name, painted in (("", True), ("_unpainted", False)):
        right = total = both = either = 0
        for tile in tiles:
            batch = Batch([tile], models.device)
            decoder = models.struct_vae.decoder
            planes = decoder.planes(batch.maps if painted else batch.maps.empty())
            cells, mean, _ = models.struct_vae.encoder(batch.coords, batch.class_id)
            forced = decoder(mean, cells, planes, batch.coords)
            there = batch.coords.find(forced.candidates[-1].bxyz) >= 0
            right += int(((forced.logits[-1] > 0) == there).sum())
            total += len(there)
            free = decoder(mean, cells, planes)
            hit = int((batch.coords.find(free.coords.bxyz) >= 0).sum())
            both += hit
            either += len(batch.coords) + len(free.coords) - hit
        out |= {f"accuracy{name}": right / total, f"iou{name}": both / either}
    return out


def tex_vae(models: Models, tiles: list[TrainingScene], flux: FluxFeatures | None = None, views: int = 3,
            pixels: int = 256) -> Table:
    """PSNR in dB of renderings of decoded surfels against those of the data's own, where the data was seen."""
    wants_flux(models.tex_vae, flux)
    rng, values = np.random.default_rng(0), []
    for tile in tiles:
        batch = Batch([tile], models.device, flux)
        latent, _ = models.tex_vae.encode(batch.features(), batch.coords)
        made, real = models.tex_vae.decode(latent, batch.coords), batch.surfels()
        rows = torch.arange(len(batch.coords), device=latent.device)
        seen = batch.seen.float()[:, None, None].expand(-1, real.color.shape[1], 1)
        for _ in range(views):
            camera = random_camera(rng, tile.layout.shape[0], pixels)
            target = draw(camera, real, rows, torch.cat([real.color, seen], 2))
            image = draw(camera, made, rows, made.color)
            values.append(float(psnr(image, target[..., :3], target[..., 3] > 0.9)))
    return {"psnr": float(np.mean(values))}


def adherence(coords: np.ndarray, layout: np.ndarray) -> dict[str, tuple[int, int]]:
    """(cells that obey, cells) by group: buildings raised >= 2.5 m, trees >= 2 m, water, road and grass within 1 m."""
    top = column_tops(coords, layout.shape)
    groups = {"building": (sem.BUILDING_IDS, top >= 2.5), "tree": (sem.TREE_IDS, top >= 2),
              "flat": (sem.FLAT_IDS, np.abs(top) <= 1)}
    out = {}
    for name, (ids, obeys) in groups.items():
        cells = sem.is_in(layout, ids)
        out[name] = (int((obeys & cells).sum()), int(cells.sum()))
    return out


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two sets of coordinates int [N, 3]."""
    both = len(np.intersect1d(pack_keys(a), pack_keys(b), assume_unique=True))
    return both / max(len(a) + len(b) - both, 1)


def structure(models: Models, tiles: list[TrainingScene], seeds: int, settings: Settings) -> Table:
    """Occupancy IoU at L/8 and L under the semantic condition beside the ground layer alone, adherence, diversity; and IoU
    and adherence of what the networks decoded, before data/resurface.py mended it ("_decoded")."""
    rows: dict[str, list[float]] = {k: [] for k in ("miou_l8", "ground_l8", "miou_l", "miou_l_decoded", "ground_l",
                                                    "between_seeds_l")}
    obeyed = {k: [0, 0] for k in ("building", "tree", "flat", "decoded", "")}
    for tile in tiles:
        real, made = tile.coords.astype(np.int32), []
        ground = _ground_layer(tile.layout.shape)
        for seed in range(seeds):
            planes = Planes(Layout(tile.layout), models.config.tile, settings)
            sampled = sample_structure(planes, models, Run(replace(settings, seed=seed)))
            s = finish_structure(sampled, settings.voxel_size)
            made.append(s.coords)
            for group, counts in adherence(s.coords, tile.layout).items():
                obeyed[group] = [a + b for a, b in zip(obeyed[group], counts)]
                obeyed[""] = [a + b for a, b in zip(obeyed[""], counts)]
            for counts in adherence(sampled.coords, tile.layout).values():
                obeyed["decoded"] = [a + b for a, b in zip(obeyed["decoded"], counts)]
            rows["miou_l8"].append(iou(_cells(s.coords), _cells(real)))
            rows["miou_l"].append(iou(s.coords, real))
            rows["miou_l_decoded"].append(iou(sampled.coords.astype(np.int32), real))
        rows["ground_l8"].append(iou(_cells(ground), _cells(real)))
        rows["ground_l"].append(iou(ground, real))
        rows["between_seeds_l"] += [1 - iou(made[i], made[j]) for i in range(seeds) for j in range(i)]
    out = {k: float(np.mean(v)) for k, v in rows.items() if v}
    return out | {f"adherence_{group}".rstrip("_"): yes / all_ if all_ else float("nan")
                  for group, (yes, all_) in obeyed.items()}


def colour(models: Models, tiles: list[TrainingScene], settings: Settings) -> tuple[Table, dict[str, dict[str, float]]]:
    """Distance (sRGB, 0..255) between each class's mean colour made and real, beside the data's spread from tile to tile.

    The real structure is textured, so that colour alone is compared; unseen voxels are left out. The table's means are over the
    classes of two tiles or more: the tone of a single one is a draw that can be compared with nothing.
    """
    made: dict[int, list[np.ndarray]] = {}
    real: dict[int, list[np.ndarray]] = {}
    for i, tile in enumerate(tiles):
        s = Structure(tile.coords.astype(np.int32), tile.class_id, tile.layout, np.zeros(tile.layout.shape, np.float32),
                      tile.normals(), tile.offset.astype(np.float32) / OFFSET_UNIT)
        run = Run(replace(settings, seed=i))
        _, rgb = decode_texture(s, sample_texture(s, models, run, lambda i, n: None), models, 1.0, lambda i, n: None)
        for c in np.unique(tile.class_id):
            rows = (tile.class_id == c) & tile.seen
            if rows.sum() >= 50:
                made.setdefault(int(c), []).append(rgb[rows].mean(0))
                real.setdefault(int(c), []).append(tile.rgb[rows].reshape(-1, 3).mean(0))
    classes = {}
    for c, values in real.items():
        middle = np.mean(values, 0)
        classes[sem.NAMES[c]] = {
            "distance": float(np.linalg.norm(np.mean(made[c], 0) - middle)),
            "data_spread": float(np.mean(np.linalg.norm(np.array(values) - middle, axis=1))),
            "made_spread": float(np.mean(np.linalg.norm(np.array(made[c]) - np.mean(made[c], 0), axis=1)))}
    keys = ("distance", "data_spread", "made_spread")
    several = [classes[sem.NAMES[c]] for c, values in real.items() if len(values) > 1] or list(classes.values())
    return {f"colour_{k}": float(np.mean([v[k] for v in several])) for k in keys}, classes


def _cells(coords: np.ndarray) -> np.ndarray:
    return np.unique(coords // CELL, axis=0)


def _ground_layer(shape: tuple[int, ...]) -> np.ndarray:
    y, x = np.mgrid[:shape[0], :shape[1]]
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, GROUND_INDEX)], 1).astype(np.int32)


def evaluate(tiles: list[TrainingScene], models: Models, settings: Settings, seeds: int = 3, textured: int = 3,
             flux: FluxFeatures | None = None) -> dict:
    """All measures on a list of held-out tiles; `textured` of them for colour. A dict ready for JSON."""
    start = time.perf_counter()
    with torch.inference_mode():
        table = {f"struct_vae_{k}": v for k, v in struct_vae(models, tiles).items()}
        table |= {f"tex_vae_{k}": v for k, v in tex_vae(models, tiles, flux).items()}
        table |= structure(models, tiles, seeds, settings)
        colours, classes = colour(models, tiles[:textured], settings) if textured else ({}, {})
    table |= colours
    return {"tiles": [t.meta for t in tiles], "seeds": seeds, "textured": len(tiles[:textured]), "weights": models.id,
            "steps": settings.steps, "device": settings.device,
            "seconds": round(time.perf_counter() - start, 1), "table": table, "colour_by_class": classes}


def held_out_tiles(data: Path | None, lidar: Path | None, count: int) -> list[TrainingScene]:
    """Test tiles of a dataset, spread over its LiDAR sources, or tiles of one LAZ file. Raises BadInput."""
    if lidar is not None:
        from ..data.lidar import read_points
        from ..data.lidar_scene import scene_from_lidar
        tiles = tiles_of(scene_from_lidar(read_points(lidar)))
    elif data is not None:
        test = Dataset(data, "test")
        by_source = [test.test_tiles(s) for s in test.sources if s != "synthetic"] or [test.test_tiles()]
        longest = max(len(t) for t in by_source)
        tiles = [t[i] for i in range(longest) for t in by_source if i < len(t)]
    else:
        raise BadInput("There is nothing to evaluate on.", "Give --data (a dataset folder) or --lidar (a LAZ file).")
    if not tiles:
        raise BadInput(f"There is no whole tile of {TILE} x {TILE} m to evaluate on.", "Give a larger place.")
    picks = np.unique(np.linspace(0, len(tiles) - 1, min(count, len(tiles))).round().astype(int))
    return [tiles[i] for i in picks]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `evaluate`."""
    parser.add_argument("--data", type=Path, help="folder that `dataset build` made; its test split is used")
    parser.add_argument("--lidar", type=Path, help="a LAZ file that was not trained on")
    parser.add_argument("--tiles", type=int, default=8, help="at most that many tiles of 128 m")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--textured", type=int, default=3, help="tiles to texture for the colour distance")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", type=Path, help="folder of weights instead of the shipped ones")
    parser.add_argument("--flux", type=Path, help="folder of FLUX-VAE weights, for a tex-vae that was trained with them")
    parser.add_argument("-o", "--out", type=Path, help="write the JSON here")


def main(args: argparse.Namespace) -> None:
    """Run `evaluate` and print the table. Raises EarthCrafterError."""
    settings = Settings(steps=args.steps, guidance=args.guidance, device=args.device, weights=args.weights)
    tiles = held_out_tiles(args.data, args.lidar, args.tiles)
    flux = None if args.flux is None else FluxFeatures(args.flux, args.device)
    result = evaluate(tiles, Models("default", args.weights, args.device), settings, args.seeds, args.textured, flux)
    for name, value in result["table"].items():
        print(f"{name:24s} {value:8.3f}")
    for name, row in result["colour_by_class"].items():
        print(f"  {name:22s} " + "  ".join(f"{k} {v:5.1f}" for k, v in row.items()))
    if args.out is not None:
        temporary = args.out.with_suffix(".tmp")
        temporary.write_text(json.dumps(result, indent=1))
        temporary.replace(args.out)
