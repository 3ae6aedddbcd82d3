"""ARKit's 52 face shapes: names in their fixed order, mirror pairs, correctives, face regions.

The order is the order of every `(…, 52)` array in the project. Left and right are the subject's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PAIRED = (
    "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide",
    "browDown", "browOuterUp", "cheekSquint", "noseSneer",
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress",
    "mouthLowerDown", "mouthUpperUp",
)  # fmt: skip

SHAPE_NAMES: tuple[str, ...] = (
    *(f"{stem}{side}" for stem in PAIRED[:7] for side in ("Left", "Right")),
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    *(f"{stem}{side}" for stem in PAIRED[11:] for side in ("Left", "Right")),
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *(f"browDown{side}" for side in ("Left", "Right")),
    "browInnerUp",
    *(f"browOuterUp{side}" for side in ("Left", "Right")),
    "cheekPuff",
    *(f"cheekSquint{side}" for side in ("Left", "Right")),
    *(f"noseSneer{side}" for side in ("Left", "Right")),
    "tongueOut",
)  # fmt: skip

SHAPE_INDEX = {name: i for i, name in enumerate(SHAPE_NAMES)}

# Pairs that do not simply add up: each has a corrective, as strong as the weaker of the two.
CORRECTIVES: tuple[tuple[str, str], ...] = (
    ("jawOpen", "mouthClose"), ("jawOpen", "mouthFunnel"), ("jawOpen", "mouthPucker"),
    *(("jawOpen", f"mouthSmile{side}") for side in ("Left", "Right")),
    *((f"eyeBlink{side}", f"eyeLookDown{side}") for side in ("Left", "Right")),
    *((f"eyeBlink{side}", f"eyeSquint{side}") for side in ("Left", "Right")),
    *((f"eyeBlink{side}", f"cheekSquint{side}") for side in ("Left", "Right")),
)  # fmt: skip

REGIONS = ("eyes", "brows", "cheeks", "nose", "jaw", "mouth", "tongue")


def shape_region(name: str) -> str:
    """The panel group a shape belongs to, one of `REGIONS`."""
    for prefix, region in (
        ("eye", "eyes"), ("brow", "brows"), ("cheek", "cheeks"), ("nose", "nose"),
        ("jaw", "jaw"), ("mouth", "mouth"), ("tongue", "tongue"),
    ):  # fmt: skip
        if name.startswith(prefix):
            return region
    raise KeyError(name)


def mirrored_shape(name: str) -> str:
    """The shape on the other side; a middle shape is its own mirror."""
    if name.endswith("Left"):
        return name[:-4] + "Right"
    if name.endswith("Right"):
        return name[:-5] + "Left"
    return name


def corrective_name(first: str, second: str) -> str:
    """The key that mends the sum of two shapes."""
    return f"corrective {first} {second}"


def corrective_weights(weights: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Shape weights (..., 52) to the correctives' (..., C): the smaller of each pair's."""
    pairs = np.array([[SHAPE_INDEX[name] for name in pair] for pair in CORRECTIVES])
    return weights[..., pairs].min(axis=-1)
