"""Bones and their weights: ends (B, 2, 3) in metres, weights (B, V) whose columns sum to 1."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.template import BONES
from studio_avatar_addon.avatar.types import FloatArray

from ..imaging.smooth_step import smooth_step
from .mesh import MM, HeadMesh

# Heads and tails in millimetres; the jaw turns about a transverse axis just before the ear canal.
BONE_ENDS_MM = {
    "root": ((0, 30, -150), (0, 30, -120)),
    "neck": ((0, 22, -125), (0, 14, -45)),
    "head": ((0, 14, -45), (0, 8, 132)),
    "jaw": ((0, -10, -6), (0, -97, -82)),
    "tongue": ((0, -44, -57), (0, -87, -53)),
}
EYE_BONE_MM = 26.0

# The neck bends between these two heights, measured on planes that fall towards the chin.
NECK_LOW_MM, NECK_HIGH_MM = -125.0, -38.0
NECK_SLOPE = 0.45


def build_rig(head: HeadMesh) -> tuple[FloatArray, FloatArray]:
    """Bone ends (B, 2, 3) m and weights (B, V)."""
    ends = np.zeros((len(BONES), 2, 3))
    for index, bone in enumerate(BONES):
        if bone in BONE_ENDS_MM:
            ends[index] = np.array(BONE_ENDS_MM[bone], dtype=float) * MM
        else:
            centre = head.eye_centre_m["LR".index(bone[-1])]
            ends[index] = centre, centre + np.array([0.0, -EYE_BONE_MM * MM, 0.0])
    return ends, _weights(head)


def _weights(head: HeadMesh) -> FloatArray:
    weights = np.zeros((len(BONES), head.count))
    height = (head.vertices_m[:, 2] - NECK_SLOPE * head.vertices_m[:, 1]) / MM
    on_head = smooth_step(NECK_LOW_MM, NECK_HIGH_MM, height)
    inside = [ids for name, ids in head.parts.items() if name != "skin"]
    on_head[np.concatenate(inside)] = 1.0
    weights[BONES.index("head")] = on_head
    weights[BONES.index("neck")] = 1.0 - on_head
    for side in ("L", "R"):
        ids = np.concatenate([head.parts[f"eyeball_{side}"], head.parts[f"cornea_{side}"]])
        weights[:, ids] = 0.0
        weights[BONES.index(f"eye.{side}"), ids] = 1.0
    ids = head.parts["tongue"]
    depth = head.vertices_m[ids, 1]
    share = (depth.max() - depth) / (depth.max() - depth.min())
    weights[BONES.index("tongue"), ids] = share
    weights[BONES.index("head"), ids] = 1.0 - share
    return weights
