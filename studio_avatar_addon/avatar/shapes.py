"""ARKit's 52 face shapes: names in their fixed order, mirror pairs and face regions.

The order is the order of every `(…, 52)` array in the project. Left and right are the subject's.
"""

from __future__ import annotations

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
