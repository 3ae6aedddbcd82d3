"""The diffusion model that restores a texture's detail. It loads diffusers, which takes a while.

network.py         one step's answer, from a texel's neighbourhood alone
pipeline.py        a few steps from noised stage 1 to detail, tile by tile
weights_files.py   to and from diffusers' folders, checked
"""

from .network import DetailNet
from .pipeline import DetailPipeline, scheduler
from .weights_files import load, save

__all__ = ["DetailNet", "DetailPipeline", "load", "save", "scheduler"]
