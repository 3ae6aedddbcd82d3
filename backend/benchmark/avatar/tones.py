"""A fitted capture and its truth in; how far each cue leads the skin's tone astray, out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

from ...images import linear_from_srgb
from ...room_light.neutral import tone_with
from ...room_light.tone import MIRRORED, NeutralCue, skin_tone
from ...training.corpus.biophysics import ita_deg
from .stages import Staged
from .views import TrueViews

WHITE = 0.85  # reflectance of the card that each capture is imagined to show beside the face
CARD_DARKER = 0.8  # it faces another way than the cheeks do


def tone_by_cue(staged: Staged, views: TrueViews) -> dict[str, float]:
    """Signed ITA error in degrees of plain skin, positive is too light."""
    light, truth = staged.light, _usual(views.unlit_srgb, views)
    shone = _usual(views.filmed_srgb, views) / (truth + MIRRORED)  # on the cheeks
    card = (CARD_DARKER * WHITE * shone).astype(np.float32)
    tones = {
        "exposure and white balance": skin_tone(light.skin_filmed, None),
        "sclera too": light.skin_linear,
        "a grey spot too": tone_with(light, NeutralCue(card, None)),
        "a white card too": tone_with(light, NeutralCue(card, WHITE)),
    }
    return {cue: float(ita_deg(tone) - ita_deg(truth)) for cue, tone in tones.items()}


def _usual(srgb: FloatArray, views: TrueViews) -> FloatArray:
    """(3,) linear median of the plain skin in all views (T, H, W, 3)."""
    return np.median(linear_from_srgb(srgb[views.plain]), axis=0)
