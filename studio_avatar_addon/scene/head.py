"""A template and a fitted head to one mesh object with UV map, materials, groups and 52 shape keys.

The object keeps its name, place, modifiers and Actions when the same avatar is applied again;
only the mesh inside is replaced.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.bundle import HeadData
from ..avatar.errors import TemplateError
from ..avatar.frames import DEFAULT_INTERPUPILLARY_M
from ..avatar.micro_relief import micro_relief_shares
from ..avatar.template import BONES, EYE_BONES, MATERIALS, HeadTemplate
from . import parts
from .shape_keys import FormerKeys, build_keys, former_keys

UV_MAP = "Studio Avatar"
EYE_DIRECTION = "eye_direction"  # mesh attribute: rest direction of eye vertices from their centre
EYE_MIDDLE = "eye_middle"  # mesh attribute: UV of the gaze axis on the eye's island
LIPS = "lips"  # mesh attribute: the share of lip in each vertex
MICRO_RELIEF = "micro_relief"  # mesh attribute: how strong pores and fine furrows are
REGION_PREFIX = "region "

# Blender takes one weight a call: weights are set level by level, in steps below what is seen.
_GROUP_LEVELS = 200
_SUBSURF = "Studio Avatar Subdivision"


def head_scale(fit: HeadData) -> float:
    """How large this head is beside a real one: 1 where the eyes are 63 mm apart."""
    distance = np.linalg.norm(fit.eye_centre_m[0] - fit.eye_centre_m[1])
    return float(distance / DEFAULT_INTERPUPILLARY_M)


def build_head(
    name: str,
    template: HeadTemplate,
    fit: HeadData,
    materials: dict[str, bpy.types.Material],
    collection: bpy.types.Collection,
    folder: Path | None = None,
) -> bpy.types.Object:
    """The avatar's head object in `collection`; `materials` is keyed by `MATERIALS`.

    Raises TemplateError where Blender cannot use the template's faces.
    """
    mesh = _mesh(name, template, fit.neutral_m)
    for material in MATERIALS:
        mesh.materials.append(materials[material])
    _eye_attributes(mesh, template, fit)
    _skin_attributes(mesh, template)
    head, former = _object(name, mesh, collection)
    _vertex_groups(head, template)
    build_keys(head, fit, former)
    _subdivision(head)
    if folder is not None:
        head[parts.FOLDER] = str(folder)
    return head


def _mesh(name: str, template: HeadTemplate, vertices_m: NDArray[np.floating]) -> bpy.types.Mesh:
    """Faces, UV map, material slots; quads whose last corners coincide become triangles."""
    quads = template.quads
    keep = np.ones(quads.shape, bool)
    keep[:, 3] = quads[:, 3] != quads[:, 2]
    corners = quads[keep]
    sizes = keep.sum(axis=1)

    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices_m))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices_m, np.float32).ravel())
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners.astype(np.int32))
    mesh.polygons.add(len(quads))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    mesh.polygons.foreach_set("loop_start", starts)
    mesh.polygons.foreach_set("material_index", template.quad_material.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(quads), bool))
    uv_layer = mesh.uv_layers.new(name=UV_MAP)
    uv_layer.uv.foreach_set("vector", np.ascontiguousarray(template.quad_uv[keep]).ravel())
    mesh.update(calc_edges=True)
    if mesh.validate():
        raise TemplateError(
            f"The head template {template.name} has faces that Blender cannot use.",
            "Install the extension again.",
        )
    return mesh


def _eye_attributes(mesh: bpy.types.Mesh, template: HeadTemplate, fit: HeadData) -> None:
    """Store where each eye vertex looks at rest, in eye radii, and its eye's middle in the atlas:
    they let the shader draw the iris."""
    direction = np.zeros((len(fit.neutral_m), 3), np.float32)
    middle = np.zeros_like(direction)
    uv = np.zeros((len(fit.neutral_m), 2), np.float32)
    eye_quads = template.quad_material == MATERIALS.index("eye")
    uv[template.quads[eye_quads]] = template.quad_uv[eye_quads]
    for eye, bone in enumerate(EYE_BONES):
        carried = np.flatnonzero(template.bone_weights[BONES.index(bone)] > 0.5)
        offset = fit.neutral_m[carried] - fit.eye_centre_m[eye]
        direction[carried] = offset / fit.eye_radius_m[eye]
        ball = carried[np.isin(carried, template.quads[eye_quads])]
        from_centre = template.vertices_m[ball] - template.eye_centre_m[eye]
        middle[carried, :2] = uv[
            ball[np.argmin(np.hypot(from_centre[:, 0], from_centre[:, 2]) + from_centre[:, 1])]
        ]
    for name, values in ((EYE_DIRECTION, direction), (EYE_MIDDLE, middle)):
        attribute = mesh.attributes.new(name, "FLOAT_VECTOR", "POINT")
        attribute.data.foreach_set("vector", values.ravel())


def _skin_attributes(mesh: bpy.types.Mesh, template: HeadTemplate) -> None:
    """Store where the lips are, for their moisture, and where the skin is coarse or fine; shaders
    cannot read vertex groups."""
    lips = np.zeros(len(mesh.vertices), np.float32)
    if LIPS in template.region_names:
        lips = np.ascontiguousarray(template.region(LIPS), np.float32)
    for name, values in ((LIPS, lips), (MICRO_RELIEF, micro_relief_shares(template))):
        attribute = mesh.attributes.new(name, "FLOAT", "POINT")
        attribute.data.foreach_set("value", values)


def _object(
    name: str, mesh: bpy.types.Mesh, collection: bpy.types.Collection
) -> tuple[bpy.types.Object, FormerKeys]:
    """The head object with this mesh, new or the one that is there, and its former keys."""
    head = parts.part_in(collection, name, parts.HEAD)
    if head is None:
        return parts.new_part(collection, name, parts.HEAD, name, mesh), FormerKeys()
    former = head.data
    keys = former_keys(former.shape_keys)
    head.data = mesh
    former_name = former.name
    bpy.data.meshes.remove(former)
    mesh.name = former_name
    return head, keys


def _vertex_groups(head: bpy.types.Object, template: HeadTemplate) -> None:
    """One group per bone, for the armature, and one per facial region, for the artist."""
    groups = [(bone, template.bone_weights[i]) for i, bone in enumerate(BONES)]
    groups += [
        (REGION_PREFIX + region, template.region_weights[i])
        for i, region in enumerate(template.region_names)
    ]
    head.vertex_groups.clear()
    for name, weights in groups:
        fill_group(head.vertex_groups.new(name=name), weights)


def fill_group(group: bpy.types.VertexGroup, weights: NDArray[np.floating]) -> None:
    """Set weights (V,) in [0, 1], in steps of 1/200; vertices with less stay outside."""
    level = np.rint(weights * _GROUP_LEVELS).astype(int)
    order = np.argsort(level, kind="stable")
    levels, starts = np.unique(level[order], return_index=True)
    for value, indices in zip(levels, np.split(order, starts[1:]), strict=True):
        if value > 0:
            group.add(indices.tolist(), float(min(value / _GROUP_LEVELS, 1.0)), "REPLACE")


def _subdivision(head: bpy.types.Object) -> None:
    """Smooth surface, one level in the viewport, two in renders; the artist's own settings stay.

    UVs stay linear in each quad, as the maps were made.
    """
    if _SUBSURF in head.modifiers:
        return
    subdivision = head.modifiers.new(_SUBSURF, "SUBSURF")
    subdivision.levels, subdivision.render_levels = 1, 2
    subdivision.uv_smooth = "NONE"
    subdivision.boundary_smooth = "PRESERVE_CORNERS"
