"""Textures: charts, colours baked from surfels, and detail finer than these."""
