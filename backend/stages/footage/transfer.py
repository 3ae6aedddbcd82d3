"""Video signal in, display-referred sRGB out, for each transfer a phone may write.

Sources: ITU-R BT.2100-2 (HLG and PQ), BT.2087-0 (primaries), BT.2408-7 (reference white).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...imaging.image_files import linear_from_srgb, pixels_8bit, srgb_from_linear

# Diffuse white lies at 203 cd/m2 in both HLG and PQ (BT.2408): that becomes sRGB's 1.0.
REFERENCE_WHITE_NITS = 203.0
HLG_PEAK_NITS = 1000.0
HLG_SYSTEM_GAMMA = 1.2
# Light arithmetic needs skin to stay proportional, so only highlights above this are bent.
KNEE = 0.8

REC709_FROM_REC2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)  # fmt: skip


def srgb_from_signal(
    signal: NDArray[np.uint16], transfer: str, wide_primaries: bool
) -> NDArray[np.uint8]:
    """16-bit R'G'B' (H, W, 3) of "hlg", "pq", "bt709" or "srgb" to 8-bit sRGB (H, W, 3).

    `wide_primaries`: the file uses Rec.2020's. BT.709's code values are kept as they are: players
    show them undecoded, so they are what the artist saw.
    """
    linear = _decoding_table(transfer)[signal]
    if transfer == "hlg":
        luminance = linear @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        ootf = np.maximum(luminance, 1e-6) ** np.float32(HLG_SYSTEM_GAMMA - 1.0)
        linear = linear * (ootf[..., None] * np.float32(HLG_PEAK_NITS / REFERENCE_WHITE_NITS))
    if wide_primaries:
        linear = linear @ REC709_FROM_REC2020.T
    return _encoding_table()[_table_index(_shoulder(linear))]


def _shoulder(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend the brightest channel below 1 and scale the pixel by it, which keeps the hue."""
    brightest = linear.max(axis=-1, keepdims=True)
    bent = KNEE + (1.0 - KNEE) * (1.0 - np.exp((KNEE - brightest) / (1.0 - KNEE)))
    scale = np.where(brightest > KNEE, bent / np.maximum(brightest, KNEE), 1.0)
    return np.clip(linear * scale, 0.0, 1.0)


def _table_index(linear: NDArray[np.float32]) -> NDArray[np.uint16]:
    # A square-root scale spends the table's entries where sRGB's slope is steep.
    return (np.sqrt(linear) * 4095.0 + 0.5).astype(np.uint16)


@lru_cache(maxsize=1)
def _encoding_table() -> NDArray[np.uint8]:
    return pixels_8bit(srgb_from_linear((np.arange(4096, dtype=np.float64) / 4095.0) ** 2))


@lru_cache(maxsize=4)
def _decoding_table(transfer: str) -> NDArray[np.float32]:
    """(65536,) light for each code value; PQ relative to reference white, HLG scene light."""
    code = np.arange(65536) / 65535.0
    if transfer == "hlg":
        return _hlg_inverse_oetf(code).astype(np.float32)
    if transfer == "pq":
        return (_pq_eotf_nits(code) / REFERENCE_WHITE_NITS).astype(np.float32)
    return linear_from_srgb(code).astype(np.float32)


def _hlg_inverse_oetf(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100 table 5: signal [0, 1] to scene light [0, 1]."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3.0, (np.exp((code - c) / a) + b) / 12.0)


def _pq_eotf_nits(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100 table 4: signal [0, 1] to display light in cd/m2."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = code ** (1.0 / m2)
    return 10000.0 * (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1.0 / m1)
