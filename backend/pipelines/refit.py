"""An avatar and the artist's corrections in; its head fitted again, with a preview, out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.layout import PREVIEW_FOLDER, STAGES_FOLDER
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import QUALITY, HeadFit

from ..imaging.image_files import write_png
from ..job.reporter import Reporter
from ..stages import STAGES, stage_of
from ..stages.declaration import StageContext
from ..stages.fitting.measurements import head_measures_m
from ..store.report import fit_figures, overlay_sheet
from ..store.stage_cache import StageCache
from .corrections import CorrectionRequest, keep_corrections, merge_corrections


@dataclass(frozen=True)
class Refitted:
    overlay: Path
    figures: dict[str, Any]
    fit: HeadFit


def refit_avatar(avatar: AvatarFolder, request: CorrectionRequest, reporter: Reporter) -> Refitted:
    """Fit an avatar's head again; its textures are as they were until it is created again.

    Writes the overlay and the figures of the new fit to `preview/`. Raises FitError as `fit_head`
    does, CorrectionError as `merge_corrections`, and AvatarFolderError where the frames that it was
    made from are gone.
    """
    cache = StageCache(avatar.root / STAGES_FOLDER, reporter)
    for name in STAGES[: STAGES.index("fitting")]:
        cache.recall(stage_of(name), avatar.stage_fingerprints.get(name, ""))
    capture, track = cache.values["footage"], cache.values["tracking"]
    merged = merge_corrections(avatar.root, capture, request, reporter)
    template = load_template()
    context = StageContext(
        footage=Path(capture.source_name),  # which no stage from here on reads
        footage_sha256=capture.sha256,
        quality=QUALITY["standard"],  # of textures and of the frames, which are chosen
        template=template,
        device=torch.device("cpu"),
        progress=reporter,
        corrections=merged.of_frames,
    )
    fit = cache.run(stage_of("fitting"), context)
    reporter.begin("preview")
    folder = avatar.root / PREVIEW_FOLDER
    figures = fit_figures(fit, capture)
    measures = head_measures_m(fit, template)
    figures["measures_mm"] = {name: round(1000.0 * m, 1) for name, m in measures.items()}
    write_png(folder / "overlay.png", overlay_sheet(capture, track, fit, template))
    write_json(folder / "fit.json", figures)
    keep_corrections(avatar.root, merged)
    reporter.end()
    return Refitted(folder / "overlay.png", figures, fit)
