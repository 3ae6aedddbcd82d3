"""The 52 shapes on the head template: what moves, what must not, and what meets."""

from __future__ import annotations

import numpy as np
import pytest

from backend.head.mesh import HeadMesh, build_mesh
from backend.head.parts import lash_roots
from backend.head.shape_jaw import OPEN_DEG, jaw_axis
from backend.head.shape_space import FaceSpace
from backend.head.shapes import build_shapes
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES, mirrored_shape

MM = 1e-3


@pytest.fixture(scope="module")
def head() -> HeadMesh:
    return build_mesh()


@pytest.fixture(scope="module")
def deltas(head: HeadMesh) -> np.ndarray:
    return build_shapes(head).deltas_m.astype(float)


def _posed(head: HeadMesh, deltas: np.ndarray, **weights: float) -> np.ndarray:
    return head.vertices_m + sum(w * deltas[SHAPE_INDEX[name]] for name, w in weights.items())


def test_every_shape_moves_something(head: HeadMesh) -> None:
    deltas = build_shapes(head).deltas_m
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
