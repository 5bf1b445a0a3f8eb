"""The five networks with their weights."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from ..models.config import ModelConfig, config
from ..models.struct_flow import CoarseFlow, FineFlow
from ..models.struct_vae import StructVAE
from ..models.tex_flow import TexFlow
from ..weights import store, weights_id


class Models:
    """The five networks with their weights, ready to sample. Loading once serves many runs.

    Args:
        configuration: name of a model configuration. folder: of weights, None for the shipped ones. device: "cpu" or "cuda".
        check: called before each network; may raise.

    Raises:
        WeightsError: weights missing, damaged or of another configuration.
    """

    def __init__(self, configuration: str, folder: Path | None, device: str, check: Callable[[], None] = lambda: None):
        c: ModelConfig = config(configuration)
        self.config, self.device = c, device
        self.struct_vae, self.tex_vae = StructVAE(c.struct_vae, c.condition), store.tex_vae_of(c, folder)
        self.coarse, self.fine = CoarseFlow(c.coarse, c.condition), FineFlow(c.fine, c.condition)
        self.texture = TexFlow(c.tex_flow, c.condition)
        self.networks: list[nn.Module] = []
        for name, module in zip(store.NETWORKS, (self.struct_vae, self.tex_vae, self.coarse, self.fine, self.texture)):
            check()
            store.load(name, module, folder, configuration)
            module.to(device).eval()
            self.networks.append(module)
        self.id = weights_id(folder)
