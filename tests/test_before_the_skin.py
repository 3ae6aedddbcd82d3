"""Hair, glasses and hands before the skin: told, taken off, marked as made up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.atlas.solid_noise import solid_noise
from backend.atlas.texel_map import TexelMap, region, texel_map
from backend.detector.face_mesh import HandDetector
from backend.imaging.log_light import LUMINANCE, log_light
from backend.stages.frame_sampling.hand_mask import hand_mask
from backend.stages.phone_texture.bare_skin import BareSkin, bare_skin
from backend.stages.phone_texture.glasses_mask import find_rims
from backend.stages.room_light.tone import SKIN_TYPES
from backend.stages.tracking.hand_occlusion import hands_before_face
from studio_avatar_addon.avatar.template import load_template

SIZE = 1024
SKIN = np.log(np.array([0.45, 0.28, 0.20], np.float32))
HAIR = np.log(np.array([0.05, 0.04, 0.032], np.float32))


@pytest.fixture(scope="module")
def texels() -> TexelMap:
    return texel_map(load_template(), SIZE)


@pytest.fixture(scope="module")
def position(texels: TexelMap) -> NDArray[np.float32]:
    return texels.interpolate(texels.template.vertices_m)


@pytest.fixture(scope="module")
def plain(position: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mottled skin everywhere: (n, 3) log albedo."""
    return (SKIN + 0.05 * solid_noise(position, 0.004, 3)[:, None]).astype(np.float32)


def is_part(texels: TexelMap, name: str) -> NDArray[np.bool_]:
    return texels.interpolate(region(texels.template, name)) > 0.5


def made_bare(texels: TexelMap, albedo: NDArray[np.float32], glasses: bool = False) -> BareSkin:
    """All of it seen, in even light."""
    seen = texels.is_material("skin").astype(np.float32)
    head_m = texels.template.vertices_m
    return bare_skin(texels, head_m, albedo, np.zeros_like(albedo), seen, glasses=glasses)


def test_a_bald_head_stays_as_filmed(texels, plain):
    bare = made_bare(texels, plain)
    forehead = is_part(texels, "forehead")
    assert bare.hair.colour_log is None and not bare.findings
    assert bare.coverage[is_part(texels, "scalp")].mean() > 0.99
    np.testing.assert_allclose(bare.log_rgb[forehead], plain[forehead], atol=1e-4)


def test_hair_becomes_a_cropped_scalp_and_a_fringe_becomes_skin(texels, plain, position):
    scalp, forehead = is_part(texels, "scalp"), is_part(texels, "forehead")
    heights = position[forehead, 2]
    fringe = forehead & (position[:, 2] > np.quantile(heights, 0.35))
    albedo = plain.copy()
    albedo[scalp | fringe] = HAIR
    back = position[np.argmax(np.where(scalp, position[:, 1], -1.0))]
    tinted = scalp & (np.linalg.norm(position - back, axis=1) < 0.015)
    albedo[tinted] = SKIN  # a lamp's colour makes hair look like skin: still no bald spot
    bare = made_bare(texels, albedo)
    assert bare.coverage[fringe].mean() < 0.02 and bare.coverage[scalp].mean() < 0.02
    assert bare.coverage[is_part(texels, "chin")].mean() > 0.98
    np.testing.assert_allclose(bare.hair.colour_log, HAIR, atol=0.05)
    assert [finding.code for finding in bare.findings] == ["hair_over_forehead"]
    light = bare.log_rgb @ LUMINANCE
    skin, hair = SKIN @ LUMINANCE, HAIR @ LUMINANCE
    low = fringe & (position[:, 2] < np.quantile(heights, 0.5))
    assert abs(np.median(light[low]) - skin) < 0.1
    deep = texels.interpolate(region(texels.template, "scalp")) > 0.99
    assert hair < np.median(light[deep]) < 0.5 * (skin + hair)


def test_a_shadow_on_one_temple_grows_no_hair(texels, plain, position):
    scalp = texels.interpolate(region(texels.template, "scalp"))
    top = position[np.argmax(np.where(scalp > 0.5, position[:, 2], -1.0))]
    side = position[:, 0] > 0.03
    below = side & (scalp < 0.5) & (position[:, 2] > texels.template.eye_centre_m[:, 2].mean())
    shadow = below & (np.abs(position[:, 1] - top[1]) < 0.08) & ~is_part(texels, "ears")
    near = np.linalg.norm(position[shadow][:, None] - position[scalp > 0.5][::200], axis=2)
    shadow[np.flatnonzero(shadow)[near.min(1) > 0.010]] = False
    albedo = plain.copy()
    albedo[(scalp > 0.5) | shadow] = HAIR
    bare = made_bare(texels, albedo)
    assert shadow.sum() > 500 and bare.coverage[shadow].mean() < 0.1
    assert bare.hair.scalp[shadow].mean() < 0.5
    assert bare.hair.scalp[scalp > 0.99].mean() > 0.9
    assert bare.hair.over_forehead == 0.0  # no strand hangs there


def test_a_forehead_that_mirrors_the_sky_is_no_hair(texels, plain, position):
    scalp, forehead = is_part(texels, "scalp"), is_part(texels, "forehead")
    mirrored = forehead & (position[:, 2] > np.quantile(position[forehead, 2], 0.5)) & ~scalp
    albedo = plain.copy()
    albedo[scalp] = HAIR
    albedo[mirrored] += np.array([-0.05, 0.2, 0.4], np.float32)  # brighter, and far less red
    bare = made_bare(texels, albedo)
    # All but the rim in which strands thin out.
    away = np.linalg.norm(position[mirrored][:, None] - position[scalp][::200], axis=2).min(1)
    assert bare.coverage[np.flatnonzero(mirrored)[away > 0.012]].mean() > 0.95


def test_hair_over_an_ear_is_taken_off_and_not_drawn_on(texels, plain, position):
    scalp, ears = is_part(texels, "scalp"), is_part(texels, "ears")
    upper = ears & (position[:, 2] > np.quantile(position[ears, 2], 0.6))
    albedo = plain.copy()
    albedo[scalp | upper] = HAIR
    bare = made_bare(texels, albedo)
    deep = upper & (texels.interpolate(region(texels.template, "ears")) > 0.95)
    assert bare.coverage[deep].mean() < 0.05
    light = bare.log_rgb @ LUMINANCE
    assert np.median(light[deep]) > 0.8 * (SKIN @ LUMINANCE) + 0.2 * (HAIR @ LUMINANCE)


@pytest.mark.parametrize("skin", SKIN_TYPES)
@pytest.mark.parametrize("hair", [(0.02, 0.02, 0.02), (0.02, 0.022, 0.026)])
def test_black_hair_is_hair_on_any_skin(texels, plain, skin, hair):
    albedo = plain - SKIN + log_light(np.array(skin))
    albedo[is_part(texels, "scalp")] = log_light(np.array(hair))
    bare = made_bare(texels, albedo)
    np.testing.assert_allclose(bare.hair.colour_log, log_light(np.array(hair)), atol=0.05)


def test_rims_are_found_and_skin_beside_them_is_not(texels, plain, position):
    eyes = texels.template.eye_centre_m
    front = is_part(texels, "face") & (position[:, 1] < eyes[:, 1].mean())
    rim = np.zeros(len(texels), bool)
    for eye in eyes:
        away = np.hypot(position[:, 0] - eye[0], position[:, 2] - (eye[2] - 0.004))
        rim |= front & (np.abs(away - 0.021) < 0.0012)
    rim &= ~is_part(texels, "brows")
    albedo = plain.copy()
    albedo[rim] -= 1.0
    found = find_rims(texels, albedo)
    below = rim & (position[:, 2] < eyes[:, 2].mean())
    assert (found[below] > 0.5).mean() > 0.9
    assert found[is_part(texels, "chin") | is_part(texels, "forehead")].mean() < 0.02
    bare = made_bare(texels, albedo, glasses=True)
    assert np.median(np.abs(bare.log_rgb[below] - SKIN)) < 0.1
    without = made_bare(texels, albedo)
    assert without.coverage[below].mean() > 0.9  # nobody wears any: nothing is taken off


def test_a_hand_hides_what_is_below_it():
    none = np.full((2, 21, 2), np.nan, np.float32)
    hand = none.copy()
    finger = np.linspace(0.0, 1.0, 21)
    hand[0] = np.stack([60 + 40 * finger, 80 - 50 * finger], 1)
    hidden = hand_mask(hand, (160, 120))
    assert hidden.shape == (120, 160) and hidden[55, 80] and not hidden[110, 10]
    spread = 20.0 * np.random.default_rng(0).uniform(-1, 1, (478, 2))
    faces = np.stack([spread + np.array(place) for place in ((75, 50), (130, 100))]).astype(
        np.float32
    )
    assert hands_before_face(np.stack([hand, none]), faces).tolist() == [True, False]
    with HandDetector() as finder:
        assert np.isnan(finder.detect(np.full((120, 160, 3), 90, np.uint8))).all()
