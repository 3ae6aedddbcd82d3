"""Texture stages on the template with a known skin, filmed by known cameras under a known light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backend.atlas import AtlasTable, atlas_table, sample_at, twin_coordinates
from backend.benchmark.ghosting import ghosting
from backend.detail import restore_detail
from backend.detail.poisson import differences, with_gradients
from backend.images import (
    linear_from_srgb,
    load_frame_linear,
    load_mask,
    pixels_8bit,
    srgb_from_linear,
    write_png,
)
from backend.phone_texture import unwrap
from backend.phone_texture.bands import common_low_band
from backend.phone_texture.common_light import CommonLight
from backend.phone_texture.fidelity import Fidelity, measure_fidelity
from backend.phone_texture.fill import complete
from backend.posed_head import pose_head
from backend.raster import interpolate_vertices
from backend.room_light import estimate_light
from backend.room_light.filmed import FilmedPoints
from backend.room_light.light import fit_shading
from backend.room_light.surroundings import Surroundings, look_around
from backend.room_light.tone import SKIN_TYPES, skin_tone
from backend.room_light.visibility import cast_visibility, even_directions
from backend.sampling.clothes import SkinKeeper
from backend.sampling.opened import Frames
from backend.sampling.views import pixels_per_m
from backend.studio import studio_texture
from backend.surface import vertex_normals
from studio_avatar_addon.avatar.frames import rotation_about
from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import (
    Camera,
    Capture,
    FaceTrack,
    Finding,
    HeadFit,
    Quality,
    RoomLight,
    TextureSet,
)

QUALITY = Quality("test", 512, 5, False)
SIZE_PX = (320, 400)
YAWS_DEG = (-40.0, -20.0, 0.0, 20.0, 40.0)
SKIN = np.array([0.42, 0.25, 0.17], np.float32)
MOLE_M = 0.004
# Towards the light, in the frame (head's or camera's) where it stands still; Y backwards.
LIGHT = np.array([0.75, -0.60, 0.30]) / np.linalg.norm([0.75, -0.60, 0.30])


class Silent:
    """A progress reporter that keeps what it is warned of."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.shares: list[float] = []

    def __call__(self, done: float, total: float, message: str = "") -> None:
        self.shares.append(done / total)

    def warn(self, finding: Finding) -> None:
        self.findings.append(finding)


@dataclass(frozen=True)
class Case:
    """A simulated clip and its truth."""

    template: HeadTemplate
    capture: Capture
    track: FaceTrack
    fit: HeadFit
    moles_m: NDArray[np.float32]  # (m, 3)


@pytest.fixture(scope="module")
def template() -> HeadTemplate:
    return load_template()


@pytest.fixture(scope="module")
def table(template: HeadTemplate) -> AtlasTable:
    return atlas_table(template, 256)


@pytest.fixture(scope="module")
def around(template: HeadTemplate) -> Surroundings:
    return look_around(_fit(template, np.stack([_pose(0.0)])), template)


@pytest.fixture(scope="module")
def still_light(template: HeadTemplate, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return _film(template, tmp_path_factory.mktemp("still"), moves_with_camera=False)


@pytest.fixture(scope="module")
def light(still_light: Case) -> RoomLight:
    return _light(still_light)


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
    return studio_texture(phone, light, case.fit, case.template, QUALITY, Silent())


def _light(case: Case) -> RoomLight:
    device = torch.device("cpu")
    return estimate_light(case.capture, case.track, case.fit, case.template, device, Silent())


def albedo_of(position_m: NDArray, moles_m: NDArray) -> NDArray[np.float32]:
    """Skin with a soft pattern and small dark moles: (..., 3) linear."""
    x, y, z = np.moveaxis(position_m, -1, 0)
    wave = 0.08 * np.sin(x * 260.0) * np.sin(z * 230.0 + y * 90.0)
    albedo = SKIN * np.exp(wave)[..., None]
    for mole in moles_m:
        near = np.exp(-((np.linalg.norm(position_m - mole, axis=-1) / (MOLE_M / 2)) ** 4))
        albedo = albedo * (1.0 - 0.6 * near[..., None])
    return albedo.astype(np.float32)


def _film(template: HeadTemplate, folder: Path, *, moves_with_camera: bool) -> Case:
    """Five frames of the mean head before a blue wall."""
    poses = np.stack([_pose(yaw) for yaw in YAWS_DEG])
    count = len(poses)
    fit = _fit(template, poses)
    front = template.vertices_m[
        (vertex_normals(template.vertices_m, template.triangles)[:, 1] < -0.8)
        & (np.abs(template.vertices_m[:, 0]) > 0.02)
        & (template.region_weights[template.region_names.index("cheeks")] > 0.5)
    ]
    moles = front[:: max(len(front) // 6, 1)]
    normals = vertex_normals(template.vertices_m, template.triangles)
    frames, masks = [], []
    for k in range(count):
        posed = pose_head(fit, k, template)
        triangles = template.triangles[posed.shown]
        position = interpolate_vertices(posed.raster, triangles, template.vertices_m)
        normal = interpolate_vertices(posed.raster, triangles, normals.astype(np.float32))
        turn = poses[k, :3, :3].T @ _pose(0.0)[:3, :3] if moves_with_camera else np.eye(3)
        shading = 0.35 + 0.75 * np.clip(normal @ (turn @ LIGHT), 0.0, 1.0)
        image = albedo_of(position, moles) * shading[..., None]
        image[~posed.raster.covered] = (0.10, 0.20, 0.60)
        frames.append(folder / f"frame_{k}.png")
        masks.append(folder / f"mask_{k}.png")
        write_png(frames[-1], pixels_8bit(srgb_from_linear(image)))
        write_png(masks[-1], pixels_8bit(posed.raster.covered.astype(np.float32)))
    points = np.full((count, 478, 2), np.nan, np.float32)
    capture = Capture(
        source=folder / "clip.mp4", sha256="0" * 64, size_px=SIZE_PX, fps=30.0, rotation_deg=0,
        transfer="srgb", time_s=np.arange(count) / 30.0, detections_px=points,
        sharpness=np.ones(count, np.float32), frame_index=np.arange(count),
        frame_paths=tuple(frames), frame_gain=np.ones((count, 3), np.float32),
        camera_guess=fit.camera, focal_known=True,
        exposure_known=moves_with_camera,
    )  # fmt: skip
    no_hands = np.full((count, 2, 21, 2), np.nan, np.float32)
    track = FaceTrack(points, np.ones(count, np.float32), points, tuple(masks), no_hands)
    return Case(template, capture, track, fit, moles)


def _pose(yaw_deg: float) -> NDArray[np.float64]:
    """Camera half a metre in front of a head turned by an angle."""
    pose = np.eye(4)
    opencv_from_head = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    turn = rotation_about(np.array([0.0, 0.0, 1.0]), np.deg2rad(yaw_deg))
    pose[:3, :3] = opencv_from_head @ turn
    pose[:3, 3] = (0.0, -0.02, 0.55)
    return pose


def test_table_knows_where_its_texels_lie(template: HeadTemplate, table: AtlasTable) -> None:
    uv = table.interpolate(np.arange(len(template.vertices_m), dtype=np.float32))
    assert uv.shape == (len(table),)
    point = np.einsum(
        "nk,nkc->nc", table.barycentric, template.triangle_uv[table.triangle].astype(np.float64)
    )
    column, row = table.texel % table.size, table.texel // table.size
    np.testing.assert_allclose(point[:, 0] * table.size, column + 0.5, atol=1e-2)
    np.testing.assert_allclose((1.0 - point[:, 1]) * table.size, row + 0.5, atol=1e-2)


def test_gutters_repeat_the_nearest_texel(table: AtlasTable) -> None:
    image = table.image(np.ones(len(table), np.float32))
    assert (image == 1.0).all()
    own = np.arange(len(table), dtype=np.int32)
    np.testing.assert_array_equal(table.pick(table.image(own)), own)


def test_twin_lies_on_the_other_side(template: HeadTemplate, table: AtlasTable) -> None:
    position = table.interpolate(template.vertices_m)
    twin = sample_at(table.image(position), twin_coordinates(table))
    skin = table.is_material("skin")
    error = np.linalg.norm(twin * (-1.0, 1.0, 1.0) - position, axis=1)[skin]
    assert np.median(error) < 0.0005 and np.quantile(error, 0.95) < 0.003


def test_vertex_means_give_back_a_smooth_field(template: HeadTemplate, table: AtlasTable) -> None:
    field = template.vertices_m[:, :1]
    means, weight = table.to_vertices(table.interpolate(field), np.ones(len(table), np.float32))
    known = weight > 2.0
    assert np.abs(means - field)[known].max() < 0.012
    assert np.median(np.abs(means - field)[known]) < 0.0015


def _fidelity(case: Case, light: RoomLight, texture: TextureSet) -> Fidelity:
    frames = Frames.of(case.capture, case.track, case.fit, case.template)
    return measure_fidelity(texture, frames, CommonLight.of(light, case.template))


def test_phone_texture_shows_the_frames_again(
    still_light: Case, light: RoomLight, phone: TextureSet
) -> None:
    fidelity = _fidelity(still_light, light, phone)
    assert fidelity.psnr_db.mean() > 33.0
    assert 0.85 < fidelity.sharpness.mean() < 1.1


def test_views_are_brought_to_one_light_where_it_turns_with_the_camera(
    template: HeadTemplate, tmp_path: Path
) -> None:
    case = _film(template, tmp_path, moves_with_camera=True)
    light = _light(case)
    assert light.moves_with == "camera"
    as_filmed = replace(light, moves_with="head", common=np.zeros_like(light.common))
    psnr_db = []
    for told in (light, as_filmed):
        texture = unwrap(case.capture, case.track, case.fit, told, case.template, QUALITY, Silent())
        psnr_db.append(_fidelity(case, told, texture).psnr_db.mean())
    assert psnr_db[0] > 33.0
    assert psnr_db[0] > psnr_db[1] + 3.0


def test_exposure_is_told_from_light(still_light: Case, light: RoomLight) -> None:
    case = still_light
    assert light.moves_with == "head" and np.abs(light.exposure_log).max() < 0.03
    wobble = np.array([1.0, 1.15, 0.9])[np.arange(len(case.fit.left_out)) % 3, None]
    wobble = (wobble * np.array([1.05, 1.0, 0.95])).astype(np.float32)
    wobble[::3] = 1.0
    wobbling = replace(case, capture=replace(case.capture, frame_gain=wobble))
    told = _light(wobbling)
    assert told.moves_with == "head"
    away = told.exposure_log - np.log(wobble)
    assert np.abs(away - np.median(away, 0)).max() < 0.03


def test_ghosting_rises_with_a_second_copy() -> None:
    random = np.random.default_rng(3)
    marks = cv2.GaussianBlur(random.normal(size=(200, 200)).astype(np.float32), (0, 0), 1.2)
    everywhere = np.ones(marks.shape, bool)
    alone = ghosting(marks, everywhere)
    double = ghosting(0.5 * (marks + np.roll(marks, 7, axis=1)), everywhere)
    assert double > 3.0 * alone
    assert np.isnan(ghosting(marks, ~everywhere))


def test_no_background_reaches_the_texture(phone: TextureSet, template: HeadTemplate) -> None:
    table = atlas_table(template, phone.size)
    skin = table.pick(phone.base_color_srgb)[table.is_material("skin")]
    assert (skin[:, 2] < skin[:, 0]).all()  # the wall is blue
    assert skin.min() > 0.05  # nor black cracks


@pytest.mark.parametrize("shirt", [(0.01, 0.012, 0.03), (0.60, 0.60, 0.62), (0.05, 0.20, 0.10)])
def test_a_shirt_is_not_skin(still_light: Case, shirt: tuple[float, float, float]) -> None:
    case, k = still_light, 2
    posed = pose_head(case.fit, k, case.template)
    frame, person = load_frame_linear(case.capture, k).copy(), load_mask(case.track, k).copy()
    rows = np.flatnonzero(posed.raster.covered.any(1))
    hem = round(rows[0] + 0.93 * len(rows))
    frame[hem:], person[hem:] = shirt, 1.0
    scale = pixels_per_m(posed, case.fit)
    bare = SkinKeeper(case.template).bare(frame, posed, person, scale)
    assert (bare[hem + 2 : rows[-1]][posed.raster.covered[hem + 2 : rows[-1]]] < 0.1).mean() > 0.95
    face = posed.raster.covered[: round(rows[0] + 0.7 * len(rows))]
    assert bare[: len(face)][face].mean() > 0.97


def test_coverage_is_honest(phone: TextureSet, template: HeadTemplate) -> None:
    table = atlas_table(template, phone.size)
    position = table.interpolate(template.vertices_m)
    coverage, skin = table.pick(phone.coverage), table.is_material("skin")
    nape = skin & (position[:, 1] > 0.06) & (np.abs(position[:, 0]) < 0.02)
    cheeks = table.interpolate(template.region("cheeks")) > 0.9
    assert coverage[nape].max() == 0.0 and table.pick(phone.view_count)[nape].max() == 0
    assert coverage[cheeks & skin].mean() > 0.97
    assert coverage[~skin].max() == 0.0
    assert phone.view_count.max() <= len(YAWS_DEG)


def test_unseen_skin_comes_from_the_other_side(table: AtlasTable) -> None:
    position = table.interpolate(table.template.vertices_m)
    truth = np.repeat((np.abs(position[:, :1]) * 8.0).astype(np.float32), 3, axis=1)
    seen = (position[:, 0] > -0.01).astype(np.float32)
    filled = complete(table, np.where(seen[:, None] > 0, truth, 9.0), seen, twin_coordinates(table))
    skin = table.is_material("skin")
    assert np.quantile(np.abs(filled.log_rgb - truth)[skin], 0.98) < 0.05
    assert np.median(filled.invented[skin]) < 0.01


def test_shine_seen_by_few_views_is_left_out() -> None:
    views = np.zeros((7, 4, 4, 3), np.float32)
    views[2] = 1.5
    common = common_low_band(views, np.ones((7, 4, 4), np.float32))
    assert np.abs(common).max() < 0.03


def test_rays_meet_a_lid_over_a_point() -> None:
    lid = np.array([[-1.0, -1.0, 0.1], [1.0, -1.0, 0.1], [0.0, 1.5, 0.1]], np.float32)
    up = np.array([[0.0, 0.0, 1.0]], np.float32)
    origin = np.zeros((1, 3), np.float32)
    directions = even_directions(256)
    closed = cast_visibility(origin, up, lid, np.array([[0, 1, 2]]), directions)
    opened = cast_visibility(
        origin, up, lid - np.array([0, 0, 5], np.float32), np.array([[0, 1, 2]]), directions
    )
    assert opened.openness[0] == pytest.approx(1.0, abs=0.02)
    assert closed.openness[0] < 0.05


@pytest.mark.parametrize("moves_with", ["head", "camera"])
def test_light_is_told_from_skin(around: Surroundings, moves_with: str) -> None:
    normals = around.visibility.normals
    turns = np.stack([_pose(yaw)[:3, :3] for yaw in YAWS_DEG]).astype(np.float32)
    frontal = _pose(0.0)[:3, :3]
    shading = []
    for turn in turns:
        light = turn.T @ frontal @ LIGHT if moves_with == "camera" else LIGHT
        lit = around.visibility.transfer @ np.exp(
            6.0 * (around.visibility.directions @ light.astype(np.float32) - 1.0)
        )
        shading.append(0.3 * around.visibility.openness + lit)
    truth = np.stack(shading).astype(np.float32)
    facing = np.stack([-(normals @ turn[2]) for turn in turns])
    filmed = FilmedPoints(
        radiance=truth[..., None] * SKIN, weight=np.clip(facing, 0.0, 1.0), camera_from_head=turns
    )
    usable = np.clip(around.visibility.openness * 2.0 - 0.8, 0.0, 1.0)
    fitted = fit_shading(
        filmed, around, usable, SKIN, torch.device("cpu"), exposure_known=moves_with == "camera"
    )
    assert fitted.moves_with == moves_with
    seen = (filmed.weight > 0.3) & (usable > 0.5)
    log_truth = np.log(np.maximum(truth, 1e-6))
    ratio = fitted.log_shading[..., 1] - log_truth
    assert np.median(np.abs(ratio - np.median(ratio[seen]))[seen]) < 0.06
    assert log_truth[seen].std() > 0.2  # there was something to take out


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


@pytest.mark.parametrize("skin_type", range(6))
def test_tone_survives_any_skin(skin_type: int) -> None:
    light = np.array([0.95, 0.90, 0.85], np.float32)
    tone = skin_tone(SKIN_TYPES[skin_type] * light, 0.65 * np.array([0.62, 0.57, 0.53]) * light)
    assert np.abs(np.log(tone / SKIN_TYPES[skin_type])).max() < 0.30


def test_poisson_gives_back_an_image_from_its_gradients() -> None:
    image = np.random.default_rng(5).normal(size=(48, 64)).astype(np.float32)
    image -= image.mean()
    back = with_gradients(np.zeros_like(image), *differences(image), reach=1e3)
    np.testing.assert_allclose(back - back.mean(), image, atol=5e-3)
    kept = with_gradients(image, np.zeros_like(image), np.zeros_like(image), reach=0.01)
    np.testing.assert_allclose(kept, image, atol=2e-3)


def test_detail_brings_back_moles_that_stage_one_lost(
    still_light: Case, phone: TextureSet, studio: TextureSet
) -> None:
    case = still_light
    smooth = replace(studio, base_color_srgb=cv2.GaussianBlur(studio.base_color_srgb, (0, 0), 4.0))
    detail = restore_detail(phone, smooth, case.fit, case.template, QUALITY, Silent())
    truth, seen = _truth(case, detail)
    dark = seen & (truth[..., 1] < 0.6 * SKIN[1])
    skin = seen & (truth[..., 1] > 0.9 * SKIN[1])
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
    detail = restore_detail(phone, studio, case.fit, case.template, QUALITY, Silent())
    assert detail.origin == "detail" and studio.origin == "studio" and phone.origin == "phone"
    assert detail.normal is not None and detail.roughness is not None
    assert detail.specular is not None and detail.cavity is not None
    np.testing.assert_allclose(np.linalg.norm(detail.normal, axis=2), 1.0, atol=1e-4)
    assert (detail.normal[..., 2] > 0.8).all()
    table = atlas_table(case.template, detail.size)
    skin = table.is_material("skin")
    assert 0.3 < np.median(table.pick(detail.roughness)[skin]) < 0.55
    assert table.pick(detail.specular)[skin].max() < 0.45
    assert detail.cavity.min() >= 0.0 and detail.cavity.max() <= 1.0
    # A mole is a spot, not a hole: but fine structure must leave a trace.
    assert np.abs(detail.normal[..., :2]).max() > 0.01


def _fit(template: HeadTemplate, poses: NDArray[np.float64]) -> HeadFit:
    """The mean head at rest, seen by a known camera from known sides (K, 4, 4)."""
    count = len(poses)
    return HeadFit(
        identity=np.zeros(len(template.identity_names), np.float32),
        neutral_m=template.vertices_m,
        shape_deltas_m=template.shape_deltas_m,
        corrective_deltas_m=template.corrective_deltas_m,
        joints_m=template.bone_ends_m,
        eye_centre_m=template.eye_centre_m,
        eye_radius_m=template.eye_radius_m,
        camera=Camera(SIZE_PX, (700.0, 700.0), (SIZE_PX[0] / 2, SIZE_PX[1] / 2)),
        camera_from_head=poses,
        expression=np.zeros((count, 52), np.float32),
        gaze_rad=np.zeros((count, 2, 2), np.float32),
        landmark_px=np.ones(count, np.float32),
        outline_px=np.ones(count, np.float32),
        track_px=np.ones(count, np.float32),
        focal_log_sd=0.0,
        left_out=("",) * count,
    )


def _truth(case: Case, texture: TextureSet) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Albedo (N, N, 3) and where it was well seen on open skin."""
    table = atlas_table(case.template, texture.size)
    position = table.interpolate(case.template.vertices_m)
    cheeks = table.interpolate(case.template.region("face")) > 0.5
    seen = cheeks & table.is_material("skin") & (table.pick(texture.coverage) > 0.9)
    return (
        table.image(albedo_of(position, case.moles_m)),
        table.image(seen, gutters=False),
    )


def _sides(case: Case, texture: TextureSet) -> tuple[NDArray, NDArray]:
    """Median linear colour of the left and of the right cheek."""
    table = atlas_table(case.template, texture.size)
    position = table.interpolate(case.template.vertices_m)
    cheeks = table.interpolate(case.template.region("cheeks")) > 0.7
    colour = linear_from_srgb(table.pick(texture.base_color_srgb))
    left, right = cheeks & (position[:, 0] > 0.02), cheeks & (position[:, 0] < -0.02)
    return np.median(colour[left], 0), np.median(colour[right], 0)
