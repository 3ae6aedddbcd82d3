"""`python -m backend benchmark eyes`: people of known irises filmed in rooms in; how near the
product's iris colour comes, out.

The product's own functions from the landmarks on; only the skin's tone is told by the cheeks alone,
for nothing is fitted here. Renders for some 20 minutes the first time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import FloatArray

from ...detector.landmark_indices import CHEEK_REGIONS, EYE_CONTOURS, IRISES
from ...imaging.image_files import (
    linear_from_srgb,
    srgb_from_linear,
    unit_from_pixels,
)
from ...job.cache_folder import cache_folder
from ...job.terminal import TerminalProgress
from ...stages.footage.face_tracker import FaceTracker
from ...stages.footage.survey import within_hulls
from ...stages.frame_sampling.eye_colors import (
    SCLERA_ALBEDO,
    EyeReading,
    eyes_filmed,
    read_eye,
)
from ...stages.room_light.filmed_points import bright_half_median
from ...stages.room_light.iris_colour import iris_albedo
from ...stages.room_light.tone import skin_tone
from ..markdown_table import table_head, table_line
from .eye_cases import CASES, FACE_PX, IRIS_COLOURS, EyeCase, FilmedEyes, IrisColour

FACE_WIDTHS_PX = (FACE_PX, 150)
PRODUCT, FORMER, PLAIN = "product", "product before", "ring over sclera"
# The plain way: the iris' ring without its inner and outer parts, and the sclera beyond.
RING, WHITE_FROM = (0.45, 0.85), 1.2
# The product's way before: the same, turned to a typical brown below the one mean albedo, wholly
# below the other.
BROWN_BELOW, FORMER_BROWN = (0.12, 0.06), np.array([0.085, 0.050, 0.030])


@dataclass(frozen=True)
class Filmed:
    """A case with irises of one colour, at one size; colours linear (3,)."""

    case: EyeCase
    colour: IrisColour
    face_px: int
    per_eye: tuple[tuple[EyeReading, ...], ...]
    skin: FloatArray  # the cheeks
    plain: FloatArray  # albedo (3,) by the plain way


def benchmark_eyes(heads: Path | None, out: Path | None) -> None:
    """Print the table; write each case's colours to `out` as JSON. `heads` is not needed. Raises
    EnvironmentProblem where nothing can be rendered, StudioAvatarError where no face is found."""
    template, folder = load_template(), cache_folder() / "captures"
    filmed: list[Filmed] = []
    for case in CASES:
        eyes = FilmedEyes.rendered(case, template, folder, TerminalProgress())
        filmed += [
            read_case(case, colour, eyes, width)
            for colour in case.colours
            for width in FACE_WIDTHS_PX
        ]
    told = {
        PRODUCT: [product_iris(one) for one in filmed],
        FORMER: [former_iris(one.plain) for one in filmed],
        PLAIN: [one.plain for one in filmed],
    }
    print("\n".join([*_summary(filmed, told), "", *_by_colour(filmed, told)]))
    if out is not None:
        rows = [
            {
                "iris": one.colour.name, "light": one.case.light,
                "skin_type": one.case.skin_type, "face_px": one.face_px,
                "true": one.colour.linear,
                **{way: np.asarray(colours[k]).tolist() for way, colours in told.items()},
            }
            for k, one in enumerate(filmed)
        ]  # fmt: skip
        write_json(out, {"irises": rows})


def read_case(case: EyeCase, colour: IrisColour, eyes: FilmedEyes, face_px: int) -> Filmed:
    """Of the case's views with such irises, shrunk until the face is `face_px` wide."""
    per_eye: list[list[EyeReading]] = [[], []]
    skins: list[FloatArray] = []
    plain: list[FloatArray] = []
    with FaceTracker(consecutive=False) as tracker:
        for view in eyes.with_irises(colour.linear):
            picture = _shrunk(view, face_px / FACE_PX)
            faces = tracker.detect(picture)
            if not len(faces):
                raise StudioAvatarError(f"No face was found in {case}.", "Look at its renders.")
            frame = linear_from_srgb(unit_from_pixels(picture))
            skins.append(bright_half_median(within_hulls(frame, faces[0], CHEEK_REGIONS)))
            for eye, readings in enumerate(per_eye):
                reading = read_eye(frame, faces[0], eye)
                if reading is not None:
                    readings.append(reading)
                    plain.append(_ring_over_sclera(frame, faces[0], eye))
    albedo = np.exp(np.mean(np.log(plain), 0)) if plain else np.full(3, np.nan)
    return Filmed(case, colour, face_px, tuple(map(tuple, per_eye)), np.median(skins, 0), albedo)


def product_iris(filmed: Filmed) -> FloatArray:
    """Albedo (3,) as the product has it from the skin's filmed colour on."""
    eyes = eyes_filmed(filmed.per_eye)
    tone = skin_tone(filmed.skin, eyes.sclera_linear if eyes.visible else None)
    return iris_albedo(eyes.readings, tone)


def former_iris(plain: FloatArray) -> FloatArray:
    """Albedo (3,) as the product had it, from that of the plain way."""
    albedo = np.clip(plain, 0.008, 0.45)
    albedo[1] = max(albedo[1], 0.5 * (albedo[0] + albedo[2]))
    pale, dark = BROWN_BELOW
    brown = np.clip((pale - albedo.mean()) / (pale - dark), 0.0, 1.0)
    return albedo + brown * (FORMER_BROWN * (albedo.mean() / FORMER_BROWN.mean()) - albedo)


def _shrunk(picture: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    if share == 1.0:
        return picture
    shrunk = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8)


def _ring_over_sclera(frame: FloatArray, points: FloatArray, eye: int) -> FloatArray:
    """The median of the iris, by that of the brighter half of what else lies between the lids."""
    lid, iris = points[list(EYE_CONTOURS[eye])], points[list(IRISES[eye])]
    inside = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(lid).astype(np.int32)], 1)
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]] + 0.5
    radius = np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
    away = np.hypot(x - iris[0, 0], y - iris[0, 1]) / radius
    shown = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0
    ring = frame[shown & (away > RING[0]) & (away < RING[1])]
    white = frame[shown & (away > WHITE_FROM)]
    white = white[np.argsort(white.sum(1))[len(white) // 2 :]]
    return np.clip(np.median(ring, 0) / np.median(white, 0) * SCLERA_ALBEDO, 0.008, 0.9)


def lab_of_albedo(linear: FloatArray) -> FloatArray:
    """CIELAB (3,) under D65 of linear Rec.709 (3,)."""
    srgb = np.clip(srgb_from_linear(np.asarray(linear)), 0.0, 1.0).astype(np.float32)
    return cv2.cvtColor(srgb.reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0].astype(np.float64)


def hue_class(linear: FloatArray) -> str:
    """That of the nearest of the true colours."""
    lab = lab_of_albedo(linear)
    return min(
        IRIS_COLOURS,
        key=lambda colour: float(np.linalg.norm(lab_of_albedo(np.array(colour.linear)) - lab)),
    ).hue


def _off(filmed: Filmed, told: FloatArray) -> float:
    """CIE 1976 colour difference."""
    true = lab_of_albedo(np.array(filmed.colour.linear))
    return float(np.linalg.norm(lab_of_albedo(told) - true))


def _summary(filmed: Sequence[Filmed], told: Mapping[str, Sequence[FloatArray]]) -> list[str]:
    lines = table_head("way", "face, px", "ΔE76, median", "90 %", "worst", "hue class right, %")
    for way, colours in told.items():
        for width in FACE_WIDTHS_PX:
            pairs = [(one, c) for one, c in zip(filmed, colours, strict=True)
                     if one.face_px == width]  # fmt: skip
            off = [_off(*pair) for pair in pairs]
            right = np.mean([hue_class(c) == one.colour.hue for one, c in pairs])
            figures = np.median(off), np.quantile(off, 0.9), max(off)
            cells = (f"{figure:.1f}" for figure in figures)
            lines.append(table_line(way, str(width), *cells, f"{100 * right:.0f}"))
    return lines


def _by_colour(filmed: Sequence[Filmed], told: Mapping[str, Sequence[FloatArray]]) -> list[str]:
    lines = table_head("iris", "true", *(f"{way}: mean, ΔE76, hue right" for way in told))
    for colour in IRIS_COLOURS:
        cells = [colour.name, _spelled(np.array(colour.linear))]
        for colours in told.values():
            pairs = [(one, c) for one, c in zip(filmed, colours, strict=True)
                     if one.colour == colour]  # fmt: skip
            mean = np.exp(np.mean([np.log(c) for _, c in pairs], 0))
            off = np.median([_off(*pair) for pair in pairs])
            right = sum(hue_class(c) == colour.hue for _, c in pairs)
            cells.append(f"{_spelled(mean)}, {off:.1f}, {right} of {len(pairs)}")
        lines.append(table_line(*cells))
    return lines


def _spelled(linear: FloatArray) -> str:
    return " ".join(f"{value:.3f}".lstrip("0") for value in linear)
