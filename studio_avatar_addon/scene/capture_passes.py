"""A simulated capture's scene to pictures of a view: lit, unlit, depth and parts.

Preparing a pass changes materials and settings for good, in the order lit, unlit, truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.colour import LUMINANCE_WEIGHTS
from ..avatar.template import HeadTemplate
from . import compat, nodes
from .capture_set import CaptureScene
from .render import render_picture, set_cycles

BUST_PART = 255
_PART = "part"  # face attribute: 1 + index into MATERIALS
_HEAD_INDEX, _BUST_INDEX = 1, 2
_UNLIT_SAMPLES = 16  # smooth edges; there is no noise
_METERING_WIDTH_PX, _METERING_SAMPLES = 90, 16  # means over the face need no more
_MEAN_EXPOSURE, _PEAK_EXPOSURE = 0.24, 0.95  # linear, of the skin: as a phone exposes a face


@dataclass(frozen=True)
class Pass:
    """A folder of pictures: file suffix, how the scene is prepared, how the view shown is saved."""

    folder: str
    suffix: str
    prepare: Callable[[CaptureScene], None]
    save: Callable[[CaptureScene, Path], None]


def prepare_lit(capture: CaptureScene) -> None:
    scene = capture.scene
    set_cycles(scene, capture.spec.samples)
    scene.cycles.seed = capture.spec.seed
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    scene.render.use_persistent_data = True
    compat.set_image_output(scene.render, "PNG", "RGB", "8")


def prepare_unlit(capture: CaptureScene) -> None:
    """Every material shows its base colour as light of its own; the clear cornea shows nothing."""
    prepare_lit(capture)
    _flat_sampling(capture.scene, _UNLIT_SAMPLES)
    compat.set_image_output(capture.scene.render, "PNG", "RGBA", "8")
    for part in (capture.person.head, capture.person.bust):
        for material in part.data.materials:
            _emit_base_color(compat.node_tree(material))


def prepare_truth(capture: CaptureScene) -> None:
    """One point sample a pixel of depth and part, in the channels of a float picture."""
    prepare_lit(capture)
    scene = capture.scene
    _flat_sampling(scene, 1)
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 0.01
    compat.set_image_output(scene.render, "OPEN_EXR", "RGBA", "32")
    capture.person.head.pass_index, capture.person.bust.pass_index = _HEAD_INDEX, _BUST_INDEX
    _mark_parts(capture.person.head.data, capture.spec.template)
    scene.view_layers[0].material_override = _truth_material()


def save_picture(capture: CaptureScene, path: Path) -> None:
    render_picture(capture.scene, path)


def save_truth(capture: CaptureScene, path: Path) -> None:
    """`depth_m` (H, W) float32, inf where nothing is, and `part` (H, W) uint8, 0 there."""
    values = rendered_values(capture.scene)
    is_hit = values[..., 3] > 0.5
    depth = np.where(is_hit, values[..., 0], np.inf).astype(np.float32)
    part = np.where(values[..., 1] > 1.5, BUST_PART, np.rint(values[..., 2]))
    with path.open("wb") as stream:
        np.savez_compressed(stream, depth_m=depth, part=(part * is_hit).astype(np.uint8))


PASSES = (
    Pass("frames", ".png", prepare_lit, save_picture),
    Pass("unlit", ".png", prepare_unlit, save_picture),
    Pass("truth", ".npz", prepare_truth, save_truth),
)


def metered_strength(capture: CaptureScene) -> float:
    """The environment's strength for the first view: the spec's, or one that exposes the face."""
    if capture.spec.strength is not None:
        return capture.spec.strength
    capture.show(0)
    prepare_lit(capture)
    render = capture.scene.render
    capture.scene.cycles.samples = _METERING_SAMPLES
    render.film_transparent = True
    compat.set_image_output(render, "OPEN_EXR", "RGBA", "32")
    width = capture.spec.camera.size_px[0]
    render.resolution_percentage = min(100, max(1, round(100 * _METERING_WIDTH_PX / width)))
    values = rendered_values(capture.scene)
    render.resolution_percentage, render.film_transparent = 100, False
    # The person's upper two thirds are the head; the dark bust below must not count.
    person = values[: len(values) * 2 // 3][values[: len(values) * 2 // 3, :, 3] > 0.99]
    luminance = person[:, :3] @ np.array(LUMINANCE_WEIGHTS)
    is_skin = luminance > np.median(luminance) * 0.2
    # Light skin is red: its red channel is full long before its luminance is.
    brightest = np.percentile(person[is_skin, :3].max(1), 98)
    return float(min(_MEAN_EXPOSURE / luminance[is_skin].mean(), _PEAK_EXPOSURE / brightest))


def _flat_sampling(scene: bpy.types.Scene, samples: int) -> None:
    """No light, so no noise: few samples, no denoising, no background."""
    scene.cycles.samples = samples
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.film_transparent = True


def _emit_base_color(tree: bpy.types.NodeTree) -> None:
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    shader = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None:
        nodes.join(tree, tree.nodes["Clear"], 0, output, "Surface")
        return
    emission = nodes.add(tree, "Emission", "Unlit", (8, -2))
    color = shader.inputs["Base Color"]
    if color.links:
        tree.links.new(color.links[0].from_socket, emission.inputs["Color"])
    else:
        emission.inputs["Color"].default_value = color.default_value
    nodes.join(tree, emission, 0, output, "Surface")


def _mark_parts(mesh: bpy.types.Mesh, template: HeadTemplate) -> None:
    attribute = mesh.attributes.new(_PART, "FLOAT", "FACE")
    attribute.data.foreach_set("value", template.quad_material.astype(np.float32) + 1.0)


def _truth_material() -> bpy.types.Material:
    """Glows with (depth along the view in m, object index, part)."""
    material = bpy.data.materials.new("Truth")
    tree = compat.node_tree(material)
    tree.nodes.clear()
    view = nodes.add(tree, "CameraData", "View", (0, 0))
    object_info = nodes.add(tree, "ObjectInfo", "Object", (0, 1))
    part = nodes.add(tree, "Attribute", "Part", (0, 2), attribute_name=_PART)
    channels = nodes.add(tree, "CombineXYZ", "Channels", (1, 0))
    emission = nodes.add(tree, "Emission", "Glow", (2, 0))
    output = nodes.add(tree, "OutputMaterial", "Material Output", (3, 0))
    nodes.join(tree, view, "View Z Depth", channels, 0)
    nodes.join(tree, object_info, "Object Index", channels, 1)
    nodes.join(tree, part, "Fac", channels, 2)
    nodes.join(tree, channels, 0, emission, "Color")
    nodes.join(tree, emission, 0, output, "Surface")
    return material


def rendered_values(scene: bpy.types.Scene) -> NDArray[np.float32]:
    """Render and read back linear float channels (H, W, 4), top row first."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "values.exr"
        render_picture(scene, path)
        picture = bpy.data.images.load(str(path))
        try:
            picture.colorspace_settings.name = "Non-Color"
            values = np.empty(len(picture.pixels), np.float32)
            picture.pixels.foreach_get(values)
        finally:
            bpy.data.images.remove(picture)
    width = scene.render.resolution_x * scene.render.resolution_percentage // 100
    return values.reshape(-1, width, 4)[::-1]
