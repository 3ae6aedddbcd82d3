"""The head template against reference heads: distance by region, unfitted and fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_avatar_addon.avatar.template import MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...geometry.closest import Surface
from ...geometry.normals import triangle_normals
from ...geometry.similarity import IDENTITY, Similarity, align_to_surface
from ...registration.reference_head import ReferenceHead
from ..figures import MM_PER_M, Figure, Target, weighted_percentile
from .mesh_figures import quads_in
from .reference_fit import ReferenceFitter
from .wrap import Wrap

REGIONS = {
    "face": ("face",), "ear": ("ears_L", "ears_R"), "cranium": ("cranium",), "neck": ("neck",),
}  # fmt: skip
# The project's targets, means after a similarity: to ICT-FaceKit's neutral head, and of the face
# with the identity fitted (docs/head.md).
NEUTRAL_TARGETS_MM = {"face": 1.5, "ear": 2.0, "cranium": 2.0, "neck": 3.0}
FITTED_FACE_MM = 0.8
WORSE_THAN_NEUTRAL = 1.2  # of the plain alternative's distance, over random identities
# As many as the target names: over 20 random identities no worse than WORSE_THAN_NEUTRAL.
RANDOM_HEADS = 20
ALIGNMENT_STRIDE = 3  # quads: as good as all of them, and faster


@dataclass(frozen=True)
class Distances:
    """Millimetres by region; the order of REGIONS."""

    mean: FloatArray  # (4,)
    median: FloatArray  # (4,)
    p90: FloatArray  # (4,)
    alignment: Similarity  # what laid the head on the surface


class Ruler:
    """Measures heads with the template's topology on surfaces.

    A quad counts by its middle and with its area. One that comes to lie on an open border of the
    reference does not count: the reference ends there.
    """

    def __init__(
        self,
        template: HeadTemplate,
        counted: BoolArray | None = None,
        aligned_by: tuple[str, ...] = ("face", "ear", "cranium"),
    ) -> None:
        """`counted` (V,): quads with a vertex that does not count are left out. `aligned_by`:
        regions by which heads are laid on the surface; where necks end differs too much to say."""
        usable = template.quad_material == MATERIALS.index("skin")
        if counted is not None:
            usable = usable & counted[template.quads].all(axis=1)
        inside = np.array([quads_in(template, *names) for names in REGIONS.values()])
        self._quads: IntArray = template.quads[usable]
        self._regions: BoolArray = inside[:, usable]
        self._aligned = self._regions[[list(REGIONS).index(name) for name in aligned_by]].any(
            axis=0
        )

    def measure(self, vertices_m: FloatArray, surface: Surface) -> Distances:
        """Distances of a head (V, 3), laid on the surface by a similarity, from it."""
        # The middle of the diagonal that both triangles share: a bent quad's mean is off it.
        middles = vertices_m[self._quads[:, [0, 2]]].mean(axis=1)
        halves = self._quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        area = np.linalg.norm(triangle_normals(vertices_m, halves), axis=1)
        area = area.reshape(-1, 2).sum(axis=1)
        few = np.flatnonzero(self._aligned)[::ALIGNMENT_STRIDE]
        lay = align_to_surface(middles[few], area[few], surface, IDENTITY)
        places = surface.closest(lay(middles))
        area = np.where(surface.on_border(places), 0.0, area)
        distance = MM_PER_M * places.distance_m
        by_region = [(distance[r], area[r]) for r in self._regions]
        return Distances(
            np.array([np.average(d, weights=w) for d, w in by_region]),
            np.array([weighted_percentile(d, w, 50.0) for d, w in by_region]),
            np.array([weighted_percentile(d, w, 90.0) for d, w in by_region]),
            lay,
        )


def surface_figures(
    template: HeadTemplate, reference: ReferenceHead, wrap: Wrap, seed: int = 0
) -> list[Figure]:
    """Against the neutral and RANDOM_HEADS identities, all at the template's size."""
    triangles, to_head = reference.skin_triangles, wrap.head_from_reference
    ruler, ruler_of_neutral = Ruler(template), Ruler(template, wrap.trusted)
    rest = template.vertices_m.astype(np.float64)
    neutral = to_head(reference.vertices_m)
    fitter = ReferenceFitter(template, wrap)
    unfitted, plain, fitted, freeform = [], [], [], []
    random = np.random.default_rng(seed)
    for _ in range(RANDOM_HEADS):
        drawn = random.standard_normal(len(reference.identity_deltas_m))
        head = to_head(reference.with_identity(drawn))
        surface = Surface(head, triangles)
        unfitted.append(ruler.measure(rest, surface))
        plain.append(ruler_of_neutral.measure(wrap.transfer(neutral), surface))
        for modes, results in ((False, fitted), (True, freeform)):
            results.append(ruler.measure(fitter.fit(surface, wrap.transfer(head), modes), surface))
    on_neutral = ruler.measure(rest, Surface(neutral, triangles))
    alternative = _averaged(plain)
    bound = {n: WORSE_THAN_NEUTRAL * m for n, m in zip(REGIONS, alternative.mean, strict=True)}
    return [
        *_rows("neutral, unfitted", on_neutral, NEUTRAL_TARGETS_MM),
        *_rows("random heads, unfitted", _averaged(unfitted), bound),
        *_rows("random heads, reference's neutral instead", alternative, {}),
        *_rows("random heads, identity fitted", _averaged(fitted), {"face": FITTED_FACE_MM}),
        *_rows("random heads, identity and modes fitted", _averaged(freeform), {}),
    ]


def _averaged(heads: list[Distances]) -> Distances:
    mean, median, p90 = np.mean([(head.mean, head.median, head.p90) for head in heads], axis=0)
    return Distances(mean, median, p90, IDENTITY)


def _rows(name: str, distances: Distances, targets_mm: dict[str, float]) -> list[Figure]:
    rows = []
    for region, mean, p90 in zip(REGIONS, distances.mean, distances.p90, strict=True):
        target = Target(targets_mm[region]) if region in targets_mm else None
        rows.append(Figure(f"{name}: {region}", float(mean), "mm", target, float(p90)))
    return rows
