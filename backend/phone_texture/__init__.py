"""Chosen frames and the fitted head in; the head's texture as the phone filmed it out.

views.py   where a texel lies in a frame and whether that frame shows it
clothes.py   what hides neck and ears: clothes, hair, background
align.py   how far a view's texture must slide to meet the views before it
bands.py   low band: robust mean of all views; high band: the views that see best
fill.py    what no view saw
eyes.py, painted.py   eyes, teeth and mouth: measured colours, drawn
"""

from .unwrap import unwrap

__all__ = ["unwrap"]
