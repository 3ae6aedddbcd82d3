"""Where Blender 4.2, 4.5 and 5.0 differ: one function per difference, the same result on each."""

from __future__ import annotations

import bpy


def channels_of(
    datablock: bpy.types.ID, action: bpy.types.Action
) -> bpy.types.Action | bpy.types.ActionChannelbag:
    """Make `action` drive `datablock`; returns what holds `fcurves` and `groups`, emptied.

    Since 4.4 that is the channel bag of an Action's slot; before, the Action itself. An Action
    that drove it before and that nothing else uses gets a fake user: saving would drop it.
    """
    animation = datablock.animation_data_create()
    former = animation.action
    animation.action = action
    if former is not None and former.users == 0:
        former.use_fake_user = True
    channels = action
    if hasattr(action, "slots"):
        slot = next((s for s in action.slots if s.target_id_type == datablock.id_type), None)
        slot = slot or action.slots.new(id_type=datablock.id_type, name=datablock.name)
        animation.action_slot = slot
        layer = action.layers[0] if action.layers else action.layers.new("Layer")
        strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
        channels = strip.channelbag(slot, ensure=True)
    for curve in tuple(channels.fcurves):
        channels.fcurves.remove(curve)
    return channels


def node_tree(owner: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    """The shader node tree of a material or world; always there in 5.0, on request before."""
    if owner.node_tree is None:
        owner.use_nodes = True
    return owner.node_tree


def set_video_output(render: bpy.types.RenderSettings) -> None:
    """H.264 in an mp4 file. Call only where `has_video_output()`."""
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format = "MPEG4"
    render.ffmpeg.codec = "H264"
    render.ffmpeg.constant_rate_factor = "HIGH"
    render.ffmpeg.gopsize = 12
    render.ffmpeg.audio_codec = "NONE"


def set_image_output(
    render: bpy.types.RenderSettings, file_format: str, color_mode: str, color_depth: str
) -> None:
    """Still pictures, e.g. ("PNG", "RGB", "8")."""
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "IMAGE"
    render.image_settings.file_format = file_format
    render.image_settings.color_mode = color_mode
    render.image_settings.color_depth = color_depth


def has_video_output() -> bool:
    return bool(bpy.app.build_options.codec_ffmpeg)


def strips(scene: bpy.types.Scene) -> bpy.types.bpy_prop_collection:
    """The sequencer's strips, called sequences until 4.3."""
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences
