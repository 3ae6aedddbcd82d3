"""The person's outline and the head's rendered outline to observations that pull them together.

Nothing else bounds the skull. Skin before the background is the head's own outline. Hair before the
background is only a bound from outside: the skull lies somewhere within, and what heads are like
says where. Skin before hair or clothes is a bound from inside: the head reaches at least so far.
An ear's or a neck's mostly ends there, too, unless hair lies over it: that pulls less. Clothes,
hands and whatever else ends the person there tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, SKIN, UNSURE
from studio_avatar_addon.avatar.template import BONES, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ...atlas.texel_map import region
from ...geometry.raster import rasterize
from ...imaging.image_files import Pixels
from .bundle_adjustment import Observation
from .head_model import LinearHead, skin_triangles
from .picture_window import head_window, label_at, sample

# The head is drawn about this high, whatever the footage's size.
DRAWN_HEIGHT_PX = 400
CONTOUR_STEP = 3  # every third pixel: neighbours repeat one another
MARGIN_PX = 4  # of the drawing round the head, for the blurs
# Pairs: the nearest of so many points whose normals agree this well (some 45 degrees); less takes
# an ear for a cheek, more finds none on a rough mask.
MIN_NORMAL_COSINE, CANDIDATES = 0.7, 12
BORDER_PX = 3  # within the window's border the outline is the window's own
# The neck turns against the head: its outline bounds no skull, and itself less firmly. Shoulders
# and what hardly moves with the head bound nothing.
MAX_NECK_WEIGHT, MAX_BOUNDED_NECK_WEIGHT = 0.25, 0.9
# Of outlines that bound less firmly: the neck's, and where hair may lie over an ear's or a neck's.
LOOSE_SIGMA_FACTOR = 2.5
MAX_UNCOVERED_M = 0.004  # beyond skin's end so much more of an ear or a neck is under hair
INSIDE = 0.5  # of a region's weight
# Far larger than the mask's own error: neighbouring points of an outline err together, and a
# third of a millimetre too much all round would bend the unseen depth of the skull by five.
# Tracks hold that depth better than landmarks do.
OUTLINE_SIGMA_M, OUTLINE_SIGMA_WITH_TRACKS_M = 0.003, 0.002
# What ends at the outline is asked this far to either side of it: labels have pixels of 1 mm, and
# within some of them of a border they are as soft as it is.
LABEL_DISTANCE_M = 0.004
# A head lies at least this deep under the outline of hair: cropped hair is hardly thicker.
HAIR_DEPTH_M = 0.002
CAUCHY_SHARE_OF_GATE = 0.25  # so that pairs near the gate hardly pull
# Beside the labels: skin ends here because something lies over it.
UNDER_HAIR, UNDER_CLOTHES = 253, 254


@dataclass(frozen=True)
class Outline:
    """The border of the person mask in one frame, or of the skin in it."""

    points_px: FloatArray  # (N, 2)
    normal: FloatArray  # (N, 2) unit, outward
    # (N,) SKIN or HAIR where that ends before the background, UNDER_HAIR or UNDER_CLOTHES where
    # skin ends before these, UNSURE elsewhere
    shows: Pixels

    def relabelled(self, what: int, meant: int) -> Outline:
        """The same where all that shows `what` shows `meant`."""
        return replace(self, shows=np.where(self.shows == what, meant, self.shows).astype(np.uint8))


@dataclass(frozen=True)
class HeadOutline:
    """Points of the head's surface that lie on its outline in one frame."""

    corners: IntArray  # (N, 3) vertices
    weights: FloatArray  # (N, 3) barycentric
    points_px: FloatArray  # (N, 2)
    normal: FloatArray  # (N, 2) unit, outward
    on_neck: BoolArray  # (N,)
    on_ear: BoolArray  # (N,)

    def at(self, chosen: BoolArray) -> HeadOutline:
        """The chosen points (N,) only."""
        return HeadOutline(
            self.corners[chosen],
            self.weights[chosen],
            self.points_px[chosen],
            self.normal[chosen],
            self.on_neck[chosen],
            self.on_ear[chosen],
        )


@dataclass(frozen=True)
class Pairing:
    """Points of a head outline with the person's outline nearest to them."""

    head: HeadOutline  # paired ones only
    target_px: FloatArray  # (N, 2)
    normal: FloatArray  # (N, 2)
    shows: Pixels  # (N,) as the person's outline

    @property
    def gap_px(self) -> FloatArray:
        """(N,) how far the head's outline lies outside the person's."""
        return ((self.head.points_px - self.target_px) * self.normal).sum(axis=1)


def person_outline(
    mask: Pixels, labels: Pixels, face_px: FloatArray, px_per_m: float
) -> Outline | None:
    """Outline of the person (H, W) in 0..255 around a face at `face_px` (L, 2).

    `labels` (H, W): what ends at the outline; `px_per_m`: of the head. None where the mask holds no
    person at the face.
    """
    outline = _outline_of(mask, face_px)
    if outline is None:
        return None
    points, normal = outline
    return Outline(points, normal, _shown_at(labels, points, normal, px_per_m))


def skin_outline(labels: Pixels, face_px: FloatArray, px_per_m: float) -> Outline | None:
    """Outline of the skin in labels (H, W) around a face at `face_px` (L, 2): what hair and clothes
    leave of it.

    `px_per_m`: of the head. None where no skin is labelled at the face.
    """
    outline = _outline_of(np.where(labels == SKIN, 255, 0).astype(np.uint8), face_px)
    if outline is None:
        return None
    points, normal = outline
    away = LABEL_DISTANCE_M * px_per_m * normal
    within, beyond = label_at(labels, points - away), label_at(labels, points + away)
    shows = np.full(len(points), UNSURE, np.uint8)
    shows[(within == SKIN) & (beyond == HAIR)] = UNDER_HAIR
    shows[(within == SKIN) & (beyond == CLOTHES)] = UNDER_CLOTHES
    return Outline(points, normal, shows)


def _outline_of(mask: Pixels, face_px: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Points (N, 2) and outward normals (N, 2) of the part of a mask that lies at the face."""
    corner, window = head_window(mask, face_px)
    soft = cv2.GaussianBlur(mask[window].astype(np.float32), (0, 0), 1.2)
    contour = _contour_at(soft > 127.5, np.median(face_px, axis=0) - corner)
    if contour is None:
        return None
    height, width = soft.shape
    inside = (contour > BORDER_PX) & (contour < np.array([width, height]) - BORDER_PX)
    contour = contour[inside.all(axis=1)]
    if len(contour) < CANDIDATES:
        return None
    normal, _ = _outward(cv2.GaussianBlur(soft, (0, 0), 3.0), contour)
    _, slope = _outward(soft, contour)
    shift = np.clip((sample(soft, contour) - 127.5) / np.maximum(slope, 1.0), -1.0, 1.0)
    return contour + shift[:, None] * normal + corner, normal


def head_outline(
    template: HeadTemplate,
    vertices_camera: FloatArray,
    focal_px: float,
    center_px: FloatArray,
) -> HeadOutline | None:
    """Outline of posed vertices (V, 3) in the camera's frame, every third drawn pixel.

    `center_px` (2,): principal point. None where nothing of the head is in front of the camera.
    """
    triangles = skin_triangles(template)
    full = focal_px * vertices_camera[:, :2] / vertices_camera[:, 2:] + center_px
    low = full.min(axis=0)
    scale = DRAWN_HEIGHT_PX / np.ptp(full[:, 1])
    drawn = (full - low) * scale + MARGIN_PX
    size = np.ceil(drawn.max(axis=0)).astype(int) + MARGIN_PX
    raster = rasterize(
        drawn, vertices_camera[:, 2], triangles, (int(size[0]), int(size[1])), cull_back=True
    )
    contour = _contour_at(raster.covered, None)
    if contour is None:
        return None
    contour = contour[::CONTOUR_STEP]
    coverage = cv2.GaussianBlur(raster.covered.astype(np.float32), (0, 0), 2.0)
    normal, _ = _outward(coverage, contour)
    column, row = (contour - 0.5).astype(int).T
    corners = triangles[raster.triangle[row, column]]
    weights = raster.barycentric[row, column].astype(np.float64)
    # A pixel on the border has its centre half a pixel within the true edge, on average.
    edge = contour + 0.5 * np.abs(normal).max(axis=1, keepdims=True) * normal
    below = template.bone_weights[[BONES.index("neck"), BONES.index("root")]].sum(axis=0)
    neck = (weights * below[corners]).sum(axis=1)
    ear = (weights * region(template, "ears")[corners]).sum(axis=1)
    points = (edge - MARGIN_PX) / scale + low
    outline = HeadOutline(corners, weights, points, normal, neck >= MAX_NECK_WEIGHT, ear > INSIDE)
    return outline.at(neck < MAX_BOUNDED_NECK_WEIGHT)


def pair(head: HeadOutline, person: Outline, gate_px: float) -> Pairing:
    """Each head point with the nearest person point within the gate whose normal agrees."""
    tree = cKDTree(person.points_px)
    distance, index = tree.query(head.points_px, k=CANDIDATES, distance_upper_bound=gate_px)
    reachable = distance < gate_px
    index = np.where(reachable, index, 0)
    agrees = np.einsum("nc,nkc->nk", head.normal, person.normal[index]) > MIN_NORMAL_COSINE
    usable = reachable & agrees
    first = usable.argmax(axis=1)
    paired = usable.any(axis=1)
    chosen = index[np.arange(len(index)), first][paired]
    return Pairing(
        head.at(paired), person.points_px[chosen], person.normal[chosen], person.shows[chosen]
    )


def outline_observation(
    frame: int,
    pairing: Pairing,
    head: LinearHead,
    px_per_m: float,
    gate_m: float,
    sigma_m: float,
) -> Observation:
    """The pairing as an observation that pulls along the person's outward normal.

    Skin's outline pulls both ways, hair's only what has come too near to it, that of skin under
    hair or clothes what does not reach it, and ears and neck beyond it a little.
    """
    hair, gap_px = pairing.shows == HAIR, pairing.gap_px
    covered = np.isin(pairing.shows, (UNDER_HAIR, UNDER_CLOTHES))
    depth_px = np.where(hair, HAIR_DEPTH_M * px_per_m, 0.0)
    on_neck, on_ear = pairing.head.on_neck, pairing.head.on_ear
    pulls = (pairing.shows == SKIN) | (hair & (gap_px > -depth_px))
    ends = (on_neck | on_ear) & (gap_px < MAX_UNCOVERED_M * px_per_m)
    pulls |= covered & ((gap_px < 0.0) | ends)
    loose = (on_neck | (covered & (gap_px > 0.0)))[pulls]
    points, normal = pairing.head.at(pulls), pairing.normal[pulls]
    sigma_px = sigma_m * px_per_m * np.where(loose, LOOSE_SIGMA_FACTOR, 1.0)
    return Observation(
        frame=frame,
        points=head.points(points.corners, points.weights),
        target_px=pairing.target_px[pulls] - depth_px[pulls, None] * normal,
        sigma_px=sigma_px,
        cauchy=CAUCHY_SHARE_OF_GATE * gate_m / sigma_m,
        normal=normal,
    )


def _shown_at(labels: Pixels, points_px: FloatArray, normal: FloatArray, px_per_m: float) -> Pixels:
    """(N,) what ends at outline points (N, 2) before the background; UNSURE: something else."""
    away = LABEL_DISTANCE_M * px_per_m * normal
    within, beyond = label_at(labels, points_px - away), label_at(labels, points_px + away)
    bounds = np.isin(within, (SKIN, HAIR)) & (beyond == BACKGROUND)
    return np.where(bounds, within, UNSURE).astype(np.uint8)


def _contour_at(inside: BoolArray, point_px: FloatArray | None) -> FloatArray | None:
    """The longest outer border (N, 2) as pixel centres; of the part round a point if given."""
    borders, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if point_px is not None:
        at = (float(point_px[0]), float(point_px[1]))
        borders = [b for b in borders if cv2.pointPolygonTest(b, at, False) >= 0]
    if not borders:
        return None
    return max(borders, key=len)[:, 0].astype(np.float64) + 0.5


def _outward(field: FloatArray, points_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit direction (N, 2) in which a field falls, and its slope (N,) per pixel."""
    by_x = sample(cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=1 / 8), points_px)
    by_y = sample(cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=1 / 8), points_px)
    slope = np.hypot(by_x, by_y)
    return -np.stack([by_x, by_y], axis=1) / np.maximum(slope, 1e-9)[:, None], slope
