"""A plain dark garment that closes the open neck: neck loop to a bust with a collar.

A separate object, so that an artist can hide or delete it. Its collar follows the neck's own
weights, its shoulders stay with the root.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.bundle import HeadData
from ..avatar.errors import TemplateError
from ..avatar.template import BONES, MATERIALS, HeadTemplate
from . import parts, rig
from .head import fill_group, head_scale
from .materials import new_material
from .tissue_materials import CLOTH, build_tissue

# Rings from inside the neck over the collar's edge and down; metres of a real head.
# (out from the skin, up from the neck's edge)
_COLLAR_M = (
    (-0.004, -0.030), (0.0015, -0.004), (0.0035, 0.007), (0.0065, 0.0085), (0.0085, 0.004),
    (0.0100, -0.008),
)  # fmt: skip
# (half breadth, half depth, down from the neck's edge, centre's way back)
_BODY_M = (
    (0.105, 0.085, 0.024, 0.004), (0.158, 0.104, 0.050, 0.008), (0.196, 0.116, 0.086, 0.010),
    (0.212, 0.122, 0.135, 0.006), (0.208, 0.124, 0.200, 0.000), (0.196, 0.122, 0.280, -0.004),
)  # fmt: skip
_RING = 48


def build_bust(
    name: str, template: HeadTemplate, fit: HeadData, rig_object: bpy.types.Object,
    collection: bpy.types.Collection,
) -> bpy.types.Object:  # fmt: skip
    """The avatar's bust in `collection`, carried by the rig; the artist's own material stays."""
    loop = neck_loop(template)
    scale = head_scale(fit)
    edge = _resampled(fit.neutral_m[loop])
    rings = np.concatenate([_collar(edge, scale), _body(edge, scale)])
    mesh = _mesh(name, rings)
    bust = parts.part_in(collection, name, parts.BUST)
    if bust is None:
        material = new_material(name, "bust")
        build_tissue(material, CLOTH)
        mesh.materials.append(material)
        bust = parts.new_part(collection, name, parts.BUST, f"{name} Bust", mesh)
        rig.bind(bust, rig_object)
        bust.modifiers.new("Subdivision", "SUBSURF").render_levels = 2
    else:
        former = bust.data
        for material in former.materials:
            mesh.materials.append(material)
        bust.data = mesh
        bpy.data.meshes.remove(former)
    _weights(bust, rings, template, fit, loop)
    return bust


def neck_loop(template: HeadTemplate) -> NDArray[np.int64]:
    """Vertices (N,) of the skin's lowest open edge, in order. Raises TemplateError without one."""
    skin = template.quads[template.quad_material == MATERIALS.index("skin")]
    edges = np.stack([skin, np.roll(skin, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges = edges[edges[:, 0] != edges[:, 1]]
    _, first, count = np.unique(
        np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True
    )
    follower = dict(edges[first[count == 1]].tolist())
    loops: list[list[int]] = []
    while follower:
        start, vertex = follower.popitem()
        loop = [start]
        while vertex != start and vertex in follower:
            loop.append(vertex)
            vertex = follower.pop(vertex)
        loops.append(loop)
    closed = [loop for loop in loops if len(loop) >= 8]
    if not closed:
        raise TemplateError(
            f"The head template {template.name} has no open neck.", "Install the extension again."
        )
    return np.array(min(closed, key=lambda loop: template.vertices_m[loop, 2].mean()))


def _resampled(edge_m: NDArray[np.floating]) -> NDArray[np.floating]:
    """The loop (N, 3) by `_RING` points at even angles about its middle, from the back on."""
    centre = edge_m.mean(axis=0)
    arm = edge_m - centre
    angle = np.arctan2(arm[:, 0], -arm[:, 1])
    order = np.argsort(angle)
    even_angle = np.linspace(-np.pi, np.pi, _RING, endpoint=False)
    return np.stack(
        [
            np.interp(even_angle, angle[order], edge_m[order, axis], period=2 * np.pi)
            for axis in range(3)
        ],
        axis=-1,
    )


def _collar(edge_m: NDArray[np.floating], scale: float) -> NDArray[np.floating]:
    """(R, _RING, 3): rings that hug the neck's edge."""
    out = edge_m - edge_m.mean(axis=0)
    out[:, 2] = 0.0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0])
    return np.stack([edge_m + scale * (away * out + rise * up) for away, rise in _COLLAR_M])


def _body(edge_m: NDArray[np.floating], scale: float) -> NDArray[np.floating]:
    """(R, _RING, 3): rounded sections from the shoulders down, squarer towards the chest."""
    angle = np.linspace(-np.pi, np.pi, _RING, endpoint=False)
    centre = edge_m.mean(axis=0)
    tilt = edge_m[:, 2] - centre[2]
    sections = []
    for index, (breadth, depth, down, back) in enumerate(_BODY_M):
        power = 2.0 / (2.0 + 0.12 * index)
        x = breadth * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
        y = -depth * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power + back
        z = -down + tilt / scale * 0.6 ** (index + 1)
        sections.append(centre + scale * np.stack([x, y, z], axis=-1))
    return np.stack(sections)


def _mesh(name: str, rings: NDArray[np.floating]) -> bpy.types.Mesh:
    """Quads between neighbouring rings; the first one, inside the neck, and the last are open."""
    count = len(rings)
    index = np.arange(count * _RING).reshape(count, _RING)
    following = np.roll(index, -1, axis=1)
    quads = np.stack([index[:-1], index[1:], following[1:], following[:-1]], axis=-1)
    mesh = bpy.data.meshes.new(f"{name} Bust")
    mesh.from_pydata(rings.reshape(-1, 3).tolist(), [], quads.reshape(-1, 4).tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    mesh.update()
    return mesh


def _weights(
    bust: bpy.types.Object, rings: NDArray[np.floating], template: HeadTemplate,
    fit: HeadData, loop: NDArray[np.int64],
) -> None:  # fmt: skip
    """The collar takes the weights of the nearest neck vertex, the shoulders fade to the root."""
    edge = fit.neutral_m[loop]
    collar = rings[0]
    nearest = np.linalg.norm(collar[:, None] - edge[None], axis=-1).argmin(axis=1)
    of_edge = template.bone_weights[:, loop[nearest]]
    share = np.concatenate([np.ones(len(_COLLAR_M)), [0.6, 0.25], np.zeros(len(_BODY_M) - 2)])
    weights = share[None, :, None] * of_edge[:, None, :]
    weights[BONES.index("root")] += 1.0 - share[:, None]
    bust.vertex_groups.clear()
    for bone, values in zip(BONES, weights, strict=True):
        fill_group(bust.vertex_groups.new(name=bone), values.ravel())
