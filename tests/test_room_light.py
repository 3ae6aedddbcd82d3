"""The room's light: told from skin and exposure, in the head's frame and in the camera's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filmed_head import (
    LIGHT,
    QUALITY,
    SKIN_LINEAR,
    YAWS_DEG,
    Silent,
    fidelity_of,
    film,
    fit_seen_from,
    light_of,
    pose,
)

from backend.stages.phone_texture import unwrap
from backend.stages.room_light.filmed_points import FilmedPoints
from backend.stages.room_light.light_fit import LightProblem, fit_shading
from backend.stages.room_light.surroundings import Surroundings, trace_surroundings
from backend.stages.room_light.tone import MIRRORED, SKIN_TYPES, skin_tone
from backend.stages.room_light.visibility import cast_visibility, even_directions
from studio_avatar_addon.avatar.template import HeadTemplate


@pytest.fixture(scope="module")
def around(template: HeadTemplate) -> Surroundings:
    return trace_surroundings(fit_seen_from(template, np.stack([pose(0.0)])), template)


def test_views_are_brought_to_one_light_where_it_turns_with_the_camera(
    template: HeadTemplate, tmp_path: Path
) -> None:
    case = film(template, tmp_path, moves_with_camera=True)
    light = light_of(case)
    assert light.moves_with == "camera"
    as_filmed = replace(light, moves_with="head", common=np.zeros_like(light.common))
    psnr_db = []
    for told in (light, as_filmed):
        texture = unwrap(case.capture, case.track, case.fit, told, case.template, QUALITY, Silent())
        psnr_db.append(fidelity_of(case, told, texture).psnr_db.mean())
    assert psnr_db[0] > 33.0
    assert psnr_db[0] > psnr_db[1] + 3.0


@pytest.mark.parametrize("moves_with", ["head", "camera"])
def test_exposure_is_told_from_light(
    template: HeadTemplate, tmp_path: Path, moves_with: str
) -> None:
    case = film(template, tmp_path, moves_with_camera=moves_with == "camera")
    wobble = np.array([1.0, 1.15, 0.9, 1.0, 1.1])[:, None] * np.array([1.03, 1.0, 0.97])
    capture = replace(case.capture, frame_gain=wobble.astype(np.float32), exposure_known=False)
    steady = light_of(replace(case, capture=replace(case.capture, exposure_known=False)))
    told = light_of(replace(case, capture=capture))
    assert steady.moves_with == told.moves_with == moves_with
    away = told.exposure_log - steady.exposure_log - np.log(wobble)
    assert np.abs(away - np.median(away, 0)).max() < 0.05


def test_nothing_seen_is_no_light(around: Surroundings) -> None:
    count = int(around.points.skin.sum())
    nothing = FilmedPoints(
        np.zeros((2, count, 3), np.float32),
        np.zeros((2, count), np.float32),
        np.stack([np.eye(3, dtype=np.float32)] * 2),
    )
    usable = np.ones(count, np.float32)
    for known in (True, False):
        problem = LightProblem(
            nothing, around, SKIN_LINEAR, torch.device("cpu"), exposure_known=known
        )
        fitted = fit_shading(problem, usable)
        assert not fitted.log_shading.any() and not fitted.exposure.any()


def test_rays_meet_a_lid_over_a_point() -> None:
    lid = np.array([[-1.0, -1.0, 0.1], [1.0, -1.0, 0.1], [0.0, 1.5, 0.1]], np.float32)
    up = np.array([[0.0, 0.0, 1.0]], np.float32)
    origin = np.zeros((1, 3), np.float32)
    directions = even_directions(256)
    closed = cast_visibility(origin, up, lid, np.array([[0, 1, 2]]), directions)
    opened = cast_visibility(
        origin, up, lid - np.array([0, 0, 5], np.float32), np.array([[0, 1, 2]]), directions
    )
    assert opened.openness[0] == pytest.approx(1.0, abs=0.02)
    assert closed.openness[0] < 0.05


@pytest.mark.parametrize("moves_with", ["head", "camera"])
def test_light_is_told_from_skin(around: Surroundings, moves_with: str) -> None:
    normals = around.visibility.normals
    turns = np.stack([pose(yaw)[:3, :3] for yaw in YAWS_DEG]).astype(np.float32)
    frontal = pose(0.0)[:3, :3]
    shading = []
    for turn in turns:
        light = turn.T @ frontal @ LIGHT if moves_with == "camera" else LIGHT
        lit = around.visibility.transfer @ np.exp(
            6.0 * (around.visibility.directions @ light.astype(np.float32) - 1.0)
        )
        shading.append(0.3 * around.visibility.openness + lit)
    truth = np.stack(shading).astype(np.float32)
    facing = np.stack([-(normals @ turn[2]) for turn in turns])
    filmed = FilmedPoints(
        radiance=truth[..., None] * SKIN_LINEAR,
        weight=np.clip(facing, 0.0, 1.0),
        camera_from_head=turns,
    )
    usable = np.clip(around.visibility.openness * 2.0 - 0.8, 0.0, 1.0)
    known = moves_with == "camera"
    problem = LightProblem(filmed, around, SKIN_LINEAR, torch.device("cpu"), exposure_known=known)
    fitted = fit_shading(problem, usable)
    assert fitted.moves_with == moves_with
    seen = (filmed.weight > 0.3) & (usable > 0.5)
    log_truth = np.log(np.maximum(truth, 1e-6))
    ratio = fitted.log_shading[..., 1] - log_truth
    assert np.median(np.abs(ratio - np.median(ratio[seen]))[seen]) < 0.06
    assert log_truth[seen].std() > 0.2  # there was something to take out


@pytest.mark.parametrize("skin_type", range(6))
def test_tone_survives_any_skin(skin_type: int) -> None:
    light = np.array([0.95, 0.90, 0.85], np.float32)
    tone = skin_tone(
        (SKIN_TYPES[skin_type] + MIRRORED) * light,
        0.57 * np.array([0.62, 0.57, 0.53]) * light,
    )
    assert np.abs(np.log(tone / SKIN_TYPES[skin_type])).max() < 0.30
