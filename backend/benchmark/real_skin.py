"""Real skins that no training sees and a skin type in; a skin of that tone for a test head out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..room_light.tone import SKIN_TYPES
from ..training.corpus.anatomy import Anatomy
from ..training.corpus.face import face_of
from ..training.corpus.painter import StudioTexture, printable, texture_image
from ..training.corpus.statistics import skin_statistics
from ..training.corpus.studio_folder import WITHHELD, open_studio_folder, wrapped_textures


def withheld_skin(data: Path, anatomy: Anatomy, skin_type: int) -> StudioTexture:
    """That of the withheld skins which comes nearest to the type, 0 to 5, brought to its tone
    channel by channel. `data` holds skins and heads.

    Raises CorpusError where it lacks them.
    """
    skins, mesh = data / "skins" / "makehuman", data / "heads" / "makehuman" / "base.obj"
    textures = wrapped_textures(
        open_studio_folder(skins, mesh, WITHHELD), anatomy, torch.device("cpu")
    )
    wanted = np.asarray(SKIN_TYPES[skin_type])
    gains = [wanted / skin_statistics(texture, anatomy).median_linear for texture in textures]
    nearest = int(np.argmin([np.abs(np.log(gain)).max() for gain in gains]))
    texture, face = textures[nearest], face_of(anatomy, torch.device("cpu"))
    gain = face.column(gains[nearest].tolist())[..., None]
    skin = texture_image(face, face.skin)
    return replace(texture, albedo=printable(texture.albedo * (1.0 + skin * (gain - 1.0))))
