"""A studio texture in; the figures that decide whether a network trained on it works on people."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ...imaging.log_light import LUMINANCE
from .anatomy import Anatomy
from .biophysics import ita_deg
from .face import Face, face_of
from .painter import StudioTexture

_COARSE_MM = 8.0  # deviation of the Gaussian that parts tone from detail


@dataclass(frozen=True)
class SkinStatistics:
    """Of the bare upper face: cheeks, nose and forehead without hair, lips and lids.

    A real scan has about .065 at low frequency and .053 to .073 in fine detail.
    """

    low_frequency: float  # standard deviation of the log luminance, blurred by 8 mm
    fine_detail: float  # standard deviation of the rest
    median_linear: tuple[float, float, float]
    ita_deg: float

    def __str__(self) -> str:
        red, green, blue = self.median_linear
        return (
            f"low {self.low_frequency:.3f} fine {self.fine_detail:.3f} "
            f"linear ({red:.3f} {green:.3f} {blue:.3f}) ITA {self.ita_deg:.1f} deg"
        )


def skin_statistics(texture: StudioTexture, anatomy: Anatomy) -> SkinStatistics:
    """Measure `texture`, painted on `anatomy` at the same size."""
    face = face_of(anatomy, texture.albedo.device)
    texels = anatomy.texels
    linear = texture.albedo.reshape(3, -1)[:, torch.from_numpy(texels.texel.astype(np.int64))]
    bare = face.bare
    skin = linear[:, bare]
    median = skin.median(dim=1).values.double().cpu().numpy()
    weight = texels.scatter(bare.float().cpu().numpy(), gutters=False)
    luminance = torch.tensor(LUMINANCE, dtype=linear.dtype, device=linear.device)
    log = (luminance @ linear).log().cpu().numpy()
    image = texels.scatter(log.astype(np.float32), gutters=False)
    inside = weight > 0
    middle = image[inside].mean()
    coarse = _blurred((image - middle) * weight, face) / np.maximum(_blurred(weight, face), 1e-3)
    return SkinStatistics(
        low_frequency=float(coarse[inside].std()),
        fine_detail=float((image - middle - coarse)[inside].std()),
        median_linear=(float(median[0]), float(median[1]), float(median[2])),
        ita_deg=float(ita_deg(median)),
    )


def _blurred(image: np.ndarray, face: Face) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), _COARSE_MM / face.texel_mm)
