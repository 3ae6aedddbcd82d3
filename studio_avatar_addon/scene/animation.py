"""A performance to two Actions: shape keys on the face, rotations on neck, head and eye bones.

Keys lie on every frame of the scene's own rate. The shape keys carry no drivers, so an Action
keys their values directly.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.errors import ShapeError
from ..avatar.frames import gaze_rotation
from ..avatar.performances import MAX_FRAMES, check_performance
from ..avatar.shapes import SHAPE_NAMES
from ..avatar.template import EYE_BONES
from ..avatar.types import Performance
from . import compat
from .rig import rig_of

FACE_ACTION, POSE_ACTION = "{} Face", "{} Pose"  # names, with the performance's
NECK_SHARE = 0.4  # of the head's rotation; the joint below the skull does the rest
_LINEAR = 1  # Blender's number for linear interpolation (BEZT_IPO_LIN)
_CONSTANT_BELOW = 1e-6  # a curve that spans less needs one key


@dataclass(frozen=True)
class AppliedPerformance:
    """The two Actions, and the scene frames of their first and last keys."""

    face: bpy.types.Action
    pose: bpy.types.Action | None
    first_frame: int
    last_frame: int


def apply_performance(
    scene: bpy.types.Scene, head: bpy.types.Object, performance: Performance, name: str
) -> AppliedPerformance:
    """Key a performance on an avatar from the scene's first frame on.

    The scene's range is extended where needed, never cut. The same `name` replaces its Actions;
    other Actions that drove the avatar stay in the file.
    Raises ShapeError as `checked_frames`, before anything is made.
    """
    count = checked_frames(scene, performance, name)
    first = scene.frame_start
    time_s = performance.time_s - performance.time_s[0]
    frames = first + np.arange(count)
    key_time_s = (frames - first) / _rate(scene)
    face = _face_action(head, performance, name, frames, time_s, key_time_s)
    rig = rig_of(head)
    pose = None if rig is None else _pose_action(rig, performance, name, frames, time_s, key_time_s)
    last = int(frames[-1])
    scene.frame_end = max(scene.frame_end, last)
    return AppliedPerformance(face, pose, first, last)


def checked_frames(scene: bpy.types.Scene, performance: Performance, name: str) -> int:
    """How many of the scene's frames it spans.

    Raises ShapeError where `check_performance` refuses it, or it is too long at the scene's rate.
    """
    check_performance(performance, name)
    rate = _rate(scene)
    count = int(np.floor((performance.time_s[-1] - performance.time_s[0]) * rate + 1e-6)) + 1
    if count > MAX_FRAMES:
        raise ShapeError(
            f"At the scene's {rate:g} frames a second the performance {name} has {count} frames, "
            f"more than the {MAX_FRAMES} allowed.",
            "Lower the scene's frame rate, or split the recording into takes.",
        )
    return count


def _rate(scene: bpy.types.Scene) -> float:
    return scene.render.fps / scene.render.fps_base


def _face_action(
    head: bpy.types.Object, performance: Performance, name: str,
    frames: NDArray[np.integer], time_s: NDArray[np.floating], key_time_s: NDArray[np.floating],
) -> bpy.types.Action:  # fmt: skip
    keys = head.data.shape_keys
    action = _action(FACE_ACTION.format(name))
    channels = compat.channels_of(keys, action)
    for index, shape in enumerate(SHAPE_NAMES):
        values = np.interp(key_time_s, time_s, performance.weights[:, index])
        _key(channels, f'key_blocks["{shape}"].value', 0, "Face", frames, values)
    return action


def _pose_action(
    rig: bpy.types.Object, performance: Performance, name: str,
    frames: NDArray[np.integer], time_s: NDArray[np.floating], key_time_s: NDArray[np.floating],
) -> bpy.types.Action:  # fmt: skip
    action = _action(POSE_ACTION.format(name))
    channels = compat.channels_of(rig, action)
    rotation_of_head = _quaternions(performance.neck_from_head[:, :3, :3])
    rotations = {
        "neck": _scaled_rotations(rotation_of_head, NECK_SHARE),
        "head": _scaled_rotations(rotation_of_head, 1.0 - NECK_SHARE),
    }
    for eye, bone in enumerate(EYE_BONES):
        gaze = np.stack([gaze_rotation(g) for g in performance.gaze_rad[:, eye]])
        rotations[bone] = _quaternions(gaze)
    for bone, rotation in rotations.items():
        rest = np.array(rig.data.bones[bone].matrix_local.to_quaternion())
        local = _multiplied(_multiplied(_conjugated(rest), rotation), rest)
        resampled = np.stack(
            [np.interp(key_time_s, time_s, local[:, axis]) for axis in range(4)], axis=1
        )
        resampled /= np.linalg.norm(resampled, axis=1, keepdims=True)
        path = f'pose.bones["{bone}"].rotation_quaternion'
        for axis in range(4):
            _key(channels, path, axis, bone, frames, resampled[:, axis])
    return action


def _action(name: str) -> bpy.types.Action:
    return bpy.data.actions.get(name) or bpy.data.actions.new(name)


def _key(
    channels: bpy.types.Action | bpy.types.ActionChannelbag, path: str, axis: int, group: str,
    frames: NDArray[np.integer], values: NDArray[np.floating],
) -> None:  # fmt: skip
    """One F-curve with linear keys on `frames`; a constant one needs a single key."""
    curve = channels.fcurves.new(path, index=axis)
    curve.group = channels.groups.get(group) or channels.groups.new(group)
    if np.ptp(values) < _CONSTANT_BELOW:
        frames, values = frames[:1], values[:1]
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), _LINEAR, np.int32))
    curve.update()


def _quaternions(rotation: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 3, 3) to unit quaternions (T, 4), w first, without sign jumps (Shepperd's method)."""
    m = np.asarray(rotation, np.float64)
    trace = np.trace(m, axis1=1, axis2=2)
    diagonal = np.diagonal(m, axis1=1, axis2=2)
    squares = np.concatenate([1 + trace[:, None], 1 + 2 * diagonal - trace[:, None]], axis=1)
    products = np.empty((len(m), 4, 4))
    products[:, range(4), range(4)] = squares
    for i, (a, b) in enumerate(((2, 1), (0, 2), (1, 0)), start=1):
        products[:, 0, i] = products[:, i, 0] = m[:, a, b] - m[:, b, a]
    for (i, j), (a, b) in {(1, 2): (0, 1), (1, 3): (0, 2), (2, 3): (1, 2)}.items():
        products[:, i, j] = products[:, j, i] = m[:, a, b] + m[:, b, a]
    # Row i is 4 q_i q: the row of the largest component is the best conditioned.
    best = products[np.arange(len(m)), squares.argmax(axis=1)]
    quaternion = best / np.linalg.norm(best, axis=1, keepdims=True)
    quaternion[0] *= 1.0 if quaternion[0, 0] >= 0 else -1.0
    jumps = np.sum(quaternion[1:] * quaternion[:-1], axis=1) < 0
    quaternion[1:][np.logical_xor.accumulate(jumps)] *= -1.0
    return quaternion


def _scaled_rotations(quaternion: NDArray[np.floating], share: float) -> NDArray[np.floating]:
    """The same rotations (T, 4) by a share of their angle."""
    half = np.arctan2(np.linalg.norm(quaternion[:, 1:], axis=1), quaternion[:, 0])
    axis = quaternion[:, 1:] / np.maximum(np.sin(half), 1e-12)[:, None]
    return np.concatenate([np.cos(share * half)[:, None], np.sin(share * half)[:, None] * axis], 1)


def _conjugated(quaternion: NDArray[np.floating]) -> NDArray[np.floating]:
    return quaternion * np.array([1.0, -1.0, -1.0, -1.0])


def _multiplied(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Hamilton product of quaternions (..., 4), w first."""
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    real = aw * bw - np.sum(av * bv, axis=-1, keepdims=True)
    return np.concatenate([real, aw * bv + bw * av + np.cross(av, bv)], axis=-1)
