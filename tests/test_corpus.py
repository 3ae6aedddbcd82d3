"""The corpus: made-up persons of every tone, the same at each size, and real textures' folders."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from backend.atlas.texel_map import texel_map
from backend.detector.landmark_indices import IBUG_51
from backend.imaging.log_light import LUMINANCE
from backend.stages.room_light.tone import SKIN_TYPES
from backend.synthetic.corpus.anatomy import Anatomy
from backend.synthetic.corpus.bank import INDEX, build_bank, open_bank
from backend.synthetic.corpus.biophysics import ita_deg
from backend.synthetic.corpus.errors import CorpusError
from backend.synthetic.corpus.foreign_mesh import read_foreign_mesh
from backend.synthetic.corpus.painter import paint
from backend.synthetic.corpus.person import TYPES, draw_person
from backend.synthetic.corpus.real_variation import toned, vary
from backend.synthetic.corpus.skin_statistics import skin_statistics
from backend.synthetic.corpus.studio_folder import (
    WITHHELD,
    open_studio_folder,
    read_studio_image,
    wrapped_textures,
)
from studio_avatar_addon.avatar.template import load_template

CPU = torch.device("cpu")
# More threads only wait for each other beside the other test process.
torch.set_num_threads(1)
PERSONS = range(12)


@pytest.fixture(scope="module")
def template():
    return load_template()


@pytest.fixture(scope="module")
def anatomy(template):
    return Anatomy(texel_map(template, 256), template.vertices_m)


@pytest.fixture(scope="module")
def textures(anatomy):
    return [paint(draw_person(seed), anatomy, CPU) for seed in PERSONS]


def test_the_types_have_the_tones_of_the_grid(textures, anatomy):
    """Median of each type's persons: RGB within 20 %, ITA within 8 degrees, for three persons."""
    figures = [skin_statistics(texture, anatomy) for texture in textures]
    for kind in range(TYPES):
        median = np.median([f.median_linear for f in figures[kind::TYPES]], axis=0)
        grid = SKIN_TYPES[kind]
        assert np.abs(median / grid - 1.0).max() < 0.20
        assert abs(float(ita_deg(median) - ita_deg(grid))) < 8.0


def test_skin_is_as_uneven_as_a_real_scan(textures, anatomy):
    figures = [skin_statistics(texture, anatomy) for texture in textures]
    assert 0.045 < np.median([f.low_frequency for f in figures]) < 0.085
    assert 0.035 < np.median([f.fine_detail for f in figures]) < 0.073


def test_the_maps_are_whole_and_in_range(textures):
    for texture in textures:
        maps = (texture.albedo, texture.roughness, texture.specular, texture.height_m)
        assert all(bool(values.isfinite().all()) for values in maps)
        assert texture.albedo.shape == (3, 256, 256)
        assert texture.albedo.dtype == torch.float32
        assert float(texture.albedo.min()) > 0.0
        assert float(texture.albedo.max()) < 1.0
        assert float(texture.height_m.abs().max()) < 0.002


def test_a_seed_gives_the_same_bits(textures, anatomy):
    again = paint(draw_person(3), anatomy, CPU)
    assert torch.equal(again.albedo, textures[3].albedo)
    assert torch.equal(again.height_m, textures[3].height_m)


def test_a_person_is_the_same_at_another_size(textures, template):
    person = draw_person(2)
    finer = paint(person, Anatomy(texel_map(template, 512), template.vertices_m), CPU)
    assert np.array_equal(finer.moles.position_m, textures[2].moles.position_m)
    shrunk = torch.nn.functional.avg_pool2d(finer.albedo, 2)
    off = (shrunk.log() - textures[2].albedo.log()).abs()[:, :200]
    other = (textures[8].albedo.log() - textures[2].albedo.log()).abs()[:, :200]
    assert float(off.median()) < 0.06
    assert float(off.mean()) < 0.5 * float(other.mean())


def test_moles_are_dark_and_on_the_skin(template):
    anatomy = Anatomy(texel_map(template, 1024), template.vertices_m)
    texture = paint(draw_person(44), anatomy, CPU)
    luminance = anatomy.texels.gather(texture.albedo.permute(1, 2, 0).numpy()) @ LUMINANCE
    moles = texture.moles
    assert len(moles.radius_m) >= 12
    for position, radius in zip(moles.position_m * 1e3, moles.radius_m * 1e3, strict=True):
        distance = np.linalg.norm(anatomy.points - position, axis=1)
        around = luminance[(distance > 2 * radius) & (distance < 2 * radius + 2)]
        assert luminance[distance < radius].min(initial=9.0) < 0.85 * np.median(around)


def test_both_sides_of_the_atlas_seam_agree(textures, anatomy):
    """Texels that show the same place have the same colour, wherever they lie in the atlas."""
    color = anatomy.texels.gather(textures[0].albedo.permute(1, 2, 0).numpy())
    back = np.flatnonzero(
        anatomy.texels.is_material("skin") & (np.abs(anatomy.points[:, 0]) < 1.5)
        & (anatomy.points[:, 1] > 40.0)
    )  # fmt: skip
    left = back[anatomy.points[back, 0] > 0]
    right = back[anatomy.points[back, 0] <= 0]
    apart = np.linalg.norm(anatomy.points[left, None] - anatomy.points[None, right], axis=2)
    near = apart.min(1) < 1.5
    assert near.sum() > 20
    ratio = np.log(color[left[near]]) - np.log(color[right[apart.argmin(1)[near]]])
    assert np.abs(ratio).mean() < 0.12


def test_no_two_persons_look_alike(textures):
    small = [
        torch.nn.functional.avg_pool2d(texture.albedo.log(), 8)[:, :27] for texture in textures
    ]
    closest = min(
        float((one - other).abs().mean()) for i, one in enumerate(small) for other in small[i + 1 :]
    )
    assert closest > 0.05


def test_persons_are_of_all_types_ages_and_both_sexes():
    persons = [draw_person(seed) for seed in range(300)]
    assert [p.skin_type for p in persons[:6]] == list(range(6))
    ages = [p.age_years for p in persons]
    assert 8 <= min(ages) <= 10 and 80 <= max(ages) <= 85
    assert 0.4 < np.mean([p.female for p in persons]) < 0.6
    assert {p.beard for p in persons} == {"none", "stubble", "moustache", "goatee", "full"}
    assert all(p.beard == "none" for p in persons if p.female or p.age_years < 16)


def test_an_unfit_size_is_refused(template):
    small = Anatomy(texel_map(template, 64), template.vertices_m)
    with pytest.raises(ValueError, match="256 to 4096"):
        paint(draw_person(0), small, CPU)


def write_head(folder: Path, template, *, uv: bool = True) -> Path:
    """The template as another head: Y up, centimetres, mirrored UV, a landmark list beside it."""
    vertices = template.vertices_m[:, [0, 2, 1]] * [100.0, 100.0, -100.0]
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices]
    skin = template.quad_material == 0
    lines += [f"vt {1.0 - u:.6f} {v:.6f}" for u, v in template.quad_uv[skin].reshape(-1, 2)]
    for i, quad in enumerate(template.quads[skin]):
        corners = [f"{v + 1}/{4 * i + k + 1}" if uv else f"{v + 1}" for k, v in enumerate(quad)]
        lines.append("f " + " ".join(corners))
    path = folder / "head.obj"
    path.write_text("\n".join(lines), "utf-8")
    corner = template.landmark_weights.argmax(1)
    vertices = template.landmark_vertices[np.arange(478), corner][list(IBUG_51)]
    (folder / "head.landmarks.json").write_text(json.dumps(vertices.tolist()), "utf-8")
    return path


def test_a_folder_of_textures_comes_into_the_atlas(tmp_path, template, anatomy):
    """The other head is ours with its UV mirrored: a picture of left and right must turn round."""
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[:] = (90, 120, 180)
    picture[:, :256] = (60, 90, 140)
    grain = np.random.default_rng(0).integers(-9, 10, (512, 512, 1))
    picture = (picture + grain).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "two_tones.png"), picture)
    folder = open_studio_folder(tmp_path, write_head(tmp_path, template))
    (texture,) = wrapped_textures(folder, anatomy, CPU)
    red = texture.albedo[0, 40:200]
    left, right = float(red[:, 30:110].median()), float(red[:, 150:220].median())
    assert left == pytest.approx((180 / 255) ** 2.2, rel=0.05)
    assert right == pytest.approx((140 / 255) ** 2.2, rel=0.05)
    darker = toned(texture, anatomy, 0.5, 0.0)
    assert float(darker.albedo[0, 40:200].median()) < float(red.median())
    varied = vary([texture, darker], anatomy, 3)
    assert bool(varied.albedo.isfinite().all())


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [
        (np.zeros((512, 512), np.uint8), "greyscale"),
        (np.zeros((512, 512, 3), np.uint16), "16 bits"),
        (np.zeros((64, 64, 3), np.uint8), "64 x 64"),
        (np.zeros((512, 600, 3), np.uint8), "600 x 512"),
    ],
)
def test_unfit_textures_are_refused(tmp_path, pixels, problem):
    cv2.imwrite(str(tmp_path / "skin.png"), pixels)
    with pytest.raises(CorpusError, match=problem):
        read_studio_image(tmp_path / "skin.png")


def test_cmyk_is_refused(tmp_path):
    images = pytest.importorskip("PIL.Image")
    images.new("CMYK", (512, 512)).save(tmp_path / "skin.jpg")
    with pytest.raises(CorpusError, match="CMYK"):
        read_studio_image(tmp_path / "skin.jpg")


def test_unfit_folders_and_meshes_are_refused(tmp_path, template):
    with pytest.raises(CorpusError, match="holds no textures"):
        open_studio_folder(tmp_path, tmp_path / "head.obj")
    with pytest.raises(CorpusError, match="cannot be read"):
        read_foreign_mesh(tmp_path / "head.obj")
    mesh = write_head(tmp_path, template, uv=False)
    with pytest.raises(CorpusError, match="no UV"):
        read_foreign_mesh(mesh)
    mesh = write_head(tmp_path, template)
    (tmp_path / "head.landmarks.json").unlink()
    with pytest.raises(CorpusError, match="landmarks"):
        read_foreign_mesh(mesh)


def test_withheld_textures_are_opened_by_name_only(tmp_path, template):
    for name in ("someone", WITHHELD[0]):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((512, 512, 3), 120, np.uint8))
    mesh = write_head(tmp_path, template)
    assert [path.stem for path in open_studio_folder(tmp_path, mesh).images] == ["someone"]
    (withheld,) = open_studio_folder(tmp_path, mesh, names=WITHHELD[:1]).images
    assert withheld.stem == WITHHELD[0]


def test_a_bank_gives_back_what_was_painted(tmp_path, textures):
    bank = build_bank(tmp_path / "bank", [0, 5], 256)
    assert len(bank) == 2
    back = bank.texture(1, CPU)
    assert float((back.albedo ** (1 / 2.2) - textures[5].albedo ** (1 / 2.2)).abs().max()) < 0.02
    assert float((back.height_m - textures[5].height_m).abs().max()) < 1e-7
    assert np.array_equal(back.moles.radius_m, textures[5].moles.radius_m)
    index = json.loads((tmp_path / "bank" / INDEX).read_text("utf-8"))
    (tmp_path / "bank" / INDEX).write_text(json.dumps(index | {"version": "old"}), "utf-8")
    with pytest.raises(CorpusError, match="another version"):
        open_bank(tmp_path / "bank")


def test_age_draws_lines(anatomy):
    young = replace(draw_person(4), wrinkles=0.0)
    old = replace(young, wrinkles=1.0)
    heights = [paint(person, anatomy, CPU).height_m for person in (young, old)]
    assert float((heights[1] - heights[0]).min()) < -3e-5
