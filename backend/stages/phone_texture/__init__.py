"""Chosen frames, fitted head and room light in; the head's texture as the phone filmed it out.

common_light.py   what a frame would show if all were lit alike
align.py   how far a view's texture must slide to meet the views before it
bands.py   low band: robust mean of all views; high band: the views that see best
bare_skin.py   what is not skin taken off: hair.py, glasses.py; what no view saw: fill.py
painted.py   eyes, teeth and mouth, drawn
"""

from .unwrap import unwrap

__all__ = ["unwrap"]
