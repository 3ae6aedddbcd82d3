"""Studio textures to train on: made-up persons painted by code, and real ones from a folder."""
