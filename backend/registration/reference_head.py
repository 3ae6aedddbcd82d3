"""What must be known of another head so that our template can be registered to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.types import FloatArray

# Right-handed, Y up, facing +Z, to the head frame's Z up, facing -Y; columns are its axes.
HEAD_FROM_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
BROWS = 10  # the first of IBUG_51: the detector sees painted hair there, the reference has none


@dataclass(frozen=True)
class ReferenceHead:
    """N vertices; metres in the head frame."""

    sha256: str  # of its files
    vertices_m: FloatArray  # (N, 3) float64 neutral
    skin_triangles: NDArray[np.int32]  # (M, 3) outer skin: face, ears, head, neck
    landmark_vertices: NDArray[np.int64]  # (51,) the vertices at IBUG_51
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
