"""What the artist steers of the skin's colour, as the command line and the panel name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from .errors import StudioAvatarError
from .layout import STUDIO_METHODS

MAX_EXPOSURE_STOPS = 2.0  # either way; beyond them it is another person's skin
MAX_REFINE_S = 60.0  # the artist waits for it


class ChoiceError(StudioAvatarError):
    """A setting that cannot be meant."""


@dataclass(frozen=True)
class NeutralSpot:
    """Something white or grey in a chosen frame, lit as the face is."""

    frame: int  # number in the clip
    x_px: float  # of the stored frame, from its top left corner
    y_px: float
    reflectance: float | None = None  # white paper .85, a grey card .18; None: not known

    def __post_init__(self) -> None:
        if not (isfinite(self.x_px) and isfinite(self.y_px)):
            raise ChoiceError("The neutral spot has no place.", "Give its frame, x and y.")
        if self.reflectance is not None and not 0.02 <= self.reflectance <= 1.0:
            raise ChoiceError(
                f"A reflectance of {self.reflectance:g} is impossible.",
                "White paper has .85, a grey card .18.",
            )


@dataclass(frozen=True)
class StudioChoices:
    """Checked on making. Raises ChoiceError with what is wrong."""

    studio_method: str = STUDIO_METHODS[0]
    light_removal: float = 1.0  # share of the room's light that is taken away, in [0, 1]
    skin_exposure: float = 0.0  # stops by which skin is made lighter than it is taken for
    skin_warmth: float = 0.0  # in [-1, 1], from cooler to warmer
    refine_seconds: float = (
        0.0  # of moving the network's latents towards what the physical estimate says
    )
    neutral: NeutralSpot | None = None

    def __post_init__(self) -> None:
        if self.studio_method not in STUDIO_METHODS:
            raise ChoiceError(
                f"There is no way to a studio texture called {self.studio_method!r}.",
                f"Use {', '.join(STUDIO_METHODS)}.",
            )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not isfinite(value) or not low <= value <= high:
                raise ChoiceError(
                    f"A {name.replace('_', ' ')} of {value:g} is out of range.",
                    f"Choose one from {low:g} to {high:g}.",
                )

    @classmethod
    def of_arguments(cls, arguments: Mapping[str, Any]) -> StudioChoices:
        """Of a request's arguments; what is not among them has its default. Raises ChoiceError."""
        try:
            numbers = {name: float(arguments[name]) for name in RANGES if name in arguments}
        except (TypeError, ValueError) as error:
            raise ChoiceError(
                f"A setting of the skin is no number ({error}).", "Start the job again."
            ) from error
        method = str(arguments.get("studio_method", STUDIO_METHODS[0]))
        return cls(method, **numbers, neutral=_neutral(arguments.get("neutral")))

    def as_arguments(self) -> dict[str, Any]:
        """As the command line has them."""
        spot = self.neutral
        place = None if spot is None else [spot.frame, spot.x_px, spot.y_px]
        if spot is not None and place is not None and spot.reflectance is not None:
            place.append(spot.reflectance)
        return asdict(self) | {"neutral": place}


def _neutral(given: Any) -> NeutralSpot | None:
    """Of FRAME, X, Y and perhaps REFLECTANCE. Raises ChoiceError."""
    if given is None:
        return None
    try:
        frame, x, y, *reflectance = (float(value) for value in given)
        return NeutralSpot(int(frame), x, y, *reflectance)
    except (TypeError, ValueError, OverflowError) as error:
        raise ChoiceError(
            f"The neutral spot {given} cannot be meant.", "Give FRAME X Y [REFLECTANCE]."
        ) from error


RANGES = {
    "light_removal": (0.0, 1.0),
    "skin_exposure": (-MAX_EXPOSURE_STOPS, MAX_EXPOSURE_STOPS),
    "skin_warmth": (-1.0, 1.0),
    "refine_seconds": (0.0, MAX_REFINE_S),
}
