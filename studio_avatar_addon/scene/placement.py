"""Where the face is in the scene and how large: what lights and cameras are aimed by."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..avatar.frames import DEFAULT_INTERPUPILLARY_M
from ..avatar.template import EYE_BONES
from .rig import required_rig

# From the middle between the eyes' centres, in m of a real head: on the skin between eyes and
# mouth, and the middle of the skull, about which a turntable turns.
_FACE_FROM_EYES_M = (0.0, -0.022, -0.030)
_HEAD_FROM_EYES_M = (0.0, 0.075, -0.018)


@dataclass(frozen=True)
class FacePlacement:
    """World-space middle of the face and of the head, size and axes."""

    face: Vector  # world space (m): between eyes and mouth, on the skin
    head: Vector  # world space (m): middle of the head, on the axis of a turntable
    scale: float  # 1 is a real head
    rotation: Matrix  # (3, 3) world from head frame

    def orbit(self, yaw_rad: float, pitch_rad: float, distance_m: float) -> Vector:
        """World-space offset (m) of a point `distance_m` of a real head away from the face.

        Yaw to the subject's left, pitch up.
        """
        direction = Vector(
            (
                np.sin(yaw_rad) * np.cos(pitch_rad),
                -np.cos(yaw_rad) * np.cos(pitch_rad),
                np.sin(pitch_rad),
            )
        )
        return self.rotation @ direction * (distance_m * self.scale)


def face_placement(head: bpy.types.Object) -> FacePlacement:
    """From the rig's rest joints and the object's place; poses do not move lights or cameras.

    Raises AvatarFolderError where the rig was deleted.
    """
    rig = required_rig(head)
    left, right = (rig.data.bones[bone].head_local for bone in EYE_BONES)
    world = rig.matrix_world
    scale = (left - right).length / DEFAULT_INTERPUPILLARY_M
    eyes = (left + right) / 2
    face = eyes + Vector(_FACE_FROM_EYES_M) * scale
    middle = eyes + Vector(_HEAD_FROM_EYES_M) * scale
    rotation = world.to_3x3().normalized()
    return FacePlacement(world @ face, world @ middle, scale * world.median_scale, rotation)


def look_at(position: Vector, target: Vector) -> Matrix:
    """World matrix (4, 4) of a light or camera at `position`, looking at `target`, top up."""
    rotation = (target - position).to_track_quat("-Z", "Y")
    return Matrix.Translation(position) @ rotation.to_matrix().to_4x4()
