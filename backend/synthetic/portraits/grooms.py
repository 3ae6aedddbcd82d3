"""A style's name and chance in; one head of hair's lengths, directions and waves out.

Lengths, thicknesses and waves in millimetres, as hairdressers speak.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Groom:
    """How hair grows and lies; ranges of chance are drawn already."""

    style: str  # of STYLE_WEIGHTS, or "beard"
    growth: str  # of skins.GROWTHS: where it grows
    flow: str  # "whorl", "back", "parted", "forward", "up", "gathered" or "down": see `flow`
    top_mm: float  # length on the crown
    side_mm: float  # above and before the ears
    nape_mm: float
    thickness_mm: float  # how far the outermost strands stand off the skin
    count: int
    radius_mm: float  # thicker than real ones, since they are fewer
    part_m: float = 0.0  # the parting's place, to the subject's left
    fringe_mm: float = 0.0  # from the hairline down; 0: none
    fringe_aside: float = 0.0  # in [-1, 1], where the fringe is brushed to
    open_deg: float = 60.0  # half the angle about the face that hanging hair leaves free
    fall: str = "both"  # "front", "behind" or "both" of the shoulders
    gather_m: tuple[float, float, float] | None = None  # head frame: where it is tied
    tail_mm: float = 0.0  # behind the band; 0: a bun
    stiffness: float = 0.5  # share of its direction that a step keeps
    gravity: float = 0.3
    lift: float = 0.0  # out of the scalp at the root, in [0, 1]
    wave_mm: float = 0.0  # half the width of waves
    wave_length_mm: float = 60.0
    helix: float = 0.5  # 0: waves lie flat, 1: ringlets
    clump: float = 0.5  # how far strands of a lock run together at its end
    lock_strands: int = 40
    frizz_mm: float = 1.0
    flyaway: float = 0.04  # share of strands
    loose_locks: int = 0  # that fall over face and cheeks
    messy: float = 0.15  # how much directions wander over the head
    is_covered: bool = False  # by a hat, so that it lies flat


# How often, of a hundred and some.
STYLE_WEIGHTS = {
    "none": 7, "stubble": 5, "cropped": 8, "short": 10, "quiff": 6, "side_swept": 7, "receding": 6,
    "rim": 4, "curly_short": 5, "afro": 6, "bob": 9, "shoulder": 10, "long": 15, "long_curly": 7,
    "ponytail": 7, "bun": 6, "shaggy": 6,
}  # fmt: skip
# Styles whose curl belongs to them, or that are too short to have any.
_OWN_CURL = ("stubble", "cropped", "rim", "afro", "curly_short", "long_curly")
_HANGING_MM = 100.0  # from that length on hair shows below a hat


def draw_groom(style: str, random: np.random.Generator, is_covered: bool) -> Groom | None:
    """A groom of a style of STYLE_WEIGHTS, None for "none"; `is_covered`: worn under a hat."""
    if style == "none":
        return None
    groom = replace(
        _drawn_style(style, random),
        part_m=float(random.choice([0.0, 0.0, 0.028, -0.028]) + random.normal(0.0, 0.005)),
        loose_locks=int(random.integers(2, 9)) if random.random() < 0.3 else 0,
        messy=float(random.uniform(0.05, 0.35)),
    )
    if style not in _OWN_CURL:
        groom = _with_curl(groom, random)
    return _flattened(groom) if is_covered else groom


def curl_of(groom: Groom | None) -> str:
    """What a groom's waves are called."""
    if groom is None:
        return "none"
    if groom.wave_length_mm < 14.0:
        return "coily"
    if groom.wave_mm < 2.0:
        return "straight"
    return "curly" if groom.wave_length_mm < 45.0 else "wavy"


def beard_groom(length_mm: float) -> Groom:
    """A beard of that length."""
    return Groom(
        style="beard", growth="beard", flow="down", top_mm=length_mm, side_mm=length_mm,
        nape_mm=length_mm, thickness_mm=0.5 * length_mm, count=9000, radius_mm=0.11, lift=0.5,
        gravity=0.1, clump=0.4, frizz_mm=0.1 * length_mm, wave_mm=0.06 * length_mm,
        wave_length_mm=max(0.8 * length_mm, 6.0), flyaway=0.03,
    )  # fmt: skip


def loose_groom(groom: Groom, length_mm: float) -> Groom:
    """Of locks that have come loose from `groom`."""
    return replace(
        groom, flow="down", top_mm=length_mm, side_mm=length_mm, nape_mm=length_mm, fringe_mm=0.0,
        gather_m=None, thickness_mm=6.0, lift=0.9, gravity=0.35, stiffness=0.5, open_deg=-40.0,
        clump=0.85, lock_strands=30, messy=0.15, wave_mm=max(groom.wave_mm, 3.0), flyaway=0.05,
        wave_length_mm=max(groom.wave_length_mm, 30.0), fall="front",
    )  # fmt: skip


def _flattened(groom: Groom) -> Groom:
    """As it lies under a hat."""
    hangs = groom.top_mm > _HANGING_MM
    return replace(
        groom, thickness_mm=min(groom.thickness_mm, 4.0), lift=0.0, gravity=0.35,
        flow="whorl" if groom.flow == "up" else groom.flow,
        top_mm=groom.top_mm if hangs else min(groom.top_mm, 30.0),
        wave_mm=min(groom.wave_mm, 3.0), frizz_mm=0.5, flyaway=0.0, loose_locks=0,
        is_covered=True,
    )  # fmt: skip


def _with_curl(groom: Groom, random: np.random.Generator) -> Groom:
    """Straight, wavy or curly; short hair has smaller waves."""
    kind = random.choice(3, p=(0.5, 0.33, 0.17))
    small = float(np.interp(groom.top_mm, [25.0, 150.0], [0.35, 1.0]))
    if kind == 0:
        return replace(groom, wave_mm=float(random.uniform(0.0, 1.5)) * small, clump=0.35)
    if kind == 1:
        return replace(
            groom, wave_mm=float(random.uniform(3.0, 9.0)) * small, helix=0.35,
            wave_length_mm=float(random.uniform(55.0, 110.0)) * small,
            clump=float(random.uniform(0.4, 0.75)), frizz_mm=1.6,
        )  # fmt: skip
    return replace(
        groom, wave_mm=float(random.uniform(4.0, 8.0)) * small, helix=0.9,
        wave_length_mm=float(random.uniform(24.0, 42.0)) * small,
        clump=float(random.uniform(0.6, 0.85)), frizz_mm=2.2, lock_strands=24,
        thickness_mm=groom.thickness_mm * 1.4,
    )  # fmt: skip


def _drawn_style(style: str, random: np.random.Generator) -> Groom:
    if style in ("stubble", "cropped", "receding", "rim"):
        return _clipped(style, random)
    if style in ("short", "quiff", "side_swept"):
        return _short(style, random)
    if style in ("curly_short", "afro", "long_curly"):
        return _curled(style, random)
    if style in ("ponytail", "bun"):
        return _tied(style, random)
    return _hanging(style, random)


def _clipped(style: str, random: np.random.Generator) -> Groom:
    """From shaven a few days ago to a rim round a bald head."""
    if style == "stubble":
        length = float(random.uniform(1.0, 3.0))
        growth = str(random.choice(["full", "receding", "bald"], p=(0.5, 0.25, 0.25)))
        return Groom(style, growth, "whorl", length, length, length, length, 15000, 0.10,
                     lift=0.7, clump=0.0, frizz_mm=0.2, flyaway=0.0)  # fmt: skip
    if style == "cropped":
        top = float(random.uniform(4.0, 14.0))
        side = top * float(random.uniform(0.3, 1.0))
        growth = str(random.choice(["full", "receding"], p=(0.75, 0.25)))
        return Groom(style, growth, "whorl", top, side, side, 0.5 * top, 15000, 0.11, lift=0.6,
                     clump=0.1, frizz_mm=0.6, flyaway=0.0, gravity=0.05)  # fmt: skip
    if style == "rim":
        side = float(random.uniform(3.0, 30.0))
        return Groom(style, "bald", "whorl", side, side, side, 0.4 * side, 8000, 0.11, lift=0.4,
                     clump=0.2, gravity=0.2)  # fmt: skip
    top, side = float(random.uniform(10.0, 55.0)), float(random.uniform(8.0, 30.0))
    flow = str(random.choice(["back", "whorl", "parted"]))
    return Groom(style, "receding", flow, top, side, side, 0.3 * top, 10000, 0.13, lift=0.3,
                 gravity=0.15)  # fmt: skip


def _short(style: str, random: np.random.Generator) -> Groom:
    """Short sides, and a top that lies, stands or is swept aside."""
    if style == "short":
        top, side = float(random.uniform(22.0, 50.0)), float(random.uniform(8.0, 28.0))
        return Groom(style, "full", str(random.choice(["whorl", "forward"])), top, side, side,
                     0.35 * top, 13000, 0.15, lift=0.35, gravity=0.2, flyaway=0.06,
                     fringe_mm=float(random.choice([0.0, 35.0])))  # fmt: skip
    if style == "quiff":
        top, side = float(random.uniform(35.0, 75.0)), float(random.uniform(5.0, 22.0))
        growth = str(random.choice(["full", "receding"], p=(0.8, 0.2)))
        return Groom(style, growth, "back", top, side, side, float(random.uniform(12.0, 28.0)),
                     13000, 0.15, lift=float(random.uniform(0.3, 0.8)), gravity=0.08,
                     flyaway=0.05)  # fmt: skip
    top, side = float(random.uniform(50.0, 95.0)), float(random.uniform(12.0, 40.0))
    return Groom(style, "full", "parted", top, side, side, float(random.uniform(10.0, 20.0)),
                 12000, 0.15, lift=0.3, gravity=0.15, stiffness=0.55,
                 fringe_mm=float(random.choice([0.0, 60.0])),
                 fringe_aside=float(random.choice([-1.0, 1.0])))  # fmt: skip


def _curled(style: str, random: np.random.Generator) -> Groom:
    """Curls and coils of any length."""
    if style == "curly_short":
        top, side = float(random.uniform(40.0, 90.0)), float(random.uniform(15.0, 60.0))
        return Groom(style, "full", "forward", top, side, side, float(random.uniform(18.0, 35.0)),
                     8000, 0.17, lift=0.6, gravity=0.15, wave_mm=float(random.uniform(3.5, 7.0)),
                     wave_length_mm=float(random.uniform(16.0, 30.0)), helix=1.0, clump=0.8,
                     lock_strands=22, frizz_mm=2.0, flyaway=0.08,
                     fringe_mm=float(random.choice([0.0, 55.0])))  # fmt: skip
    if style == "afro":
        top = float(random.uniform(18.0, 110.0))
        side = top * float(random.uniform(0.4, 1.0))
        return Groom(style, "full", "up", top, side, side, 0.85 * top, 9000, 0.17, lift=1.0,
                     gravity=0.02, stiffness=0.8, wave_mm=float(random.uniform(1.8, 3.5)),
                     wave_length_mm=float(random.uniform(7.0, 13.0)), helix=1.0,
                     clump=float(random.uniform(0.1, 0.6)), lock_strands=18, frizz_mm=3.0,
                     flyaway=0.03)  # fmt: skip
    length = float(random.uniform(220.0, 420.0))
    return Groom(style, "full", "parted", length, 0.9 * length, 0.7 * length,
                 float(random.uniform(25.0, 55.0)), 4500, 0.21, lift=0.4, gravity=0.3,
                 fringe_mm=float(random.choice([0.0, 0.0, 90.0])),
                 open_deg=float(random.uniform(42.0, 65.0)), helix=1.0, clump=0.8,
                 wave_mm=float(random.uniform(5.0, 10.0)), lock_strands=18, frizz_mm=3.0,
                 wave_length_mm=float(random.uniform(22.0, 42.0)), flyaway=0.1)  # fmt: skip


def _hanging(style: str, random: np.random.Generator) -> Groom:
    """Hair that hangs: shaggy, to the chin, to the shoulders, over them."""
    if style == "shaggy":
        length = float(random.uniform(80.0, 150.0))
        flow = str(random.choice(["whorl", "parted", "forward"]))
        return Groom(style, "full", flow, length, 0.85 * length, 0.8 * length,
                     float(random.uniform(14.0, 26.0)), 9500, 0.17, lift=0.3, gravity=0.3,
                     fringe_mm=float(random.uniform(50.0, 110.0)),
                     fringe_aside=float(random.normal(0.0, 0.6)),
                     open_deg=float(random.uniform(38.0, 55.0)), flyaway=0.08)  # fmt: skip
    if style == "bob":
        length = float(random.uniform(150.0, 230.0))
        return Groom(style, "full", "parted", length, 0.8 * length, 0.45 * length,
                     float(random.uniform(14.0, 26.0)), 7500, 0.19, gravity=0.4,
                     fringe_mm=float(random.choice([0.0, 0.0, 50.0, 70.0])),
                     fringe_aside=float(random.normal(0.0, 0.4)),
                     open_deg=float(random.uniform(42.0, 75.0)))  # fmt: skip
    low, high, nape, count, radius = (
        (380.0, 560.0, 0.75, 5500, 0.22) if style == "long" else (250.0, 340.0, 0.6, 6500, 0.20)
    )
    length = float(random.uniform(low, high))
    fall = str(random.choice(["both", "front", "behind"], p=(0.4, 0.32, 0.28)))
    return Groom(style, "full", "parted", length, 0.87 * length, nape * length,
                 float(random.uniform(8.0, 22.0)), count, radius, gravity=0.45, fall=fall,
                 fringe_mm=float(random.choice([0.0, 0.0, 0.0, 55.0, 80.0])),
                 fringe_aside=float(random.normal(0.0, 0.5)),
                 open_deg=float(random.uniform(40.0, 90.0)))  # fmt: skip


def _tied(style: str, random: np.random.Generator) -> Groom:
    """Drawn to a band, low at the nape or high on the crown."""
    high = float(random.random())
    gather = (0.0, 0.105 - 0.030 * high, -0.010 + 0.135 * high)
    tail = float(random.uniform(120.0, 380.0)) if style == "ponytail" else 0.0
    return Groom(style, "full", "gathered", 230.0, 230.0, 200.0, float(random.uniform(3.0, 9.0)),
                 8000, 0.18, gather_m=gather, tail_mm=tail, gravity=0.0, stiffness=0.35, clump=0.3,
                 frizz_mm=0.8, flyaway=0.05,
                 fringe_mm=float(random.choice([0.0, 0.0, 0.0, 55.0])))  # fmt: skip
