"""The head template from nothing but the typed points: writes the asset that `load_template` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.shapes import SHAPE_NAMES
from studio_avatar_addon.avatar.template import TEMPLATE_FORMAT

from .charts import head_uv
from .identity import build_identity
from .layout import half_layout
from .mesh import HeadMesh, build_mesh
from .regions import REGION_NAMES, build_regions
from .rig import build_rig

TEMPLATE_NAME = "studio_head_0"
LANDMARK_COUNT = 478


def build_template(out: Path) -> None:
    """Write the template to `out` (npz). The same bytes every time."""
    head = build_mesh()
    layout = half_layout()
    regions = build_regions(head, layout)
    identity_names, identity = build_identity(head)
    bone_ends, bone_weights = build_rig(head)
    uv = head_uv(head, layout, regions[REGION_NAMES.index("face")])
    corners, weights, noise = _landmarks(head)
    write_arrays(
        out,
        format=np.array(TEMPLATE_FORMAT),
        name=np.array(TEMPLATE_NAME),
        vertices_m=head.vertices_m.astype(np.float32),
        quads=head.quads,
        quad_material=head.quad_material,
        quad_uv=uv.astype(np.float32),
        mirror=head.mirror,
        region_names=np.array(REGION_NAMES),
        region_weights=regions.astype(np.float32),
        bone_ends_m=bone_ends.astype(np.float32),
        bone_weights=bone_weights.astype(np.float32),
        eye_centre_m=head.eye_centre_m.astype(np.float32),
        eye_radius_m=head.eye_radius_m.astype(np.float32),
        shape_deltas_m=np.zeros((len(SHAPE_NAMES), head.count, 3), dtype=np.float16),
        shape_modelled=np.zeros(len(SHAPE_NAMES), dtype=bool),
        identity_names=np.array(identity_names),
        identity_deltas_m=identity.astype(np.float32),
        landmark_vertices=corners,
        landmark_weights=weights,
        landmark_noise_m=noise,
    )


def _landmarks(
    head: HeadMesh,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """A first table: all points on the nose's tip with a wide spread, until it is learned."""
    corners = np.tile(head.quads[0, :3], (LANDMARK_COUNT, 1)).astype(np.int32)
    weights = np.tile(np.float32([1, 0, 0]), (LANDMARK_COUNT, 1))
    return corners, weights, np.full(LANDMARK_COUNT, 0.02, dtype=np.float32)
