"""A place as files of other programs: meshes, splats, points, layouts, with their axes and units."""
