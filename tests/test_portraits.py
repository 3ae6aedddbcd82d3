"""Portraits: hair stays outside of the head, and a small set is rendered with exact labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from footage_making import NoProgress
from scipy.spatial.transform import Rotation

from backend.synthetic.portraits.develop import UNSURE, label_map
from backend.synthetic.portraits.grooms import STYLE_WEIGHTS, draw_groom
from backend.synthetic.portraits.growth import grow_scalp
from backend.synthetic.portraits.portrait_sheet import portraits_sheet
from backend.synthetic.portraits.render_portraits import SKINS_A_SET, Portrait, render_portraits
from backend.synthetic.portraits.settings import PortraitSettings
from backend.synthetic.portraits.sitter import Sitter, head_template, pose_sitter
from backend.synthetic.portraits.skins import Skin, read_skin
from backend.synthetic.portraits.traits import draw_traits
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES

SMALL = PortraitSettings(size_px=(64, 76), samples=1, skins=1, skin_texels=256)
SEED = 7  # the first of its portraits wears hair to the shoulders, the second none


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Portrait]:
    folder = tmp_path_factory.mktemp("portraits")
    return render_portraits(folder, 2, SEED, None, NoProgress(), SMALL)


@pytest.fixture(scope="module")
def skin(portraits: list[Portrait]) -> Skin:
    return read_skin(portraits[0].picture.parent / "skins", SEED * SKINS_A_SET)


@pytest.fixture(scope="module")
def sitter() -> Sitter:
    identity = head_template().random_identity(np.random.default_rng(0))
    calm = np.zeros(len(SHAPE_NAMES), np.float32)
    turn = Rotation.from_euler("xyz", [8.0, 4.0, -25.0], degrees=True)
    return pose_sitter(identity, calm, np.zeros((2, 2), np.float32), turn, 1.0)


@pytest.mark.parametrize("style", sorted(STYLE_WEIGHTS.keys() - {"none"}))
def test_hair_grows_outside_of_the_head(style: str, sitter: Sitter, skin: Skin) -> None:
    def strands() -> np.ndarray:
        random = np.random.default_rng(7)
        groom = draw_groom(style, random, is_covered=False)
        assert groom is not None
        grown = grow_scalp(replace(groom, count=1500), sitter, skin, sitter.solid, random)
        return np.concatenate([part.points_m.reshape(-1, 3) for part in grown])

    points = strands()
    assert np.isfinite(points).all() and len(points) > 9_000
    away, _ = sitter.solid.distance(points.astype(np.float64))
    # Roots lie on the surface, whose nearest point's plane is not quite the surface.
    assert np.quantile(away, 0.001) > -0.004 and away.max() < 0.4
    assert np.array_equal(points, strands())


def test_labels_are_where_the_parts_are(portraits: list[Portrait]) -> None:
    for portrait in portraits:
        picture, coverage = portrait.read()
        assert picture.shape == (76, 64, 3) and coverage.shape == (76, 64, 4)
        assert coverage.sum(-1, dtype=int).max() <= 257  # rounded each for itself
        shares = coverage.mean((0, 1)) / 255.0
        assert shares[0] > 0.08 and shares[2] > 0.1  # a face, and what is worn below it
        assert (shares[1] > 0.05) == (portrait.facts["style"] != "none")
        labels = portrait.labels()
        assert set(np.unique(labels)) <= {0, 1, 2, 3, 4, UNSURE}
        assert labels[:, 0].min() == 0 and picture.std() > 10.0
    assert portraits_sheet(portraits, 2).shape == (76, 256, 3)


def test_label_map_leaves_mixed_pixels_open() -> None:
    coverage = np.array([[[255, 0, 0, 0], [0, 140, 0, 0], [0, 160, 90, 0], [0, 0, 0, 0]]], np.uint8)
    assert label_map(coverage).tolist() == [[1, UNSURE, 2, 0]]


def test_a_set_goes_on_and_any_part_is_a_fair_sample(portraits: list[Portrait]) -> None:
    folder = portraits[0].picture.parent
    stamp = portraits[0].picture.stat().st_mtime_ns
    again = render_portraits(folder, 2, SEED, None, NoProgress(), SMALL)
    assert again == portraits and again[0].picture.stat().st_mtime_ns == stamp
    first = [draw_traits(SEED, index, 36, (True,) * 36) for index in range(120)]
    assert {traits.style for traits in first} == set(STYLE_WEIGHTS)
    assert len({traits.skin for traits in first}) == 36
    assert first[5] == draw_traits(SEED, 5, 36, (True,) * 36)
