"""A portrait's spec to a scene in Blender: a person with hair and clothes, light, a phone's camera.

Replaces the whole scene: for a process of its own. The head is built once; a portrait moves its
vertices and brings everything else along.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..avatar.bundle import HeadData
from ..avatar.template import MATERIALS, load_template
from .apply import build_avatar
from .lights import set_environment
from .materials import set_texture_version
from .placement import look_at
from .portrait_materials import (
    IMAGE,
    TONE,
    add_scalp,
    color_image,
    hair_material,
    show_scalp,
    surface_material,
)
from .skin_material import load_maps

LABEL = "studio_avatar_label"  # on what belongs to the person: one of portrait_materials.LABELS
CLEAR = "studio_avatar_clear"  # on what only reflects, and hides nothing

_SUBJECT = "Subject"

Spec = dict[str, Any]  # as `portrait_studio` describes it
Arrays = dict[str, NDArray[Any]]


class PortraitScene:
    """The film set; `show` puts another portrait's person into it."""

    def __init__(self) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        self.head = _bare_head(self.scene)
        self.head[LABEL] = "skin"
        self.skin = self.head.data.materials[MATERIALS.index("skin")]
        self.scalp: bpy.types.Image | None = None
        add_scalp(self.skin)
        self.camera = bpy.data.objects.new("Phone", bpy.data.cameras.new("Phone"))
        self.scene.collection.objects.link(self.camera)
        self.scene.camera = self.camera
        self.spec: Spec = {}
        self._guests: list[bpy.types.Object] = []

    def show(self, spec: Spec, arrays: Arrays) -> None:
        """Take the former portrait away and build this one."""
        self._clear()
        self.spec = spec
        self._show_head(arrays)
        for hair in spec["hair"]:
            self._add_hair(hair, arrays)
        for mesh in spec["meshes"]:
            self._add_mesh(mesh, arrays)
        for lamp in spec["lamps"]:
            self._add_lamp(lamp)
        if spec["behind"] is not None:
            self._add_stranger(spec["behind"])
        light = spec["light"]
        set_environment(
            self.scene, Path(light["hdri"]), light["strength"], light["rotation_rad"], visible=True
        )
        self._place_camera(spec["camera"])
        bpy.context.view_layer.update()

    def surfaces(self) -> Iterator[bpy.types.Object]:
        """Whatever there is to see, the head first."""
        yield self.head
        yield from (guest for guest in self._guests if guest.type in ("MESH", "CURVES"))

    def _show_head(self, arrays: Arrays) -> None:
        mesh = self.head.data
        vertices = np.ascontiguousarray(arrays["head_vertices_m"], np.float32)
        mesh.vertices.foreach_set("co", vertices.ravel())
        mesh.update()
        maps = {name: Path(path) for name, path in self.spec["skin"].items()}
        load_maps(self.skin, _SUBJECT, {"studio": maps})
        set_texture_version(self.head, "studio")
        self.scalp = color_image(arrays["scalp_share"])
        show_scalp(self.skin, self.scalp, self.spec["scalp_linear"])

    def _add_hair(self, hair: Spec, arrays: Arrays) -> None:
        name = hair["name"]
        points = np.ascontiguousarray(arrays[f"hair_{name}_points_m"], np.float32)
        curves = bpy.data.hair_curves.new(name)
        curves.add_curves([points.shape[1]] * len(points))
        curves.attributes["position"].data.foreach_set("vector", points.ravel())
        for attribute, domain, values in (
            ("radius", "POINT", arrays[f"hair_{name}_radius_m"]),
            (TONE, "CURVE", arrays[f"hair_{name}_tone"]),
        ):
            layer = curves.attributes.get(attribute)
            layer = layer or curves.attributes.new(attribute, "FLOAT", domain)
            layer.data.foreach_set("value", np.ascontiguousarray(values, np.float32).ravel())
        curves.materials.append(hair_material(hair, hair["melanin"]))
        self._link(bpy.data.objects.new(name, curves), hair["label"])

    def _add_mesh(self, part: Spec, arrays: Arrays) -> None:
        name = part["name"]
        quads = arrays[f"mesh_{name}_quads"]
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(arrays[f"mesh_{name}_vertices_m"].tolist(), [], quads.tolist())
        mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
        uv = np.ascontiguousarray(arrays[f"mesh_{name}_uv"][quads.ravel()], np.float32)
        mesh.uv_layers.new(name="UV").uv.foreach_set("vector", uv.ravel())
        mesh.materials.append(surface_material(part, arrays[f"mesh_{name}_texture"]))
        mesh.update()
        created = bpy.data.objects.new(name, mesh)
        created[CLEAR] = part["finish"] == "lens"
        self._link(created, part["label"])

    def _add_lamp(self, lamp: Spec) -> None:
        data = bpy.data.lights.new("Lamp", "AREA")
        data.shape, data.size = "DISK", lamp["size_m"]
        data.energy, data.color = lamp["power_w"], lamp["color"]
        created = bpy.data.objects.new("Lamp", data)
        created.matrix_world = look_at(Vector(lamp["position_m"]), Vector((0.0, 0.0, 0.0)))
        created.visible_camera = False
        self._link(created, None)

    def _add_stranger(self, behind: Spec) -> None:
        """Somebody else behind the person: the same shape, and hair darker or lighter."""
        hairs = {hair["name"]: hair for hair in self.spec["hair"]}
        for source in tuple(self.surfaces()):
            if LABEL not in source:
                continue
            copy = source.copy()
            copy.matrix_world = Matrix(behind["matrix"])
            if source.type == "CURVES":
                slot = copy.material_slots[0]
                slot.link = "OBJECT"
                slot.material = hair_material(hairs[source.data.name], behind["melanin"])
            self._link(copy, None)

    def _link(self, guest: bpy.types.Object, label: str | None) -> None:
        """`label` None: it belongs to the background."""
        guest.pop(LABEL, None)
        if label is not None:
            guest[LABEL] = label
        self.scene.collection.objects.link(guest)
        self._guests.append(guest)

    def _place_camera(self, spec: Spec) -> None:
        data, render = self.camera.data, self.scene.render
        data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
        data.lens = spec["focal_px"] * data.sensor_width / spec["size_px"][0]
        data.clip_start, data.clip_end = 0.01, 20.0
        self.camera.matrix_world = Matrix(spec["world_from_camera"])
        render.resolution_x, render.resolution_y = spec["size_px"]
        render.resolution_percentage = 100

    def _clear(self) -> None:
        """Remove the guests with all that only they use."""
        for guest in self._guests:
            bpy.data.objects.remove(guest)
        self._guests = []
        for kind in (bpy.data.hair_curves, bpy.data.lights, bpy.data.meshes, bpy.data.materials):
            for data in tuple(kind):
                if data.users == 0:
                    kind.remove(data)
        for image in tuple(bpy.data.images):
            if image.name.startswith(IMAGE):
                bpy.data.images.remove(image)


def _bare_head(scene: bpy.types.Scene) -> bpy.types.Object:
    """The template's head with its materials, free of rig, shape keys and bust."""
    template = load_template()
    fit = HeadData(
        identity=np.zeros(len(template.identity_names), np.float32),
        neutral_m=template.vertices_m,
        shape_deltas_m=template.shape_deltas_m,
        corrective_deltas_m=template.corrective_deltas_m,
        joints_m=template.bone_ends_m,
        eye_centre_m=template.eye_centre_m,
        eye_radius_m=template.eye_radius_m,
        iris_linear=np.zeros(3, np.float32),  # the maps hold the irises
    )
    person = build_avatar(scene, _SUBJECT, template, fit, {})
    head = person.head
    head.parent = None
    head.shape_key_clear()
    for modifier in tuple(head.modifiers):
        if modifier.type == "SUBSURF":
            modifier.levels = modifier.render_levels = 1
        else:
            head.modifiers.remove(modifier)
    for part in (person.bust, person.rig):
        bpy.data.objects.remove(part)
    return head
