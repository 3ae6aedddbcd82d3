"""The identity network on made-up persons: patches of colour under coloured shade."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import interpolate

from backend.atlas.texel_map import texel_map
from backend.cli.main import main
from backend.job.terminal import Silent
from backend.training.finite import NotFinite
from backend.training.identity.album import Album, film_album
from backend.training.identity.contrastive import Preset, contrastive_loss, train_identity
from backend.training.identity.embedding import IdentityNet, load, save
from backend.training.identity.score import measure_recognition
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.template import HeadTemplate

PERSONS, TRAINED, TEXELS = 60, 40, 128
QUICK = Preset(corpus=TRAINED, real=0, album=4, persons=10, views=2, steps=16, learning_rate=2e-3)


@pytest.fixture(scope="module")
def album() -> Album:
    marks = torch.rand(PERSONS, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    skin = 0.4 + 0.3 * interpolate(marks, (TEXELS, TEXELS))

    generator = torch.Generator().manual_seed(2)

    def film(persons: torch.Tensor) -> torch.Tensor:
        shade = 0.4 + torch.rand(len(persons), 3, 2, 2, generator=generator)
        return (skin[persons] * interpolate(shade, (TEXELS, TEXELS), mode="bilinear")).clamp(0, 1)

    return film_album((255 * skin).byte(), film, views=4, texels=TEXELS, batch=16)


def test_training_teaches_to_look_past_the_light(album):
    unseen = Album(album.views[TRAINED:])
    torch.manual_seed(0)
    before = measure_recognition(IdentityNet().eval(), unseen)
    trained = train_identity(Album(album.views[:TRAINED]), QUICK, 1, torch.device("cpu"), Silent())
    after = measure_recognition(trained, unseen)
    assert before.found < 0.8 and after.found > 0.9
    assert after.equal_error < 0.7 * before.equal_error


def test_eyes_and_mouth_tell_nothing(template: HeadTemplate):
    """Larger than the network reads: nothing may reach in when the texture is made smaller."""
    table = texel_map(template, 2 * TEXELS)
    eyes = torch.from_numpy(table.scatter(table.is_material("eye"), gutters=False))
    net = IdentityNet().eval()
    texture = torch.rand(1, 3, 2 * TEXELS, 2 * TEXELS)
    other_eyes = torch.where(eyes, 1.0 - texture, texture)
    other_skin = torch.where(eyes, texture, 1.0 - texture)
    assert eyes.any()
    assert torch.equal(net(texture), net(other_eyes))
    assert not torch.allclose(net(texture), net(other_skin), atol=1e-3)


def test_contrast_is_least_where_persons_stand_apart():
    apart = torch.eye(4).repeat_interleave(2, 0)
    persons = torch.arange(4).repeat_interleave(2)
    assert contrastive_loss(apart, persons) < 0.01 < contrastive_loss(apart, persons.roll(1))


def test_a_loss_that_is_no_number_stops_with_its_step(album):
    with pytest.raises(NotFinite, match="step"):
        train_identity(album, replace(QUICK, learning_rate=1e30), 1, torch.device("cpu"), Silent())


def test_stored_weights_come_back_or_are_refused(tmp_path):
    net = IdentityNet().eval()
    save(net, "loss", tmp_path)
    texture = torch.rand(2, 3, 256, 256)
    assert torch.allclose(load("loss", tmp_path)(texture), net(texture), atol=2e-3)
    file = tmp_path / "loss.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(EnvironmentProblem, match="not the file"):
        load("loss", tmp_path)
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        load("score", tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--studio-textures", "{folder}"], "holds no textures"),
        (["--studio-mesh", "{folder}/head.obj"], "without its textures"),
    ],
)
def test_training_refuses_what_it_cannot_use_in_words(given, words, tmp_path, capsys):
    asked = [word.format(folder=tmp_path) for word in given]
    assert main(["train", "identity", *asked]) == 1
    assert words in capsys.readouterr().err
