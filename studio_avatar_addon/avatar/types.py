"""The values that the stages hand on: one frozen dataclass each.

T counts all frames of the clip, K the chosen ones, V the template's vertices, P its identity
parameters. Frames of reference as in `frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Quality:
    """What `--quality` decides. `texture_size`: edge of the square maps; `frames`: at most K."""

    name: str
    texture_size: int
    frames: int
    network_refinement: bool


# Draft: to see within minutes whether the clip serves. High: all that a 4K clip shows. Time and
# memory go with the square of the texture's edge, and with the frames.
QUALITY = {
    "draft": Quality("draft", 1024, 16, False),
    "standard": Quality("standard", 2048, 28, True),
    "high": Quality("high", 4096, 40, True),
}


@dataclass(frozen=True)
class Finding:
    """One thing the artist should know about the footage or the result.

    `code`: stable identifier, e.g. "too_dark"; `message`: one or two sentences with what to do.
    """

    code: str
    message: str


class Progress(Protocol):
    """What a stage reports while it works. Raises JobCancelled when the user asked to stop."""

    def __call__(self, done: float, total: float, message: str = "") -> None: ...

    def warn(self, finding: Finding) -> None: ...


@dataclass(frozen=True)
class Camera:
    """Pinhole camera with OpenCV's distortion (k1 k2 p1 p2 k3), in pixels; corner at (0, 0)."""

    size_px: tuple[int, int]  # width, height
    focal_px: tuple[float, float]
    center_px: tuple[float, float]
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)

    def project(self, points_camera: FloatArray) -> FloatArray:
        """Camera-frame points (..., 3) in metres to image points (..., 2) in pixels."""
        x = points_camera[..., 0] / points_camera[..., 2]
        y = points_camera[..., 1] / points_camera[..., 2]
        k1, k2, p1, p2, k3 = self.distortion
        if any(self.distortion):
            r2 = x * x + y * y
            radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
            x, y = (
                x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
                y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
            )
        return np.stack(
            [x * self.focal_px[0] + self.center_px[0], y * self.focal_px[1] + self.center_px[1]],
            axis=-1,
        )

    def scaled(self, size_px: tuple[int, int]) -> Camera:
        """The same camera for the image resampled to `size_px`."""
        sx, sy = size_px[0] / self.size_px[0], size_px[1] / self.size_px[1]
        return replace(
            self,
            size_px=size_px,
            focal_px=(self.focal_px[0] * sx, self.focal_px[1] * sy),
            center_px=(self.center_px[0] * sx, self.center_px[1] * sy),
        )


@dataclass(frozen=True)
class Capture:
    """The footage, read once. Made by `footage`."""

    source_name: str  # of the clip's file or of the photos' folder
    sha256: str
    size_px: tuple[int, int]  # width, height, after rotation
    fps: float
    rotation_deg: int
    transfer: str  # "bt709", "hlg", "pq" or "srgb": the file's; stored frames are always sRGB
    time_s: FloatArray  # (T,) float64, of every frame
    detections_px: FloatArray  # (T, 478, 2) float32, raw tracking-mode landmarks; NaN: no face
    sharpness: FloatArray  # (T,) float32, gradient energy on the face, relative to the clip's best
    frame_index: IntArray  # (K,) int64 into T, ascending
    frame_paths: tuple[Path, ...]  # K PNG files, 8-bit sRGB
    frame_gain: FloatArray  # (K, 3) float32 linear gains that even exposure and white balance out
    camera_guess: Camera
    focal_known: bool  # True where metadata gave the focal length
    glasses: bool  # something crosses the nose between the eyes
    exposure_known: bool  # True where the background gave `frame_gain`; else that is 1
    findings: tuple[Finding, ...] = ()

    @property
    def frame_time_s(self) -> FloatArray:
        """(K,) of the chosen frames."""
        return self.time_s[self.frame_index]


@dataclass(frozen=True)
class FaceTrack:
    """One person's face through the clip. Made by `tracking`."""

    landmarks_px: FloatArray  # (T, 478, 2) float32, NaN where the face was not found
    confidence: FloatArray  # (T,) float32 in [0, 1]
    frame_landmarks_px: FloatArray  # (K, 478, 2) float32, static mode: no drift, for the fit
    mask_paths: tuple[Path, ...]  # K PNG files, 8-bit: the person, head and shoulders
    label_paths: tuple[Path, ...]  # K PNG files, 8-bit: what each pixel shows, as `avatar.labels`
    hair_paths: tuple[Path, ...]  # K PNG files, 8-bit: how much of each pixel is hair
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class HeadFit:
    """The head and where the camera stood. Made by `fitting`."""

    identity: FloatArray  # (P,) float32, in standard deviations
    neutral_m: FloatArray  # (V, 3) float32
    shape_deltas_m: FloatArray  # (52, V, 3) float32, made for this head
    corrective_deltas_m: FloatArray  # (C, V, 3) float32 in the order of shapes.CORRECTIVES
    joints_m: FloatArray  # (B, 2, 3) float32, head and tail of the template's bones
    eye_centre_m: FloatArray  # (2, 3) float32, left, right
    eye_radius_m: FloatArray  # (2,) float32
    camera: Camera
    camera_from_head: FloatArray  # (K, 4, 4) float64
    expression: FloatArray  # (K, 52) float32 in [0, 1]
    gaze_rad: FloatArray  # (K, 2, 2) float32, per eye: yaw to the subject's left, pitch up
    # Median distance in each chosen frame (K,) float32; NaN: nothing of the kind is visible there.
    landmark_px: FloatArray
    outline_px: FloatArray  # between the head's outline and the person's, where it is bare
    track_px: FloatArray  # between tracked skin and where the head has it
    focal_log_sd: float  # standard deviation of the focal length's logarithm; 0: it was given
    left_out: tuple[str, ...]  # (K,) why the solver left a frame out; empty: it was used
    findings: tuple[Finding, ...] = ()

    @property
    def frame_used(self) -> BoolArray:
        """(K,)"""
        return np.array([not why for why in self.left_out])


@dataclass(frozen=True)
class RoomLight:
    """What the room's light makes of a white, matte head. Made by `room_light`.

    Over n coarse points of the skin; shading is the logarithm of linear RGB relative to its typical
    value, so about 0 in the middle.
    """

    moves_with: str  # "head" or "camera": in whose frame the light stands still
    unexplained: FloatArray  # (2,) change between views left by the head's, the camera's light
    log_shading: FloatArray  # (K, n, 3) float16, in each chosen frame
    exposure_log: FloatArray  # (K, 3) float32 log light by which frames differ beyond that
    common: FloatArray  # (n, 3) float32 log shading under the mean of the views' lights
    openness: FloatArray  # (n,) float32 share of the hemisphere that is open sky
    plain: FloatArray  # (n,) float32 in [0, 1]: skin of one colour, without lips, brows or beard
    skin_linear: FloatArray  # (3,) float32 albedo that the skin most likely has
    skin_filmed: FloatArray  # (3,) float32 linear, of plain skin where the light falls on it
    iris_linear: FloatArray  # (3,) float32 albedo
    sclera_filmed: FloatArray  # (3,) float32 linear, as the clip shows it
    sclera_visible: bool  # False: a typical colour stands in


@dataclass(frozen=True)
class TextureSet:
    """Aligned square maps in the template's atlas, top row first. Made by the texture stages.

    Base colour is sRGB-encoded: as filmed for origin "phone", diffuse albedo for the others.
    """

    origin: str  # one of layout.TEXTURE_ORIGINS
    base_color_srgb: FloatArray  # (N, N, 3) float32 in [0, 1]
    coverage: FloatArray  # (N, N) float32 in [0, 1]: share of the texel that was really filmed
    confidence: FloatArray  # (N, N) float32 in [0, 1]
    view_count: NDArray[np.uint8]  # (N, N)
    iris_linear: FloatArray  # (3,) float32 linear Rec.709
    normal: FloatArray | None = None  # (N, N, 3) float32 in [-1, 1], tangent space, +Y up
    roughness: FloatArray | None = None  # (N, N) float32, perceptual
    specular: FloatArray | None = None  # (N, N) float32, Principled IOR Level
    cavity: FloatArray | None = None  # (N, N) float32, 1 = open
    hair_linear: FloatArray | None = None  # (3,) float32 linear Rec.709 as filmed; None: no hair
    alignment_srgb: FloatArray | None = None  # (h, 2 w, 3) the views' mean unaligned, aligned
    findings: tuple[Finding, ...] = ()

    @property
    def size(self) -> int:
        return self.base_color_srgb.shape[0]


@dataclass(frozen=True)
class Performance:
    """Movement of the face over the whole clip. Made by `performance`."""

    time_s: FloatArray  # (T,) float64
    weights: FloatArray  # (T, 52) float32 in [0, 1]
    neck_from_head: FloatArray  # (T, 4, 4) float32
    gaze_rad: FloatArray  # (T, 2, 2) float32: eye left and right, yaw to the left and pitch up
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Results:
    """Everything one run made, in the order of the stages."""

    capture: Capture
    track: FaceTrack
    fit: HeadFit
    light: RoomLight
    phone: TextureSet
    studio: TextureSet
    detail: TextureSet
    performance: Performance

    @classmethod
    def of_stages(cls, values: Mapping[str, Any]) -> Results:
        """From the stages' values by name; what others made is no part of an avatar."""
        return cls(
            values["footage"], values["tracking"], values["fitting"], values["room_light"],
            values["phone_texture"], values["studio_texture"], values["detail"],
            values["performance"],
        )  # fmt: skip

    @property
    def textures(self) -> Sequence[TextureSet]:
        return (self.phone, self.studio, self.detail)
