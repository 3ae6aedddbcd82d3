"""Materials of portraits: hair by its melanin, cloth and walls by a picture, frames, labels."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat, nodes
from .skin_material import (
    SPECULAR_LEVEL,
    SUBSURFACE_IOR,
    SUBSURFACE_RADIUS,
    SUBSURFACE_SCALE_M,
)

LABELS = ("skin", "hair", "clothes", "other")
TONE = "tone"  # attribute of each strand: how much more melanin than the hair's own
SCALP_IMAGE = "Portrait Scalp"  # node
IMAGE = "Portrait Image"  # how the images of a portrait are named
_LENS_IOR = 1.5
# A shaved scalp is shaded by its roots and still skin; cropped hair hides more than half of it.
_COUNTS_AS_HAIR = (0.35, 0.65)


def hair_material(hair: dict[str, Any], melanin: float) -> bpy.types.Material:
    """Principled Hair whose melanin varies from strand to strand and from root to tip."""
    material = bpy.data.materials.new("Portrait Hair")
    tree = compat.node_tree(material)
    tree.nodes.clear()
    tone = nodes.add(tree, "Attribute", "Tone", (0, 0), attribute_name=TONE)
    strand = nodes.add(tree, "HairInfo", "Strand", (0, 1))
    to_tip = hair["tip_melanin"] - hair["melanin"]
    tip = nodes.math(tree, "MULTIPLY", "To Tip", (1, 1), strand.outputs["Intercept"], to_tip)
    varied = nodes.math(tree, "ADD", "Varied", (2, 0), tone.outputs["Fac"], tip)
    total = nodes.math(tree, "ADD", "Melanin", (3, 0), varied, melanin)
    bounded = nodes.add(tree, "Clamp", "Bounded", (4, 0))
    shader = nodes.add(tree, "BsdfHairPrincipled", "Hair", (5, 0))
    shader.model, shader.parametrization = "CHIANG", "MELANIN"
    for socket, value in {
        "Melanin Redness": hair["redness"],
        "Tint": (*hair["tint"], 1.0),
        "Roughness": hair["roughness"],
        "Radial Roughness": hair["roughness"],
        "Random Roughness": 0.2,
    }.items():
        shader.inputs[socket].default_value = value
    output = nodes.add(tree, "OutputMaterial", "Material Output", (6, 0))
    tree.links.new(total, bounded.inputs["Value"])
    nodes.join(tree, bounded, 0, shader, "Melanin")
    nodes.join(tree, shader, 0, output, "Surface")
    return material


def surface_material(mesh: dict[str, Any], texture: NDArray[np.uint8]) -> bpy.types.Material:
    """A mesh's finish under its texture (M, M, 3); a lens shows only what it reflects."""
    material = bpy.data.materials.new(f"Portrait {mesh['finish']}")
    if mesh["finish"] == "lens":
        _build_lens(material)
        return material
    tree = compat.node_tree(material)
    tree.nodes.clear()
    picture = nodes.add(tree, "TexImage", "Texture", (0, 0))
    picture.image = color_image(texture)
    shader = nodes.add(tree, "BsdfPrincipled", "Principled", (2, 0))
    shader.inputs["Roughness"].default_value = mesh["roughness"]
    if mesh["finish"] == "cloth":
        shader.inputs["Sheen Weight"].default_value = 0.3
        shader.inputs["Specular IOR Level"].default_value = 0.2
    if mesh["finish"] == "skin":
        shader.subsurface_method = "RANDOM_WALK_SKIN"
        for socket, value in {
            "Subsurface Weight": 1.0,
            "Subsurface Radius": SUBSURFACE_RADIUS,
            "Subsurface Scale": SUBSURFACE_SCALE_M,
            "Subsurface IOR": SUBSURFACE_IOR,
            "Specular IOR Level": SPECULAR_LEVEL,
        }.items():
            shader.inputs[socket].default_value = value
    output = nodes.add(tree, "OutputMaterial", "Material Output", (3, 0))
    nodes.join(tree, picture, "Color", shader, "Base Color")
    nodes.join(tree, shader, 0, output, "Surface")
    return material


def _build_lens(material: bpy.types.Material) -> None:
    """Clear both ways; only its front reflects. From behind, Fresnel's law for a solid would keep
    the light from the skin, which a thin lens does not."""
    tree = compat.node_tree(material)
    tree.nodes.clear()
    fresnel = nodes.add(tree, "Fresnel", "Fresnel", (0, 0), {"IOR": _LENS_IOR})
    side = nodes.add(tree, "NewGeometry", "Side", (0, 1))
    front = nodes.math(tree, "SUBTRACT", "Front", (1, 1), 1.0, side.outputs["Backfacing"])
    share = nodes.math(tree, "MULTIPLY", "Share", (2, 0), fresnel.outputs[0], front)
    clear = nodes.add(tree, "BsdfTransparent", "Clear", (2, 1))
    gloss = nodes.add(tree, "BsdfAnisotropic", "Gloss", (2, 2), {"Roughness": 0.02})
    shell = nodes.add(tree, "MixShader", "Shell", (3, 0))
    output = nodes.add(tree, "OutputMaterial", "Material Output", (4, 0))
    tree.links.new(share, shell.inputs[0])
    nodes.join(tree, clear, 0, shell, 1)
    nodes.join(tree, gloss, 0, shell, 2)
    nodes.join(tree, shell, 0, output, "Surface")


def color_image(pixels_srgb: NDArray[np.uint8]) -> bpy.types.Image:
    """Pixels (H, W, 3) or, as data, (H, W), top row first, as an image of their size."""
    height, width = pixels_srgb.shape[:2]
    is_data = pixels_srgb.ndim == 2
    image = bpy.data.images.new(IMAGE, width, height, is_data=is_data)
    values = np.ones((height, width, 4), np.float32)
    values[..., :3] = np.atleast_3d(pixels_srgb[::-1]) / np.float32(255.0)
    image.pixels.foreach_set(values.ravel())
    return image


def add_scalp(skin: bpy.types.Material) -> None:
    """Let the skin take another colour where hair hides it, in the coverage overlay's place."""
    tree = compat.node_tree(skin)
    scalp = nodes.add(tree, "TexImage", SCALP_IMAGE, (2, 1))
    overlay, shader = tree.nodes["Coverage Overlay"], tree.nodes["Skin"]
    for link in tuple(overlay.inputs[nodes.MIX_B].links):
        tree.links.remove(link)
    nodes.join(tree, scalp, "Color", overlay, nodes.MIX_FACTOR)
    bare = nodes.math(tree, "SUBTRACT", "Bare", (3, 1), 1.0, scalp.outputs["Color"])
    tree.links.new(bare, shader.inputs["Subsurface Weight"])


def show_scalp(
    skin: bpy.types.Material, image: bpy.types.Image, linear: tuple[float, float, float]
) -> None:
    """Under `image`, the share of hair over the atlas, the skin has the colour `linear`."""
    tree = compat.node_tree(skin)
    tree.nodes[SCALP_IMAGE].image = image
    tree.nodes["Coverage Overlay"].inputs[nodes.MIX_B].default_value = (*linear, 1.0)


def label_material(scalp: bpy.types.Image | None) -> bpy.types.Material:
    """Glows with the object's colour; under `scalp`, the share of hair over the atlas, with that
    of hair where it hides the skin."""
    material = bpy.data.materials.new("Portrait Label")
    tree = compat.node_tree(material)
    tree.nodes.clear()
    own = nodes.add(tree, "ObjectInfo", "Object", (0, 0))
    emission = nodes.add(tree, "Emission", "Glow", (4, 0))
    output = nodes.add(tree, "OutputMaterial", "Material Output", (5, 0))
    nodes.join(tree, emission, 0, output, "Surface")
    if scalp is None:
        nodes.join(tree, own, "Color", emission, "Color")
        return material
    share = nodes.add(tree, "TexImage", SCALP_IMAGE, (0, 1))
    share.image = scalp
    ramp = nodes.add(
        tree, "MapRange", "Counts as Hair", (1, 1),
        {"From Min": _COUNTS_AS_HAIR[0], "From Max": _COUNTS_AS_HAIR[1]},
        interpolation_type="SMOOTHSTEP",
    )  # fmt: skip
    mixed = nodes.mix_color(tree, "Label", (2, 0))
    mixed.inputs[nodes.MIX_B].default_value = (0.0, 1.0, 0.0, 1.0)
    nodes.join(tree, share, "Color", ramp, "Value")
    nodes.join(tree, ramp, 0, mixed, nodes.MIX_FACTOR)
    nodes.join(tree, own, "Color", mixed, nodes.MIX_A)
    nodes.join(tree, mixed, nodes.MIX_RESULT, emission, "Color")
    return material
