"""A picture as stored in, in the colours of sRGB out."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageCms


def convert_to_srgb(picture: Image.Image) -> Image.Image:
    """An RGB picture with its ICC profile (Display P3, Adobe RGB) applied; as it is without one."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    try:
        stored = ImageCms.ImageCmsProfile(BytesIO(profile))
        return ImageCms.profileToProfile(picture, stored, ImageCms.createProfile("sRGB")) or picture
    except ImageCms.PyCMSError:
        return picture  # a broken profile: shown as sRGB, as browsers do
