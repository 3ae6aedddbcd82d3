"""The strength of detail by octave, on pictures whose answer is known."""

from __future__ import annotations

import numpy as np

from backend.benchmark.texture.skin_spectrum import detail_by_octave

EVERYWHERE = np.ones((256, 256), bool)


def test_a_wave_is_found_in_its_octave():
    wave = 0.1 * np.sqrt(2) * np.sin(2 * np.pi * np.arange(256) / 6)
    detail = detail_by_octave(np.tile(wave, (256, 1)), EVERYWHERE)
    assert abs(detail[1] - 0.1) < 0.01
    assert max(detail[0], detail[2]) < 0.02


def test_noise_has_its_deviation_and_is_strongest_where_it_is_finest():
    noise = np.random.default_rng(0).normal(0, 0.05, (256, 256))
    detail = detail_by_octave(noise, EVERYWHERE)
    assert 0.035 < np.sqrt((detail**2).sum()) < 0.05
    assert detail[0] > detail[1] > detail[2]


def test_nothing_is_told_of_what_lies_outside():
    assert np.isnan(detail_by_octave(np.zeros((256, 256)), ~EVERYWHERE)).all()
