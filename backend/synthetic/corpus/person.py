"""A seed in; the traits of one made-up person out, before any texel is painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TYPES = 6
# Melanosome fraction, eumelanin share and blood fraction with which `skin_albedo` at 0.75
# oxygenation gives the grid of linear albedo by Fitzpatrick type: least squares in log albedo over
# the three channels, drawn weakly towards each other. Types I to V are met within 1.5 %, VI within
# 10 %, which `complexion` makes up for. The melanin agrees with the published 1.3-6.3 % (light),
# 11-16 % (moderate) and 18-43 % (dark). The eumelanin share falls towards dark skin, against
# biology: the grid is warmer there than the published absorption, so the share is a free constant
# of the calibration, not a finding.
MELANIN_BY_TYPE = (0.0156, 0.0311, 0.0592, 0.1221, 0.2431, 0.4557)
EUMELANIN_BY_TYPE = (0.522, 0.517, 0.474, 0.347, 0.190, 0.163)
BLOOD_BY_TYPE = (0.0224, 0.0343, 0.0435, 0.0378, 0.0399, 0.0271)
OXYGENATION = 0.75

BEARDS = ("none", "stubble", "moustache", "goatee", "full")
SCALPS = ("bald", "receding", "cropped", "full")
# Linear albedo of hair: black, dark brown, brown, light brown, blond, red.
_HAIR = np.array([
    (0.010, 0.008, 0.007), (0.026, 0.017, 0.011), (0.055, 0.033, 0.018), (0.115, 0.070, 0.036),
    (0.260, 0.175, 0.085), (0.150, 0.050, 0.018),
])  # fmt: skip
_GREY = np.array((0.28, 0.25, 0.21))
# Linear albedo of irises: dark brown, brown, hazel, green, blue, grey.
_IRIS = np.array([
    (0.030, 0.016, 0.008), (0.075, 0.040, 0.016), (0.115, 0.085, 0.040), (0.095, 0.105, 0.060),
    (0.085, 0.130, 0.175), (0.130, 0.150, 0.165),
])  # fmt: skip
# How often each colour comes with each skin type.
_HAIR_ODDS = np.array([
    (0, 10, 20, 25, 30, 15), (5, 30, 30, 20, 13, 2), (20, 45, 25, 8, 2, 0),
    (55, 40, 5, 0, 0, 0), (80, 20, 0, 0, 0, 0), (95, 5, 0, 0, 0, 0),
])  # fmt: skip
_IRIS_ODDS = np.array([
    (0, 8, 15, 17, 40, 20), (5, 25, 25, 15, 20, 10), (25, 45, 20, 5, 3, 2),
    (55, 40, 5, 0, 0, 0), (85, 15, 0, 0, 0, 0), (95, 5, 0, 0, 0, 0),
])  # fmt: skip


@dataclass(frozen=True)
class MakeUp:
    """Shares in [0, 1] of cover; colours linear Rec.709."""

    lipstick: float
    lipstick_linear: tuple[float, float, float]
    blush: float
    shadow: float
    shadow_linear: tuple[float, float, float]
    liner: float


@dataclass(frozen=True)
class Person:
    """Strengths are about 1 in the middle of people, shares in [0, 1]; colours linear Rec.709."""

    seed: int
    skin_type: int  # 0 to 5: Fitzpatrick I to VI
    age_years: int
    female: bool
    melanin: float  # fraction of the epidermis
    eumelanin: float  # share of the melanin
    blood: float  # fraction of the dermis
    oxygenation: float
    mottle: float  # strength of the uneven pigment
    flush: float  # redness of cheeks, nose, ears, chin
    under_eye: float
    lid_shade: float
    sun: float  # forehead and nose darker than the neck; may be negative
    lip_red: float
    lip_dark: float
    sallow: float  # yellow of forehead and round the mouth
    brow_strands: int
    brow_arch: float  # standard deviations
    brow_up: float
    brow_width: float
    brow_length_mm: float
    brow_linear: tuple[float, float, float]
    lashes: float
    beard: str  # one of BEARDS
    beard_density: float
    beard_linear: tuple[float, float, float]
    beard_shadow: float  # roots that shine through shaven skin
    scalp: str  # one of SCALPS
    hair_linear: tuple[float, float, float]
    hair_curl: float
    hairline_mm: float  # how much higher than usual it starts
    peak_mm: float  # how far its middle comes down between the temples
    beard_line_mm: float  # how much higher than usual it ends on the cheek
    freckles: float
    age_spots: float
    moles: int
    mole_mm: float  # median radius
    acne: int
    acne_marks: int
    scars: int
    vessels: float
    pores: float
    wrinkles: float
    oil: float
    iris_linear: tuple[float, float, float]
    make_up: MakeUp


def draw_person(seed: int) -> Person:
    """Draw a person; six seeds in a row hold all six skin types.

    Raises ValueError for a negative seed.
    """
    if seed < 0:
        raise ValueError(f"a seed is 0 or more, not {seed}")
    random = np.random.default_rng([seed, 20])
    kind = seed % TYPES
    age = int(random.integers(8, 86))
    female = bool(random.random() < 0.5)
    grown = float(np.clip((age - 11) / 7.0, 0.0, 1.0))
    old = float(np.clip((age - 25) / 55.0, 0.0, 1.0))
    fair = float(np.interp(kind, [0, 2, 5], [1.0, 0.45, 0.0]))
    melanin, eumelanin, blood = _pigments(kind, random)
    hair, own_hair = _hair_colours(kind, age, random)
    beard = _beard(age, female, random)
    teen = float(np.exp(-0.5 * ((age - 18) / 6.0) ** 2))
    return Person(
        seed=seed,
        skin_type=kind,
        age_years=age,
        female=female,
        melanin=melanin,
        eumelanin=eumelanin,
        blood=blood,
        oxygenation=float(np.clip(random.normal(OXYGENATION, 0.05), 0.6, 0.9)),
        mottle=float(random.lognormal(0.0, 0.2) * (0.85 + 0.3 * old)),
        flush=float(random.lognormal(0.0, 0.45)),
        under_eye=float(random.gamma(2.0, 0.5) * (0.7 + 0.5 * old)),
        lid_shade=float(random.gamma(3.0, 0.33)),
        sun=float(random.normal(0.6, 0.7)),
        lip_red=float(random.lognormal(0.0, 0.25)),
        lip_dark=float(random.gamma(2.0, 0.5)),
        sallow=float(random.gamma(2.0, 0.5)),
        brow_strands=int(
            np.clip(random.lognormal(np.log(640), 0.42), 180, 1500)
            * (0.85 if female else 1.1)
            * (1.0 - 0.35 * old)
        ),
        brow_width=float(np.clip(random.normal(0.85 if female else 1.12, 0.24), 0.4, 1.8)),
        brow_length_mm=float(random.normal(6.5 if female else 7.5, 0.8) + 2.0 * old**3),
        brow_linear=own_hair,
        lashes=float(random.uniform(0.3, 1.0) if female else random.uniform(0.1, 0.6)),
        beard=beard,
        beard_density=float(random.uniform(0.5, 1.0) * (0.55 if age < 22 else 1.0)),
        beard_linear=hair if age > 45 else own_hair,
        beard_shadow=0.0 if female else float(grown * random.uniform(0.15, 1.0)),
        scalp=_scalp(age, female, random),
        hair_linear=hair,
        hair_curl=float(np.interp(kind, [0, 3, 4, 5], [0.1, 0.2, 0.8, 1.0]) * random.random()),
        hairline_mm=float(random.normal(0.0, 4.0)),
        peak_mm=float(random.gamma(1.5, 2.0)),
        beard_line_mm=float(random.normal(-2.0, 5.0)),
        brow_arch=float(random.normal()),
        brow_up=float(random.normal()),
        freckles=float(random.random() ** 1.5 * 1.3 * fair) if random.random() < 0.45 else 0.0,
        age_spots=float(random.random() * np.clip((age - 45) / 30.0, 0.0, 1.0)),
        moles=int(random.gamma(1.6, 7.0 + 5.0 * fair) * (0.4 + 0.6 * grown)),
        mole_mm=float(random.lognormal(np.log(0.6), 0.25)),
        acne=int(random.gamma(1.0, 22.0) * teen),
        acne_marks=int(random.gamma(1.0, 18.0) * grown * (0.3 + teen)),
        scars=int(random.poisson(0.5)),
        vessels=float(random.random() * (0.3 + old) * (0.25 + 0.75 * fair)),
        pores=float(random.lognormal(0.0, 0.35) * (0.35 + 0.65 * grown) * (1.0 + 0.4 * old)),
        wrinkles=float(np.clip(old * 1.15 + random.normal(0.0, 0.08), 0.0, 1.2)),
        oil=float(np.clip(random.normal(0.5 + 0.3 * teen, 0.25), 0.0, 1.0)),
        iris_linear=_iris(kind, random),
        make_up=_make_up(kind, age, female, random),
    )


def _pigments(kind: int, random: np.random.Generator) -> tuple[float, float, float]:
    """Melanin, eumelanin share and blood: the type's, spread by up to .45 of a type."""
    place = kind + random.triangular(-0.45, 0.0, 0.45)
    types = np.arange(-1, TYPES + 1)
    # One more type at either end, or the outermost would lie on their inner side alone.
    melanin = np.exp(np.interp(place, types, _extended(np.log(MELANIN_BY_TYPE))))
    eumelanin = np.interp(place, types[1:-1], EUMELANIN_BY_TYPE) + random.normal(0.0, 0.03)
    blood = np.exp(np.interp(place, types[1:-1], np.log(BLOOD_BY_TYPE)) + random.normal(0.0, 0.2))
    return float(melanin), float(np.clip(eumelanin, 0.03, 0.95)), float(blood)


def _extended(values: np.ndarray) -> np.ndarray:
    return np.pad(values, 1, mode="reflect", reflect_type="odd")


def _hair_colours(
    kind: int, age: int, random: np.random.Generator
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Hair as it is now, and as the brows are, which go grey later and less."""
    colour = _jittered(_HAIR[random.choice(len(_HAIR), p=_HAIR_ODDS[kind] / 100.0)], random)
    grey = np.clip((age - random.normal(48, 9)) / 25.0, 0.0, 1.0)
    brow = 0.75 * colour + 0.25 * np.minimum(colour, _HAIR[2])
    hair = colour + grey * (_GREY * random.uniform(0.7, 1.3) - colour)
    pale = 1.0 + random.gamma(1.2, 0.45)  # many people's brows are paler than their hair
    return _triple(hair), _triple(brow * pale + 0.4 * grey**1.5 * (_GREY - brow))


def _iris(kind: int, random: np.random.Generator) -> tuple[float, float, float]:
    chosen = _IRIS[random.choice(len(_IRIS), p=_IRIS_ODDS[kind] / 100.0)]
    return _triple(_jittered(chosen, random))


def _beard(age: int, female: bool, random: np.random.Generator) -> str:
    if female or age < 16:
        return "none"
    return str(random.choice(BEARDS, p=(0.32, 0.30, 0.08, 0.12, 0.18)))


def _scalp(age: int, female: bool, random: np.random.Generator) -> str:
    if female or age < 20:
        return str(random.choice(("cropped", "full"), p=(0.25, 0.75)))
    bald = float(np.interp(age, [20, 40, 70], [0.08, 0.22, 0.35]))
    receding = float(np.interp(age, [20, 40, 70], [0.05, 0.25, 0.40]))
    rest = (1.0 - bald - receding) / 2.0
    return str(random.choice(SCALPS, p=(bald, receding, rest, rest)))


def _make_up(kind: int, age: int, female: bool, random: np.random.Generator) -> MakeUp:
    """Half of the grown women wear some."""
    worn = 1.0 if female and age > 16 and random.random() < 0.5 else 0.0
    lips = np.array([(0.42, 0.05, 0.05), (0.30, 0.03, 0.06), (0.45, 0.16, 0.14), (0.22, 0.05, 0.06),
                     (0.40, 0.10, 0.13), (0.16, 0.02, 0.04)])  # fmt: skip
    lids = np.array([(0.10, 0.07, 0.06), (0.30, 0.18, 0.12), (0.13, 0.13, 0.16), (0.20, 0.10, 0.13),
                     (0.45, 0.33, 0.22)])  # fmt: skip
    dark = 1.0 - 0.09 * kind
    return MakeUp(
        lipstick=worn * float(random.uniform(0.3, 0.9)) * float(random.random() < 0.75),
        lipstick_linear=_triple(dark * _jittered(lips[random.integers(len(lips))], random)),
        blush=worn * float(random.random()),
        shadow=worn * float(random.uniform(0.1, 0.6)) * float(random.random() < 0.6),
        shadow_linear=_triple(dark * _jittered(lids[random.integers(len(lids))], random)),
        liner=worn * float(random.uniform(0.3, 0.95)) * float(random.random() < 0.6),
    )


def _jittered(linear: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return linear * random.lognormal(0.0, 0.18) * random.lognormal(0.0, 0.05, 3)


def _triple(linear: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = np.clip(linear, 0.003, 0.9).tolist()
    return red, green, blue
