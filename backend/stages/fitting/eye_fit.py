"""Where the irises are seen, and the fitted eyeballs: where each eye looks."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...detector.landmark_indices import LEFT_IRIS, RIGHT_IRIS

# The iris lies behind the cornea, this far from the eyeball's centre in eyeball radii.
IRIS_PLANE_RADII = 0.87
# An eye turns by some 45 degrees at most; what points further is a misread iris.
MAX_GAZE_RAD = 0.75
# Of either eyeball, sideways: lids bound its place to a few millimetres.
MAX_EYE_SHIFT_M = 0.003
# Of the frames, by how far the eyes' lines of sight part; the highest is noise.
LEAST_CONVERGED_PERCENTILE = 75.0


def eye_gaze(
    landmarks_px: FloatArray,
    camera_from_head: FloatArray,
    focal_px: float,
    center_px: FloatArray,
    template: HeadTemplate,
    eye_centre_m: FloatArray,
    eye_radius_m: FloatArray,
) -> FloatArray:
    """Gaze (K, 2, 2) float32 from landmarks (K, 478, 2) px and `camera_from_head` (K, 4, 4).

    By frame and eye (left, right), yaw to the subject's left and pitch up in radians in the head
    frame, zero where no face was found. `center_px` (2,): principal point; eyeballs at
    `eye_centre_m` (2, 3) with radii (2,). The rest direction is the one in which the detector saw
    the template's own eyes look.
    """
    gaze = np.zeros((len(landmarks_px), 2, 2), np.float32)
    table = template.landmarks_m(template.vertices_m)
    for eye, landmarks in enumerate((LEFT_IRIS, RIGHT_IRIS)):
        rest = _angles(table[list(landmarks)].mean(axis=0) - template.eye_centre_m[eye])
        for k in np.flatnonzero(np.isfinite(landmarks_px).all(axis=(1, 2))):
            pixel = (landmarks_px[k, list(landmarks)].mean(axis=0) - center_px) / focal_px
            ray = camera_from_head[k, :3, :3].T @ np.array([*pixel, 1.0])
            eye_point = -camera_from_head[k, :3, :3].T @ camera_from_head[k, :3, 3]
            arm = _nearest_on_sphere(
                eye_point - eye_centre_m[eye], ray, IRIS_PLANE_RADII * float(eye_radius_m[eye])
            )
            gaze[k, eye] = np.clip(_angles(arm) - rest, -MAX_GAZE_RAD, MAX_GAZE_RAD)
    return gaze


def spread_eyes(
    gaze_rad: FloatArray, camera_from_head: FloatArray, eye_centre_m: FloatArray, radius_m: float
) -> FloatArray:
    """Eyeball centres (2, 3) m moved apart or together until the eyes, on average, meet.

    `gaze_rad` (K, 2, 2) as `eye_gaze` gives it, `camera_from_head` (K, 4, 4). They meet at the
    camera, which people look at or past; lids alone tell the eyeballs' distance only to a few
    millimetres, irises much better. Eyes converge on what is near, but never diverge: the
    frames in which their lines of sight part most count.
    """
    half = 0.5 * np.linalg.norm(eye_centre_m[0] - eye_centre_m[1])
    distance = np.linalg.norm(camera_from_head[:, :3, 3], axis=1)
    meeting = np.median(2.0 * half / distance)
    apart = np.percentile(gaze_rad[:, 0, 0] - gaze_rad[:, 1, 0], LEAST_CONVERGED_PERCENTILE)
    spread = apart + meeting
    shift = 0.5 * IRIS_PLANE_RADII * radius_m * float(np.tan(np.clip(spread, -1.0, 1.0)))
    shift = np.clip(shift, -MAX_EYE_SHIFT_M, MAX_EYE_SHIFT_M)
    outward = (eye_centre_m[0] - eye_centre_m[1]) / (2.0 * half)
    return eye_centre_m + shift * np.array([outward, -outward])


def _angles(direction: FloatArray) -> FloatArray:
    """Yaw to the subject's left and pitch up (2,) of a direction in the head frame."""
    x, y, z = direction
    return np.array([np.arctan2(x, -y), np.arctan2(z, np.hypot(x, y))])


def _nearest_on_sphere(start: FloatArray, ray: FloatArray, radius: float) -> FloatArray:
    """First hit of a ray with the sphere round the origin; the nearest approach if it misses."""
    unit = ray / np.linalg.norm(ray)
    along = -(start @ unit)
    closest = start + along * unit
    inside = radius**2 - closest @ closest
    return closest - np.sqrt(max(inside, 0.0)) * unit
