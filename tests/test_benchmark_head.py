"""The head's benchmark against heads, atlases and deformations that were made up and are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.benchmark.figures import Figure, Section, Target, as_json, as_table
from backend.benchmark.head import (
    benchmark_head,
    landmark_figures,
    mesh_figures,
    surface_figures,
    wrap,
)
from backend.benchmark.head.atlas_figures import (
    doubly_covered,
    signed_areas,
    smallest_gap_px,
    stretch,
)
from backend.benchmark.head.mesh_figures import quad_angles_deg
from backend.benchmark.head.reference import (
    DELTAS,
    FIRST_INNER,
    FOLDER,
    IDENTITIES,
    INDICES,
    MESH,
    METRES_PER_UNIT,
    ReferenceMissing,
    load_reference,
)
from backend.benchmark.head.reference_fit import MAX_IDENTITY_SD, ReferenceFitter
from backend.benchmark.head.surface_figures import REGIONS, Ruler
from backend.benchmark.head.wrap import Wrap, cached_wrap, wrap_template
from backend.cli import developer_commands, main
from backend.detector.landmark_indices import IBUG_51
from backend.geometry.closest import Surface
from backend.geometry.normals import vertex_normals
from backend.geometry.similarity import IDENTITY, Similarity
from backend.registration.correspondence import material_vertices
from backend.registration.reference_head import HEAD_FROM_Y_UP, ReferenceHead
from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.frames import rotation_about
from studio_avatar_addon.avatar.shapes import SHAPE_INDEX
from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate

MM = 1e-3
SIZE = 2048
TALLER_CM = (0.0, 1.0, 0.0)  # Y up
MOVED = Similarity(
    1.04, rotation_about(np.array([0.2, 1.0, 0.4]), np.radians(4)), np.array([4.0, -6, 3]) * MM
)


@pytest.fixture(scope="module")
def skin(template: HeadTemplate) -> np.ndarray:
    return template.triangles[template.triangle_material == MATERIALS.index("skin")]


@pytest.fixture(scope="module")
def known(template: HeadTemplate, skin: np.ndarray) -> ReferenceHead:
    """A reference that is another head of the template's own kind, of another size and place."""
    identity = np.random.default_rng(3).normal(0.0, 0.7, len(template.identity_names))
    vertices = MOVED(template.neutral_m(identity).astype(np.float64))
    landmarks = template.landmarks_m(template.vertices_m)[list(IBUG_51)]
    on_skin = np.unique(skin)
    away = np.linalg.norm(template.vertices_m[on_skin][None] - landmarks[:, None], axis=2)
    return ReferenceHead(
        sha256="made-up",
        vertices_m=vertices,
        skin_triangles=skin,
        landmark_vertices=on_skin[away.argmin(axis=1)],
        identity_deltas_m=np.zeros((1, len(vertices), 3), np.float32),
        expression_names=("jawOpen",),
        expression_deltas_m=template.shape_deltas_m[[SHAPE_INDEX["jawOpen"]]],
    )


@pytest.fixture(scope="module")
def made_wrap(template: HeadTemplate, known: ReferenceHead) -> Wrap:
    return wrap_template(template, known)


def test_a_head_moved_and_scaled_is_no_way_from_itself(template: HeadTemplate, skin: np.ndarray):
    rest = template.vertices_m.astype(np.float64)
    distances = Ruler(template).measure(MOVED(rest), Surface(rest, skin))
    assert np.all(distances.p90 < 0.01)


def test_a_thicker_neck_is_measured_in_millimetres(template: HeadTemplate, skin: np.ndarray):
    """The neck alone: it has no say in how a head is laid on another."""
    rest = template.vertices_m.astype(np.float64)
    others = np.max([template.region(n) for n in ("face", "ears_L", "ears_R", "cranium")], axis=0)
    neck = (template.region("neck") > 0.5) & (others < 0.01)
    thicker = rest + 2.0 * MM * neck[:, None] * vertex_normals(rest, skin)
    distances = Ruler(template).measure(rest, Surface(thicker, skin))
    by_region = dict(zip(REGIONS, distances.mean, strict=True))
    assert distances.p90[list(REGIONS).index("neck")] == pytest.approx(2.0, abs=0.05)
    assert by_region["neck"] > 1.6
    assert by_region["face"] < 0.1 and by_region["ear"] < 0.1 and by_region["cranium"] < 0.1


def test_closest_places_lie_inside_triangles_on_edges_and_corners():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    asked = np.array([[0.25, 0.25, 2.0], [0.5, -1.0, 0.0], [3.0, -1.0, 0.0], [1.0, 1.0, 0.0]])
    surface = Surface(corners, np.array([[0, 1, 2]]))
    places = surface.closest(asked)
    nearest = [[0.25, 0.25, 0], [0.5, 0, 0], [1, 0, 0], [0.5, 0.5, 0]]
    np.testing.assert_allclose(places.points_m, nearest, atol=1e-12)
    np.testing.assert_allclose(places.distance_m, [2, 1, np.sqrt(5), np.sqrt(0.5)])
    assert surface.on_border(places).all()  # a lone triangle is all border


def test_wrap_finds_every_vertex_of_a_deformed_copy(
    template: HeadTemplate, known: ReferenceHead, made_wrap: Wrap
):
    skin_vertices = material_vertices(template, "skin")
    face = skin_vertices & (template.region("face") > 0.5)
    assert made_wrap.trusted[face].mean() > 0.95 and made_wrap.trusted[skin_vertices].mean() > 0.85
    off = np.linalg.norm(made_wrap.transfer(known.vertices_m) - known.vertices_m, axis=1)
    off_face = off[face & made_wrap.trusted]
    assert np.median(off_face) < 1.2 * MM and np.percentile(off_face, 95) < 4.0 * MM


def test_wrap_keeps_the_lips_apart(template: HeadTemplate, known: ReferenceHead, made_wrap: Wrap):
    """The jaw's own shape, transferred, still opens the mouth: no lip was laid on the other."""
    opened = template.shape_deltas_m[SHAPE_INDEX["jawOpen"]][:, 2]
    carried = made_wrap.transfer(known.expression("jawOpen"))[:, 2]
    lips = (template.region("lips") > 0.5) & made_wrap.trusted & material_vertices(template, "skin")
    lower, upper = lips & (opened < 0.8 * opened.min()), lips & (opened > 0.1 * opened.min())
    assert lower.sum() > 10 and upper.sum() > 10
    assert np.percentile(carried[lower], 95) < 0.6 * opened.min()
    assert np.percentile(carried[upper], 5) > 0.3 * opened.min()


def test_wrap_is_kept_and_made_again_only_when_damaged(
    template: HeadTemplate,
    known: ReferenceHead,
    made_wrap: Wrap,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    made: list[str] = []

    def make(template: HeadTemplate, reference: ReferenceHead) -> Wrap:
        made.append(reference.sha256)
        return made_wrap

    monkeypatch.setattr(wrap, "wrap_template", make)
    cached_wrap(template, known, tmp_path)
    again = cached_wrap(template, known, tmp_path)
    assert len(made) == 1
    np.testing.assert_array_equal(again.weights, made_wrap.weights)
    (stored,) = tmp_path.iterdir()
    stored.write_bytes(stored.read_bytes()[:-200])
    cached_wrap(template, known, tmp_path)
    assert len(made) == 2


def test_fit_follows_identity_but_not_past_its_bounds(template: HeadTemplate, skin: np.ndarray):
    everywhere = Wrap(
        np.tile(np.arange(len(template.vertices_m))[:, None], (1, 3)),
        np.tile([1.0, 0.0, 0.0], (len(template.vertices_m), 1)),
        np.zeros(len(template.vertices_m)),
        material_vertices(template, "skin"),
        IDENTITY,
    )
    fitter = ReferenceFitter(template, everywhere)
    width = template.identity_names.index("face_width")
    off_mm = []
    for size_sd in (2.0, MAX_IDENTITY_SD + 1.9):
        identity = np.zeros(len(template.identity_names))
        identity[width] = size_sd
        truth = template.neutral_m(identity).astype(np.float64)
        fitted = fitter.fit(Surface(truth, skin), truth, with_modes=False)
        off_mm.append(np.linalg.norm(fitted - truth, axis=1)[everywhere.trusted].max() / MM)
    assert off_mm[0] < 0.5 and off_mm[1] > 1.0


def square(left: float, low: float, side: float) -> np.ndarray:
    return np.array([left, low]) + side * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


def halves(quad_uv: np.ndarray) -> np.ndarray:
    return quad_uv[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 2)


def test_made_up_atlas_shows_its_gap_its_flip_and_its_overlap():
    apart = np.array([square(0.1, 0.1, 0.2), square(0.3, 0.1, 0.2), square(0.55, 0.1, 0.2)])
    assert smallest_gap_px(apart, SIZE) == pytest.approx(0.05 * SIZE, abs=2)
    assert doubly_covered(halves(apart)) == 0
    flipped = apart.copy()
    flipped[2] = flipped[2, ::-1]
    assert (signed_areas(halves(flipped)) < 0).sum() == 2
    overlapping = np.array([square(0.1, 0.1, 0.2), square(0.25, 0.1, 0.2)])
    assert doubly_covered(halves(overlapping), 1000) == pytest.approx(50 * 200, rel=0.03)


def test_stretch_of_a_known_map():
    corners_m = np.array([[[0.0, 0, 0], [0.1, 0, 0], [0.1, 0, 0.1]]])
    density, anisotropy = stretch(corners_m, np.array([[[0.0, 0], [0.3, 0], [0.3, 0.1]]]))
    assert density[0] == pytest.approx(3.0) and anisotropy[0] == pytest.approx(3.0)


def test_a_concave_corner_is_wider_than_a_straight_one():
    dart = np.array([[0.0, 0, 0], [1, 0.1, 0], [2, 0, 0], [1, 1, 0]])
    angles = quad_angles_deg(dart, np.array([[0, 1, 2, 3]]))[0]
    assert angles[1] == pytest.approx(180 + 2 * np.degrees(np.arctan(0.1)))
    assert angles[3] == pytest.approx(90.0) and angles.sum() == pytest.approx(360.0)


def test_table_says_what_was_missed():
    section = Section(
        "Face", 1.0, (Figure("a", 2.0, "mm", Target(1.5), 3.0), Figure("b", float("nan"), "mm"))
    )
    assert "<= 1.5 MISSED" in as_table([section]) and "p90 3.00" in as_table([section])
    (plain,) = json.loads(json.dumps(as_json([section])))
    assert plain["figures"][0]["verdict"] == "MISSED" and plain["figures"][1]["value"] is None


@pytest.fixture
def few_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_figures, "RANDOM_HEADS", 2)
    monkeypatch.setattr(landmark_figures, "HEADS", 1)


def write_facekit(heads: Path, reference: ReferenceHead) -> None:
    """The reference as ICT-FaceKit's files hold one: centimetres, Y up, 100 identities."""
    folder = heads / FOLDER
    folder.mkdir(parents=True)
    y_up = HEAD_FROM_Y_UP / METRES_PER_UNIT  # of a rotation: times it from the right is inverse
    identities = np.zeros((IDENTITIES, *reference.vertices_m.shape), np.float16)
    identities[0] = TALLER_CM
    write_arrays(
        folder / DELTAS,
        neutral=(reference.vertices_m @ y_up).astype(np.float32),
        jawOpen=(reference.expression("jawOpen") @ y_up).astype(np.float16),
        **{f"identity{number:03d}": identity for number, identity in enumerate(identities)},
    )
    faces = [f"f {a}/1 {b}/1 {c}/1" for a, b, c in (reference.skin_triangles + 1).tolist()]
    (folder / MESH).write_text("\n".join(["# comment", *faces]), "utf-8")
    outline = [0] * FIRST_INNER
    landmarks = {"idx_to_landmark_verts": outline + reference.landmark_vertices.tolist()}
    (folder / INDICES).write_text(json.dumps(landmarks), "utf-8")


def test_reference_is_read_in_metres_and_in_our_frame(known: ReferenceHead, tmp_path: Path):
    write_facekit(tmp_path, known)
    read = load_reference(tmp_path)
    np.testing.assert_allclose(read.vertices_m, known.vertices_m, atol=1e-6)
    np.testing.assert_array_equal(read.skin_triangles, known.skin_triangles)
    np.testing.assert_array_equal(read.landmark_vertices, known.landmark_vertices)
    jaw_m = known.expression("jawOpen")
    np.testing.assert_allclose(read.expression("jawOpen"), jaw_m, atol=1e-5)
    taller = read.with_identity(np.eye(IDENTITIES)[0]) - read.vertices_m
    np.testing.assert_allclose(taller.mean(axis=0), [0.0, 0.0, 0.01], atol=1e-6)
    (tmp_path / FOLDER / INDICES).write_text("{}", "utf-8")
    with pytest.raises(ReferenceMissing, match="damaged"):
        load_reference(tmp_path)


def test_command_prints_targets_and_writes_them(
    known: ReferenceHead,
    made_wrap: Wrap,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    """Against a reference that our template can follow to the last vertex."""
    monkeypatch.setattr(surface_figures, "RANDOM_HEADS", 1)
    monkeypatch.setattr(benchmark_head, "cached_wrap", lambda *_: made_wrap)
    for name in ("mesh_figures", "atlas_figures", "landmark_figures"):  # the next test takes them
        monkeypatch.setattr(benchmark_head, name, lambda *_: [])
    write_facekit(tmp_path, known)
    out = tmp_path / "head.json"
    assert main.main(["benchmark", "head", "--heads", str(tmp_path), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    sections = json.loads(out.read_text("utf-8"))["sections"]
    titles = [section["title"] for section in sections]
    assert titles == ["Dense wrap", "Surface", "Mesh", "Atlas", "Landmarks"]
    assert all(title in printed for title in titles)
    figures = {figure["name"]: figure for figure in sections[1]["figures"]}
    fitted = figures["random heads, identity fitted: face"]
    assert fitted["verdict"] == "ok" and fitted["value"] < 0.3
    assert fitted["value"] < 0.5 * figures["random heads, unfitted: face"]["value"]


def test_without_reference_the_rest_is_still_told(
    few_heads: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main.main(["benchmark", "head", "--heads", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "--heads" in printed.err and printed.err.count("\n") == 1
    assert "Atlas" in printed.out and "found at yaw 0" in printed.out


def test_installed_without_benchmarks_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(developer_commands.importlib.util, "find_spec", lambda *_: None)
    assert main.main(["benchmark", "head"]) == 1
    assert "checkout" in capsys.readouterr().err
