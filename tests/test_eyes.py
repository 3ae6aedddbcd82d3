"""Eyes: their colours told from few dim pixels, and drawn straight and shaded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from filmed_head import fit_seen_from, pose

from backend.atlas.texel_map import texel_map
from backend.detector.landmark_indices import CHEEK_REGIONS, EYE_CONTOURS, IRISES
from backend.stages.frame_sampling.eye_colors import (
    SCLERA_ALBEDO,
    TYPICAL_SCLERA_FILMED,
    EyeReading,
    eyes_filmed,
    read_eye,
)
from backend.stages.phone_texture.painted_parts import painted_parts
from backend.stages.room_light.iris_colour import IRIS_SHADE, iris_albedo
from backend.stages.room_light.tone import MIRRORED, SKIN_TYPES
from studio_avatar_addon.avatar.template import HeadTemplate

DARK_BROWN, BLUE = np.array([0.034, 0.018, 0.0105]), np.array([0.10, 0.145, 0.195])
RADIUS_PX, MIDDLE_PX = 12.0, np.array([60.0, 40.0])
SKIN = SKIN_TYPES[1]
LIGHT = np.array([1.0, 0.9, 0.75])


def eye_points() -> np.ndarray:
    """(478, 2) px: a right eye wide open before the camera, and the cheek below it."""
    points = np.full((478, 2), np.nan, np.float32)
    around = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    lid = np.stack([-30.0 * np.cos(around), 14.0 * np.sin(around)], 1)
    points[list(EYE_CONTOURS[0])] = MIDDLE_PX + lid
    rim = np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)])
    points[list(IRISES[0])] = MIDDLE_PX + RADIUS_PX * rim
    cheek = np.stack([np.cos(around[:6] * 2.7), np.sin(around[:6] * 2.7)], 1)
    points[list(CHEEK_REGIONS[0])] = (60.0, 85.0) + 20.0 * cheek
    return points


def filmed_eye(iris: np.ndarray, veil: float) -> np.ndarray:
    """(110, 120, 3) linear: that eye in `LIGHT`, under what its cornea mirrors and a window."""
    y, x = np.mgrid[:110, :120] + 0.5
    away = np.hypot(x - MIDDLE_PX[0], y - MIDDLE_PX[1]) / RADIUS_PX
    frame = np.tile((SKIN + MIRRORED) * LIGHT, (110, 120, 1))
    open_eye = ((x - MIDDLE_PX[0]) / 30.0) ** 2 + ((y - MIDDLE_PX[1]) / 14.0) ** 2 < 1.0
    frame[open_eye] = 0.75 * SCLERA_ALBEDO * LIGHT
    frame[open_eye & (away < 0.86)] = IRIS_SHADE * iris * LIGHT
    frame[away < 0.30] = 0.0
    frame[open_eye & (away < 0.86)] += veil
    frame[42:50, 62:67] = 0.9
    return cv2.GaussianBlur(frame, (0, 0), 0.8).astype(np.float32)


@pytest.mark.parametrize("iris", [DARK_BROWN, BLUE], ids=["dark brown", "blue"])
def test_an_iris_is_told_from_what_its_cornea_mirrors(iris: np.ndarray) -> None:
    reading = read_eye(filmed_eye(iris, veil=0.015), eye_points(), 0)
    assert reading is not None
    told = iris_albedo([[reading]], SKIN)
    assert np.abs(np.log(told / iris)).max() < 0.5
    assert (told[0] > told[2]) == (iris[0] > iris[2])


def test_an_iris_that_nothing_shows_is_brown_and_typical_white_stands_in() -> None:
    eyes = eyes_filmed([[], []])
    assert not eyes.visible
    np.testing.assert_array_equal(eyes.sclera_linear, TYPICAL_SCLERA_FILMED)
    red, green, blue = iris_albedo(eyes.readings, SKIN_TYPES[3])
    assert 0.06 > red > 1.5 * green > 2.0 * blue


def test_eyes_in_unequal_light_tell_their_mean() -> None:
    """Whichever eye is open a little wider in a frame more."""
    random = np.random.default_rng(0)
    grey = np.full(3, 0.1)

    def reading(sclera: float) -> EyeReading:
        white = np.full(3, sclera) * random.uniform(0.99, 1.01)
        return EyeReading(random.uniform(1.5, 2.5), 8.0, grey, grey, white, white, grey)

    eyes = eyes_filmed([[reading(0.36) for _ in range(7)], [reading(0.98) for _ in range(5)]])
    np.testing.assert_allclose(eyes.sclera_linear, np.sqrt(0.36 * 0.98), rtol=0.02)


def test_drawn_eyes_look_straight_ahead_from_under_shading_lids(template: HeadTemplate) -> None:
    texels = texel_map(template, 1024)
    fit = fit_seen_from(template, np.stack([pose(0.0)]))
    lashes = np.array([0.03, 0.02, 0.01])
    colour, _ = painted_parts(texels, fit, BLUE, lashes)
    eye, position = texels.is_material("eye"), texels.interpolate(fit.neutral_m)
    for side, centre in enumerate(fit.eye_centre_m):
        arm = position - centre
        front = eye & (arm[:, 1] < 0.0) & ((position[:, 0] < 0.0) == bool(side))
        pupil = front & (colour.max(1) < 0.01)
        assert np.abs(arm[pupil][:, [0, 2]].mean(0)).max() < 1e-4
        beside = front & (np.abs(arm[:, 0]) > 0.0066) & (np.abs(arm[:, 0]) < 0.0085)
        middle, upper = (
            np.median(colour[beside & (arm[:, 2] > low) & (arm[:, 2] < high)])
            for low, high in ((-0.0015, 0.0005), (0.003, 0.0055))
        )
        assert upper < 0.9 * middle
    np.testing.assert_allclose(
        np.median(colour[texels.is_material("lashes")], 0), lashes, rtol=0.05
    )
