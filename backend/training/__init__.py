"""Training data and training: studio textures, simulated phones, losses."""
