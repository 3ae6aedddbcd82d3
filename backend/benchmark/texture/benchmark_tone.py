"""`python -m backend benchmark tone`: people filmed in rooms in; what each cue of tone tells out.

One clip cannot tell a bright lamp on dark skin from a dim one on light skin. Every cue tells
something of the lamp; here the lamp is known. Renders for some 20 minutes the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import FloatArray, IntArray

from ...imaging.log_light import LUMINANCE
from ...job.cache_folder import cache_folder
from ...job.terminal import TerminalProgress
from ...stages.frame_sampling.eye_colors import SCLERA_ALBEDO
from ...stages.room_light.neutral import CLIPPED
from ...stages.room_light.tone import NeutralCue, skin_tone
from ...synthetic.corpus.biophysics import ita_deg
from ..markdown_table import table_head, table_line
from .light_cues import TEETH_LAB, LightCues, albedo_of_lab, measure_cues
from .smile_cases import CASES, SmileCase, render_smile
from .tone_errors import TONE_TITLES, tone_figures, tone_means

# Reflectances of cards; what light falls on one that faces another way than the cheeks do.
WHITE_REFLECTANCE, GREY_REFLECTANCE, TURNED_CARD_SHARE = 0.85, 0.18, 0.8
TEETH, PAN = "teeth", "a pan over the room"
CueLight = Callable[[LightCues], FloatArray | None]
# Of each cue, what it shows of the light where it is seen.
CUE_LIGHTS: Mapping[str, CueLight] = {
    "sclera": lambda shown: None if shown.sclera is None else shown.sclera / SCLERA_ALBEDO,
    TEETH: lambda shown: None if shown.teeth is None else shown.teeth / albedo_of_lab(TEETH_LAB),
    PAN: lambda shown: shown.pan,
    "the whole room, nothing clipped": lambda shown: shown.room,
}


def benchmark_tone(heads: Path | None, out: Path | None) -> None:
    """Print what each cue tells of the light and how far the tone is off with it; write the
    figures to `out` as JSON. `heads` is not needed. Raises EnvironmentProblem where nothing can be
    rendered."""
    template, folder = load_template(), cache_folder() / "captures"
    cases = [SmileCase(number) for number in range(CASES)]
    people = [
        measure_cues(case, render_smile(case, template, folder, TerminalProgress()))
        for case in cases
    ]
    off = {cue: _light_errors(people, cue_light) for cue, cue_light in CUE_LIGHTS.items()}
    errors = {
        cue: np.array([float(ita_deg(tone(one)) - ita_deg(one.albedo)) for one in people])
        for cue, tone in _tones(off).items()
    }
    types = np.array([case.skin_type for case in cases])
    print("\n".join([*_cue_table(off), "", *_tone_table(errors, types)]))
    if out is not None:
        tables = {"told_off_log": off, "ita_error_deg": errors}
        write_json(out, {n: {c: v.tolist() for c, v in t.items()} for n, t in tables.items()})


def _light_errors(people: Sequence[LightCues], cue_light: CueLight) -> FloatArray:
    """(m, 3) log light by which the cue is off, of the m cases that show it."""
    estimates = [(one, cue_light(one)) for one in people]
    return np.array([np.log(light / one.light) for one, light in estimates if light is not None])


def _level(off: FloatArray) -> FloatArray:
    return off @ LUMINANCE


def _colour(off: FloatArray) -> FloatArray:
    """(m, 2) red over green and green over blue."""
    return -np.diff(off, axis=1)


def _tones(off: Mapping[str, FloatArray]) -> dict[str, Callable[[LightCues], FloatArray]]:
    """The skin's albedo (3,) by cue. Teeth and pans count as they proved on these very cases, which
    flatters them; sclera, spot and cards as in the product, which takes none that is burnt out."""

    def card(one: LightCues, reflectance: float, share: float) -> NeutralCue | None:
        filmed = share * reflectance * one.light
        return NeutralCue(filmed, reflectance) if filmed.max() < CLIPPED else None

    def cue_of(cue: str, one: LightCues, *, level: bool = True) -> NeutralCue | None:
        light = CUE_LIGHTS[cue](one)
        if light is None:
            return None
        spread = float(_level(off[cue]).std()), float(_colour(off[cue]).std(0).mean())
        return NeutralCue(light / np.exp(off[cue].mean(0)), 1.0 if level else None, *spread)

    def spot(one: LightCues) -> NeutralCue | None:
        grey = card(one, GREY_REFLECTANCE, TURNED_CARD_SHARE)
        return None if grey is None else replace(grey, reflectance=None)

    tones: dict[str, Callable[[LightCues], NeutralCue | None]] = {
        "sclera too": lambda one: None,
        "sclera and teeth too": lambda one: cue_of(TEETH, one),
        "sclera and a pan too": lambda one: cue_of(PAN, one),
        "sclera and a pan's colour too": lambda one: cue_of(PAN, one, level=False),
        "sclera and a grey spot's colour too": spot,
        "sclera and a white card too": lambda one: card(one, WHITE_REFLECTANCE, 1.0),
        "sclera and a grey card too": lambda one: card(one, GREY_REFLECTANCE, 1.0),
        "sclera and a grey card in less light too": lambda one: card(
            one, GREY_REFLECTANCE, TURNED_CARD_SHARE
        ),
    }
    return {"exposure and white balance": lambda one: skin_tone(one.skin, None)} | {
        cue: lambda one, neutral=neutral: skin_tone(one.skin, one.sclera, neutral(one))
        for cue, neutral in tones.items()
    }


def _cue_table(off: Mapping[str, FloatArray]) -> list[str]:
    lines = table_head("cue", "seen in", "level", "spread", "red/green spread", "green/blue spread")
    for cue, values in off.items():
        level, (red, blue) = _level(values), _colour(values).std(0)
        figures = level.mean(), level.std(), red, blue
        lines.append(table_line(cue, str(len(values)), *(f"{figure:.2f}" for figure in figures)))
    return lines


def _tone_table(errors: Mapping[str, FloatArray], types: IntArray) -> list[str]:
    """Signed errors (m,) by cue, of skin of the `types` (m,)."""
    lines = table_head("cue", "mean error", *TONE_TITLES)
    for cue, values in errors.items():
        figures = np.abs(values).mean(), *tone_figures(tone_means(values, types))
        lines.append(table_line(cue, *(f"{figure:.1f}" for figure in figures)))
    return lines
