"""The whole way on one page: a clip becomes an avatar folder.

footage → tracking → fitting → room light → phone texture → studio texture → detail ─┐
                        └───── performance ──────────────────────────────────────────┤
                                                                       avatar folder ◄┘
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from studio_avatar_addon.avatar.bundle import AvatarFolder
from studio_avatar_addon.avatar.layout import STAGES_FOLDER
from studio_avatar_addon.avatar.studio_choices import StudioChoices
from studio_avatar_addon.avatar.template import load_template
from studio_avatar_addon.avatar.types import (
    QUALITY,
    Capture,
    FaceTrack,
    Performance,
    Results,
    RoomLight,
    TextureSet,
)

from . import (
    atlas,
    detail,
    evenly,
    facemesh,
    footage,
    images,
    log_light,
    marks,
    performance,
    phone_texture,
    posed_head,
    raster,
    room_light,
    sampling,
    studio,
    surface,
    tracking,
)
from .avatar_writer import Provenance, write_avatar
from .device import DeviceChoice
from .fit_stage import NOTHING_ASKED, Asked, run_fit
from .footage.source import footage_sha256
from .reporter import Reporter
from .stage_store import StageStore, code_fingerprint


@dataclass(frozen=True)
class CreateSettings:
    footage: Path
    out: Path
    quality: str = "standard"  # one of QUALITIES
    asked: Asked = NOTHING_ASKED
    choices: StudioChoices = field(default_factory=StudioChoices)


def create_avatar(
    settings: CreateSettings, device: DeviceChoice, reporter: Reporter
) -> AvatarFolder:
    """Run every stage whose inputs changed and make the results the avatar's current ones."""
    template = load_template()
    quality = QUALITY[settings.quality]
    clip_sha256 = footage_sha256(settings.footage)
    store = StageStore(settings.out / STAGES_FOLDER, reporter)
    done = store.fingerprints
    in_atlas = (atlas, log_light, posed_head, raster, surface)
    in_frames = (sampling, images, evenly, *in_atlas)

    capture = store.run(
        "footage", Capture, (clip_sha256, quality.frames, code_fingerprint(footage, facemesh)),
        lambda images: footage.read_footage(settings.footage, images, quality, reporter),
        message=f"on {device.reason}",
    )  # fmt: skip
    spot = settings.choices.neutral
    if spot is not None:  # one that tells nothing is refused before the long work
        room_light.neutral_filmed(capture, spot)
    track = store.run(
        "tracking", FaceTrack, (done["footage"], code_fingerprint(tracking, facemesh)),
        lambda images: tracking.track_face(capture, images, reporter),
    )  # fmt: skip
    fit = run_fit(store, settings.out, capture, track, template, settings.asked, reporter)
    light = store.run(
        "room_light", RoomLight,
        (done["fitting"], code_fingerprint(room_light, *in_frames)),
        lambda _: room_light.estimate_light(capture, track, fit, template, device.torch, reporter),
    )  # fmt: skip
    phone = store.run(
        "phone_texture", TextureSet,
        (done["room_light"], quality.texture_size,
         code_fingerprint(phone_texture, marks, *in_frames)),
        lambda _: phone_texture.unwrap(capture, track, fit, light, template, quality, reporter),
    )  # fmt: skip
    toned = light
    if spot is not None:
        toned = replace(light, skin_linear=room_light.tone_beside(light, capture, spot))
    evenly_lit = store.run(
        "studio_texture", TextureSet,
        (done["phone_texture"], asdict(settings.choices), studio.weights_sha256(),
         code_fingerprint(studio, room_light, *in_atlas)),
        lambda _: studio.studio_texture(
            phone, toned, fit, template, quality, settings.choices, device.torch, reporter
        ),
    )  # fmt: skip
    detailed = store.run(
        "detail", TextureSet,
        (done["studio_texture"], detail.weights_sha256(), code_fingerprint(detail, *in_atlas)),
        lambda _: detail.restore_detail(
            phone, evenly_lit, fit, template, quality, detail.drawing_for(quality, device.torch),
            reporter,
        ),
    )  # fmt: skip
    movement = store.run(
        "performance", Performance, (done["fitting"], code_fingerprint(performance)),
        lambda _: performance.capture_performance(capture, track, fit, template, reporter),
    )  # fmt: skip

    results = Results(capture, track, fit, light, phone, evenly_lit, detailed, movement)
    reporter.begin("avatar")
    provenance = Provenance.of_run(settings.quality, device, done, settings.choices)
    avatar = write_avatar(settings.out, results, template, provenance, reporter)
    reporter.end()
    return avatar
