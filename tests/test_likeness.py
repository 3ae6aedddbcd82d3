"""The likeness benchmark's own measures, on pictures whose truth is known."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from backend.benchmark.likeness.face_descriptor import FaceDescriber
from backend.benchmark.likeness.skin_outlines import outline_of, skin_gaps
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.labels import CLOTHES, SKIN


def test_outline_beyond_the_skin_is_told_by_how_far() -> None:
    labels = np.full((200, 200), CLOTHES, np.uint8)
    cv2.circle(labels, (100, 100), 60, SKIN, -1)
    for radius in (55, 63):
        head = np.zeros((200, 200), np.uint8)
        cv2.circle(head, (100, 100), radius, 1, -1)
        points, normal = outline_of(head > 0)
        gaps = skin_gaps(labels, points, normal, gate_px=15.0)
        assert np.nanmedian(gaps) == pytest.approx(radius - 60, abs=0.6)
        assert np.isfinite(gaps).mean() > 0.9
        assert np.isnan(skin_gaps(labels, points, normal, gate_px=1.5)).all()


def test_without_dlib_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(EnvironmentProblem, match="setup --likeness"):
        FaceDescriber()
