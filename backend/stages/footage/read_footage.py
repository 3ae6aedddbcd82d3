"""A clip or a folder of photos in, a `Capture` out: faces, chosen frames, first camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio_avatar_addon.avatar.errors import FootageUnreadable
from studio_avatar_addon.avatar.performances import long_gap
from studio_avatar_addon.avatar.types import (
    Camera,
    Capture,
    FloatArray,
    IntArray,
    Progress,
    Quality,
)

from ...imaging.image_files import write_png
from .footage_findings import footage_findings, wears_glasses
from .frame_choice import choose_frames
from .frame_exposure import exposure_gains, small_linear
from .head_view import HeadView, head_view
from .open_footage import footage_sha256, open_source
from .person_tracking import MIN_FRAMES, Person, track_person
from .source import Source
from .survey import Survey, survey_source

# Focal length over the longer side where no metadata gives it. A phone's main lens (26 mm
# equivalent) gives .85 to .95 in stabilised video, its portrait lens and the cameras people film
# portraits with 1.5 to 1.8; this is the geometric mean, so that neither is far off.
FOCAL_PRIOR = 1.2
FRAME_NAME = "frame_{:06d}.png"
# Half an hour at 60 a second. The landmarks of all frames take 3.8 kB each in memory and in a file.
MAX_CLIP_FRAMES = 100_000


@dataclass(frozen=True)
class ClipFaces:
    """One person's face through a clip, without stored frames: enough for a performance."""

    source: Source
    survey: Survey
    person: Person
    camera_guess: Camera
    focal_known: bool
    view: HeadView  # of the person's N observations

    @property
    def time_s(self) -> FloatArray:
        """(T,) of every frame."""
        return self.survey.time_s

    @property
    def detections_px(self) -> FloatArray:
        """(T, 478, 2) float32, NaN where the person's face was not found."""
        landmarks = np.stack([s.landmarks_px for s in self.person.observations])
        return self.person.per_frame(landmarks, len(self.survey.time_s))

    @property
    def sharpness(self) -> FloatArray:
        """(T,) float32 relative to the clip's best; 0 where the person's face was not found."""
        found = np.array([s.sharpness for s in self.person.observations], np.float32)
        return np.nan_to_num(self.person.per_frame(found / found.max(), len(self.survey.time_s)))


def read_faces(source: Path, progress: Progress) -> ClipFaces:
    """Read a clip once and track one person through it.

    Raises FootageUnreadable and FaceNotFound as in `read_footage`.
    """
    opened = open_source(source)
    facts = opened.facts
    _refuse_length(facts.expected_frames or 0, source.name)  # by the file's word
    survey = survey_source(opened, progress, MAX_CLIP_FRAMES + 1)
    _refuse_length(len(survey.time_s), source.name)
    _refuse_pause(survey.time_s, source.name)
    if len(survey.time_s) < MIN_FRAMES:
        raise FootageUnreadable(
            f"Pictures of {source.name} that could be read: {len(survey.time_s)}; at least "
            f"{MIN_FRAMES} are needed.",
            "Copy the clip from the phone again, or film a longer one."
            if facts.consecutive
            else f"Film a clip, or add photos: {MIN_FRAMES} or more, of the head from all sides.",
        )
    person = track_person(survey, facts.consecutive)
    camera = _camera(facts.size_px, facts.focal_px or FOCAL_PRIOR * max(facts.size_px))
    view = head_view(np.stack([s.landmarks_px for s in person.observations]), camera)
    return ClipFaces(opened, survey, person, camera, facts.focal_px is not None, view)


def _refuse_length(frames: int, name: str) -> None:
    if frames > MAX_CLIP_FRAMES:
        raise FootageUnreadable(
            f"{name} has more than the {MAX_CLIP_FRAMES} frames that are allowed.",
            "Use the 10 to 20 seconds in which the head turns.",
        )


def _refuse_pause(time_s: FloatArray, name: str) -> None:
    """Its movement would be no performance that can be keyed."""
    if gap := long_gap(time_s):
        raise FootageUnreadable(f"{name} pauses for {gap}.", "Cut it there into two clips.")


def read_footage(source: Path, frames_dir: Path, quality: Quality, progress: Progress) -> Capture:
    """Read the clip, choose frames and write them to `frames_dir` as 8-bit sRGB PNG.

    The clip is decoded twice, which costs less than keeping candidates: once for the faces, once,
    without looking, for the chosen frames.

    Raises FootageUnreadable (missing, not a video, truncated, no frames) and FaceNotFound (no
    face, too small, or nobody who could be tracked).
    """
    faces = read_faces(source, progress)
    facts, observations = faces.source.facts, faces.person.observations
    chosen = choose_frames(observations, faces.view, quality.frames)
    frame_index = np.array([observations[n].frame for n in chosen], np.int64)
    landmarks = np.stack([observations[n].landmarks_px for n in chosen])
    paths, gains = _store_frames(faces.source, frame_index, landmarks, frames_dir, progress)
    return Capture(
        source_name=source.name,
        sha256=footage_sha256(source),
        size_px=facts.size_px,
        fps=facts.fps,
        rotation_deg=facts.rotation_deg,
        transfer=facts.transfer,
        time_s=faces.time_s,
        detections_px=faces.detections_px,
        sharpness=faces.sharpness,
        frame_index=frame_index,
        frame_paths=paths,
        frame_gain=np.ones((len(paths), 3), np.float32) if gains is None else gains,
        camera_guess=faces.camera_guess,
        focal_known=faces.focal_known,
        glasses=wears_glasses(faces.person, faces.view.yaw_deg),
        exposure_known=gains is not None,
        findings=footage_findings(facts, faces.survey, faces.person, faces.view),
    )


def _store_frames(
    source: Source,
    frame_index: IntArray,
    landmarks: FloatArray,
    frames_dir: Path,
    progress: Progress,
) -> tuple[tuple[Path, ...], FloatArray | None]:
    """Write the chosen frames; their paths and gains (K, 3)."""
    wanted = set(frame_index.tolist())
    paths, small = [], []
    for index, picture in enumerate(source.pictures()):
        if index not in wanted:
            continue
        pixels = picture.srgb()
        paths.append(frames_dir / FRAME_NAME.format(index))
        write_png(paths[-1], pixels)
        small.append(small_linear(pixels))
        progress(len(paths), len(wanted), f"storing frame {index + 1}")
        if len(paths) == len(wanted):
            break
    stacked = np.stack(small)
    scale = np.array(stacked.shape[2:0:-1]) / np.array(source.facts.size_px)
    return tuple(paths), exposure_gains(stacked, landmarks * scale)


def _camera(size_px: tuple[int, int], focal_px: float) -> Camera:
    return Camera(size_px, (focal_px, focal_px), (size_px[0] / 2, size_px[1] / 2))
