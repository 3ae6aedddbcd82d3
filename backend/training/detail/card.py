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
  conditional diffusion model of {parameters:.1f} million weights, four steps from stage 1 with
  noise.
- **What it is for.** To take what is not skin (noise, blocks, remnants of light) from what was
  filmed, and to draw skin where nothing was. What was filmed well is kept by the stage round it.
- **Trained on** {persons} at {size} texels, each filmed once by the simulator, {steps} steps of
  preset `{preset}`.
- **Held-out painted persons**: gradients correlate with the truth's by {hybrid_after_gradients:.2f}
  (before {hybrid_before_gradients:.2f}), over a smooth stage 1 by {network_after_gradients:.2f}
  ({network_before_gradients:.2f}). What that is worth on whole captures stands in the benchmark's
  documentation.
- **Limits.** Painted pores and lines and few real skins: it knows no tattoos, face paint or deep
  scars. What it draws where nothing was seen is anybody's skin, not this person's.
"""


def write_card(folder: Path, facts: Mapping[str, object]) -> None:
    """Raises AvatarFolderError where it cannot be written."""
    with whole_file(folder / CARD) as partial:
        partial.write_text(_TEXT.format(**facts), encoding="utf-8")
