"""Chosen frames, fitted head and room light in; the head's texture as the phone filmed it out.

common_light.py     what a frame would show if all were lit alike
view_alignment.py   how a view's texture must be warped to meet the views before it
bands.py            low band: robust mean of all views; high band: the views that see best
bare_skin.py        what is not skin taken off: hair_mask.py, glasses_mask.py; the rest inpainted
painted_parts.py    eyes, teeth and mouth, drawn
"""

from .unwrap import unwrap

__all__ = ["unwrap"]
