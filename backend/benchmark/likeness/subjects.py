"""The real clips and folders of avatars in; each avatar with what its stages left out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from studio_avatar_addon.avatar.bundle import AvatarFolder, open_avatar
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import make_folder
from studio_avatar_addon.avatar.heads import check_head
from studio_avatar_addon.avatar.layout import AVATAR_FILE, STAGES_FOLDER
from studio_avatar_addon.avatar.template import HeadTemplate, installed_template
from studio_avatar_addon.avatar.types import Capture, FaceTrack, HeadFit, RoomLight, TextureSet

from ...job.event_log import EventLog
from ...job.reporter import Reporter
from ...stages import stage_of
from ...store.stage_cache import StageCache
from ...store.stored_fit import read_fit
from ...synthetic.render_capture import CHECKOUT
from ..head.reference import DEFAULT_HEADS

CLIPS = DEFAULT_HEADS.parent / "clips"
# In these, several people take turns, which the product refuses.
REFUSED = "many_people"
RECALLED = ("footage", "tracking", "fitting", "room_light", "phone_texture", "detail")


@dataclass(frozen=True)
class Subject:
    """A finished avatar, with its stages' results as they were left."""

    avatar: AvatarFolder
    template: HeadTemplate
    capture: Capture
    track: FaceTrack
    fit: HeadFit
    light: RoomLight
    phone: TextureSet
    detail: TextureSet


def clip_files() -> list[Path]:
    """Those of one person, by name. Raises AvatarFolderError where there are none."""
    clips = sorted(path for path in CLIPS.glob("*.mp4") if REFUSED not in path.stem)
    if not clips:
        raise AvatarFolderError(
            f"There are no clips of real people in {CLIPS}.", "Lay the shared test material there."
        )
    return clips


def require_avatar(clip: Path, root: Path) -> None:
    """Create the clip's avatar at standard quality unless it is there.

    Raises AvatarFolderError where the product refuses to.
    """
    if (root / AVATAR_FILE).is_file():
        return
    make_folder(root.parent)
    # In a process of its own, which gives all its memory back.
    command = [sys.executable, "-m", "backend", "create", str(clip), "--out", str(root)]
    if subprocess.run(command, cwd=CHECKOUT, check=False).returncode:
        raise AvatarFolderError(
            f"No avatar could be made of {clip.name}.", "The lines above say why."
        )


def open_subject(root: Path) -> Subject:
    """Read an avatar and what its stages left.

    Raises AvatarFolderError where it is damaged, or its stages were tidied away.
    """
    avatar = open_avatar(root)
    # Not `template_of`: topology and atlas of a named head are frozen, but its landmarks and
    # shapes are learned anew now and then, and an avatar of before is to be measured by the same.
    template = installed_template(avatar.template_name)
    check_head(avatar.head, template)
    with TemporaryDirectory() as scratch:
        job = Path(scratch)
        reporter = Reporter(job, EventLog(job), len(RECALLED))
        try:
            cache = StageCache(root / STAGES_FOLDER, reporter)
            for name in RECALLED:
                if name != "fitting":
                    cache.recall(stage_of(name), avatar.stage_fingerprints.get(name, ""))
        finally:
            reporter.close()
    values = cache.values
    return Subject(
        avatar,
        template,
        values["footage"],
        values["tracking"],
        read_fit(avatar, template),
        values["room_light"],
        values["phone_texture"],
        values["detail"],
    )
