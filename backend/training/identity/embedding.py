"""Textures in, unit vectors out that are near each other for one person."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import load_template

from ...atlas.texel_map import texel_map

WEIGHTS = Path(__file__).parent / "weights"
LOSS, SCORE = "loss", "score"  # names of the two networks
# Of sRGB texels over the atlas, roughly, so that the first layer gets values of mean 0 and
# deviation 1.
SRGB_MEAN, SRGB_SD = 0.5, 0.25


@dataclass(frozen=True)
class Shape:
    """What a stored network needs to be built again."""

    texels: int = 128  # textures are brought to this edge
    widths: tuple[int, ...] = (24, 48, 96, 160)
    plan: int = 24  # channels that keep their place in the atlas
    dimensions: int = 128


class IdentityNet(nn.Module):
    """sRGB textures (B, 3, N, N) in [0, 1] to unit vectors (B, D).

    Texels have fixed places in the atlas, so the last layer reads a small plan of it instead of
    pooling the places away. Eyes and mouth are masked out: the phone texture's stage draws them,
    and simulated pairs share them, which would give a person away.
    """

    skin: Tensor  # (texels, texels) 1 where only skin is

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        first = self.shape.widths[0]
        layers: list[nn.Module] = [nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first)]
        edge = self.shape.texels // 2
        for i, width in enumerate(self.shape.widths):
            layers.append(_Block(self.shape.widths[max(i - 1, 0)], width, stride=min(i + 1, 2)))
            edge //= min(i + 1, 2)
        layers += [nn.Conv2d(self.shape.widths[-1], self.shape.plan, 1), nn.ReLU(), nn.Flatten()]
        layers.append(nn.Linear(self.shape.plan * edge * edge, self.shape.dimensions))
        self.layers = nn.Sequential(*layers)
        # Of the template, not learned: stored weights do not hold it.
        self.register_buffer("skin", _skin_mask(self.shape.texels), persistent=False)

    def forward(self, srgb: Tensor) -> Tensor:
        """Unit vectors (B, D) of textures (B, 3, N, N) sRGB in [0, 1], of any size."""
        edge = self.shape.texels
        if srgb.shape[-1] != edge:
            srgb = functional.interpolate(srgb, (edge, edge), mode="bilinear", antialias=True)
        return functional.normalize(self.layers((srgb - SRGB_MEAN) / SRGB_SD * self.skin), dim=1)


def _skin_mask(texels: int) -> Tensor:
    """(texels, texels) float32: 1 on skin and its gutters, 0 where something else might reach in
    when a texture of twice the size is made smaller."""
    table = texel_map(load_template(), 2 * texels)
    other = table.scatter((~table.is_material("skin")).astype(np.float32))
    return 1.0 - functional.max_pool2d(torch.from_numpy(other)[None], 4, stride=2, padding=1)[0]


class _Block(nn.Module):
    def __init__(self, width_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(width_in, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.aside = (
            nn.Identity()
            if stride == 1 and width_in == width
            else nn.Sequential(
                nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, N, N) to (B, width, N / stride, N / stride)."""
        return functional.relu(self.main(x) + self.aside(x), inplace=True)


def save(net: IdentityNet, name: str, folder: Path = WEIGHTS, **facts: object) -> None:
    """Half-precision weights and their description; `facts` say how they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.safetensors"
    state = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in net.state_dict().items()
    }
    partial = file.with_suffix(".partial")
    safetensors.torch.save_file(state, partial)
    partial.replace(file)
    description = {"shape": asdict(net.shape), "sha256": _sha256(file), **facts}
    write_json(folder / f"{name}.json", description)


def load(name: str, folder: Path = WEIGHTS) -> IdentityNet:
    """A trained network in evaluation mode, float32.

    Raises EnvironmentProblem where its files are missing, damaged or do not belong together.
    """
    file, remedy = folder / f"{name}.safetensors", "Restore the file, or train it again."
    try:
        description = json.loads((folder / f"{name}.json").read_text())
        if _sha256(file) != description["sha256"]:
            raise EnvironmentProblem(f"{file.name} is not the file its description means.", remedy)
        stored = description["shape"]
        net = IdentityNet(Shape(**stored | {"widths": tuple(stored["widths"])}))
        net.load_state_dict(safetensors.torch.load_file(file))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise EnvironmentProblem(f"{file.name} cannot be read: {error}", remedy) from error
    return net.float().eval()


def weights_sha256(name: str, folder: Path = WEIGHTS) -> str:
    """Of a stored network. Raises EnvironmentProblem where it is missing."""
    file = folder / f"{name}.safetensors"
    try:
        return _sha256(file)
    except OSError as error:
        raise EnvironmentProblem(
            f"{file.name} cannot be read: {error}", "Restore the file, or train it again."
        ) from error


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
