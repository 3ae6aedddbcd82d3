"""`python -m backend benchmark labels`: hand-labelled frames, rendered people and finished avatars
in, tables out.

Each way of labelling stands beside the plain one by place on the head alone. The frames' clips and
people, and those of the rendered ones, take part in no training.
"""

from __future__ import annotations

import resource
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from studio_avatar_addon.avatar.bundle import open_avatar
from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import write_json

from ...job.cache_folder import cache_folder
from ...job.terminal import TerminalProgress
from ...synthetic.portraits.render_portraits import Portrait, render_portraits
from ...synthetic.portraits.settings import PortraitSettings
from ..head.reference import DEFAULT_HEADS
from ..markdown_table import table_head, table_line
from .hand_labels import LabelledClip, at_size_of, labelled_clips
from .label_scores import JUDGED, Score, score_labels, summary_cells
from .rendered import rendered_people
from .sources import score_sources
from .stray_colours import PLACES, stray_colours
from .ways import PRODUCT, WAYS, Labeller

LABELS, CLIPS, HDRIS = (DEFAULT_HEADS.parent / name for name in ("labels", "clips", "hdri"))
PORTRAITS, SEED, PERSONS = 36, 2, 12  # the training's have another seed and other persons
KINDS = (
    "style", "curl", "colour", "skin_type", "hat", "has_glasses", "has_stranger", "backdrop",
)  # fmt: skip
SCORE_TITLES = (*JUDGED, "skin called hair %", "hair called skin %")


def benchmark_labels(
    avatars: Sequence[Path] = (), sources: bool = False, out: Path | None = None
) -> None:
    """Print the tables; as JSON to `out` too.

    `avatars`: folders that hold avatars named as the clips, each a column of the last table;
    `sources`: compare what the training's sources bring, too.
    """
    labeller = Labeller()
    clips = list(labelled_clips(LABELS, CLIPS))
    figures: dict[str, Any] = {}
    if clips:
        figures["real"] = _print_clips(labeller, clips)
    portraits = _portraits()
    figures["rendered"] = _print_rendered(labeller, portraits)
    if sources and clips:
        figures["sources"] = _print_sources(clips, portraits)
    if avatars:
        figures["stray"] = _print_stray(clips, avatars)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\nPeak memory {peak_gb:.2f} GB.")
    if out is not None:
        write_json(out, figures)


def _print_clips(labeller: Labeller, clips: Sequence[LabelledClip]) -> dict[str, Any]:
    """Of real frames: every clip by the product's way, then all ways."""
    scores: dict[str, list[Score]] = defaultdict(list)
    seconds = []
    print("\n".join(table_head("real frame, product", *SCORE_TITLES, "unsure %", "s a frame")))
    for clip in clips:
        found = labeller.label(clip.frames, clip.landmarks_px, clip.at)
        seconds.append(found.seconds_per_frame)
        for way, labels in found.by_way.items():
            scores[way].append(
                score_labels(at_size_of(clip.truth, labels), found.within(clip.truth))
            )
        last = scores[PRODUCT][-1]
        cells = summary_cells([last])
        print(table_line(clip.name, *cells, f"{100 * last.unsure:.1f}", f"{seconds[-1]:.2f}"))
    print()
    print("\n".join(table_head("way, mean (lowest)", *SCORE_TITLES)))
    for way in WAYS:
        print(table_line(way, *summary_cells(scores[way])))
    return {
        way: {clip.name: asdict(score) for clip, score in zip(clips, scores[way], strict=True)}
        for way in WAYS
    } | {"seconds_per_frame": float(np.mean(seconds))}


def _portraits() -> list[Portrait]:
    """People of no training, rendered once."""
    return render_portraits(
        cache_folder() / "benchmark" / "portraits", PORTRAITS, SEED,
        HDRIS if HDRIS.is_dir() else None, TerminalProgress(), PortraitSettings(skins=PERSONS),
    )  # fmt: skip


def _print_rendered(labeller: Labeller, portraits: Sequence[Portrait]) -> dict[str, Any]:
    """Of rendered people: all ways, then the product's by kind."""
    scores: dict[str, list[Score]] = defaultdict(list)
    by_kind: dict[str, list[Score]] = defaultdict(list)
    for portrait in rendered_people(portraits):
        found = labeller.label([portrait.image], portrait.landmarks_px[None], 0)
        for way, labels in found.by_way.items():
            scores[way].append(score_labels(labels, found.within(portrait.truth)))
        grey = np.repeat(cv2.cvtColor(portrait.image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        found = labeller.label([grey], portrait.landmarks_px[None], 0)
        by_kind["monochrome"].append(
            score_labels(found.by_way[PRODUCT], found.within(portrait.truth))
        )
        for kind in KINDS:
            by_kind[f"{kind}: {portrait.facts[kind]}"].append(scores[PRODUCT][-1])
    print()
    print("\n".join(table_head("rendered people, mean (lowest)", "people", *SCORE_TITLES)))
    for name, of in [(way, scores[way]) for way in WAYS] + sorted(by_kind.items()):
        print(table_line(name, str(len(of)), *summary_cells(of)))
    return {name: [asdict(score) for score in of] for name, of in (scores | by_kind).items()}


def _print_sources(clips: Sequence[LabelledClip], portraits: Sequence[Portrait]) -> dict[str, Any]:
    """Of real frames: small networks, each of one source of the training."""
    print()
    print("\n".join(table_head("learned from, real frames", *SCORE_TITLES)))
    figures = {}
    for name, scores in score_sources(clips, portraits):
        print(table_line(name, *summary_cells(scores)), flush=True)
        figures[name] = [asdict(score) for score in scores]
    return figures


def _print_stray(clips: Sequence[LabelledClip], folders: Sequence[Path]) -> dict[str, Any]:
    """Of finished avatars: how much of ears, neck and cheeks has the colour of hair or cloth."""
    titles = [f"{place} %, {folder.name}" for place in PLACES for folder in folders]
    print()
    print("\n".join(table_head("avatar: colour of hair or cloth", *titles)))
    figures = {}
    for clip in clips:
        shares = list(_stray_shares(clip, folders))
        if any(share is not None for share in shares):
            cells = [
                "" if share is None else f"{100 * share[place]:.1f}"
                for place in PLACES
                for share in shares
            ]
            print(table_line(clip.name, *cells))
            figures[clip.name] = shares
    return figures


def _stray_shares(clip: LabelledClip, folders: Sequence[Path]) -> Iterator[dict[str, float] | None]:
    """None where a folder has no avatar of the clip."""
    for folder in folders:
        try:
            avatar = open_avatar(folder / clip.name)
        except StudioAvatarError:
            yield None
            continue
        found = stray_colours(avatar, clip.frames[clip.at], clip.truth)
        yield None if found is None else found.share
