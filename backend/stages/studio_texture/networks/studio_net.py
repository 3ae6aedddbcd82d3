"""Phone textures in, studio textures out; the weights as safetensors beside a JSON description."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor, nn

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import read_json, sha256_file, write_bytes, write_json

from .encoder import Encoder
from .generator import Generator
from .inputs import PhoneInputs
from .network_shape import StudioShape

WEIGHTS = Path(__file__).parent / "weights"
NAME = "studio"
REMEDY = (
    "Install the extension again; in a checkout, restore the file or run "
    "`python -m backend train studio`."
)


class StudioNet(nn.Module):
    def __init__(
        self,
        shape: StudioShape,
        encoder: Encoder | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = encoder or Encoder(shape)
        self.generator = generator or Generator(shape)

    def forward(self, inputs: PhoneInputs, *, features: bool = True) -> Tensor:
        """Studio textures (B, 3, N, N) sRGB, about in [0, 1]; without `features` by W+ alone, as
        the paper does."""
        code = self.encoder(inputs)
        wplus = self.generator.mapping.mean + code.offset
        return self.generator.synthesis(wplus, code.changes if features else None)


def save(net: StudioNet, folder: Path = WEIGHTS, name: str = NAME, **facts: object) -> None:
    """Half-precision weights and their description; `facts` say how they were made.

    Raises AvatarFolderError where they cannot be written.
    """
    file = folder / f"{name}.safetensors"
    state = {key: value.half().contiguous() for key, value in net.cpu().state_dict().items()}
    write_bytes(file, safetensors.torch.save(state))
    description = {"shape": asdict(net.shape), "sha256": sha256_file(file), **facts}
    write_json(folder / f"{name}.json", description)


def weights_sha256(folder: Path = WEIGHTS, name: str = NAME) -> str:
    """Of the weights, by their description; empty where there is none."""
    try:
        return read_json(folder / f"{name}.json")["sha256"]
    except (OSError, KeyError, TypeError, ValueError):
        return ""


def load(folder: Path = WEIGHTS, name: str = NAME) -> StudioNet:
    """A trained network in evaluation mode, float32.

    Raises EnvironmentProblem where its files are missing, damaged or do not belong together.
    """
    file = folder / f"{name}.safetensors"
    try:
        description = read_json(folder / f"{name}.json")
        if sha256_file(file) != description["sha256"]:
            raise EnvironmentProblem(f"{file.name} is not the file its description means.", REMEDY)
        stored = description["shape"]
        shape = StudioShape(**stored | {"feature_sizes": tuple(stored["feature_sizes"])})
        net = StudioNet(shape)
        net.load_state_dict(safetensors.torch.load_file(file))
    except (
        OSError, KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError
    ) as error:  # fmt: skip
        raise EnvironmentProblem(f"{file.name} cannot be read ({error}).", REMEDY) from error
    return net.float().eval()
