"""What the training's sources bring: small networks of each, on people that none has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import UNSURE
from studio_avatar_addon.avatar.template import load_template

from ...detector.person_network import PersonNetwork
from ...stages.tracking.labels.head_window import WindowFinder
from ...stages.tracking.labels.label_network import LabelNetwork
from ...synthetic.portraits.render_portraits import Portrait
from ...training.labels.labelled_windows import LabelledWindow, windows_of_portraits
from ...training.labels.samples import draw_samples
from ...training.labels.train_labels import STUDIO_REPAINTS, train_network
from .hand_labels import LabelledClip, at_size_of
from .label_scores import Score, score_labels
from .ways import PRODUCT, Labeller

FEW = 12  # of the rendered people
REPAINTS, STEPS, SEED = 4, 2500, 1
Samples = tuple[NDArray[np.float16], NDArray[np.int64]]


def score_sources(
    clips: Sequence[LabelledClip], portraits: Sequence[Portrait]
) -> Iterator[tuple[str, list[Score]]]:
    """By source: the product's scores on the clips, with a network of that source alone.

    Hand-labelled frames are of the clips themselves, so that each is judged by a network of the
    other people's.
    """
    finder, person = WindowFinder(load_template()), PersonNetwork()
    rendered = [window for _, window in windows_of_portraits(portraits, finder)]

    def samples(windows: Sequence[LabelledWindow], repaints: int) -> Samples:
        return draw_samples(((window, repaints) for window in windows), person, SEED)

    plain = samples(rendered, 0)
    yield f"{len(rendered)} rendered people", _score(clips, lambda clip: [plain])
    few = samples(rendered[:FEW], REPAINTS)
    yield f"{FEW} of them, repainted", _score(clips, lambda clip: [few])
    repainted = samples(rendered, REPAINTS)
    yield f"{len(rendered)}, repainted", _score(clips, lambda clip: [repainted])
    drawn = {clip.name: samples([_window(clip, finder)], STUDIO_REPAINTS) for clip in clips}

    def others(clip: LabelledClip) -> list[Samples]:
        return [samples for name, samples in drawn.items() if name != clip.name]

    yield f"{len(clips) - 1} hand-labelled frames, repainted", _score(clips, others)
    yield "both", _score(clips, lambda clip: [repainted, *others(clip)])


def _window(clip: LabelledClip, finder: WindowFinder) -> LabelledWindow:
    frame = clip.frames[clip.at]
    window = finder.find(clip.landmarks_px[clip.at], frame)
    truth = at_size_of(frame[..., 0], clip.truth)
    return LabelledWindow(window, window.picture(frame), window.labels(truth, UNSURE))


def _score(
    clips: Sequence[LabelledClip], sources: Callable[[LabelledClip], list[Samples]]
) -> list[Score]:
    scores = []
    network: LabelNetwork | None = None
    last: list[Samples] = []
    for clip in clips:
        samples = sources(clip)
        if network is None or [id(x) for x, _ in samples] != [id(x) for x, _ in last]:
            x, y = (np.concatenate(parts) for parts in zip(*samples, strict=True))
            network, last = train_network(x, y, STEPS), samples
        found = Labeller(network).label(clip.frames, clip.landmarks_px, clip.at)
        labels = at_size_of(clip.truth, found.by_way[PRODUCT])
        scores.append(score_labels(labels, found.within(clip.truth)))
    return scores
