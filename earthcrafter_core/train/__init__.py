"""Training and evaluation of the five networks."""
