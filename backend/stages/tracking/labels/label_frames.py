"""A clip's chosen frames in, what each of their pixels shows out: skin, hair, clothes, other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, OTHER, SKIN, UNSURE
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray

from ....detector.person_network import PersonNetwork
from ....imaging.image_files import Image8, pixels_8bit
from .clean_labels import clean_labels
from .clip_network import fit_clip_network
from .features import FINE_DEVIATION, LOOK_FEATURES, window_features
from .head_window import DISTANCE_M, HeadWindow, Place, WindowFinder
from .label_network import LabelNetwork
from .place_prior import place_prior
from .refine import refine

# How much the clip's own network counts beside the shipped one, in logarithms.
CLIP_WEIGHT = 0.5
MIN_PROBABILITY = 1e-6
LIKELY = 0.6  # probability from which a pixel is asked whether it is hair indeed
# Hair's roughness over the skin's: 2.9 to 9 on seven people with hair, short and long; .74 on a
# bald one.
BALD_ROUGHNESS = 0.85
# Smooth hair that was filmed softly stands off the mean head so far, by more than what lies on it;
# a bald head that is larger than the mean one, by half of that.
STANDS_OFF_M, STANDING_OFF_SHARE = 0.02, 1.0
SCALP_THRESHOLD = 0.5  # of the region's weight
MIN_SURE = 0.5  # of a pixel's likeliest class; below it nothing is said
SURE, MIN_SURE_SHARE = 0.9, 0.6  # of the grid's pixels: with fewer the networks are at a loss


@dataclass(frozen=True)
class FrameLabels:
    """What one frame (H, W) shows."""

    labels: NDArray[np.uint8]  # (H, W) as `avatar.labels`
    hair: NDArray[np.uint8]  # (H, W) share of hair, 255 is all
    hat_share: float  # of the scalp, where the mean head has it: covered by clothes


@dataclass(frozen=True)
class _Scalp:
    """How rough a frame's hair on the head is, and the face's skin: `FINE_DEVIATION` of either."""

    hair: NDArray[np.float32]  # (n,)
    skin: NDArray[np.float32]  # (m,)
    standing_off: int  # pixels of hair that lie off the head


@dataclass(frozen=True)
class _Judged:
    """A frame's grid after the first pass; half precision, since all frames' are held."""

    look: NDArray[np.float16]
    probabilities: NDArray[np.float16]
    scalp: _Scalp


class FrameLabeller:
    """Tells what frames show, with the shipped network and one made for the clip."""

    def __init__(self, template: HeadTemplate, network: LabelNetwork) -> None:
        self._finder = WindowFinder(template)
        self._person, self._network = PersonNetwork(), network

    def label(
        self,
        read: Callable[[int], Image8],
        landmarks_px: FloatArray,
        hands: Iterable[BoolArray],
        progress: Callable[[int], None],
    ) -> Iterator[FrameLabels]:
        """K frames, in their order. `read(k)` gives frame k (H, W, 3), `landmarks_px` (K, 478, 2)
        its face, `hands` K masks (H, W) of what hides it; `progress` is called before each."""
        judged = []
        for k, points in enumerate(landmarks_px):
            progress(k)
            judged.append(self._judge(read(k), points))
        if _is_bald([one.scalp for one in judged]):
            for one in judged:
                one.probabilities[..., SKIN] += one.probabilities[..., HAIR]
                one.probabilities[..., HAIR] = 0.0
        clip = fit_clip_network([one.look for one in judged], [one.probabilities for one in judged])
        for k, (one, hidden) in enumerate(zip(judged, hands, strict=True)):
            image = read(k)
            # Found anew: kept, it would take as much room as the rest, and it takes no time.
            window = self._finder.find(landmarks_px[k], image)
            yield _finish(image, window, _both(one, clip), hidden)

    def _judge(self, image: Image8, landmarks_px: FloatArray) -> _Judged:
        window = self._finder.find(landmarks_px, image)
        found = window_features(window.picture(image), window, self._person)
        probabilities = self._network.probabilities(found.values)
        if (probabilities.max(axis=2) > SURE).mean() < MIN_SURE_SHARE:
            probabilities = place_prior(window.place, found.person)
        look = found.values[..., :LOOK_FEATURES]
        hair = (probabilities[..., HAIR] > LIKELY) & (window.place[..., Place.INSIDE] > 0.0)
        rough = look[..., FINE_DEVIATION]
        off = window.place[..., Place.OUTSIDE] * DISTANCE_M > STANDS_OFF_M
        standing_off = int((off & (probabilities[..., HAIR] > LIKELY)).sum())
        scalp = _Scalp(rough[hair], rough[window.face], standing_off)
        return _Judged(look.astype(np.float16), probabilities.astype(np.float16), scalp)


def _is_bald(scalps: Sequence[_Scalp]) -> bool:
    """Whether what was taken for hair is as smooth as the face and lies close to the head: a scalp
    in shade, or stubble."""
    hair, skin = (np.concatenate([getattr(s, name) for s in scalps]) for name in ("hair", "skin"))
    if not len(hair) or not len(skin):
        return False
    if sum(s.standing_off for s in scalps) > STANDING_OFF_SHARE * len(hair):
        return False
    return bool(np.median(hair) < BALD_ROUGHNESS * np.median(skin))


def _both(one: _Judged, clip: LabelNetwork | None) -> NDArray[np.float32]:
    given = one.probabilities.astype(np.float32)
    if clip is None:
        return given
    by_look = clip.probabilities(one.look.astype(np.float32))
    joint = np.maximum(given, MIN_PROBABILITY) * np.maximum(by_look, MIN_PROBABILITY) ** CLIP_WEIGHT
    return joint / joint.sum(axis=2, keepdims=True)


def _finish(
    image: Image8, window: HeadWindow, probabilities: NDArray[np.float32], hands: BoolArray
) -> FrameLabels:
    size = (image.shape[1], image.shape[0])
    refined = refine(window.picture(image), probabilities)
    refined = clean_labels(refined, window.on_head, window.chin_row)
    best = np.full(size[::-1], MIN_SURE, np.float32)
    labels = np.full(size[::-1], UNSURE, np.uint8)
    for label, likely in enumerate(np.moveaxis(refined, 2, 0)):
        there = window.in_frame(likely, size, 0.0)
        labels[there > best] = label
        np.maximum(best, there, out=best)
    labels[hands & (labels != BACKGROUND)] = OTHER
    hair = window.in_frame(refined[..., HAIR], size, 0.0)
    return FrameLabels(labels, pixels_8bit(np.where(hands, 0.0, hair)), _hat_share(window, refined))


def _hat_share(window: HeadWindow, refined: NDArray[np.float32]) -> float:
    scalp = window.place[..., Place.SCALP] > SCALP_THRESHOLD
    likeliest = refined[::2, ::2].argmax(axis=2)  # on the grid
    return float((likeliest[scalp] == CLOTHES).mean()) if scalp.any() else 0.0
