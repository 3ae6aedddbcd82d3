"""The skin: maps of up to three texture versions to one Principled material.

Every version's map is an image node of its own, named "<origin> <map>"; choosing a version only
moves links, so that unused maps cost nothing, and stay in the file when it is packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bpy

from ..avatar.layout import TEXTURE_ORIGINS
from ..avatar.micro_relief import MICRO_NORMAL, TILE_M
from . import compat, nodes
from .head import LIPS, MICRO_RELIEF, UV_MAP

# How far red, green and blue light travels in skin, relative to the scale (m of a real head).
SUBSURFACE_RADIUS = (1.0, 0.2, 0.1)
SUBSURFACE_SCALE_M = 0.0025
SUBSURFACE_IOR = 1.4
# Principled's IOR stays 1.5: specular maps are levels of it, and 0.35 there is skin's F0 of .028.
ROUGHNESS, SPECULAR_LEVEL = 0.45, 0.35
# The real head's skin (m) across the whole atlas, sideways and up, at the density of its cheeks.
ATLAS_M = (0.322, 0.242)
COAT_ROUGHNESS, COAT_IOR = 0.25, 1.35  # a thin film, little above water's 1.33
LIP_COAT = 0.3  # weight of that film on the lips
PORE_STRENGTH, MICRO_IMAGE = "Pore Strength", "micro normal"  # nodes
DEFAULT_PORES = 0.5  # of their real depth: they show where light grazes
_OVERLAY_STRENGTH = 0.8

# Where each map enters the graph: node and socket. Unlinked, a socket holds an even skin.
MAP_SOCKETS: dict[str, tuple[str, str | int]] = {
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
        "Coat Roughness": COAT_ROUGHNESS,
        "Coat IOR": COAT_IOR,
    }.items():
        shader.inputs[socket].default_value = value
    output = nodes.add(tree, "OutputMaterial", "Material Output", (7.5, 0))
    nodes.join(tree, shader, "BSDF", output, "Surface")
    _build_base_color(tree, shader)
    _build_specular(tree, shader)
    _build_normals(tree, shader)


def _build_base_color(tree: bpy.types.NodeTree, shader: bpy.types.Node) -> None:
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


def _build_specular(tree: bpy.types.NodeTree, shader: bpy.types.Node) -> None:
    """Roughness and specular level, the latter closed in cavities; lips are moister."""
    roughness = nodes.math(tree, "MULTIPLY", "Roughness", (3, 2.5), ROUGHNESS, 1.0)
    specular = nodes.math(tree, "MULTIPLY", "Specular", (3, 3.5), SPECULAR_LEVEL, 1.0)
    lips = nodes.add(tree, "Attribute", "Lips", (3, 4.5), attribute_name=LIPS)
    coat = nodes.math(tree, "MULTIPLY", "Lip Moisture", (4.5, 4), lips.outputs["Fac"], LIP_COAT)
    tree.links.new(roughness, shader.inputs["Roughness"])
    tree.links.new(specular, shader.inputs["Specular IOR Level"])
    tree.links.new(coat, shader.inputs["Coat Weight"])


def _build_normals(tree: bpy.types.NodeTree, shader: bpy.types.Node) -> None:
    """The normal map, tilted further by a tile of pores and furrows smaller than its texels.

    The tilts of both are added. Each has a Normal Map node, since their strengths are set apart.
    """
    normal = _normal_map(tree, "Normal Map", (3, 6))
    micro = _normal_map(tree, "Micro Normal Map", (2, 8))
    atlas = nodes.add(tree, "UVMap", "Atlas", (-0.5, 8), uv_map=UV_MAP)
    tiles = (ATLAS_M[0] / TILE_M, ATLAS_M[1] / TILE_M, 1.0)
    place = nodes.add(tree, "VectorMath", "Micro Tiles", (0.2, 8), {1: tiles}, operation="MULTIPLY")
    tile = nodes.add(tree, "TexImage", MICRO_IMAGE, (0.9, 8))
    tile.image = nodes.image(MICRO_NORMAL, is_color=False)
    tile.image.name = "Studio Avatar Micro Normal"
    tile.image.pack()  # the extension's folder does not travel with the .blend, as an avatar's may
    surface = nodes.add(tree, "NewGeometry", "Surface", (2, 9.5))
    tilt = nodes.add(tree, "VectorMath", "Micro Tilt", (3, 8), operation="SUBTRACT")
    share = nodes.add(tree, "Attribute", "Micro Relief", (3, 9.5), attribute_name=MICRO_RELIEF)
    both = nodes.add(tree, "VectorMath", "Both Reliefs", (4, 7.5), operation="MULTIPLY_ADD")
    pores = nodes.add(
        tree, "Mix", PORE_STRENGTH, (5, 6), {nodes.MIX_FACTOR: DEFAULT_PORES}, data_type="VECTOR"
    )
    for source, output, target, socket in (
        (atlas, "UV", place, 0),
        (place, 0, tile, "Vector"),
        (tile, "Color", micro, "Color"),
        (micro, "Normal", tilt, 0),
        (surface, "Normal", tilt, 1),
        (tilt, 0, both, 0),
        (share, "Fac", both, 1),
        (normal, "Normal", both, 2),
        (normal, "Normal", pores, nodes.MIX_VECTOR_A),
        (both, 0, pores, nodes.MIX_VECTOR_B),
        (pores, nodes.MIX_VECTOR_RESULT, shader, "Normal"),
        (pores, nodes.MIX_VECTOR_RESULT, shader, "Coat Normal"),
    ):
        nodes.join(tree, source, output, target, socket)


def _normal_map(tree: bpy.types.NodeTree, name: str, cell: tuple[float, float]) -> bpy.types.Node:
    flat = (0.5, 0.5, 1.0, 1.0)
    return nodes.add(tree, "NormalMap", name, cell, {"Color": flat}, uv_map=UV_MAP)


def load_maps(material: bpy.types.Material, avatar: str, maps: Maps) -> None:
    """Make or refresh the image nodes of all versions; an artist's other nodes are not touched."""
    tree = compat.node_tree(material)
    for row, origin in enumerate(TEXTURE_ORIGINS):
        for column, name in enumerate(MAP_SOCKETS):
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


def available_versions(material: bpy.types.Material) -> tuple[str, ...]:
    """Those of "phone", "studio" and "detail" that have a base colour."""
    present = compat.node_tree(material).nodes
    return tuple(origin for origin in TEXTURE_ORIGINS if f"{origin} base_color" in present)


def base_color_image(material: bpy.types.Material, origin: str) -> bpy.types.Image:
    """The base colour of a version in `available_versions`."""
    return compat.node_tree(material).nodes[f"{origin} base_color"].image


def show_version(material: bpy.types.Material, origin: str, with_coverage: bool) -> None:
    """Show a version: its maps, else those of the best other one (phone has a base colour only)."""
    tree = compat.node_tree(material)
    fallback = [origin, *reversed([o for o in TEXTURE_ORIGINS if o != origin])]
    for name, (node_name, socket) in MAP_SOCKETS.items():
        if node_name not in tree.nodes:  # the artist took this part out
            continue
        target = tree.nodes[node_name].inputs[socket]
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
