"""Weights on disk: safetensors alone, half precision, with the configuration and the training in their metadata."""
from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ..errors import WeightsError, WriteError
from ..models.config import ModelConfig
from ..models.tex_vae import TexVAE
from . import FOLDER, NETWORKS, path_of

__all__ = ["FOLDER", "NETWORKS", "load", "path_of", "save", "tex_vae_of"]


def save(network: str, module: nn.Module, folder: Path, metadata: dict[str, str]) -> Path:
    """Write the module's parameters and buffers as float16 (temporary file, then rename). Raises WriteError."""
    path = path_of(network, folder)
    temporary = path.with_suffix(".tmp")
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in module.state_dict().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, str(temporary), {"network": network, **metadata})
        os.replace(temporary, path)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise WriteError(f"The weights {path} could not be written ({e}).", "Choose a folder with free space.") from e
    return path


def tex_vae_of(c: ModelConfig, folder: Path | None = None) -> TexVAE:
    """A fresh TexVAE with the input channels that the folder's weights were trained with, for `load`."""
    try:
        with safe_open(str(path_of("tex-vae", folder)), framework="pt") as f:
            features = int(f.get_slice("inp.weight").get_shape()[1])
    except (SafetensorError, OSError, ValueError):
        features = c.tex_vae.features  # load says what is wrong
    return TexVAE(replace(c.tex_vae, features=features))


def load(network: str, module: nn.Module, folder: Path | None = None, configuration: str = "default") -> dict[str, str]:
    """Fill the module with a network's weights, as float32; returns the file's metadata.

    Raises:
        WeightsError: missing, damaged, or of another configuration.
    """
    path = path_of(network, folder)
    if not path.is_file():
        raise WeightsError(f"The weights {path.name} are missing in {path.parent}.",
                           f"Install the project again, or train them: python -m earthcrafter_core train {network}.")
    try:
        with safe_open(str(path), framework="pt") as f:
            metadata = f.metadata() or {}
            tensors = {k: f.get_tensor(k).float() for k in f.keys()}
    except (SafetensorError, OSError, ValueError) as e:
        raise WeightsError(f"The weights {path} are damaged ({e}).", "Install the project again.") from e
    if metadata.get("configuration") != configuration or metadata.get("network") != network:
        raise WeightsError(f"The weights {path} are of {metadata.get('network')!r} in the configuration "
                           f"{metadata.get('configuration')!r}.", f"Use weights of {network!r} in {configuration!r}.")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as e:
        raise WeightsError(f"The weights {path} do not fit the network.", "Use weights of this version.") from e
    if not all(torch.isfinite(t).all() for t in tensors.values()):
        raise WeightsError(f"The weights {path} hold values that are no numbers.", "Train or install them again.")
    return metadata
