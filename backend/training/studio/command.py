"""`python -m backend train studio`: simulated or given textures in, the studio network out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import Progress

from ...studio.networks import save, weights_sha256
from ...studio.networks.studio_net import WEIGHTS
from ...terminal import TerminalProgress
from ..corpus.studio_folder import StudioFolder, open_studio_folder
from ..identity.network import LOSS, load
from ..identity.network import weights_sha256 as identity_sha256
from ..simulator import Simulator, keep_freed_memory
from ..stock import SkinStock, stored_bank, stored_simulator
from .card import write_card
from .checkpoint import DESCRIPTION, Origin, read_standing
from .folders import atlas_pictures, mark_of, read_atlas_pictures
from .nets import Nets
from .pairs import AtlasFacts, Pairs, Sources, simulated_pairs, stream
from .phases import Setting
from .presets import PHASES, PRESETS, Preset
from .sheets import write_answers
from .train import Run, train

SIMULATED = "simulated"
RESULT = "samples/result.jpg"
SEED = 1
# Persons below are nobody's training data: benchmarks draw from them.
FIRST_TRAINED = 1000
HELD_OUT, HELD_OUT_SEED = 16, 5


@dataclass(frozen=True, eq=False)
class Given:
    """A studio's own folders, looked at but not yet read."""

    phone: list[Path] | None  # pictures in the atlas; None: simulated
    studio: list[Path] | None  # the same
    studio_folder: StudioFolder | None  # textures of another mesh, which lies beside them


def train_studio(
    preset_name: str,
    phone: str,
    studio: str,
    hdris: Path | None,
    cache: Path,
    out: Path | None,
    *,
    resume: bool = False,
    minutes: float | None = None,
) -> str:
    """Train in the folder `out`, else in one of the cache, and store the weights there, else among
    the sources; tells where, or how to go on.

    `phone`, `studio`: "simulated" or a folder. Raises CorpusError and EnvironmentProblem for what
    cannot be used, NotFinite where training goes wrong.
    """
    stop_at_s = None if minutes is None else time.monotonic() + 60.0 * minutes
    preset, folder = PRESETS[preset_name], out or cache / f"studio_{preset_name}"
    # First what may be refused.
    given = look_at(phone, studio)
    origin = Origin.of(preset_name, preset, SEED, *_marks(given), identity_sha256(LOSS))
    standing = read_standing(folder, origin) if resume else None
    if not resume and (folder / DESCRIPTION).is_file():
        raise EnvironmentProblem(
            f"{folder} holds a training already.",
            "Go on with it with --resume, or name another folder with --out.",
        )
    keep_freed_memory()
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    torch.backends.cudnn.benchmark = gpu  # sizes never change
    identity = load(LOSS).to(device).requires_grad_(False)
    progress = TerminalProgress()
    sources = _sources(preset, given, hdris, cache, device, progress)
    nets = Nets.of(preset.shape, SEED, device)
    setting = Setting(nets, preset, sources, identity, SEED, device, half=gpu)
    net = train(Run(setting, origin, folder, progress, stop_at_s), standing)
    if net is None:
        return f"The time is up; go on with --resume. The training is kept in {folder}."
    weights = out or WEIGHTS
    figures = write_answers(folder / RESULT, net.to(device), sources)
    save(
        net, weights, preset=preset_name, phone=origin.phone, studio=origin.studio,
        identity_sha256=origin.identity,
    )  # fmt: skip
    write_card(weights, card_facts(preset_name, given, figures, weights_sha256(weights)))
    return str(weights)


def card_facts(
    preset_name: str, given: Given, figures: dict[str, float], sha256: str
) -> dict[str, object]:
    """What the model card tells; `figures` as of `write_answers`."""
    preset, studio = PRESETS[preset_name], f"{PRESETS[preset_name].corpus} painted persons"
    if given.studio_folder is not None:
        names = ", ".join(path.stem for path in given.studio_folder.images)
        studio += f" with {preset.real} variations of the real skins {names} (MakeHuman, CC0)"
    elif given.studio is not None:
        studio += f" with {len(given.studio)} studio textures of the trainer's own"
    return {
        "sha256": sha256,
        "size": preset.shape.size,
        "phone": SIMULATED if given.phone is None else f"{len(given.phone)} filmed",
        "studio": studio,
        "steps": " + ".join(str(preset.steps(phase)) for phase in PHASES),
        "preset": preset_name,
        "asked": HELD_OUT,
        **figures,
    }


def look_at(phone: str, studio: str) -> Given:
    """Raises CorpusError where a folder holds nothing of use."""
    pictures = None if phone == SIMULATED else atlas_pictures(Path(phone), "phone")
    if studio == SIMULATED:
        return Given(pictures, None, None)
    if any(Path(studio).glob("*.obj")):
        return Given(pictures, None, open_studio_folder(Path(studio)))
    return Given(pictures, atlas_pictures(Path(studio), "studio"), None)


def _marks(given: Given) -> tuple[str, str]:
    phone = SIMULATED if given.phone is None else mark_of(given.phone)
    if given.studio_folder is not None:
        return phone, mark_of([*given.studio_folder.images, given.studio_folder.mesh])
    return phone, SIMULATED if given.studio is None else mark_of(given.studio)


def _sources(
    preset: Preset, given: Given, hdris: Path | None, cache: Path, device: torch.device,
    progress: Progress,
) -> Sources:  # fmt: skip
    large, size = preset.simulated, preset.shape.size
    phone = None if given.phone is None else read_atlas_pictures(given.phone, size).to(device)
    own = _own_skins(preset, given, device)
    simulator = stored_simulator(cache, device, large, hdris, progress)
    held = _painted(range(HELD_OUT), large, cache, device, progress)
    trained = range(FIRST_TRAINED, FIRST_TRAINED + preset.corpus)
    skins = _painted(trained, large, cache, device, progress)
    skins = skins if own is None else skins.joined(own)

    def simulate(number: int) -> Pairs:
        progress(0, 1, f"simulating {preset.pairs} pairs")
        random = stream(device, SEED, "stock", number)
        return simulated_pairs(simulator, skins, size, preset.pairs, random)

    return Sources(
        facts=AtlasFacts.of(load_template(), simulator, size),
        held_out=_held_out(simulator, held, size, device),
        simulate=simulate,
        stock_steps=preset.stock_steps,
        phone=phone,
        studio=None if own is None else own.smaller(size).albedo_srgb,
    )


def _held_out(simulator: Simulator, held: SkinStock, size: int, device: torch.device) -> Pairs:
    return simulated_pairs(simulator, held, size, HELD_OUT, stream(device, HELD_OUT_SEED))


def _own_skins(preset: Preset, given: Given, device: torch.device) -> SkinStock | None:
    """A studio's textures; pairs are simulated of them too."""
    if given.studio_folder is not None:
        first = FIRST_TRAINED + preset.corpus
        seeds = range(first, first + preset.real)
        return SkinStock.of_real(given.studio_folder, seeds, preset.simulated, device)
    if given.studio is None:
        return None
    albedo = read_atlas_pictures(given.studio, preset.simulated)
    # Few among many painted persons would hardly be drawn.
    repeated = torch.arange(max(preset.real, len(albedo))) % len(albedo)
    return SkinStock.of_colours(albedo[repeated].to(device))


def _painted(
    seeds: range, size: int, cache: Path, device: torch.device, progress: Progress
) -> SkinStock:
    """Painted at a size that the cache may hold already; on a GPU, there and then."""
    progress(0, 1, f"painting {len(seeds)} persons")
    if device.type == "cuda":
        return SkinStock.painted(seeds, size, device)
    return SkinStock.of(stored_bank(cache, seeds, max(size, 256)), device).smaller(size)
