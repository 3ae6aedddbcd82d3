"""An anatomy in; the places of its face as torch fields out, the same for atlas and hair roots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.template import MATERIALS
from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import TexelMap
from ...detector.landmark_indices import OUTER_LOWER_LIP, OUTER_UPPER_LIP
from .anatomy import LID_LOWER, LID_UPPER, MM_PER_M, PLACES, Anatomy, to_chart
from .openness import Openness, openness_of
from .strokes import Canvas, outline_mask
from .texel_steps import longest_step_mm
from .texture_noise import fractal_noise

# Where the lips meet, right corner to left.
_INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_ROOTS, _ROOTS_SEED = 240_000, 3


@dataclass(frozen=True, eq=False)
class Face:
    """n points of one head's surface. Fields are float32 tensors (n,) on `device`."""

    anatomy: Anatomy
    device: torch.device
    texel_mm: float  # what is finer than this is left out

    def __len__(self) -> int:
        return len(self.anatomy.texels)

    def tensor(self, values: NDArray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self.device)

    def column(self, color_linear: Sequence[float]) -> torch.Tensor:
        """(3, 1) one colour, to be spread over points."""
        return torch.tensor(color_linear, device=self.device)[:, None]

    @cached_property
    def points_mm(self) -> torch.Tensor:
        """(n, 3) head frame"""
        return self.tensor(self.anatomy.points)

    @cached_property
    def skin(self) -> torch.Tensor:
        return self.tensor(self.anatomy.texels.is_material("skin"))

    @cached_property
    def lips(self) -> torch.Tensor:
        """The template's soft region, before a person's border is drawn into it."""
        return self.region("lips")

    @cached_property
    def upper_lid_mm(self) -> torch.Tensor:
        """Distance to the upper lids' margins."""
        return self._to_lines(LID_UPPER)

    @cached_property
    def lower_lid_mm(self) -> torch.Tensor:
        return self._to_lines(LID_LOWER)

    @cached_property
    def step_mm(self) -> torch.Tensor:
        """How far apart texels lie here, the longer way: the neck's are stretched tenfold."""
        texels = self.anatomy.texels
        if not texels.size:
            return torch.full((len(self),), self.texel_mm, device=self.device)
        return self.tensor(texels.interpolate(longest_step_mm(self.anatomy)))

    @cached_property
    def lip_seam_mm(self) -> torch.Tensor:
        """Distance to the line between the lips."""
        return self.tensor(self.anatomy.distance_to_line(self._lip_seam))

    @cached_property
    def lip_seam_z_mm(self) -> torch.Tensor:
        """Height of the line between the lips above or below each point."""
        seam = self._lip_seam
        return self.tensor(np.interp(self.anatomy.points[:, 0], seam[:, 0], seam[:, 2]))

    @cached_property
    def upper_lip(self) -> torch.Tensor:
        """1 on the upper lip, 0 on the lower."""
        return torch.sigmoid((self.points_mm[:, 2] - self.lip_seam_z_mm) / 0.5)

    @cached_property
    def lip_inside_mm(self) -> torch.Tensor:
        """Distance to the border of the lips' red, negative outside of it."""
        marks = self.anatomy.landmarks
        border = marks[[*OUTER_UPPER_LIP, *OUTER_LOWER_LIP[-2::-1]]]
        away = self.anatomy.distance_to_line(border)
        inside = outline_mask(self.anatomy.chart, [to_chart(border)], 0.2) > 0.5
        return self.tensor(np.where(inside & (self.anatomy.points[:, 1] < 0.0), away, -away))

    @cached_property
    def _lip_seam(self) -> FloatArray:
        marks = self.anatomy.landmarks
        return 0.5 * (marks[list(_INNER_UPPER)] + marks[list(_INNER_LOWER)])

    @cached_property
    def bare(self) -> torch.Tensor:
        """True on cheeks, nose and forehead, away from brows, lids, lips, beard and hairline."""
        wanted = self.region("cheeks") + self.region("forehead") + self.region("nose")
        hidden = self.region("brows") + self.lips + self.region("nostrils") + self.region("ears")
        hidden += self.region("scalp") + (self.bump("hairline", 14.0) > 0.4)
        lids = torch.minimum(self.upper_lid_mm, self.lower_lid_mm) < 6.0
        front = self.points_mm[:, 1] < float(self.place("outer_canthus")[1]) + 12.0
        above = self.points_mm[:, 2] > float(self.place("subnasale")[2])
        return (wanted > 0.5) & (hidden < 0.1) & ~lids & front & above & (self.skin > 0)

    @cached_property
    def folds(self) -> torch.Tensor:
        """How much neighbouring skin hides, in [0, 1]: ear folds, creases; 0 in the open."""
        return self.tensor(1.0 - self.anatomy.texels.interpolate(self._openness.small))

    @cached_property
    def hollows(self) -> torch.Tensor:
        """As `folds`, by what lies within centimetres: eye sockets, beside the nose."""
        return self.tensor(1.0 - self.anatomy.texels.interpolate(self._openness.large))

    @cached_property
    def _openness(self) -> Openness:
        return openness_of(self.anatomy.template, self.anatomy.vertices_m)

    def _to_lines(self, landmarks: tuple[tuple[int, ...], tuple[int, ...]]) -> torch.Tensor:
        lines = [self.anatomy.landmarks[list(names)] for names in landmarks]
        return self.tensor(np.minimum(*(self.anatomy.distance_to_line(line) for line in lines)))

    def place(self, name: str) -> FloatArray:
        """(3,) mm, of the left side."""
        return self.anatomy.places(name)[0]

    def region(self, name: str) -> torch.Tensor:
        return self.tensor(self.anatomy.region(name))

    def bump(
        self, name: str, radius_mm: float, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> torch.Tensor:
        """Gaussian round a place on both sides; `shift_mm` counts x away from the midline."""
        total = torch.zeros(len(self), device=self.device)
        for place in self.anatomy.landmarks[list(PLACES[name])]:
            side = np.array([np.sign(place[0]) if abs(place[0]) > 5 else 1.0, 1.0, 1.0])
            arm = self.points_mm - self.tensor(place + side * np.array(shift_mm))
            total += torch.exp((arm * arm).sum(1) * (-0.5 / radius_mm**2))
        return total.clamp(max=1.0)

    def noise(
        self, wavelength_mm: float, octaves: int, seed: int, gain: float = 0.6
    ) -> torch.Tensor:
        return fractal_noise(self.points_mm, wavelength_mm, octaves, seed, self.step_mm, gain)

    def inside(self, outlines_mm: list[FloatArray], softness_mm: float) -> torch.Tensor:
        """Share of the chart's outlines given for the left side, mirrored to the right."""
        both = [*outlines_mm, *(outline * [-1.0, 1.0] for outline in outlines_mm)]
        # Soft borders need few pixels.
        px_per_mm = float(np.clip(6.0 / softness_mm, 0.7, 3.0))
        canvas = Canvas.around(np.concatenate(both), 4.0 * softness_mm, px_per_mm)
        for outline in both:
            canvas.fill(outline)
        canvas.soften(softness_mm)
        return self.tensor(canvas.at(self.anatomy.chart))

    @cached_property
    def roots(self) -> Face:
        """Points strewn evenly over the skin, the same for every size of the atlas."""
        return Face(Anatomy(_strewn(self.anatomy), self.anatomy.vertices_m), self.device, 0.3)

    def pick_roots(
        self, density: torch.Tensor, count: int, random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Indices (count,) of these points, drawn by `density` (n,); none where it is all 0."""
        summed = np.cumsum(density.double().cpu().numpy())
        if summed[-1] <= 0.0:
            return np.zeros(0, np.int64)
        return np.searchsorted(summed, random.uniform(0.0, summed[-1], count)).clip(
            max=len(summed) - 1
        )


@lru_cache(maxsize=2)
def face_of(anatomy: Anatomy, device: torch.device) -> Face:
    """The fields of an anatomy, kept while persons are painted on the same head."""
    texels = anatomy.texels
    corners = anatomy.vertices_m[texels.template.triangles] * MM_PER_M
    area = _areas(corners)[texels.template.triangle_material == MATERIALS.index("skin")].sum()
    return Face(anatomy, device, float(np.sqrt(area / texels.is_material("skin").sum())))


def _areas(corners: FloatArray) -> FloatArray:
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return 0.5 * np.linalg.norm(across, axis=1)


def _strewn(anatomy: Anatomy) -> TexelMap:
    """A table of random points of the skin, even by area."""
    template = anatomy.template
    random = np.random.default_rng(_ROOTS_SEED)
    area = _areas(anatomy.vertices_m[template.triangles].astype(np.float64))
    summed = np.cumsum(area * (template.triangle_material == MATERIALS.index("skin")))
    triangle = np.searchsorted(summed, random.uniform(0.0, summed[-1], _ROOTS))
    u, v = random.random((2, _ROOTS))
    u, v = np.where(u + v > 1.0, 1.0 - u, u), np.where(u + v > 1.0, 1.0 - v, v)
    return TexelMap(
        template=template,
        size=0,
        texel=np.arange(_ROOTS, dtype=np.int32),
        triangle=triangle.astype(np.int32),
        barycentric=np.stack([1.0 - u - v, u, v], 1).astype(np.float32),
    )
