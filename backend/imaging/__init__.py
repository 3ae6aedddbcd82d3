"""Images: files, colour, light, features."""
