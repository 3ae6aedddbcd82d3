"""What makes a stage run again: a changed line of its code, and nothing else's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.job.event_log import EventLog
from backend.job.reporter import Reporter
from backend.job.terminal import Silent
from backend.stages import STAGES, stage_of
from backend.stages.declaration import Stage, StageContext
from backend.store import source_fingerprint as sources
from backend.store.source_fingerprint import import_closure, package_versions
from backend.store.stage_cache import StageCache
from studio_avatar_addon.avatar.corrections import Corrections
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import QUALITY

ROOT = Path(__file__).parents[1]
ADDON = "studio_avatar_addon.avatar"


@contextmanager
def sources_below(root: Path) -> Iterator[None]:
    """Source is read there instead of in the checkout."""
    folders = {"backend": root / "backend", ADDON: root.joinpath(*ADDON.split("."))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "FOLDERS", folders)
        forget_sources()
        yield
    forget_sources()


def forget_sources() -> None:
    for name in vars(sources).values():
        if hasattr(name, "cache_clear"):
            name.cache_clear()


def context_of(footage: Path) -> StageContext:
    cpu = torch.device("cpu")
    return StageContext(footage, "a", QUALITY["draft"], load_template(), cpu, Silent())


@dataclass(frozen=True)
class Nothing:
    """The output of a stage that does not work."""


class Runs:
    """The pipeline's stages as declared, but for their work, in a cache of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = context_of(folder)
        self._stages = [self._idle(stage_of(name)) for name in STAGES]
        self._ran: list[str] = []

    def _idle(self, stage: Stage) -> Stage:
        def run(*_: Any) -> Nothing:
            self._ran.append(stage.name)
            return Nothing()

        run.__module__ = stage.module
        return replace(stage, run=run, output=Nothing, settings=lambda context: ())

    def again(self) -> list[str]:
        """The stages that a further run of the pipeline does not skip."""
        self._ran.clear()
        self._folder.mkdir(exist_ok=True)
        reporter = Reporter(self._folder, EventLog(self._folder), len(STAGES))
        cache = StageCache(self._folder / "stages", reporter)
        for stage in self._stages:
            cache.run(stage, self._context)
        reporter.close()
        return list(self._ran)


def downstream(changed: set[str]) -> list[str]:
    """The stages whose code changed, and those that work from what they make, in order."""
    for name in STAGES:
        if changed & set(stage_of(name).inputs):
            changed = changed | {name}
    return [name for name in STAGES if name in changed]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sources of both packages, to be changed."""
    root = tmp_path_factory.mktemp("checkout")
    only_sources = shutil.ignore_patterns("__pycache__", "weights", "*.npz")
    for package in ("backend", "studio_avatar_addon/avatar"):
        shutil.copytree(ROOT / package, root / package, ignore=only_sources)
    with sources_below(root):
        yield root


@pytest.fixture(scope="module")
def runs(checkout: Path) -> Runs:
    """All stages have run once."""
    runs = Runs(checkout / "avatar")
    assert runs.again() == list(STAGES) and runs.again() == []
    return runs


def change(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("# changed\n")


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("studio_avatar_addon/avatar/types.py", set(STAGES)),
        ("backend/imaging/image_files.py", set(STAGES)),
        ("backend/stages/phone_texture/grain.py", {"phone_texture"}),
        ("backend/stages/performance/gaze.py", {"performance"}),
        ("backend/detector/landmark_indices.py", {"footage"}),
        ("backend/store/texture_files.py", set(STAGES)),  # how results are stored
        ("backend/cli/main.py", set()),
        ("backend/benchmark/figures.py", set()),
        ("backend/training/loop.py", set()),
    ],
)
def test_what_a_file_decides(checkout: Path, runs: Runs, file: str, own: set[str]) -> None:
    change(checkout / file)
    assert runs.again() == downstream(own)


def test_a_changed_line_runs_its_stages_and_what_follows_again(checkout: Path, runs: Runs) -> None:
    closures = {name: import_closure(stage_of(name).module) for name in STAGES}
    files = sorted(frozenset.union(*closures.values()))
    assert len(files) > 100 and all(file.is_relative_to(checkout) for file in files)
    # How textures are stored decides every stage.
    stored = import_closure("backend.store.texture_files")
    for file in files:
        change(file)
        own = {name for name in STAGES if file in closures[name] | stored}
        assert own and runs.again() == downstream(own), file


def test_another_package_version_runs_what_uses_it_again(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = {name: set(package_versions(stage_of(name).module)) for name in STAGES}
    assert {"numpy", "opencv-contrib-python", "mediapipe", "av", "pillow"} <= used["footage"]
    installed = sources.metadata.version
    monkeypatch.setattr(
        sources.metadata, "version", lambda name: "9" if name == "scipy" else installed(name)
    )
    package_versions.cache_clear()
    own = {name for name in STAGES if "scipy" in used[name]}
    assert own and own != set(STAGES) and runs.again() == downstream(own)


def test_what_each_setting_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs other than source: footage, template, quality, the artist's word, stored tables."""
    base = context_of(tmp_path)
    before = {name: stage_of(name).settings(base) for name in STAGES}

    def changed(**values: Any) -> set[str]:
        context = replace(base, **values)
        return {name for name in STAGES if stage_of(name).settings(context) != before[name]}

    assert changed() == changed(device=torch.device("meta")) == set()
    assert changed(footage_sha256="b") == {"footage"}
    assert changed(template=replace(base.template, sha256="b")) == {"tracking", "fitting"}
    assert changed(quality=QUALITY["high"]) == {"footage", "phone_texture", "detail"}
    assert changed(choices=StudioChoices(skin_warmth=0.5)) == {"studio_texture"}
    assert changed(corrections=Corrections(focal_px=900.0)) == {"fitting"}
    table = tmp_path / "landmarks.npz"
    table.write_bytes(b"learned anew")
    monkeypatch.setattr("backend.stages.fitting.stage.TABLE_FILE", table)
    assert changed() == {"fitting"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import backend.room.here", {"room/here.py"}),
        ("from . import sibling", {"room/stage/sibling.py"}),
        ("from .sibling import value", {"room/stage/sibling.py"}),
        ("from .. import here", {"room/here.py"}),
        ("from ..here import value", {"room/here.py"}),
        ("from ... import other", {"other/__init__.py", "room/here.py"}),
        ("from ...other import value", {"other/__init__.py", "room/here.py"}),
        ("from ...other import plain", {"other/plain.py"}),
        ("from ...other import plain as p, value", {"other/plain.py", "other/__init__.py",
                                                    "room/here.py"}),
        ("from ...other.plain import *", {"other/plain.py"}),
        ("def late():\n    from ..here import value", {"room/here.py"}),
        ("if TYPE_CHECKING:\n    from ..here import value", {"room/here.py"}),
        ("from studio_avatar_addon.avatar import kinds", {"kinds.py"}),
        ("from studio_avatar_addon.avatar.kinds import Kind", {"kinds.py"}),
        ("import numpy as np\nfrom pathlib import Path", set()),
    ],
)  # fmt: skip
def test_every_form_of_import_is_followed(tmp_path: Path, line: str, found: set[str]) -> None:
    for file, text in {
        "backend/__init__.py": "",
        "backend/other/__init__.py": "from ..room.here import value\n",
        "backend/other/plain.py": "",
        "backend/room/__init__.py": "from .here import value\n",
        "backend/room/here.py": "value = 1\n",
        "backend/room/stage/__init__.py": "from .stage import run\n",
        "backend/room/stage/stage.py": line,
        "backend/room/stage/sibling.py": "value = 2\n",
        "studio_avatar_addon/avatar/kinds.py": "",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    with sources_below(tmp_path):
        closure = import_closure("backend.room.stage.stage")
    assert closure == {
        tmp_path / "backend" / "room" / "stage" / "stage.py",
        *(
            tmp_path / ("studio_avatar_addon/avatar" if name == "kinds.py" else "backend") / name
            for name in found
        ),
    }


def test_a_line_that_moves_to_the_next_file_counts(tmp_path: Path) -> None:
    files = tmp_path / "a.py", tmp_path / "b.py"
    files[0].write_text("first\nsecond\n")
    files[1].write_text("third\n")
    before = sources.files_fingerprint(files)
    files[0].write_text("first\n")
    files[1].write_text("second\nthird\n")
    assert sources.files_fingerprint(files) != before
