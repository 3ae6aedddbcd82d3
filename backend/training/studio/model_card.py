"""What a trained network was made of and how well it does in; its model card out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from studio_avatar_addon.avatar.files import whole_file

CARD = "README.md"
_TEXT = """# Studio network

Weights: `studio.safetensors`, half precision, SHA-256 `{sha256}`, read as `studio.json` describes.
Licence: CC0 1.0. They were made by `python -m backend train studio` and may be made again.

- **What it does.** A phone texture in the head template's atlas, with coverage, clipping, normals
  and openness, to the skin under even light, {size} texels a side: a StyleGAN2 generator of our own
  writing and an encoder to its W+ and its features.
- **What it is for.** To guide the fit of the room's light and to stand in where nothing was seen.
  By itself it is smooth: it has no pores, moles or lines.
- **Trained on** {phone} phone textures and {studio}, {steps} steps of preset `{preset}`.
- **Held-out persons**, {held_out} painted ones: {psnr:.1f} dB over the skin, {psnr_wplus:.1f} dB by
  W+ alone, {psnr_phone:.1f} dB the phone texture itself. What that is worth on whole captures
  stands in the benchmark's documentation.
- **Limits.** Skin, heads and light are simulated: no measured light transport, six broad tones, few
  real skins. Tattoos, face paint, scars and deep make-up are unknown to it, glasses and beards only
  painted ones. Absolute tone is a guess from the usual exposure; the artist has the last word.
"""


def write_card(folder: Path, facts: Mapping[str, object]) -> None:
    """Raises AvatarFolderError where it cannot be written."""
    with whole_file(folder / CARD) as partial:
        partial.write_text(_TEXT.format(**facts), encoding="utf-8")
