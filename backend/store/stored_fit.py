"""An avatar folder in; the fit as the fitting stage had left it out."""

from __future__ import annotations

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.heads import check_head
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import HeadFit


def read_fit(avatar: AvatarFolder, template: HeadTemplate) -> HeadFit:
    """The stored head and cameras. Raises AvatarFolderError where they cannot be of `template`."""
    head, cameras = avatar.head, avatar.cameras
    check_head(head, template)
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
        landmark_px=cameras.landmark_px,
        outline_px=cameras.outline_px,
        track_px=cameras.track_px,
        focal_log_sd=cameras.focal_log_sd,
        left_out=cameras.left_out,
    )
