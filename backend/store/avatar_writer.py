"""Puts one run's results into the avatar folder; `avatar.json` is replaced last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.bundle import (
    AvatarFolder,
    avatar_name,
    changed_files,
    is_performance,
    open_avatar,
    own_performance,
    performance_stem,
    read_run,
    same_footage,
    shown_name,
)
from studio_avatar_addon.avatar.cameras import arrays_from_camera
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.files import (
    copy_file,
    flush_files,
    json_bytes,
    sha256_file,
    whole_file,
    whole_folder,
)
from studio_avatar_addon.avatar.layout import (
    AVATAR_FILE,
    FORMAT,
    PERFORMANCES_FOLDER,
    RUN_FILE,
    RUNS_FOLDER,
    STAGES_FOLDER,
)
from studio_avatar_addon.avatar.ownership import is_link
from studio_avatar_addon.avatar.sealed import write_sealed
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Finding, Performance, Results
from studio_avatar_addon.avatar.version import extension_version

from ..job.device import DeviceChoice
from ..job.reporter import Reporter
from ..stages import detail, studio_texture
from ..stages.tracking.labels import label_network
from .report import write_report
from .stage_cache import IMAGES_FOLDER, fingerprint, stage_folder

PACKAGES = ("torch", "mediapipe", "numpy", "scipy", "opencv-contrib-python", "av", "diffusers")


@dataclass(frozen=True)
class Provenance:
    """Where an avatar comes from."""

    created_utc: str
    extension: str
    packages: Mapping[str, str]
    device: str
    quality: str
    stages: Mapping[str, str]  # fingerprint of each stage
    skin: StudioChoices
    weights: Mapping[str, str]  # SHA-256 of each network's

    @classmethod
    def of_run(
        cls, quality: str, device: DeviceChoice, stages: Mapping[str, str], skin: StudioChoices
    ) -> Provenance:
        return cls(
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            extension=extension_version(),
            packages={name: package_version(name) for name in PACKAGES},
            device=device.name,
            quality=quality,
            stages=dict(stages),
            skin=skin,
            weights=shipped_weights(),
        )


def shipped_weights() -> dict[str, str]:
    """SHA-256 of each network's."""
    return {
        "labels": label_network.weights_sha256(),
        "studio": studio_texture.weights_sha256(),
        "detail": detail.weights_sha256(),
    }


def package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def write_avatar(
    root: Path,
    results: Results,
    template: HeadTemplate,
    provenance: Provenance,
    reporter: Reporter,
) -> AvatarFolder:
    """Make one run's results the avatar's current ones, by the replacement of `avatar.json` alone.

    An equal run that is there whole is taken as it is; else one is written to a new folder. Earlier
    runs stay as they are. Only for who holds the avatar folder.
    """
    fingerprinted = fingerprint(provenance.stages, template.sha256)
    description = _whole_run(root, fingerprinted, reporter)
    if description is None:
        description = _write_run(root, fingerprinted, results, template, provenance, reporter)
    _make_current(root, description)
    return open_avatar(root)


def _whole_run(root: Path, fingerprinted: str, reporter: Reporter) -> dict[str, Any] | None:
    """The description of an equal run that is there, whole and unchanged."""
    for folder in _places(root, fingerprinted):
        if not folder.is_dir():
            return None
        description = read_run(root, folder)
        changed = [folder / RUN_FILE]
        if description is not None:
            changed = changed_files(root, description["files"])
            if not changed:
                return description
        reporter.warn(
            Finding(
                "run_changed",
                f"{changed[0].name} in {folder} is not as it was made. It stays as it is; the "
                "results are written beside it.",
            )
        )
    return None


def _places(root: Path, fingerprinted: str) -> Iterator[Path]:
    """Where an equal run may lie: each place stands for that all before it are taken."""
    yield root / RUNS_FOLDER / fingerprinted
    yield from (root / RUNS_FOLDER / f"{fingerprinted}-{number}" for number in count(2))


def _write_run(
    root: Path,
    fingerprinted: str,
    results: Results,
    template: HeadTemplate,
    provenance: Provenance,
    reporter: Reporter,
) -> dict[str, Any]:
    """A new folder below `runs/`, which appears whole; returns its description."""
    folder = next(place for place in _places(root, fingerprinted) if not place.exists())
    with whole_folder(folder) as unfinished:
        _write_head(unfinished / "head.npz", results)
        _write_cameras(unfinished / "cameras.npz", results)
        _copy_images(root / STAGES_FOLDER, unfinished, results, provenance.stages)
        clip = performance_stem(results.capture.source_name)
        write_performance(unfinished / PERFORMANCES_FOLDER / f"{clip}.npz", results.performance)
        reporter(1, 3, "report")
        write_report(unfinished / "report", results, template, reporter)
        reporter(2, 3, "checksums")
        description = _description(folder.name, unfinished, results, template, provenance)
        write_sealed(unfinished / RUN_FILE, description)
        flush_files(path for path in unfinished.rglob("*") if path.is_file())
    return description


def _make_current(root: Path, description: Mapping[str, Any]) -> None:
    """Point `avatar.json` at a run; what other clips added to the avatar stays listed.

    Where that changes nothing, nothing is written.
    """
    try:
        former = open_avatar(root).description
    except AvatarFolderError:  # none yet, or damaged
        former = {}
    files = {**_further_performances(root, former, description), **description["files"]}
    current = {**description, "name": avatar_name(root), "files": files}
    if current != former:
        _write_description(root, current)


def _write_description(root: Path, description: Mapping[str, Any]) -> None:
    with whole_file(root / AVATAR_FILE) as partial:
        partial.write_bytes(json_bytes(description, indent=1))
        flush_files([partial])


def _further_performances(
    root: Path, former: Mapping[str, Any], description: Mapping[str, Any]
) -> dict[str, str]:
    """What the avatar holds beside the new run's own: all that was listed but the former run's own
    of the same footage. Where nothing is listed, all that is there."""
    if not former:
        paths = [*root.glob("performances/*.npz"), *root.glob("runs/*/performances/*.npz")]
        found = (path for path in sorted(paths) if path.is_file() and not is_link(path))
        return {path.relative_to(root).as_posix(): sha256_file(path) for path in found}
    replaced = own_performance(former) if same_footage(former, description) else ""
    return {
        name: digest
        for name, digest in former["files"].items()
        if is_performance(name) and name != replaced and (root / name).exists()
    }


def write_performance(path: Path, performance: Performance) -> None:
    write_arrays(
        path,
        time_s=performance.time_s.astype(np.float64),
        weights=performance.weights.astype(np.float32),
        neck_from_head=performance.neck_from_head.astype(np.float32),
        gaze_rad=performance.gaze_rad.astype(np.float32),
    )


def add_performance(avatar: AvatarFolder, clip: str, performance: Performance) -> Path:
    """Add the movement in a further `clip`, a file's name, to the avatar, whatever run is current.

    Never takes the place of a stored one: a second "clip" becomes "clip 2".
    """
    taken = {path.stem.casefold() for path in avatar.performances}
    stem = performance_stem(clip)
    names = chain([stem], (f"{stem} {number}" for number in count(2)))
    name = next(name for name in names if name.casefold() not in taken)
    path = avatar.root / PERFORMANCES_FOLDER / f"{name}.npz"
    write_performance(path, performance)
    flush_files([path])
    relative = path.relative_to(avatar.root).as_posix()
    files = {**avatar.description["files"], relative: sha256_file(path)}
    _write_description(avatar.root, {**avatar.description, "files": files})
    return path


def _write_head(path: Path, results: Results) -> None:
    fit = results.fit
    write_arrays(
        path,
        identity=fit.identity.astype(np.float32),
        neutral_m=fit.neutral_m.astype(np.float32),
        shape_deltas_m=fit.shape_deltas_m.astype(np.float16),
        corrective_deltas_m=fit.corrective_deltas_m.astype(np.float16),
        joints_m=fit.joints_m.astype(np.float32),
        eye_centre_m=fit.eye_centre_m.astype(np.float32),
        eye_radius_m=fit.eye_radius_m.astype(np.float32),
        iris_linear=results.phone.iris_linear.astype(np.float32),
    )


def _write_cameras(path: Path, results: Results) -> None:
    fit = results.fit
    write_arrays(
        path,
        frame_index=results.capture.frame_index.astype(np.int64),
        time_s=results.capture.frame_time_s.astype(np.float64),
        camera_from_head=fit.camera_from_head.astype(np.float64),
        expression=fit.expression.astype(np.float32),
        gaze_rad=fit.gaze_rad.astype(np.float32),
        landmark_px=fit.landmark_px.astype(np.float32),
        outline_px=fit.outline_px.astype(np.float32),
        track_px=fit.track_px.astype(np.float32),
        focal_log_sd=np.array(fit.focal_log_sd),
        left_out=np.array(fit.left_out),
        **arrays_from_camera(fit.camera),
    )


def _copy_images(
    stages: Path, run: Path, results: Results, fingerprints: Mapping[str, str]
) -> None:
    """Frames with their masks and labels, and maps, as copies: the artist may edit a run's without
    changing a stage's."""
    track = results.track
    for image in (
        *results.capture.frame_paths, *track.mask_paths, *track.label_paths, *track.hair_paths
    ):  # fmt: skip
        copy_file(image, run / "frames" / image.name)
    for textures, stage in zip(
        results.textures, ("phone_texture", "studio_texture", "detail"), strict=True
    ):
        images = stage_folder(stages, stage, fingerprints[stage]) / IMAGES_FOLDER
        for image in sorted(images.glob("*.png")):
            copy_file(image, run / "textures" / textures.origin / image.name)


def _description(
    run: str, folder: Path, results: Results, template: HeadTemplate, provenance: Provenance
) -> dict[str, Any]:
    """Of the run that will be called `run` and lies in `folder` yet; as JSON gives it back."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    described = {
        "format_version": FORMAT,
        "template": {"name": template.name, "sha256": template.sha256},
        "units": "metres, seconds, radians",
        "axes": "right-handed, Z up, the face looks along -Y, the subject's left is +X",
        "run": run,
        "footage": {
            "name": shown_name(results.capture.source_name),
            "sha256": results.capture.sha256,
        },
        "provenance": asdict(provenance),
        "files": {
            f"{RUNS_FOLDER}/{run}/{path.relative_to(folder).as_posix()}": sha256_file(path)
            for path in files
        },
    }
    return json.loads(json.dumps(described))
