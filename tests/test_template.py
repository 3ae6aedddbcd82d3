"""The head template: built to the byte, and what it says to parameters no head has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.template_build.build import build_template
from studio_avatar_addon.avatar.arrays import read_arrays, write_arrays
from studio_avatar_addon.avatar.errors import IdentityError, TemplateError
from studio_avatar_addon.avatar.template import (
    DEFAULT_TEMPLATE,
    MATERIALS,
    RANDOM_LIMIT_SD,
    HeadTemplate,
    load_template,
)


def test_builder_gives_the_shipped_file_and_the_same_bytes_twice(tmp_path: Path) -> None:
    one, two = (build_template(tmp_path / name) for name in ("one.npz", "two.npz"))
    assert one.read_bytes() == two.read_bytes()
    stored, built = read_arrays(DEFAULT_TEMPLATE), read_arrays(one)
    assert stored.keys() == built.keys()
    for name, values in stored.items():
        if values.dtype.kind == "f":  # another processor may round a last digit otherwise
            np.testing.assert_allclose(built[name], values, atol=1e-4, err_msg=name)
        else:
            assert np.array_equal(built[name], values), name


def test_every_part_has_faces_and_a_place_in_the_atlas(template: HeadTemplate) -> None:
    assert set(template.quad_material) == set(range(len(MATERIALS)))
    assert template.quad_uv.min() > 0.0 and template.quad_uv.max() < 1.0
    assert np.array_equal(template.mirror[template.mirror], np.arange(len(template.mirror)))


def test_parameters_are_named_and_move_the_head(template: HeadTemplate) -> None:
    assert 30 <= len(template.identity_names) <= 60
    reach_m = np.linalg.norm(template.identity_deltas_m, axis=2).max(axis=1)
    assert (reach_m > 0.0005).all() and (reach_m < 0.03).all()


def test_random_heads_are_drawn_by_seed(template: HeadTemplate) -> None:
    one, other, again = (
        template.random_identity(np.random.default_rng(seed)) for seed in (1, 2, 1)
    )
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert np.abs(one).max() <= RANDOM_LIMIT_SD
    assert template.neutral_m(one).shape == template.vertices_m.shape


def test_impossible_parameters_are_refused_by_name(template: HeadTemplate) -> None:
    identity = np.zeros(len(template.identity_names))
    identity[template.identity_names.index("nose_length")] = 12.0
    with pytest.raises(IdentityError, match="nose_length is 12 standard deviations") as caught:
        template.neutral_m(identity)
    assert "between -5 and 5" in caught.value.remedy
    for wrong in (np.zeros(3), np.full(len(identity), np.nan)):
        with pytest.raises(IdentityError, match="finite identity parameters"):
            template.neutral_m(wrong)


def test_template_of_another_version_or_damaged(tmp_path: Path) -> None:
    stored = read_arrays(DEFAULT_TEMPLATE)
    path = tmp_path / "other.npz"
    write_arrays(path, **{**stored, "format": np.array(99)})
    with pytest.raises(TemplateError, match="has format 99"):
        load_template(path)
    write_arrays(path, **{**stored, "quads": stored["quads"] + len(stored["vertices_m"])})
    with pytest.raises(TemplateError, match="is damaged"):
        load_template(path)
    path.write_bytes(DEFAULT_TEMPLATE.read_bytes()[:50_000])
    with pytest.raises(TemplateError, match="is damaged"):
        load_template(path)
    with pytest.raises(TemplateError, match="is missing"):
        load_template(tmp_path / "nowhere.npz")
