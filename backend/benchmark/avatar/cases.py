"""Which captures the benchmark shows: the quick set and the full one."""

from __future__ import annotations

from pathlib import Path

from ...synthetic.corpus.person import TYPES
from ..capture.capture_cases import (
    LIGHTS,
    MOTIONS,
    REFERENCE,
    TEMPLATE,
    CaptureCase,
    CaptureFilming,
)

QUICK, FULL = "quick", "full"
# A capture in minutes on two cores; 16 samples leave less noise than the scores can see.
FILMING = CaptureFilming(views=12, size_px=(360, 640), samples=16)
# Both kinds of head, all three lights, three tones; some 40 minutes.
QUICK_CASES = 3
# Six blocks of one case a tone; each block has every light twice, and whichever captures a run
# that was stopped got to differ in everything.
BLOCKS = 6
TONES = (0, 4, 2, 5, 1, 3)
FIRST_SEED = 60  # a multiple of TYPES, among the persons that are nobody's training data


def cases_of(chosen_set: str) -> tuple[CaptureCase, ...]:
    """Those of `chosen_set`, "quick" or "full"; the quick ones are the first of the full ones."""
    every = tuple(_case(block, place) for block in range(BLOCKS) for place in range(TYPES))
    return every[:QUICK_CASES] if chosen_set == QUICK else every


def available(cases: tuple[CaptureCase, ...], heads: Path) -> tuple[CaptureCase, ...]:
    """Those that can be rendered: the reference's need their head and their skins."""
    reference = (heads / "ict_facekit").is_dir() and (heads.parent / "skins").is_dir()
    return tuple(case for case in cases if case.head != REFERENCE or reference)


def _case(block: int, place: int) -> CaptureCase:
    heads, lights, moves = (TEMPLATE, REFERENCE), tuple(LIGHTS), tuple(MOTIONS)
    return CaptureCase(
        head=heads[((place + 1) // 2 + block) % len(heads)],
        light=lights[(place + block) % len(lights)],
        moving=moves[(place + block // len(lights)) % len(moves)],
        seed=FIRST_SEED + TYPES * block + TONES[place],
    )
