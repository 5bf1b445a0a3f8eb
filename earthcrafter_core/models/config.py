"""The two configurations of the five networks: `default` (laptop CPU) and `paper` (channels and depths of the paper)."""
from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import BadInput

CELL = 8  # voxels along one side of a coarse cell: the structural latent lives at L / 8
LATENT = 32  # channels of the structural latent
TEXTURE_LATENT = 8  # channels of the textural latent


@dataclass(frozen=True)
class VaeConfig:
    """Widths and depths of StructVAE, from L (first) to L/8 (last).

    Attributes:
        channels: width at L, L/2, L/4 and L/8.
        encoder: blocks at L, L/2, L/4 and L/8 before each pooling.
        before, after: N1 and N2, the decoder's blocks before and after the children are pruned, at L/4, L/2 and L.
        lowest: decoder blocks at L/8.
        window: Swin window in voxels.
        full: attention among all cells of a tile at L/8 instead of windows.
    """

    channels: tuple[int, int, int, int]
    encoder: tuple[int, int, int, int]
    before: tuple[int, int, int]
    after: tuple[int, int, int]
    lowest: int
    window: int = 8
    full: bool = True


@dataclass(frozen=True)
class TextureVaeConfig:
    """TexVAE: a tube of `layers` blocks of `channels` for the encoder and again for the decoder, at L throughout."""

    channels: int
    layers: int
    surfels: int = 4
    features: int = 18  # cross of five RGB samples and the normal; 66 with FLUX-VAE features at three scales
    window: int = 8


@dataclass(frozen=True)
class CoarseConfig:
    """Coarse StructFM: a plain transformer over patches of the dense (L/8)^3 grid of cells.

    Attributes:
        patch: cells of one token along x, y and z; z may span the whole column.
        height: cells along z, a multiple of the patch's (45 at L = 360 becomes 46).
    """

    channels: int
    layers: int
    patch: tuple[int, int, int]
    height: int


@dataclass(frozen=True)
class SparseFlowConfig:
    """Fine StructFM (levels L/8, L/16 ...) or TexFM (L, L/2, L/4, L/8): a Swin U-Net over the active voxels.

    Attributes:
        channels: width of each level, finest first.
        layers: blocks of each level on the way down, and again on the way up; the lowest level has them once.
        full: attention among all voxels of a tile at the lowest level.
        cross: cross-attention to the condition's tokens at the lowest level.
    """

    channels: tuple[int, ...]
    layers: tuple[int, ...]
    window: int = 8
    full: bool = True
    cross: bool = False


@dataclass(frozen=True)
class ModelConfig:
    """All five networks.

    Attributes:
        tile: cells and voxels along one side of a tile, L.
        condition: width of CondNet's features at L/2, L/4 and L/8.
    """

    name: str
    tile: int
    struct_vae: VaeConfig
    tex_vae: TextureVaeConfig
    coarse: CoarseConfig
    fine: SparseFlowConfig
    tex_flow: SparseFlowConfig
    condition: tuple[int, int, int] = field(default=(32, 64, 128))


DEFAULT = ModelConfig(
    "default", 128,
    struct_vae=VaeConfig((32, 64, 128, 192), (1, 1, 1, 1), (2, 1, 1), (1, 1, 1), 2, full=False),
    tex_vae=TextureVaeConfig(32, 2),
    coarse=CoarseConfig(160, 6, (1, 1, 16), 16),
    fine=SparseFlowConfig((160, 192), (2, 2), window=4, full=True),
    tex_flow=SparseFlowConfig((64, 96, 128, 192), (1, 1, 2, 2), full=False),
)

PAPER = ModelConfig(
    "paper", 360,
    struct_vae=VaeConfig((64, 128, 256, 512), (4, 4, 4, 4), (4, 4, 4), (4, 4, 4), 4),
    tex_vae=TextureVaeConfig(128, 12, features=66),
    coarse=CoarseConfig(768, 12, (2, 2, 2), 46),
    fine=SparseFlowConfig((512, 768), (4, 4), full=True, cross=True),
    tex_flow=SparseFlowConfig((128, 256, 512, 768), (2, 2, 4, 4), cross=True),
    condition=(64, 128, 256),
)


def config(name: str) -> ModelConfig:
    """The configuration of that name. Raises BadInput."""
    for c in (DEFAULT, PAPER):
        if c.name == name:
            return c
    raise BadInput(f"There is no configuration named {name!r}.", "Use 'default' or 'paper'.")
