"""EarthCrafter's core: from a painted layout to a textured 3D scene. Imports neither bpy nor torch by itself."""
__version__ = "0.1.0"
