"""An avatar folder in; its template and the fit as the fitting stage had left it out."""

from __future__ import annotations

import numpy as np

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.errors import AvatarFolderError
from studio_avatar_addon.avatar.template import HeadTemplate, load_template
from studio_avatar_addon.avatar.types import HeadFit


def template_of(avatar: AvatarFolder) -> HeadTemplate:
    """The template the avatar was made on. Raises AvatarFolderError where it is another one."""
    template = load_template()
    if avatar.description["template"]["sha256"] != template.sha256:
        raise AvatarFolderError(
            f"The avatar {avatar.name} was made on the head template {avatar.template_name} "
            "of another version.",
            "Create the avatar again from its footage.",
        )
    return template


def fit_of(avatar: AvatarFolder) -> HeadFit:
    """The stored head and cameras as the fitting stage had left them."""
    head, cameras = avatar.head, avatar.cameras
    return HeadFit(
        identity=head.identity,
        neutral_m=head.neutral_m,
        shape_deltas_m=head.shape_deltas_m,
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
