"""Drawing of 2D Gaussian surfels: cameras, one rasteriser behind one interface, and measures of pictures."""
from .camera import Camera
from .rasterise import RenderOutput, render

__all__ = ["Camera", "RenderOutput", "render"]
