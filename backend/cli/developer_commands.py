"""Commands that only a checkout of the sources has: make what ships, measure it, train it."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from studio_avatar_addon.avatar.errors import EnvironmentProblem

from ..job.cache_folder import cache_folder
from .lazy_imports import BACKEND, module, third_party_packages

# Commands that make what ships with the code, or show it: module, function and help.
MAKERS = {
    "landmarks": (
        "template_build.learn_landmarks",
        "store_landmarks",
        "learn the head's landmarks again",
    ),
    "template": ("template_build.build", "build_template", "build the head template"),
    "micro-normal": (
        "template_build.micro_normal",
        "build_micro_normal",
        "build the tile of skin's micro relief",
    ),
    "sheet": ("template_build.template_sheet", "render_sheet", "draw the head template"),
    "shapes": ("template_build.shape_sheet", "render_shapes", "draw the 52 shapes"),
    "sample": ("synthetic.sample_capture.film_sample", "film_sample", "film the sample"),
    "corpus": ("training.corpus_sheets", "render_corpus", "draw the training's textures"),
}
# What `benchmark` can measure: module, function and help.
BENCHMARKS = {
    "head": (
        "benchmark.head.benchmark_head",
        "benchmark_head",
        "the head template against reference heads",
    ),
    "capture": (
        "benchmark.capture.benchmark_capture",
        "benchmark_capture",
        "the fit, on captures with known truth",
    ),
    "neutral": (
        "benchmark.capture.benchmark_neutral",
        "benchmark_neutral",
        "the same persons' heads at rest, from calm and from talking clips",
    ),
    "texture": (
        "benchmark.texture.benchmark_texture",
        "benchmark_texture",
        "the phone texture, likewise",
    ),
    "shapes": (
        "benchmark.head.benchmark_shapes",
        "benchmark_shapes",
        "the 52 shapes: agreement and contact",
    ),
    "avatar": ("benchmark.avatar.benchmark_avatar", "benchmark_avatar", "from clip to relit head"),
    "tone": (
        "benchmark.texture.benchmark_tone",
        "benchmark_tone",
        "what tells how light the skin is",
    ),
    "eyes": (
        "benchmark.eyes.benchmark_eyes",
        "benchmark_eyes",
        "how near the irises' colours come",
    ),
    "studio": (
        "benchmark.texture.benchmark_studio",
        "benchmark_studio",
        "what parts of it are worth",
    ),
    "detail": (
        "benchmark.texture.benchmark_detail",
        "benchmark_detail",
        "the detail network and its parts",
    ),
    "simulator": (
        "benchmark.texture.benchmark_simulator",
        "benchmark_simulator",
        "corpus and simulator, likewise",
    ),
    "labels": (
        "benchmark.labels.benchmark_labels",
        "benchmark_labels",
        "hair, skin and clothes told apart",
    ),
    "likeness": (
        "benchmark.likeness.benchmark_likeness",
        "benchmark_likeness",
        "finished avatars of real clips against the people filmed",
    ),
    "faults": (
        "benchmark.faults.benchmark_faults",
        "benchmark_faults",
        "what interrupted jobs, full disks and damaged files do",
    ),
}
# What `benchmark` can compare, two of a kind: module, function and help.
COMPARISONS = {
    "compare": ("benchmark.avatar.benchmark_avatar", "compare", "two results of benchmark avatar"),
    "unchanged": ("benchmark.avatar.unchanged", "compare_avatars", "two avatars, to the last bit"),
}
# What `train` can train: module, function and help.
TRAININGS = {
    "identity": ("training.identity.train_identity", "train_identities", "who is it, in any light"),
    "studio": ("training.studio.train_studio", "train_studio", "phone texture to studio texture"),
    "detail": ("training.detail.train_detail", "train_detail", "the skin's fine structure"),
    "labels": ("training.labels.train_labels", "train_labels", "hair and clothes from skin"),
}
_SIZES = ("cpu", "workstation", "gpu")
PRESETS = {
    "identity": ("cpu", "gpu"),
    "studio": _SIZES,
    "detail": _SIZES,
    "labels": ("cpu", "workstation"),
}
CHECKOUT_COMMANDS = (*MAKERS, "benchmark", "train")


def add_checkout_commands(commands: Any) -> None:
    """Add their parsers to `argparse`'s subparsers."""
    for name, (_, _, text) in MAKERS.items():
        maker = commands.add_parser(name, help=text)
        maker.add_argument("--out", type=Path, default=None)

    benchmark = commands.add_parser("benchmark", help="measure the product (in a checkout)")
    measures = benchmark.add_subparsers(dest="measure", required=True)
    for name, (_, _, text) in BENCHMARKS.items():
        measure = measures.add_parser(name, help=text)
        if name == "faults":
            measure.add_argument("--tries", type=int, default=1000, metavar="N")
            measure.add_argument(
                "--avatar", type=Path, default=None, metavar="DIR",
                help="whose stages are replayed; else the sample's, made for it",
            )  # fmt: skip
        elif name == "labels":
            measure.add_argument(
                "--avatars", type=Path, nargs="+", default=(), metavar="DIR",
                help="folders of avatars that are named as the labelled clips",
            )  # fmt: skip
            measure.add_argument(
                "--sources", action="store_true", help="what the training's sources bring, too"
            )
        elif name == "likeness":
            measure.add_argument(
                "--avatars", type=Path, nargs="+", default=(), metavar="DIR",
                help="folders of avatars that are named as the clips; without, made in the cache",
            )  # fmt: skip
        else:
            measure.add_argument(
                "--heads", type=Path, default=None, metavar="DIR", help="holds the reference heads"
            )
        if name == "avatar":
            measure.add_argument(
                "--set", dest="chosen_set", choices=("quick", "full"), default="quick"
            )
            measure.add_argument("--methods", nargs="+", default=(), metavar="METHOD")
            measure.add_argument(
                "--out", type=Path, default=None, metavar="DIR", help="goes on there"
            )
        else:
            measure.add_argument(
                "--out", type=Path, default=None, metavar="FILE", help="as JSON too"
            )
    for name, (_, _, text) in COMPARISONS.items():
        comparison = measures.add_parser(name, help=text)
        comparison.add_argument("first", type=Path)
        comparison.add_argument("second", type=Path)

    train = commands.add_parser("train", help="train a network (in a checkout)")
    networks = train.add_subparsers(dest="network", required=True)
    for name, (_, _, text) in TRAININGS.items():
        network = networks.add_parser(name, help=text, description=text)
        network.add_argument("--preset", choices=PRESETS[name], default="cpu")
        network.add_argument(
            "--hdris", type=Path, default=None, metavar="DIR", help="panoramas as further light"
        )
        network.add_argument("--out", type=Path, default=None, metavar="DIR")
        _ADD_OPTIONS[name](network)


def _add_identity_options(network: argparse.ArgumentParser) -> None:
    network.add_argument(
        "--studio-textures", type=Path, default=None, metavar="DIR",
        help="evenly lit textures of real people, beside the painted ones",
    )  # fmt: skip
    network.add_argument(
        "--studio-mesh", type=Path, default=None, metavar="FILE",
        help="the Wavefront file that they belong to; the only one in their folder",
    )  # fmt: skip


def _add_studio_options(network: argparse.ArgumentParser) -> None:
    network.add_argument(
        "--phone", default="simulated", metavar="DIR|simulated",
        help="phone textures: a folder of avatars, or of base colours in the atlas",
    )  # fmt: skip
    _add_detail_options(network)


def _add_detail_options(network: argparse.ArgumentParser) -> None:
    network.add_argument(
        "--studio", default="simulated", metavar="DIR|simulated",
        help="evenly lit textures: a folder of avatars, of base colours in the atlas, or of "
        "textures of one mesh that lies beside them (.obj)",
    )  # fmt: skip
    network.add_argument("--resume", action="store_true", help="go on with the training in --out")
    network.add_argument(
        "--minutes", type=float, default=None, help="stop then, to go on with --resume"
    )


def _add_labels_options(network: argparse.ArgumentParser) -> None:
    network.add_argument(
        "--labels", type=Path, default=None, metavar="DIR",
        help="frames with label maps (NAME_labels.png beside NAME.png), to learn from as well",
    )  # fmt: skip


_ADD_OPTIONS = {
    "identity": _add_identity_options,
    "studio": _add_studio_options,
    "detail": _add_detail_options,
    "labels": _add_labels_options,
}


def run_checkout_command(command: str, arguments: dict[str, Any]) -> int:
    """One of CHECKOUT_COMMANDS; the exit status. Raises as what it runs does."""
    if command == "benchmark":
        return _measure(**arguments)
    if command == "train":
        return _train(**arguments)
    return _make(command, **arguments)


def _make(command: str, out: Path | None) -> int:
    """Make one of MAKERS; without `out` at its own place. Raises EnvironmentProblem elsewhere."""
    if not (Path(__file__).parents[2] / "build.py").is_file():
        raise EnvironmentProblem(
            "What ships with the extension is made in a checkout of its sources.",
            f"Run `python -m backend {command}` there.",
        )
    name, function, _ = MAKERS[command]
    with third_party_packages():
        maker = getattr(module(name), function)
        print(maker(out) if out else maker())
    return 0


def _measure(measure: str, **given: Any) -> int:
    """Print one of BENCHMARKS or COMPARISONS. Raises EnvironmentProblem where
    benchmarks were not shipped."""
    _only_in_a_checkout("benchmark", "The benchmarks are")
    name, function, _ = (BENCHMARKS | COMPARISONS)[measure]
    with third_party_packages():
        getattr(module(name), function)(**given)
    return 0


def _train(network: str, preset: str, **given: Any) -> int:
    """Train one of TRAININGS. Raises EnvironmentProblem where training was not shipped."""
    _only_in_a_checkout("training", "The training is")
    name, function, _ = TRAININGS[network]
    with third_party_packages():
        train = getattr(module(name), function)
        if network == "identity":
            given["studio"] = _studio_folder(given.pop("studio_textures"), given.pop("studio_mesh"))
        if summary := train(preset, cache=cache_folder() / "training", **given):
            print(summary)
    return 0


def _studio_folder(textures: Path | None, mesh: Path | None) -> Any:
    if mesh and not textures:
        raise EnvironmentProblem(
            f"The mesh {mesh.name} is given without its textures.",
            "Name their folder with --studio-textures.",
        )
    folders = module("synthetic.corpus.studio_folder")
    return folders.open_studio_folder(textures, mesh) if textures else None


def _only_in_a_checkout(package: str, subject: str) -> None:
    if importlib.util.find_spec(f"{BACKEND}.{package}") is None:
        raise EnvironmentProblem(
            f"{subject} not part of the installed extension.",
            "Run it from a checkout of its sources.",
        )
