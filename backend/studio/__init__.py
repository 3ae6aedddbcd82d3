"""The texture as filmed in; the texture under even light out: the physical baseline.

physical.py   filmed colour over shading; shine lowered; the unseen filled
"""

from .physical import studio_texture

__all__ = ["studio_texture"]
