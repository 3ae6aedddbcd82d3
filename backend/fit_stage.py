"""The fitting stage with the artist's corrections, as `create` and `refit` run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.corrections import (
    Corrections,
    read_corrections,
    write_corrections,
)
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.layout import STAGES_FOLDER
from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import Capture, FaceTrack, Finding, HeadFit

from . import fitting, folds, head, intersections, raster, surface
from .fitting.fit import FitMemory
from .fitting.measure import measured_m
from .images import write_png
from .report import fit_figures, overlay_sheet
from .reporter import Reporter
from .stage_store import StageStore, code_fingerprint, fingerprint

SOLUTION_FILE = "solution.npz"
PREVIEW_FOLDER = "preview"


@dataclass(frozen=True)
class Asked:
    """What the artist corrects now, on top of what the avatar folder keeps or instead of it."""

    corrections: Corrections
    forget: bool


NOTHING_ASKED = Asked(Corrections(), forget=False)


@dataclass(frozen=True)
class Refitted:
    overlay: Path
    figures: dict[str, Any]
    fit: HeadFit


def run_fit(
    store: StageStore,
    avatar: Path,
    capture: Capture,
    track: FaceTrack,
    template: HeadTemplate,
    asked: Asked,
    reporter: Reporter,
) -> HeadFit:
    """The stage's result; corrections are kept once they have led to one.

    Raises CorrectionError where one names what is not there, FitError and AvatarFolderError as
    `fit_head` and `read_corrections` do.
    """
    frames = capture.frame_index.tolist()
    asked.corrections.checked_for(frames, capture.size_px)
    before = Corrections() if asked.forget else read_corrections(avatar)
    kept = before.of_footage(capture.sha256)
    if before.lose_by(capture.sha256):
        reporter.warn(
            Finding(
                "corrections_dropped",
                "The corrections of frames and focal length were made for another clip and have "
                "been dropped. Make them again where they are needed.",
            )
        )
    every = kept.merged(asked.corrections)
    # Kept ones may be of another choice of frames: what they say of those now chosen holds.
    corrections = every.within(frames).checked_for(frames, capture.size_px)
    mark = (
        store.fingerprints["tracking"],
        template.sha256,
        code_fingerprint(fitting, head, folds, intersections, raster, surface),
    )
    memory = FitMemory(avatar / STAGES_FOLDER / SOLUTION_FILE, fingerprint(*mark))
    fit = store.run(
        "fitting", HeadFit, (*mark, corrections.as_json()),
        lambda _: fitting.fit_head(capture, track, template, reporter, corrections, memory),
    )  # fmt: skip
    if asked != NOTHING_ASKED or (before != Corrections() and every != before):
        write_corrections(avatar, every)
    return fit


def refit_avatar(avatar: AvatarFolder, asked: Asked, reporter: Reporter) -> Refitted:
    """Fit an avatar's head again; its textures are as they were until it is created again.

    Writes the overlay and the figures of the new fit to `preview/`. Raises as `run_fit` does, and
    AvatarFolderError where the frames that it was made from are gone.
    """
    store = StageStore(avatar.root / STAGES_FOLDER, reporter)
    made_of = avatar.description["provenance"]["stages"]
    capture = store.kept("footage", Capture, made_of["footage"])
    track = store.kept("tracking", FaceTrack, made_of["tracking"])
    template = load_template()
    fit = run_fit(store, avatar.root, capture, track, template, asked, reporter)
    reporter.begin("preview")
    folder = avatar.root / PREVIEW_FOLDER
    figures = fit_figures(fit, capture)
    measures = measured_m(fit, template)
    figures["measures_mm"] = {name: round(1000.0 * m, 1) for name, m in measures.items()}
    write_png(folder / "overlay.png", overlay_sheet(capture, track, fit, template))
    write_json(folder / "fit.json", figures)
    reporter.end()
    return Refitted(folder / "overlay.png", figures, fit)
