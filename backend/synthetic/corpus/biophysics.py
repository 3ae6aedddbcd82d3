"""Melanin, blood and oxygenation of skin in, its linear Rec.709 albedo out.

An epidermis of finite depth with melanin lies on an endless dermis with blood; Kubelka and Munk's
formulas give each layer's reflectance and transmittance, and both are joined with the light that
goes to and fro between them. Spectra are integrated under D65 with the analytic colour matching
functions of Wyman, Sloan and Shirley (JCGT 2013), once, into a table that torch looks up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

NM = np.arange(400.0, 701.0, 10.0)
# Molar extinction (1 / cm M) of oxygenated and of bare haemoglobin at NM: Prahl, "Tabulated molar
# extinction coefficient for hemoglobin in water", Oregon Medical Laser Center, 1998.
_OXYGENATED = np.array([
    266232, 466840, 480360, 246072, 102580, 62816, 44480, 33209, 26629, 23684, 20933, 20035, 24202,
    39957, 53236, 43016, 32613, 44496, 50104, 14401, 3200, 1506, 942, 610, 442, 368, 320, 294, 278,
    276, 290,
])  # fmt: skip
_BARE = np.array([
    223296, 303956, 407560, 528600, 413280, 103292, 23389, 16156, 14550, 16684, 20862, 25774, 31590,
    39036, 46592, 53412, 53788, 45072, 37020, 28325, 14677, 9444, 6510, 5149, 4345, 3750, 3227,
    2795, 2408, 2052, 1794,
])  # fmt: skip
# CIE standard illuminant D65 at NM, relative.
_D65 = np.array([
    82.75, 91.49, 93.43, 86.68, 104.86, 117.01, 117.81, 114.86, 115.92, 108.81, 109.35, 107.80,
    104.79, 107.69, 104.41, 104.05, 100.00, 96.33, 95.79, 88.69, 90.01, 89.60, 87.70, 83.29, 83.70,
    80.03, 80.21, 82.28, 78.28, 69.72, 71.61,
])  # fmt: skip
_RGB_FROM_XYZ = np.array([
    [3.2404542, -1.5371385, -0.4985314],
    [-0.9692660, 1.8760108, 0.0415560],
    [0.0556434, -0.2040259, 1.0572252],
])  # fmt: skip
_EPIDERMIS_MM = 0.1
_HAEMOGLOBIN_PER_BLOOD = 2.303 * 150.0 / 64500.0 / 10.0  # 150 g/L, 64,500 g/mol; cm to mm

# The table's borders: fractions of melanosomes and of blood, logarithmic; oxygenation, even.
MELANIN_RANGE, BLOOD_RANGE, OXYGENATION_RANGE = (0.002, 0.95), (0.001, 0.45), (0.1, 1.0)
_TABLE_SHAPE = (40, 28, 5)


def skin_albedo(
    melanin: FloatArray, eumelanin: FloatArray, blood: FloatArray, oxygenation: FloatArray
) -> FloatArray:
    """Linear Rec.709 albedo (..., 3) of skin under D65.

    `melanin`: the fraction of the epidermis that is melanosomes, `eumelanin` the dark pigment's
    share of it, `blood` the fraction of the dermis, `oxygenation` of the blood; (...) in [0, 1].
    Absorption and scattering per mm as Aliaga and others ("A hyperspectral space of skin tones for
    inverse rendering of biophysical skin properties", 2023) collect them from Jacques and others.
    """
    melanin, eumelanin, blood, oxygenation = (
        np.asarray(value)[..., None] for value in (melanin, eumelanin, blood, oxygenation)
    )
    baseline = (0.244 + 85.3 * np.exp(-(NM - 154.0) / 66.2)) / 10.0
    pigment = eumelanin * 6.6e10 * NM**-3.33 + (1.0 - eumelanin) * 2.9e14 * NM**-4.75
    epidermis = melanin * pigment + (1.0 - melanin) * baseline
    haemoglobin = oxygenation * _OXYGENATED + (1.0 - oxygenation) * _BARE
    dermis = blood * _HAEMOGLOBIN_PER_BLOOD * haemoglobin + (1.0 - blood) * baseline
    # S = 3/4 mu_s'; the usual further -1/4 mu_a would make scattering negative in dark skin.
    scattering = 0.75 * 4.6 * (NM / 500.0) ** -1.421
    ratio = 2.0 * dermis / scattering
    below = 1.0 + ratio - np.sqrt(ratio * ratio + 2.0 * ratio)
    a = 1.0 + 2.0 * epidermis / scattering
    b = np.sqrt(a * a - 1.0)
    depth = np.minimum(b * scattering * _EPIDERMIS_MM, 50.0)
    divisor = a * np.sinh(depth) + b * np.cosh(depth)
    reflected, passed = np.sinh(depth) / divisor, b / divisor
    spectrum = reflected + passed**2 * below / (1.0 - reflected * below)
    return spectrum @ _rgb_weights().T


def _rgb_weights() -> FloatArray:
    """(3, 31): a reflectance spectrum at NM to linear Rec.709, white to (1, 1, 1)."""

    def lobe(middle: float, below: float, above: float) -> FloatArray:
        return np.exp(-0.5 * ((NM - middle) * np.where(middle > NM, below, above)) ** 2)

    x = 0.362 * lobe(442.0, 0.0624, 0.0374) + 1.056 * lobe(599.8, 0.0264, 0.0323)
    x -= 0.065 * lobe(501.1, 0.0490, 0.0382)
    y = 0.821 * lobe(568.8, 0.0213, 0.0247) + 0.286 * lobe(530.9, 0.0613, 0.0322)
    z = 1.217 * lobe(437.0, 0.0845, 0.0278) + 0.681 * lobe(459.0, 0.0385, 0.0725)
    weights = _RGB_FROM_XYZ @ (np.stack([x, y, z]) * _D65)
    return weights / weights.sum(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class SkinTable:
    """`skin_albedo` for one eumelanin share, in the logarithm."""

    log_albedo: torch.Tensor  # (1, 3, oxygenation, blood, melanin)

    def __call__(
        self, melanin: torch.Tensor, blood: torch.Tensor, oxygenation: torch.Tensor
    ) -> torch.Tensor:
        """Linear albedo (3, n) of fractions (n,); what lies outside the table is clipped."""
        place = torch.stack(
            [
                _unit(melanin.clamp(*MELANIN_RANGE).log(), *np.log(MELANIN_RANGE)),
                _unit(blood.clamp(*BLOOD_RANGE).log(), *np.log(BLOOD_RANGE)),
                _unit(oxygenation.clamp(*OXYGENATION_RANGE), *OXYGENATION_RANGE),
            ],
            dim=-1,
        )
        found = torch.nn.functional.grid_sample(
            self.log_albedo, place[None, None, None], align_corners=True
        )
        return found[0, :, 0, 0].exp()


def _unit(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """[low, high] to [-1, 1]."""
    return (values - low) * (2.0 / (high - low)) - 1.0


def skin_table(eumelanin: float, device: torch.device) -> SkinTable:
    """The table of one person's skin."""
    return SkinTable(torch.from_numpy(_log_table(round(eumelanin, 3))).to(device)[None])


@cache
def _log_table(eumelanin: float) -> NDArray[np.float32]:
    melanin = np.geomspace(*MELANIN_RANGE, _TABLE_SHAPE[0])
    blood = np.geomspace(*BLOOD_RANGE, _TABLE_SHAPE[1])
    oxygenation = np.linspace(*OXYGENATION_RANGE, _TABLE_SHAPE[2])
    grid = np.meshgrid(oxygenation, blood, melanin, indexing="ij")
    albedo = skin_albedo(grid[2], np.full_like(grid[2], eumelanin), grid[1], grid[0])
    return np.log(np.clip(albedo, 1e-3, None)).transpose(3, 0, 1, 2).astype(np.float32)


def ita_deg(linear: FloatArray) -> NDArray[np.float64]:
    """Individual typology angle (...) of linear Rec.709 (..., 3): atan((L* - 50) / b*)."""
    xyz = linear @ np.linalg.inv(_RGB_FROM_XYZ).T
    relative = xyz / (np.linalg.inv(_RGB_FROM_XYZ) @ np.ones(3))
    root = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16.0 / 116.0)
    lightness = 116.0 * root[..., 1] - 16.0
    yellow = 200.0 * (root[..., 1] - root[..., 2])
    return np.degrees(np.arctan2(lightness - 50.0, yellow))
