"""A `Capture` in, one person's face and silhouette out."""

from .track_face import track_face

__all__ = ["track_face"]
