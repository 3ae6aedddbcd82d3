"""A head and an HDRI to the light that Cycles finds on the head, texel by texel of its atlas.

    python -m studio_avatar_addon.scene.bake_light SPEC.json

    {"identity": [..],            of the default template, in standard deviations
     "hdri": "path",  "rotation_deg": 0,
     "albedo": 0.5,               of the whole, matte head: the light it throws on itself
     "size": 96, "samples": 256,
     "result": "path.npz"}        `light_linear` (size, size, 3): irradiance over pi, top row first

For the benchmark of the training simulator. Replaces the whole scene: for a process of its own.
"""

from __future__ import annotations

import json
import sys
from math import radians
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.arrays import write_arrays
from ..avatar.errors import StudioAvatarError
from ..avatar.template import MATERIALS, SEE_THROUGH, HeadTemplate, load_template
from . import compat, nodes
from .lights import set_environment
from .render import set_cycles


def main(arguments: list[str]) -> int:
    """Bake the spec; 0 when it is done, 2 with one sentence on stderr where it cannot be."""
    if len(arguments) != 1:
        print("usage: bake_light SPEC.json", file=sys.stderr)
        return 2
    spec = json.loads(Path(arguments[0]).read_text("utf-8"))
    try:
        light = bake_light(spec)
    except StudioAvatarError as error:
        print(error, file=sys.stderr)
        return 2
    write_arrays(Path(spec["result"]), light_linear=light)
    return 0


def bake_light(spec: dict[str, Any]) -> NDArray[np.float32]:
    """(size, size, 3). Raises EnvironmentProblem for an unknown HDRI, IdentityError."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    template = load_template()
    head = _head(scene, template, template.neutral_m(np.asarray(spec["identity"], np.float32)))
    image = bpy.data.images.new("Light", spec["size"], spec["size"], float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    head.data.materials.append(_diffuse_material(float(spec["albedo"]), image))
    set_environment(scene, spec["hdri"], 1.0, radians(spec["rotation_deg"]), visible=True)
    set_cycles(scene, spec["samples"])
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.sample_clamp_indirect = 0.0
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    bpy.ops.object.bake(type="DIFFUSE", pass_filter={"DIRECT", "INDIRECT"}, margin=0)
    values = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(spec["size"], spec["size"], 4)[::-1, :, :3]


def _head(
    scene: bpy.types.Scene, template: HeadTemplate, vertices_m: NDArray[np.float32]
) -> bpy.types.Object:
    """The head's opaque parts, smooth, as they lie in the head frame."""
    clear = [MATERIALS.index(name) for name in SEE_THROUGH]
    opaque = ~np.isin(template.quad_material, clear)
    mesh = bpy.data.meshes.new("Head")
    mesh.from_pydata(vertices_m.tolist(), [], template.quads[opaque].tolist())
    layer = mesh.uv_layers.new(name="Atlas")
    layer.data.foreach_set("uv", template.quad_uv[opaque].astype(np.float32).ravel())
    mesh.shade_smooth()
    head = bpy.data.objects.new("Head", mesh)
    scene.collection.objects.link(head)
    return head


def _diffuse_material(albedo: float, image: bpy.types.Image) -> bpy.types.Material:
    """Diffuse only; the active image takes the bake."""
    material = bpy.data.materials.new("Matte")
    tree = compat.node_tree(material)
    tree.nodes.clear()
    shader = nodes.add(tree, "BsdfDiffuse", "Matte", (0, 0))
    shader.inputs["Color"].default_value = (albedo, albedo, albedo, 1.0)
    output = nodes.add(tree, "OutputMaterial", "Material Output", (1, 0))
    nodes.join(tree, shader, 0, output, "Surface")
    target = nodes.add(tree, "TexImage", "Light", (0, 1))
    target.image = image
    tree.nodes.active = target
    return material


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
