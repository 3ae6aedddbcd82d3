"""What is not skin: eyeball, cornea, teeth, gums, tongue, mouth, lashes, the bust's cloth.

Their colours come from the same atlas as the skin's; only how they scatter and shine is set here.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from . import compat, nodes
from .head import EYE_DIRECTION, UV_MAP

ATLAS = "Atlas"  # the image node whose image follows the texture version shown
CORNEA_IOR = 1.376
_LIMBUS_WIDTH_RAD = 0.06


@dataclass(frozen=True)
class Tissue:
    """A plain part: linear Rec.709 colour without an atlas, roughness, wetness in [0, 1], and
    how far red, green and blue light travels inside (m)."""

    color: tuple[float, float, float]
    roughness: float
    wetness: float = 0.0
    scatter_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


TISSUES = {
    "teeth": Tissue((0.62, 0.56, 0.43), 0.22, 0.6, (0.0012, 0.0009, 0.0007)),
    "gums": Tissue((0.38, 0.14, 0.12), 0.35, 0.5, (0.0020, 0.0006, 0.0004)),
    "tongue": Tissue((0.42, 0.18, 0.16), 0.45, 0.25, (0.0022, 0.0006, 0.0004)),
    "mouth": Tissue((0.27, 0.085, 0.075), 0.4, 0.3, (0.0022, 0.0006, 0.0004)),
    "lashes": Tissue((0.022, 0.016, 0.013), 0.55),
}
CLOTH = Tissue((0.016, 0.017, 0.020), 0.9)
_EYE = Tissue((0.6, 0.56, 0.52), 0.35, 0.0, (0.0010, 0.0004, 0.0002))


def build_tissue(material: bpy.types.Material, tissue: Tissue) -> bpy.types.Node:
    """Fill an empty material with one Principled shader and return it."""
    tree = compat.node_tree(material)
    tree.nodes.clear()
    shader = nodes.add(tree, "BsdfPrincipled", "Principled", (0, 0))
    output = nodes.add(tree, "OutputMaterial", "Material Output", (1.5, 0))
    nodes.join(tree, shader, "BSDF", output, "Surface")
    shader.inputs["Base Color"].default_value = (*tissue.color, 1.0)
    shader.inputs["Roughness"].default_value = tissue.roughness
    shader.inputs["Coat Weight"].default_value = tissue.wetness
    shader.inputs["Coat Roughness"].default_value = 0.12
    scatter = max(tissue.scatter_m)
    if scatter > 0.0:
        shader.inputs["Subsurface Weight"].default_value = 1.0
        shader.inputs["Subsurface Scale"].default_value = scatter
        radius = tuple(length / scatter for length in tissue.scatter_m)
        shader.inputs["Subsurface Radius"].default_value = radius
    return shader


def build_eye(material: bpy.types.Material, iris_angle_rad: float) -> None:
    """Fill the eyeball's material: a dull iris in a soft, wet white.

    The iris spans `iris_angle_rad` to each side of the rest gaze, seen from the eye's centre;
    it gets its shine from the cornea before it.
    """
    shader = build_tissue(material, _EYE)
    tree = compat.node_tree(material)
    direction = nodes.add(tree, "Attribute", "Rest Direction", (-6, 1))
    direction.attribute_name = EYE_DIRECTION
    unit = nodes.add(tree, "VectorMath", "Unit Direction", (-5, 1), operation="NORMALIZE")
    axes = nodes.add(tree, "SeparateXYZ", "Axes", (-4, 1))
    nodes.join(tree, direction, "Vector", unit, 0)
    nodes.join(tree, unit, 0, axes, 0)
    forward = nodes.math(tree, "MULTIPLY", "Forward", (-3, 1), axes.outputs["Y"], -1.0)
    angle = nodes.math(tree, "ARCCOSINE", "Angle from Gaze", (-2, 1), forward)
    edge = {"From Min": iris_angle_rad, "From Max": iris_angle_rad + _LIMBUS_WIDTH_RAD}
    white = nodes.add(tree, "MapRange", "White", (-1, 1), edge, interpolation_type="SMOOTHSTEP")
    tree.links.new(angle, white.inputs["Value"])
    for socket in ("Subsurface Weight", "Coat Weight"):
        nodes.join(tree, white, "Result", shader, socket)
    shader.inputs["Specular IOR Level"].default_value = 0.0
    shader.inputs["Coat Roughness"].default_value = 0.06
    shader.inputs["Coat IOR"].default_value = CORNEA_IOR


def build_cornea(material: bpy.types.Material) -> None:
    """Fill the shell's material: reflections by Fresnel's law; everything else goes through.

    It does not refract, so that light and shadow rays reach the iris and never darken it.
    """
    tree = compat.node_tree(material)
    tree.nodes.clear()
    fresnel = nodes.add(tree, "Fresnel", "Fresnel", (0, 0), {"IOR": CORNEA_IOR})
    clear = nodes.add(tree, "BsdfTransparent", "Clear", (0, 1))
    gloss = nodes.add(tree, "BsdfAnisotropic", "Gloss", (0, 2), {"Roughness": 0.03})
    shell = nodes.add(tree, "MixShader", "Shell", (1.5, 0))
    output = nodes.add(tree, "OutputMaterial", "Material Output", (2.5, 0))
    nodes.join(tree, fresnel, 0, shell, 0)
    nodes.join(tree, clear, 0, shell, 1)
    nodes.join(tree, gloss, 0, shell, 2)
    nodes.join(tree, shell, 0, output, "Surface")
    material.surface_render_method = "BLENDED"


def color_from_atlas(material: bpy.types.Material, image: bpy.types.Image) -> None:
    """Take the base colour from the atlas; where the artist unlinked or removed it, it stays so."""
    tree = compat.node_tree(material)
    node = tree.nodes.get(ATLAS)
    shader = tree.nodes.get("Principled")
    if node is None and shader is not None and not shader.inputs["Base Color"].links:
        place = nodes.add(tree, "UVMap", "Atlas Place", (-3, -1), uv_map=UV_MAP)
        node = nodes.add(tree, "TexImage", ATLAS, (-2, -1))
        nodes.join(tree, place, "UV", node, "Vector")
        nodes.join(tree, node, "Color", shader, "Base Color")
    if node is not None:
        node.image = image
