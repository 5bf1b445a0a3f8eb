"""Drawing of 2D Gaussian surfels: cameras, one rasteriser behind one interface, and measures of pictures."""
from .camera import Camera
from .image import psnr, render_splats, ssim
from .rasterise import RenderOutput, render

__all__ = ["Camera", "RenderOutput", "psnr", "render", "render_splats", "ssim"]
