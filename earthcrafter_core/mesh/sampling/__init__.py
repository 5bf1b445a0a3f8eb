"""Splats of a place, sampled from its textured meshes."""
