"""What a trained network was made of and how well it does in; its model card out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from studio_avatar_addon.avatar.files import whole_file

CARD = "README.md"
_TEXT = """# Detail network

Weights in diffusers' layout, half precision, SHA-256 `{sha256}`.
Licence: CC0 1.0. They were made by `python -m backend train detail` and may be made again.

- **What it does.** Stage 1's texture, the gradients of the phone texture, how far they may be
  believed and the place in the atlas, to the skin's fine structure and the height of its relief: a
  conditional diffusion model of {parameters:.1f} million weights, four steps from noise.
- **What it is for.** To draw skin and its relief where nothing was seen; where the person was seen
  well, only what is likely is added.
- **Trained on** {persons} at {size} texels, each filmed once by the simulator, {steps} steps of
  preset `{preset}`.
- **Held-out painted persons**, with the phone's gradients already on stage 1:
  {hybrid_after_psnr:.1f} dB and gradients that correlate with the truth's by
  {hybrid_after_gradients:.2f}; {hybrid_before_psnr:.1f} dB and {hybrid_before_gradients:.2f}
  without the network. Over the studio network's smooth answer {network_after_psnr:.1f} dB and
  {network_after_gradients:.2f}; {network_before_psnr:.1f} dB and {network_before_gradients:.2f}
  without. Drawn detail looks like skin and is not the person's own: it cannot raise these.
- **Limits.** Painted pores and lines and few real skins: it knows no tattoos, face paint or deep
  scars. What it draws where nothing was seen is anybody's skin, not this person's.
"""


def write_card(folder: Path, facts: Mapping[str, object]) -> None:
    """Raises AvatarFolderError where it cannot be written."""
    with whole_file(folder / CARD) as partial:
        partial.write_text(_TEXT.format(**facts), encoding="utf-8")
