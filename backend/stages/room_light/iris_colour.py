"""Eyes as filmed and the skin's albedo in; the irises' most likely albedo out.

Irises are of few colours: one pigment over a ground that scatters blue. A clip shows of them a few
dim pixels under a veil of what the cornea mirrors, so the reading is weighed against how often each
colour comes with such skin. What is hardly seen comes out as the likeliest
beside such skin: brown, but for the lightest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from studio_avatar_addon.avatar.types import FloatArray

from ...imaging.log_light import LUMINANCE
from ..frame_sampling.eye_colors import MIN_LINEAR, SCLERA_ALBEDO, EyeReading
from .tone import CLIPPED, MIRRORED

# Linear Rec.709 albedo from the most pigment to the least: brown, amber, hazel, green, grey, blue;
# and how many people of skin types I, III and V have eyes about that colour.
IRIS_LINE = np.array(
    [
        (0.016, 0.0088, 0.0058),
        (0.034, 0.0182, 0.0105),
        (0.062, 0.0335, 0.0170),
        (0.100, 0.0560, 0.0250),
        (0.145, 0.0900, 0.0380),
        (0.130, 0.1050, 0.0540),
        (0.110, 0.1180, 0.0720),
        (0.120, 0.1350, 0.1150),
        (0.135, 0.1550, 0.1650),
        (0.095, 0.1380, 0.1880),
        (0.170, 0.2350, 0.2950),
    ],
    np.float32,
)
HOW_OFTEN = np.array(
    [
        (2, 8, 10, 8, 6, 10, 9, 7, 14, 17, 9),
        (20, 30, 22, 13, 9, 2.5, 1.5, 1, 1.5, 1.5, 0.5),
        (50, 34, 11, 3, 0.8, 0.5, 0.3, 0.1, 0.1, 0.1, 0.1),
    ]
)
OFTEN_AT_ALBEDO = np.array([0.44, 0.25, 0.10])  # luminance of those skins
STEPS = 12  # between neighbours on the line
NEIGHBOURS = 0.6  # how far round the likeliest place colours are averaged, in anchors
# Iris and sclera lie in the socket behind lids and lashes: their share of the cheek's light.
# Its logarithm deviates further to the dark side: an upper lid's shadow may lie on the iris.
IRIS_SHADE, SHADE_SD = 0.43, (0.80, 0.25)
SHADE_LOG = np.linspace(-2.4, 0.6, 16)
# Its share of the light on the white of the eye, and how much that counts beside the cheek.
WHITE_SHADE, WHITE_LEVEL, WHITE_COLOUR = 0.55, 0.5, 0.6
# Share of what the pupil shows that is mirrored, hence lies over the iris, too; the rest is blur.
VEILS = np.linspace(0.2, 1.0, 5)
# Standard deviations of a well seen iris' logarithms: of red over green, of green over blue, which
# phones lift in what is dark, and of its level; the smaller the iris, the larger they are.
COLOUR_SD, LEVEL_SD = np.array([0.11, 0.165]), 0.13
SHARP_RADIUS_PX, BLUR_POWER = 8.0, 1.5


def iris_albedo(
    readings: Sequence[Sequence[EyeReading]], skin_linear: FloatArray
) -> NDArray[np.float32]:
    """Linear albedo (3,) from each eye's readings beside cheeks of albedo `skin_linear` (3,)."""
    at = np.linspace(0.0, len(IRIS_LINE) - 1.0, STEPS * (len(IRIS_LINE) - 1) + 1)
    line, odds = _line(at, skin_linear)
    evidence = np.log(odds)
    for eye in readings:
        evidence = evidence + _log_likelihood(eye, skin_linear, line) / len(readings)
    likely = np.exp(evidence - evidence.max())
    # A mean over all of the line would make hazel of what is either brown or blue.
    likely = likely * np.exp(-0.5 * ((at - at[np.argmax(likely)]) / NEIGHBOURS) ** 2)
    return np.exp((likely / likely.sum()) @ np.log(line)).astype(np.float32)


def _line(at: FloatArray, skin_linear: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Colours (n, 3) at places (n,) on the line, and how likely each is beside such skin (n,)."""
    knots = np.arange(len(IRIS_LINE))
    line = np.stack([np.interp(at, knots, np.log(IRIS_LINE[:, c])) for c in range(3)], 1)
    skin = float(np.log(skin_linear @ LUMINANCE))
    often = [
        np.interp(skin, np.log(OFTEN_AT_ALBEDO[::-1]), np.log(column[::-1]))
        for column in HOW_OFTEN.T
    ]
    odds = np.exp(np.interp(at, knots, often))
    return np.exp(line), odds / odds.sum()


def _log_likelihood(
    eye: Sequence[EyeReading], skin_linear: FloatArray, line: FloatArray
) -> FloatArray:
    """(n,) of one eye's readings, whatever shade and veil it lies in."""
    shown, pupil, white, cheek = (
        np.median([getattr(one, name) for one in eye], 0)
        for name in ("iris", "pupil", "white", "cheek")
    )
    light = _light_on_eye(white, cheek / (skin_linear + MIRRORED))
    shown, pupil = shown / light, pupil / light
    seen = np.exp(SHADE_LOG)[:, None, None, None] * line
    seen = seen + VEILS[:, None, None] * pupil
    off = np.log(np.maximum(shown, MIN_LINEAR)) - np.log(np.maximum(seen, MIN_LINEAR))
    blur = (
        max(SHARP_RADIUS_PX / float(np.median([one.radius_px for one in eye])), 1.0) ** BLUR_POWER
    )
    colour = off[..., :2] - off[..., 1:]
    level = off @ LUMINANCE
    cost = 0.5 * (level / (LEVEL_SD * blur)) ** 2
    cost = cost + 0.5 * ((colour / (COLOUR_SD * blur)) ** 2).sum(-1)
    spread = np.where(SHADE_LOG < 0.0, *SHADE_SD)
    cost = cost + 0.5 * ((SHADE_LOG / spread) ** 2)[:, None, None]
    return logsumexp(-cost, axis=(0, 1))


def _light_on_eye(white: FloatArray, on_cheek: FloatArray) -> FloatArray:
    """(3,) linear light on the iris: between what the cheek and what the white of the eye tell."""
    by_cheek = np.log(np.maximum(IRIS_SHADE * on_cheek, MIN_LINEAR))
    by_white = np.log(np.maximum(WHITE_SHADE * white / SCLERA_ALBEDO, MIN_LINEAR))
    if white.max() >= CLIPPED:  # what is clipped has no colour
        by_white = by_cheek
    level = (1.0 - WHITE_LEVEL) * by_cheek @ LUMINANCE + WHITE_LEVEL * by_white @ LUMINANCE
    colour = (1.0 - WHITE_COLOUR) * by_cheek + WHITE_COLOUR * by_white
    return np.exp(colour + level - colour @ LUMINANCE)
