"""The folder of ICT-FaceKit in, its head as arrays in the head frame out.

The reference only measures; nothing of it enters the product.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import sha256_file
from studio_avatar_addon.avatar.types import FloatArray, IntArray

DEFAULT_HEADS = Path(__file__).parents[3] / "shared" / "data" / "heads"
FOLDER, DELTAS, MESH, INDICES = (
    "ict_facekit", "ict_deltas_f16.npz", "generic_neutral_mesh.obj", "vertex_indices.json",
)  # fmt: skip
# Face, head and neck come first in its list of vertices; then mouth, eye sockets, teeth, eyes.
SKIN_VERTICES = 11248
IDENTITIES = 100
METRES_PER_UNIT = 0.01
# Right-handed, Y up, facing +Z, to the head frame's Z up, facing -Y; columns are its axes.
HEAD_FROM_ICT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
# The detector's landmark at each of the inner 51 of iBUG's 68 points: brows, nose, eyes, lips.
FIRST_INNER = 17
DETECTOR_LANDMARKS = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
BROWS = 10  # the first of them: the detector sees painted hair there, the reference has none


class ReferenceMissing(StudioAvatarError):
    """The reference heads are not there, or not what they should be."""


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


def load_reference(heads: Path = DEFAULT_HEADS) -> ReferenceHead:
    """Read ICT-FaceKit from the folder of reference heads.

    Raises ReferenceMissing where it is absent or damaged.
    """
    folder = heads / FOLDER
    missing = [name for name in (DELTAS, MESH, INDICES) if not (folder / name).is_file()]
    if missing:
        raise ReferenceMissing(
            f"The reference head is not in {folder}: {', '.join(missing)} not found.",
            f"Name the folder that holds {FOLDER} with --heads.",
        )
    try:
        arrays = read_arrays(folder / DELTAS)
        indices = json.loads((folder / INDICES).read_text("utf-8"))
        landmarks = np.array(indices["idx_to_landmark_verts"][FIRST_INNER:], np.int64)
        triangles = _skin_triangles((folder / MESH).read_text("utf-8"))
        identity = [arrays.pop(f"identity{number:03d}") for number in range(IDENTITIES)]
        neutral = arrays.pop("neutral")
    except (OSError, ValueError, KeyError) as error:
        raise ReferenceMissing(
            f"The reference head in {folder} is damaged ({error}).", "Copy it there again."
        ) from error
    names = tuple(sorted(arrays))
    return ReferenceHead(
        sha256=hashlib.sha256(
            "".join(sha256_file(folder / name) for name in (DELTAS, MESH, INDICES)).encode()
        ).hexdigest(),
        vertices_m=_in_head_frame(neutral.astype(np.float64)),
        skin_triangles=triangles,
        landmark_vertices=landmarks,
        identity_deltas_m=_in_head_frame(np.array(identity, np.float32)),
        expression_names=names,
        expression_deltas_m=_in_head_frame(np.array([arrays[n] for n in names], np.float32)),
    )


def _in_head_frame(values: NDArray) -> NDArray:
    return (values @ HEAD_FROM_ICT.T.astype(values.dtype)) * METRES_PER_UNIT


def _skin_triangles(text: str) -> NDArray[np.int32]:
    """The outer skin's faces of a Wavefront file, quads split along their first diagonal."""
    made: list[IntArray] = []
    for line in text.splitlines():
        if line.startswith("f "):
            face = np.array([int(corner.split("/")[0]) - 1 for corner in line.split()[1:]])
            if face.max() < SKIN_VERTICES:
                made += [face[[0, k, k + 1]] for k in range(1, len(face) - 1)]
    return np.array(made, np.int32)
