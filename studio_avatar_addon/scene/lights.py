"""Studio light for a head: area-light rigs in a collection of their own, and environments.

The artist's lights and worlds are never changed: our rig lives in one collection, our world is a
world of its own that takes the place of the artist's while studio light is on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import radians
from pathlib import Path

import bpy

from ..avatar.errors import EnvironmentProblem
from . import compat, nodes
from .placement import FacePlacement, face_placement, look_at

COLLECTION = "Studio Avatar Light"
WORLD = "Studio Avatar World"
_MARK = "studio_avatar_light"  # on our collection and world
_FORMER_WORLD = "studio_avatar_former_world"  # on the scene, while our world is in its place
# Linear Rec.709: a little warmer and cooler than white, so that key, fill and rim differ.
_WARM, _NEUTRAL, _COOL = (1.0, 0.90, 0.80), (1.0, 0.97, 0.94), (0.82, 0.91, 1.0)


@dataclass(frozen=True)
class AreaLight:
    """An area light aimed at the face; yaw to the subject's left, pitch up; metres and watts
    for a real head, scaled with larger ones."""

    name: str
    yaw_deg: float
    pitch_deg: float
    distance_m: float
    size_m: float
    power_w: float
    color: tuple[float, float, float]


@dataclass(frozen=True)
class LightRig:
    """Lights about the face; `label` and `description` are what the panel shows."""

    label: str
    description: str
    area_lights: tuple[AreaLight, ...]
    ambient: float  # grey light from everywhere, W/m² sr


LIGHT_RIGS: dict[str, LightRig] = {
    "three_point": LightRig(
        "Three Point",
        "A warm key from the left, a soft fill and two rims that lift the head off the ground",
        (
            AreaLight("Key", 40, 28, 1.1, 0.55, 17.0, _WARM),
            AreaLight("Fill", -50, 5, 1.3, 1.1, 4.5, _NEUTRAL),
            AreaLight("Rim Left", 150, 25, 1.1, 0.35, 6.0, _COOL),
            AreaLight("Rim Right", -150, 30, 1.1, 0.35, 8.0, _COOL),
        ),
        0.02,
    ),
    "soft_box": LightRig(
        "Soft Box",
        "Beauty light: a large box above the camera, a card below the chin, a hair light",
        (
            AreaLight("Box", 0, 38, 1.0, 1.1, 15.0, _NEUTRAL),
            AreaLight("Card", 0, -42, 0.8, 0.8, 3.0, _NEUTRAL),
            AreaLight("Hair", 180, 55, 1.0, 0.5, 8.0, _NEUTRAL),
        ),
        0.04,
    ),
    "rim": LightRig(
        "Rim",
        "Two strong edges from behind and hardly any light from the front",
        (
            AreaLight("Edge Left", 145, 15, 1.0, 0.4, 24.0, _COOL),
            AreaLight("Edge Right", -145, 15, 1.0, 0.4, 24.0, _WARM),
            AreaLight("Front", 12, 22, 1.3, 0.9, 5.0, _NEUTRAL),
        ),
        0.005,
    ),
    "split": LightRig(
        "Split",
        "One small hard light from the side, a trace of fill: shows relief",
        (
            AreaLight("Key", 72, 15, 1.2, 0.18, 20.0, _WARM),
            AreaLight("Fill", -60, 0, 1.5, 1.0, 1.0, _COOL),
        ),
        0.006,
    ),
}


def add_light_rig(scene: bpy.types.Scene, head: bpy.types.Object, rig: str) -> bpy.types.Collection:
    """Place a rig of `LIGHT_RIGS` about the head instead of the former one, and switch it on.

    Raises EnvironmentProblem for an unknown name.
    """
    if rig not in LIGHT_RIGS:
        raise EnvironmentProblem(
            f"There is no light rig named {rig}.", f"Choose one of {', '.join(LIGHT_RIGS)}."
        )
    remove_light_rig(scene)
    collection = bpy.data.collections.new(COLLECTION)
    collection[_MARK] = rig
    scene.collection.children.link(collection)
    face = face_placement(head)
    for area_light in LIGHT_RIGS[rig].area_lights:
        _add_area_light(collection, area_light, face)
    world = _studio_world()
    _ambient(world, LIGHT_RIGS[rig].ambient)
    _use_world(scene, world)
    return collection


def remove_light_rig(scene: bpy.types.Scene) -> None:
    """Take our lamps out of the scene; the world stays as it is."""
    collection = _rig_collection(scene)
    if collection is None:
        return
    for area_light in tuple(collection.objects):
        data = area_light.data
        bpy.data.objects.remove(area_light)
        if data.users == 0:
            bpy.data.lights.remove(data)
    bpy.data.collections.remove(collection)


def studio_light_on(scene: bpy.types.Scene) -> bool:
    """Whether our lamps or our world light the scene."""
    collection = _rig_collection(scene)
    is_rig_on = collection is not None and not collection.hide_render
    return is_rig_on or (scene.world is not None and _MARK in scene.world)


def set_studio_light(scene: bpy.types.Scene, on: bool) -> None:
    """Show our lamps and world, or hide them and give the artist's world back."""
    collection = _rig_collection(scene)
    if collection is not None:
        collection.hide_render = collection.hide_viewport = not on
    if on:
        _use_world(scene, _studio_world())
    else:
        _restore_world(scene)


def environments() -> tuple[str, ...]:
    """Names of the HDRIs that ship with Blender; () where this build ships none."""
    return tuple(sorted(_shipped()))


def environment_path(environment: str | Path) -> Path:
    """The file of a shipped HDRI or of a path. Raises EnvironmentProblem if it is missing."""
    shipped = _shipped()
    path = shipped.get(str(environment)) or Path(environment)
    if not path.is_file():
        raise EnvironmentProblem(
            f"There is no environment {environment}.",
            f"Give the path of an .exr or .hdr file{_or_one_of(shipped)}.",
        )
    return path


def set_environment(
    scene: bpy.types.Scene, environment: str | Path | None,
    strength: float = 1.0, rotation_rad: float = 0.0, visible: bool = False,
) -> None:  # fmt: skip
    """Light the scene by an HDRI in our own world; None gives the artist's world back.

    `visible`: the picture itself is the background, otherwise a plain ground.
    """
    if environment is None:
        _restore_world(scene)
        return
    path = environment_path(environment)
    world = _studio_world()
    tree = compat.node_tree(world)
    picture = tree.nodes["Environment"]
    picture.image = bpy.data.images.load(str(path), check_existing=True)
    tree.nodes["Turn"].inputs["Rotation"].default_value = (0.0, 0.0, rotation_rad)
    light = tree.nodes["Light"]
    nodes.join(tree, picture, "Color", light, "Color")
    light.inputs["Strength"].default_value = strength
    tree.nodes["Ground Share"].inputs[1].default_value = 0.0 if visible else 1.0
    _use_world(scene, world)


def _shipped() -> dict[str, Path]:
    """Blender's own HDRIs by name.

    The builds of Linux distributions keep them outside of `resource_path("LOCAL")`.
    """
    folder = bpy.utils.system_resource("DATAFILES", path="studiolights/world")
    return {path.stem: path for path in Path(folder).glob("*.exr")} if folder else {}


def _or_one_of(names: Iterable[str]) -> str:
    """The end of a sentence that offers the names, if there are any."""
    listed = ", ".join(sorted(names))
    return f", or one of {listed}" if listed else ""


def _rig_collection(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    return next((c for c in scene.collection.children_recursive if _MARK in c), None)


def _add_area_light(
    collection: bpy.types.Collection, area_light: AreaLight, face: FacePlacement
) -> None:
    data = bpy.data.lights.new(f"Studio {area_light.name}", "AREA")
    data.shape, data.size = "DISK", area_light.size_m * face.scale
    data.energy = area_light.power_w * face.scale**2  # keeps the brightness on a larger head
    data.color = area_light.color
    light = bpy.data.objects.new(data.name, data)
    offset = face.orbit(
        radians(area_light.yaw_deg), radians(area_light.pitch_deg), area_light.distance_m
    )
    light.matrix_world = look_at(face.face + offset, face.face)
    collection.objects.link(light)


def _use_world(scene: bpy.types.Scene, world: bpy.types.World) -> None:
    if scene.world is not world:
        if scene.world is not None:
            scene[_FORMER_WORLD] = scene.world
        scene.world = world


def _restore_world(scene: bpy.types.Scene) -> None:
    if scene.world is not None and _MARK in scene.world:
        scene.world = scene.get(_FORMER_WORLD)
    if _FORMER_WORLD in scene:
        del scene[_FORMER_WORLD]


def _ambient(world: bpy.types.World, radiance: float) -> None:
    """Even grey light instead of an environment."""
    tree = compat.node_tree(world)
    light = tree.nodes["Light"]
    for link in tuple(light.inputs["Color"].links):
        tree.links.remove(link)
    light.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    light.inputs["Strength"].default_value = radiance
    tree.nodes["Ground Share"].inputs[1].default_value = 1.0


def _studio_world() -> bpy.types.World:
    """Our world, made once: an environment to light by, and a soft grey ground for the camera."""
    for world in bpy.data.worlds:
        if _MARK in world:
            return world
    world = bpy.data.worlds.new(WORLD)
    world[_MARK] = True
    tree = compat.node_tree(world)
    tree.nodes.clear()
    coordinates = nodes.add(tree, "TexCoord", "Directions", (0, 0))
    turn = nodes.add(tree, "Mapping", "Turn", (1, 0))
    picture = nodes.add(tree, "TexEnvironment", "Environment", (2, 0))
    light = nodes.add(tree, "Background", "Light", (3.5, 0))
    ground = _backdrop(tree, coordinates)
    rays = nodes.add(tree, "LightPath", "Rays", (2, 3.5))
    share = nodes.math(tree, "MULTIPLY", "Ground Share", (3, 3), rays.outputs["Is Camera Ray"], 1.0)
    mixed = nodes.add(tree, "MixShader", "Light or Ground", (4.5, 0))
    output = nodes.add(tree, "OutputWorld", "World Output", (5.5, 0))
    nodes.join(tree, coordinates, "Generated", turn, "Vector")
    nodes.join(tree, turn, "Vector", picture, "Vector")
    tree.links.new(share, mixed.inputs[0])
    nodes.join(tree, light, 0, mixed, 1)
    nodes.join(tree, ground, 0, mixed, 2)
    nodes.join(tree, mixed, 0, output, "Surface")
    return world


def _backdrop(tree: bpy.types.NodeTree, coordinates: bpy.types.Node) -> bpy.types.Node:
    """A grey that falls off from behind the head to the picture's corners."""
    middle = nodes.add(tree, "VectorMath", "From Middle", (1, 1.5), {1: (0.5, 0.45, 0.0)})
    middle.operation = "DISTANCE"
    ramp = nodes.add(tree, "ValToRGB", "Ground", (2, 1.5))
    ramp.color_ramp.interpolation = "EASE"
    ramp.color_ramp.elements[0].color = (0.10, 0.105, 0.115, 1.0)
    ramp.color_ramp.elements[1].color = (0.018, 0.019, 0.022, 1.0)
    ramp.color_ramp.elements[1].position = 0.75
    ground = nodes.add(tree, "Background", "Plain Ground", (3.5, 1.5))
    nodes.join(tree, coordinates, "Window", middle, 0)
    nodes.join(tree, middle, "Value", ramp, "Fac")
    nodes.join(tree, ramp, "Color", ground, "Color")
    return ground
