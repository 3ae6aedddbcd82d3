"""The 52 shapes on the head template: what moves, what must not, and what meets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.benchmark.head.contact_figures import contact_of, lid_gap_mm, lip_gap_mm
from backend.geometry.fold_removal import remove_self_intersections
from backend.template.mesh import HeadMesh, build_mesh
from backend.template.parts import lash_roots
from backend.template.shape_jaw import OPEN_DEG, jaw_axis
from backend.template.shape_space import FaceSpace
from backend.template.shapes import HeadShapes, build_shapes, shapes_of
from studio_avatar_addon.avatar.shapes import (
    SHAPE_INDEX,
    SHAPE_NAMES,
    corrective_weights,
    mirrored_shape,
)
from studio_avatar_addon.avatar.template import load_template

MM = 1e-3
LIMIT_MM = 0.5
CLOSED_MM = 0.5
# the lips' inside may be pressed this deep into each other where they are rolled or pursed
PRESSED_MM = 1.0


@pytest.fixture(scope="module")
def head() -> HeadMesh:
    return build_mesh()


@pytest.fixture(scope="module")
def made(head: HeadMesh) -> HeadShapes:
    return build_shapes(head)


@pytest.fixture(scope="module")
def deltas(made: HeadShapes) -> np.ndarray:
    return made.deltas_m.astype(float)


def _posed(head: HeadMesh, deltas: np.ndarray, **weights: float) -> np.ndarray:
    return head.vertices_m + sum(w * deltas[SHAPE_INDEX[name]] for name, w in weights.items())


def test_every_shape_moves_something(head: HeadMesh, made: HeadShapes) -> None:
    deltas = made.deltas_m
    assert deltas.shape == (52, head.count, 3) and deltas.dtype == np.float32
    assert np.isfinite(deltas).all()
    reach = np.linalg.norm(deltas, axis=2).max(axis=1)
    assert (reach > 2 * MM).all() and (reach < 60 * MM).all()


def test_right_is_the_mirror_image_of_left(head: HeadMesh, deltas: np.ndarray) -> None:
    flip = np.array([-1.0, 1.0, 1.0])
    for name in SHAPE_NAMES:
        mirrored = deltas[SHAPE_INDEX[name]][head.mirror] * flip
        np.testing.assert_allclose(deltas[SHAPE_INDEX[mirrored_shape(name)]], mirrored, atol=1e-8)


def test_eyeballs_and_upper_teeth_never_move(head: HeadMesh, deltas: np.ndarray) -> None:
    parts = ("eyeball_L", "eyeball_R", "cornea_L", "cornea_R", "teeth_upper", "gums_upper")
    assert not deltas[:, np.concatenate([head.parts[part] for part in parts])].any()


@pytest.mark.parametrize("ring", [3, 4, 5, 6, 7])
def test_jaw_takes_the_lower_lip_and_leaves_the_upper(
    head: HeadMesh, deltas: np.ndarray, ring: int
) -> None:
    opened = deltas[SHAPE_INDEX["jawOpen"]]
    lower, upper = head.rings["mouth"][ring][[0, 3, 37]], head.rings["mouth"][ring][[17, 20, 23]]
    assert (opened[lower, 2] < -25 * MM).all()
    assert (np.linalg.norm(opened[upper], axis=1) < 3 * MM).all()


def test_lower_teeth_turn_about_the_jaw_axis(head: HeadMesh, deltas: np.ndarray) -> None:
    teeth = head.parts["teeth_lower"]
    before = (head.vertices_m[teeth] - jaw_axis(FaceSpace.of_mean(head)) * MM)[:, 1:]
    after = (_posed(head, deltas, jawOpen=1.0)[teeth] - jaw_axis(FaceSpace.of_mean(head)) * MM)[
        :, 1:
    ]
    turn = np.arctan2(after[:, 1], after[:, 0]) - np.arctan2(before[:, 1], before[:, 0])
    np.testing.assert_allclose(np.rad2deg(np.mod(turn, 2 * np.pi)), OPEN_DEG, atol=0.01)


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_mouth_close_closes_the_open_jaw(head: HeadMesh, deltas: np.ndarray, weight: float) -> None:
    posed = _posed(head, deltas, jawOpen=weight, mouthClose=weight)
    upper, lower = head.loops["lip_contact_upper"], head.loops["lip_contact_lower"]
    gap = posed[upper] - posed[lower]
    rest = head.vertices_m[upper] - head.vertices_m[lower]
    np.testing.assert_allclose(gap, rest, atol=0.5 * MM)


def test_blink_closes_along_the_whole_lid(head: HeadMesh, deltas: np.ndarray) -> None:
    posed = _posed(head, deltas, eyeBlinkLeft=1.0)
    upper, lower = posed[head.loops["lid_upper_L"]], posed[head.loops["lid_lower_L"]]
    lower_z = np.interp(upper[:, 0], lower[:, 0], lower[:, 2])
    assert (upper[:, 2] - lower_z < 0.3 * MM).all()
    assert np.abs(upper[:, 2] - lower_z).max() < 1.5 * MM


@pytest.mark.parametrize("weight", [0.5, 1.0])
@pytest.mark.parametrize("name", [name for name in SHAPE_NAMES if name.startswith("eye")])
def test_lids_stay_outside_the_eyeball(
    head: HeadMesh, deltas: np.ndarray, name: str, weight: float
) -> None:
    side = 0 if name.endswith("Left") else 1
    lids = head.rings[f"eye_{'LR'[side]}"][3:8].ravel()
    arm = _posed(head, deltas, **{name: weight})[lids] - head.eye_centre_m[side]
    assert np.linalg.norm(arm, axis=1).min() > head.eye_radius_m[side] - 0.1 * MM


@pytest.mark.parametrize("lid", ["upper", "lower"])
def test_lashes_stay_on_their_lid(head: HeadMesh, deltas: np.ndarray, lid: str) -> None:
    posed = _posed(head, deltas, eyeBlinkLeft=1.0)
    roots = head.parts[f"lashes_{lid}_L"].reshape(-1, 6)[:, :2]
    at = lash_roots(lid)
    margin = head.rings["eye_L"][5]

    def seat(vertices: np.ndarray) -> np.ndarray:
        share = np.mod(at, 1.0)[:, None]
        before = margin[at.astype(int)]
        after = margin[(at.astype(int) + 1) % len(margin)]
        place = (1 - share) * vertices[before] + share * vertices[after]
        return np.linalg.norm(vertices[roots].mean(axis=1) - place, axis=1)

    np.testing.assert_allclose(seat(posed), seat(head.vertices_m), atol=0.01 * MM)


@pytest.fixture(scope="module")
def stranger(head: HeadMesh) -> tuple[HeadMesh, HeadShapes]:
    """A random person's head and the shapes made for it."""
    template = load_template()
    identity = template.random_identity(np.random.default_rng(3))
    neutral = remove_self_intersections(template, template.neutral_m(identity)).vertices_m
    centre = np.asarray(template.eye_centres_m(neutral), np.float64)
    balls = [neutral[head.parts[f"eyeball_{side}"]] for side in "LR"]
    radius = [
        np.linalg.norm(ball - middle, axis=1).max()
        for ball, middle in zip(balls, centre, strict=True)
    ]
    person = replace(head, vertices_m=neutral, eye_centre_m=centre, eye_radius_m=np.array(radius))
    return person, shapes_of(person, head)


def _with_correctives(head: HeadMesh, shapes: HeadShapes, **weights: float) -> np.ndarray:
    values = np.zeros(len(SHAPE_NAMES))
    for name, weight in weights.items():
        values[SHAPE_INDEX[name]] = weight
    moved = np.tensordot(values, shapes.deltas_m.astype(float), axes=1)
    mended = np.tensordot(
        corrective_weights(values), shapes.corrective_deltas_m.astype(float), axes=1
    )
    return head.vertices_m + moved + mended


@pytest.mark.parametrize("whose", ["mean", "stranger"])
def test_single_shapes_keep_soft_parts_apart(
    head: HeadMesh, made: HeadShapes, stranger: tuple[HeadMesh, HeadShapes], whose: str
) -> None:
    person, shapes = (head, made) if whose == "mean" else stranger
    for name in (
        "eyeBlinkLeft", "eyeLookDownRight", "jawLeft", "jawForward", "mouthSmileLeft",
        "mouthRollUpper", "mouthRollLower", "mouthPressRight", "mouthShrugLower", "mouthRight",
    ):  # fmt: skip
        for weight in (0.5, 1.0):
            contact = contact_of(person, _with_correctives(person, shapes, **{name: weight}))
            assert contact.lids_in_eyes.worst_mm < LIMIT_MM, name
            assert contact.lips_in_teeth.worst_mm < LIMIT_MM, name
            assert contact.lip_in_lip.worst_mm < PRESSED_MM, name


@pytest.mark.parametrize("second", [None, "eyeLookDown", "eyeSquint"])
@pytest.mark.parametrize("side", ["Left", "Right"])
def test_closed_lids_meet_along_their_whole_edge(
    stranger: tuple[HeadMesh, HeadShapes], second: str | None, side: str
) -> None:
    person, shapes = stranger
    weights = {f"eyeBlink{side}": 1.0} | ({f"{second}{side}": 1.0} if second else {})
    posed = _with_correctives(person, shapes, **weights)
    assert lid_gap_mm(person, posed, side[0]) < CLOSED_MM
    assert lid_gap_mm(person, person.vertices_m, side[0]) > 5.0


def test_open_jaw_with_closed_mouth_meets_on_anyone(
    stranger: tuple[HeadMesh, HeadShapes],
) -> None:
    person, shapes = stranger
    opened = _with_correctives(person, shapes, jawOpen=1.0)
    closed = _with_correctives(person, shapes, jawOpen=1.0, mouthClose=1.0)
    assert lip_gap_mm(person, opened) > 20.0
    assert lip_gap_mm(person, closed) < 0.6
    assert contact_of(person, closed).worst_mm < LIMIT_MM


def test_contact_figures_see_a_lip_pushed_into_the_teeth(head: HeadMesh) -> None:
    posed = head.vertices_m.copy()
    posed[head.rings["mouth"]] += np.array([0.0, 14.0, 0.0]) * MM
    assert contact_of(head, head.vertices_m).crossings == 0
    assert contact_of(head, posed).lips_in_teeth.worst_mm > 2.0
