"""Procedural training scenes: what LiDAR of a few towns does not teach."""
from .scene import make_scene
from .themes import THEMES

__all__ = ["THEMES", "make_scene"]
