"""Studio Avatar: a phone clip of a face becomes a studio-lit, rigged head in Blender.

Free of bpy at import, so that the backend can import `studio_avatar_addon.avatar`; everything that
needs Blender is imported by `register`.
"""


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
