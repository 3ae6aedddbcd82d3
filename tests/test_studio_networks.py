"""The networks of the studio texture: what goes in and out, and what their papers promise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import interpolate

from backend.stages.studio_texture.networks import (
    Discriminator,
    Generator,
    PhoneInputs,
    StudioNet,
    StudioShape,
    clipping_mask,
    load,
    save,
)
from backend.stages.studio_texture.networks.layers import Conv, ModulatedConv, doubled, filtered
from studio_avatar_addon.avatar.errors import EnvironmentProblem

SHAPE = StudioShape(
    size=64, latent=24, mapping_layers=2, base=1024, most=32, encoder_base=512, encoder_most=32
)


@pytest.fixture(autouse=True)
def same_weights_each_time() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inputs(count: int = 2, size: int = 64, seed: int = 1) -> PhoneInputs:
    drawn = torch.rand(count, 9, size, size, generator=seeded(seed))
    return PhoneInputs(drawn[:, :3], drawn[:, 3], drawn[:, 4], 2 * drawn[:, 5:8] - 1, drawn[:, 8])


@pytest.mark.parametrize("size", [32, 64, 128])
def test_every_vector_of_wplus_changes_the_texture(size):
    generator = Generator(replace(SHAPE, size=size, feature_sizes=(32,))).eval()
    wplus = generator.wplus(generator.mapping(torch.randn(1, SHAPE.latent, generator=seeded(1))))
    plain = generator.synthesis(wplus)
    assert plain.shape == (1, 3, size, size)
    assert wplus.shape[1] == 2 * (size.bit_length() - 2)
    for layer in range(wplus.shape[1]):
        other = wplus.clone()
        other[:, layer] += torch.randn(SHAPE.latent, generator=seeded(layer))
        assert (generator.synthesis(other) - plain).abs().max() > 1e-4


def test_a_texture_is_the_same_alone_and_in_a_batch():
    """The grouped convolutions keep the samples apart."""
    generator = Generator(SHAPE).eval()
    z = torch.randn(3, SHAPE.latent, generator=seeded(2))
    assert torch.allclose(generator(z)[1:2], generator(z[1:2]), atol=1e-5)
    assert torch.equal(generator(z), generator(z))


def test_noise_comes_from_the_generator_given():
    generator = Generator(SHAPE)
    for block in generator.blocks:
        torch.nn.init.ones_(block.conv.noise_strength)
    z = torch.randn(1, SHAPE.latent, generator=seeded(2))
    assert torch.equal(generator(z, seeded(3)), generator(z, seeded(3)))
    assert not torch.allclose(generator(z, seeded(3)), generator(z, seeded(4)), atol=1e-3)


@pytest.mark.parametrize("double", [False, True])
def test_demodulation_gives_unit_variance_whatever_the_style(double):
    conv = ModulatedConv(64, 64, 16, double=double)
    x, w = torch.randn(8, 64, 24, 24), 30.0 * torch.randn(8, 16)
    out = conv(x, w)[:, :, 2:-2, 2:-2]
    # The doubling filter blurs, so what it leaves is less, but the same for each style.
    expected = 1.0 if not double else float(out.detach().var())
    assert torch.allclose(out.var((1, 2, 3)), torch.tensor(expected), rtol=0.1)
    assert not double or 0.3 < expected < 1.3


def test_filters_keep_a_flat_image_flat_and_half_the_sizes():
    flat = torch.ones(1, 2, 16, 16)
    assert torch.allclose(filtered(flat, 1, step=2)[..., 1:-1, 1:-1], flat[..., :6, :6])
    assert torch.allclose(doubled(flat)[..., :16, :16], flat)
    assert Conv(2, 3, halve=True)(flat).shape == Conv(2, 3, 1, halve=True)(flat).shape


def test_the_discriminator_compares_the_textures_of_a_batch():
    judge = Discriminator(SHAPE).eval()
    other = interpolate(torch.rand(4, 3, 4, 4, generator=seeded(1)), (64, 64))
    same = other[:1].expand(4, -1, -1, -1)
    assert judge(same).shape == (4,)
    assert (judge(same) - judge(same[:1])).abs().max() < 1e-4
    assert (judge(same)[0] - judge(other)[0]).abs() > 1e-3
    assert [f.shape[-1] for f in judge.features(other)] == [32, 16, 8, 4]


def test_the_encoder_starts_at_the_mean_texture_and_features_have_places():
    net = StudioNet(SHAPE).eval()
    mean = net.generator.synthesis(net.generator.wplus(net.generator.mapping.mean[None]))
    assert torch.allclose(net(inputs()), mean.expand(2, -1, -1, -1), atol=1e-5)
    for head in net.encoder.heads.values():
        torch.nn.init.normal_(head.out.weight)
    code = net.encoder(inputs())
    assert {edge: change.scale.shape for edge, change in code.changes.items()} == {
        edge: (2, SHAPE.channels(edge), edge, edge) for edge in (32, 64)
    }
    marked = inputs()
    marked.phone_srgb[:, :, :8, :8] = 0.0
    near = (net(marked) - net(inputs())).abs().mean((0, 1))
    assert near[:8, :8].mean() > 2.0 * near[32:, 32:].mean()
    assert torch.allclose(net(marked, features=False), mean.expand(2, -1, -1, -1), atol=1e-5)


def test_clipping_is_told_of_what_was_seen_only():
    srgb = torch.full((1, 3, 4, 4), 0.5)
    srgb[:, 0, :2] = 1.0
    coverage = torch.ones(1, 4, 4)
    coverage[:, :, 0] = 0.0
    assert clipping_mask(srgb, coverage).sum() == 6.0


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="power of two"):
        StudioShape(size=96)
    with pytest.raises(ValueError, match="no features"):
        replace(SHAPE, size=32)
    with pytest.raises(ValueError, match="do not fit"):
        StudioNet(SHAPE)(inputs(size=32))
    with pytest.raises(ValueError, match="does not fit"):
        Generator(SHAPE).synthesis(torch.zeros(1, 3, SHAPE.latent))
    with pytest.raises(ValueError, match="differ"):
        replace(inputs(), coverage=torch.zeros(1, 64, 64))


def test_stored_weights_come_back_or_are_refused(tmp_path):
    net = StudioNet(SHAPE).eval()
    torch.nn.init.normal_(net.encoder.offset.weight)
    save(net, tmp_path, steps=7)
    assert torch.allclose(load(tmp_path)(inputs()), net(inputs()), atol=5e-3)
    described = tmp_path / "studio.json"
    assert json.loads(described.read_text())["steps"] == 7
    file = tmp_path / "studio.safetensors"
    whole = file.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(EnvironmentProblem, match=r"not the file.*train studio"):
            load(tmp_path)
    file.write_bytes(whole)
    known = json.loads(described.read_text())
    known["shape"]["latent"] = 32
    described.write_text(json.dumps(known))
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        load(tmp_path)
    file.unlink()
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        load(tmp_path)
