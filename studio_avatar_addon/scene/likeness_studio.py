"""A JSON spec in, pictures of one finished avatar out: at rest, gaze straight, one camera's lens.

    python -m studio_avatar_addon.scene.likeness_studio SPEC.json FOLDER

    {"avatar": "folder", "template": "studio_head_1", "size_px": [448, 560], "focal_px": 1322,
     "samples": 24,
     "pictures": {NAME: {"eye_m": [x, y, z], "target_m": [x, y, z],    head frame
                         "look": "rig" | "clay", "rig": one of LIGHT_RIGS,
                         "mirrored": false}}}             its lights from the other side

Each becomes FOLDER/NAME.png, in the view transform that a new scene has. The name is printed when
it is whole. For a process of its own: the whole scene is replaced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
from mathutils import Vector

from ..avatar.bundle import open_avatar
from ..avatar.errors import StudioAvatarError
from ..avatar.files import whole_file
from ..avatar.template import MATERIALS, SEE_THROUGH, installed_template
from . import compat, nodes
from .apply import AppliedAvatar, build_avatar
from .lights import add_light_rig
from .placement import face_placement, look_at
from .render import render_picture, set_cycles

_SENSOR_MM = 36.0  # of the picture's longer side
_CLAY = 0.45  # albedo: a light grey that still shades


def main(arguments: list[str]) -> int:
    """Render the spec's pictures; 2 with one sentence on stderr where they cannot be."""
    if len(arguments) != 2:
        print("usage: likeness_studio SPEC.json FOLDER", file=sys.stderr)
        return 2
    spec = json.loads(Path(arguments[0]).read_text("utf-8"))
    try:
        render_pictures(spec, Path(arguments[1]))
    except StudioAvatarError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def render_pictures(spec: Mapping[str, Any], folder: Path) -> None:
    """Raises AvatarFolderError where the avatar is damaged or a picture cannot be written."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    avatar = open_avatar(Path(spec["avatar"]))
    # Topology and atlas of a named head are frozen; its landmarks and shapes may have been learned
    # anew since, and an older avatar is measured all the same.
    template = installed_template(str(spec["template"]))
    person = build_avatar(scene, avatar.name, template, avatar.head, avatar.maps)
    camera = _camera(scene, spec)
    set_cycles(scene, int(spec["samples"]))
    scene.render.use_persistent_data = True
    compat.set_image_output(scene.render, "PNG", "RGB", "8")
    # Clay last: it takes the place of the materials.
    for name, picture in sorted(
        spec["pictures"].items(), key=lambda item: item[1]["look"] != "rig"
    ):
        if picture["look"] == "clay":
            _turn_to_clay(person)
        _light(scene, person.head, picture)
        camera.matrix_world = look_at(Vector(picture["eye_m"]), Vector(picture["target_m"]))
        with whole_file(folder / f"{name}.png") as partial:
            render_picture(scene, partial)
        print(name, flush=True)


def _camera(scene: bpy.types.Scene, spec: Mapping[str, Any]) -> bpy.types.Object:
    data = bpy.data.cameras.new("Likeness")
    data.sensor_width, data.clip_start = _SENSOR_MM, 0.01
    data.lens = float(spec["focal_px"]) * _SENSOR_MM / max(spec["size_px"])
    camera = bpy.data.objects.new("Likeness", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = spec["size_px"]
    scene.render.resolution_percentage = 100
    return camera


def _light(scene: bpy.types.Scene, head: bpy.types.Object, picture: Mapping[str, Any]) -> None:
    rig = add_light_rig(scene, head, picture["rig"])
    if not picture["mirrored"]:
        return
    face = face_placement(head).face
    for light in rig.objects:
        place = light.matrix_world.translation.copy()
        place.x = 2.0 * face.x - place.x
        light.matrix_world = look_at(place, face)


def _turn_to_clay(person: AppliedAvatar) -> None:
    """One matte grey for all that is opaque; nothing of what is clear or thin as a hair."""
    clay, clear = bpy.data.materials.new("Clay"), bpy.data.materials.new("Clear")
    for material, kind, color in (
        (clay, "BsdfDiffuse", (_CLAY, _CLAY, _CLAY, 1.0)),
        (clear, "BsdfTransparent", (1.0, 1.0, 1.0, 1.0)),
    ):
        tree = compat.node_tree(material)
        tree.nodes.clear()
        shader = nodes.add(tree, kind, kind, (0, 0), {"Color": color})
        output = nodes.add(tree, "OutputMaterial", "Material Output", (1, 0))
        nodes.join(tree, shader, 0, output, "Surface")
    for slot, kind in enumerate(MATERIALS):
        person.head.data.materials[slot] = clear if kind in SEE_THROUGH else clay
    for slot in range(len(person.bust.data.materials)):
        person.bust.data.materials[slot] = clay


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
