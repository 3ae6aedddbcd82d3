"""Texture stages on the template with a known skin, filmed under a known light."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from filmed_head import (
    CPU,
    QUALITY,
    SKIN_LINEAR,
    YAWS_DEG,
    Case,
    Silent,
    albedo_of,
    fidelity_of,
)
from numpy.typing import NDArray

from backend.atlas.inpaint import inpaint
from backend.atlas.texel_map import TexelMap, region, sample_at, texel_map, twin_coordinates
from backend.benchmark.texture.ghosting import ghosting
from backend.imaging import image_files, log_light, tensor_color
from backend.imaging.image_files import (
    linear_from_srgb,
    srgb_from_linear,
)
from backend.stages.detail import generator_for, restore_detail
from backend.stages.detail.detail_generator import GeneratedDetail
from backend.stages.detail.poisson import forward_differences, solve_screened_poisson
from backend.stages.detail.surface_maps import make_maps, texel_spacing_m
from backend.stages.phone_texture import unwrap
from backend.stages.phone_texture.bands import common_low_band
from backend.stages.studio_texture import studio_texture
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import QUALITY as QUALITIES
from studio_avatar_addon.avatar.types import (
    RoomLight,
    TextureSet,
)


@pytest.fixture(scope="module")
def texels(template: HeadTemplate) -> TexelMap:
    return texel_map(template, 256)


@pytest.fixture(scope="module")
def phone(still_light: Case, light: RoomLight) -> TextureSet:
    progress = Silent()
    case = still_light
    texture = unwrap(case.capture, case.track, case.fit, light, case.template, QUALITY, progress)
    assert progress.shares[-1] == 1.0 and progress.shares == sorted(progress.shares)
    return texture


@pytest.fixture(scope="module")
def studio(still_light: Case, light: RoomLight, phone: TextureSet) -> TextureSet:
    case = still_light
    return studio_texture(
        phone, light, case.fit, case.template, QUALITY, StudioChoices("physical"), CPU, Silent()
    )


def test_table_knows_where_its_texels_lie(template: HeadTemplate, texels: TexelMap) -> None:
    uv = texels.interpolate(np.arange(len(template.vertices_m), dtype=np.float32))
    assert uv.shape == (len(texels),)
    point = np.einsum(
        "nk,nkc->nc", texels.barycentric, template.triangle_uv[texels.triangle].astype(np.float64)
    )
    column, row = texels.texel % texels.size, texels.texel // texels.size
    np.testing.assert_allclose(point[:, 0] * texels.size, column + 0.5, atol=1e-2)
    np.testing.assert_allclose((1.0 - point[:, 1]) * texels.size, row + 0.5, atol=1e-2)


def test_gutters_repeat_the_nearest_texel(texels: TexelMap) -> None:
    image = texels.scatter(np.ones(len(texels), np.float32))
    assert (image == 1.0).all()
    own = np.arange(len(texels), dtype=np.int32)
    np.testing.assert_array_equal(texels.gather(texels.scatter(own)), own)


def test_twin_lies_on_the_other_side(template: HeadTemplate, texels: TexelMap) -> None:
    position = texels.interpolate(template.vertices_m)
    twin = sample_at(texels.scatter(position), twin_coordinates(texels))
    skin = texels.is_material("skin")
    error = np.linalg.norm(twin * (-1.0, 1.0, 1.0) - position, axis=1)[skin]
    assert np.median(error) < 0.0005 and np.quantile(error, 0.95) < 0.003


def test_vertex_means_give_back_a_smooth_field(template: HeadTemplate, texels: TexelMap) -> None:
    field = template.vertices_m[:, :1]
    means, weight = texels.to_vertices(texels.interpolate(field), np.ones(len(texels), np.float32))
    known = weight > 2.0
    assert np.abs(means - field)[known].max() < 0.012
    assert np.median(np.abs(means - field)[known]) < 0.0015


def test_phone_texture_shows_the_frames_again(
    still_light: Case, light: RoomLight, phone: TextureSet
) -> None:
    fidelity = fidelity_of(still_light, light, phone)
    assert fidelity.psnr_db.mean() > 33.0
    assert 0.85 < fidelity.sharpness.mean() < 1.1


def test_ghosting_rises_with_a_second_copy() -> None:
    random = np.random.default_rng(3)
    marks = cv2.GaussianBlur(random.normal(size=(200, 200)).astype(np.float32), (0, 0), 1.2)
    everywhere = np.ones(marks.shape, bool)
    alone = ghosting(marks, everywhere)
    double = ghosting(0.5 * (marks + np.roll(marks, 7, axis=1)), everywhere)
    assert double > 2.0 * alone
    assert ghosting(cv2.GaussianBlur(marks, (0, 0), 2.0), everywhere) <= alone
    assert np.isnan(ghosting(marks, ~everywhere))


def test_no_background_reaches_the_texture(phone: TextureSet, template: HeadTemplate) -> None:
    texels = texel_map(template, phone.size)
    skin = texels.gather(phone.base_color_srgb)[texels.is_material("skin")]
    assert (skin[:, 2] < skin[:, 0]).all()  # the wall is blue
    assert skin.min() > 0.05  # nor black cracks


def test_coverage_is_honest(phone: TextureSet, template: HeadTemplate) -> None:
    texels = texel_map(template, phone.size)
    position = texels.interpolate(template.vertices_m)
    coverage, skin = texels.gather(phone.coverage), texels.is_material("skin")
    nape = skin & (position[:, 1] > 0.06) & (np.abs(position[:, 0]) < 0.02)
    cheeks = texels.interpolate(template.region("cheeks")) > 0.9
    assert coverage[nape].max() == 0.0 and texels.gather(phone.view_count)[nape].max() == 0
    assert coverage[cheeks & skin].mean() > 0.97
    assert coverage[~skin].max() == 0.0
    assert phone.view_count.max() <= len(YAWS_DEG)


def test_unseen_skin_comes_from_the_other_side(texels: TexelMap) -> None:
    position = texels.interpolate(texels.template.vertices_m)
    truth = np.repeat((np.abs(position[:, :1]) * 8.0).astype(np.float32), 3, axis=1)
    seen = (position[:, 0] > -0.01).astype(np.float32)
    filled = inpaint(
        texels, np.where(seen[:, None] > 0, truth, 9.0), seen, twin_coordinates(texels)
    )
    skin = texels.is_material("skin")
    assert np.quantile(np.abs(filled.log_rgb - truth)[skin], 0.98) < 0.05
    assert np.median(filled.invented[skin]) < 0.01


def test_shine_seen_by_few_views_is_left_out() -> None:
    views = np.zeros((7, 4, 4, 3), np.float32)
    views[2] = 1.5
    common = common_low_band(views, np.ones((7, 4, 4), np.float32))
    assert np.abs(common).max() < 0.03


def test_studio_texture_takes_the_light_out(
    still_light: Case, phone: TextureSet, studio: TextureSet
) -> None:
    truth, seen = _truth(still_light, studio)
    errors = {}
    for name, texture in (("phone", phone), ("studio", studio)):
        colour = linear_from_srgb(texture.base_color_srgb)[seen]
        ratio = np.log(colour) - np.log(truth[seen])
        errors[name] = np.abs(ratio - np.median(ratio, 0)).mean()
    assert errors["studio"] < 0.45 * errors["phone"]
    left, right = _sides(still_light, studio)
    assert abs(np.log(left / right)).max() < 0.12


def test_skin_stays_skin_coloured_where_it_is_made_up(studio: TextureSet) -> None:
    linear = linear_from_srgb(studio.base_color_srgb)
    unseen = linear[studio.coverage < 0.01]
    red, green, blue = np.median(unseen, 0)
    assert 1.2 < red / green < 2.3 and 1.0 < green / blue < 2.2
    assert np.isfinite(studio.base_color_srgb).all()


def test_poisson_gives_back_an_image_from_its_gradients() -> None:
    image = np.random.default_rng(5).normal(size=(48, 64)).astype(np.float32)
    image -= image.mean()
    back = solve_screened_poisson(np.zeros_like(image), *forward_differences(image), reach=1e3)
    np.testing.assert_allclose(back - back.mean(), image, atol=5e-3)
    kept = solve_screened_poisson(image, np.zeros_like(image), np.zeros_like(image), reach=0.01)
    np.testing.assert_allclose(kept, image, atol=2e-3)


def test_detail_brings_back_moles_that_stage_one_lost(
    still_light: Case, phone: TextureSet, studio: TextureSet
) -> None:
    case = still_light
    smooth = replace(studio, base_color_srgb=cv2.GaussianBlur(studio.base_color_srgb, (0, 0), 4.0))
    detail = restore_detail(phone, smooth, case.fit, case.template, QUALITY, None, Silent())
    truth, seen = _truth(case, detail)
    dark = seen & (truth[..., 1] < 0.6 * SKIN_LINEAR[1])
    skin = seen & (truth[..., 1] > 0.9 * SKIN_LINEAR[1])
    contrast = [
        np.median(t.base_color_srgb[dark]) / np.median(t.base_color_srgb[skin])
        for t in (smooth, detail)
    ]
    wanted = float(
        np.median(srgb_from_linear(truth[dark])) / np.median(srgb_from_linear(truth[skin]))
    )
    assert contrast[0] > wanted + 0.05
    assert contrast[1] < wanted + 0.5 * (contrast[0] - wanted)


def test_maps_are_those_of_a_skin_material(
    still_light: Case, phone: TextureSet, studio: TextureSet
) -> None:
    case = still_light
    detail = restore_detail(phone, studio, case.fit, case.template, QUALITY, None, Silent())
    assert detail.origin == "detail" and studio.origin == "studio" and phone.origin == "phone"
    assert detail.normal is not None and detail.roughness is not None
    assert detail.specular is not None and detail.cavity is not None
    np.testing.assert_allclose(np.linalg.norm(detail.normal, axis=2), 1.0, atol=1e-4)
    assert (detail.normal[..., 2] > 0.8).all()
    texels = texel_map(case.template, detail.size)
    skin = texels.is_material("skin")
    assert 0.3 < np.median(texels.gather(detail.roughness)[skin]) < 0.55
    assert texels.gather(detail.specular)[skin].max() < 0.45
    assert detail.cavity.min() >= 0.0 and detail.cavity.max() <= 1.0
    # A mole is a spot, not a hole: but fine structure must leave a trace.
    assert np.abs(detail.normal[..., :2]).max() > 0.01


def test_cropped_hair_mirrors_less_than_a_bald_scalp(still_light: Case) -> None:
    texels = texel_map(still_light.template, QUALITY.texture_size)
    spacing_m = texel_spacing_m(texels, still_light.fit)
    skin = np.full((texels.size, texels.size), -1.2, np.float32)
    hair = texels.scatter(texels.interpolate(region(texels.template, "scalp")))
    bald, cropped = (
        make_maps(texels, luminance, np.zeros_like(skin), None, spacing_m)
        for luminance in (skin, skin - hair)
    )
    scalp = texels.interpolate(region(texels.template, "scalp")) > 0.95
    for name, factor in (("roughness", 1.0), ("specular", -1.0)):
        without, strands = (texels.gather(getattr(maps, name))[scalp] for maps in (bald, cropped))
        assert np.median(factor * (strands - without)) > 0.15
    cheeks = texels.interpolate(region(texels.template, "cheeks")) > 0.95
    np.testing.assert_array_equal(
        *(texels.gather(maps.roughness)[cheeks] for maps in (bald, cropped))
    )


def test_nothing_is_drawn_where_texels_are_stretched(
    still_light: Case, phone: TextureSet, studio: TextureSet
) -> None:
    case = still_light

    def lighter(_phone, told, trust, *_) -> GeneratedDetail:
        return GeneratedDetail(np.full_like(told, 0.2), np.zeros_like(trust))

    plain, drawn = (
        restore_detail(phone, studio, case.fit, case.template, QUALITY, draw, Silent())
        for draw in (None, lighter)
    )
    texels = texel_map(case.template, plain.size)
    change = texels.gather(np.abs(drawn.base_color_srgb - plain.base_color_srgb).max(2))
    spacing = texel_spacing_m(texels, case.fit)
    stretched = texels.is_material("skin") & (spacing.max(1) > 8.0 * spacing.min(1))
    cheeks = texels.interpolate(region(texels.template, "cheeks")) > 0.95
    assert np.median(change[stretched]) < 0.01 < 0.03 < np.median(change[cheeks])


def _truth(case: Case, texture: TextureSet) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Albedo (N, N, 3) and where it was well seen on open skin."""
    texels = texel_map(case.template, texture.size)
    position = texels.interpolate(case.template.vertices_m)
    cheeks = texels.interpolate(case.template.region("face")) > 0.5
    seen = cheeks & texels.is_material("skin") & (texels.gather(texture.coverage) > 0.9)
    return (
        texels.scatter(albedo_of(position, case.moles_m)),
        texels.scatter(seen, gutters=False),
    )


def _sides(case: Case, texture: TextureSet) -> tuple[NDArray, NDArray]:
    """Median linear colour of the left and of the right cheek."""
    texels = texel_map(case.template, texture.size)
    position = texels.interpolate(case.template.vertices_m)
    cheeks = texels.interpolate(case.template.region("cheeks")) > 0.7
    colour = linear_from_srgb(texels.gather(texture.base_color_srgb))
    left, right = cheeks & (position[:, 0] > 0.02), cheeks & (position[:, 0] < -0.02)
    return np.median(colour[left], 0), np.median(colour[right], 0)


def test_the_network_s_detail_keeps_colours_and_tells_relief(
    still_light: Case, phone: TextureSet, studio: TextureSet
) -> None:
    case, draw = still_light, generator_for(QUALITIES["standard"], CPU)
    assert draw is not None and generator_for(QUALITIES["draft"], CPU) is None
    made = restore_detail(phone, studio, case.fit, case.template, QUALITY, draw, Silent())
    assert not made.findings and made.normal is not None
    broad = [cv2.GaussianBlur(t.base_color_srgb, (0, 0), 24.0) for t in (studio, made)]
    assert np.abs(broad[0] - broad[1]).max() < 0.03
    # Eyes and mouth are stage 1's.
    texels = texel_map(case.template, made.size)
    other = ~texels.is_material("skin")
    np.testing.assert_allclose(
        texels.gather(made.base_color_srgb)[other],
        texels.gather(studio.base_color_srgb)[other],
        atol=2e-3,
    )
    np.testing.assert_allclose(np.linalg.norm(made.normal, axis=2), 1.0, atol=1e-4)
    assert np.abs(texels.gather(made.normal)[other, :2]).max() < 0.05
    skin = texels.is_material("skin")
    assert 1e-3 < np.abs(texels.gather(made.normal)[skin, :2]).mean() < 0.2


def test_colours_of_arrays_and_of_tensors_are_one() -> None:
    levels = np.linspace(0.0, 1.0, 4097, dtype=np.float32)
    for of_array, of_tensor in (
        (image_files.srgb_from_linear, tensor_color.srgb_from_linear),
        (image_files.linear_from_srgb, tensor_color.linear_from_srgb),
        (log_light.log_light, tensor_color.log_light),
        (log_light.light_from_log, tensor_color.light_from_log),
    ):
        found = of_tensor(torch.from_numpy(levels)).numpy()
        np.testing.assert_allclose(found, of_array(levels), rtol=0.0, atol=1e-6)
