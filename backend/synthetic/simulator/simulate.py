"""Studio textures and a bank of heads in; what the pipeline would have made of a phone clip out."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, log2

import torch
import torch.nn.functional as functional

from studio_avatar_addon.avatar.template import HeadTemplate

from ...atlas.inpaint import RIM_2048
from ...imaging.log_light import LOG_FLOOR, LUMINANCE
from ...imaging.tensor_blur import gaussian_blur
from ...imaging.tensor_color import (
    light_from_log,
    log_from_pixels,
    log_light,
    luminance,
    srgb_from_linear,
)
from ...stages.frame_sampling.eye_colors import SCLERA_ALBEDO
from ...stages.frame_sampling.frame_sampler import CLIPPED, CLIPPED_WEIGHT
from ...stages.frame_sampling.texel_views import FULL_COSINE, MIN_COSINE
from ...stages.phone_texture.common_light import GAIN_SPREAD, TRUSTED_GAIN
from ...stages.phone_texture.painted_parts import MOUTH_LIGHT
from ...stages.phone_texture.unwrap import CERTAIN_WEIGHT
from ...stages.room_light.lobes import MIN_LOG_SHADING, MIN_SHADING
from ...stages.room_light.tone import (
    FACE_METERING,
    SCLERA_SD,
    SCLERA_SHADE,
    TYPICAL_ALBEDO,
    TYPICAL_LIGHT,
    TYPICAL_LIGHT_SD,
)
from .atlas_maps import AtlasMaps
from .batch_inpaint import add_cropped_hair, inpaint
from .batch_noise import normal, smooth_field, uniform
from .blend import Shares, blend, blend_by_shares, low_bands, upsample
from .environments import Environments
from .occluders import Occluders, draw_occluders
from .phone_camera import PhoneCamera, compress, draw_phone_camera
from .shading import DEFAULT_SPECULAR, CameraVisibility, Heads, ViewLight
from .sphere import Sphere
from .tables import HeadTables
from .view_placement import (
    BLUR_REFERENCE_TEXELS,
    FRAMES_PER_VIEW,
    MAX_BLUR_OCTAVES,
    ViewPlacement,
    draw_view_placements,
)

# Each stands for FRAMES_PER_VIEW frames: enough for a sweep and views from above and below; time
# and memory grow with it.
VIEWS = 6
MOVES_WITH = ("head", "camera")

# Light and exposure.
WHITE_BALANCE_RANGE = (0.55, 1.0)  # share of the light's colour that cameras take out
MIN_LIGHT = 0.01  # of the median: pockets are lit by more bounces than one
LIGHT_ERROR_SD = 0.10  # log light, of the stage's estimate of a view's light, at most
LIGHT_ERROR_CELLS = 5  # across the atlas: errors of a fit with broad lobes are broad
MEDIAN_STEP = 4  # every so many points give the median
SHADING_SHARE = 2  # the light is blended at half the texture's size: it has no finer structure

# Texture.
GRAIN_SD = 0.03  # log light, of made-up skin
CLIPPED_LOG = log(CLIPPED + float(LOG_FLOOR))
MIN_WEIGHT = 0.02  # a fainter weight is none


@dataclass(frozen=True, eq=False)
class Pair:
    """B phone textures as the pipeline makes them, and the truth about them; N x N texels."""

    phone_srgb: torch.Tensor  # (B, 3, N, N) float32 in [0, 1]
    coverage: torch.Tensor  # (B, N, N) float32 in [0, 1]: share of the texel that was really seen
    confidence: torch.Tensor  # (B, N, N) float32 in [0, 1]
    view_count: torch.Tensor  # (B, N, N) uint8
    studio_srgb: torch.Tensor  # (B, 3, N, N) float32 in [0, 1]: the diffuse albedo
    log_shading: (
        torch.Tensor
    )  # (B, 3, N, N) phone over studio in linear light, before shine and tone
    moves_with: torch.Tensor  # (B,) int64 into MOVES_WITH: in whose frame the light stood still
    head: torch.Tensor  # (B,) int64 into the bank


@dataclass(frozen=True, eq=False)
class Skins:
    """B studio textures."""

    albedo: torch.Tensor  # (B, 3, N, N) linear
    roughness: torch.Tensor  # (B, N, N) perceptual
    specular: torch.Tensor  # (B, N, N) Principled's IOR level


@dataclass(frozen=True, eq=False)
class Scene:
    """What B clips of V views film: skins on heads, in lights, behind occluders."""

    atlas: AtlasMaps
    skins: Skins
    heads: Heads
    environments: Environments
    placement: ViewPlacement
    occluders: Occluders
    visibility: CameraVisibility


@dataclass(frozen=True, eq=False)
class BlendedViews:
    """The views of B clips, blended; in log light."""

    log_rgb: torch.Tensor  # (B, 3, N, N)
    log_shading: torch.Tensor  # (B, 3, N, N) what of it is light
    mean_light: torch.Tensor  # (B, 3, N, N) of all views, also where none saw
    common: torch.Tensor  # (B, 3, N, N) what the stage takes for the light in it
    weight: torch.Tensor  # (B, V, N, N) of each view


@dataclass(frozen=True, eq=False)
class LightEstimate:
    """What the stage makes of the light of B clips; log light relative to its median."""

    lift: torch.Tensor  # (B, V, 3, G, G) what brings each view to the common light
    common: torch.Tensor  # (B, 3, G, G) the mean of the views' lights


@dataclass(frozen=True, eq=False)
class Simulator:
    """All that a device keeps between batches.

    On a CPU call `keep_freed_memory` first: it makes several times as many pairs a second then.
    """

    tables: HeadTables
    environments: Environments
    atlas: AtlasMaps
    sphere: Sphere
    views: int = VIEWS

    @classmethod
    def on(
        cls,
        device: torch.device,
        template: HeadTemplate,
        tables: HeadTables,
        environments: Environments,
        size: int = 256,
    ) -> Simulator:
        return cls(
            tables=tables.to(device),
            environments=environments.to(device),
            atlas=AtlasMaps.of(template, size, device),
            sphere=Sphere.on(device),
        )

    def simulate(self, skins: Skins, generator: torch.Generator) -> Pair:
        """Each skin on a random head, in a random light and clip; the generator on this device.

        Raises ValueError where the skins have another size than the atlas.
        """
        size = self.atlas.size
        if skins.albedo.shape[1:] != (3, size, size):
            raise ValueError(
                f"Skins of {tuple(skins.albedo.shape)} do not fit an atlas of {size} texels a side."
            )
        count, device = len(skins.albedo), generator.device

        def draw_index(bank: int) -> torch.Tensor:
            """(B,) int64 below `bank`."""
            return torch.randint(bank, (count,), generator=generator, device=device)

        heads = Heads(self.tables, draw_index(len(self.tables)), self.sphere)
        environments = self.environments.take(draw_index(len(self.environments)))
        placement = draw_view_placements(generator, self.views, environments)
        scene = Scene(
            atlas=self.atlas,
            skins=skins,
            heads=heads,
            environments=environments,
            placement=placement,
            occluders=draw_occluders(generator, self.atlas, log_light(skins.albedo)),
            visibility=heads.visibility_from(placement.cameras_m),
        )
        light = _expose(scene, generator)
        floor = MIN_LIGHT * _median_light(light.irradiance)
        light_log = torch.log(torch.maximum(light.irradiance, floor))
        estimate = estimate_light(self.atlas, light_log, placement, generator)
        camera = draw_phone_camera(generator, count, self.views, size)
        views, valid_share = _film_views(scene, light, camera, estimate.lift)
        weight, rank = _view_weights(scene, estimate.lift)
        weight, rank = weight * valid_share, rank * valid_share
        log_rgb, shares = blend(views, weight, rank)
        blended = _blend_light(self.atlas, log_rgb, light_log, estimate, shares)
        return _finish_pair(scene, blended, camera, generator)


def _expose(scene: Scene, generator: torch.Generator) -> ViewLight:
    """The light on the points in each view, at the exposure and white balance of a phone.

    Exposure is metered between the scene's light alone and the face's brightness in it, as
    `room_light.tone` models it.
    """
    atlas, placement, visibility = scene.atlas, scene.placement, scene.visibility
    albedo = atlas.sample_at_points(scene.skins.albedo)
    roughness = atlas.sample_at_points(scene.skins.roughness[:, None])[..., 0]
    turns = placement.environment_from_head
    light = scene.heads.irradiance(scene.environments, turns, albedo)
    shine = scene.heads.shine(scene.environments, turns, visibility, light, roughness)
    irradiance = light.linear
    face = atlas.sample_at_points(atlas.bare)  # (1, n, 1)
    counted = (face * visibility.openness * visibility.cosine.clamp(min=0.0))[..., None]
    total = counted.sum((1, 2), keepdim=True)
    mean_light = (irradiance * counted).sum((1, 2), keepdim=True) / total  # (B, 1, 1, 3)
    tone = ((albedo * face).sum(1) / face.sum(1))[:, None, None]
    weights = mean_light.new_tensor(LUMINANCE)
    level = (mean_light @ weights)[..., None]
    count = len(albedo)
    neutral = (level / mean_light) ** uniform(generator, (count, 1, 1, 1), *WHITE_BALANCE_RANGE)
    by_face = uniform(generator, (count, 1, 1, 1), *FACE_METERING)
    metered = (TYPICAL_ALBEDO / (tone @ weights)[..., None]) ** by_face
    white = TYPICAL_LIGHT * torch.exp(TYPICAL_LIGHT_SD * normal(generator, (count, 1, 1, 1)))
    gain = neutral * metered * white / level * torch.exp(placement.gain_log)[:, None]
    return ViewLight(irradiance * gain, shine * gain)


def _blend_light(
    atlas: AtlasMaps,
    log_rgb: torch.Tensor,
    light_log: torch.Tensor,
    estimate: LightEstimate,
    shares: Shares,
) -> BlendedViews:
    """The blend `log_rgb` (B, 3, N, N), and by the same shares the light (B, n, V, 3) in it."""
    size, views = atlas.size, light_log.shape[2]
    shading = atlas.coarse_image(light_log.flatten(2)).unflatten(1, (views, 3))
    mean_light = torch.log(shading.exp().mean(1))
    in_common_light = (shading + estimate.lift).flatten(1, 2)
    half = upsample(in_common_light, size // SHADING_SHARE).unflatten(1, (views, 3))
    blended = blend_by_shares(half, low_bands(half, shares.weight), shares)
    return BlendedViews(
        log_rgb=log_rgb,
        log_shading=upsample(blended, size),
        mean_light=upsample(mean_light, size),
        common=upsample(estimate.common, size),
        weight=shares.weight,
    )


def _median_light(linear: torch.Tensor) -> torch.Tensor:
    """Median (B, 1, 1, 3) of light (B, n, V, 3): over the points and views, as the stage's fit."""
    sampled = linear[:, ::MEDIAN_STEP].flatten(1, 2)
    return sampled.median(1).values[:, None, None]


def estimate_light(
    atlas: AtlasMaps, light_log: torch.Tensor, placement: ViewPlacement, generator: torch.Generator
) -> LightEstimate:
    """Of log light (B, n, V, 3), as filmed. The stage knows exposures and lights only so well.

    Of a light that follows the head the shading is the same in all views: there the lift evens the
    exposures alone.
    """
    count, _, views, _ = light_log.shape
    certainty = uniform(generator, (count, 1, 1, 1), 0.0, 1.0).sqrt()
    exposure = placement.gain_log[:, None]
    shading = certainty * relative_log_light((light_log - exposure).exp())
    common = torch.log(shading.exp().mean(2, keepdim=True))
    lift = atlas.coarse_image((common - shading - certainty * exposure).flatten(2))
    error = smooth_field(generator, (count, views), LIGHT_ERROR_CELLS, lift.shape[-1])
    error = error * (LIGHT_ERROR_SD * uniform(generator, (count, 1, 1, 1), 0.0, 1.0))
    error = error * placement.light_follows_camera[:, None, None, None]
    lift = lift.unflatten(1, (views, 3)) + error[:, :, None]
    return LightEstimate(lift, atlas.coarse_image(common[:, :, 0]))


def relative_log_light(linear: torch.Tensor) -> torch.Tensor:
    """Log of linear light (B, n, V, 3) relative to its median, as `lobes.relative_log` has it.

    Pockets that hardly any light reaches are not believed darker than DEEPEST_SHADE.
    """
    relative = linear / _median_light(linear)
    return torch.log(relative + MIN_SHADING).clamp(min=MIN_LOG_SHADING)


def _view_weights(scene: Scene, lift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far to trust each view and how well it sees, both (B, V, N, N) in [0, 1].

    As `frame_sampling.texel_views` and `phone_texture.common_light` weigh views; `lift`
    (B, V, 3, G, G) as of `LightEstimate`.
    """
    atlas, visibility = scene.atlas, scene.visibility
    facing = (visibility.cosine - MIN_COSINE) / (FULL_COSINE - MIN_COSINE)
    clear = (2.0 * visibility.openness - 1.0).clamp(min=0.0)
    both = torch.cat([facing.clamp(0.0, 1.0) * clear, visibility.cosine.clamp(min=0.0)], 2)
    trust, cosine = atlas.coarse_image(both).chunk(2, 1)
    doubtful = (luminance(lift) - TRUSTED_GAIN).clamp(min=0.0) / GAIN_SPREAD
    trust = trust * torch.exp(-(doubtful**2))
    rank = trust * cosine * scene.placement.sharpness[:, :, None, None]
    weight, rank = (upsample(part, atlas.size) for part in (trust, rank))
    # What lies less than a texel inside an edge is not seen.
    weight = functional.threshold(weight, MIN_WEIGHT, 0.0) * atlas.skin
    return weight, rank * (weight > 0.0)


def _film_views(
    scene: Scene, light: ViewLight, camera: PhoneCamera, lift: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each view's texture (B, V, 3, N, N) in log light, as a frame keeps it, brought to the common
    light; and the share (B, V, N, N) of its weight that clipping leaves it."""
    atlas, skins, placement = scene.atlas, scene.skins, scene.placement
    size, device = atlas.size, skins.albedo.device
    count, _, views, _ = light.irradiance.shape
    both = torch.cat([light.irradiance.flatten(2), light.shine.flatten(2)], 2)
    irradiance, shine = atlas.coarse_image(both).unflatten(1, (2, views, 3)).unbind(1)
    specular = (skins.specular / DEFAULT_SPECULAR)[:, None]
    shown = skins.albedo * scene.occluders.rim_shade.exp()
    shown = _remove_detail(shown, placement.blur)
    grid = _texel_grid(size, device)
    out = torch.empty(views, count, 3, size, size, device=device)
    valid_share = torch.empty(views, count, size, size, device=device)
    for view in range(views):
        slide = upsample(placement.slide_texels[:, view], size) * (2.0 / size)
        position = grid + slide.permute(0, 2, 3, 1)
        albedo = functional.grid_sample(shown, position, padding_mode="border", align_corners=False)
        linear = albedo * upsample(irradiance[:, view], size)
        linear.addcmul_(specular, upsample(shine[:, view], size))
        log_rgb, brightest = camera.process(view, linear)
        torch.add(log_rgb, upsample(lift[:, view], size), out=out[view])
        clipped = brightest[:, 0] > CLIPPED_LOG
        valid_share[view] = 1.0 - (1.0 - float(CLIPPED_WEIGHT)) * clipped
    return out.transpose(0, 1), valid_share.transpose(0, 1)


def _remove_detail(image: torch.Tensor, blur: torch.Tensor) -> torch.Tensor:
    """Images (B, C, N, N) without their finest octaves.

    `blur` (B,) octaves are lost at BLUR_REFERENCE_TEXELS; a fraction of one fades it.
    """
    coarser_by = log2(BLUR_REFERENCE_TEXELS / image.shape[-1])
    out = image
    for octave in range(ceil(MAX_BLUR_OCTAVES - coarser_by)):
        coarse = upsample(functional.avg_pool2d(image, 2 << octave), image.shape[-1])
        share = (blur - coarser_by - octave).clamp(0.0, 1.0)
        out = out + share[:, None, None, None] * (coarse - out)
    return out


def _texel_grid(size: int, device: torch.device) -> torch.Tensor:
    """(N, N, 2) the texels' centres for grid_sample."""
    position = (torch.arange(size, device=device) + 0.5) * (2.0 / size) - 1.0
    row, column = torch.meshgrid(position, position, indexing="ij")
    return torch.stack([column, row], 2)


def _finish_pair(
    scene: Scene, blended: BlendedViews, camera: PhoneCamera, generator: torch.Generator
) -> Pair:
    """A codec's work on the blend, then bare skin, inpainted where no view saw it."""
    atlas, skins = scene.atlas, scene.skins
    count = len(blended.log_rgb)
    is_skin = atlas.skin > 0.5
    compressed_log = log_from_pixels(compress(generator, light_from_log(blended.log_rgb)))
    best = blended.weight.amax(1, keepdim=True)
    coverage = _coverage(atlas, best, scene.occluders)
    albedo_log = compressed_log - blended.common
    inpainted = inpaint(atlas, albedo_log, coverage)
    grain = smooth_field(generator, (count, 1), atlas.size // 2, atlas.size)
    skin_log = inpainted.log_rgb + GRAIN_SD * grain * inpainted.invented
    skin_log = add_cropped_hair(atlas, skin_log, scene.occluders, albedo_log, best, grain)
    painted_light = _painted_parts_light(atlas, blended.mean_light, camera, generator)
    painted = skins.albedo + atlas.painted * (atlas.painted_albedo - skins.albedo)
    linear = torch.where(
        is_skin, light_from_log(skin_log + blended.common), painted * painted_light.exp()
    )
    views = FRAMES_PER_VIEW * (blended.weight > 0.0).sum(1) * (coverage[:, 0] > 0.0)
    agreement = 1.0 - 0.5 ** views.float()
    # Made-up skin is lit by the mean light.
    log_shading = blended.mean_light + coverage * (blended.log_shading - blended.mean_light)
    return Pair(
        phone_srgb=srgb_from_linear(linear).clamp(0.0, 1.0),
        coverage=coverage[:, 0],
        confidence=coverage[:, 0] * best[:, 0].sqrt() * agreement,
        view_count=views.to(torch.uint8),
        studio_srgb=srgb_from_linear(skins.albedo).clamp(0.0, 1.0),
        log_shading=torch.where(is_skin, log_shading, painted_light),
        moves_with=scene.placement.light_follows_camera.long(),
        head=scene.heads.index,
    )


def _painted_parts_light(
    atlas: AtlasMaps, mean_light: torch.Tensor, camera: PhoneCamera, generator: torch.Generator
) -> torch.Tensor:
    """Log light (B, 3, N, N) in which the stage draws eyes and mouth: as the sclera shows it.

    The sclera's light is the face's (mean_light (B, 3, N, N)) less the shade of lids and socket.
    """
    face = (mean_light * atlas.bare).sum((2, 3), keepdim=True) / atlas.bare.sum()
    shade = SCLERA_SHADE * torch.exp(SCLERA_SD * normal(generator, (len(face), 1, 1, 1)))
    sclera = face.new_tensor(SCLERA_ALBEDO)[:, None, None]
    processed = camera.tone_map(sclera * shade * face.exp())
    return processed - torch.log(sclera) + log(MOUTH_LIGHT) * atlas.in_mouth


def _coverage(atlas: AtlasMaps, best: torch.Tensor, occluders: Occluders) -> torch.Tensor:
    """(B, 1, N, N) in [0, 1] of the best view's weight: less doubtful rims, glasses, hair, clothes.

    Rims are eroded by a square here and by a disc in `atlas.inpaint`, at some six texels of 2048.
    """
    covered = (best / CERTAIN_WEIGHT).clamp(0.0, 1.0) * atlas.skin
    reach = RIM_2048 * atlas.size / 2048
    radius = max(round(reach), 1)
    inner = -functional.max_pool2d(-covered, 2 * radius + 1, stride=1, padding=radius)
    inner = gaussian_blur(inner, reach / 2)
    covered = covered + atlas.doubtful_rims * (torch.minimum(covered, inner) - covered)
    covered = covered * (1.0 - occluders.rims) * (1.0 - occluders.hair_cover)
    return covered * (1.0 - occluders.clothes)
