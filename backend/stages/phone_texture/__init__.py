"""Chosen frames, fitted head and room light in; the head's texture as the phone filmed it out.

common_light.py     what a frame would show if all were lit alike
view_alignment.py   how a view's texture must be warped to meet the views before it
bands.py            low band: robust mean of all views; high band: the views that see best
filmed_hair.py      where the frames' labels show hair, and its colour
bare_skin.py        what the frames do not show inpainted; glasses_mask.py: rims taken off
cropped_hair.py     a close-cropped scalp where hair grows
painted_parts.py    eyes, teeth and mouth, drawn
"""

from .unwrap import unwrap

__all__ = ["unwrap"]
