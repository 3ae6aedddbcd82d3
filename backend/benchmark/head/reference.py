"""The folder of ICT-FaceKit in, its head as arrays in the head frame out.

The reference only measures; nothing of it enters the product.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.errors import StudioAvatarError
from studio_avatar_addon.avatar.files import sha256_file

from ...geometry.wavefront import parse_wavefront
from ...registration.reference_head import HEAD_FROM_Y_UP, ReferenceHead

# Beside the checkout: the reference's licence and size keep it out of the repository.
DEFAULT_HEADS = Path(__file__).parents[4] / "shared" / "data" / "heads"
FOLDER, DELTAS, MESH, INDICES = (
    "ict_facekit", "ict_deltas_f16.npz", "generic_neutral_mesh.obj", "vertex_indices.json",
)  # fmt: skip
# Face, head and neck come first in its list of vertices; then mouth, eye sockets, teeth, eyes.
SKIN_VERTICES = 11248
IDENTITIES = 100
METRES_PER_UNIT = 0.01
FIRST_INNER = 17  # of iBUG's 68 points come the ones that we use


class ReferenceMissing(StudioAvatarError):
    """The reference heads are not there, or not what they should be."""


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
    return (values @ HEAD_FROM_Y_UP.T.astype(values.dtype)) * METRES_PER_UNIT


def _skin_triangles(text: str) -> NDArray[np.int32]:
    """(M, 3) the outer skin's triangles of a Wavefront file."""
    triangles = parse_wavefront(text).triangles
    return triangles[triangles.max(axis=1) < SKIN_VERTICES].astype(np.int32)
