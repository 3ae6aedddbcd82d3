"""Pictures of the avatar in Cycles: a still, a turntable, and the camera for both.

Everything is rendered in a temporary copy of the scene, so that the artist's camera, settings and
frame stay as they are; the copy keeps the artist's view transform.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import atan, pi, tan
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy

from ..avatar.errors import EnvironmentProblem
from ..avatar.files import whole_file
from . import compat
from .placement import face_placement, look_at

RENDER_SIZE_PX = 640  # both sides of a still: to judge the skin by, not a final picture
LENS_MM, SENSOR_MM = 85.0, 36.0  # the usual lens for portraits, on full frame
CAMERA = "Studio Avatar Camera"
_FRAME_HEIGHT_M = 0.35  # what the picture shows of a real head, crown to collar
_TURNTABLE_FPS = 12  # 24 frames go round in 2 s
_NOISE_THRESHOLD = 0.02  # of adaptive sampling; the denoiser takes the rest


def studio_camera(scene: bpy.types.Scene, head: bpy.types.Object) -> bpy.types.Object:
    """The 85 mm camera before the head, framed anew; it becomes the scene's only if none is set."""
    camera = scene.objects.get(CAMERA)
    if camera is None:
        camera = _new_camera()
        scene.collection.objects.link(camera)
    _frame_head(camera, head, yaw_rad=0.0)
    if scene.camera is None:
        scene.camera = camera
    return camera


def render_still(
    scene: bpy.types.Scene, head: bpy.types.Object, path: Path,
    size_px: tuple[int, int] = (RENDER_SIZE_PX, RENDER_SIZE_PX), samples: int = 24,
    yaw_rad: float = 0.0,
) -> Path:  # fmt: skip
    """Render the current frame to a PNG, from `yaw_rad` round to the subject's left.

    Raises AvatarFolderError where the picture cannot be written.
    """
    with _render_copy(scene, size_px, samples) as copy:
        _frame_head(copy.camera, head, yaw_rad)
        _render_to(copy, path)
    return path


def render_turntable(
    scene: bpy.types.Scene, head: bpy.types.Object, path: Path, frames: int = 24,
    size_px: tuple[int, int] = (320, 320), samples: int = 16,
) -> Path:  # fmt: skip
    """Render a round trip about the head, the pose held, to an mp4.

    Where this Blender writes no video, the PNG frames are left in a folder of the same name.
    Returns what was written. Raises AvatarFolderError where it cannot be written.
    """
    has_video = compat.has_video_output()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) if has_video else path.with_suffix("")
        with _render_copy(scene, size_px, samples) as copy:
            for index in range(frames):
                _frame_head(copy.camera, head, 2.0 * pi * index / frames)
                _render_to(copy, folder / f"frame_{index:04d}.png")
        if not has_video:
            return folder
        _encode(sorted(folder.glob("frame_*.png")), path, size_px)
    return path


def set_cycles(scene: bpy.types.Scene, samples: int) -> None:
    """Cycles on the device of the user's preferences, denoised where this build can."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "GPU" if _has_gpu() else "CPU"
    cycles.samples = samples
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = _NOISE_THRESHOLD
    cycles.use_denoising = bool(bpy.app.build_options.cycles) and _choose_denoiser(cycles)
    cycles.caustics_reflective = cycles.caustics_refractive = False


def _has_gpu() -> bool:
    """Whether the preferences name a compute device and it is ticked."""
    addon = bpy.context.preferences.addons.get("cycles")
    if addon is None or addon.preferences.compute_device_type == "NONE":
        return False
    addon.preferences.refresh_devices()
    return any(device.use and device.type != "CPU" for device in addon.preferences.devices)


def _choose_denoiser(cycles: bpy.types.PropertyGroup) -> bool:
    """Open Image Denoise, if this build carries it: an enumeration refuses what is not there."""
    try:
        cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:
        return False
    return True


@contextmanager
def _render_copy(
    scene: bpy.types.Scene, size_px: tuple[int, int], samples: int
) -> Iterator[bpy.types.Scene]:
    """A copy of the scene with our render settings and a camera of its own."""
    copy = scene.copy()
    camera = _new_camera()
    try:
        copy.collection.objects.link(camera)
        copy.camera = camera
        copy.timeline_markers.clear()  # markers may switch cameras
        set_cycles(copy, samples)
        render = copy.render
        render.resolution_x, render.resolution_y = size_px
        render.resolution_percentage = 100
        render.pixel_aspect_x = render.pixel_aspect_y = 1.0
        render.use_border = render.use_multiview = render.use_stamp = False
        render.use_compositing = render.use_sequencer = False
        render.use_persistent_data = True  # only the camera moves between frames
        render.film_transparent = False
        compat.set_image_output(render, "PNG", "RGB", "8")
        yield copy
    finally:
        data = camera.data
        # Switching it off frees what the renderer keeps. Left with a removed scene, it points at
        # data that is gone, and Blender (5.0) crashed some hundred renders later.
        copy.render.use_persistent_data = False
        bpy.data.scenes.remove(copy)
        bpy.data.objects.remove(camera)
        bpy.data.cameras.remove(data)


def _new_camera() -> bpy.types.Object:
    data = bpy.data.cameras.new(CAMERA)
    data.lens, data.sensor_width, data.clip_start = LENS_MM, SENSOR_MM, 0.01
    return bpy.data.objects.new(CAMERA, data)


def _frame_head(camera: bpy.types.Object, head: bpy.types.Object, yaw_rad: float) -> None:
    """Move the camera level with the head's middle, far enough to show crown and collar."""
    face = face_placement(head)
    distance = _FRAME_HEIGHT_M / 2.0 / tan(atan(SENSOR_MM / 2.0 / LENS_MM))
    eye = face.head + face.orbit(yaw_rad, 0.0, distance)
    camera.matrix_world = look_at(eye, face.head)


def render_picture(scene: bpy.types.Scene, path: Path) -> None:
    """Render the scene's frame to a file, as the scene's image settings say.

    Raises EnvironmentProblem where Blender wrote nothing.
    """
    scene.render.use_file_extension = False
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    if not path.is_file():
        raise EnvironmentProblem(
            f"Blender rendered no picture for {path.name}.",
            "Choose a folder that you may write to, and fewer samples on a small graphics card.",
        )


def _render_to(scene: bpy.types.Scene, path: Path) -> None:
    with whole_file(path) as partial:
        render_picture(scene, partial)


def _encode(pictures: list[Path], path: Path, size_px: tuple[int, int]) -> None:
    """Join PNG frames to an mp4 by Blender's own sequencer, colours untouched."""
    scene = bpy.data.scenes.new("Studio Avatar Encoding")
    try:
        strips = compat.strips(scene)
        strip = strips.new_image("frames", str(pictures[0]), channel=1, frame_start=1)
        for picture in pictures[1:]:
            strip.elements.append(picture.name)
        scene.view_settings.view_transform = "Standard"
        scene.frame_start, scene.frame_end = 1, len(pictures)
        render = scene.render
        render.resolution_x, render.resolution_y = size_px
        render.resolution_percentage, render.fps = 100, _TURNTABLE_FPS
        compat.set_video_output(render)
        render.use_file_extension = False
        with whole_file(path) as partial:
            render.filepath = str(partial)
            bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
