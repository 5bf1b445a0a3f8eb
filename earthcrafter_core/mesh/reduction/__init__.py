"""Fewer triangles: levels of detail, budgets, hulls for physics."""
