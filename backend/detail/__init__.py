"""The evenly lit texture and the phone's fine structure in; the final maps out.

poisson.py   trusted gradients put on an image, exactly, in one cosine transform
restore.py   which of the phone's gradients to trust; the base colour
maps.py      normal, roughness, specular and cavity from base colour, regions and openness
"""

from .restore import restore_detail

__all__ = ["restore_detail"]
