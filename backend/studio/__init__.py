"""The texture as filmed in; the texture under even light out: the physical baseline.

visibility.py, surroundings.py   what every point of the head can see
light.py      the light of the room, in the head's or the camera's frame
tone.py       how light the skin really is
physical.py   filmed colour over shading; shine lowered; the unseen filled
"""

from .physical import studio_texture

__all__ = ["studio_texture"]
