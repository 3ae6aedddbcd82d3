"""The artist's corrections: those asked for now on top of those kept from before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio_avatar_addon.avatar.corrections import (
    Corrections,
    read_corrections,
    write_corrections,
)
from studio_avatar_addon.avatar.types import Capture, Finding, Progress


@dataclass(frozen=True)
class CorrectionRequest:
    """What the artist corrects now, on top of what the avatar folder keeps or instead of it."""

    corrections: Corrections
    forget: bool


NO_CORRECTIONS = CorrectionRequest(Corrections(), forget=False)


@dataclass(frozen=True)
class MergedCorrections:
    """Those that hold in this run, and whether the avatar folder has to learn of them."""

    every: Corrections
    of_frames: Corrections  # without what they say of frames that were not chosen this time
    changed: bool


def merge_corrections(
    avatar: Path, capture: Capture, request: CorrectionRequest, progress: Progress
) -> MergedCorrections:
    """The request on top of what the folder `avatar` keeps.

    Raises CorrectionError where one names what is not there, AvatarFolderError as
    `read_corrections` does.
    """
    frames = capture.frame_index.tolist()
    request.corrections.checked_for(frames, capture.size_px)
    before = Corrections() if request.forget else read_corrections(avatar)
    kept = before.of_footage(capture.sha256)
    if before.would_drop(capture.sha256):
        progress.warn(
            Finding(
                "corrections_dropped",
                "The corrections of frames and focal length were made for another clip and have "
                "been dropped. Make them again where they are needed.",
            )
        )
    every = kept.merged(request.corrections)
    # Kept ones may be of another choice of frames: what they say of those now chosen holds.
    of_frames = every.within(frames).checked_for(frames, capture.size_px)
    changed = request != NO_CORRECTIONS or (before != Corrections() and every != before)
    return MergedCorrections(every, of_frames, changed)


def keep_corrections(avatar: Path, merged: MergedCorrections) -> None:
    """Once they have led to a fit, the avatar folder remembers them."""
    if merged.changed:
        write_corrections(avatar, merged.every)
