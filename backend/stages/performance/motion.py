"""Head poses of the frames with a face in, rotations about the neck for every frame out."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from studio_avatar_addon.avatar.types import FloatArray

POSE_BLUR_S = 0.03  # sigma: a frame at 30 Hz, so that nods keep their extent
MEDIAN_STEPS = 20  # Weiszfeld converges linearly; more change nothing that shows


def neck_from_head(
    poses: FloatArray, observed_time_s: FloatArray, time_s: FloatArray, joint_m: FloatArray
) -> FloatArray:
    """`camera_from_head` (N, 4, 4) at `time_seen_s` (N,) to (T, 4, 4) at `time_s` (T,).

    At rest the head stands as it does most of the time: nothing in the picture shows how the body
    stands. The rotation is about the neck's joint (3,) in the head frame. Gaps are interpolated.
    """
    rotation = Rotation.from_matrix(poses[:, :3, :3])
    relative = (_geometric_median(rotation).inv() * rotation).as_rotvec()
    interval = float(np.median(np.diff(observed_time_s)))
    steady = gaussian_filter1d(relative, POSE_BLUR_S / interval, axis=0, mode="nearest")
    every = interpolate_gaps(steady, observed_time_s, time_s)
    matrices = np.tile(np.eye(4), (len(time_s), 1, 1))
    matrices[:, :3, :3] = Rotation.from_rotvec(every).as_matrix()
    matrices[:, :3, 3] = joint_m - matrices[:, :3, :3] @ joint_m
    return matrices.astype(np.float32)


def interpolate_gaps(
    values: FloatArray, observed_time_s: FloatArray, time_s: FloatArray
) -> FloatArray:
    """Values (N, ...) of the frames with a face to all frames (T, ...), linear across gaps."""
    flat = values.reshape(len(values), -1)
    columns = [np.interp(time_s, observed_time_s, column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(len(time_s), *values.shape[1:])


def _geometric_median(rotations: Rotation) -> Rotation:
    """Geometric median by Weiszfeld's algorithm in the tangent space."""
    middle = rotations.mean()
    for _ in range(MEDIAN_STEPS):
        offsets = (middle.inv() * rotations).as_rotvec()
        weight = 1.0 / np.maximum(np.linalg.norm(offsets, axis=1), 1e-3)
        middle = middle * Rotation.from_rotvec(
            (offsets * weight[:, None]).sum(axis=0) / weight.sum()
        )
    return middle
