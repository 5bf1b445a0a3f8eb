"""Buildings: plans of straight walls, planar roofs, closed solids."""
