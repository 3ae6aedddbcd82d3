"""Chosen frames, landmarks and masks in; the fitted head and its cameras out."""

from .fit import fit_head

__all__ = ["fit_head"]
