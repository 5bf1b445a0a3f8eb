"""Terrain, water and bridges: a plan of smoothed borders, triangulated and raised to its levels."""
