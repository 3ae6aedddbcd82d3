"""What shows of the light beside skin: a room's panorama, and teeth between lips."""

from __future__ import annotations

import numpy as np
import pytest

from backend.benchmark.room_pan import light_on_face, panned
from backend.benchmark.teeth import teeth_colour
from backend.sampling.openings import INNER_LIPS

SKIN = np.array([0.40, 0.22, 0.15], np.float32)
MOUTH, TEETH = (0.05, 0.02, 0.02), (0.35, 0.30, 0.22)


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
    seen = panned(panorama)
    assert seen.shape == panorama.shape
    assert seen[18, 36] == pytest.approx(1.0) and seen[:18] == pytest.approx(0.2)


def smiling(opening_px: float) -> tuple[np.ndarray, np.ndarray]:
    """A frame with teeth in the upper half of an open mouth, and its landmarks."""
    frame = np.broadcast_to(SKIN, (200, 200, 3)).copy()
    turn = np.pi - np.linspace(0.0, 2.0 * np.pi, len(INNER_LIPS), endpoint=False)
    lips = np.stack([100 + 40 * np.cos(turn), 100 - 0.5 * opening_px * np.sin(turn)], 1)
    landmarks = np.full((478, 2), 100.0, np.float32)
    landmarks[list(INNER_LIPS)] = lips
    top, bottom = int(100 - opening_px / 2), int(100 + opening_px / 2)
    frame[top:100, 60:140], frame[100 : bottom + 1, 60:140] = TEETH, MOUTH
    return frame, landmarks


def test_teeth_are_told_from_the_dark_behind_them():
    assert teeth_colour(*smiling(30.0), SKIN) == pytest.approx(TEETH)


def test_closed_lips_show_no_teeth():
    assert teeth_colour(*smiling(6.0), SKIN) is None
