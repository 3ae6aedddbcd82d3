"""The networks that turn a phone texture into a studio texture; of the authors' papers, own code.

network_shape.py  what a stored network needs to be built again
layers.py         equalised, modulated and resampling layers
generator.py      StyleGAN2's generator: latent or W+ in, texture out
discriminator.py  its residual discriminator, whose features also tell how alike textures look
inputs.py         what the encoder gets of a phone texture
encoder.py        phone texture in, W+ and features of the generator's middle sizes out
studio_net.py     encoder and generator together; weights on disk
"""

from .discriminator import Discriminator
from .encoder import Code, Encoder
from .generator import Generator
from .inputs import CHANNELS, PhoneInputs, clipping_mask
from .network_shape import StudioShape
from .studio_net import WEIGHTS, StudioNet, load, save, weights_sha256

__all__ = [
    "CHANNELS",
    "WEIGHTS",
    "Code",
    "Discriminator",
    "Encoder",
    "Generator",
    "PhoneInputs",
    "StudioNet",
    "StudioShape",
    "clipping_mask",
    "load",
    "save",
    "weights_sha256",
]
