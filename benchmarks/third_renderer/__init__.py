"""Our exports seen in a third renderer: three.js in a headless browser, beside Blender and our own rasteriser."""
