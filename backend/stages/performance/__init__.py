"""The tracked face and the fitted head in, the movement of the whole clip out."""

from .capture_performance import capture_performance, performance_from_landmarks

__all__ = ["capture_performance", "performance_from_landmarks"]
