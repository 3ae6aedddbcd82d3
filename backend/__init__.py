"""The Torch side: clip in, avatar folder out. Runs in its own process, never inside Blender."""
