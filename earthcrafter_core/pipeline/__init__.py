"""From a layout to a written scene: the one place that knows the whole way.

layout -> coarse cells and relief -> structural latent -> voxels and classes -> textural latent -> surfels -> draped scene
-> files. Everything up to the surfels happens in height above ground (scene/voxels.py).
"""
from .. import machine  # noqa: F401 - before torch: it bounds torch's caches
from ..models.config import CELL
from .canvas import TEMPERATURE, Planes
from .generation import again, generate, retexture
from .networks import Models
from .region import regenerate
from .run import GUIDANCE, OF_STRUCTURE, STAGES, Progress, Run, Settings
from .structure import (
    Sampled,
    Structure,
    decode_structure,
    finish_structure,
    floating,
    sample_coarse,
    sample_fine,
    sample_structure,
)
from .texture import decode_texture, sample_texture

__all__ = ["CELL", "GUIDANCE", "OF_STRUCTURE", "STAGES", "TEMPERATURE", "Models", "Planes", "Progress", "Run", "Sampled",
           "Settings", "Structure", "again", "decode_structure", "decode_texture", "finish_structure", "floating", "generate",
           "regenerate", "retexture", "sample_coarse", "sample_fine", "sample_structure", "sample_texture"]
