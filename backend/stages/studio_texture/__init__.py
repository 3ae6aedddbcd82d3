"""The texture as filmed in; the texture under even light out.

even_light.py         the stage: one of three methods to the skin's low band, then what all share
physical.py           filmed colour over the fitted light; shine lowered
network_guide.py      what the network takes the skin for
latent_refinement.py  the network's latents moved towards what physics makes of the seen skin
guided_light.py       the light between the guide and what was filmed
hybrid.py             filmed colour over that light; the network's own skin where nothing was seen
networks/             the StyleGAN2 networks
"""

from .even_light import studio_texture
from .networks import weights_sha256

__all__ = ["studio_texture", "weights_sha256"]
