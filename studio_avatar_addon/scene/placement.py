"""Where the face is in the scene and how large: what lights and cameras are aimed by."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..avatar.frames import DEFAULT_INTERPUPILLARY_M
from ..avatar.template import EYE_BONES
from .rig import required_rig


@dataclass(frozen=True)
class FacePlacement:
    """World-space middle of the face and of the head, size against a real head, and axes."""

    face: Vector  # between eyes and mouth, on the skin
    head: Vector  # middle of the head, on the axis of a turntable
    scale: float
    rotation: Matrix  # (3, 3) world from head frame

    def orbit(self, yaw_rad: float, pitch_rad: float, distance_m: float) -> Vector:
        """Offset (m of a real head) seen from the face: yaw to the subject's left, pitch up."""
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
    size = (left - right).length / DEFAULT_INTERPUPILLARY_M
    eyes = (left + right) / 2
    face = eyes + Vector((0.0, -0.022, -0.030)) * size
    middle = eyes + Vector((0.0, 0.075, -0.018)) * size
    rotation = world.to_3x3().normalized()
    return FacePlacement(world @ face, world @ middle, size * world.median_scale, rotation)


def look_at(place: Vector, target: Vector) -> Matrix:
    """World matrix of a lamp or camera at `place`, looking at `target`, its top upwards."""
    turn = (target - place).to_track_quat("-Z", "Y")
    return Matrix.Translation(place) @ turn.to_matrix().to_4x4()
