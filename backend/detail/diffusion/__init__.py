"""The diffusion model that restores a texture's detail; no other stage knows of it.

conditions.py   phone and studio texture in; what the network is told of them out
network.py      one step's answer, from a texel's neighbourhood alone
pipeline.py     a few steps from noised stage 1 to detail, tile by tile
weights.py      to and from diffusers' folders, checked
"""

from .conditions import Conditions, Shares, conditions_of
from .network import DetailNet
from .pipeline import DetailPipeline, scheduler
from .weights import load, save, weights_sha256

__all__ = [
    "Conditions",
    "DetailNet",
    "DetailPipeline",
    "Shares",
    "conditions_of",
    "load",
    "save",
    "scheduler",
    "weights_sha256",
]
