"""Short words for building shader node trees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

_COLUMN, _ROW = 240, 170  # spacing of the node editor's grid in pixels


def add(
    tree: bpy.types.NodeTree,
    kind: str,
    name: str,
    cell: tuple[float, float],
    inputs: dict[str | int, Any] | None = None,
    **settings: Any,
) -> bpy.types.Node:
    """A node of type "ShaderNode" + `kind`, named and labelled; `cell` is its column and row."""
    node = tree.nodes.new("ShaderNode" + kind)
    node.name = node.label = name
    node.location = (cell[0] * _COLUMN, -cell[1] * _ROW)
    for setting, value in settings.items():
        setattr(node, setting, value)
    for socket, value in (inputs or {}).items():
        node.inputs[socket].default_value = value
    return node


def join(
    tree: bpy.types.NodeTree,
    source: bpy.types.Node,
    output: str | int,
    target: bpy.types.Node,
    socket: str | int,
) -> None:
    tree.links.new(source.outputs[output], target.inputs[socket])


def math(
    tree: bpy.types.NodeTree,
    operation: str,
    name: str,
    cell: tuple[float, float],
    first: bpy.types.NodeSocket | float,
    second: bpy.types.NodeSocket | float = 0.0,
) -> bpy.types.NodeSocket:
    """The result of a Math node over two sockets or numbers."""
    node = add(tree, "Math", name, cell, operation=operation)
    for socket, value in zip(node.inputs, (first, second), strict=False):
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, socket)
        else:
            socket.default_value = value
    return node.outputs[0]


# A Mix node lists the sockets of all its data types; these are the colour's and the vector's.
MIX_FACTOR, MIX_A, MIX_B, MIX_RESULT = 0, 6, 7, 2
MIX_VECTOR_A, MIX_VECTOR_B, MIX_VECTOR_RESULT = 4, 5, 1


def mix_color(
    tree: bpy.types.NodeTree, name: str, cell: tuple[float, float], blend: str = "MIX"
) -> bpy.types.Node:
    return add(tree, "Mix", name, cell, data_type="RGBA", blend_type=blend)


def image(path: Path, is_color: bool) -> bpy.types.Image:
    """The image of a map file, read again if it changed; data maps are Non-Color."""
    loaded = bpy.data.images.load(str(path), check_existing=True)
    loaded.reload()
    loaded.colorspace_settings.name = "sRGB" if is_color else "Non-Color"
    return loaded
