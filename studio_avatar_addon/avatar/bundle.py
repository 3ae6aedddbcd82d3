"""The avatar folder, format `layout.FORMAT`: where everything lies, and how it is read.

    <avatar>/avatar.json               names the current run, lists its files' hashes; replaced last
             runs/<fingerprint>/       head.npz, cameras.npz, run.json (this run's avatar.json)
                 frames/               frame_<n>.png of each chosen frame, mask_<n>.png,
                                       frame_<n>_labels.png, frame_<n>_hair.png
                 textures/<origin>/    the PNGs of `layout.MAPS`
                 performances/         <clip>.npz of the own clip
                 report/               report.json and pictures
             performances/             <clip>.npz of other clips
             corrections.json          what the artist corrected, where there is anything
             preview/                  pictures and figures of the last refit
             stages/                   what finished stages left, for the next run

Earlier runs stay beside the current one. Images are left to the caller: Blender and the backend
each have their own way to load them. An avatar may come from a stranger: what its files say is
checked, and nothing outside the folder is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .arrays import read_arrays
from .cameras import CameraData, cameras_from_arrays
from .errors import AvatarFolderError, NewerAvatar, TemplateError
from .files import inside, read_json, sha256_file
from .layout import (
    AVATAR_FILE,
    FORMAT,
    MAPS,
    PERFORMANCES_FOLDER,
    RUN_FILE,
    RUNS_FOLDER,
    TEXTURE_ORIGINS,
)
from .performances import check_performance
from .png_files import check_png
from .sealed import read_sealed
from .template import HeadTemplate, installed_template, template_path
from .types import Performance

_Value = TypeVar("_Value")

LONGEST_NAME_BYTES = 255  # that file systems take
LONGEST_STEM_BYTES = 200
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
AGAIN = "Create the avatar again from its footage; finished stages are reused."


@dataclass(frozen=True)
class HeadData:
    """`head.npz`: the fitted head in metres, head frame; float32, deltas stored as float16."""

    identity: NDArray[Any]  # (P,)
    neutral_m: NDArray[Any]  # (V, 3)
    shape_deltas_m: NDArray[Any]  # (52, V, 3)
    corrective_deltas_m: NDArray[Any]  # (C, V, 3) in the order of shapes.CORRECTIVES
    joints_m: NDArray[Any]  # (B, 2, 3)
    eye_centre_m: NDArray[Any]  # (2, 3) left, right
    eye_radius_m: NDArray[Any]  # (2,)
    iris_linear: NDArray[Any]  # (3,) linear Rec.709 albedo


@dataclass(frozen=True)
class AvatarFolder:
    """An avatar on disk; arrays are read when they are asked for."""

    root: Path
    description: Mapping[str, Any]  # avatar.json

    @property
    def name(self) -> str:
        return str(self.description["name"])

    @property
    def template_name(self) -> str:
        return str(self.description["template"]["name"])

    @property
    def run(self) -> Path:
        """The folder of the current results."""
        return self.root / RUNS_FOLDER / str(self.description["run"])

    def file(self, relative: str) -> Path:
        """Of the current run. Raises AvatarFolderError where a link leads out of the avatar."""
        return _inside(self.root, f"{RUNS_FOLDER}/{self.description['run']}/{relative}")

    @cached_property
    def head(self) -> HeadData:
        stored = self._arrays("head.npz")
        return _from_arrays(
            self.run / "head.npz",
            lambda: HeadData(
                identity=stored["identity"],
                neutral_m=stored["neutral_m"],
                shape_deltas_m=stored["shape_deltas_m"].astype(np.float32),
                corrective_deltas_m=stored["corrective_deltas_m"].astype(np.float32),
                joints_m=stored["joints_m"],
                eye_centre_m=stored["eye_centre_m"],
                eye_radius_m=stored["eye_radius_m"],
                iris_linear=stored["iris_linear"],
            ),
        )

    @cached_property
    def cameras(self) -> CameraData:
        stored = self._arrays("cameras.npz")
        return _from_arrays(self.run / "cameras.npz", lambda: cameras_from_arrays(stored))

    @property
    def stage_fingerprints(self) -> Mapping[str, str]:
        """Of the stages that made the current run, by name; none where the avatar says nothing."""
        provenance = self.description.get("provenance")
        known = cast("dict[str, Any]", provenance) if isinstance(provenance, dict) else {}
        stages = known.get("stages")
        told = cast("dict[str, Any]", stages) if isinstance(stages, dict) else {}
        return {name: key for name, key in told.items() if _FINGERPRINT.fullmatch(str(key))}

    def texture(self, origin: str, map_name: str) -> Path | None:
        """The PNG of a map (one of MAPS), or None where this version has none.

        Raises AvatarFolderError where it is not whole.
        """
        path = self.file(f"textures/{origin}/{map_name}.png")
        if not path.exists():
            return None
        try:
            check_png(path)
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error
        return path

    @property
    def maps(self) -> dict[str, dict[str, Path]]:
        """The PNGs by version and map name.

        Raises AvatarFolderError where a base colour is missing or a picture is not whole.
        """
        found = {
            origin: {
                name: path for name in MAPS if (path := self.texture(origin, name)) is not None
            }
            for origin in TEXTURE_ORIGINS
        }
        for origin, pictures in found.items():
            if "base_color" not in pictures:
                missing = FileNotFoundError("the file is missing")
                raise damaged(Path(origin) / "base_color.png", missing)
        return found

    @property
    def performances(self) -> tuple[Path, ...]:
        """Of the own clip, of others, and of those that former versions kept in earlier runs.

        Raises AvatarFolderError where a link leads out of the avatar.
        """
        listed = [self.root / name for name in self.description["files"] if is_performance(name)]
        found = {
            *(self.run / PERFORMANCES_FOLDER).glob("*.npz"),
            *(self.root / PERFORMANCES_FOLDER).glob("*.npz"),
            *listed,
        }
        places = (path.relative_to(self.root).as_posix() for path in found)
        checked = (_inside(self.root, place) for place in places)
        return tuple(sorted(filter(Path.exists, checked), key=lambda path: (path.stem, path)))

    def _arrays(self, name: str) -> dict[str, NDArray[Any]]:
        path = self.file(name)
        try:
            return read_arrays(path)
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error


def open_avatar(root: Path) -> AvatarFolder:
    """Read an avatar folder's description.

    Raises AvatarFolderError where it is no avatar, damaged or of an older format, NewerAvatar where
    it is of a newer one.
    """
    path = root / AVATAR_FILE
    if not path.is_file():
        raise AvatarFolderError(
            f"{root} is not an avatar folder: it holds no {AVATAR_FILE}.",
            "Choose the folder that Create Avatar made.",
        )
    try:
        loaded: object = read_json(inside(root, AVATAR_FILE))
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    if not isinstance(loaded, dict):
        raise damaged(path, ValueError("no JSON object"))
    description = cast("dict[str, Any]", loaded)
    version = description.get("format_version")
    if isinstance(version, int) and version > FORMAT:
        raise NewerAvatar(
            f"{root.name} was made by a newer Studio Avatar "
            f"(format {version}; this one reads {FORMAT}).",
            "Update the extension.",
        )
    if isinstance(version, int) and version < FORMAT:
        raise AvatarFolderError(
            f"{root.name} was made by an older Studio Avatar "
            f"(format {version}; this one reads {FORMAT}).",
            "Create it again from its clip.",
        )
    if version != FORMAT or not is_complete(description):
        raise damaged(path, ValueError("a required entry is missing"))
    folder = AvatarFolder(root, description)
    if not folder.file("").is_dir():
        raise damaged(folder.run, FileNotFoundError("the current results are missing"))
    return folder


def refuse_newer(root: Path) -> None:
    """Raises NewerAvatar where this version would put its own in the place of a newer one's."""
    try:
        open_avatar(root)
    except NewerAvatar:
        raise
    except AvatarFolderError as error:  # what is missing or damaged is made anew
        if (root / AVATAR_FILE).exists() and not (root / AVATAR_FILE).is_file():
            raise AvatarFolderError(
                f"{root / AVATAR_FILE} is no file.", "Remove it, or choose another folder."
            ) from error


def is_complete(description: Mapping[str, Any]) -> bool:
    """Does it hold every entry that is read without asking?"""
    template = description.get("template")
    made_on = cast("dict[str, Any]", template) if isinstance(template, dict) else {}
    return (
        _is_name(description.get("name"))
        and _is_name(description.get("run"))
        and _lists_files(description.get("files"))
        and isinstance(description.get("footage", {}), dict)
        and _is_name(made_on.get("name"))
        and "sha256" in made_on
    )


def _is_name(name: object) -> bool:
    """Can it be the name of a file or folder, and be shown? JSON can hold halves of characters."""
    if not isinstance(name, str) or name in ("", ".", "..") or "\0" in name:
        return False
    encoded = name.encode("utf-8", "ignore")
    return name == Path(name).name == encoded.decode() and len(encoded) <= LONGEST_NAME_BYTES


def _lists_files(files: object) -> bool:
    return isinstance(files, dict) and all(
        isinstance(digest, str) and all(map(_is_name, str(name).split("/")))
        for name, digest in cast("dict[str, Any]", files).items()
    )


def template_of(folder: AvatarFolder) -> HeadTemplate:
    """The installed template that the avatar was made on.

    Raises TemplateError where it is missing, damaged or of another version.
    """
    if not template_path(folder.template_name).is_file():
        raise TemplateError(
            f"{folder.name} was made on the head {folder.template_name}, "
            "which this version does not have.",
            AGAIN,
        )
    template = installed_template(folder.template_name)
    if folder.description["template"]["sha256"] != template.sha256:
        raise TemplateError(
            f"{folder.name} was made with another version of the head {template.name}.", AGAIN
        )
    return template


def verify_files(folder: AvatarFolder) -> None:
    """Compare every listed file with its hash. Raises AvatarFolderError."""
    for path in changed_files(folder.root, folder.description["files"]):
        if not path.is_file():
            raise damaged(path, FileNotFoundError("the file is missing"))
        raise damaged(path, ValueError("its content changed"))


def changed_files(root: Path, files: Mapping[str, str]) -> list[Path]:
    """Those of `files` (SHA-256 by their place below `root`) that are missing or not as listed.

    Raises AvatarFolderError where one would lie outside.
    """

    def is_unchanged(path: Path, digest: str) -> bool:
        try:
            return sha256_file(path) == digest
        except OSError:
            return False

    paths = {_inside(root, name): digest for name, digest in files.items()}
    return [path for path, digest in paths.items() if not is_unchanged(path, digest)]


def is_performance(name: str) -> bool:
    """Is a listed file the movement of a clip?"""
    return re.fullmatch(r"(?:runs/[^/]+/)?performances/[^/]+\.npz", name) is not None


def read_run(root: Path, folder: Path) -> dict[str, Any] | None:
    """What a run's folder below the avatar `root` says of itself, like `avatar.json`; None where
    that is missing, damaged, or says another folder."""
    try:
        described = read_sealed(inside(root, f"{RUNS_FOLDER}/{folder.name}/{RUN_FILE}"))
    except (OSError, ValueError):
        return None
    whole = is_complete({**described, "name": "any"})
    lists_head = whole and f"{RUNS_FOLDER}/{folder.name}/head.npz" in described["files"]
    return described if lists_head and described["run"] == folder.name else None


def own_performance(description: Mapping[str, Any]) -> str:
    """The place of the current run's own, the movement in its footage."""
    clip = performance_stem(str(description.get("footage", {}).get("name", "")))
    return f"{RUNS_FOLDER}/{description['run']}/{PERFORMANCES_FOLDER}/{clip}.npz"


def performance_stem(clip: str) -> str:
    """What a file's performance is called: short enough for a number and a suffix behind it."""
    return shown_name(Path(clip).stem).encode()[:LONGEST_STEM_BYTES].decode("utf-8", "ignore")


def avatar_name(root: Path) -> str:
    """What an avatar in that folder is called."""
    return shown_name(root.resolve().name) or "avatar"


def shown_name(name: str) -> str:
    """A name of the file system as text: what is none in it becomes "_"."""
    return name.encode("utf-8", "replace").decode().replace("?", "_")


def same_footage(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Are two descriptions of runs on the same clip?"""
    known = [description.get("footage", {}).get("sha256") for description in (first, second)]
    return known[0] is not None and known[0] == known[1]


def _inside(root: Path, relative: str) -> Path:
    try:
        return inside(root, relative)
    except ValueError as error:
        raise AvatarFolderError(
            f"The avatar {root.name} names a file outside its folder ({error}).",
            "Do not use it, or create it again from its footage.",
        ) from error


def read_performance(path: Path) -> Performance:
    """Read `performances/<clip>.npz`.

    Raises AvatarFolderError where it is damaged or missing, ShapeError as `check_performance`.
    """
    try:
        stored = read_arrays(path)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    performance = _from_arrays(
        path,
        lambda: Performance(
            time_s=stored["time_s"],
            weights=stored["weights"],
            neck_from_head=stored["neck_from_head"],
            gaze_rad=stored["gaze_rad"],
        ),
    )
    check_performance(performance, path.stem)
    return performance


def damaged(path: Path, error: Exception) -> AvatarFolderError:
    return AvatarFolderError(
        f"The avatar's file {path.name} is damaged or missing ({error}).", AGAIN
    )


def _from_arrays(path: Path, build: Callable[[], _Value]) -> _Value:
    try:
        return build()
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
