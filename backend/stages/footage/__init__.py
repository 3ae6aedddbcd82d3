"""A clip or a folder of photos in, a `Capture` out: faces, chosen frames, first camera."""

from .read_footage import FOCAL_PRIOR, ClipFaces, read_faces, read_footage

__all__ = ["FOCAL_PRIOR", "ClipFaces", "read_faces", "read_footage"]
