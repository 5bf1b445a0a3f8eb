"""Clean meshes of a place: one sheet of terrain, closed buildings, crowns, decks, with textures, levels of detail and hulls."""
