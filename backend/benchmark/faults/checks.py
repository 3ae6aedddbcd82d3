"""An avatar folder before and after a fault in; what was lost, touched or left over, out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studio_avatar_addon.avatar.bundle import AvatarFolder, open_avatar, verify_files
from studio_avatar_addon.avatar.corrections import CORRECTIONS_FILE
from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import sha256_file
from studio_avatar_addon.avatar.layout import STAGES_FOLDER
from studio_avatar_addon.avatar.ownership import MARK_FILE

from ...stages import STAGES
from ...store.stage_cache import RECORD_FILE, stage_folder
from .child import Ending
from .situations import ARTISTS_FILES

LOST, OUTSIDE, LEFT_OVER, BUG = "lost", "outside", "orphans", "bugs"
KINDS = (LOST, OUTSIDE, LEFT_OVER, BUG)


@dataclass(frozen=True)
class Violation:
    kind: str  # one of KINDS
    told: str


@dataclass(frozen=True)
class Snapshot:
    """What must outlive whatever happens."""

    is_whole: bool
    can_refit: bool  # what the current run was made from is there
    footage: str  # of the current run, by its hash
    corrections: bytes
    performances: frozenset[str]  # their contents' hashes
    artists: dict[Path, str]
    outside: dict[Path, str]

    @classmethod
    def of(cls, root: Path, outside: Path) -> Snapshot:
        avatar = _whole(root)
        artists = {path for place in ARTISTS_FILES for path in root.glob(place)}
        return cls(
            avatar is not None,
            avatar is not None and _can_refit(avatar),
            str(avatar.description["footage"]["sha256"]) if avatar else "",
            (root / CORRECTIONS_FILE).read_bytes() if (root / CORRECTIONS_FILE).exists() else b"",
            _performances(avatar) if avatar else frozenset(),
            {path: sha256_file(path) for path in artists},
            {path: sha256_file(path) for path in sorted(outside.rglob("*")) if path.is_file()},
        )


def after_fault(before: Snapshot, root: Path, outside: Path, ending: Ending) -> Iterator[Violation]:
    """At once, before anything else is done to the folder."""
    now = Snapshot.of(root, outside)
    if ending.is_bug:
        yield Violation(BUG, str(ending.event.get("problem", ending.status)))
    if before.is_whole and not now.is_whole:
        yield Violation(LOST, "the avatar does not open, or its files are not as listed")
    if not before.performances <= now.performances and before.is_whole:
        yield Violation(LOST, "a performance is gone")
    if before.is_whole and before.can_refit and not now.can_refit:
        yield Violation(LOST, "what the avatar was made from is gone")
    # A job that ends too early leaves them; one that is through has made the avatar with its own.
    is_through = ending.status == 0 or now.footage != before.footage
    if now.corrections != before.corrections and not is_through:
        yield Violation(LOST, "the artist's corrections changed")
    yield from _untouched(before, now)


def after_recovery(
    before: Snapshot,
    root: Path,
    outside: Path,
    ending: Ending,
    expected: dict[str, str],
    *,
    created: bool,
) -> Iterator[Violation]:
    """Once the same command has run again, undisturbed. `expected`: as `results` gives it;
    `created`: the command was `create`, which leaves one result of each stage."""
    now = Snapshot.of(root, outside)
    if ending.is_bug:
        yield Violation(BUG, str(ending.event.get("problem", ending.status)))
    if ending.status != 0:
        yield Violation(LOST, f"the next run fails: {ending.event.get('problem')}")
    if not now.is_whole:
        yield Violation(LOST, "the next run leaves no whole avatar")
    elif results(root) != expected:
        yield Violation(LOST, "the next run's results differ")
    if not before.performances <= now.performances:
        yield Violation(LOST, "a performance is gone after the next run")
    yield from _untouched(before, now)
    yield from _left_over(root, created=created)


def _untouched(before: Snapshot, now: Snapshot) -> Iterator[Violation]:
    if not before.artists.items() <= now.artists.items():
        yield Violation(LOST, "the artist's own file is gone or changed")
    if before.outside != now.outside:
        yield Violation(OUTSIDE, "a file outside the avatar was touched")


def _left_over(root: Path, *, created: bool) -> Iterator[Violation]:
    partial = [path for path in root.rglob("*.partial")]
    if partial:
        yield Violation(LEFT_OVER, f"{partial[0].name} stays")
    for stage in STAGES if created else ():
        if len(list((root / STAGES_FOLDER).glob(f"{stage}-*/{RECORD_FILE}"))) > 1:
            yield Violation(LEFT_OVER, f"two results of {stage} stay")
    if not (root / MARK_FILE).is_file():
        yield Violation(LEFT_OVER, "the folder has lost its mark")


def results(root: Path) -> dict[str, str]:
    """SHA-256 of the current run's files, by their places in it."""
    avatar = open_avatar(root)
    run = avatar.run.relative_to(root).as_posix()
    files: dict[str, str] = dict(avatar.description["files"])
    return {
        name.removeprefix(f"{run}/"): digest
        for name, digest in files.items()
        if name.startswith(f"{run}/")
    }


def _whole(root: Path) -> AvatarFolder | None:
    try:
        avatar = open_avatar(root)
        verify_files(avatar)
    except StudioAvatarError:
        return None
    return avatar


def _can_refit(avatar: AvatarFolder) -> bool:
    stages = avatar.root / STAGES_FOLDER
    keys = avatar.stage_fingerprints
    places = (stage_folder(stages, name, keys[name]) for name in ("footage", "tracking"))
    return all((place / RECORD_FILE).is_file() for place in places)


def _performances(avatar: AvatarFolder) -> frozenset[str]:
    return frozenset(sha256_file(path) for path in avatar.performances)
