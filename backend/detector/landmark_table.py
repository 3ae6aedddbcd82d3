"""Where the face detector's 478 points lie on the head template, with its spread and bias.

Learned by `template_build/learn_landmarks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.errors import TemplateError
from studio_avatar_addon.avatar.types import FloatArray

# Between neighbouring frames no head turns this far: the detector was misled.
MAX_YAW_STEP_DEG = 16.0
TABLE_FILE = Path(__file__).with_name("landmarks.npz")


@dataclass(frozen=True)
class LandmarkTable:
    """Where the detector's points lie on a template, and how it strays with yaw.

    Yaw is positive when the subject turns to the left. Bias and noise are in metres at the head,
    along the image's x (right) and y (down); the noise is a standard deviation per axis.
    """

    vertices: NDArray[np.int32]  # (478, 3) corners of a triangle
    weights: NDArray[np.float32]  # (478, 3) barycentric
    yaw_deg: NDArray[np.float32]  # (Y,) ascending
    bias_m: NDArray[np.float32]  # (Y, 478, 2) detected minus true
    noise_m: NDArray[np.float32]  # (Y, 478)

    @property
    def frontal_noise_m(self) -> NDArray[np.float32]:
        """(478,) spread on frontal views."""
        return self.noise_m[int(np.argmin(np.abs(self.yaw_deg)))]

    def at_yaw(self, yaw_deg: float) -> tuple[FloatArray, FloatArray]:
        """Bias (478, 2) and noise (478,) in metres, linear between the learned yaws."""
        bounded = float(np.clip(yaw_deg, self.yaw_deg[0], self.yaw_deg[-1]))
        upper = max(int(np.searchsorted(self.yaw_deg, bounded)), 1)
        low, high = self.yaw_deg[upper - 1], self.yaw_deg[upper]
        share = (bounded - low) / (high - low)
        bias = (1 - share) * self.bias_m[upper - 1] + share * self.bias_m[upper]
        noise = (1 - share) * self.noise_m[upper - 1] + share * self.noise_m[upper]
        return bias, noise


def load_landmark_table(path: Path = TABLE_FILE) -> LandmarkTable:
    """Read the stored table. Raises TemplateError where it is missing or damaged."""
    try:
        stored = read_arrays(path)
        return LandmarkTable(
            *(stored[name] for name in ("vertices", "weights", "yaw_deg", "bias_m", "noise_m"))
        )
    except (OSError, ValueError, KeyError) as error:
        raise TemplateError(
            f"The landmark table {path.name} is missing or damaged ({error}).",
            "Install the extension again.",
        ) from error
