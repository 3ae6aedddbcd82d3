"""A capture spec to a scene in Blender: one person, one environment, one phone camera.

Replaces the whole scene: for a process of its own.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import NDArray

from ..avatar.bundle import HeadData
from ..avatar.frames import camera_from_blender, gaze_rotation, rotation_about
from ..avatar.shapes import SHAPE_NAMES
from ..avatar.template import BONES, EYE_BONES
from .animation import NECK_SHARE
from .apply import AppliedAvatar, build_avatar
from .capture_spec import CaptureSpec
from .lights import environment_path, set_environment
from .placement import face_placement, look_at


class CaptureScene:
    """The scene of a simulated capture; `show` moves person and camera to one of the spec's views.

    Raises EnvironmentProblem where the spec's HDRI is unknown.
    """

    def __init__(self, spec: CaptureSpec) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.spec = spec
        self.scene = bpy.context.scene
        self.light(1.0)
        self.person = _person(self.scene, spec)
        self.camera = _phone_camera(self.scene, spec)
        self._rest = {bone.name: bone.matrix_local.copy() for bone in self.person.rig.data.bones}

    def light(self, strength: float) -> None:
        """Set the environment's strength."""
        environment = environment_path(self.spec.hdri)
        set_environment(self.scene, environment, strength, self.spec.rotation_rad, visible=True)

    def show(self, index: int) -> None:
        """Pose face, head and camera for a view."""
        spec = self.spec
        keys = self.person.head.data.shape_keys.key_blocks
        for name, weight in zip(SHAPE_NAMES, spec.weights[index], strict=True):
            keys[name].value = float(weight)
        for eye, bone in enumerate(EYE_BONES):
            turn = Matrix(gaze_rotation(spec.gaze_rad[index, eye]).tolist())
            self._rotate_bone(bone, turn.to_quaternion())
        yaw, pitch = (float(angle) for angle in spec.yaw_pitch_rad[index])
        if spec.kind == "head_turns":
            axis, angle = _head_turn(yaw, pitch).to_axis_angle()
            for bone, share in (("neck", NECK_SHARE), ("head", 1.0 - NECK_SHARE)):
                self._rotate_bone(bone, Quaternion(axis, angle * share))
            yaw = pitch = 0.0
        face = face_placement(self.person.head)
        aim = face.head if spec.aim_m is None else Vector(spec.aim_m.tolist())
        eye_point = aim + face.orbit(yaw, pitch, spec.distance_m / face.scale)
        self.camera.matrix_world = look_at(eye_point, aim)
        bpy.context.view_layer.update()

    def camera_from_head(self) -> NDArray[np.float64]:
        """(4, 4) of the view shown: the head bone's movement, seen by the camera."""
        bone = self.person.rig.pose.bones["head"]
        world_from_head = np.array(bone.matrix @ self._rest["head"].inverted())
        return camera_from_blender(np.array(self.camera.matrix_world)) @ world_from_head

    def _rotate_bone(self, bone: str, rotation: Quaternion) -> None:
        """Turn a bone about its joint by a rotation given in the head frame's axes."""
        rest = self._rest[bone].to_quaternion()
        self.person.rig.pose.bones[bone].rotation_quaternion = rest.inverted() @ rotation @ rest


def _head_turn(yaw_rad: float, pitch_rad: float) -> Quaternion:
    """The turn that shows a camera in front the head as from this direction."""
    down = rotation_about(np.array([1.0, 0.0, 0.0]), pitch_rad)
    right = rotation_about(np.array([0.0, 0.0, 1.0]), -yaw_rad)
    return Matrix((down @ right).tolist()).to_quaternion()


def _person(scene: bpy.types.Scene, spec: CaptureSpec) -> AppliedAvatar:
    """The spec's head and skin as an avatar, subdivided as asked."""
    template = spec.template
    joints = template.bone_ends_m.copy()
    for eye, bone in enumerate(EYE_BONES):
        joints[BONES.index(bone)] += spec.eye_centre_m[eye] - template.eye_centre_m[eye]
    fit = HeadData(
        identity=spec.identity,
        neutral_m=spec.neutral_m,
        shape_deltas_m=spec.shape_deltas_m,
        corrective_deltas_m=spec.corrective_deltas_m,
        joints_m=joints,
        eye_centre_m=spec.eye_centre_m,
        eye_radius_m=template.eye_radius_m,
        iris_linear=spec.iris_linear,
    )
    person = build_avatar(scene, "Subject", template, fit, {"studio": spec.skin})
    for part in (person.head, person.bust):
        for modifier in part.modifiers:
            if modifier.type == "SUBSURF":
                modifier.levels = modifier.render_levels = spec.subdivision
    return person


def _phone_camera(scene: bpy.types.Scene, spec: CaptureSpec) -> bpy.types.Object:
    data = bpy.data.cameras.new("Phone")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
    data.lens = spec.camera.focal_px[0] * data.sensor_width / spec.camera.size_px[0]
    data.clip_start, data.clip_end = 0.01, 10.0
    camera = bpy.data.objects.new("Phone", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = spec.camera.size_px
    scene.render.resolution_percentage = 100
    return camera
