"""The studio texture's ways: what an artist steers, and what spoilt textures do to them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from filmed_head import CPU, QUALITY, Case, Silent
from numpy.typing import NDArray
from scipy.spatial import KDTree

from backend.atlas.texel_map import region, texel_map
from backend.cli.main import main
from backend.imaging.image_files import linear_from_srgb
from backend.imaging.log_light import LUMINANCE
from backend.stages.phone_texture import unwrap
from backend.stages.room_light.neutral import measure_neutral
from backend.stages.room_light.skin_points import GRID, SkinPoints
from backend.stages.room_light.surroundings import Surroundings, trace_surroundings
from backend.stages.room_light.tone import MIRRORED, SKIN_TYPES, NeutralCue, skin_tone
from backend.stages.studio_texture import even_light, studio_texture
from backend.stages.studio_texture.networks import load, studio_net
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.studio_choices import ChoiceError, NeutralSpot, StudioChoices
from studio_avatar_addon.avatar.types import RoomLight, TextureSet


@pytest.fixture(scope="module")
def phone(still_light: Case, light: RoomLight) -> TextureSet:
    case = still_light
    return unwrap(case.capture, case.track, case.fit, light, case.template, QUALITY, Silent())


@pytest.fixture(autouse=True)
def looks_around_once(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests are of one head; seconds a time."""
    monkeypatch.setattr(even_light, "trace_surroundings", lambda fit, template: surroundings)


@pytest.fixture(scope="module")
def surroundings(still_light: Case) -> Surroundings:
    return trace_surroundings(still_light.fit, still_light.template)


def studio(
    case: Case, light: RoomLight, phone: TextureSet, method: str = "hybrid", **choices: float
) -> NDArray[np.float32]:
    """The face's albedo (n, 3)."""
    chosen = StudioChoices(method, **choices)
    made = studio_texture(phone, light, case.fit, case.template, QUALITY, chosen, CPU, Silent())
    assert made.base_color_srgb.dtype == np.float32 and made.size == phone.size
    assert np.isfinite(made.base_color_srgb).all()
    texels = texel_map(case.template, phone.size)
    face = texels.interpolate(region(case.template, "cheeks", "forehead", "chin")) > 0.5
    return linear_from_srgb(texels.gather(made.base_color_srgb)[face])


def tone(albedo: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.median(albedo, axis=0)


def test_artist_sets_exposure_and_warmth(still_light, light, phone):
    plain, darker, warmer = (
        tone(studio(still_light, light, phone, **choices))
        for choices in ({}, {"skin_exposure": -1.0}, {"skin_warmth": 1.0})
    )
    np.testing.assert_allclose(darker, plain / 2, rtol=0.05)
    assert warmer[0] > 1.1 * plain[0] and warmer[2] < 0.9 * plain[2]
    assert warmer @ LUMINANCE == pytest.approx(plain @ LUMINANCE, rel=0.05)


def test_light_is_removed_as_far_as_asked(still_light, light, phone):
    spread = [
        np.log(studio(still_light, light, phone, light_removal=share) @ LUMINANCE).std()
        for share in (0.0, 1.0)
    ]
    assert spread[0] > 1.5 * spread[1]


def test_refined_latents_come_nearer_to_what_physics_tells(still_light, light, phone):
    physics, at_once, refined = (
        np.log(studio(still_light, light, phone, method, **choices) @ LUMINANCE)
        for method, choices in (
            ("physical", {}), ("stylegan", {}), ("stylegan", {"refine_seconds": 3.0}),
        )
    )  # fmt: skip
    apart = [(made - physics).std() for made in (at_once, refined)]
    assert apart[1] < 0.95 * apart[0]


@pytest.mark.parametrize(("share", "least", "most"), [(0.7, 0.0, 0.35), (1.3, 0.4, 0.8)])
def test_light_that_is_left_goes_and_none_is_put_back(
    still_light, light, phone, share, least, most
):
    """The light told too weak, and too strong, against what that does to a plain division."""
    wrong, off = replace(light, common=share * light.common), {}
    for method in ("physical", "hybrid"):
        well, badly = (np.log(studio(still_light, told, phone, method)) for told in (light, wrong))
        off[method] = (badly - well).std()
    assert least <= off["hybrid"] / off["physical"] < most


def hardly_seen(phone: TextureSet) -> TextureSet:
    seen = np.zeros_like(phone.coverage)
    edge = round(phone.size * 0.05**0.5)
    low = (phone.size - edge) // 2
    seen[low : low + edge, low : low + edge] = 1.0
    return replace(phone, coverage=phone.coverage * seen)


def recoloured(phone: TextureSet, change: NDArray[np.float32]) -> TextureSet:
    return replace(phone, base_color_srgb=np.clip(change, 0.0, 1.0).astype(np.float32))


def half_in_shadow(phone: TextureSet) -> TextureSet:
    dark = phone.base_color_srgb.copy()
    dark[:, : phone.size // 2] *= 0.12
    return recoloured(phone, dark)


SPOILT = {
    "5 % seen": hardly_seen,
    "half in black shadow": half_in_shadow,
    "burnt out": lambda p: recoloured(p, 2.5 * p.base_color_srgb),
    "strongly coloured light": lambda p: recoloured(
        p, p.base_color_srgb * np.array([1.2, 0.7, 0.35], np.float32)
    ),
    "grey": lambda p: recoloured(p, p.base_color_srgb.mean(2, keepdims=True).repeat(3, 2)),
    "inverted": lambda p: recoloured(p, 1.0 - p.base_color_srgb),
    "nothing seen": lambda p: replace(p, coverage=np.zeros_like(p.coverage)),
}


@pytest.mark.parametrize(
    ("name", "method"),
    [*((name, "hybrid") for name in SPOILT), ("inverted", "physical"), ("grey", "stylegan")],
)
def test_spoilt_textures_still_make_skin(still_light, light, phone, name, method):
    albedo = studio(still_light, light, SPOILT[name](phone), method)
    luminance = np.median(albedo @ LUMINANCE)
    assert SKIN_TYPES[-1] @ LUMINANCE / 2 < luminance < SKIN_TYPES[0] @ LUMINANCE * 1.5


def test_half_a_face_in_shadow_stays_not_dark(still_light, light, phone):
    dark = half_in_shadow(phone)
    texels = texel_map(still_light.template, phone.size)
    face = texels.interpolate(region(still_light.template, "cheeks")) > 0.5
    left = (texels.texel % phone.size < phone.size // 2)[face]

    def apart(srgb: NDArray[np.float32]) -> float:
        log = np.log(linear_from_srgb(texels.gather(srgb)[face]) @ LUMINANCE + 1e-3)
        return float(np.median(log[~left]) - np.median(log[left]))

    made = studio_texture(
        dark, light, still_light.fit, still_light.template, QUALITY, StudioChoices("hybrid"), CPU,
        Silent(),
    )  # fmt: skip
    assert apart(made.base_color_srgb) < 0.5 * apart(dark.base_color_srgb)


def test_weights_that_are_missing_or_altered_are_told(tmp_path, monkeypatch):
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        load(tmp_path)
    for file in studio_net.WEIGHTS.glob("studio.*"):
        shutil.copy(file, tmp_path)
    altered = tmp_path / "studio.safetensors"
    altered.write_bytes(altered.read_bytes()[:-8] + b"\0" * 8)
    with pytest.raises(EnvironmentProblem, match="not the file"):
        load(tmp_path)


@pytest.mark.parametrize(
    "choices",
    [
        {"studio_method": "magic"},
        {"light_removal": 1.5},
        {"skin_exposure": float("nan")},
        {"skin_warmth": "warm"},
        {"neutral": [1, 2]},
        {"neutral": [1, 20, 20, 7]},
        {"neutral": ["inf", 20, 20]},
        {"neutral": ["a", "b", "c"]},
    ],
)
def test_settings_that_cannot_be_meant_are_told(choices):
    with pytest.raises(ChoiceError):
        StudioChoices.of_arguments(choices)


def test_command_line_refuses_them_before_it_works(tmp_path, capsys):
    out = tmp_path / "avatar"
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no clip")
    assert main(["create", str(clip), "--out", str(out), "--light-removal", "2"]) == 1
    assert "light removal of 2 is out of range" in capsys.readouterr().err
    assert not (out / "avatar.json").exists()


def test_a_neutral_spot_tells_the_light(still_light, tmp_path):
    capture = still_light.capture
    path = tmp_path / "frame.png"
    card = np.full((*capture.size_px[::-1], 3), 90, np.uint8)
    card[:, :40] = 255
    cv2.imwrite(str(path), card)
    capture = replace(capture, frame_paths=(path, *capture.frame_paths[1:]))
    filmed = measure_neutral(capture, NeutralSpot(0, 100.0, 100.0))
    np.testing.assert_allclose(filmed, linear_from_srgb(np.array([90 / 255] * 3)), rtol=1e-3)
    for spot in (NeutralSpot(99, 1.0, 1.0), NeutralSpot(0, -5.0, 1.0), NeutralSpot(0, 10.0, 9.0)):
        with pytest.raises(ChoiceError):
            measure_neutral(capture, spot)


@pytest.mark.parametrize("skin_type", range(6))
def test_a_white_card_finds_the_tone_under_coloured_light(skin_type):
    light = np.array([1.1, 0.8, 0.45], np.float32)
    filmed = (SKIN_TYPES[skin_type] + MIRRORED) * light
    told = skin_tone(filmed, None, NeutralCue(0.85 * light, 0.85))
    guessed = skin_tone(filmed, None)
    off = [np.abs(np.log(t / SKIN_TYPES[skin_type])).max() for t in (told, guessed)]
    assert off[0] < 0.15 and off[0] < off[1]


def test_shipped_weights_are_described_and_small():
    folder: Path = studio_net.WEIGHTS
    assert (folder / "studio.safetensors").stat().st_size < 24 * 2**20
    card = (folder / "README.md").read_text("utf-8")
    assert "CC0" in card and studio_net.weights_sha256() in card


def test_a_cut_of_the_atlas_leaves_no_step_on_the_head(template):
    points = SkinPoints.of(template)
    texels = points.texels
    across = np.mgrid[:GRID, :GRID][1].astype(np.float32) / GRID
    values = texels.gather(across)[points.skin][:, None]  # 0 and 1 at the two sides of the cut
    position = texels.interpolate(template.vertices_m)[points.skin]
    pairs = KDTree(position).query_pairs(0.004, output_type="ndarray")
    cut = pairs[np.abs(np.diff(values[pairs][..., 0], axis=1))[:, 0] > 0.9]
    mended = points.without_seams(values)
    assert len(cut) > 100
    assert np.median(np.abs(np.diff(mended[cut][..., 0], axis=1))) < 0.2
    middle = np.abs(values[:, 0] - 0.5) < 0.05
    face = texels.interpolate(template.region("nose"))[points.skin] > 0.9
    np.testing.assert_array_equal(mended[middle & face], values[middle & face])
