"""Triangles and vertices: rasterized, measured, freed of self-intersections, aligned."""
