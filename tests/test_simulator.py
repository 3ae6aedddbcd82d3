"""The training simulator: its light against known answers, its textures against the stage's."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from backend.atlas.inpaint import inpaint
from backend.atlas.texel_map import region, texel_map, twin_coordinates
from backend.imaging.log_light import LUMINANCE
from backend.stages.phone_texture import bands
from backend.stages.phone_texture.unwrap import RANK_POWER, SHINE_TOLERANCE
from backend.stages.room_light.lobes import MIN_LOG_SHADING, relative_log
from backend.synthetic.simulator import (
    MOVES_WITH,
    Environments,
    HeadTables,
    Pair,
    Simulator,
    Skins,
    bake_tables,
    batch_inpaint,
    blend,
    draw_environments,
    draw_sheet,
    load_tables,
    read_hdris,
    save_tables,
    view_placement,
)
from backend.synthetic.simulator.atlas_maps import AtlasMaps
from backend.synthetic.simulator.occluders import draw_occluders, find_hair
from backend.synthetic.simulator.phone_camera import draw_phone_camera
from backend.synthetic.simulator.shading import Heads
from backend.synthetic.simulator.simulate import (
    LightEstimate,
    estimate_light,
    relative_log_light,
)
from backend.synthetic.simulator.sphere import DIRECTIONS, Sphere
from backend.synthetic.simulator.view_placement import draw_view_placements
from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.template import HeadTemplate

CPU = torch.device("cpu")
SIZE = 128


@pytest.fixture(scope="module")
def tables(template: HeadTemplate) -> HeadTables:
    identity = np.zeros((1, len(template.identity_names)), np.float32)
    return bake_tables(template, identity)


@pytest.fixture(scope="module")
def heads(tables: HeadTables) -> Heads:
    return Heads(tables, torch.zeros(1, dtype=torch.int64), Sphere.on(CPU))


@pytest.fixture(scope="module")
def atlas(template: HeadTemplate) -> AtlasMaps:
    return AtlasMaps.of(template, SIZE, CPU)


def environment(radiance: float, sun: tuple[float, float, float] | None = None) -> Environments:
    """The same light from everywhere, and a white sun in a direction."""
    direction = torch.tensor([sun or (0.0, 0.0, 1.0)])
    return Environments(
        radiance=torch.full((1, 3, DIRECTIONS), radiance),
        sun_direction=direction / direction.norm(),
        sun_light=torch.full((1, 3), 0.0 if sun is None else 1.0),
        sun_radius_rad=torch.full((1,), 0.005),
        with_camera=torch.zeros(1, dtype=torch.bool),
    )


def unturned(views: int = 1) -> torch.Tensor:
    return torch.eye(3).expand(1, views, 3, 3)


def skins(count: int, albedo: float = 0.4) -> Skins:
    """Mottled grey skin, so that a slide or blur shows."""
    generator = torch.Generator().manual_seed(7)
    mottle = 1.0 + 0.1 * torch.randn(count, 1, SIZE, SIZE, generator=generator)
    return Skins(
        albedo=(albedo * mottle).expand(-1, 3, -1, -1).clamp(0.01, 0.99),
        roughness=torch.full((count, SIZE, SIZE), 0.45),
        specular=torch.full((count, SIZE, SIZE), 0.35),
    )


def simulator(template: HeadTemplate, tables: HeadTables, environments: Environments) -> Simulator:
    return Simulator.on(CPU, template, tables, environments, SIZE)


@pytest.fixture(scope="module")
def pair(template: HeadTemplate, tables: HeadTables) -> Pair:
    environments = draw_environments(torch.Generator().manual_seed(1), 40)
    made = simulator(template, tables, environments)
    return made.simulate(skins(6), torch.Generator().manual_seed(2))


def test_in_a_white_furnace_a_point_gets_what_is_open_and_what_the_head_throws(heads: Heads):
    """Without albedo the openness; of albedo 1 the hidden share comes back once, never above 1."""
    count = heads.tables.bits.shape[1]
    dark = heads.irradiance(environment(1.0), unturned(), torch.zeros(1, count, 3)).linear
    white = heads.irradiance(environment(1.0), unturned(), torch.ones(1, count, 3)).linear
    plain = heads._scatter_in_skin(heads.openness[:, :, None, None].expand(-1, -1, -1, 3))
    assert torch.allclose(dark, plain, atol=0.02)
    assert (white >= dark - 1e-4).all()
    assert white.max() < 1.03
    # One bounce leaves out what is thrown twice: less than a tenth on most of the head.
    assert white.median() > 0.97
    assert torch.quantile(white, 0.1) > 0.75


def test_sun_from_the_left_lights_the_left_and_the_nose_casts_a_shadow(
    heads: Heads, template: HeadTemplate
):
    light = heads.irradiance(
        environment(0.0, (1.0, -0.35, 0.1)), unturned(), torch.zeros(1, heads.points_m.shape[1], 3)
    )
    linear = light.linear[0, :, 0, 0]
    points, normals = heads.points_m[0], heads.normals[0]
    cheek = (points[:, 0].abs() > 0.03) & (points[:, 2].abs() < 0.02) & (points[:, 1] < -0.04)
    left, right = cheek & (points[:, 0] > 0), cheek & (points[:, 0] < 0)
    assert linear[left].mean() > 0.4
    assert linear[right].mean() < 0.1
    # Beside the nose, on the far side, are points that face the sun but do not see it.
    eyes = template.eye_centre_m[:, 2].mean()
    beside = (points[:, 0] < -0.008) & (points[:, 0] > -0.035) & (points[:, 1] < -0.07)
    beside &= (points[:, 2] < eyes - 0.015) & (points[:, 2] > eyes - 0.05)
    towards = light.sun_direction[0, 0]
    facing = beside & (normals @ towards > 0.15)
    assert facing.sum() >= 5
    assert (light.sun_visibility[0, facing, 0] < 0.5).float().mean() > 0.5


def test_mirrored_environments_light_a_symmetric_head_mirrored(heads: Heads):
    """Left and right, and with them the turn of the environment, are not swapped."""
    directions = heads.sphere.directions
    radiance = torch.exp(3.0 * (directions @ torch.tensor([1.0, 0.0, 0.0]) - 1.0))
    lit = replace(environment(0.0), radiance=radiance.expand(1, 3, -1).contiguous())
    count = heads.points_m.shape[1]
    none = torch.zeros(1, count, 3)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turns = torch.stack([torch.eye(3), quarter])[None]  # environment from head
    light = heads.irradiance(lit, turns, none).linear[0, :, :, 0]
    x, y = heads.normals[0, :, 0], heads.normals[0, :, 1]
    assert light[x > 0.8, 0].mean() > 4 * light[x < -0.8, 0].mean()
    # The head's -Y is the environment's +X after a quarter turn about Z.
    assert light[y < -0.8, 1].mean() > 4 * light[y > 0.8, 1].mean()


def test_light_of_the_camera_differs_from_view_to_view_and_light_of_the_head_does_not(
    heads: Heads, atlas: AtlasMaps
):
    environments = environment(0.1, (0.3, -1.0, 0.2)).take(torch.zeros(24, dtype=torch.int64))
    placement = draw_view_placements(torch.Generator().manual_seed(3), 5, environments)
    many = Heads(heads.tables, torch.zeros(24, dtype=torch.int64), heads.sphere)
    none = torch.zeros(24, heads.points_m.shape[1], 3)
    light = many.irradiance(environments, placement.environment_from_head, none).linear[..., 0]
    change = light.std(2).mean(1)
    assert placement.light_follows_camera.any() and not placement.light_follows_camera.all()
    assert change[~placement.light_follows_camera].max() < 1e-5
    assert change[placement.light_follows_camera].min() > 0.005
    # A light at the camera stays in front of the face that the camera sees: turn, then look.
    at_camera = placement.cameras_m / placement.cameras_m.norm(dim=2, keepdim=True)
    first = placement.environment_from_head @ at_camera[..., None]
    spread = (first - first.mean(1, keepdim=True)).norm(dim=2)[..., 0].amax(1)
    assert (
        spread[placement.light_follows_camera].max()
        < 0.5
        < spread[~placement.light_follows_camera].max()
    )


def test_textures_are_whole_and_in_range(pair: Pair):
    assert pair.phone_srgb.shape == pair.studio_srgb.shape == (6, 3, SIZE, SIZE)
    assert pair.log_shading.shape == pair.phone_srgb.shape
    for image in (pair.phone_srgb, pair.studio_srgb, pair.coverage, pair.confidence):
        assert image.dtype == torch.float32
        assert image.isfinite().all() and image.min() >= 0.0 and image.max() <= 1.0
    assert pair.view_count.dtype == torch.uint8
    unseen = pair.coverage == 0.0
    assert unseen.any() and not unseen.all()
    assert (pair.view_count[unseen] == 0).all() and (pair.view_count[~unseen] > 0).all()
    assert (pair.confidence <= pair.coverage).all()
    assert pair.head.tolist() == [0] * 6
    assert {MOVES_WITH[kind] for kind in pair.moves_with} == {"head", "camera"}


def as_image(batch: torch.Tensor) -> np.ndarray:
    """(V, C, N, N) as the stage's (V, N, N, C), float32."""
    return np.ascontiguousarray(batch.permute(0, 2, 3, 1).numpy())


@pytest.fixture(scope="module")
def views() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Three views (1, 3, 3, N, N) in log light of one skin, one of them with a highlight; their
    weights and ranks (1, 3, N, N), of which the left third is 0 in the last view."""
    size = blend.LOW_SHARE * bands.LOW_SIZE
    generator = torch.Generator().manual_seed(8)
    skin = -1.0 + 0.05 * torch.randn(1, 1, 3, size, size, generator=generator)
    noise = 0.02 * torch.randn(1, 3, 3, size, size, generator=generator)
    x = torch.linspace(-1.0, 1.0, size)
    highlight = torch.exp(-((x[:, None] - 0.2) ** 2 + (x - 0.3) ** 2) / 0.02)
    log_rgb = skin + noise
    log_rgb[:, 1] += 0.6 * highlight
    weight = 0.3 + 0.7 * torch.rand(1, 3, size, size, generator=generator)
    weight[:, 2, :, : size // 3] = 0.0
    rank = (0.3 + 0.7 * torch.rand(1, 3, size, size, generator=generator)) * (weight > 0.0)
    return log_rgb, weight, rank


def test_low_bands_are_those_of_the_stage(views):
    """Where a view saw, away from the border: beyond both continue colours by other octaves."""
    log_rgb, weight, _ = views
    ours = blend.low_bands(log_rgb, weight)[0].permute(0, 2, 3, 1).numpy()
    for view in (0, 1):
        theirs, _ = bands.low_band(as_image(log_rgb[0, view][None])[0], weight[0, view].numpy())
        inner = slice(16, -16)
        np.testing.assert_allclose(ours[view, inner, inner], theirs[inner, inner], atol=1e-4)


def test_low_bands_are_averaged_as_in_the_stage(views):
    """A highlight that one view shows counts less in the robust mean, in both alike."""
    log_rgb, weight, _ = views
    lows = blend.low_bands(log_rgb, weight)
    low_weight = torch.nn.functional.avg_pool2d(weight, blend.LOW_SHARE)
    share = blend.robust_shares(lows, low_weight)
    ours = (share[:, :, None] * lows).sum(1)[0].permute(1, 2, 0).numpy()
    theirs = bands.common_low_band(as_image(lows[0]), low_weight[0].numpy())
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    plain = (low_weight[:, :, None] * lows).sum(1)[0] / low_weight.sum(1)
    assert np.abs(ours - plain.permute(1, 2, 0).numpy()).max() > 0.02


def test_high_bands_are_blended_as_in_the_stage(views):
    """The same ranks and low bands give the stage's high band."""
    log_rgb, weight, rank = views
    lows = blend.low_bands(log_rgb, weight)
    low_weight = torch.nn.functional.avg_pool2d(weight, blend.LOW_SHARE)
    size = weight.shape[-1]
    high = log_rgb[0] - blend.upsample(lows[0], size)
    share = blend.high_shares(rank, lows, blend.robust_shares(lows, low_weight))
    ours = (share[0, :, None] * high).sum(0).permute(1, 2, 0).reshape(-1, 3).numpy()
    count = size * size
    total, weight_sum = np.zeros((count, 3), np.float32), np.zeros(count, np.float32)
    best, seen = np.zeros(count, np.float32), np.zeros(count, np.uint8)
    low_images = as_image(lows[0])
    common = bands.common_low_band(low_images, low_weight[0].numpy())
    for view in range(3):
        shine = np.maximum((low_images[view] - common) @ LUMINANCE - SHINE_TOLERANCE, 0.0)
        matte = cv2.resize(np.exp(-6.0 * shine), (size, size), interpolation=cv2.INTER_LINEAR)
        power = rank[0, view].double().numpy() ** RANK_POWER * matte
        bands.add_weighted(
            total, weight_sum, best, seen, as_image(high[view][None])[0].reshape(-1, 3),
            weight[0, view].numpy().ravel(), power.astype(np.float32).ravel(),
        )  # fmt: skip
    np.testing.assert_allclose(ours, total / weight_sum[:, None], atol=1e-4)
    assert np.array_equal(best, weight[0].amax(0).numpy().ravel())
    assert set(seen) == {2, 3}


def test_seen_skin_and_its_twin_are_filled_as_in_the_stage(
    template: HeadTemplate, atlas: AtlasMaps
):
    """One side seen of a face that is alike on both: it stays, and the other side is its mirror.

    The continuations differ (`batch_inpaint`), which a shift from one side to the other would show;
    without one both give the twin's own colours.
    """
    table = texel_map(template, SIZE)
    twin = twin_coordinates(table)
    rest = table.interpolate(template.vertices_m)
    seen = (table.is_material("skin") & (rest[:, 0] > 0.0)).astype(np.float32)
    waves = np.stack([np.sin(k * np.abs(rest[:, 0]) * 60 + rest[:, 2] * 40) for k in (1, 2, 3)], 1)
    log_rgb = (-1.0 + 0.2 * waves).astype(np.float32)
    theirs = inpaint(table, log_rgb, seen, twin)
    # Gutters too: what lies between two texels is interpolated by both.
    image = np.ascontiguousarray(table.scatter(np.concatenate([log_rgb, seen[:, None]], 1)))
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    ours = batch_inpaint.inpaint(atlas, batch[:, :3], batch[:, 3:])
    colours = table.gather(ours.log_rgb[0].permute(1, 2, 0).numpy())
    invented = table.gather(ours.invented[0, 0].numpy())
    nostrils = table.interpolate(region(template, "nostrils"))
    skin = table.is_material("skin") & (nostrils == 0.0)
    np.testing.assert_allclose(invented[skin], theirs.invented[skin], atol=1e-4)
    np.testing.assert_allclose(colours[seen > 0.5], theirs.log_rgb[seen > 0.5], atol=1e-4)
    assert (seen > 0.5).sum() > 1000


def test_shading_is_relative_to_its_median_as_in_the_lobes_fit():
    """Every fourth point tells the median here, all of them there: of these the same."""
    generator = torch.Generator().manual_seed(9)
    light = torch.rand(1, 101, 1, 3, generator=generator).repeat_interleave(4, 1) ** 3
    ours = relative_log_light(light.expand(-1, -1, 3, -1))[0].transpose(0, 1).numpy()
    theirs = relative_log(light[0, :, 0].expand(3, -1, -1).numpy())
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert theirs.min() == pytest.approx(MIN_LOG_SHADING) and theirs.max() > 0.5


def test_shading_is_what_lies_between_studio_and_phone(pair: Pair, atlas: AtlasMaps):
    """In log light they correlate; the rest is shine, tone and error."""
    seen = (pair.coverage > 0.9) & (atlas.bare[0] > 0.9)
    judged = 0
    for index in range(len(pair.head)):
        phone, studio, shading = (
            image[index].mean(0)[seen[index]]
            for image in (pair.phone_srgb, pair.studio_srgb, pair.log_shading)
        )
        if shading.std() < 0.1:  # too even a light to tell
            continue
        judged += 1
        # sRGB's curve is nearly a power of 2.2.
        gain = 2.2 * (torch.log(phone + 1e-3) - torch.log(studio))
        assert torch.corrcoef(torch.stack([gain, shading]))[0, 1] > 0.6
    assert judged >= 4


@pytest.mark.parametrize("light_follows_camera", [False, True])
def test_what_the_stage_makes_of_the_light_does_not_depend_on_its_level(
    heads: Heads, atlas: AtlasMaps, light_follows_camera: bool
):
    """Cameras light dark skin up: its light is brighter, but the same for the stage."""
    environments = environment(0.1, (0.3, -1.0, 0.2)).take(torch.zeros(2, dtype=torch.int64))
    placement = draw_view_placements(torch.Generator().manual_seed(3), 4, environments)
    placement = replace(placement, light_follows_camera=torch.full((2,), light_follows_camera))
    none = torch.zeros(2, heads.points_m.shape[1], 3)
    many = Heads(heads.tables, torch.zeros(2, dtype=torch.int64), heads.sphere)
    light = many.irradiance(environments, placement.environment_from_head, none).linear

    def estimated(level: float) -> LightEstimate:
        generator = torch.Generator().manual_seed(4)
        return estimate_light(atlas, torch.log(light + 0.01) + level, placement, generator)

    dark, bright = estimated(-0.7), estimated(0.7)
    assert torch.allclose(dark.lift, bright.lift, atol=1e-4)
    assert torch.allclose(dark.common, bright.common, atol=1e-4)
    assert dark.common.std() > 0.1


def test_painted_hair_is_hidden_strand_by_strand_and_a_bald_scalp_is_not(atlas: AtlasMaps):
    """Dark strands on one side of the scalp, and a dark mole on the cheek."""
    generator = torch.Generator().manual_seed(6)
    skin = torch.tensor([0.45, 0.28, 0.2])[:, None, None]
    bald = (skin * (1.0 + 0.05 * torch.randn(1, 1, SIZE, SIZE, generator=generator))).clamp(0.01)
    side = torch.arange(SIZE) < SIZE // 2
    scalp = (atlas.scalp > 0.5) & side
    strands = scalp & (torch.rand(1, 1, SIZE, SIZE, generator=generator) < 0.5)
    cheek = (atlas.bare > 0.9) & (atlas.height_m < -0.02) & (atlas.height_m > -0.025)
    dark = torch.where(strands | cheek, 0.15 * bald, bald)
    hidden, none = find_hair(atlas, torch.log(torch.cat([dark, bald])))
    assert cheek.any() and not hidden[cheek[0]].any()
    assert hidden[strands[0]].mean() > 0.95
    assert hidden[((atlas.scalp > 0.5) & ~side)[0]].mean() < 0.02
    assert not none.any()
    occluders = draw_occluders(generator, atlas, torch.log(torch.cat([dark, bald])))
    assert occluders.hair_cover[0, scalp[0]].mean() > 0.9
    assert not occluders.hair_cover[1].any() and not occluders.cropped_hair[1].any()


def test_narrow_filming_leaves_the_sides_unseen(
    template: HeadTemplate, tables: HeadTables, atlas: AtlasMaps, monkeypatch: pytest.MonkeyPatch
):
    made = simulator(template, tables, environment(1.0))
    seen = []
    for degrees in (12.0, 60.0):
        reach = math.radians(degrees)
        monkeypatch.setattr(view_placement, "YAW_RANGE_RAD", (reach, reach))
        seen.append(made.simulate(skins(4), torch.Generator().manual_seed(4)).coverage)
    ears = atlas.ears[0, 0] > 0.5
    nose = (atlas.bare[0, 0] > 0.5) & (atlas.height_m[0, 0].abs() < 0.03)
    nose &= (atlas.lateral_from_eye_m[0, 0] < -0.02) & (atlas.front[0, 0] > 0.5)
    assert seen[0][:, nose].mean() > 0.8
    assert seen[1][:, ears].mean() > seen[0][:, ears].mean() + 0.15


def test_same_seed_same_pair(template: HeadTemplate, tables: HeadTables):
    def made() -> Pair:
        generator = torch.Generator().manual_seed(5)
        environments = draw_environments(generator, 8)
        return simulator(template, tables, environments).simulate(skins(2), generator)

    first, second = made(), made()
    assert torch.equal(first.phone_srgb, second.phone_srgb)
    assert torch.equal(first.coverage, second.coverage)


def test_tables_of_another_version_or_head_are_refused(
    template: HeadTemplate, tables: HeadTables, tmp_path: Path
):
    path = tmp_path / "heads.npz"
    save_tables(tables, path)
    assert torch.equal(load_tables(path, template).bits, tables.bits)
    with pytest.raises(EnvironmentProblem, match="another head template"):
        load_tables(path, replace(template, sha256="0"))
    stored = read_arrays(path) | {"version": np.array(0)}
    write_arrays(path, **stored)
    with pytest.raises(EnvironmentProblem, match=r"version 0.*Bake"):
        load_tables(path, template)
    path.write_bytes(b"no archive")
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        load_tables(path, template)


def test_skins_of_another_size_than_the_atlas_are_refused(
    template: HeadTemplate, tables: HeadTables
):
    made = simulator(template, tables, environment(1.0))
    small = skins(1)
    small = Skins(small.albedo[..., ::2, ::2], small.roughness, small.specular)
    with pytest.raises(ValueError, match="atlas of 128 texels"):
        made.simulate(small, torch.Generator().manual_seed(1))


def test_panoramas_without_light_are_refused(tmp_path: Path):
    path = tmp_path / "room.hdr"
    path.write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match="no panorama that can be read"):
        read_hdris(tmp_path)
    cv2.imwrite(str(path), np.zeros((32, 64, 3), np.float32))
    with pytest.raises(EnvironmentProblem, match="holds no light"):
        read_hdris(tmp_path)
    cv2.imwrite(str(path), np.ones((32, 64, 3), np.float32))
    assert read_hdris(tmp_path).radiance.mean() == pytest.approx(1.0, abs=0.01)


def test_a_frame_clips_what_is_too_bright_and_keeps_the_order_of_the_rest():
    camera = draw_phone_camera(torch.Generator().manual_seed(1), 64, 2, 4)
    dark, bright = (
        camera.process(1, torch.full((64, 3, 4, 4), linear))[0].exp() for linear in (0.1, 4.0)
    )
    assert bright.max() <= 1.0041
    assert bright.mean() > 0.9
    assert dark.median() == pytest.approx(0.1, rel=0.3)


def test_sheet_shows_every_pair(pair: Pair):
    sheet = draw_sheet(pair, across=4, tile_px=32)
    assert sheet.shape == (2 * 32, 4 * 3 * 32, 3)
    assert sheet[:32].std() > 5
