"""A seed and an index in; who is portrayed and how, in words and angles, out.

What matters most is not left to chance alone: styles, colours, garments and skins follow sequences
that spread evenly, so that any first part of a set is a fair sample of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .garments import GARMENT_WEIGHTS
from .grooms import STYLE_WEIGHTS
from .headwear import HAT_WEIGHTS

# Steps of the additive sequences, one a trait: square roots of primes, whose multiples spread
# evenly in [0, 1) and do not fall into step with one another.
_STEPS = {"style": 2, "skin": 3, "colour": 5, "garment": 7, "hat": 11, "yaw": 13, "backdrop": 17}


@dataclass(frozen=True)
class HairColour:
    """Principled Hair's numbers, and the linear colour that dense hair of it shows."""

    melanin: float
    redness: float
    spread: float  # of melanin from strand to strand
    linear: tuple[float, float, float]  # Rec.709
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


HAIR_COLOURS = {
    "black": HairColour(0.97, 0.5, 0.05, (0.008, 0.007, 0.006)),
    "dark_brown": HairColour(0.90, 0.55, 0.07, (0.020, 0.013, 0.009)),
    "brown": HairColour(0.79, 0.55, 0.09, (0.050, 0.030, 0.017)),
    "light_brown": HairColour(0.62, 0.5, 0.10, (0.10, 0.062, 0.034)),
    "blond": HairColour(0.36, 0.45, 0.10, (0.26, 0.175, 0.085)),
    "red": HairColour(0.62, 1.0, 0.08, (0.14, 0.045, 0.014)),
    "grey": HairColour(0.42, 0.05, 0.20, (0.17, 0.16, 0.15)),
    "white": HairColour(0.04, 0.3, 0.02, (0.50, 0.48, 0.44)),
    "dyed": HairColour(0.12, 0.3, 0.05, (0.30, 0.28, 0.26)),
}
_COLOUR_WEIGHTS = {
    "black": 22, "dark_brown": 19, "brown": 16, "light_brown": 10, "blond": 13, "red": 6,
    "grey": 7, "white": 3, "dyed": 4,
}  # fmt: skip
_BACKDROP_WEIGHTS = {"panorama": 52, "wall": 48}
_BEARD_WEIGHTS = {"none": 45, "stubble": 20, "moustache": 8, "goatee": 9, "full": 18}
# Hair that would lift a hat off, or be wholly under it.
_UNDER_HATS = {
    "afro": "curly_short", "quiff": "short", "bun": "long", "rim": "short", "stubble": "short",
    "cropped": "short", "none": "shoulder",
}  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """What of a portrait can be told in words; angles in degrees, yaw as seen by the camera."""

    seed: int
    index: int
    skin: int  # of the bank
    style: str  # of STYLE_WEIGHTS
    colour: str  # of HAIR_COLOURS
    beard: str
    garment: str  # of GARMENT_WEIGHTS
    hat: str  # of HAT_WEIGHTS
    has_scarf: bool
    has_glasses: bool
    has_earrings: bool
    has_stranger: bool
    backdrop: str  # "panorama" or "wall"
    yaw_deg: float  # to the subject's left
    pitch_deg: float  # up
    roll_deg: float

    def random(self, what: str) -> np.random.Generator:
        """A stream of chance of its own for each part, so that one part's change moves no other."""
        return np.random.default_rng([self.seed, self.index, *what.encode()])


def draw_traits(seed: int, index: int, skins: int, bearded: tuple[bool, ...]) -> Traits:
    """Draw a portrait; `bearded` (skins,) says whose beard may grow.

    Raises ValueError for a negative index.
    """
    if index < 0:
        raise ValueError(f"an index is 0 or more, not {index}")
    random = np.random.default_rng([seed, index])
    starts = np.random.default_rng(seed).random(len(_STEPS))
    lot = {
        trait: float((start + index * np.sqrt(prime)) % 1.0)
        for start, (trait, prime) in zip(starts, _STEPS.items(), strict=True)
    }
    style = _pick(STYLE_WEIGHTS, lot["style"])
    hat = _pick(HAT_WEIGHTS, lot["hat"])
    if hat != "none":
        style = "short" if hat == "headscarf" else _UNDER_HATS.get(style, style)
    skin = int(lot["skin"] * skins)
    beard = _pick(_BEARD_WEIGHTS, float(random.random())) if bearded[skin] else "none"
    yaw = 120.0 * lot["yaw"] - 60.0
    return Traits(
        seed=seed,
        index=index,
        skin=skin,
        style=style,
        colour=_pick(_COLOUR_WEIGHTS, lot["colour"]),
        beard=beard,
        garment=_pick(GARMENT_WEIGHTS, lot["garment"]),
        hat=hat,
        has_scarf=bool(random.random() < 0.08),
        has_glasses=bool(random.random() < 0.17),
        has_earrings=bool(random.random() < 0.15),
        has_stranger=bool(random.random() < 0.12),
        backdrop=_pick(_BACKDROP_WEIGHTS, lot["backdrop"]),
        # Most of a clip is filmed from the front.
        yaw_deg=float(yaw * abs(yaw / 60.0) ** 0.4),
        pitch_deg=float(np.clip(random.normal(0.0, 11.0), -25.0, 25.0)),
        roll_deg=float(np.clip(random.normal(0.0, 6.0), -15.0, 15.0)),
    )


def _pick(weights: Mapping[str, float], place: float) -> str:
    """The name at `place` in [0, 1) of a row in which each has its weight's share."""
    limits = np.cumsum(list(weights.values()))
    found = int(np.searchsorted(limits, place * limits[-1], side="right"))
    return list(weights)[min(found, len(weights) - 1)]
