"""What each mouth expression does to the lips and the skin around, typed in millimetres.

Keys of the lip tables are ring indices along the mouth's left half: 0 lower middle, 10 corner,
20 upper middle; the right half mirrors it. Positions and pushes: x to the subject's left, -y
forward, z up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .control_points import Point
from .shape_contact import BOTH_YIELD, LOWER_YIELDS, UPPER_YIELDS, LipYield
from .shape_space import GaussianDisplacement

LipTable = dict[float, Point]


@dataclass(frozen=True)
class LipShape:
    """Pushes of the vermilion border and (if other) of the contact line, and the skin's part.

    `evert_deg`: turn of the lip about its border, outwards; negative rolls it in. `sealed`: the
    lips stay in contact. `one_sided` shapes are split to left and right with a blend of this half
    width over the midline. `gives`: which lip gives way where they would enter each
    other. `beside`: earlier shapes that it must go together with.
    """

    outer: LipTable
    inner: LipTable = field(default_factory=dict)
    evert_deg: dict[float, float] = field(default_factory=dict)
    skin: tuple[GaussianDisplacement, ...] = ()
    reach: float = 9.0
    sealed: bool = False
    one_sided: float = 0.0
    lip_yield: LipYield = BOTH_YIELD
    combined_with: tuple[str, ...] = ()


LIP_SHAPES: dict[str, LipShape] = {
    "mouthSmileLeft": LipShape(
        sealed=True,
        outer={
            0: (0, 1.7, 0.8), 3: (1.7, 2.1, 1.3), 5: (3.2, 3.2, 2.5), 7: (5.3, 5.5, 5.1),
            9: (7.4, 8.7, 8.7), 10: (8.1, 9.5, 10.0), 11: (7.8, 9.3, 10.2), 13: (6.1, 6.8, 8.3),
            16: (3.2, 3.0, 4.2), 20: (0, 1.3, 1.9),
        },
        skin=(
            GaussianDisplacement((38, -88, -26), (4.9, 3.2, 8.5), (11, 14, 11)),
            GaussianDisplacement((46, -80, -4), (0.8, -1.9, 4.2), (14, 16, 10)),
            GaussianDisplacement((44, -80, -50), (3.6, 5.3, 4.9), (12, 16, 11)),
            GaussianDisplacement((19, -99, -16), (1.3, 0.6, 1.7), (7, 9, 8)),
        ),
        one_sided=14.0,
    ),
    "mouthFrownLeft": LipShape(
        sealed=True,
        outer={
            0: (0, -0.2, 0.4), 3: (0.2, 0, 0), 5: (0.5, 0.4, -0.9), 7: (1.1, 1.1, -2.6),
            9: (1.8, 2.1, -5.0), 10: (2.0, 2.4, -5.6), 11: (1.9, 2.3, -5.3), 13: (1.3, 1.4, -3.4),
            16: (0.5, 0.4, -1.2), 20: (0, 0, -0.2),
        },
        skin=(
            GaussianDisplacement((34, -89, -56), (1.4, 1.2, -3.6), (10, 12, 10)),
            GaussianDisplacement((33, -91, -34), (1.2, 0.8, -2.8), (9, 12, 10)),
        ),
        one_sided=12.0,
    ),
    "mouthDimpleLeft": LipShape(
        sealed=True,
        outer={
            0: (0, 0.6, 0.5), 3: (0.6, 1.0, 0.8), 5: (1.5, 2.0, 1.5), 7: (2.0, 4.0, 2.5),
            9: (2.2, 6.8, 4.2), 10: (2.1, 8.0, 4.9), 11: (2.1, 7.2, 4.2), 13: (1.9, 3.8, 2.0),
            16: (1.1, 1.1, 0.4), 20: (0, 0.1, 0),
        },
        skin=(
            GaussianDisplacement((43, -83, -30), (3.0, -3.2, 0.5), (11, 13, 13)),
            GaussianDisplacement((25, -97, -25), (1.0, -2.0, 0.6), (9, 11, 9)),
            GaussianDisplacement((22, -92, -74), (1.0, 0.1, 2.5), (10, 12, 9)),
        ),
        one_sided=12.0,
    ),
    "mouthStretchLeft": LipShape(
        sealed=True,
        outer={
            0: (0, 1.2, -0.6), 3: (1.8, 1.4, -0.9), 5: (3.4, 2.6, -1.3), 7: (5.4, 4.4, -1.9),
            9: (7.6, 6.6, -2.5), 10: (8.2, 7.2, -2.6), 11: (7.8, 6.8, -2.5), 13: (6.0, 4.8, -1.9),
            16: (3.2, 2.2, -0.9), 20: (0, 0.9, -0.4),
        },
        skin=(
            GaussianDisplacement((42, -84, -44), (4.6, 4.4, -1.8), (12, 16, 13)),
            GaussianDisplacement((40, -72, -70), (1.8, 2.0, -3.0), (16, 20, 14)),
        ),
        one_sided=14.0,
    ),
    "mouthPressLeft": LipShape(
        sealed=True,
        outer={
            0: (0, -0.7, 3.1), 5: (0, -0.8, 3.2), 7: (0, -0.8, 2.9), 9: (0.1, -0.7, 2.2),
            10: (0.3, -0.7, 2.1), 11: (0.1, -0.6, 1.5), 13: (-0.1, -0.3, 0.3),
            16: (-0.4, 0, -0.8), 20: (0, 0.3, -1.3),
        },
        skin=(
            GaussianDisplacement((19, -95, -73), (-0.3, -2.0, 4.2), (13, 12, 11)),
            GaussianDisplacement((0, -98, -70), (0, -1.1, 2.0), (14, 12, 11)),
            GaussianDisplacement((32, -93, -30), (1.1, -1.7, 0.8), (11, 12, 10)),
        ),
        one_sided=12.0,
    ),
    "mouthLowerDownLeft": LipShape(
        outer={
            0: (0, 1.1, -4.6), 3: (0.8, 1.4, -4.9), 5: (1.3, 1.5, -4.8), 7: (1.4, 1.3, -3.4),
            9: (1.0, 0.8, -1.4), 10: (0.8, 0.6, -0.7), 11: (0.6, 0.5, -0.3), 13: (0.2, 0.1, 0),
            16: (0, 0, 0), 20: (0, 0, 0),
        },
        skin=(GaussianDisplacement((13, -97, -66), (0.6, 0.8, -2.8), (12, 11, 8)),),
        one_sided=10.0,
    ),
    "mouthUpperUpLeft": LipShape(
        outer={
            0: (0, 0, 0.8), 5: (0.3, 0, 1.1), 7: (0.3, 0, 1.7), 9: (0.2, 0, 2.6),
            10: (0.2, -0.1, 3.5), 11: (0.6, 0, 4.6), 13: (1.3, 0.4, 6.5), 16: (1.1, 0.4, 6.8),
            20: (0, 0.7, 6.2),
        },
        skin=(
            GaussianDisplacement((24, -98, -22), (2.0, 1.3, 6.4), (11, 12, 10)),
            GaussianDisplacement((38, -88, -8), (0.4, -0.7, 2.2), (13, 14, 11)),
            GaussianDisplacement((45, -80, -32), (-0.2, -1.5, 2.2), (13, 15, 14)),
            GaussianDisplacement((15, -102, -10), (0.9, -0.7, 2.4), (8, 9, 8)),
        ),
        one_sided=10.0,
    ),
    "noseSneerLeft": LipShape(
        outer={
            0: (0, -0.1, 1.2), 5: (0, -0.2, 1.9), 7: (0, -0.2, 2.6), 9: (-0.5, -0.5, 4.1),
            10: (-0.8, -0.6, 5.3), 11: (-0.6, -0.5, 6.2), 13: (0.1, 0, 7.7), 16: (0.2, 0, 7.7),
            20: (0, 0.2, 6.5),
        },
        skin=(
            GaussianDisplacement((27, -95, -24), (-1.2, -0.6, 7.7), (11, 12, 11)),
            GaussianDisplacement((17, -101, -12), (-0.2, -1.7, 6.2), (9, 11, 9)),
            GaussianDisplacement((45, -81, -26), (-1.7, -2.6, 4.8), (14, 16, 17)),
            GaussianDisplacement((40, -86, 3), (-0.4, -1.0, 3.6), (13, 14, 9)),
            GaussianDisplacement((11, -104, 10), (-0.7, -1.2, 3.1), (9, 12, 10)),
            GaussianDisplacement((18, -98, 43), (-0.7, -0.2, -3.4), (16, 14, 10)),
        ),
        one_sided=9.0,
    ),
    "mouthPucker": LipShape(
        sealed=True,
        outer={
            0: (0, -5.6, 1.4), 3: (-2.0, -6.2, 1.2), 5: (-4.0, -7.2, 1.0), 7: (-6.6, -8.8, 0.8),
            9: (-9.0, -9.2, 0.8), 10: (-9.6, -9.0, 1.0), 11: (-9.2, -9.2, 1.8),
            13: (-6.8, -9.4, 3.2), 16: (-4.0, -8.0, 3.8), 20: (0, -6.6, 3.4),
        },
        inner={
            0: (0, -7.6, 1.8), 5: (-4.0, -9.0, 1.8), 7: (-6.6, -10.0, 1.5), 9: (-9.0, -9.8, 1.0),
            10: (-9.6, -9.2, 1.0), 11: (-9.2, -9.8, 1.0), 13: (-6.8, -10.6, 1.5),
            16: (-4.0, -9.4, 1.8), 20: (0, -8.2, 1.8),
        },
        evert_deg={0: 16, 5: 16, 8: 10, 10: 0, 12: 10, 16: 16, 20: 16},
        skin=(
            GaussianDisplacement((38, -88, -42), (-4.6, -3.6, 0.6), (11, 14, 14)),
            GaussianDisplacement((0, -100, -63), (0, -2.4, 1.6), (18, 12, 9)),
            GaussianDisplacement((12, -104, -27), (-0.6, -2.0, 0.6), (12, 10, 7)),
        ),
    ),
    "mouthFunnel": LipShape(
        outer={
            0: (0, -4.8, -5.8), 3: (-1.2, -5.2, -5.4), 5: (-2.8, -5.8, -4.4), 7: (-4.8, -6.2, -2.4),
            9: (-6.8, -6.0, -0.4), 10: (-7.4, -5.8, 0.3), 11: (-7.0, -6.4, 1.0),
            13: (-4.8, -7.6, 3.0), 16: (-2.4, -7.8, 4.8), 20: (0, -7.0, 5.2),
        },
        inner={
            0: (0, -7.8, -8.2), 3: (-1.2, -8.0, -7.6), 5: (-2.8, -8.4, -6.0), 7: (-4.8, -8.2, -3.2),
            9: (-6.8, -6.8, -0.6), 10: (-7.4, -6.2, 0.3), 11: (-7.0, -7.0, 1.2),
            13: (-4.8, -8.6, 3.8), 16: (-2.4, -9.0, 6.4), 20: (0, -8.6, 7.2),
        },
        skin=(
            GaussianDisplacement((36, -88, -42), (-3.6, -3.2, 0.4), (11, 14, 14)),
            GaussianDisplacement((0, -100, -64), (0, -2.2, -2.6), (18, 12, 9)),
            GaussianDisplacement((12, -104, -27), (-0.4, -2.4, 1.8), (13, 10, 7)),
        ),
    ),
    "mouthRollLower": LipShape(
        sealed=True,
        outer={
            0: (0, 2.8, 6.0), 3: (-0.1, 2.7, 5.6), 5: (-0.3, 2.4, 4.6), 7: (-0.2, 1.6, 2.6),
            9: (0.1, 0.8, 0.9), 10: (0.2, 0.6, 0.4), 11: (0.2, 0.6, 0.4), 13: (0, 0.8, 0.5),
            16: (-0.1, 1.0, 0.5), 20: (0, 1.0, 0.4),
        },
        evert_deg={0: -62, 5: -58, 7: -40, 9: -12, 10: 0, 20: 0},
        lip_yield=LOWER_YIELDS,
        skin=(
            GaussianDisplacement((0, -98, -65), (0, -1.4, 6.4), (17, 12, 8)),
            GaussianDisplacement((0, -98, -80), (0, -1.2, 1.4), (18, 14, 8)),
        ),
    ),
    "mouthRollUpper": LipShape(
        sealed=True,
        outer={
            0: (0, 0.6, 1.4), 5: (0, 0.6, 1.2), 9: (0, 0.8, 0.4), 10: (0, 1.0, 0),
            11: (0, 1.6, -0.4), 13: (0, 3.6, -1.8), 16: (0, 4.6, -2.6), 20: (0, 4.6, -2.6),
        },
        evert_deg={0: 0, 10: 0, 11: -14, 13: -40, 16: -54, 20: -54},
        lip_yield=UPPER_YIELDS,
        combined_with=("mouthRollLower",),
        skin=(GaussianDisplacement((10, -104, -28), (0, 2.4, -1.4), (14, 10, 6)),),
    ),
    "mouthShrugLower": LipShape(
        sealed=True,
        outer={
            0: (0, -4.6, 7.7), 3: (0.1, -4.4, 7.3), 5: (0.3, -4.0, 6.4), 7: (0.4, -3.3, 4.6),
            9: (0.4, -2.4, 2.6), 10: (0.4, -2.2, 2.2), 11: (0.4, -1.9, 2.0), 13: (0.3, -1.3, 1.7),
            16: (0.1, -1.1, 1.2), 20: (0, -0.9, 1.0),
        },
        skin=(
            GaussianDisplacement((0, -99, -74), (0, -2.6, 11.4), (20, 14, 12)),
            GaussianDisplacement((0, -78, -90), (0, -3.5, 1.8), (18, 14, 12)),
        ),
    ),
    "mouthShrugUpper": LipShape(
        sealed=True,
        outer={
            0: (0, -0.3, 0.8), 5: (0, -0.3, 0.7), 7: (0, -0.2, 0.6), 9: (0, -0.1, 0.5),
            10: (0, 0, 0.6), 11: (0, 0, 1.0), 13: (0, -0.3, 2.8), 16: (0, -0.5, 5.2),
            20: (0, -0.5, 6.2),
        },
        skin=(GaussianDisplacement((0, -108, -25), (0, -0.2, 3.6), (14, 12, 7)),),
    ),
    "cheekPuff": LipShape(
        sealed=True,
        outer={
            0: (0, -8.4, 2.0), 5: (-0.8, -9.8, 2.2), 7: (-1.4, -11.2, 2.2), 9: (-1.9, -12.6, 2.2),
            10: (-2.0, -12.8, 2.2), 11: (-1.9, -12.6, 2.2), 13: (-1.4, -11.2, 2.2),
            16: (-0.8, -9.6, 2.0), 20: (0, -8.4, 2.0),
        },
        skin=(
            GaussianDisplacement((40, -88, -42), (3.4, -10.5, 2.4), (15, 16, 15)),
            GaussianDisplacement((56, -66, -38), (5.0, -3.2, 0.8), (14, 16, 17)),
        ),
        reach=12.0,
    ),
}  # fmt: skip

# The whole mouth slides to the subject's left along the teeth: indices 0 to 39, right half too.
MOUTH_LEFT: LipTable = {
    0: (12.4, 0.2, 0), 5: (10.4, 2.4, 0.4), 8: (7.6, 4.8, 0.8), 10: (6.4, 6.0, 1.2),
    12: (7.4, 5.2, 1.6), 15: (10.0, 2.6, 1.6), 20: (13.0, -0.6, 1.2), 25: (15.8, -4.6, 0.8),
    28: (17.4, -7.6, 0.4), 30: (17.8, -8.4, 0.2), 32: (17.2, -7.8, 0), 35: (14.8, -4.4, 0),
}  # fmt: skip
MOUTH_LEFT_SKIN = (
    GaussianDisplacement((-38, -89, -42), (10.6, -4.6, 0), (12, 15, 14)),
    GaussianDisplacement((40, -86, -40), (3.2, 4.2, 0.8), (13, 15, 15)),
    GaussianDisplacement((0, -108, -26), (6.6, -0.2, 0.6), (20, 12, 9)),
    GaussianDisplacement((0, -99, -63), (5.6, 0, 0), (22, 12, 9)),
)

# Skin alone; one-sided shapes again as (pushes, half width of the blend over the midline).
SKIN_SHAPES: dict[str, tuple[tuple[GaussianDisplacement, ...], float]] = {
    "browDownLeft": (
        (
            GaussianDisplacement((16, -99, 43), (-1.4, -1.6, -4.0), (11, 14, 10)),
            GaussianDisplacement((40, -89, 51), (-3.8, -2.6, -3.4), (16, 19, 14)),
        ),
        7.0,
    ),
    "browInnerUp": (
        (
            GaussianDisplacement((15, -99, 43), (0.3, 0.1, 4.8), (15, 18, 12)),
            GaussianDisplacement((0, -98, 62), (0, -0.8, 1.0), (28, 22, 16)),
            GaussianDisplacement((0, -104, 22), (0, 0, 2.2), (14, 16, 11)),
        ),
        0.0,
    ),
    "browOuterUpLeft": (
        (
            GaussianDisplacement((38, -91, 45), (1.6, 1.6, 6.2), (15, 18, 13)),
            GaussianDisplacement((56, -74, 40), (0.9, 1.8, 4.8), (12, 17, 16)),
            GaussianDisplacement((44, -80, 70), (0.9, 0.4, 2.0), (18, 22, 14)),
        ),
        7.0,
    ),
}  # fmt: skip
