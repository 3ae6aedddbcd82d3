"""Where the detail network's files lie and what they are; without loading what runs them."""

from __future__ import annotations

from pathlib import Path

from studio_avatar_addon.avatar.files import read_json

WEIGHTS = Path(__file__).parent / "diffusion" / "weights"
ORIGIN = "origin.json"
FILE = Path("unet") / "diffusion_pytorch_model.fp16.safetensors"


def weights_sha256(folder: Path = WEIGHTS) -> str:
    """Of the weights, by their description; empty where there is none."""
    try:
        return read_json(folder / ORIGIN)["sha256"]
    except (OSError, KeyError, TypeError, ValueError):
        return ""
