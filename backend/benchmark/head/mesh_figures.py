"""The head template's mesh in, its counts, angles and self-intersections out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...geometry.intersections import intersections_between, self_intersections
from ..figures import Figure, Target

# So many that crossings of one head in fifty show.
RANDOM_HEADS = 50
# The project's target: a wider quad folds when it is subdivided or bent.
MAX_ANGLE_DEG = 160.0
# Mean over a quad's corners: each quad of a border belongs to one side of it.
MIN_REGION_WEIGHT = 0.5
MIN_LID_OR_LIP_WEIGHT = (
    0.3  # their outer rings, not the pockets behind them, which enclose eye and teeth
)


@dataclass(frozen=True)
class Crossing:
    """Triangles (A, 3) that must not pass through triangles (B, 3), or each other if None."""

    name: str
    triangles: IntArray
    others: IntArray | None

    def count(self, vertices_m: FloatArray) -> int:
        """Crossing pairs on a head with vertices (V, 3)."""
        if self.others is None:
            return len(self_intersections(vertices_m, self.triangles))
        return len(intersections_between(vertices_m, self.triangles, self.others))


def mesh_figures(template: HeadTemplate, seed: int = 0) -> list[Figure]:
    """Counts, the widest angle by region, crossings at rest and over RANDOM_HEADS identities."""
    figures = [
        Figure("vertices", len(template.vertices_m), ""),
        Figure("quads", len(template.quads), ""),
        Figure("faces that are no quads", _degenerate(template.quads), "", Target(0)),
    ]
    angles = quad_angles_deg(template.vertices_m, template.quads)
    skin = template.quad_material == MATERIALS.index("skin")
    for name in ("face", "eyelids_L", "lips", "nose", "nostrils", "ears_L", "cranium", "neck"):
        inside = skin & quads_in(template, name)
        target = Target(MAX_ANGLE_DEG) if name == "face" else None
        figures.append(Figure(f"widest angle, {name}", float(angles[inside].max()), "deg", target))
    wide = (angles > MAX_ANGLE_DEG).any(axis=1) & skin & quads_in(template, "face")
    title = f"face quads wider than {MAX_ANGLE_DEG:g} deg"
    figures.append(Figure(title, wide.sum(), "", Target(0)))
    return figures + _crossing_figures(template, seed)


def quads_in(template: HeadTemplate, *regions: str) -> BoolArray:
    """(F,) quads that lie chiefly in any of the regions."""
    weights = np.max([template.region(name) for name in regions], axis=0)
    return weights[template.quads].mean(axis=1) > MIN_REGION_WEIGHT


def quad_angles_deg(vertices_m: FloatArray, quads: IntArray) -> FloatArray:
    """(F, 4) inner angles at the quads' corners, in [0, 360): above 180 the quad is concave."""
    corners = vertices_m[quads].astype(np.float64)
    to_next = np.roll(corners, -1, axis=1) - corners
    to_last = np.roll(corners, 1, axis=1) - corners
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    turned = np.cross(to_next, to_last)
    sine = np.linalg.norm(turned, axis=2) * np.sign((turned * normal[:, None]).sum(axis=2))
    return np.degrees(np.arctan2(sine, (to_next * to_last).sum(axis=2))) % 360.0


def _degenerate(quads: IntArray) -> int:
    """Quads that name a vertex twice: triangles in disguise."""
    ordered = np.sort(quads, axis=1)
    return int((ordered[:, 1:] == ordered[:, :-1]).any(axis=1).sum())


def _crossing_figures(template: HeadTemplate, seed: int) -> list[Figure]:
    random = np.random.default_rng(seed)
    heads = [
        template.neutral_m(template.random_identity(random)).astype(np.float64)
        for _ in range(RANDOM_HEADS)
    ]
    figures = []
    for crossing in _crossings(template):
        name, at_rest = crossing.name, crossing.count(template.vertices_m.astype(np.float64))
        counts = np.array([crossing.count(head) for head in heads])
        figures += [
            Figure(f"crossings, {name}: at rest", at_rest, "pairs", Target(0)),
            Figure(f"crossings, {name}: mean of random heads", counts.mean(), "pairs"),
            Figure(f"crossings, {name}: most of a random head", counts.max(), "pairs"),
            Figure(f"crossings, {name}: heads with any", 100 * (counts > 0).mean(), "%"),
        ]
    return figures


def _crossings(template: HeadTemplate) -> list[Crossing]:
    lids = _triangles_in(template, "eyelids_L", "eyelids_R")
    lips = _triangles_in(template, "lips")
    return [
        Crossing("skin and mouth with themselves", _of(template, "skin", "mouth"), None),
        Crossing("lids with eyeballs", lids, _of(template, "eye")),
        Crossing("lids with corneas", lids, _of(template, "cornea")),
        Crossing("lips with teeth", lips, _of(template, "teeth")),
    ]


def _of(template: HeadTemplate, *materials: str) -> IntArray:
    """(A, 3) triangles of these materials."""
    codes = [MATERIALS.index(name) for name in materials]
    return template.triangles[np.isin(template.triangle_material, codes)]


def _triangles_in(template: HeadTemplate, *regions: str) -> IntArray:
    """(A, 3) triangles of the skin where the regions are strong."""
    triangles = _of(template, "skin")
    weights = np.max([template.region(name) for name in regions], axis=0)
    return triangles[weights[triangles].mean(axis=1) > MIN_LID_OR_LIP_WEIGHT]
