"""Hair, glasses and hands before the skin: told, taken off, marked as made up."""

from __future__ import annotations

import numpy as np
import pytest
from filmed_head import QUALITY, YAWS_DEG, Silent, copy_of, paint_over
from numpy.typing import NDArray

from backend.atlas.solid_noise import solid_noise
from backend.atlas.texel_map import TexelMap, region, texel_map
from backend.detector.face_mesh import HandDetector
from backend.imaging.log_light import LUMINANCE
from backend.stages.phone_texture import unwrap
from backend.stages.phone_texture.bare_skin import BareSkin, bare_skin
from backend.stages.phone_texture.filmed_hair import FilmedHair
from backend.stages.phone_texture.glasses_mask import find_rims
from backend.stages.tracking.hand_mask import hand_mask
from backend.stages.tracking.hand_occlusion import hands_before_face
from studio_avatar_addon.avatar.labels import CLOTHES, OTHER, SKIN
from studio_avatar_addon.avatar.labels import HAIR as HAIR_LABEL
from studio_avatar_addon.avatar.template import load_template

SIZE = 1024
GREEN = (0.05, 0.30, 0.05)
SKIN_LOG = np.log(np.array([0.45, 0.28, 0.20], np.float32))
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
    return (SKIN_LOG + 0.05 * solid_noise(position, 0.004, 3)[:, None]).astype(np.float32)


def is_part(texels: TexelMap, name: str) -> NDArray[np.bool_]:
    return texels.interpolate(region(texels.template, name)) > 0.5


def made_bare(
    texels: TexelMap,
    albedo: NDArray[np.float32],
    hair: FilmedHair | None = None,
    glasses: bool = False,
) -> BareSkin:
    """All of it seen, in even light."""
    hair = hair or FilmedHair.none(len(texels))
    seen = texels.is_material("skin").astype(np.float32)
    head_m = texels.template.vertices_m
    return bare_skin(texels, head_m, albedo, np.zeros_like(albedo), seen, hair, glasses=glasses)


def test_what_is_labelled_otherwise_reaches_not_the_texture(still_light, light, tmp_path):
    case = copy_of(still_light, tmp_path)
    template = case.template
    rest, scalp = template.vertices_m, region(template, "scalp")
    forehead, cheeks = template.region("forehead"), template.region("cheeks")
    fringe = (forehead > 0.5) & (rest[:, 2] > np.quantile(rest[forehead > 0.5, 2], 0.35))
    collar = (template.region("neck") > 0.5) & (rest[:, 2] < -0.1)
    hand = (cheeks > 0.5) & (rest[:, 0] > 0.0)
    for k in range(len(YAWS_DEG)):
        paint_over(case, tmp_path, k, (scalp > 0.5) | fringe, HAIR_LABEL, GREEN)
        paint_over(case, tmp_path, k, collar, CLOTHES, GREEN)
    paint_over(case, tmp_path, 2, hand, OTHER, GREEN)
    # One frame's labels take the fringe for skin: the others outvote it.
    paint_over(case, tmp_path, 1, fringe, SKIN, GREEN)
    phone = unwrap(case.capture, case.track, case.fit, light, template, QUALITY, Silent())
    texels = texel_map(template, phone.size)
    colour, coverage = texels.gather(phone.base_color_srgb), texels.gather(phone.coverage)
    skin = texels.is_material("skin")

    def shown(where: NDArray) -> NDArray[np.bool_]:
        return skin & (texels.interpolate(where.astype(np.float32)) > 0.9)

    bare = skin & (texels.interpolate(scalp) < 0.01) & ~shown(fringe)
    assert (colour[bare, 1] < colour[bare, 0]).mean() > 0.999
    assert max(coverage[shown(place)].mean() for place in (scalp > 0.5, fringe, collar)) < 0.01
    assert coverage[shown(hand)].mean() > 0.9, "other frames show what the hand hides"
    low = fringe & (rest[:, 2] < np.quantile(rest[forehead > 0.5, 2], 0.55))
    assert (colour[shown(low), 1] < colour[shown(low), 0]).mean() > 0.85, "skin is made up"
    assert phone.hair_linear is not None
    np.testing.assert_allclose(phone.hair_linear / GREEN, 1.0, atol=0.5)
    assert [finding.code for finding in phone.findings] == ["hair_over_forehead"]


def test_a_bald_head_has_no_hair(still_light, light):
    case = still_light
    phone = unwrap(case.capture, case.track, case.fit, light, case.template, QUALITY, Silent())
    assert phone.hair_linear is None and not phone.findings
    texels = texel_map(case.template, phone.size)
    top = texels.interpolate(region(case.template, "scalp")) > 0.5
    assert texels.gather(phone.coverage)[top].mean() > 0.2, "as much of it as was filmed"


def test_hair_becomes_a_cropped_scalp(texels, plain):
    scalp = is_part(texels, "scalp").astype(np.float32)
    bare = made_bare(texels, plain, FilmedHair(scalp, scalp, HAIR, 0.0))
    assert bare.coverage[scalp > 0].max() == 0.0 and not bare.findings
    deep = texels.interpolate(region(texels.template, "scalp")) > 0.99
    light, between = bare.log_rgb @ LUMINANCE, 0.5 * (SKIN_LOG + HAIR) @ LUMINANCE
    assert HAIR @ LUMINANCE < np.median(light[deep]) < between


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
    assert np.median(np.abs(bare.log_rgb[below] - SKIN_LOG)) < 0.1
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
