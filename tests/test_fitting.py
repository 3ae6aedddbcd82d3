"""The fit against a head, cameras and outlines that were made up and are therefore known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_up_scene import YAW_DEG, Scene, make_scene
from scipy.spatial import KDTree

from backend.detector.landmark_indices import (
    CHIN,
    FACE_OVAL,
    HAIRLINE,
    LEFT_EYE_OUTER,
    RIGHT_EYE_OUTER,
    UPPER_LIP_OUTER_MIDDLE,
)
from backend.detector.landmark_table import load_landmark_table
from backend.imaging.image_files import read_image, write_png
from backend.stages.fitting import fit_head
from backend.stages.fitting.bald_vote import BaldVote
from backend.stages.fitting.bundle_adjustment import (
    FreeParameters,
    Observation,
    Prior,
    robust_cost,
    step,
)
from backend.stages.fitting.finish import finish_head
from backend.stages.fitting.fit import SolutionFile
from backend.stages.fitting.head_model import (
    FACING,
    SolverState,
    SurfacePoints,
    head_angles,
    linear_head,
    rotation_from_vector,
)
from backend.stages.fitting.riggable_head import eyes_between_lids, make_riggable
from backend.stages.fitting.solve import all_steps, solve_head
from backend.template_build.learn_landmarks import pose
from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.errors import FitError
from studio_avatar_addon.avatar.frames import inverse_rigid
from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, SKIN
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import FaceTrack, Finding, HeadFit


class Quiet:
    """A progress reporter that remembers how far it was told."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def __call__(self, done: float, total: float, message: str = "") -> None:
        assert 0 <= done <= total == all_steps(len(YAW_DEG)) and message
        self.told.append(done)

    def warn(self, finding: Finding) -> None:
        raise AssertionError(finding)


@pytest.fixture(scope="module")
def scene(template: HeadTemplate, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(template, tmp_path_factory.mktemp("scene"), textured=False)


@pytest.fixture(scope="module")
def fit(scene: Scene) -> HeadFit:
    return fit_head(scene.capture, scene.track, scene.template, Quiet())


def test_known_head_and_cameras_are_found(scene: Scene, fit: HeadFit) -> None:
    assert fit.frame_used.all() and fit.findings == ()
    assert float(np.median(fit.landmark_px)) < 0.2
    assert _angle_deg(fit.camera_from_head, scene.camera_from_head).max() < 3.0
    assert (
        _angle_deg(_from_frontal(fit.camera_from_head), _from_frontal(scene.camera_from_head)).max()
        < 1.0
    )
    face, everything = _skin_vertices(scene.template)
    error = _distance_after_similarity(fit.neutral_m[face], scene.neutral_m[face])
    assert np.median(error) < 0.0005 and np.percentile(error, 90) < 0.001
    error = _distance_after_similarity(fit.neutral_m[everything], scene.neutral_m[everything])
    mean_head = scene.template.vertices_m[everything]
    unfitted = _distance_after_similarity(mean_head, scene.neutral_m[everything])
    assert np.median(error) < 0.7 * np.median(unfitted)


def test_scale_is_set_by_the_eyes_which_are_round_and_look_ahead(
    scene: Scene, fit: HeadFit
) -> None:
    assert np.linalg.norm(fit.eye_centre_m[0] - fit.eye_centre_m[1]) == pytest.approx(
        0.063, abs=0.0006
    )
    ball = scene.template.bone_weights[4] > 0.5
    moved = fit.neutral_m[ball] - fit.eye_centre_m[0]
    rest = scene.template.vertices_m[ball] - scene.template.eye_centre_m[0]
    ratio = fit.eye_radius_m[0] / scene.template.eye_radius_m[0]
    np.testing.assert_allclose(moved, ratio * rest, atol=2e-5)
    assert np.abs(np.degrees(fit.gaze_rad)).max() < 6.0


def test_fit_is_the_same_every_time_and_tells_its_progress(scene: Scene, fit: HeadFit) -> None:
    progress = Quiet()
    again = fit_head(scene.capture, scene.track, scene.template, progress)
    np.testing.assert_array_equal(again.neutral_m, fit.neutral_m)
    np.testing.assert_array_equal(again.camera_from_head, fit.camera_from_head)
    assert len(progress.told) > 30 and progress.told == sorted(progress.told)


def test_misread_turn_is_left_out(scene: Scene, fit: HeadFit, tmp_path: Path) -> None:
    landmarks = scene.track.frame_landmarks_px.copy()
    landmarks[5] = landmarks[1]  # takes 18 degrees to the left for 18 to the right
    deceived = replace(scene.track, frame_landmarks_px=landmarks)
    stored = SolutionFile(tmp_path / "solution.npz", "mark")
    result = fit_head(scene.capture, deceived, scene.template, Quiet(), stored=stored)
    assert not result.frame_used[5]
    assert result.frame_used.sum() == len(YAW_DEG) - 1
    assert np.isfinite(result.camera_from_head).all()
    assert np.median(np.linalg.norm(result.neutral_m - fit.neutral_m, axis=1)) < 0.002
    by_hand = Corrections(put_in=frozenset({int(scene.capture.frame_index[5])}))
    put_in = fit_head(scene.capture, deceived, scene.template, Quiet(), by_hand, stored)
    assert put_in.frame_used[5]


def test_hair_neither_swells_the_skull_nor_leaves_it_free(scene: Scene, tmp_path: Path) -> None:
    haired = fit_head(scene.capture, _haired(scene, tmp_path), scene.template, Quiet())
    assert haired.frame_used.all()
    face, everything = _skin_vertices(scene.template)
    skull = np.isin(everything, np.flatnonzero(scene.template.region("cranium") > 0.5))
    error = _distance_after_similarity(haired.neutral_m[everything], scene.neutral_m[everything])
    assert np.median(error[skull]) < 0.003 and error[skull].max() < 0.006
    error = _distance_after_similarity(haired.neutral_m[face], scene.neutral_m[face])
    assert np.median(error) < 0.001


def test_head_that_folds_gives_up_shape_of_its_own_and_says_so(scene: Scene) -> None:
    solution = solve_head(scene.capture, scene.track, scene.template, Quiet(), Corrections())
    head, shape = solution.problem.head, solution.estimate.shape.copy()
    own = head.identity_count + head.warp_count
    shape[own:] += np.random.default_rng(3).normal(0.0, 4.0, len(shape) - own)
    folded = replace(solution, estimate=replace(solution.estimate, shape=shape))
    fit = finish_head(scene.capture, scene.track, folded, {})
    assert "shape_given_up" in {finding.code for finding in fit.findings}
    face, _ = _skin_vertices(scene.template)
    error = _distance_after_similarity(fit.neutral_m[face], scene.neutral_m[face])
    assert np.median(error) < 0.002


def test_only_a_scalp_that_is_seen_counts_as_bald(template: HeadTemplate) -> None:
    head, centre = linear_head(template), np.array([200.0, 200.0])
    shape, weights = np.zeros(head.vertices.shape_basis.shape[2]), np.zeros((1, 52))
    behind = pose(180.0, 0.0)
    at = behind[None, :3, :3], behind[None, :3, 3]
    estimate = SolverState(400.0, *at, shape, weights)
    bare = np.full((400, 400), SKIN, np.uint8)
    hat = np.full_like(bare, CLOTHES)
    hat[:, 198:203] = SKIN
    for labels, middle, bald in (
        (bare, centre, True),
        (hat, centre, False),
        (bare, centre - (0.0, 1000.0), False),  # cut off by the picture's upper border
    ):
        vote = BaldVote(template, head)
        vote.add(0, estimate, middle, labels)
        assert vote.result() == bald


def test_no_face_at_all_is_refused_with_a_remedy(scene: Scene) -> None:
    nothing = replace(
        scene.track, frame_landmarks_px=np.full_like(scene.track.frame_landmarks_px, np.nan)
    )
    with pytest.raises(FitError) as caught:
        fit_head(scene.capture, nothing, scene.template, Quiet())
    assert "Film" in caught.value.remedy


def test_unchanged_head_settles_unchanged(template: HeadTemplate) -> None:
    vertices = template.vertices_m.astype(np.float64)
    settled = make_riggable(template, vertices, eyes_between_lids(template, vertices))
    growth = settled.scale
    np.testing.assert_allclose(settled.neutral_m, vertices * growth, atol=2e-5)
    # Made again, a lip that just touches may be let go a little later.
    apart = np.abs(settled.shape_deltas_m - template.shape_deltas_m * growth)
    assert (apart < 1e-4).mean() > 0.9999 and apart.max() < 5e-4
    np.testing.assert_allclose(settled.joints_m, template.bone_ends_m * growth, atol=5e-4)


def test_caruncles_go_with_both_lids_of_a_wide_eye(template: HeadTemplate) -> None:
    rest = template.vertices_m.astype(np.float64)
    skin, caruncles = (
        np.unique(template.quads[template.quad_material == MATERIALS.index(name)])
        for name in ("skin", "caruncle")
    )
    wide = rest.copy()
    for centre in template.eye_centre_m:
        arm = rest - centre
        near = np.exp(-((np.linalg.norm(arm, axis=1) / 0.016) ** 4))
        wide[:, 2] += 0.004 * near * np.tanh(arm[:, 2] / 0.001) * np.isin(range(len(rest)), skin)
    settled = make_riggable(template, wide, eyes_between_lids(template, wide))
    made = settled.neutral_m / settled.scale
    away, lid = KDTree(rest[skin]).query(rest[caruncles])
    under = away < 0.0012  # tucked under the edge of a lid
    apart = (made[caruncles] - made[skin][lid]) - (rest[caruncles] - rest[skin][lid])
    opened = np.linalg.norm(wide[skin][lid] - rest[skin][lid], axis=1)[under]
    assert under.sum() >= 8 and opened.max() > 0.0012
    assert np.linalg.norm(apart, axis=1)[under].max() < 0.0005


def test_step_goes_down_the_slope_and_finds_the_minimum() -> None:
    random = np.random.default_rng(3)
    points = SurfacePoints(
        random.normal(0, 0.08, (60, 3)),
        random.normal(0, 0.004, (60, 3, 4)),
        random.normal(0, 0.004, (60, 3, 3)),
    )
    truth = SolverState(
        900.0,
        np.array([rotation_from_vector([0.0, a, 0.1]) @ FACING for a in (-0.6, 0.0, 0.6)]),
        np.array([[0.0, 0.02, 0.7], [0.01, 0.0, 0.8], [0.0, 0.0, 0.9]]),
        np.array([1.0, -0.5, 0.3, 0.8]),
        random.uniform(0.1, 0.9, (3, 3)),
    )
    center = np.array([320.0, 240.0])
    observations = []
    for k in range(3):
        seen = truth.project(k, points.at(truth.shape, truth.expression[k]), center)
        observations.append(Observation(k, points, seen, np.ones(60), 20.0))
        normal = random.normal(0, 1, (60, 2))
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        observations.append(Observation(k, points, seen, np.ones(60), 20.0, normal))
    prior = Prior(900.0, 1.0, 1e-6 * np.eye(4), np.full(3, 1e-6), 0.0)
    estimate = replace(
        truth, focal_px=1000.0, shape=np.zeros(4), expression=np.full((3, 3), 0.5),
        translation_m=truth.translation_m * 1.05,
    )  # fmt: skip
    costs = []
    for _ in range(25):
        costs.append(robust_cost(estimate, observations, prior, center))
        estimate = step(estimate, observations, prior, center, FreeParameters(), 1e-3).estimate
    assert costs[3] < 0.2 * costs[0]
    assert robust_cost(estimate, observations, prior, center) < 1e-3
    np.testing.assert_allclose(estimate.shape, truth.shape, atol=2e-2)
    np.testing.assert_allclose(estimate.expression, truth.expression, atol=2e-2)
    still = FreeParameters(focal=False, shape=False)
    held = step(estimate, observations, prior, center, still, 1e-3).estimate
    assert held.focal_px == estimate.focal_px
    np.testing.assert_array_equal(held.shape, estimate.shape)
    strict = replace(prior, expression_precision=np.full(3, 5.0), expression_sparsity=1.0)
    others = [o for o in observations if o.frame != 1]
    posed = step(estimate, others, strict, center, still, 1e-3).estimate
    np.testing.assert_array_equal(posed.expression[1], estimate.expression[1])
    assert not np.allclose(posed.expression[0], estimate.expression[0])
    fixed = FreeParameters(focal=False, pose=False)
    moved = step(estimate, others, strict, center, fixed, 1e-3).estimate
    np.testing.assert_array_equal(moved.translation_m, estimate.translation_m)
    assert not np.allclose(moved.expression[0], estimate.expression[0])


def test_angles_are_those_the_head_was_turned_by() -> None:
    matrices = np.array([pose(-40.0, 0.0), pose(25.0, 0.0), pose(0.0, 15.0)])
    angles = head_angles(matrices[:, :3, :3], matrices[:, :3, 3])
    np.testing.assert_allclose(angles.yaw_deg, [-40.0, 25.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(angles.pitch_deg, [0.0, 0.0, 15.0], atol=1e-9)


def test_landmarks_lie_on_the_face_and_the_oval_round_it(template: HeadTemplate) -> None:
    table = load_landmark_table()
    np.testing.assert_allclose(table.weights.sum(axis=1), 1.0, atol=1e-5)
    points = np.einsum("lk,lkc->lc", table.weights, template.vertices_m[table.vertices])
    assert (points[:, 1] < 0.02).all()
    nose, chin, forehead = points[1], points[CHIN], points[HAIRLINE]
    assert nose[1] == pytest.approx(points[:, 1].min(), abs=0.006)
    assert chin[2] < nose[2] < forehead[2]
    # The detector's indices 33 and 263 are the outer corners of the subject's right and left eye.
    assert points[RIGHT_EYE_OUTER, 0] < -0.03 < 0.03 < points[LEFT_EYE_OUTER, 0]
    oval = points[list(FACE_OVAL)]
    assert np.hypot(oval[:, 0], oval[:, 2] + 0.01).min() > 0.045


def _haired(scene: Scene, folder: Path) -> FaceTrack:
    """The track of the same head under 3 cm of hair, down to the mouth."""
    masks, labels = [], []
    for k, face_px in enumerate(scene.track.frame_landmarks_px):
        head = read_image(scene.track.mask_paths[k])
        person = cv2.dilate(head, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (47, 47)))
        hairline, mouth = int(face_px[HAIRLINE, 1]), int(face_px[UPPER_LIP_OUTER_MIDDLE, 1])
        person[mouth:] = head[mouth:]
        shown = np.where(head > 0, SKIN, np.where(person > 0, HAIR, BACKGROUND))
        shown[:hairline][person[:hairline] > 0] = HAIR
        masks.append(folder / f"mask{k}.png")
        labels.append(folder / f"labels{k}.png")
        write_png(masks[-1], person)
        write_png(labels[-1], shown.astype(np.uint8))
    return replace(scene.track, mask_paths=tuple(masks), label_paths=tuple(labels))


def _angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    between = a[:, :3, :3] @ np.swapaxes(b[:, :3, :3], 1, 2)
    cosine = (np.trace(between, axis1=1, axis2=2) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _from_frontal(camera_from_head: np.ndarray) -> np.ndarray:
    return camera_from_head @ inverse_rigid(camera_from_head[3])


def _skin_vertices(template: HeadTemplate) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the face's skin, and of all skin above the neck."""
    skin = np.unique(template.quads[template.quad_material == MATERIALS.index("skin")])
    head = skin[template.region("neck")[skin] < 0.1]
    return head[template.region("face")[head] > 0.5], head


def _distance_after_similarity(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Distances (N,) in metres after the best rotation, shift and scale (Umeyama 1991)."""
    a, b = points - points.mean(axis=0), truth - truth.mean(axis=0)
    u, sizes, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (sizes * np.diag(sign)).sum() / (a**2).sum()
    return np.linalg.norm(scale * a @ (u @ sign @ vt).T - b, axis=1)
