"""An avatar folder in; the fit as the fitting stage had left it out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.types import HeadFit


def fit_of(avatar: AvatarFolder) -> HeadFit:
    """The stored head and cameras; which frames the solver left out is not stored."""
    head, cameras = avatar.head, avatar.cameras
    return HeadFit(
        identity=head.identity,
        neutral_m=head.neutral_m,
        shape_deltas_m=head.shape_deltas_m,
        corrective_deltas_m=head.corrective_deltas_m,
        joints_m=head.joints_m,
        eye_centre_m=head.eye_centre_m,
        eye_radius_m=head.eye_radius_m,
        camera=cameras.camera,
        camera_from_head=cameras.camera_from_head,
        expression=cameras.expression,
        gaze_rad=cameras.gaze_rad,
        residual_px=cameras.residual_px,
        frame_used=np.ones(len(cameras.frame_index), bool),
    )
