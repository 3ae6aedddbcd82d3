"""What another head must tell of itself so that our template can be laid on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

# Right-handed, Y up, facing +Z, to the head frame's Z up, facing -Y; columns are its axes.
HEAD_FROM_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
# The detector's landmark at each of the inner 51 of iBUG's 68 points: brows, nose, eyes, lips.
DETECTOR_LANDMARKS = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
BROWS = 10  # the first of them: the detector sees painted hair there, the reference has none


@dataclass(frozen=True)
class ReferenceHead:
    """N vertices; metres in the head frame."""

    sha256: str  # of its files
    vertices_m: FloatArray  # (N, 3) float64 neutral
    skin_triangles: NDArray[np.int32]  # (M, 3) outer skin: face, ears, head, neck
    landmark_vertices: NDArray[np.int64]  # (51,) the vertices at DETECTOR_LANDMARKS
    identity_deltas_m: NDArray[np.float32]  # (100, N, 3) per standard deviation
    expression_names: tuple[str, ...]  # X of them, ICT's spelling: "jawOpen", "eyeBlink_L"
    expression_deltas_m: NDArray[np.float32]  # (X, N, 3)

    @cached_property
    def landmarks_m(self) -> FloatArray:
        """(51, 3) on the neutral head."""
        return self.vertices_m[self.landmark_vertices]

    def with_identity(self, weights: FloatArray) -> FloatArray:
        """Vertices (N, 3) of the head with identity weights (100,) in standard deviations."""
        return self.vertices_m + np.tensordot(weights, self.identity_deltas_m, axes=1)

    def expression(self, name: str) -> NDArray[np.float32]:
        """Deltas (N, 3) of an expression."""
        return self.expression_deltas_m[self.expression_names.index(name)]
