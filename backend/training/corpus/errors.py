"""What can be wrong with studio textures that are given or were stored before."""

from __future__ import annotations

from studio_avatar_addon.avatar.errors import StudioAvatarError


class CorpusError(StudioAvatarError):
    """A folder of studio textures, its mesh or a stored bank cannot be used."""
