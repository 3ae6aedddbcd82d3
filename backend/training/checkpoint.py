"""A training's whole state to a folder, and back: safetensors and JSON, whole or not at all.

checkpoint.json                 where the training stands; written last, only it makes a checkpoint
checkpoint_<phase>_<step>.safetensors   weights and optimisers, named by it; older ones are deleted
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.files import sha256_file, whole_file, write_json

from .finite import NotFinite

DESCRIPTION = "checkpoint.json"
FORMAT = 1  # of the description; to be raised when older ones can no longer be read
_REMEDY = "Restore the folder, or start again in another one with --out."


class Nets(Protocol):
    """The networks of a training."""

    def named(self) -> dict[str, nn.Module]: ...


class Phase(Protocol):
    """What learns."""

    @property
    def name(self) -> str: ...
    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]: ...
    def figures(self) -> dict[str, float]: ...
    def set_figures(self, figures: dict[str, float]) -> None: ...


@dataclass(frozen=True)
class ResumePoint:
    """Where a training stands; "standing" in the description."""

    phase: str
    step: int  # done in that phase
    figures: dict[str, float]  # of the phase
    file: str
    sha256: str


@dataclass(frozen=True)
class Origin:
    """What a training depends on: it is resumed only where all of it is the same."""

    preset: str
    settings: dict[str, Any]
    seed: int
    phone: str  # "simulated", or a mark of the folder's content
    studio: str
    identity: str = ""  # a mark of the network that tells persons apart, where one is used
    processes: int = 1  # that learn together

    @classmethod
    def of(
        cls, name: str, preset: Any, seed: int, phone: str, studio: str, identity: str = "",
        processes: int = 1,
    ) -> Origin:  # fmt: skip
        """`preset`: a dataclass."""
        settings = json.loads(json.dumps(asdict(preset)))
        return cls(name, settings, seed, phone, studio, identity, processes)


def write_checkpoint(folder: Path, origin: Origin, nets: Nets, phase: Phase, step: int) -> None:
    """After `step` steps of the phase. Raises NotFinite, and keeps the former checkpoint, where a
    weight is no number; AvatarFolderError where it cannot be written."""
    tensors = _tensors(nets, phase)
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise NotFinite(
                f"After step {step} the weights {name} are not finite, so training stopped.",
                "Check the studio textures and panoramas, or learn more slowly.",
            )
    file = folder / f"checkpoint_{phase.name}_{step}.safetensors"
    with whole_file(file) as partial:
        safetensors.torch.save_file(tensors, partial)
    resume_point = ResumePoint(phase.name, step, phase.figures(), file.name, sha256_file(file))
    write_json(
        folder / DESCRIPTION,
        {"format": FORMAT, "standing": asdict(resume_point), "origin": asdict(origin)},
    )
    for old in folder.glob("checkpoint_*.safetensors"):
        if old != file:
            old.unlink()


def find_resume_point(folder: Path, origin: Origin, *, resume: bool) -> ResumePoint | None:
    """Where the training in `folder` stands, None for one that begins now.

    Raises EnvironmentProblem where one is there and not to be resumed, or the other way round.
    """
    if resume:
        return read_resume_point(folder, origin)
    if (folder / DESCRIPTION).is_file():
        raise EnvironmentProblem(
            f"{folder} holds a training already.",
            "Go on with it with --resume, or name another folder with --out.",
        )
    return None


def read_resume_point(folder: Path, origin: Origin) -> ResumePoint:
    """Raises EnvironmentProblem where there is none, or the training was begun otherwise."""
    try:
        stored = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        resume_point, stored_origin = ResumePoint(**stored["standing"]), Origin(**stored["origin"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise EnvironmentProblem(
            f"{folder} holds no training to resume: {error}.", _REMEDY
        ) from error
    differs = [
        name for name, value in asdict(origin).items() if value != asdict(stored_origin)[name]
    ]
    if differs:
        raise EnvironmentProblem(
            f"The training in {folder} was begun otherwise ({differs[0]} differs).",
            "Resume it as it was begun, or start again in another folder with --out.",
        )
    return resume_point


def read_checkpoint(folder: Path, resume_point: ResumePoint, nets: Nets, phase: Phase) -> None:
    """Bring `nets` and `phase` to where they stood.

    Raises EnvironmentProblem for a damaged file.
    """
    file = folder / resume_point.file
    try:
        if sha256_file(file) != resume_point.sha256:
            raise EnvironmentProblem(f"{file.name} is not the file its description means.", _REMEDY)
        tensors = safetensors.torch.load_file(file)
        for name, net in nets.named().items():
            net.load_state_dict(_with_prefix(tensors, f"net.{name}."))
        for name, optimizer in phase.optimizers.items():
            _restore(optimizer, _with_prefix(tensors, f"optimizer.{name}."))
        phase.set_figures(resume_point.figures)
    except (OSError, KeyError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise EnvironmentProblem(f"{file.name} cannot be read: {error}", _REMEDY) from error


def _tensors(nets: Nets, phase: Phase) -> dict[str, Tensor]:
    found = {
        f"net.{name}.{key}": value
        for name, net in nets.named().items()
        for key, value in net.state_dict().items()
    }
    for name, optimizer in phase.optimizers.items():
        for number, values in optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{name}.{number}.{key}": v for key, v in values.items()}
    return {key: value.detach().cpu().contiguous() for key, value in found.items()}


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
