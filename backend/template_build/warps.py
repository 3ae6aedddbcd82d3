"""Low-order warps that bend the whole head: proportions, asymmetries, a fit's broadest freedom.

Each takes points (n, 3) in millimetres and returns displacements (n, 3) in millimetres per
standard deviation. PROPORTIONS and ASYMMETRIES are identity parameters; WARPS reach what none of
them holds: of these "warp_" fields are symmetric about the midline, "skew_" fields are not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studio_avatar_addon.avatar.types import FloatArray

Warp = Callable[[FloatArray], FloatArray]

# The head's box in mm, to which coordinates are normalised
MIDDLE = np.array([0.0, 0.0, 10.0])
HALF = np.array([75.0, 100.0, 120.0])


def _monomial(axis: int, powers: tuple[int, int, int], size_mm: float) -> Warp:
    """Displacement along `axis` by x^a y^b z^c of the normalised coordinates."""

    def warp(points: FloatArray) -> FloatArray:
        """(n, 3) mm at points (n, 3) mm."""
        unit = np.clip((points - MIDDLE) / HALF, -1.4, 1.4)
        delta = np.zeros_like(points)
        delta[:, axis] = size_mm * np.prod(unit ** np.array(powers), axis=1)
        return delta

    return warp


# Powers of x, y, z and millimetres at the box's edge per deviation, by judgement: larger ones
# let a fit bend heads further than adults differ.
PROPORTIONS: dict[str, Warp] = {
    "head_taper": _monomial(0, (1, 0, 1), 3.0),
    "skull_taper": _monomial(0, (1, 1, 0), 3.0),
    "jaw_taper": _monomial(0, (1, 1, 1), 7.0),
    "depth_balance": _monomial(1, (0, 2, 0), 4.0),
    "height_balance": _monomial(2, (0, 0, 2), 5.0),
}

# Faces are uneven by a millimetre or two.
ASYMMETRIES: dict[str, Warp] = {
    "asymmetry_bend": _monomial(0, (0, 0, 2), 1.5),
    "asymmetry_turn": _monomial(0, (0, 1, 0), 1.5),
    "asymmetry_height": _monomial(2, (1, 0, 0), 1.5),
    "asymmetry_lean": _monomial(0, (0, 0, 1), 1.5),
    "asymmetry_twist": _monomial(0, (0, 1, 1), 1.5),
    "asymmetry_breadth": _monomial(0, (2, 0, 0), 1.2),
}

# A fit's own freedom.
WARPS: dict[str, Warp] = {
    "warp_waist": _monomial(0, (1, 0, 2), 2.5),
    "warp_waist_back": _monomial(0, (1, 2, 0), 2.5),
    "warp_shear_depth": _monomial(1, (0, 0, 1), 4.0),
    "warp_bow_depth": _monomial(1, (0, 0, 2), 3.0),
    "warp_flat_face": _monomial(1, (2, 0, 0), 2.5),
    "warp_flat_face_up": _monomial(1, (2, 0, 1), 2.5),
    "warp_depth_by_height": _monomial(1, (0, 1, 1), 3.0),
    "warp_s_profile": _monomial(1, (0, 0, 3), 3.0),
    "warp_shear_height": _monomial(2, (0, 1, 0), 4.0),
    "warp_arch_height": _monomial(2, (0, 2, 0), 3.0),
    "warp_side_height": _monomial(2, (2, 0, 0), 2.5),
    "warp_height_by_depth": _monomial(2, (0, 1, 1), 3.0),
    "skew_side_depth": _monomial(1, (1, 0, 0), 1.5),
}
