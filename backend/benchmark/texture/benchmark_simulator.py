"""`python -m backend benchmark simulator`: how true corpus and simulator are, and how fast."""

from __future__ import annotations

import math
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import QUALITY, FloatArray, TextureSet

from ...atlas.texel_map import region, texel_map
from ...imaging.image_files import linear_from_srgb
from ...imaging.log_light import LUMINANCE
from ...job.cache_folder import cache_folder
from ...job.terminal import Silent, TerminalProgress
from ...stages.fitting import fit_head
from ...stages.footage import read_footage
from ...stages.phone_texture import unwrap
from ...stages.room_light import estimate_light
from ...stages.room_light.tone import SKIN_TYPES
from ...stages.tracking import track_face
from ...synthetic.corpus.anatomy import Anatomy
from ...synthetic.corpus.biophysics import ita_deg
from ...synthetic.corpus.painter import StudioTexture, paint
from ...synthetic.corpus.person import TYPES, draw_person
from ...synthetic.corpus.skin_statistics import SkinStatistics, skin_statistics
from ...synthetic.corpus.studio_folder import open_studio_folder, wrapped_textures
from ...synthetic.simulator import Simulator, keep_freed_memory
from ...synthetic.simulator.check_light import check_light
from ...training.identity.embedding import LOSS, SCORE, load
from ...training.identity.score import measure_recognition
from ...training.identity.train_identity import SCORED_PERSONS, SCORED_SEED, film_pool
from ...training.texture_pool import TexturePool, load_or_paint_bank, load_simulator
from ..capture.benchmark_capture import clip_runs
from ..capture.capture_run import Run
from ..capture.rows import print_and_write
from ..figures import Figure, Section, Target
from ..head.reference import DEFAULT_HEADS
from .skin_spectrum import PLAIN_REGIONS, WAVELENGTHS, detail_by_octave

# Of the studio network's input, for which pairs are simulated while it trains.
SIZE = 256
CPU = torch.device("cpu")
# Few, as each pair of a head and a panorama is a render in Cycles. The seed is any.
LIT_HEADS, LIT_HDRIS, LIT_SEED = 2, 3, 300
# Ten persons a type, for a median; tone needs no finer texels.
TONE_PERSONS, TONE_TEXELS = 60, 512
# By device, what keeps it busy and fits beside a network; the first batch, which compiles, is not
# counted.
BATCH, BATCHES = {"cpu": 16, "cuda": 256}, 4
SPEED_FLOOR = {"cpu": 20.0, "cuda": 2000.0}  # pairs a second
# Texels of 1 mm: with finer ones the cameras' resolution would be compared. Pairs for a median, and
# how many of them are held in memory at once.
SPECTRUM_SIZE, SPECTRUM_PAIRS, SPECTRUM_BATCH = 512, 24, 4
# Simulated textures of each person that are to be told apart.
TEXTURES_PER_PERSON = 5
# Of coverage: skin filled in has no detail of its own and would lower the spectrum.
COVERED = 0.9


def benchmark_simulator(heads: Path | None, out: Path | None) -> None:
    """Print the table, and write it to `out` as JSON. What needs the test material beside the
    checkout is left out where that is missing, with a note."""
    keep_freed_memory()
    data = (heads or DEFAULT_HEADS).parent
    cache = cache_folder() / "training"
    template = load_template()
    sections = [
        *_light_section(template, data / "hdri"),
        _tone_section(template),
        *_real_skin_section(template, data),
    ]
    hdris = data / "hdri" if (data / "hdri").is_dir() else None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    simulator = load_simulator(cache, device, SIZE, hdris, TerminalProgress())
    skins = TexturePool.from_bank(load_or_paint_bank(cache, range(SCORED_PERSONS), SIZE), device)
    sections += [
        _speed_section(simulator, skins),
        _spectrum_section(template, cache, hdris),
        _identity_section(simulator, skins),
    ]
    print_and_write([], sections, out)


def _light_section(template: HeadTemplate, hdris: Path) -> list[Section]:
    started = time.monotonic()
    title = "Light on the skin against Cycles, relative error"
    found = sorted(hdris.glob("*.hdr"))[:LIT_HDRIS]
    if not found:
        return [Section(title, 0.0, (), f"There are no panoramas in {hdris.name}.")]
    random = np.random.default_rng(LIT_SEED)
    identities = random.normal(size=(LIT_HEADS, len(template.identity_names))).clip(-2, 2)
    with TemporaryDirectory() as folder:
        errors = check_light(template, identities, found, Path(folder))
    figures = [
        Figure("worst median", 100 * max(e.median for e in errors), "%", Target(5.0)),
        Figure("worst p95", 100 * max(e.p95 for e in errors), "%", Target(15.0)),
    ]
    for error in errors:
        name = f"{error.hdri}, turned {error.rotation_deg:.0f} deg"
        figures += [
            Figure(f"{name}, median", 100 * error.median, "%"),
            Figure(f"{name}, p95", 100 * error.p95, "%"),
            Figure(f"{name}, bias", 100 * error.bias, "%"),
        ]
    return [Section(title, time.monotonic() - started, tuple(figures))]


def _tone_section(template: HeadTemplate) -> Section:
    """The corpus' skin tones beside the grid of Fitzpatrick's types, and its variation."""
    started = time.monotonic()
    anatomy = Anatomy(texel_map(template, TONE_TEXELS), template.vertices_m)
    measured = [
        skin_statistics(paint(draw_person(seed), anatomy, CPU), anatomy)
        for seed in range(TONE_PERSONS)
    ]
    figures: list[Figure] = []
    for kind in range(TYPES):
        mine = np.median(
            [measured[i].median_linear for i in range(kind, TONE_PERSONS, TYPES)], axis=0
        )
        grid = SKIN_TYPES[kind]
        away = float(ita_deg(mine) - ita_deg(grid))
        worst = float(np.abs(mine / grid - 1).max())
        figures += [
            Figure(f"type {kind + 1}, ITA away from the grid's", abs(away), "deg", Target(5.0)),
            Figure(f"type {kind + 1}, worst channel's error", 100 * worst, "%", Target(10.0)),
        ]
    return Section(
        f"{TONE_PERSONS} persons of the corpus",
        time.monotonic() - started,
        (*figures, *_variation(measured)),
    )


def _variation(measured: list[SkinStatistics]) -> tuple[Figure, ...]:
    low, fine = ([getattr(m, name) for m in measured] for name in ("low_frequency", "fine_detail"))
    return (
        Figure("log luminance, coarser than 8 mm", 1000 * float(np.median(low)), "e-3"),
        Figure("log luminance, finer", 1000 * float(np.median(fine)), "e-3"),
    )


def _real_skin_section(template: HeadTemplate, data: Path) -> list[Section]:
    started = time.monotonic()
    title = "Real studio textures, wrapped"
    try:
        folder = open_studio_folder(
            data / "skins" / "makehuman", data / "heads" / "makehuman" / "base.obj"
        )
        anatomy = Anatomy(texel_map(template, TONE_TEXELS), template.vertices_m)
        textures: list[StudioTexture] = wrapped_textures(folder, anatomy, CPU)
    except StudioAvatarError as error:
        return [Section(title, 0.0, (), error.problem)]
    measured = [skin_statistics(texture, anatomy) for texture in textures]
    figures = [
        Figure(f"{path.stem}, ITA", m.ita_deg, "deg")
        for path, m in zip(folder.images, measured, strict=True)
    ]
    return [Section(title, time.monotonic() - started, (*figures, *_variation(measured)))]


def _speed_section(simulator: Simulator, skins: TexturePool) -> Section:
    device = simulator.sphere.directions.device
    generator = torch.Generator(device).manual_seed(1)
    count, started = BATCH[device.type], time.monotonic()
    for batch in range(BATCHES + 1):
        if batch == 1:  # the first one warms up
            _finish(device)
            started = time.monotonic()
        index = torch.randint(len(skins), (count,), generator=generator, device=device)
        simulator.simulate(skins.take(index), generator)
    _finish(device)
    seconds = time.monotonic() - started
    target = Target(SPEED_FLOOR[device.type], at_least=True)
    speed = Figure(
        f"at {SIZE} texels on {device.type}", count * BATCHES / seconds, "pairs/s", target
    )
    return Section("Speed", seconds, (speed,), f"{torch.get_num_threads()} threads")


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _spectrum_section(template: HeadTemplate, cache: Path, hdris: Path | None) -> Section:
    """Skin detail of simulated and of real phone textures at equal texel size."""
    started = time.monotonic()
    simulator = load_simulator(cache, CPU, SPECTRUM_SIZE, hdris, TerminalProgress())
    skins = TexturePool.from_bank(
        load_or_paint_bank(cache, range(SPECTRUM_PAIRS), SPECTRUM_SIZE), CPU
    )
    generator = torch.Generator().manual_seed(2)
    simulated = []
    for start in range(0, SPECTRUM_PAIRS, SPECTRUM_BATCH):
        index = torch.arange(start, start + SPECTRUM_BATCH)
        pair = simulator.simulate(skins.take(index), generator)
        for srgb, coverage in zip(pair.phone_srgb, pair.coverage, strict=True):
            simulated.append(_detail(template, srgb.permute(1, 2, 0).numpy(), coverage.numpy()))
    real, failures = {}, []
    for run in clip_runs():
        if run.truth is None and run.quality == "standard":
            try:
                texture = phone_texture_of(run, template)
            except StudioAvatarError as error:
                failures.append(f"{run.case}: {error.problem}")
                continue
            small, coverage = (_shrunk(m) for m in (texture.base_color_srgb, texture.coverage))
            real[run.case] = _detail(template, small, coverage)
    ours = np.nanmedian(simulated, axis=0)
    figures = _octaves("simulated", ours)
    for case, detail in real.items():
        figures += _octaves(case, detail)
    if real:
        ratio = ours / np.nanmedian(list(real.values()), axis=0)
        figures += _octaves("simulated over the clips' median, in thousandths", ratio)
    return Section(
        "Detail of phone textures by octave, log luminance",
        time.monotonic() - started,
        tuple(figures),
        "; ".join(failures),
    )


def phone_texture_of(run: Run, template: HeadTemplate) -> TextureSet:
    """A clip's phone texture, as the product makes it."""
    silent = Silent()
    with TemporaryDirectory() as scratch:
        quality = QUALITY[run.quality]
        capture = read_footage(run.source, Path(scratch), quality, silent)
        track = track_face(capture, Path(scratch), silent)
        fit = fit_head(capture, track, template, silent)
        light = estimate_light(capture, track, fit, template, CPU, silent)
        return unwrap(capture, track, fit, light, template, quality, silent)


def _detail(template: HeadTemplate, srgb: FloatArray, coverage: FloatArray) -> NDArray[np.float64]:
    texels = texel_map(template, len(srgb))
    plain = (
        texels.scatter(texels.interpolate(region(template, *PLAIN_REGIONS)), gutters=False) > 0.5
    )
    luminance = linear_from_srgb(srgb) @ LUMINANCE
    return detail_by_octave(np.log(np.maximum(luminance, 1e-3)), plain & (coverage > COVERED))


def _octaves(name: str, detail: FloatArray) -> list[Figure]:
    return [
        Figure(f"{name}, {low:.0f} to {high:.0f} texels", 1000 * float(value), "e-3")
        for value, low, high in zip(detail, WAVELENGTHS, WAVELENGTHS[1:], strict=False)
        if not math.isnan(value)
    ]


def _shrunk(image: FloatArray) -> NDArray[np.float32]:
    """(N, N, ...) to SPECTRUM_SIZE by means over blocks."""
    size, step = SPECTRUM_SIZE, len(image) // SPECTRUM_SIZE
    blocks = image.reshape(size, step, size, step, *image.shape[2:])
    return blocks.mean((1, 3)).astype(np.float32)


def _identity_section(simulator: Simulator, skins: TexturePool) -> Section:
    started = time.monotonic()
    title = f"Identity networks on {SCORED_PERSONS} persons never seen"
    figures: list[Figure] = []
    try:
        networks = {name: load(name) for name in (LOSS, SCORE)}
    except StudioAvatarError as error:
        return Section(title, 0.0, (), error.problem)
    album = film_pool(simulator, skins, TEXTURES_PER_PERSON, SCORED_SEED, TerminalProgress())
    for name, network in networks.items():
        score = measure_recognition(network, album)
        figures += [
            Figure(f"{name}: own studio texture found", 100 * score.found, "%"),
            Figure(f"{name}: equal error", 100 * score.equal_error, "%"),
        ]
    return Section(title, time.monotonic() - started, tuple(figures))
