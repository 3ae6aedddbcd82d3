"""The detail network: a tile equals the whole, nothing broad changes, bad input, training."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional

from backend.imaging.tensor_color import linear_from_srgb, log_light
from backend.stages.detail import shipped_weights
from backend.stages.detail.conditions import (
    BROAD_CHANNELS,
    CONDITION_CHANNELS,
    Conditions,
    Shares,
    broad_band,
    conditions_of,
    estimate_trust,
    texel_coordinates,
    upsample,
)
from backend.stages.detail.diffusion import (
    DetailNet,
    DetailPipeline,
    load,
    save,
    scheduler,
)
from backend.stages.detail.diffusion.pipeline import Prediction
from backend.stages.detail.diffusion_generator import Diffusion
from backend.training.checkpoint import Origin, read_checkpoint, read_resume_point, write_checkpoint
from backend.training.detail.crops import Window, crop_at, draw_crops
from backend.training.detail.denoising import DetailTraining, Nets
from backend.training.detail.detail_presets import Preset
from backend.training.detail.detail_sheets import write_prediction_sheet
from backend.training.detail.filmed_persons import FilmedPerson
from backend.training.detail.train_detail import film_mark
from backend.training.finite import NotFinite
from backend.training.random_stream import stream
from studio_avatar_addon.avatar.errors import EnvironmentProblem

CPU = torch.device("cpu")
TINY = Preset(
    channels=(8, 8), blocks=(1, 1), size=256, corpus=2, real=0, crop=32, batch=2, steps=4,
    rate=1e-3, mean_images=10, log_every=1, keep_every=1, sheet_every=4,
)  # fmt: skip


def silent(done: float, total: float, message: str = "") -> None:
    pass


def unheard(message: str) -> None:
    raise AssertionError(message)


@pytest.fixture(scope="module")
def pipeline() -> DetailPipeline:
    made = load()
    made.set_progress_bar_config(disable=True)
    return made


def random_conditions(height: int, width: int) -> Conditions:
    random = torch.Generator().manual_seed(3)
    return Conditions(
        torch.randn(1, CONDITION_CHANNELS, height, width, generator=random),
        torch.randn(1, BROAD_CHANNELS, height, width, generator=random),
        torch.rand(1, 2, height, width, generator=random),
        torch.zeros(1),
    )


def textures(size: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log light of a noisy phone texture with a mole, of its evenly lit version, and trust."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:size, :size] / size
    studio = np.log(np.array([0.42, 0.25, 0.18])) + 0.1 * np.sin(7 * x + 5 * y)[..., None]
    mole = np.exp(-((x - 0.4) ** 2 + (y - 0.5) ** 2) / 0.012**2)
    studio = studio - 0.5 * mole[..., None]
    phone = studio + 0.6 * (x - 0.5)[..., None] + 0.03 * random.normal(size=(size, size, 3))
    trust = (x < 0.8).astype(np.float32)
    return phone.astype(np.float32), studio.astype(np.float32), trust


def test_a_tile_equals_the_whole(pipeline: DetailPipeline) -> None:
    conditions = random_conditions(456, 392)
    whole, tiled = (
        pipeline(conditions, silent, seed=1, steps=2, tile=tile).drawn for tile in (2048, 64)
    )
    assert float((whole - tiled).abs().max()) < 1e-3
    assert float(whole.std()) > 0.05


def test_the_seed_decides_and_odd_sizes_are_drawn(pipeline: DetailPipeline) -> None:
    conditions = random_conditions(61, 43)
    first, again, other = (pipeline(conditions, silent, seed=seed).drawn for seed in (5, 5, 6))
    assert first.shape == (1, 4, 61, 43)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)


def test_nothing_broad_changes_and_all_is_finite(pipeline: DetailPipeline) -> None:
    phone, studio, trust = textures()
    drawn = Diffusion(pipeline, CPU)(phone, studio, trust, silent, unheard)
    assert drawn.colour_log.shape == phone.shape and drawn.height_m.shape == trust.shape
    colour = torch.from_numpy(drawn.colour_log).permute(2, 0, 1)[None]
    # Twice through the same blur: what is left is the band's soft edge.
    assert float(broad_band(colour).abs().mean()) < 0.01
    assert np.abs(drawn.colour_log).mean() > 1e-3
    assert np.abs(drawn.height_m).max() < 1e-3


def test_a_network_that_shifts_all_colours_is_held_back(pipeline: DetailPipeline) -> None:
    shifting = copy.deepcopy(pipeline.unet)
    with torch.no_grad():
        shifting.leave.bias += 1.0  # pyright: ignore[reportOptionalMemberAccess]
    made = DetailPipeline(shifting, scheduler())
    phone, studio, trust = textures()
    drawn = Diffusion(made, CPU)(phone, studio, trust, silent, unheard)
    assert np.abs(drawn.colour_log.mean((0, 1))).max() < 0.01


def test_colour_is_made_up_only_where_nothing_was_seen() -> None:
    answer = Prediction(torch.zeros(1, 4, 4, 4), torch.ones(1, 4, 4, 4))
    trust = torch.zeros(1, 1, 4, 4)
    trust[..., :2] = 1.0
    made = answer.beside(trust)[0]
    assert (made[:3, :, :2] == 0.0).all() and (made[:3, :, 2:] == 1.0).all()
    assert (made[3] == 1.0).all()


@pytest.mark.parametrize("spoilt", ["noise", "blocks", "nothing trusted", "far softer", "black"])
def test_spoilt_textures_are_drawn_without_a_shift_of_colour(
    pipeline: DetailPipeline, spoilt: str
) -> None:
    phone, studio, trust = textures()
    random = np.random.default_rng(6)
    if spoilt == "noise":
        phone += 0.4 * random.normal(size=phone.shape).astype(np.float32)
    elif spoilt == "blocks":
        phone = np.kron(phone[::8, ::8], np.ones((8, 8, 1), np.float32))
    elif spoilt == "nothing trusted":
        trust = np.zeros_like(trust)
    elif spoilt == "far softer":
        phone = np.kron(phone[::64, ::64], np.ones((64, 64, 1), np.float32))
    else:
        phone[:] = np.log(0.004)
    drawn = Diffusion(pipeline, CPU)(phone, studio, trust, silent, unheard)
    assert np.isfinite(drawn.colour_log).all() and np.isfinite(drawn.height_m).all()
    assert np.abs(drawn.colour_log.mean((0, 1))).max() < 0.01
    assert np.percentile(np.abs(drawn.colour_log), 99) < 0.8


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)."),
    ],
)
def test_a_device_without_memory_gives_way_to_the_processor(
    error: RuntimeError, pipeline: DetailPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    class Short:
        device = CPU

        def to(self, device: torch.device) -> Short:
            self.device = device
            return self

        def __call__(self, conditions: Conditions, progress: object, **given: int) -> Prediction:
            asked.append((self.device.type, given["tile"]))
            if self.device.type != "cpu":
                raise error
            nothing = torch.zeros(1, 4, *conditions.texels.shape[2:])
            return Prediction(nothing, nothing)

    monkeypatch.setattr(Conditions, "to", lambda self, device: self)
    told: list[str] = []
    draw = Diffusion(Short(), torch.device("cuda"))  # pyright: ignore[reportArgumentType]
    draw(*textures(), silent, told.append)
    assert [tile for device, tile in asked if device == "cuda"] == [2048, 1024, 512, 256]
    assert asked[-1][0] == "cpu" and len(told) == 1 and "memory" in told[0]


def test_trust_ends_at_shadow_edges_borders_and_clipping() -> None:
    size = 256
    phone = torch.full((1, 3, size, size), 0.5)
    phone[..., :20] = 1.0
    studio_log = torch.log(phone)
    light = torch.zeros(1, 1, size, size)
    light[..., 128:] = -1.5
    skin = torch.ones(1, 1, size, size)
    coverage = skin.clone()
    coverage[:, :, 200:] = 0.0
    trust = estimate_trust(phone, Shares(skin, coverage), studio_log + light, studio_log)[0, 0]
    assert float(trust[100, 70]) == pytest.approx(1.0, abs=1e-3)
    assert float(trust[100, 10]) == 0.0 and float(trust[230, 70]) == 0.0
    assert float(trust[100, 127]) < 0.05


def test_weights_go_to_diffusers_layout_and_back(tmp_path: Path) -> None:
    net = DetailNet(channels=(8, 16), blocks=(1, 1))
    nn.init.normal_(next(iter(net.leave.parameters())), std=0.1)
    save(net, tmp_path, preset="none")
    assert json.loads((tmp_path / "model_index.json").read_text())["_class_name"]
    back = load(tmp_path)
    conditions = random_conditions(64, 64)
    ours = DetailPipeline(net.half().float(), scheduler())(conditions, silent).drawn
    torch.testing.assert_close(ours, back(conditions, silent).drawn, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "damage", ["missing", "truncated", "altered", "no description", "no such net"]
)
def test_damaged_weights_are_told_with_a_remedy(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(shipped_weights.WEIGHTS, folder)
    file = folder / shipped_weights.FILE
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "altered":
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif damage == "no such net":
        config = folder / "unet" / "config.json"
        config.write_text(config.read_text().replace("3", "4"))
    else:
        (folder / shipped_weights.ORIGIN).unlink()
    with pytest.raises(EnvironmentProblem, match=r"diffusion_pytorch_model") as caught:
        load(folder)
    assert "train detail" in caught.value.remedy


def a_person(seed: int, size: int = 256) -> FilmedPerson:
    random = torch.Generator().manual_seed(seed)

    def pixels(*shape: int) -> torch.Tensor:
        return torch.randint(90, 160, shape, generator=random, dtype=torch.uint8)

    def smooth(channels: int, edge: int = 256) -> torch.Tensor:
        return 0.05 * torch.randn(channels, edge, edge, generator=random)

    return FilmedPerson(
        phone_srgb=pixels(3, size, size), albedo_srgb=pixels(3, size, size),
        height=torch.zeros(size, size, dtype=torch.int16), trust=pixels(size, size),
        skin=torch.ones(size, size, dtype=torch.uint8), hybrid_gain=smooth(3),
        network_answer=smooth(3), hybrid_log=smooth(3, size).half() - 1.5,
        network_log=smooth(3, size).half() - 1.5,
        hybrid_broad=smooth(3) - 1.5, network_broad=smooth(3) - 1.5,
        hybrid_broad_residual=smooth(3), network_broad_residual=smooth(3),
        has_height=torch.tensor(1.0),
    )  # fmt: skip


@pytest.mark.parametrize("octave", [0, 1])
def test_pieces_are_told_what_the_product_tells(octave: int) -> None:
    """Inside a piece: its rim knows nothing of what lies beyond."""
    size, crop, row, column = 512 >> octave, 64, 128, 64
    person = a_person(1, 512)
    piece = crop_at(person, Window(row, column, crop, octave), CPU, use_network=False)

    def whole(image: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(image.float(), 1 << octave)

    phone_log = log_light(linear_from_srgb(whole(person.phone_srgb)[None] / 255))
    told = conditions_of(
        phone_log, whole(person.hybrid_log)[None], upsample(person.hybrid_broad[None], size),
        whole(person.trust[None])[None] / 255, texel_coordinates(size, CPU), size,
    )  # fmt: skip
    place = (
        slice(row >> octave, (row >> octave) + crop),
        slice(column >> octave, (column >> octave) + crop),
    )
    told = told.piece(*place)
    for ours, theirs in zip(
        (piece.conditions.texels, piece.conditions.broad, piece.conditions.place),
        (told.texels, told.broad, told.place),
        strict=True,
    ):
        inner = slice(0, -1)
        torch.testing.assert_close(
            ours[..., inner, inner], theirs[..., inner, inner], atol=2e-3, rtol=1e-3
        )
    assert torch.equal(piece.conditions.octave, told.octave)


def test_cached_persons_depend_on_the_panoramas_content(tmp_path: Path) -> None:
    without = film_mark(256, None)
    (tmp_path / "room.hdr").write_bytes(b"one")
    first = film_mark(256, tmp_path)
    (tmp_path / "room.hdr").write_bytes(b"two")
    assert len({without, first, film_mark(256, tmp_path), film_mark(512, None)}) == 4


def learning(folder_seed: int = 1) -> tuple[Nets, DetailTraining]:
    nets = Nets.of(TINY, CPU)
    persons = [a_person(folder_seed), a_person(2)]
    return nets, DetailTraining(nets, TINY, persons, Accelerator(cpu=True))


def test_training_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    origin = Origin.of("tiny", TINY, 1, "simulated", "simulated")
    nets, whole = learning()
    losses = [whole.step(number)["loss"] for number in range(4)]
    halved, first = learning()
    for number in range(2):
        first.step(number)
    write_checkpoint(tmp_path, origin, halved, first, 2)
    resumed, second = learning()
    resume_point = read_resume_point(tmp_path, origin)
    assert resume_point.step == 2
    read_checkpoint(tmp_path, resume_point, resumed, second)
    assert [second.step(number)["loss"] for number in (2, 3)] == losses[2:]
    for ours, theirs in zip(nets.mean.parameters(), resumed.mean.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(EnvironmentProblem, match="begun otherwise"):
        read_resume_point(tmp_path, replace(origin, seed=2))


def test_a_loss_that_is_no_number_stops_with_the_step() -> None:
    nets, phase = learning()
    with torch.no_grad():
        nets.net.leave.bias.fill_(float("nan"))  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(NotFinite, match="step 7"):
        phase.step(7)


def test_the_sheet_tells_both_kinds_of_stage_one(tmp_path: Path) -> None:
    found = write_prediction_sheet(tmp_path / "sheet.jpg", Nets.of(TINY, CPU).mean, [a_person(1)])
    assert (tmp_path / "sheet.jpg").stat().st_size > 1000
    assert {"hybrid_before_psnr", "network_after_gradients"} <= found.keys()
    assert draw_crops([a_person(1)], 32, 3, stream(CPU, 1)).drawn.shape == (3, 4, 32, 32)
