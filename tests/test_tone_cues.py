"""What shows of the light beside skin, and what each cue of it is found to be worth."""

from __future__ import annotations

import json

import numpy as np
import pytest

from backend.benchmark.texture import benchmark_tone
from backend.benchmark.texture.light_cues import TEETH_LAB, LightCues, albedo_of_lab
from backend.benchmark.texture.room_pan import light_on_face, pan_over
from backend.benchmark.texture.smile_cases import CASES, SmileCase
from backend.benchmark.texture.teeth import teeth_colour
from backend.detector.landmark_indices import INNER_LIPS
from backend.stages.frame_sampling.eye_colors import SCLERA_ALBEDO
from backend.stages.room_light.tone import MIRRORED, SKIN_TYPES

SKIN = np.array([0.40, 0.22, 0.15], np.float32)
DARK, GUMS, TEETH = (0.03, 0.03, 0.03), (0.30, 0.12, 0.10), (0.35, 0.30, 0.22)
LIGHT = np.array([0.8, 0.7, 0.5])
TURNED, OFF = " in less light", 0.1


def room(bright_column: int) -> np.ndarray:
    """All dark but for an upright strip of light."""
    panorama = np.zeros((32, 64, 3), np.float32)
    panorama[:, bright_column] = (3.0, 2.0, 1.0)
    return panorama


def test_even_room_lights_paper_as_bright_as_itself():
    even = np.full((32, 64, 3), (0.5, 0.4, 0.3), np.float32)
    assert light_on_face(even, 0.7) == pytest.approx((0.5, 0.4, 0.3))


def test_only_what_lies_before_the_face_lights_it():
    # The middle column is +X, to the left of a face that looks towards -Y, which is three quarters.
    before, behind = light_on_face(room(48), 0.0), light_on_face(room(16), 0.0)
    assert before.min() > 0.0 and not behind.any()
    assert light_on_face(room(16), np.pi) == pytest.approx(before, rel=0.02)
    assert light_on_face(room(32), np.pi / 2) == pytest.approx(before, rel=0.02)


def test_a_pan_clips_lamps_and_misses_the_ceiling():
    panorama = np.full((36, 72, 3), 0.2, np.float32)
    panorama[:6] = 5.0  # above 60 degrees
    panorama[18, 36] = 50.0
    seen = pan_over(panorama)
    assert seen.shape == panorama.shape
    assert seen[18, 36] == pytest.approx(1.0) and seen[:18] == pytest.approx(0.2)


def smiling(opening_px: float) -> tuple[np.ndarray, np.ndarray]:
    """A frame with gums, teeth and the dark in an open mouth, and its landmarks."""
    frame = np.broadcast_to(SKIN, (200, 200, 3)).copy()
    turn = np.pi - np.linspace(0.0, 2.0 * np.pi, len(INNER_LIPS), endpoint=False)
    lips = np.stack([100 + 40 * np.cos(turn), 100 - 0.5 * opening_px * np.sin(turn)], 1)
    landmarks = np.full((478, 2), 100.0, np.float32)
    landmarks[list(INNER_LIPS)] = lips
    top, bottom = int(100 - opening_px / 2), int(100 + opening_px / 2) + 1
    frame[top:bottom, 60:140] = DARK
    frame[top : top + 5, 60:140] = GUMS
    frame[top + 5 : 104, 60:140] = TEETH
    return frame, landmarks


def test_teeth_are_told_from_gums_and_from_the_dark_behind_them():
    assert teeth_colour(*smiling(40.0), SKIN) == pytest.approx(TEETH)


def test_closed_lips_show_no_teeth():
    assert teeth_colour(*smiling(6.0), SKIN) is None


def beside(number: int, albedo: np.ndarray) -> LightCues:
    """Somebody whose teeth and pan show the light with errors of OFF, whose sclera half of it."""
    off = np.exp(OFF * (-1.0) ** (number // 2 + np.arange(3)))
    return LightCues(
        case=SmileCase(number), skin=(albedo + MIRRORED) * LIGHT, albedo=albedo,
        sclera=0.5 * SCLERA_ALBEDO * LIGHT, teeth=albedo_of_lab(TEETH_LAB) * LIGHT * off,
        pan=0.1 * LIGHT * off, room=LIGHT * off,
    )  # fmt: skip


def test_tables_say_how_far_each_cue_is_off(monkeypatch, tmp_path, capsys):
    shown = iter([beside(k, SKIN_TYPES[k % len(SKIN_TYPES)].astype(float)) for k in range(CASES)])
    monkeypatch.setattr(benchmark_tone, "render_smile", lambda *_: tmp_path)
    monkeypatch.setattr(benchmark_tone, "measure_cues", lambda *_: next(shown))
    benchmark_tone.benchmark_tone(None, tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    told, errors = found["told_off_log"], found["ita_error_deg"]
    assert np.abs(told[benchmark_tone.TEETH]) == pytest.approx(OFF, abs=1e-5)
    assert np.array(told["sclera"]) == pytest.approx(np.log(0.5), abs=1e-5)
    assert np.mean(told[benchmark_tone.PAN], 0) == pytest.approx(np.log(0.1), abs=1e-5)
    card, turned = (np.array(errors[f"sclera and a grey card{how} too"]) for how in ("", TURNED))
    guessed = np.array(errors["exposure and white balance"])
    assert np.abs(card).mean() < 0.5 * np.abs(guessed).mean()
    assert np.all(turned >= card)  # what gets less light says that skin is lighter
    assert "| teeth | 24 |" in capsys.readouterr().out
