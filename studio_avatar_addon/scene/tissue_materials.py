"""What is not skin: eyeball, cornea, tears, teeth, gums, tongue, mouth, lashes, the bust's cloth.

Their colours come from the same atlas as the skin's; only how they scatter and shine is set here.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from . import compat, nodes
from .head import EYE_DIRECTION, EYE_MIDDLE, UV_MAP

ATLAS = "Atlas"  # the image node whose image follows the texture version shown
CLEAR_IOR = {"cornea": 1.376, "tear": 1.336}  # cornea and aqueous humour of Gullstrand's eye
IRIS_SIZE, IRIS_TINT, IRIS_PLACE = "Iris Size", "Iris Tint", "Iris Place"  # nodes
_LIMBUS_WIDTH_RAD = 0.06  # over which iris turns to sclera: .7 mm on an eyeball of 12 mm radius
_COAT_ROUGHNESS, _EYE_COAT_ROUGHNESS = 0.12, 0.06  # of saliva, and of the smoother tear film
_IRIS_BLEND_RAD = 0.45  # beyond the iris, over which a changed size fades out


@dataclass(frozen=True)
class Tissue:
    """A plain part: linear Rec.709 colour without an atlas, roughness and coat weight in [0, 1],
    and how far red, green and blue light travels inside (m)."""

    color: tuple[float, float, float]
    roughness: float
    coat_weight: float = 0.0
    scatter_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


TISSUES = {
    "teeth": Tissue((0.62, 0.56, 0.43), 0.22, 0.6, (0.0012, 0.0009, 0.0007)),
    "gums": Tissue((0.38, 0.14, 0.12), 0.35, 0.5, (0.0020, 0.0006, 0.0004)),
    "tongue": Tissue((0.42, 0.18, 0.16), 0.45, 0.25, (0.0022, 0.0006, 0.0004)),
    "mouth": Tissue((0.27, 0.085, 0.075), 0.4, 0.3, (0.0022, 0.0006, 0.0004)),
    "lashes": Tissue((0.022, 0.016, 0.013), 0.55),
    "caruncle": Tissue((0.42, 0.20, 0.17), 0.25, 0.8, (0.0022, 0.0006, 0.0004)),
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
    shader.inputs["Coat Weight"].default_value = tissue.coat_weight
    shader.inputs["Coat Roughness"].default_value = _COAT_ROUGHNESS
    scatter = max(tissue.scatter_m)
    if scatter > 0.0:
        shader.inputs["Subsurface Weight"].default_value = 1.0
        shader.inputs["Subsurface Scale"].default_value = scatter
        radius = tuple(length / scatter for length in tissue.scatter_m)
        shader.inputs["Subsurface Radius"].default_value = radius
    return shader


def build_eye(material: bpy.types.Material, iris_angle_rad: float) -> None:
    """Fill the eyeball's material: a dull iris in a soft, wet sclera.

    The iris spans `iris_angle_rad` to each side of the rest gaze, seen from the eye's centre;
    it gets its shine from the cornea before it. An artist changes its size and tint.
    """
    shader = build_tissue(material, _EYE)
    tree = compat.node_tree(material)
    angle = _gaze_angle(tree)
    size = nodes.add(tree, "Value", IRIS_SIZE, (-4, 3))
    size.outputs[0].default_value = 1.0
    iris = nodes.math(tree, "MULTIPLY", "Iris Angle", (-3, 3), size.outputs[0], iris_angle_rad)
    sclera = _smooth_step(tree, "White", (-1, 1), angle, iris, 1.0, _LIMBUS_WIDTH_RAD)
    for socket in ("Subsurface Weight", "Coat Weight"):
        nodes.join(tree, sclera, "Result", shader, socket)
    shader.inputs["Specular IOR Level"].default_value = 0.0
    shader.inputs["Coat Roughness"].default_value = _EYE_COAT_ROUGHNESS
    shader.inputs["Coat IOR"].default_value = CLEAR_IOR["cornea"]
    _iris_tint(tree, shader, sclera)
    _iris_uv(tree, angle, iris, size.outputs[0])


def _gaze_angle(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The angle (rad) between a point of the eye and the rest gaze, from the eye's centre."""
    direction = nodes.add(tree, "Attribute", "Rest Direction", (-6, 1))
    direction.attribute_name = EYE_DIRECTION
    unit = nodes.add(tree, "VectorMath", "Unit Direction", (-5, 1), operation="NORMALIZE")
    axes = nodes.add(tree, "SeparateXYZ", "Axes", (-4, 1))
    nodes.join(tree, direction, "Vector", unit, 0)
    nodes.join(tree, unit, 0, axes, 0)
    forward = nodes.math(tree, "MULTIPLY", "Forward", (-3, 1), axes.outputs["Y"], -1.0)
    return nodes.math(tree, "ARCCOSINE", "Angle from Gaze", (-2, 1), forward)


def _smooth_step(
    tree: bpy.types.NodeTree,
    name: str,
    cell: tuple[float, float],
    angle: bpy.types.NodeSocket,
    iris: bpy.types.NodeSocket,
    start: float,
    width_rad: float,
) -> bpy.types.Node:
    """0 up to `start` iris angles, 1 from `width_rad` beyond."""
    node = nodes.add(tree, "MapRange", name, cell, interpolation_type="SMOOTHSTEP")
    low = nodes.math(tree, "MULTIPLY", f"{name} From", (cell[0] - 1, cell[1] + 1), iris, start)
    high = nodes.math(tree, "ADD", f"{name} To", (cell[0] - 1, cell[1] + 2), low, width_rad)
    tree.links.new(angle, node.inputs["Value"])
    tree.links.new(low, node.inputs["From Min"])
    tree.links.new(high, node.inputs["From Max"])
    return node


def _iris_tint(tree: bpy.types.NodeTree, shader: bpy.types.Node, sclera: bpy.types.Node) -> None:
    """The atlas's colour, multiplied by the artist's tint inside the iris."""
    inside = nodes.math(tree, "SUBTRACT", "Inside Iris", (-1, -1), 1.0, sclera.outputs["Result"])
    tint = nodes.mix_color(tree, IRIS_TINT, (-0.7, -2), "MULTIPLY")
    tint.inputs[nodes.MIX_A].default_value = (*_EYE.color, 1.0)
    tint.inputs[nodes.MIX_B].default_value = (1.0, 1.0, 1.0, 1.0)
    tree.links.new(inside, tint.inputs[nodes.MIX_FACTOR])
    nodes.join(tree, tint, nodes.MIX_RESULT, shader, "Base Color")


def _iris_uv(
    tree: bpy.types.NodeTree,
    angle: bpy.types.NodeSocket,
    iris: bpy.types.NodeSocket,
    size: bpy.types.NodeSocket,
) -> None:
    """Where to look into the atlas: nearer the eye's middle for a larger iris, unmoved beyond."""
    shrink = nodes.math(tree, "DIVIDE", "One over Size", (-6, -3), 1.0, size)
    beyond = _smooth_step(tree, "Beyond", (-6, -4), angle, iris, 1.15, _IRIS_BLEND_RAD)
    rate = nodes.add(tree, "Mix", "Rate", (-5, -3), data_type="FLOAT")
    tree.links.new(beyond.outputs["Result"], rate.inputs[0])
    tree.links.new(shrink, rate.inputs[2])
    rate.inputs[3].default_value = 1.0
    uv = nodes.add(tree, "UVMap", "Atlas Place", (-6, -1), uv_map=UV_MAP)
    middle = nodes.add(tree, "Attribute", "Eye Middle", (-6, -2), attribute_name=EYE_MIDDLE)
    from_middle = nodes.add(tree, "VectorMath", "From Middle", (-5, -1), operation="SUBTRACT")
    scaled = nodes.add(tree, "VectorMath", "Scaled", (-4, -1), operation="SCALE")
    shifted = nodes.add(tree, "VectorMath", IRIS_PLACE, (-3, -1), operation="ADD")
    nodes.join(tree, uv, "UV", from_middle, 0)
    nodes.join(tree, middle, "Vector", from_middle, 1)
    nodes.join(tree, from_middle, 0, scaled, 0)
    nodes.join(tree, rate, 0, scaled, "Scale")
    nodes.join(tree, scaled, 0, shifted, 0)
    nodes.join(tree, middle, "Vector", shifted, 1)


def build_transparent(material: bpy.types.Material, ior: float) -> None:
    """Fill a clear shell's material: reflections by Fresnel's law; everything else goes through.

    It does not refract, so that light and shadow rays reach the iris and never darken it.
    """
    tree = compat.node_tree(material)
    tree.nodes.clear()
    fresnel = nodes.add(tree, "Fresnel", "Fresnel", (0, 0), {"IOR": ior})
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
    target = _base_color_socket(tree)
    if node is None and target is not None and not target.links:
        node = nodes.add(tree, "TexImage", ATLAS, (-2, -2))
        uv = tree.nodes.get(IRIS_PLACE)
        if uv is None:
            uv = nodes.add(tree, "UVMap", "Atlas Place", (-3, -2), uv_map=UV_MAP)
        nodes.join(tree, uv, 0, node, "Vector")
        tree.links.new(node.outputs["Color"], target)
    if node is not None:
        node.image = image


def _base_color_socket(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """The socket that takes the atlas's colour; None where the artist took the nodes out."""
    tint, shader = tree.nodes.get(IRIS_TINT), tree.nodes.get("Principled")
    if tint is not None:
        return tint.inputs[nodes.MIX_A]
    return shader.inputs["Base Color"] if shader is not None else None
