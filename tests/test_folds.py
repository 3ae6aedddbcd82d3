"""Triangles that pass through each other, and heads whose folds are found and smoothed away."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from backend.geometry.fold_removal import find_folds, remove_self_intersections
from backend.geometry.intersections import intersections_between, self_intersections
from backend.stages.fitting.fit_findings import FitSummary, fit_findings
from backend.stages.fitting.frame_selection import USED
from backend.stages.fitting.riggable_head import eyes_between_lids, make_riggable
from backend.stages.fitting.uncertainty import Uncertainty
from backend.template.personalize import personalize_blendshapes
from studio_avatar_addon.avatar.errors import FitError
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate

QUAD = np.array([[0, 1, 2], [0, 2, 3]])
SQUARE = np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
UPRIGHT = SQUARE[:, [2, 0, 1]]  # crosses the square along its middle
LEFT_CHEEK_M = np.array([0.05, -0.08, -0.03])


def shifted(points: np.ndarray, *by: float) -> np.ndarray:
    return points + np.array(by)


@pytest.fixture(scope="module")
def rest(template: HeadTemplate) -> np.ndarray:
    return template.vertices_m.astype(np.float64)


def two(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pairs between two quads of four points each."""
    pairs = self_intersections(np.vstack([first, second]), np.vstack([QUAD, QUAD + 4]))
    assert pairs.dtype == np.int32
    return pairs


def test_crossing_quads_cross_in_the_triangles_that_meet() -> None:
    moved = shifted(UPRIGHT, 0.0, 0.5, 0.0)  # spans y -0.5 to 1.5 at x = 0
    # On the line where the planes cross, the square's first triangle reaches from y = -1 to 0, its
    # second on to 1; the upright one's second from -0.5 to 0.5, its first on to 1.5.
    assert two(SQUARE, moved).tolist() == [[0, 3], [1, 2], [1, 3]]


def test_moving_both_far_away_or_turning_them_changes_nothing() -> None:
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    moved = shifted(UPRIGHT, 0.0, 0.5, 0.0)
    both = [points @ turn + [0.3, -0.2, 0.1] for points in (SQUARE, moved)]
    assert two(*both).tolist() == [[0, 3], [1, 2], [1, 3]]


@pytest.mark.parametrize(
    "other",
    [
        shifted(UPRIGHT, 0.0, 0.0, 1.0),  # stands on the square
        shifted(UPRIGHT, 0.0, 0.0, 1.0 - 5e-10),
        SQUARE * 0.5,  # in the same plane
        shifted(SQUARE, 0.0, 0.0, 1e-6),
        shifted(SQUARE, 3.0, 0.0, 0.0),
        shifted(UPRIGHT, 0.0, 2.5, 0.0),  # its plane crosses the square, it does not
    ],
)
def test_touching_flat_and_distant_quads_do_not_cross(other: np.ndarray) -> None:
    assert len(two(SQUARE, other)) == 0


def test_nested_boxes_do_not_cross_until_one_sticks_out() -> None:
    corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T.astype(float)
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    box = np.array(sides)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    inside = np.vstack([corners, 0.5 * corners])
    both = np.vstack([box, box + 8])
    assert len(self_intersections(inside, both)) == 0
    inside[8:, 0] += 0.8
    pairs = self_intersections(inside, both)
    assert len(pairs) and (pairs[:, 0] < 12).all() and (pairs[:, 1] >= 12).all()
    between = intersections_between(inside, box + 8, box)
    assert sorted([a, b + 12] for b, a in between.tolist()) == pairs.tolist()


def test_triangles_with_a_common_vertex_or_edge_do_not_count() -> None:
    points = np.array(
        [[0.0, 0.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, -1.0], [1.0, 0.0, 1.0]]
    )
    assert len(self_intersections(points, np.array([[0, 1, 2], [0, 3, 4]]))) == 0
    assert len(self_intersections(points, np.array([[0, 1, 2], [0, 1, 3]]))) == 0
    apart = np.vstack([points, [0.0, 0.0, 0.0]])
    assert self_intersections(apart, np.array([[0, 1, 2], [5, 3, 4]])).tolist() == [[0, 1]]


def test_nothing_and_nowhere_intersect_nothing() -> None:
    assert self_intersections(SQUARE, np.zeros((0, 3), int)).shape == (0, 2)
    lost = np.vstack([SQUARE, shifted(UPRIGHT, 0.0, 0.5, 0.0)])
    lost[2] = np.nan  # a corner of both triangles of the square
    assert self_intersections(lost, np.vstack([QUAD, QUAD + 4])).shape == (0, 2)


def test_template_at_rest_has_no_folds(template: HeadTemplate, rest: np.ndarray) -> None:
    skin = template.triangles[template.triangle_material == MATERIALS.index("skin")]
    assert len(self_intersections(rest, skin)) == 0
    assert find_folds(template, rest).count == 0


def ear_in_skull(template: HeadTemplate, rest: np.ndarray) -> np.ndarray:
    return rest + template.region("ears_L")[:, None] * [-0.006, 0.0, 0.0]


def nose_squeezed(template: HeadTemplate, rest: np.ndarray) -> np.ndarray:
    """So hard that its sides change places."""
    return rest * np.where(np.arange(3) == 0, 1.0 - 1.5 * template.region("nose")[:, None], 1.0)


def cheek_pushed_in(template: HeadTemplate, rest: np.ndarray) -> np.ndarray:
    near = np.linalg.norm(rest - LEFT_CHEEK_M, axis=1) < 0.015
    return rest + near[:, None] * [-0.02, 0.04, 0.0]


@pytest.mark.parametrize("fold", [ear_in_skull, nose_squeezed, cheek_pushed_in])
def test_folded_head_is_found_and_smoothed_where_it_is_folded(
    template: HeadTemplate, rest: np.ndarray, fold
) -> None:
    posed = fold(template, rest)
    folds = find_folds(template, posed)
    relaxed = remove_self_intersections(template, posed)
    assert relaxed.folds_before == folds.count > 5
    assert find_folds(template, relaxed.vertices_m).count == 0
    move = np.linalg.norm(relaxed.vertices_m - posed, axis=1)
    assert relaxed.largest_move_m == pytest.approx(move.max()) and 0.001 < move.max() < 0.045
    # The other side of the head, and whatever is not skin or on it, is as it was.
    far = np.linalg.norm(posed[:, None] - posed[folds.vertices], axis=2).min(axis=1) > 0.15
    eyes = template.region("eyes") > 0.5
    assert far.any() and eyes.any()
    np.testing.assert_array_equal(relaxed.vertices_m[far | eyes], posed[far | eyes])


def test_folds_alike_on_both_sides_are_smoothed_alike(
    template: HeadTemplate, rest: np.ndarray
) -> None:
    relaxed = remove_self_intersections(template, nose_squeezed(template, rest)).vertices_m
    np.testing.assert_allclose(relaxed[template.mirror] * [-1, 1, 1], relaxed, atol=1e-7)


def test_good_head_comes_back_to_the_bit(template: HeadTemplate, rest: np.ndarray) -> None:
    for posed in (rest, 1.1 * rest + [0.1, 0.0, -0.2], template.vertices_m):
        relaxed = remove_self_intersections(template, posed)
        np.testing.assert_array_equal(relaxed.vertices_m, posed)
        assert relaxed.folds_before == 0 and relaxed.largest_move_m == 0.0


def test_random_and_extreme_heads_lose_their_folds(
    template: HeadTemplate, rest: np.ndarray
) -> None:
    random = np.random.default_rng(5)
    before = []
    for spread, limit, most_m in [(1.0, 2.5, 0.01)] * 6 + [(2.0, 5.0, 0.03)] * 6:
        identity = np.clip(spread * random.normal(size=len(template.identity_names)), -limit, limit)
        posed = rest + np.tensordot(identity, template.identity_deltas_m, axes=1)
        relaxed = remove_self_intersections(template, posed)
        assert find_folds(template, relaxed.vertices_m).count == 0
        assert relaxed.largest_move_m < most_m
        before.append(relaxed.folds_before)
    assert max(before) > 0


def test_expression_is_kept_and_its_own_folds_are_let_be(
    template: HeadTemplate, rest: np.ndarray
) -> None:
    identity = 1.5 * np.random.default_rng(7).normal(size=len(template.identity_names))
    moved = np.tensordot(identity, template.identity_deltas_m, axes=1)
    for name in ("jawOpen", "mouthClose"):
        own = rest + template.shape_deltas_m[SHAPE_NAMES.index(name)]
        assert find_folds(template, own, own).count == 0
        relaxed = remove_self_intersections(template, own + moved, own)
        assert find_folds(template, relaxed.vertices_m, own).count == 0
        assert relaxed.largest_move_m < 0.008


def test_lids_come_no_closer_to_the_eyeballs_and_lashes_follow(
    template: HeadTemplate, rest: np.ndarray
) -> None:
    lid = template.region("eyelids_L")[:, None]
    posed = rest + lid * 0.0015 * np.random.default_rng(1).normal(size=rest.shape)
    relaxed = remove_self_intersections(template, posed)
    assert relaxed.folds_before > 0
    skin = np.unique(template.triangles[template.triangle_material == MATERIALS.index("skin")])
    centre = template.eye_centres_m(posed)[0]
    clearance = [
        np.linalg.norm(points[skin] - centre, axis=1) - template.eye_radius_m[0]
        for points in (posed, relaxed.vertices_m, rest)
    ]
    near = clearance[2] < 0.003
    assert (clearance[1] >= np.minimum(clearance[0], clearance[2]) - 1e-6)[near].all()
    lashes = np.unique(template.triangles[template.triangle_material == MATERIALS.index("lashes")])
    moves = np.linalg.norm(relaxed.vertices_m - posed, axis=1)
    assert 0 < moves[lashes].max() <= moves[skin].max()


def test_riggable_head_has_no_folds_and_the_artist_is_told(
    template: HeadTemplate, rest: np.ndarray
) -> None:
    folded = ear_in_skull(template, rest)
    riggable = make_riggable(template, folded, eyes_between_lids(template, folded))
    assert find_folds(template, riggable.neutral_m).count == 0
    assert riggable.smoothed_m > 0.001
    capture = SimpleNamespace(findings=())
    uncertainty = Uncertainty(np.ones(2), np.ones(2), np.ones(2), 0.01)
    yaw_deg, eye_distance_px = np.array([-40.0, 40.0]), np.full(2, 100.0)
    fit = FitSummary(yaw_deg, uncertainty, eye_distance_px, (USED, USED), 0.0, 0.0005, ())
    codes = [f.code for f in fit_findings(capture, replace(fit, smoothed_m=riggable.smoothed_m))]
    assert codes == ["folds_smoothed"]
    assert fit_findings(capture, fit) == ()
    shapes = ("jawOpen", "jawLeft", "a", "b")
    (finding,) = fit_findings(capture, replace(fit, smoothed_shapes=shapes))
    assert finding.message.startswith("4 of the 52 shapes folded") and "jawLeft" in finding.message


def test_head_beyond_smoothing_is_refused_with_a_remedy(
    template: HeadTemplate, rest: np.ndarray
) -> None:
    lost = rest.copy()
    lost[len(lost) // 2] = np.nan
    noise = rest + 0.02 * np.random.default_rng(0).normal(size=rest.shape)
    for posed in (lost, noise):
        with pytest.raises(FitError) as caught:
            remove_self_intersections(template, posed)
        assert caught.value.remedy.startswith("Film again")


def test_shapes_that_fold_on_a_head_are_smoothed_and_named(template: HeadTemplate) -> None:
    identity = np.clip(2.5 * np.random.default_rng(5).normal(size=60), -4.0, 4.0)
    neutral = remove_self_intersections(template, template.neutral_m(identity)).vertices_m
    eyes = template.eye_centres_m(neutral)
    shapes = personalize_blendshapes(template, neutral, eyes, template.eye_radius_m)
    for index in range(len(SHAPE_NAMES)):
        if SHAPE_NAMES[index] in shapes.smoothed:
            continue
        posed = (
            [index, SHAPE_NAMES.index("jawOpen")] if SHAPE_NAMES[index] == "mouthClose" else index
        )
        own, moved = (
            d[posed].reshape(-1, *d.shape[1:]).sum(axis=0, dtype=np.float64)
            for d in (template.shape_deltas_m, shapes.deltas_m)
        )
        assert find_folds(template, neutral + moved, template.vertices_m + own).count == 0
    assert 0 < len(shapes.smoothed) < 40
