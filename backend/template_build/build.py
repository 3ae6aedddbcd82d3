"""The head template from the typed points: writes the asset that `load_template` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.arrays import write_arrays
from studio_avatar_addon.avatar.layout import LANDMARK_COUNT
from studio_avatar_addon.avatar.template import DEFAULT_TEMPLATE, TEMPLATE_FORMAT

from ..detector.landmark_table import TABLE_FILE, LandmarkTable, load_landmark_table
from ..template.control_points import ROW_INDEX
from ..template.layout import COLUMNS, half_layout
from ..template.mesh import HeadMesh, build_mesh
from ..template.rig import build_rig
from ..template.shapes import build_shapes
from .charts import head_uv
from .identity_space import build_identity, build_warps
from .regions import REGION_NAMES, build_regions

UNKNOWN_NOISE_M = 0.05  # so wide that a fit ignores landmarks that are not learned yet


def build_template(out: Path = DEFAULT_TEMPLATE) -> Path:
    """Write the template to `out` (npz), which is returned. The same bytes every time."""
    head = build_mesh()
    layout = half_layout()
    regions = build_regions(head, layout)
    identity_names, identity = build_identity(head)
    bone_ends, bone_weights = build_rig(head)
    shapes = build_shapes(head)
    landmarks = _landmarks(head)
    write_arrays(
        out,
        format=np.array(TEMPLATE_FORMAT),
        name=np.array(DEFAULT_TEMPLATE.stem),
        vertices_m=head.vertices_m.astype(np.float32),
        quads=head.quads,
        quad_material=head.quad_material,
        quad_uv=head_uv(head, layout, regions[REGION_NAMES.index("face")]).astype(np.float32),
        mirror=head.mirror,
        region_names=np.array(REGION_NAMES),
        region_weights=regions.astype(np.float16),
        bone_ends_m=bone_ends.astype(np.float32),
        bone_weights=bone_weights.astype(np.float32),
        eye_centre_m=head.eye_centre_m.astype(np.float32),
        eye_radius_m=head.eye_radius_m.astype(np.float32),
        shape_deltas_m=shapes.deltas_m.astype(np.float16),
        corrective_deltas_m=shapes.corrective_deltas_m.astype(np.float16),
        identity_names=np.array(identity_names),
        identity_deltas_m=identity.astype(np.float16),
        warp_deltas_m=build_warps(head).astype(np.float16),
        landmark_vertices=landmarks.vertices,
        landmark_weights=landmarks.weights,
        landmark_noise_m=landmarks.frontal_noise_m,
    )
    return out


def _landmarks(head: HeadMesh) -> LandmarkTable:
    """The learned table; before there is one, every landmark at the nose's tip, worth nothing."""
    if TABLE_FILE.is_file():
        return load_landmark_table()
    tip = head.grid[COLUMNS, ROW_INDEX["pronasale"]]
    (quad,) = head.quads[(head.quads == tip).any(axis=1)][:1]
    corners = np.tile(quad[:3], (LANDMARK_COUNT, 1)).astype(np.int32)
    weights = np.full((LANDMARK_COUNT, 3), 1 / 3, dtype=np.float32)
    unknown = np.zeros((1, LANDMARK_COUNT, 2), dtype=np.float32)
    spread = np.full((1, LANDMARK_COUNT), UNKNOWN_NOISE_M, dtype=np.float32)
    return LandmarkTable(corners, weights, np.zeros(1, dtype=np.float32), unknown, spread)
