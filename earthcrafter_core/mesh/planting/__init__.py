"""Plants: where they stand, what form they have, and their leaves."""
