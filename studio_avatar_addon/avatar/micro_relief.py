"""Skin's relief below the atlas' texels: where its tile is, its size, and how strong it is where.

`python -m backend micro-normal` builds the tile.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .template import HeadTemplate

MICRO_NORMAL = Path(__file__).parents[1] / "assets" / "micro_normal.png"
TILE_M = 0.012  # one side of it on a real head

# How strong the relief is by region, each painted over those before it. Lips have creases of
# their own in the atlas; under hair and where the atlas is stretched the tile would show.
_SHARES = (
    ("neck", 0.25), ("cranium", 0.1), ("face", 0.6), ("jaw", 0.5), ("cheeks", 0.6),
    ("forehead", 0.75), ("chin", 0.85), ("nostrils", 0.3), ("nose", 1.0), ("scalp", 0.05),
    ("ears_L", 0.2), ("ears_R", 0.2), ("eyelids_L", 0.2), ("eyelids_R", 0.2), ("lips", 0.0),
)  # fmt: skip
_INNER_CHEEKS = 0.95  # towards the nose, where pores are widest
_INNER_M, _OUTER_M = 0.03, 0.06  # from the midline: the inner share ends, the outer one begins


def micro_relief_shares(template: HeadTemplate) -> NDArray[np.float32]:
    """Strength (V,) in [0, 1] of the micro relief on the skin; 0 where no region tells."""
    shares = np.zeros(len(template.vertices_m))
    beside_m = np.abs(template.vertices_m[:, 0])
    inner = np.clip((_OUTER_M - beside_m) / (_OUTER_M - _INNER_M), 0.0, 1.0)
    for name, share in _SHARES:
        if name not in template.region_names:
            continue
        target = share + (_INNER_CHEEKS - share) * inner if name == "cheeks" else share
        shares += template.region(name) * (target - shares)
    return shares.astype(np.float32)
