"""Skin and sclera as filmed in; the skin's plausible diffuse albedo out.

One clip cannot tell a bright lamp on dark skin from a dim one on light skin. Three weak cues are
weighed in log space: cameras expose to a typical brightness, the sclera is nearly white, and the
colour of human skin goes with its lightness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.log_light import LUMINANCE
from ..frame_sampling.eye_colors import SCLERA_ALBEDO

# Linear Rec.709 albedo of the six Fitzpatrick types.
SKIN_TYPES = np.array(
    [
        (0.620, 0.435, 0.336),
        (0.536, 0.329, 0.235),
        (0.433, 0.234, 0.149),
        (0.307, 0.147, 0.080),
        (0.183, 0.082, 0.044),
        (0.090, 0.042, 0.026),
    ],
    np.float32,
)
# Share of a soft light that skin mirrors: little beside light skin, as much as dark skin scatters.
MIRRORED = 0.03
# Standard deviations of the logarithms.
TYPICAL_LIGHT, TYPICAL_LIGHT_SD = (
    1.0,
    0.35,
)  # white, matte paper beside skin of USUAL_ALBEDO, as filmed
# Cameras expose to the face: wholly (1), or to the room as well.
TYPICAL_ALBEDO, FACE_METERING = 0.25, (0.5, 1.0)
# Lids and socket keep light off the eye. The 24 people of `benchmark tone` have .52 and .34 at it;
# with .52 the tone's bias is least (0 for 3 degrees), with .57 its error (11 for 12).
SCLERA_SHADE, SCLERA_SD = 0.57, 0.35
CLIPPED = 0.90  # a sclera this bright may have been brighter
# Log red over green by which skin is redder than its sclera, at least; less: lids were measured.
MIN_RED_EXCESS = 0.22
# Red over green and green over blue: what white balance leaves lies along the colours of warm
# and cold lamps, which differ almost twice as much in the latter.
WHITE_BALANCE_SD = np.array([0.10, 0.18])
SCLERA_COLOUR_SD = 0.12
TONE_COLOUR_SD = 0.25
TONE_LIGHT_SD = 0.15
OWN_COLOUR = 0.5  # share of the person's own deviation from typical skin colours that is kept


@dataclass(frozen=True)
class NeutralCue:
    """Something white or grey beside the face."""

    filmed: FloatArray  # (3,) linear
    reflectance: float | None  # None: not known
    # Standard deviations of the logarithms by which it is off: it faces another way than the skin.
    level_sd: float = 0.20
    colour_sd: float = 0.025


def skin_tone(
    skin_filmed: FloatArray, sclera_filmed: FloatArray | None, neutral: NeutralCue | None = None
) -> NDArray[np.float32]:
    """Linear albedo (3,) of skin filmed as `skin_filmed` (3,), beside a sclera filmed as (3,)
    where one was seen."""
    skin = np.log(np.maximum(skin_filmed, 1e-4))
    sclera = None if sclera_filmed is None else _Sclera.of(sclera_filmed, skin)
    light, light_sd = _light_colour(sclera, neutral)
    observed = _colour(skin) - light
    steps = np.linspace(0.0, len(SKIN_TYPES) - 1.0, 501)
    types = np.arange(len(SKIN_TYPES))
    tones = np.stack([np.interp(steps, types, np.log(SKIN_TYPES[:, c])) for c in range(3)], 1)
    curve = np.log(np.exp(tones) + MIRRORED)  # as it looks
    level = (skin - curve) @ LUMINANCE  # of the light, if this were the skin
    metered = np.log(TYPICAL_LIGHT) + np.mean(FACE_METERING) * (
        np.log(TYPICAL_ALBEDO) - tones @ LUMINANCE
    )
    cost = ((level - metered) / np.hypot(TYPICAL_LIGHT_SD, TONE_LIGHT_SD)) ** 2
    if sclera is not None:
        cost += sclera.cost(level)
    if neutral is not None and neutral.reflectance is not None:
        estimate = np.log(neutral.filmed / neutral.reflectance) @ LUMINANCE
        cost += ((level - estimate) / np.hypot(neutral.level_sd, TONE_LIGHT_SD)) ** 2
    colour_sd = np.hypot(light_sd, TONE_COLOUR_SD)
    cost += (((_colour(curve) - observed) / colour_sd) ** 2).sum(1)
    best = np.argmin(cost)
    own = OWN_COLOUR * (observed - _colour(curve[best]))
    return np.exp(tones[best] + np.array([own[0], 0.0, -own[1]]) - _level(own)).astype(np.float32)


@dataclass(frozen=True)
class _Sclera:
    """The light, as a sclera shows it."""

    light: FloatArray  # (3,) log
    purity: float  # in [0, 1]: how surely it is none of the lids
    clipped: bool

    @classmethod
    def of(cls, filmed: FloatArray, skin_log: FloatArray) -> _Sclera:
        """From its linear colour (3,) and the log colour (3,) of the skin beside it."""
        log, clipped = np.log(np.maximum(filmed, 1e-3)), bool(filmed.max() >= CLIPPED)
        redder = float(_colour(skin_log)[0] - _colour(log)[0])
        purity = 1.0 if clipped else float(np.clip(redder / MIN_RED_EXCESS, 0.0, 1.0))
        return cls(log - np.log(SCLERA_ALBEDO * SCLERA_SHADE), purity, clipped)

    def cost(self, level: FloatArray) -> FloatArray:
        """(N,) how unlikely it makes each log `level` (N,) of the light."""
        darker = self.light @ LUMINANCE - level
        if self.clipped:  # it bounds the light from below only
            darker = np.maximum(darker, 0.0)
        # Long tails: lids and lashes that were measured with it make it far too dark.
        return 2.0 * np.log1p(0.5 * (darker / np.hypot(SCLERA_SD, TONE_LIGHT_SD)) ** 2)


def _light_colour(
    sclera: _Sclera | None, neutral: NeutralCue | None
) -> tuple[FloatArray, FloatArray]:
    """`_colour` (2,) of the light on the face and its deviation.

    White balance leaves little of it, sclera and something neutral tell it, each weighed by how
    sure it is; the artist's spot is surest, but may be tinted itself.
    """
    precision, estimate = WHITE_BALANCE_SD**-2, np.zeros(2)
    if sclera is not None and not sclera.clipped:  # what is clipped has no colour
        weight = sclera.purity / SCLERA_COLOUR_SD**2
        precision, estimate = precision + weight, estimate + weight * _colour(sclera.light)
    if neutral is not None:
        weight = neutral.colour_sd**-2
        filmed = _colour(np.log(np.maximum(neutral.filmed, 1e-3)))
        precision, estimate = precision + weight, estimate + weight * filmed
    return estimate / precision, precision**-0.5


def _colour(log_rgb: FloatArray) -> FloatArray:
    """Log red over green and green over blue (..., 2)."""
    return np.stack([log_rgb[..., 0] - log_rgb[..., 1], log_rgb[..., 1] - log_rgb[..., 2]], -1)


def _level(own: FloatArray) -> float:
    """Luminance that the own colour would add."""
    return float(LUMINANCE[0] * own[0] - LUMINANCE[2] * own[1])
