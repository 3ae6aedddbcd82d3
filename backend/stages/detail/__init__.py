"""The evenly lit texture and the phone's fine structure in; the final maps out.

conditions.py           what is known of each texel, and how far to believe it
diffusion/              a network that takes noise from detail, and draws it where nothing was seen
detail_generator.py     what draws detail: its interface
choose_generator.py     which one a quality uses
diffusion_generator.py  the diffusion model, of a whole texture
shipped_weights.py      where its weights lie
poisson.py              the phone's trusted gradients put on stage 1, in one cosine transform
restore.py              the stage: trusted gradients, drawn detail, maps
surface_maps.py         normal, roughness, specular and cavity from relief, regions and openness
"""

from .choose_generator import generator_for
from .restore import restore_detail
from .shipped_weights import weights_sha256

__all__ = ["generator_for", "restore_detail", "weights_sha256"]
