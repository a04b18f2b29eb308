"""Procedural pictures and conversations. Every number comes from `rng`, every pixel from `draw`."""
