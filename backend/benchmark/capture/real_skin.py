"""Real skins that no training sees and a skin type in; a skin of that tone for a test head out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ...imaging.log_light import LUMINANCE
from ...stages.room_light.tone import SKIN_TYPES
from ...synthetic.corpus.anatomy import Anatomy
from ...synthetic.corpus.face import face_of
from ...synthetic.corpus.painter import StudioTexture, printable, texture_image
from ...synthetic.corpus.real_variation import toned
from ...synthetic.corpus.skin_statistics import skin_statistics
from ...synthetic.corpus.studio_folder import WITHHELD, open_studio_folder, wrapped_textures

# Of melanin and blood, in the units of `toned`: people are no grid of six tones.
TONE_SD = 0.2


def make_withheld_skin(data: Path, anatomy: Anatomy, skin_type: int, seed: int) -> StudioTexture:
    """That of the withheld skins nearest to the type, 0 to 5, brought to its luminance and then
    another way for each seed; it keeps its own colours. `data` holds skins and heads.

    Raises CorpusError where it lacks them.
    """
    skins, mesh = data / "skins" / "makehuman", data / "heads" / "makehuman" / "base.obj"
    cpu = torch.device("cpu")
    textures = wrapped_textures(open_studio_folder(skins, mesh, WITHHELD), anatomy, cpu)
    wanted = float(SKIN_TYPES[skin_type] @ LUMINANCE)
    gains = [
        wanted / float(skin_statistics(t, anatomy).median_linear @ LUMINANCE) for t in textures
    ]
    nearest = int(np.argmin(np.abs(np.log(gains))))
    texture, face = textures[nearest], face_of(anatomy, cpu)
    skin = texture_image(face, face.skin)
    lit = printable(texture.albedo * (1.0 + skin * (gains[nearest] - 1.0)))
    melanin, blood = np.random.default_rng([seed, 83]).normal(0.0, TONE_SD, 2)
    return toned(replace(texture, albedo=lit), anatomy, float(melanin), float(blood))
