"""Live Link Face recordings: made-up ones with known answers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from studio_avatar_addon.avatar import live_link
from studio_avatar_addon.avatar.errors import ShapeError
from studio_avatar_addon.avatar.live_link import read_live_link
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES

TURNS = ("HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "RightEyeYaw")


def recording(path: Path, timecodes: list[str], **values: float) -> Path:
    names = [name[0].upper() + name[1:] for name in reversed(SHAPE_NAMES)]
    header = ["Timecode", "BlendshapeCount", *names, *TURNS, "Novelty"]
    lines = [",".join(header)]
    for code in timecodes:
        row = [str(values.get(name, 0.0)) for name in header[2:]]
        lines.append(",".join([code, "61", *row]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_columns_are_found_by_name_and_time_in_seconds(tmp_path: Path) -> None:
    codes = ["23:59:59:58.0", "00:00:00:00.0", "00:00:00:30.5"]
    path = recording(tmp_path / "take.csv", codes, JawOpen=0.4, MouthFunnel=1.7, LeftEyeYaw=0.2)
    take = read_live_link(path)
    np.testing.assert_allclose(take.time_s, [0.0, 2 / 60, 32.5 / 60])
    assert take.weights[1, SHAPE_INDEX["jawOpen"]] == pytest.approx(0.4)
    assert take.weights.max() == 1.0  # clipped
    np.testing.assert_allclose(take.gaze_rad[0], [[-0.2, 0.0], [0.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(take.neck_from_head[0], np.eye(4), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no Live Link Face recording"),
        ("Timecode,JawOpen\n00:00:00:00,0\n", "columns are missing"),
        ("\x00\x01", "no Live Link Face recording"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(ShapeError, match=says):
        read_live_link(path)
    with pytest.raises(ShapeError, match="cannot be read"):
        read_live_link(tmp_path / "gone.csv")


def test_gaps_and_damage(tmp_path: Path) -> None:
    path = recording(tmp_path / "take.csv", ["00:00:00:00", "00:00:01:00", "00:00:02:00"])
    lines = path.read_text("utf-8").splitlines()
    broken = lines[1].replace("00:00:00", "00:00:03")
    for column in ("HeadYaw", "JawOpen"):
        values = broken.split(",")
        values[lines[0].split(",").index(column)] = "nan"
        path.write_text("\n".join([*lines, lines[-1][:80], ",".join(values)]), "utf-8")
        assert len(read_live_link(path).time_s) == 3
    path.write_text("\n".join([*lines, lines[1].replace("0.0", "much", 1)]), "utf-8")
    with pytest.raises(ShapeError, match="is damaged"):
        read_live_link(path)
    path.write_text("\n".join(lines[:2]), "utf-8")
    with pytest.raises(ShapeError, match="fewer than two"):
        read_live_link(path)


@pytest.mark.parametrize(
    ("codes", "values", "says"),
    [
        (["01:00:00:00", "04:00:10:00"], {}, r"gap of 180:10 \(min:s\) at 0:00"),
        (["00:00:00:00", "1e308:00:01:00"], {}, "no time of a day"),
        (["00:00:00:00", "00:00:01:-1e308"], {}, "no time of a day"),
        (["00:00:00:00", "00:00:01:00"], {"JawOpen": 1e308}, "values of jawOpen are impossible"),
        (["00:00:00:00", "00:00:01:00"], {"LeftEyeYaw": 1e308}, "LeftEyeYaw are impossible"),
    ],
)
def test_impossible_takes(tmp_path: Path, codes: list[str], values: dict, says: str) -> None:
    path = recording(tmp_path / "take.csv", codes, **values)
    with pytest.raises(ShapeError, match=says):
        read_live_link(path)


def test_files_that_would_hang_or_fill_memory(tmp_path: Path, monkeypatch) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ShapeError, match="no regular file"):
        read_live_link(tmp_path / "pipe.csv")
    monkeypatch.setattr(live_link, "LIMIT_BYTES", 1000)
    with pytest.raises(ShapeError, match="MB, more than"):
        read_live_link(recording(tmp_path / "take.csv", ["00:00:00:00", "00:00:01:00"]))


def test_missing_shape_and_turned_head(tmp_path: Path) -> None:
    path = recording(tmp_path / "take.csv", ["00:00:00:00", "00:00:00:30"], HeadYaw=-0.3)
    take = read_live_link(path)
    np.testing.assert_allclose(take.time_s, [0.0, 0.5])
    facing = take.neck_from_head[0, :3, :3] @ [0.0, -1.0, 0.0]
    np.testing.assert_allclose(facing, [np.sin(0.3), -np.cos(0.3), 0.0], atol=1e-6)
    text = path.read_text("utf-8")
    path.write_text(text.replace("TongueOut", "Other"), "utf-8")
    assert not read_live_link(path).weights[:, SHAPE_INDEX["tongueOut"]].any()
    path.write_text(text.replace("JawOpen", "Other"), "utf-8")
    with pytest.raises(ShapeError, match="columns are missing"):
        read_live_link(path)


def test_gaze_goes_outward_where_the_shape_does(tmp_path: Path) -> None:
    """As the app recorded a look to the subject's left: EyeLookOutLeft .94 beside a LeftEyeYaw of
    -.61, at 30 of the timecode's 60 frames a second."""
    codes = ["13:13:22:37.506", "13:13:22:39.506", "13:13:22:41.506"]
    look = {"EyeLookOutLeft": 0.94, "LeftEyeYaw": -0.61}
    take = read_live_link(recording(tmp_path / "take.csv", codes, **look))
    assert np.diff(take.time_s) == pytest.approx(1 / 30)
    assert take.weights[:, SHAPE_INDEX["eyeLookOutLeft"]] == pytest.approx(0.94)
    assert take.gaze_rad[:, 0, 0] == pytest.approx(0.61)  # towards +X, the subject's left
