"""FLUX-VAE features of a place seen from above, for who has FLUX's weights (paper, "TexVAE": 3 x 16 of its 66 input channels).

The weights are not part of this project and are never fetched: a folder that holds them (diffusers' format, the folder `vae` of
a FLUX.1 release) is given by the user.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput

SCALES = (1, 2, 4)  # the picture is shrunk by these
LATENT_CHANNELS = 16
CHANNELS = len(SCALES) * LATENT_CHANNELS
DOWN = 8  # pixels along one side of a latent


class FluxFeatures:
    """FLUX's image encoder.

    Args:
        folder: of the VAE's weights, config.json and diffusion_pytorch_model.safetensors. device: where it runs.

    Raises:
        BadInput: the package diffusers is missing, or there are no such weights.
    """

    def __init__(self, folder: Path, device: str):
        try:
            from diffusers import AutoencoderKL  # type: ignore[import-not-found]
        except ImportError as e:
            raise BadInput("FLUX-VAE features need the package diffusers.", "Install it, or train without --flux.") from e
        try:
            vae: Any = AutoencoderKL.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
        except Exception as e:  # the library's own errors have no common class
            raise BadInput(f"The folder {folder} holds no FLUX-VAE weights ({str(e).splitlines()[0]}).",
                           "Give the folder `vae` of a FLUX.1 release, or train without --flux.") from e
        if vae.config.latent_channels != LATENT_CHANNELS:
            raise BadInput(f"The VAE in {folder} has {vae.config.latent_channels} latent channels.",
                           f"Give FLUX's, which has {LATENT_CHANNELS}.")
        self.vae = vae.to(device).eval()

    @torch.no_grad()
    def planes(self, pictures: Tensor) -> Tensor:
        """Pictures from above [B, 3, 2 Y, 2 X] in -1..1, two pixels for each voxel -> features [B, 48, Y, X]."""
        size = (pictures.shape[2] // 2, pictures.shape[3] // 2)
        out = []
        for scale in SCALES:
            image = F.interpolate(pictures, scale_factor=DOWN / 2 / scale, mode="bicubic").clamp(-1, 1)
            latent = self.vae.encode(image).latent_dist.mean
            latent = (latent - (self.vae.config.shift_factor or 0.0)) * self.vae.config.scaling_factor
            out.append(F.interpolate(latent, size=size, mode="nearest"))
        return torch.cat(out, 1)
