"""The skin: maps of up to three texture versions to one Principled material.

Every version's map is an image node of its own, named "<origin> <map>"; choosing a version only
moves links, so that unused maps cost nothing, and stay in the file when it is packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bpy

from ..avatar.layout import TEXTURE_ORIGINS
from . import compat, nodes
from .head import LIPS, UV_MAP

# How far red, green and blue light travels in skin, relative to the scale (m of a real head).
SUBSURFACE_RADIUS = (1.0, 0.2, 0.1)
SUBSURFACE_SCALE_M = 0.0025
SUBSURFACE_IOR = 1.4
# Principled's IOR stays 1.5: specular maps are levels of it, and 0.35 there is skin's F0 of .028.
ROUGHNESS, SPECULAR_LEVEL = 0.45, 0.35
_PORES_ACROSS_ATLAS = 620.0
_PORE_DEPTH_M = 0.00008
_OVERLAY_STRENGTH = 0.8

# Where each map enters the graph: node and socket. Unlinked, a socket holds an even skin.
MAP_ENTRY: dict[str, tuple[str, str | int]] = {
    "base_color": ("Skin Tone", "Color"),
    "normal": ("Normal Map", "Color"),
    "roughness": ("Roughness", 0),
    "specular": ("Specular", 0),
    "cavity": ("Specular", 1),
    "coverage": ("Coverage Colors", 0),
}

Maps = Mapping[str, Mapping[str, Path]]  # by origin, then by map name


def build_skin(material: bpy.types.Material, scale: float) -> None:
    """Fill an empty material with the skin's graph; `scale`: head size, 1 is a real one."""
    tree = compat.node_tree(material)
    tree.nodes.clear()
    shader = nodes.add(tree, "BsdfPrincipled", "Skin", (6, 0))
    shader.subsurface_method = "RANDOM_WALK_SKIN"
    for socket, value in {
        "IOR": 1.5,
        "Subsurface Weight": 1.0,
        "Subsurface Radius": SUBSURFACE_RADIUS,
        "Subsurface Scale": SUBSURFACE_SCALE_M * scale,
        "Subsurface IOR": SUBSURFACE_IOR,
        "Subsurface Anisotropy": 0.0,
        "Coat Roughness": 0.25,
        "Coat IOR": 1.35,
    }.items():
        shader.inputs[socket].default_value = value
    output = nodes.add(tree, "OutputMaterial", "Material Output", (7.5, 0))
    nodes.join(tree, shader, "BSDF", output, "Surface")
    _color(tree, shader)
    _shine(tree, shader)
    _relief(tree, shader, scale)


def _color(tree: bpy.types.NodeTree, shader: bpy.types.Node) -> None:
    """Base colour with the artist's tone correction and the coverage overlay."""
    tone = nodes.add(tree, "HueSaturation", "Skin Tone", (3, 0), {"Color": (0.55, 0.34, 0.22, 1.0)})
    ramp = nodes.add(tree, "ValToRGB", "Coverage Colors", (3, 1))
    ramp.color_ramp.elements[0].color = (0.75, 0.03, 0.05, 1.0)
    ramp.color_ramp.elements[1].color = (0.05, 0.45, 0.12, 1.0)
    ramp.color_ramp.elements.new(0.5).color = (0.85, 0.5, 0.05, 1.0)
    overlay = nodes.mix_color(tree, "Coverage Overlay", (4.5, 0))
    overlay.inputs[nodes.MIX_FACTOR].default_value = 0.0
    nodes.join(tree, tone, "Color", overlay, nodes.MIX_A)
    nodes.join(tree, ramp, "Color", overlay, nodes.MIX_B)
    nodes.join(tree, overlay, nodes.MIX_RESULT, shader, "Base Color")


def _shine(tree: bpy.types.NodeTree, shader: bpy.types.Node) -> None:
    """Roughness and specular level, the latter closed in cavities; lips are moister."""
    roughness = nodes.math(tree, "MULTIPLY", "Roughness", (3, 2.5), ROUGHNESS, 1.0)
    specular = nodes.math(tree, "MULTIPLY", "Specular", (3, 3.5), SPECULAR_LEVEL, 1.0)
    lips = nodes.add(tree, "Attribute", "Lips", (3, 4.5), attribute_name=LIPS)
    moist = nodes.math(tree, "MULTIPLY", "Lip Moisture", (4.5, 4), lips.outputs["Fac"], 0.3)
    tree.links.new(roughness, shader.inputs["Roughness"])
    tree.links.new(specular, shader.inputs["Specular IOR Level"])
    tree.links.new(moist, shader.inputs["Coat Weight"])


def _relief(tree: bpy.types.NodeTree, shader: bpy.types.Node, scale: float) -> None:
    """The normal map, and below its resolution a field of pores along the atlas."""
    normal = nodes.add(
        tree, "NormalMap", "Normal Map", (3, 6), {"Color": (0.5, 0.5, 1.0, 1.0)}, uv_map=UV_MAP
    )
    atlas = nodes.add(tree, "UVMap", "Atlas", (0.5, 7.5), uv_map=UV_MAP)
    pores = nodes.add(
        tree, "TexVoronoi", "Pores", (2, 7.5), {"Scale": _PORES_ACROSS_ATLAS}, feature="SMOOTH_F1"
    )
    grain = nodes.add(
        tree, "TexNoise", "Grain", (2, 9.5), {"Scale": _PORES_ACROSS_ATLAS * 0.6, "Detail": 3.0}
    )
    height = nodes.math(
        tree, "MULTIPLY", "Pore Height", (3, 8), pores.outputs["Distance"], grain.outputs[0]
    )
    bump = nodes.add(
        tree,
        "Bump",
        "Pore Relief",
        (4.5, 6),
        {"Strength": 0.5, "Distance": _PORE_DEPTH_M * scale},
    )
    nodes.join(tree, atlas, "UV", pores, "Vector")
    nodes.join(tree, atlas, "UV", grain, "Vector")
    tree.links.new(height, bump.inputs["Height"])
    nodes.join(tree, normal, "Normal", bump, "Normal")
    nodes.join(tree, bump, "Normal", shader, "Normal")


def load_maps(material: bpy.types.Material, avatar: str, maps: Maps) -> None:
    """Make or refresh the image nodes of all versions; an artist's other nodes are not touched."""
    tree = compat.node_tree(material)
    for row, origin in enumerate(TEXTURE_ORIGINS):
        for column, name in enumerate(MAP_ENTRY):
            path = maps.get(origin, {}).get(name)
            node = tree.nodes.get(f"{origin} {name}")
            if path is None:
                if node is not None:
                    tree.nodes.remove(node)
                continue
            if node is None:
                node = nodes.add(
                    tree, "TexImage", f"{origin} {name}", (-1.5 - 1.3 * row, 1.8 * column)
                )
            node.image = nodes.image(path, is_color=name == "base_color")
            node.image.name = f"{avatar} {origin} {name}"


def versions(material: bpy.types.Material) -> tuple[str, ...]:
    """Those of "phone", "studio" and "detail" that have a base colour."""
    present = compat.node_tree(material).nodes
    return tuple(origin for origin in TEXTURE_ORIGINS if f"{origin} base_color" in present)


def image_of(material: bpy.types.Material, origin: str) -> bpy.types.Image:
    """The base colour of a version in `versions`."""
    return compat.node_tree(material).nodes[f"{origin} base_color"].image


def link_version(material: bpy.types.Material, origin: str, with_coverage: bool) -> None:
    """Show a version: its maps, else those of the best other one (phone has a base colour only)."""
    tree = compat.node_tree(material)
    fallback = [origin, *reversed([o for o in TEXTURE_ORIGINS if o != origin])]
    for name, (entry, socket) in MAP_ENTRY.items():
        if entry not in tree.nodes:  # the artist took this part out
            continue
        target = tree.nodes[entry].inputs[socket]
        for link in tuple(target.links):
            tree.links.remove(link)
        if name == "coverage" and not with_coverage:
            continue
        found = (tree.nodes.get(f"{o} {name}") for o in fallback)
        source = next((node for node in found if node is not None), None)
        if source is not None:
            tree.links.new(source.outputs["Color"], target)
    overlay = tree.nodes.get("Coverage Overlay")
    if overlay is not None:
        strength = _OVERLAY_STRENGTH if with_coverage else 0.0
        overlay.inputs[nodes.MIX_FACTOR].default_value = strength
