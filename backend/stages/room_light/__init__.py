"""Chosen frames and the fitted head in; the light that the room threw on it out.

skin_points.py      the coarse points of the skin at which light is computed
visibility.py, surroundings.py   what each of them can see
filmed_points.py    in which colour each frame shows it
bare_skin_mask.py   where it is bare, not bearded
exposure.py         how much of that is the frame's exposure
lobes.py            what soft lobes of light make of the skin, and which of them explain it
light_fit.py        the light, in the head's or the camera's frame, and its shading
neutral.py          the light's colour from something white or grey in a frame
tone.py             how light the skin really is
iris_colour.py      which colour the irises most likely have
estimate.py         all of it
"""

from .estimate import estimate_light
from .neutral import measure_neutral, tone_from_neutral
from .skin_points import SkinPoints

__all__ = ["SkinPoints", "estimate_light", "measure_neutral", "tone_from_neutral"]
