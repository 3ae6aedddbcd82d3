"""Puts one run's results into the avatar folder; `avatar.json` is replaced last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.bundle import AvatarFolder, arrays_from_camera, open_avatar
from studio_avatar_addon.avatar.files import cannot_write, sha256_file, write_json
from studio_avatar_addon.avatar.layout import AVATAR_FILE, FORMAT, RUNS_FOLDER, STAGES_FOLDER
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import Performance, Results
from studio_avatar_addon.avatar.version import extension_version

from ..job.device import DeviceChoice
from ..job.reporter import Reporter
from ..stages import detail, studio_texture
from .report import write_report
from .stage_cache import fingerprint

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
    return {"studio": studio_texture.weights_sha256(), "detail": detail.weights_sha256()}


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
    """Write `runs/<fingerprint>/` and point `avatar.json` at it. Earlier runs stay."""
    run = fingerprint(provenance.stages, template.sha256)
    folder = root / RUNS_FOLDER / run
    partial = folder.with_name(run + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_head(partial / "head.npz", results)
        _write_cameras(partial / "cameras.npz", results)
        _link_images(root / STAGES_FOLDER, partial, results)
        write_performance(
            partial / "performances" / f"{results.capture.source.stem}.npz", results.performance
        )
        _link_other_performances(folder, partial)
        reporter(1, 3, "report")
        write_report(partial / "report", results, template, reporter)
        _replace_run(partial, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    reporter(2, 3, "checksums")
    write_json(root / AVATAR_FILE, _description(root, run, results, template, provenance))
    return open_avatar(root)


def write_performance(path: Path, performance: Performance) -> None:
    write_arrays(
        path,
        time_s=performance.time_s.astype(np.float64),
        weights=performance.weights.astype(np.float32),
        neck_from_head=performance.neck_from_head.astype(np.float32),
        gaze_rad=performance.gaze_rad.astype(np.float32),
    )


def add_performance(avatar: AvatarFolder, clip: str, performance: Performance) -> Path:
    """Add a further clip's movement to the current run and to the file table.

    Never takes the place of a stored one: a second "clip" becomes "clip 2".
    """
    folder = avatar.run / "performances"
    names = (clip, *(f"{clip} {number}" for number in range(2, 10_000)))
    path = next(p for p in (folder / f"{name}.npz" for name in names) if not p.exists())
    write_performance(path, performance)
    description = dict(avatar.description)
    relative = path.relative_to(avatar.root).as_posix()
    description["files"] = {**description["files"], relative: sha256_file(path)}
    write_json(avatar.root / AVATAR_FILE, description)
    return path


def _link_other_performances(before: Path, run: Path) -> None:
    """The same results once more: what other clips added to them is still valid."""
    for stored in sorted((before / "performances").glob("*.npz")):
        target = run / "performances" / stored.name
        if not target.exists():
            _link(stored, target)


def _replace_run(partial: Path, folder: Path) -> None:
    """Put a finished run in its place, which is empty only between two renames."""
    before = folder.with_name(folder.name + ".before")
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.replace(before)
    partial.replace(folder)
    shutil.rmtree(before, ignore_errors=True)


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


def _link_images(stages: Path, run: Path, results: Results) -> None:
    """Frames, masks and maps are the stages' own files under a second name: no copy, no time."""
    (run / "frames").mkdir()
    pairs = zip(
        results.capture.frame_index,
        results.capture.frame_paths,
        results.track.mask_paths,
        strict=True,
    )
    for index, frame, mask in pairs:
        _link(frame, run / "frames" / f"frame_{index:06d}.png")
        _link(mask, run / "frames" / f"mask_{index:06d}.png")
    for textures, stage in zip(
        results.textures, ("phone_texture", "studio_texture", "detail"), strict=True
    ):
        maps = run / "textures" / textures.origin
        maps.mkdir(parents=True)
        for image in sorted((stages / stage).glob("*.png")):
            _link(image, maps / image.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _description(
    root: Path, run: str, results: Results, template: HeadTemplate, provenance: Provenance
) -> dict[str, Any]:
    files = sorted(p for p in (root / RUNS_FOLDER / run).rglob("*") if p.is_file())
    return {
        "format_version": FORMAT,
        "name": root.name,
        "template": {"name": template.name, "sha256": template.sha256},
        "units": "metres, seconds, radians",
        "axes": "right-handed, Z up, the face looks along -Y, the subject's left is +X",
        "run": run,
        "footage": {"name": results.capture.source.name, "sha256": results.capture.sha256},
        "provenance": asdict(provenance),
        "files": {p.relative_to(root).as_posix(): sha256_file(p) for p in files},
    }
