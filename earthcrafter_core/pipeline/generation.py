"""Generate a layout, texture a result again, make a result again: from input to written files."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..convert.drape import drape
from ..convert.files import (
    MESH,
    PLANTS,
    check_writable,
    read_layout_of,
    read_scene,
    read_structure,
    read_voxels,
    write_generation,
)
from ..convert.kerbs import smooth_kerbs
from ..convert.preview import preview_of_cells, preview_of_voxels
from ..convert.relief import KeptRelief, known_bodies
from ..errors import BadInput
from ..export.gltf import write_glb
from ..mesh.build import build_place
from ..mesh.place import BUILDING, PlaceMesh
from ..mesh.planting.plants_file import write_plants
from ..mesh.sampling.sample import sample_splats
from ..precision import bfloat16_is_fast
from ..render.thumbnail import MOST, thumbnail
from ..scene.classes import PALETTE
from ..scene.layout import Layout, resample
from ..scene.preview import Preview
from ..scene.splats import Splats
from ..scene.voxels import VoxelScene, flat_origin
from .canvas import Planes
from .networks import Models
from .run import OF_STRUCTURE, Progress, Run, Settings
from .structure import Sampled, Structure, finish_structure, sample_structure
from .texture import KnownTexture, decode_texture, sample_texture

Previews = Callable[[str, Preview], None]
"""kind ("cells", "voxels", "colours") and what there is by then"""


@dataclass
class Latents:
    """What a result keeps so that a part of it can be made anew and fit the rest; both latents normalised.

    Attributes:
        cells: int16 [P, 3] cells at L/8. cell_latent: float16 [P, 32].
        texture_latent: float16 [N, 8] of the structure's voxels. rgb: uint8 [N, 3] their colours.
    """

    cells: np.ndarray
    cell_latent: np.ndarray
    texture_latent: np.ndarray
    rgb: np.ndarray


def generate(layout: Layout, out: Path, settings: Settings, *, progress: Progress | None = None,
             cancel: Callable[[], bool] | None = None, models: Models | None = None, preview: Previews | None = None,
             layout_source: str = "") -> dict:
    """Generate a scene for a layout and write the contract's files into `out`.

    An unpainted layout (all 0) is the unconditional case.

    Args:
        progress, cancel: told and asked often, in this thread; cancel at least once a second on the CPU.
        models: loaded networks; else they are loaded.
        preview: given coarse views of what there is so far; costs a few hundredths of the time.
        layout_source: where the layout comes from, for scene.json.

    Returns:
        The content of scene.json.

    Raises:
        BadInput, WeightsError, WriteError, OutOfMemory; Cancelled: cancel() was true. Nothing is left behind then.
    """
    check_writable(out)
    run = Run(settings, progress, cancel, voxel_shape(layout, settings))
    with run.stage("load"):
        models = models or Models(settings.configuration, settings.weights, settings.device, run.check)
    with run.listening(models):
        planes = Planes(layout, models.config.tile, settings)

        def seen(grid: np.ndarray, elevation: np.ndarray) -> None:
            if preview is not None:
                preview("cells", preview_of_cells(grid, planes.class_id, planes.size, elevation, settings.voxel_size))

        sampled = sample_structure(planes, models, run, seen=seen)
        with run.stage("surfaces"):
            structure = finish_structure(sampled, settings.voxel_size, run.check)
            if preview is not None:
                preview("voxels", structure_preview(structure, PALETTE[structure.class_id], settings.voxel_size))
        splats, rgb, latent = make_texture(structure, models, run)
        if preview is not None:
            preview("colours", structure_preview(structure, rgb, settings.voxel_size))
        return _write(structure, latents_of(sampled, models, latent, rgb), splats, rgb, layout, out, models, run,
                      {"layout_source": layout_source})


def retexture(scene_dir: Path, out: Path, settings: Settings, *, progress: Progress | None = None,
              cancel: Callable[[], bool] | None = None, models: Models | None = None) -> dict:
    """Texture the structure of a generated scene again, with the seed of `settings`; writes a whole scene into `out`.

    Raises:
        As generate; BadInput where `scene_dir` holds no generated scene.
    """
    check_writable(out)
    scene = read_scene(scene_dir)
    arrays = read_structure(scene_dir)
    if not set(Structure.__dataclass_fields__) <= set(arrays):
        raise BadInput(f"The structure in {scene_dir} is of another version.", "Generate the scene again.")
    structure = Structure(**{name: arrays.pop(name) for name in Structure.__dataclass_fields__})
    size = structure_voxel_size(scene)
    settings = replace(settings, voxel_size=size)
    run = Run(settings, progress, cancel, (structure.layout.shape[0], structure.layout.shape[1]), without=OF_STRUCTURE)
    with run.stage("load"):
        models = models or Models(settings.configuration, settings.weights, settings.device, run.check)
    with run.listening(models):
        splats, rgb, latent = make_texture(structure, models, run)
        levels, datum = arrays.get("levels"), None
        if levels is not None:  # a part of it was made anew: its relief is not that of the layout alone
            datum = float(read_voxels(scene_dir).origin[2] - flat_origin(size)[2])
        kept = None  # a result of before there were rectangles has no cells
        if {"cells", "cell_latent"} <= set(arrays):
            kept = Latents(arrays["cells"], arrays["cell_latent"], half(models.tex_vae.normalise(latent)), rgb)
        about = {"layout_source": scene.get("layout_source", ""), "layout_hash": scene["layout_hash"],
                 "retextured": Path(scene_dir).name}
        return _write(structure, kept, splats, rgb, read_layout_of(scene_dir), out, models, run, about, levels, datum)


def again(scene_dir: Path, out: Path, *, progress: Progress | None = None, cancel: Callable[[], bool] | None = None,
          models: Models | None = None) -> dict:
    """Make a result again from its own folder, with its layout, seed and settings; every file but scene.json's times is the
    same, on the same device with the same number of threads.

    Raises:
        As generate; BadInput where the folder holds no layout (results of older versions), or was made with other weights.
    """
    from .region import regenerate
    scene = read_scene(scene_dir)
    layout = read_layout_of(scene_dir)
    if layout is None:
        raise BadInput(f"The result in {scene_dir} does not hold its layout.", "Generate it from its layout instead.")
    settings = settings_of(scene)
    models = models or Models(settings.configuration, settings.weights, settings.device)
    if scene.get("weights") != models.id:
        raise BadInput(f"The result in {scene_dir} was made with other weights ({scene.get('weights')}, here {models.id}).",
                       "Give the folder of those weights, or generate its layout anew.")
    told: dict[str, Any] = {"progress": progress, "cancel": cancel, "models": models}
    if scene.get("retextured"):
        return retexture(scene_dir, out, settings, **told)
    told["layout_source"] = scene.get("layout_source", "")
    if scene.get("region"):
        return regenerate(scene_dir, layout, tuple(scene["region"]), out, settings, **told)
    return generate(layout, out, settings, **told)


def settings_of(scene: dict[str, Any]) -> Settings:
    """The settings that a scene.json tells. Raises BadInput."""
    try:
        said = {k: v for k, v in scene["settings"].items() if k in Settings.__dataclass_fields__}
        if said.get("weights") is not None:
            said["weights"] = Path(said["weights"])
        said.setdefault("splats", "network")  # of versions that had no choice
        return Settings(seed=int(scene["seed"]), **said)
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise BadInput(f"The scene.json does not tell how the result was made ({e!r}).", "Generate the layout anew.") from e


def structure_voxel_size(scene: dict[str, Any]) -> float:
    """Metres along one side of a result's voxels."""
    return float(scene.get("settings", {}).get("voxel_size", 1.0))


def voxel_shape(layout: Layout, settings: Settings) -> tuple[int, int]:
    """Rows and columns (H, W) of a layout at voxel resolution."""
    return resample(layout.class_id, layout.cell_size, settings.voxel_size).shape  # type: ignore[return-value]


def structure_preview(structure: Structure, rgb: np.ndarray, voxel_size: float) -> Preview:
    """The preview of a structure in colours uint8 [N, 3]."""
    return preview_of_voxels(structure.coords, rgb, structure.elevation, voxel_size)


def half(values: Tensor | np.ndarray) -> np.ndarray:
    """As float16 in the computer's memory."""
    values = values.float().cpu().numpy() if isinstance(values, Tensor) else values
    return values.astype(np.float16)


def latents_of(sampled: Sampled, models: Models, latent: Tensor, rgb: np.ndarray) -> Latents:
    """What is kept of a sampled structure and its texture's latent [N, 8] (not normalised)."""
    return Latents(sampled.cells.astype(np.int16), half(sampled.latent), half(models.tex_vae.normalise(latent)), rgb)


def make_texture(structure: Structure, models: Models, run: Run, known: KnownTexture | None = None,
                 ) -> tuple[Splats, np.ndarray, Tensor]:
    """Splats of the flattened scene, each voxel's colour uint8 [N, 3], and the textural latent [N, 8]."""
    size = run.settings.voxel_size
    with torch.inference_mode():
        with run.stage("texture") as step:
            latent = sample_texture(structure, models, run, step, known)
        with run.stage("surfels") as step:
            splats, rgb = decode_texture(structure, latent, models, size, step)
            run.check()
            return smooth_kerbs(structure.coords, structure.class_id, splats, size), rgb, latent


def _write(structure: Structure, latents: Latents | None, splats: Splats, rgb: np.ndarray, layout: Layout | None, out: Path,
           models: Models, run: Run, about: dict[str, Any], levels: np.ndarray | None = None,
           datum: float | None = None) -> dict:
    """Drape (over known levels [5, H, W] where given), mesh and write."""
    size = run.settings.voxel_size
    flat = VoxelScene(structure.coords, structure.class_id, rgb, flat_origin(size), size)
    kept = None if levels is None else KeptRelief(known_bodies(levels, size), np.ones(structure.layout.shape, bool))
    with run.stage("drape"):
        voxels, splats = drape(flat, splats, structure.layout, structure.elevation, kept, datum, run.check)
    return mesh_and_write(structure, latents, voxels, splats, layout, out, models, run, about, levels)


def _shapes(voxels: VoxelScene, surfels: Splats, settings: Settings, check: Callable[[], None]) -> tuple[PlaceMesh, Splats]:
    """The meshes of a draped scene and the splats that are shown: the surfels, or what is sampled from meshes."""
    place, wanted = build_place(voxels, surfels, settings.mesh_options(), check), settings.splat_options()
    if wanted.source == "network":
        return place, surfels
    fine = place if wanted.can_use(settings.mesh_options()) else build_place(voxels, surfels, wanted.meshes(), check)
    return place, sample_splats(fine, wanted.size, check=check)


def mesh_and_write(structure: Structure, latents: Latents | None, voxels: VoxelScene, surfels: Splats, layout: Layout | None,
                   out: Path, models: Models, run: Run, about: dict[str, Any], levels: np.ndarray | None = None) -> dict:
    """The mesh and the splats of a draped scene, and all files; the content of scene.json, with `about` in it."""
    s = run.settings
    with run.stage("mesh"):
        place, splats = run.patiently(lambda check: _shapes(voxels, surfels, s, check))

    def meshes(folder: Path) -> None:
        write_glb(folder / MESH, place, check=run.check)
        write_plants(folder / PLANTS, place.instances)

    def scene() -> dict:
        run.note("write")
        return {
            "version": __version__, "layout_hash": layout.hash() if layout is not None else "", "seed": s.seed,
            "settings": {k: v if not isinstance(v, Path) else str(v) for k, v in asdict(s).items() if k != "seed"},
            "weights": models.id, "device": s.device,
            "precision": "bfloat16" if bfloat16_is_fast(s.device) else "float32",
            "torch": torch.__version__, "threads": torch.get_num_threads(),
            "cells": list(structure.layout.shape),
            **({} if layout is None or layout.origin is None else {"crs": layout.crs, "origin": list(layout.origin)}),
            "counts": {"voxels": len(voxels.coords), "splats": len(splats), "triangles": place.triangles(),
                       "buildings": sum(part.kind == BUILDING for part in place.parts), "plants": len(place.instances)},
            **about, "stages": run.report}

    arrays = asdict(structure) | ({} if latents is None else asdict(latents)) | ({} if levels is None else {"levels": levels})
    with run.stage("write"):
        picture = thumbnail(splats if len(splats) <= MOST else surfels)
        run.check()
        return write_generation(out, scene, voxels, splats, meshes, arrays, surfels=None if splats is surfels else surfels,
                                layout=layout, thumbnail=picture, check=run.check)
