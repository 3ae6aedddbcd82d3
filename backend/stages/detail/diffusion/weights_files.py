"""A trained pipeline to a folder in diffusers' layout, and back.

model_index.json                                what it is made of
unet/config.json                                sizes
unet/diffusion_pytorch_model.fp16.safetensors   half precision
scheduler/scheduler_config.json
origin.json                                     how it was made, with the weights' hash
"""

from __future__ import annotations

import copy
from pathlib import Path

import safetensors
import safetensors.torch

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import read_json, sha256_file, write_json

from ..shipped_weights import FILE, ORIGIN, WEIGHTS
from .network import DetailNet
from .pipeline import DetailPipeline, scheduler

REMEDY = (
    "Install the extension again; in a checkout, restore the file or run "
    "`python -m backend train detail`."
)


def save(net: DetailNet, folder: Path = WEIGHTS, **facts: object) -> None:
    """Half-precision weights and their description; `facts` say how they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(net).half()
    DetailPipeline(half, scheduler()).save_pretrained(folder, variant="fp16")
    write_json(folder / ORIGIN, {"sha256": sha256_file(folder / FILE), **facts})


def load(folder: Path = WEIGHTS) -> DetailPipeline:
    """A trained pipeline, float32, ready for use; from this folder alone, never from a network.

    Raises EnvironmentProblem where its files are missing, damaged or do not belong together.
    """
    file = folder / FILE
    try:
        origin = read_json(folder / ORIGIN)
        if sha256_file(file) != origin["sha256"]:
            raise EnvironmentProblem(f"{file.name} is not the file its description means.", REMEDY)
        # Not by `from_pretrained`, which makes up what the configuration asks for in vain.
        config = dict(read_json(folder / "unet" / "config.json"))
        net = DetailNet(**{key: value for key, value in config.items() if not key.startswith("_")})
        net.load_state_dict(safetensors.torch.load_file(file))
    except (
        OSError, KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError
    ) as error:  # fmt: skip
        raise EnvironmentProblem(f"{file.name} cannot be read ({error}).", REMEDY) from error
    return DetailPipeline(net.eval(), scheduler())
