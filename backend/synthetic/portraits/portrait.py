"""Traits and a bank of skins in; everything that the film set needs for one portrait, out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from studio_avatar_addon.avatar.shapes import SHAPE_INDEX, SHAPE_NAMES

from ...imaging.smooth_step import smooth_step
from .fabrics import draw_fabric, srgb_of
from .garments import body_shell, garment, scarf
from .grooms import Groom, curl_of, draw_groom
from .growth import grow_beard, grow_scalp
from .headwear import headwear
from .jewellery import earrings, glasses
from .panoramas import Panorama
from .settings import PortraitSettings
from .shell import Shell
from .sitter import Sitter, head_template, pose_sitter
from .skins import GROWTH_TEXELS, Skin
from .solid import Solid
from .stage import draw_lamps, draw_light, draw_view, wall
from .strands import Strands
from .traits import HAIR_COLOURS, HairColour, Traits

# How much of the scalp hair of so many millimetres hides.
_LENGTHS_MM, _HIDDEN = (1.0, 3.0, 8.0, 20.0), (0.3, 0.6, 0.85, 0.95)
_LONGEST_BEARD_MM = {"stubble": 3.0, "moustache": 14.0, "goatee": 35.0, "full": 55.0}


@dataclass(frozen=True, eq=False)
class PortraitSpec:
    """What `scene.portrait_studio` reads, and what a learner may want to know."""

    spec: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]


def compose(
    traits: Traits, skin: Skin, panoramas: list[Panorama], settings: PortraitSettings
) -> PortraitSpec:
    """Pose, dress and comb a person, and set the light."""
    sitter, orbit_deg = _pose(traits)
    groom = draw_groom(traits.style, traits.random("groom"), traits.hat != "none")
    colour = _hair_colour(traits)
    tones = (srgb_of(skin.mean_linear), srgb_of(colour.linear))
    shells, facts = _dress(traits, sitter, skin, tones)
    solid = _kept_out(sitter, shells)
    hair = _hair(traits, groom, sitter, skin, solid)
    view = draw_view(traits, *orbit_deg, sitter, settings.size_px)
    if traits.backdrop == "wall":
        texture, facts["wall_colour"] = draw_fabric(traits.random("wall paper"), *tones, plain=0.75)
        shells.append(wall(traits, view, sitter, texture))
    spec = {
        "camera": view.spec(),
        "light": draw_light(traits, panoramas),
        "lamps": draw_lamps(traits, view),
        "skin": skin.maps,
        "scalp_linear": list(colour.linear),
        "hair": [_hair_spec(name, colour, groom) for name in hair],
        "meshes": [
            {"name": s.name, "label": s.label, "finish": s.finish, "roughness": s.roughness}
            for s in shells
        ],
        "behind": _stranger(traits, view.direction) if traits.has_stranger else None,
        "samples": settings.samples,
        "seed": traits.index,
    }  # fmt: skip
    arrays = {
        "head_vertices_m": sitter.vertices_m.astype(np.float32),
        "scalp_share": _scalp_share(groom, skin),
    }
    for name, strands in hair.items():
        arrays[f"hair_{name}_points_m"] = strands.points_m
        arrays[f"hair_{name}_radius_m"] = strands.radius_m
        arrays[f"hair_{name}_tone"] = strands.tone * np.float32(colour.spread)
    for shell in shells:
        arrays[f"mesh_{shell.name}_vertices_m"] = shell.vertices_m.astype(np.float32)
        arrays[f"mesh_{shell.name}_quads"] = shell.quads.astype(np.int32)
        arrays[f"mesh_{shell.name}_uv"] = shell.uv.astype(np.float32)
        arrays[f"mesh_{shell.name}_texture"] = shell.texture
    return PortraitSpec(spec, arrays, facts | _facts(groom, skin))


def _pose(traits: Traits) -> tuple[Sitter, tuple[float, float]]:
    """The person, and from where the camera sees the shoulders: yaw and pitch in degrees."""
    random = traits.random("pose")
    share = float(random.uniform(0.0, 1.0))  # of the turn that the camera makes
    yaw, pitch = traits.yaw_deg * (1.0 - share), traits.pitch_deg * (1.0 - share)
    # A face is seen from its left when it turns to its right.
    turn = Rotation.from_euler("xyz", [pitch, traits.roll_deg, -yaw], degrees=True)
    sitter = pose_sitter(
        head_template().random_identity(random),
        _expression(random),
        _gaze(random),
        turn,
        float(random.normal(1.0, 0.07)),
    )
    return sitter, (traits.yaw_deg * share, traits.pitch_deg * share)


def _expression(random: np.random.Generator) -> NDArray[np.float32]:
    """Weights (52,): a calm face, or some of smile, talk, brows and lids."""
    weights = np.zeros(len(SHAPE_NAMES), np.float32)

    def both(name: str, value: float) -> None:
        for side in ("Left", "Right"):
            weights[SHAPE_INDEX[f"{name}{side}"]] = np.clip(value * random.uniform(0.8, 1.2), 0, 1)

    if random.random() < 0.35:
        both("mouthSmile", random.uniform(0.2, 0.9))
        both("cheekSquint", random.uniform(0.0, 0.5))
    if random.random() < 0.4:
        weights[SHAPE_INDEX["jawOpen"]] = random.beta(1.2, 3.0)
    if random.random() < 0.15:
        weights[SHAPE_INDEX["mouthPucker"]] = random.uniform(0.2, 0.8)
    if random.random() < 0.25:
        weights[SHAPE_INDEX["browInnerUp"]] = random.uniform(0.2, 0.9)
    if random.random() < 0.2:
        both("browDown", random.uniform(0.2, 0.9))
    if random.random() < 0.2:
        both("eyeBlink", random.choice([1.0, random.uniform(0.1, 0.6)]))
    return weights


def _gaze(random: np.random.Generator) -> NDArray[np.float32]:
    yaw_pitch = np.clip(random.normal(0.0, [0.15, 0.08]), -0.35, 0.35)
    return np.repeat(yaw_pitch[None], 2, 0).astype(np.float32)


def _hair_colour(traits: Traits) -> HairColour:
    """The named colour, a little varied; dyed hair takes any."""
    random = traits.random("colour")
    colour = HAIR_COLOURS[traits.colour]
    melanin = float(np.clip(colour.melanin + random.normal(0.0, 0.04), 0.01, 1.0))
    if traits.colour != "dyed":
        return replace(colour, melanin=melanin)
    tint = np.clip(random.dirichlet([0.5, 0.5, 0.5]) * 1.6, 0.03, 1.0)
    red, green, blue = (float(value) for value in tint)
    linear = (0.3 * red, 0.3 * green, 0.3 * blue)
    return replace(colour, melanin=melanin, tint=(red, green, blue), linear=linear)


def _dress(
    traits: Traits, sitter: Sitter, skin: Skin, tones: tuple[Any, Any]
) -> tuple[list[Shell], dict[str, Any]]:
    random = traits.random("clothes")
    texture, kind = draw_fabric(random, *tones)
    shells = [body_shell(sitter, skin), *garment(traits.garment, sitter, texture, random)]
    facts: dict[str, Any] = {"garment_colour": kind}
    if traits.has_scarf and traits.hat not in ("hood_up", "headscarf"):
        scarf_texture, _ = draw_fabric(random, *tones, plain=0.4)
        shells += scarf(sitter, scarf_texture, random)
    if traits.hat != "none":
        hat_texture, _ = draw_fabric(random, *tones, plain=0.6)
        if traits.hat == "hood_up":
            hat_texture = texture
        shells += headwear(traits.hat, sitter, hat_texture, random)
        if traits.hat in ("hood_up", "headscarf"):  # its end lies round the neck
            shells += scarf(sitter, hat_texture, random)
    if traits.has_glasses:
        shells += glasses(sitter, random)
    if traits.has_earrings:
        shells += earrings(sitter, random)
    return shells, facts


def _kept_out(sitter: Sitter, shells: list[Shell]) -> Solid:
    """What hair does not enter: the person and the clothes, but no hat."""
    worn = [
        (shell.vertices_m, shell.quads) for shell in shells
        if shell.label == "clothes" and not shell.name.startswith("hat")
    ]  # fmt: skip
    return Solid.of((sitter.vertices_m, sitter.skin_faces), sitter.body_mesh, *worn)


def _hair(
    traits: Traits, groom: Groom | None, sitter: Sitter, skin: Skin, solid: Solid
) -> dict[str, Strands]:
    """Strands by name: "scalp0" and on, and "beard"."""
    grown = {}
    if groom is not None:
        parts = grow_scalp(groom, sitter, skin, solid, traits.random("strands"))
        grown = {f"scalp{number}": part for number, part in enumerate(parts)}
    if traits.beard != "none":
        random = traits.random("beard")
        longest = _LONGEST_BEARD_MM[traits.beard]
        is_stubble = traits.beard == "stubble"
        length = longest if is_stubble else float(random.uniform(5.0, longest))
        kind = "full" if is_stubble else traits.beard
        beard = grow_beard(kind, length, sitter, skin, solid, random)
        if len(beard):
            grown["beard"] = beard
    return grown


def _hair_spec(name: str, colour: HairColour, groom: Groom | None) -> dict[str, Any]:
    """A beard is part of the face: its label is skin."""
    long = groom is not None and groom.top_mm > 120.0
    return {
        "name": name,
        "label": "skin" if name == "beard" else "hair",
        "melanin": colour.melanin,
        "tip_melanin": colour.melanin * (0.85 if long else 1.0),
        "redness": colour.redness,
        "roughness": 0.3,
        "tint": list(colour.tint),
    }


def _scalp_share(groom: Groom | None, skin: Skin) -> NDArray[np.uint8]:
    """(512, 512) how much of the scalp hair hides, which strands alone leave open."""
    if groom is None:
        return np.zeros((GROWTH_TEXELS, GROWTH_TEXELS), np.uint8)
    density = skin.atlas_growth[groom.growth].astype(np.float64) / 255.0
    closed = float(np.interp(groom.top_mm, _LENGTHS_MM, _HIDDEN))
    share = closed * smooth_step(0.15, 0.85, density)
    return np.rint(255.0 * share).astype(np.uint8)


def _stranger(traits: Traits, direction: NDArray[np.float64]) -> dict[str, Any]:
    """Somebody behind and beside, mirrored so that they do not look the same."""
    random = traits.random("stranger")
    aside = np.cross([0.0, 0.0, 1.0], direction)
    aside /= np.linalg.norm(aside)
    place = -random.uniform(0.35, 0.8) * direction
    place = place + random.choice([-1.0, 1.0]) * random.uniform(0.16, 0.36) * aside
    place[2] += random.normal(0.0, 0.06)
    matrix = np.eye(4)
    spin = Rotation.from_euler("z", random.normal(0.0, 0.6)).as_matrix()
    matrix[:3, :3] = spin @ np.diag([-1.0, 1.0, 1.0])
    matrix[:3, 3] = place
    return {"matrix": matrix.tolist(), "melanin": float(random.choice([0.25, 0.6, 0.85, 0.97]))}


def _facts(groom: Groom | None, skin: Skin) -> dict[str, Any]:
    return {
        "curl": curl_of(groom),
        "hair_mm": 0.0 if groom is None else groom.top_mm,
        "tone_angle_deg": skin.tone_angle_deg,
        "skin_type": skin.person.skin_type,
    }
