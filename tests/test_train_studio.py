"""The training of the studio texture's networks, on made-up persons under coloured shade."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.nn.functional import interpolate

from backend.atlas.texel_map import region, texel_map
from backend.cli.main import main
from backend.imaging.image_files import write_png
from backend.job.terminal import Silent
from backend.stages.studio_texture.networks import Generator, StudioShape
from backend.synthetic.simulator import Simulator, bake_tables, draw_environments
from backend.training import ema
from backend.training.checkpoint import Origin, read_resume_point
from backend.training.data_source import inspect
from backend.training.finite import NotFinite
from backend.training.folders import read_atlas_pictures
from backend.training.identity.embedding import LOSS, IdentityNet, load
from backend.training.log import LOG
from backend.training.random_stream import stream
from backend.training.studio.augment import augment
from backend.training.studio.losses import path_lengths, r1_penalty
from backend.training.studio.nets import Nets
from backend.training.studio.pairs import (
    AtlasFacts,
    Pairs,
    Sources,
    gather_batch,
    mirror_skin,
    simulated_pairs,
    skin_and_weight,
)
from backend.training.studio.phases import EncoderPhase, PhonePhase, StudioPhase, TrainingContext
from backend.training.studio.studio_presets import PRESETS, Adversarial, Preset
from backend.training.studio.train_phases import SAMPLES, Run, train
from backend.training.texture_pool import TexturePool, to_uint8
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.template import HeadTemplate

SIZE, CPU = 32, torch.device("cpu")
QUICK = Preset(
    shape=StudioShape(
        size=SIZE, latent=16, mapping_layers=2, base=512, most=16, encoder_base=512,
        encoder_most=24, feature_sizes=(32,),
    ),
    simulated=SIZE, corpus=0, real=0, pairs=16, stock_steps=3, batch=4, phone_steps=3,
    encoder_steps=3, studio_steps=3, encoder_rate=5e-3, studio_rate=2e-3, mean_images=100,
    log_every=1, keep_every=2, sheet_every=3, adversarial=Adversarial(r1_every=2, path_every=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def identity() -> IdentityNet:
    return load(LOSS).requires_grad_(False)


@pytest.fixture(scope="module")
def facts(template: HeadTemplate) -> AtlasFacts:
    return facts_of(template)


def facts_of(template: HeadTemplate) -> AtlasFacts:
    skin, weight = skin_and_weight(texel_map(template, SIZE))
    normal = torch.zeros(1, 3, SIZE, SIZE)
    normal[:, 0] = 1.0
    return AtlasFacts(skin, weight, normal, torch.ones(1, SIZE, SIZE))


def made_up_pairs(number: int) -> Pairs:
    random = stream(CPU, "made up", number)
    marks = torch.rand(16, 3, 8, 8, generator=random)
    studio = 0.3 + 0.3 * interpolate(marks, (SIZE, SIZE), mode="bilinear")
    shade = 0.5 + torch.rand(16, 3, 2, 2, generator=random)
    phone = studio * interpolate(shade, (SIZE, SIZE), mode="bilinear")
    coverage = torch.full((16, SIZE, SIZE), 255, dtype=torch.uint8)
    head = torch.zeros(16, dtype=torch.int64)
    return Pairs(to_uint8(phone), coverage, to_uint8(studio), head)


def context(facts: AtlasFacts, identity: IdentityNet, preset: Preset = QUICK) -> TrainingContext:
    sources = Sources(facts, made_up_pairs(-1), made_up_pairs, preset.stock_steps)
    return TrainingContext(
        Nets.of(preset.shape, 1, CPU), preset, sources, identity, 1, Accelerator(cpu=True)
    )


def origin(preset: Preset = QUICK) -> Origin:
    return Origin.of("quick", preset, 1, "simulated", "simulated", "anybody")


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_an_interrupted_training_makes_the_same_as_one_that_never_stopped(
    tmp_path, facts, identity
):
    whole = train(Run(context(facts, identity), origin(), tmp_path / "whole", Silent()), None)
    assert whole is not None
    pieces = None
    for _ in range(12):  # each is told at once that its time is up
        resume_point = None
        if (tmp_path / "pieces").is_dir():
            resume_point = read_resume_point(tmp_path / "pieces", origin())
        run = Run(context(facts, identity), origin(), tmp_path / "pieces", Silent(), 0.0)
        pieces = train(run, resume_point)
        if pieces is not None:
            break
    assert pieces is not None and resume_point is not None and resume_point.phase == "studio"
    expected = whole.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in pieces.state_dict().items())
    logged = [json.loads(line) for line in (tmp_path / "whole" / LOG).read_text().splitlines()]
    assert [line["step"] for line in logged if "seconds_a_step" in line] == [1, 2, 3] * 3
    assert any("psnr" in line for line in logged)
    sheets = sorted(path.name for path in (tmp_path / "whole" / SAMPLES).iterdir())
    assert sheets == ["encoder_000003.jpg", "phone_000003.jpg", "studio_000003.jpg"]
    assert len(list((tmp_path / "pieces").glob("checkpoint_*"))) == 1


def test_the_encoder_learns_from_pairs(facts, identity):
    phase = EncoderPhase(context(facts, identity, replace(QUICK, stock_steps=1000)), 0)
    losses = [phase.step(number)["pixels"] for number in range(40)]
    assert sum(losses[-8:]) < 0.75 * sum(losses[:8])


@pytest.mark.parametrize("joint", [False, True])
def test_only_a_joint_preset_lets_the_generator_learn_with_the_encoder(joint, facts, identity):
    made = context(facts, identity, replace(QUICK, joint=joint))
    before = weights(made.nets.phone_mean)
    EncoderPhase(made, 0).step(0)
    after = made.nets.phone_mean.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert bool(changed) == joint and not any(name.startswith("mapping") for name in changed)


def test_the_studio_phase_changes_only_what_lies_above_8_texels(facts, identity):
    made = context(facts, identity)
    made.nets.start_studio()
    phase = StudioPhase(made, 0)
    before = weights(made.nets.studio)
    phone, judge = weights(made.nets.phone_mean), weights(made.nets.phone_judge)
    for number in range(2):
        phase.step(number)
    changed = {
        name for name, value in made.nets.studio.state_dict().items()
        if not torch.equal(value, before[name])
    }  # fmt: skip
    assert changed and all(name.startswith(("blocks.2.", "blocks.3.")) for name in changed)
    assert any(name.startswith("blocks.2.conv") for name in changed)
    for name, value in made.nets.phone_mean.state_dict().items():
        assert torch.equal(value, phone[name])
    for name, value in made.nets.phone_judge.state_dict().items():
        assert torch.equal(value, judge[name])


def test_what_is_no_number_stops_with_its_step_and_keeps_the_checkpoint(tmp_path, facts, identity):
    preset = replace(QUICK, phone_steps=2, encoder_steps=40, encoder_rate=1e30)
    run = Run(context(facts, identity, preset), origin(preset), tmp_path, Silent())
    with pytest.raises(NotFinite, match=r"step \d+ .*not finite"):
        train(run, None)
    resume_point = read_resume_point(tmp_path, origin(preset))
    assert (resume_point.phase, resume_point.step) == ("phone", 2)
    assert (tmp_path / resume_point.file).is_file()


def test_only_the_same_training_is_resumed_and_only_whole(tmp_path, facts, identity):
    with pytest.raises(EnvironmentProblem, match="holds no training"):
        read_resume_point(tmp_path, origin())
    train(Run(context(facts, identity), origin(), tmp_path, Silent(), 0.0), None)
    with pytest.raises(EnvironmentProblem, match="settings differs"):
        read_resume_point(tmp_path, origin(replace(QUICK, batch=2)))
    resume_point = read_resume_point(tmp_path, origin())
    file = tmp_path / resume_point.file
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(EnvironmentProblem, match="not the file"):
        train(Run(context(facts, identity), origin(), tmp_path, Silent()), resume_point)


def test_a_step_of_each_phase_in_half_precision_as_on_a_gpu(facts, identity):
    found = {}
    for precision, kind in (("no", torch.float32), ("bf16", torch.bfloat16)):
        AcceleratorState._reset_state()  # which knows of one precision only
        accelerator = Accelerator(cpu=True, mixed_precision=precision)
        made = replace(context(facts, identity), accelerator=accelerator)
        made.nets.start_studio()
        with accelerator.autocast():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind
        found[precision] = [
            phase(made, 0).step(number)
            for phase in (PhonePhase, EncoderPhase, StudioPhase)
            for number in range(2)  # with penalties and without
        ]
    AcceleratorState._reset_state()
    for full, half in zip(found["no"], found["bf16"], strict=True):
        assert full.keys() == half.keys()
    assert found["no"] != found["bf16"]


def test_processes_that_learn_together_stay_alike_and_one_writes(tmp_path):
    """As on several GPUs, on the processor."""
    script = Path(__file__).parent / "learn_together.py"
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, str(script), str(tmp_path)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([".", str(script.parent)])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["processes"] == second["processes"] == 2
    assert first["random"] != second["random"]  # each draws of its own
    assert first["studio"] == second["studio"] and first["detail"] == second["detail"]
    for rank in (first, second):
        # Losses w and 2 w: a slope of 1.5. What one does not use counts as 0, what none uses stays
        # without a slope.
        assert rank["slopes"] == [1.5, 0.5, None]
        assert rank["clipped"] == [0.75]
        assert rank["late"] and not rank["early"]
    assert (first["finished"], second["finished"]) == ("done", "")
    lines = [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    steps = [(line["phase"], line["step"]) for line in lines if "generator" in line]
    assert len(steps) == len(set(steps)) > 0


def test_the_running_mean_forgets_half_over_its_half_life_and_copies_buffers():
    net = torch.nn.BatchNorm1d(1)
    mean = torch.nn.BatchNorm1d(1)
    net.weight.data.fill_(0.0)
    mean.weight.data.fill_(1.0)
    net.running_mean = torch.full((1,), 3.0)
    for _ in range(10):
        ema.update(mean, net, images=8, half_life=80, seen=10**6)
    assert mean.weight.item() == pytest.approx(0.5, rel=1e-5)
    assert mean.state_dict()["running_mean"].item() == 3.0
    # Of 160 images seen a twentieth is 8: half goes at once, whatever the half-life.
    ema.update(mean, net, images=8, half_life=80, seen=160)
    assert mean.weight.item() == pytest.approx(0.25, rel=1e-5)


def test_penalties_of_known_answers():
    torch.manual_seed(1)
    real = torch.rand(2, 3, 4, 4).requires_grad_()
    assert torch.isclose(r1_penalty(real, (3.0 * real).sum((1, 2, 3))), torch.tensor(9.0 * 48))
    generator = Generator(QUICK.shape)
    wplus = generator.wplus(generator.mapping(torch.randn(2, 16)))
    lengths = path_lengths(generator.synthesis(wplus), wplus, stream(CPU, 1))
    doubled = path_lengths(2.0 * generator.synthesis(wplus), wplus, stream(CPU, 1))
    assert lengths.shape == (2,) and torch.allclose(doubled, 2.0 * lengths, rtol=1e-4)


@pytest.fixture(scope="module")
def simulator(template: HeadTemplate) -> Simulator:
    tables = bake_tables(template, np.zeros((1, len(template.identity_names)), np.float32))
    load_environments = draw_environments(torch.Generator().manual_seed(1), 8)
    return Simulator.on(CPU, template, tables, load_environments, 64)


def test_pairs_are_simulated_of_skins_and_follow_from_the_seed(simulator):
    tones = torch.tensor([60, 200], dtype=torch.uint8)[:, None, None, None]
    skins = TexturePool.from_colours(tones.expand(2, 3, 128, 128)).downsample(64)
    assert (skins.roughness == round(0.45 * 255)).all() and (skins.albedo_srgb[1] == 200).all()
    first, again, other = (
        simulated_pairs(simulator, skins, SIZE, 6, stream(CPU, seed)) for seed in (1, 1, 2)
    )
    assert first.phone_srgb.shape == (6, 3, SIZE, SIZE)
    assert set(first.studio_srgb.unique().tolist()) == {60, 200}
    assert torch.equal(first.phone_srgb, again.phone_srgb)
    assert not torch.equal(first.phone_srgb, other.phone_srgb)
    assert first.coverage.max() == 255 and first.coverage.float().std() > 10


def test_normals_and_openness_are_those_of_the_head(template, simulator):
    facts = AtlasFacts.of(template, simulator, SIZE)
    assert torch.allclose(facts.normal.norm(dim=1), torch.ones(1, SIZE, SIZE), atol=1e-4)
    texels = texel_map(template, SIZE)
    place = texels.scatter(texels.interpolate(template.vertices_m))
    tip = np.unravel_index(place[..., 1].argmin(), place.shape[:2])
    assert facts.normal[0, 1][tip] < -0.6 and facts.openness[0][tip] > 0.7
    # The subject's left is +X, and its skin looks there.
    side = torch.from_numpy(place[..., 0] > 0.05) & (facts.skin > 0.5)
    assert facts.normal[0, 0][side].mean() > 0.4
    pocket = texels.scatter(texels.interpolate(region(template, "nostrils"))) > 0.9
    assert facts.openness[0][torch.from_numpy(pocket)].mean() < 0.5


def test_a_stock_lasts_so_many_steps_and_own_textures_come_first(facts):
    made: list[int] = []

    def simulate(number: int) -> Pairs:
        made.append(number)
        return made_up_pairs(number)

    own = torch.full((1, 3, SIZE, SIZE), 51, dtype=torch.uint8)
    sources = Sources(facts, made_up_pairs(-1), simulate, 3, studio=own)
    for step in range(7):
        sources.pairs(step, 2, stream(CPU, step))
        assert torch.allclose(sources.studio_textures(step, 2, stream(CPU, 1)), torch.tensor(0.2))
        assert sources.phone_textures(step, 2, stream(CPU, 1)).std() > 0.01
    assert made == [0, 1, 2]


def test_mirrored_skin_is_a_head_turned_and_eyes_stay(facts):
    pairs = made_up_pairs(0)
    batch = gather_batch(pairs, facts, torch.arange(16), stream(CPU, 3))
    turned = batch.inputs.normal[:, 0][:, facts.skin > 0.5].mean(1) < 0
    assert 0 < turned.sum() < 16
    stored = pairs.phone_srgb.float() / 255
    assert torch.equal(batch.inputs.phone_srgb, mirror_skin(stored, facts.skin, turned))
    other = facts.skin < 0.5
    assert torch.equal(batch.inputs.phone_srgb[..., other], stored[..., other])
    assert torch.equal(facts.skin, facts.skin.flip(1))


def test_augmentation_changes_colour_and_place_a_little_and_can_be_none():
    texture = torch.rand(64, 3, SIZE, SIZE, generator=stream(CPU, 1))
    assert torch.equal(augment(texture, 0.0, stream(CPU, 2)), texture)
    changed = augment(texture, 0.3, stream(CPU, 2))
    kept = ((changed - texture).abs() < 1e-5).flatten(1).all(1).float().mean()
    assert 0.05 < kept < 0.6
    flat = augment(torch.full((8, 3, SIZE, SIZE), 0.5), 1.0, stream(CPU, 2))
    assert torch.allclose(flat, flat[:, :, :1, :1].expand_as(flat), atol=1e-6)


def test_folders_of_a_studio_are_read_or_refused_in_words(tmp_path, capsys):
    def asked(option: str, folder: Path) -> str:
        assert main(["train", "studio", option, str(folder)]) == 1
        return capsys.readouterr().err

    assert "holds no phone textures" in asked("--phone", tmp_path)
    assert "holds no studio textures" in asked("--studio", tmp_path / "missing")
    own = tmp_path / "anna" / "runs" / "a1" / "textures" / "studio" / "base_color.png"
    write_png(own, np.full((128, 128, 3), 40000, np.uint16))
    source = inspect("simulated", str(tmp_path))
    assert source.studio == [own] and source.phone is None
    read = read_atlas_pictures([own], 64)
    assert read.shape == (1, 3, 64, 64) and (read == 156).all()
    small = tmp_path / "small" / "a.png"
    for pixels, words in (
        (np.zeros((32, 64, 3), np.uint8), "64 x 32"),
        (np.zeros((64, 64), np.uint8), "greyscale"),
    ):
        write_png(small, pixels)
        with pytest.raises(Exception, match=words):
            read_atlas_pictures([small], 64)


def test_the_command_refuses_to_resume_what_is_not_there(tmp_path, capsys):
    assert main(["train", "studio", "--resume", "--out", str(tmp_path)]) == 1
    assert "holds no training" in capsys.readouterr().err


def test_presets_make_networks():
    for preset in PRESETS.values():
        assert preset.simulated % preset.shape.size == 0
        with torch.device("meta"):
            assert Generator(preset.shape).shape.layers >= 10
