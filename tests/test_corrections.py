"""What the artist knows better, as values and as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio_avatar_addon.avatar.corrections import (
    CORRECTIONS_FILE,
    CorrectionError,
    Corrections,
    read_corrections,
    write_corrections,
)
from studio_avatar_addon.avatar.errors import AvatarFolderError


def test_later_words_count() -> None:
    first = Corrections(
        frozenset({1, 2}), frozenset({3}), {5: {33: (1.0, 2.0), 1: (3.0, 4.0)}}, 900.0
    )
    later = Corrections(frozenset({3}), frozenset({1}), {5: {33: (9.0, 9.0)}}, None)
    both = first.merged(later)
    assert both.leave_out == {2, 3} and both.put_in == {1}
    assert both.landmarks_px == {5: {33: (9.0, 9.0), 1: (3.0, 4.0)}}
    assert both.focal_px == 900.0
    assert both.within([1, 2]).landmarks_px == {} and both.within([1, 2]).leave_out == {2}


def test_another_clip_keeps_only_the_person() -> None:
    given = Corrections(frozenset({7}), focal_px=900.0, measures_m={"face_width": 0.14})
    mine = given.of_footage("a clip")
    assert mine.of_footage("a clip") == mine and mine.leave_out == {7}
    assert mine.would_drop("another") and not mine.would_drop("a clip")
    assert not Corrections(footage_sha256="a clip").would_drop("another"), "there is none to lose"
    assert mine.of_footage("another") == Corrections(
        measures_m={"face_width": 0.14}, footage_sha256="another"
    )


def test_file_keeps_them(tmp_path: Path) -> None:
    assert read_corrections(tmp_path) == Corrections()
    given = Corrections(frozenset({7}), frozenset(), {5: {33: (1.5, 2.0)}}, 900.0, {})
    write_corrections(tmp_path, given)
    assert read_corrections(tmp_path) == given


@pytest.mark.parametrize(
    "text", ["{", "[]", "[" * 100_000, '{"leave_out": ["x"]}', '{"landmarks_px": 3}']
)
def test_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / CORRECTIONS_FILE).write_text(text, "utf-8")
    with pytest.raises(AvatarFolderError, match=r"corrections\.json is damaged"):
        read_corrections(tmp_path)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"leave_out": frozenset({4}), "put_in": frozenset({4})}, "both"),
        ({"focal_px": float("nan")}, "impossible"),
        ({"measures_m": {"face_width": 0.14, "head_height": 0.22}}, "each set the head's size"),
        ({"landmarks_px": {3: {468: (1.0, 1.0)}}}, "none of the face"),
        ({"landmarks_px": {3: {4: (float("inf"), 1.0)}}}, "none of the face"),
        ({"landmarks_px": {3: {}}}, "no landmark"),
    ],
)
def test_what_cannot_be_meant(values: dict, told: str) -> None:
    with pytest.raises(CorrectionError, match=told):
        Corrections(**values)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Corrections(leave_out=frozenset({9})), "Frame 9 is not among the chosen ones"),
        (Corrections(leave_out=frozenset({3, 5})), "Every chosen frame is left out"),
        (Corrections(landmarks_px={3: {4: (700.0, 10.0)}}), "outside the picture"),
    ],
)
def test_what_the_footage_has_not(given: Corrections, told: str) -> None:
    with pytest.raises(CorrectionError, match=told):
        given.checked_for([3, 5], (640, 480))
