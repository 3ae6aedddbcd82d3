"""Dense tracks and the artist's corrections, on a textured head whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_scene import CAMERA, Scene, make_scene

from backend.benchmark.capture.capture_scores import rotation_errors_deg
from backend.job.terminal import Silent
from backend.stages.fitting.finish import finish_head
from backend.stages.fitting.fit import SolutionFile, fit_head
from backend.stages.fitting.measurements import head_measures_m
from backend.stages.fitting.solution import Solution, load_solution, store_solution
from backend.stages.fitting.solve import solve_from_previous, solve_head, solve_landmarks
from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import FaceTrack, HeadFit

CHIN = 152
FOCAL_GUESS_PX = 1.15 * CAMERA.focal_px[0]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Its focal length is not known, and its detector errs as smoothly as real ones do."""
    made = make_scene(load_template(), tmp_path_factory.mktemp("textured"), textured=True)
    guess = replace(CAMERA, focal_px=(FOCAL_GUESS_PX, FOCAL_GUESS_PX))
    capture = replace(made.capture, camera_guess=guess, focal_known=False)
    return replace(made, capture=capture, track=_misread(made.track))


@pytest.fixture(scope="module")
def solution(scene: Scene) -> Solution:
    return solve_head(scene.capture, scene.track, scene.template, Silent(), Corrections())


@pytest.fixture(scope="module")
def fit(scene: Scene, solution: Solution) -> HeadFit:
    return finish_head(scene.capture, scene.track, solution, {})


def test_followed_skin_finds_what_landmarks_miss(scene: Scene, fit: HeadFit) -> None:
    plain = solve_landmarks(scene.capture, scene.track, scene.template, Silent())
    true = scene.camera_from_head[:, :3, :3]
    found = rotation_errors_deg(fit.camera_from_head[:, :3, :3], true)
    by_landmarks = rotation_errors_deg(plain.estimate.rotation, true)
    assert found.max() < 0.5 < by_landmarks.max()
    assert abs(fit.camera.focal_px[0] / CAMERA.focal_px[0] - 1.0) < 0.04


def test_fit_says_how_sure_it_is(fit: HeadFit, solution: Solution) -> None:
    assert fit.frame_used.all()
    assert sum(len(group.tracks) for group in solution.points) > 300
    assert np.median(fit.track_px) < 0.2 and np.median(fit.outline_px) < 1.0
    off = abs(np.log(fit.camera.focal_px[0] / CAMERA.focal_px[0]))
    assert 0.0 < off < 3.0 * fit.focal_log_sd < 0.3


def test_solution_survives_its_file(solution: Solution, tmp_path: Path) -> None:
    store_solution(tmp_path / "solution.npz", solution, "mark")
    assert load_solution(tmp_path / "solution.npz", "another mark") is None
    assert load_solution(tmp_path / "none.npz", "mark") is None
    former = load_solution(tmp_path / "solution.npz", "mark")
    assert former is not None
    np.testing.assert_array_equal(former.estimate.shape, solution.estimate.shape)
    again = former.points(solution.problem.head, solution.frames)
    for kept, given in zip(again, solution.points, strict=True):
        np.testing.assert_array_equal(kept.offset_m, given.offset_m)
        np.testing.assert_array_equal(
            kept.error_px(former.estimate, solution.problem.center_px),
            given.error_px(solution.estimate, solution.problem.center_px),
        )


def test_artist_has_the_last_word(scene: Scene, solution: Solution, tmp_path: Path) -> None:
    frame = 3
    place = scene.track.frame_landmarks_px[frame, CHIN] + np.array([0.0, 4.0])
    corrections = Corrections(
        leave_out=frozenset({1}),
        landmarks_px={frame: {CHIN: (float(place[0]), float(place[1]))}},
        focal_px=600.0,
        measures_m={"face_width": 0.150},
    )
    memory = SolutionFile(tmp_path / "solution.npz", "mark")
    store_solution(memory.path, solution, memory.mark)
    fit = fit_head(scene.capture, scene.track, scene.template, Silent(), corrections, memory)
    assert fit.left_out[1] == "by hand" and fit.frame_used.sum() == len(fit.left_out) - 1
    assert fit.camera.focal_px[0] == 600.0 and fit.focal_log_sd == 0.0
    assert head_measures_m(fit, scene.template)["face_width"] == pytest.approx(0.150, abs=1e-5)
    before = _chin_px(scene, finish_head(scene.capture, scene.track, solution, {}), frame)
    assert np.linalg.norm(_chin_px(scene, fit, frame) - place) < 0.6 * np.linalg.norm(
        before - place
    )


def test_without_corrections_a_solution_stands(scene: Scene, solution: Solution, tmp_path) -> None:
    path = tmp_path / "solution.npz"
    store_solution(path, solution, "mark")
    former = load_solution(path, "mark")
    assert former is not None
    again = solve_from_previous(
        scene.capture, scene.track, scene.template, Silent(), Corrections(), former
    )
    turned = rotation_errors_deg(again.estimate.rotation, solution.estimate.rotation)
    assert turned.max() < 0.1


def _chin_px(scene: Scene, fit: HeadFit, frame: int) -> np.ndarray:
    moved = fit.neutral_m + np.tensordot(fit.expression[frame], fit.shape_deltas_m, axes=1)
    in_camera = scene.template.landmarks_m(moved) @ fit.camera_from_head[frame, :3, :3].T
    return fit.camera.project(in_camera + fit.camera_from_head[frame, :3, 3])[CHIN]


def _misread(track: FaceTrack) -> FaceTrack:
    """Landmarks bent smoothly over the face, another way in each frame."""
    random = np.random.default_rng(2)
    pixels = track.frame_landmarks_px.copy()
    for points in pixels:
        low, high = points.min(axis=0), points.max(axis=0)
        place = (points - low) / (high - low) - 0.5
        terms = np.stack([place[:, 0], place[:, 1], place[:, 0] * place[:, 1]], axis=1)
        points += (terms @ random.normal(0.0, 4.0, (3, 2))).astype(np.float32)
    return replace(track, frame_landmarks_px=pixels)
