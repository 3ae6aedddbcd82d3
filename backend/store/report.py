"""What a run did, in figures and pictures: `report/report.json` and PNG sheets.

Pictures: `frames.png` (chosen frames), `overlay.png` (mesh on the frames from right to left),
`labels.png` (skin, hair, clothes and other in them), `coverage.png` (what was filmed),
`versions.png` (filmed beside the three texture versions).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.bundle import AvatarFolder, damaged
from studio_avatar_addon.avatar.files import read_json, write_json
from studio_avatar_addon.avatar.frames import head_turn_rad
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import (
    Capture,
    FaceTrack,
    FloatArray,
    HeadFit,
    IntArray,
    Progress,
    Results,
    TextureSet,
)

from ..geometry.raster import interpolate_vertices, rasterize_uv
from ..imaging.image_files import (
    load_frame_srgb,
    load_labels,
    pixels_8bit,
    read_image_8bit,
    srgb_from_linear,
    write_png,
)
from ..imaging.label_picture import label_picture
from ..stages.frame_sampling.frame_sampler import Frames
from ..stages.frame_sampling.posed_head import pose_head, render_texture
from ..stages.frame_sampling.subsample import subsample
from ..stages.phone_texture.common_light import CommonLight
from ..stages.phone_texture.fidelity import measure_fidelity

# The sheets: readable at a glance, a few hundred kilobytes each.
PICTURE_HEIGHT = 480
OVERLAY_FRAMES = 6
VERSION_FRAMES = 3
OUTLINE_COLOUR, BEYOND_COLOUR = (255, 60, 60), (40, 40, 40)


def write_report(
    folder: Path, results: Results, template: HeadTemplate, progress: Progress
) -> None:
    """Write figures and pictures of a run."""
    write_json(folder / "report.json", figures(results, template))
    order = _order_by_yaw(results.fit)
    pictures = {
        "frames.png": lambda: _frames_sheet(results, order),
        "overlay.png": lambda: overlay_sheet(results.capture, results.track, results.fit, template),
        "labels.png": lambda: _labels_sheet(results, subsample(order, OVERLAY_FRAMES)),
        "alignment.png": lambda: _alignment_sheet(results),
        "coverage.png": lambda: _coverage_sheet(results),
        "versions.png": lambda: _versions_sheet(
            results, template, subsample(order, VERSION_FRAMES)
        ),
    }
    for count, (name, draw) in enumerate(pictures.items()):
        progress(count, len(pictures), name)
        write_png(folder / name, draw())


def read_report(avatar: AvatarFolder) -> dict[str, Any]:
    """The figures of an avatar's current run. Raises AvatarFolderError where they are damaged."""
    path = avatar.file("report/report.json")
    try:
        figures = read_json(path)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    if not isinstance(figures, dict):
        raise damaged(path, ValueError("it holds no figures by name"))
    return figures


def figures(results: Results, template: HeadTemplate) -> dict[str, Any]:
    """Plain values: residuals in px, angles in degrees, coverage in percent."""
    fit, capture = results.fit, results.capture
    findings = {
        finding.code: finding.message
        for value in (capture, results.track, fit, *results.textures, results.performance)
        for finding in value.findings
    }
    fidelity = measure_fidelity(
        results.phone,
        Frames.of(capture, results.track, fit, template),
        CommonLight.of(results.light, template),
    )
    return {
        "frames_in_clip": len(capture.time_s),
        **fit_figures(fit, capture),
        "coverage_percent": {
            "face": round(coverage_percent(results.phone, template, "face"), 1),
            "cranium": round(coverage_percent(results.phone, template, "cranium"), 1),
            "neck": round(coverage_percent(results.phone, template, "neck"), 1),
        },
        "evened": _exposure_spread(
            (capture.frame_gain * np.exp(-results.light.exposure_log))[fit.frame_used]
        ),
        "hair_filmed_srgb": _hair_srgb(results.phone),
        "light_stands_still_with_the": results.light.moves_with,
        "phone_texture": {
            "sharpness": round(float(np.median(fidelity.sharpness)), 2),
            "psnr_db": round(float(np.median(fidelity.psnr_db)), 1),
        },
        "findings": findings,
    }


def _exposure_spread(gain: FloatArray) -> dict[str, float]:
    """By how much the frames' exposure and white balance were evened out; `gain` (K, 3)."""
    stops = np.log2(gain.mean(axis=1))
    tint = gain[:, 0] / gain[:, 2]
    return {
        "exposure_stops": round(float(np.ptp(stops)), 2),
        "red_over_blue_percent": round(100.0 * float(tint.max() / tint.min() - 1.0), 1),
    }


def _hair_srgb(phone: TextureSet) -> list[float] | None:
    """None: no hair seen."""
    hair = phone.hair_linear
    if hair is None:
        return None
    return [round(float(channel), 3) for channel in srgb_from_linear(hair)]


def fit_figures(fit: HeadFit, capture: Capture) -> dict[str, Any]:
    """Plain values of the fit alone."""
    used = fit.frame_used
    yaw_deg = np.degrees(head_turn_rad(fit.camera_from_head[used])[:, 0])
    return {
        "frames_chosen": len(capture.frame_index),
        "frames_left_out": {
            str(frame): why
            for frame, why in zip(capture.frame_index, fit.left_out, strict=True)
            if why
        },
        "residual_px": {
            name: _median_and_p90(values[used])
            for name, values in (
                ("landmarks", fit.landmark_px),
                ("outline", fit.outline_px),
                ("tracks", fit.track_px),
            )
        },
        "focal_px": round(fit.camera.focal_px[0], 1),
        "focal_sd_percent": round(100.0 * fit.focal_log_sd, 2),
        "yaw_deg": [round(float(yaw_deg.min()), 1), round(float(yaw_deg.max()), 1)],
    }


def _median_and_p90(values: FloatArray) -> dict[str, float] | None:
    """Over frames; None where no frame shows anything of the kind."""
    detected = values[np.isfinite(values)]
    if not len(detected):
        return None
    return {
        "median": round(float(np.median(detected)), 2),
        "p90": round(float(np.percentile(detected, 90)), 2),
    }


def coverage_percent(textures: TextureSet, template: HeadTemplate, region: str) -> float:
    """Share of a region's texels that were really filmed, in percent."""
    size = min(textures.size, 512)
    raster = rasterize_uv(template.triangle_uv, size)
    weight = interpolate_vertices(raster, template.triangles, template.region(region)[:, None])
    coverage = cv2.resize(textures.coverage, (size, size), interpolation=cv2.INTER_AREA)
    inside = weight[..., 0] > 0.5
    return 100.0 * float(coverage[inside].mean()) if inside.any() else 0.0


def _order_by_yaw(fit: HeadFit) -> NDArray[np.intp]:
    """(K,) chosen frames by yaw."""
    return np.argsort(head_turn_rad(fit.camera_from_head)[:, 0])


def _frames_sheet(results: Results, order: NDArray[np.intp]) -> NDArray[np.uint8]:
    thumbnails = [
        draw_label(_frame(results, k, PICTURE_HEIGHT // 2), f"{results.capture.frame_index[k]}")
        for k in map(int, order)
    ]
    return _grid(thumbnails, columns=7)


def _labels_sheet(results: Results, chosen: IntArray) -> NDArray[np.uint8]:
    """Frames above what each of their pixels was taken for."""
    capture, track = results.capture, results.track
    tiles = []
    for k in map(int, chosen):
        frame = read_image_8bit(capture.frame_paths[k])
        both = np.concatenate([frame, label_picture(frame, load_labels(track, k))])
        tile = _resize_to_height(both, 2 * PICTURE_HEIGHT)
        tiles.append(draw_label(tile, f"frame {capture.frame_index[k]}"))
    return _grid(tiles, columns=len(tiles))


def overlay_sheet(
    capture: Capture, track: FaceTrack, fit: HeadFit, template: HeadTemplate
) -> NDArray[np.uint8]:
    """(H, W, 3) the fitted head over OVERLAY_FRAMES frames from one side to the other."""
    chosen = subsample(_order_by_yaw(fit), OVERLAY_FRAMES).tolist()
    return _grid([_overlay(capture, track, fit, template, k) for k in chosen], columns=3)


def _overlay(
    capture: Capture, track: FaceTrack, fit: HeadFit, template: HeadTemplate, k: int
) -> NDArray[np.uint8]:
    """Outline, wire and landmarks of the fit on one frame."""
    posed = pose_head(fit, k, template)
    raster = posed.raster
    picture = pixels_8bit(load_frame_srgb(capture, k))
    quad = posed.opaque_triangles[raster.triangle] // 2
    wire = np.zeros(raster.triangle.shape, bool)
    wire[:, 1:] |= quad[:, 1:] != quad[:, :-1]
    wire[1:] |= quad[1:] != quad[:-1]
    wire &= raster.covered
    picture[wire] = (0.6 * picture[wire] + 0.4 * np.array([90, 220, 255])).astype(np.uint8)
    thickness = max(1, picture.shape[0] // 400)
    inside = raster.covered.astype(np.uint8)
    # Where the picture ends, the head does not: erosion takes the outside for the head's inside.
    core = cv2.erode(inside, np.ones((2 * thickness + 1,) * 2, np.uint8))
    picture[raster.covered & (core == 0)] = OUTLINE_COLOUR
    points = fit.camera.project(template.landmarks_m(posed.vertices_camera))
    for detected, modelled in zip(track.frame_landmarks_px[k], points, strict=True):
        if np.isfinite(detected).all():
            cv2.line(picture, _to_pixel(detected), _to_pixel(modelled), (255, 230, 0), thickness)
            cv2.circle(picture, _to_pixel(detected), thickness, (60, 255, 60), -1)
    terms = {"outline": fit.outline_px[k], "tracks": fit.track_px[k]}
    figures_px = ", ".join(f"{name} {px:.1f} px" for name, px in terms.items() if np.isfinite(px))
    label = f"frame {capture.frame_index[k]}: {fit.left_out[k] or figures_px}"
    return draw_label(_crop_to_head(picture, raster.covered), label)


def _alignment_sheet(results: Results) -> NDArray[np.uint8]:
    """The plain mean of all views, as the fit alone lays them and after their slides."""
    both = results.phone.alignment_srgb
    assert both is not None  # the phone texture's stage always draws it
    sides = np.split(pixels_8bit(both), 2, axis=1)
    titles = ("views as the fit lays them", "and aligned")
    return _grid([draw_label(side, title) for side, title in zip(sides, titles, strict=True)], 2)


def _coverage_sheet(results: Results) -> NDArray[np.uint8]:
    size = (PICTURE_HEIGHT, PICTURE_HEIGHT)
    phone = results.phone
    views = np.minimum(phone.view_count.astype(np.float32) / max(phone.view_count.max(), 1), 1)
    tiles: list[NDArray[np.uint8]] = []
    for title, values in (
        ("seen", phone.coverage), ("confidence", phone.confidence), ("views", views)
    ):  # fmt: skip
        small = cv2.resize(pixels_8bit(values), size, interpolation=cv2.INTER_AREA)
        coloured = cv2.applyColorMap(small, cv2.COLORMAP_VIRIDIS)
        tiles.append(draw_label(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), title))
    for textures in results.textures:
        small = cv2.resize(textures.base_color_srgb, size, interpolation=cv2.INTER_AREA)
        tiles.append(draw_label(pixels_8bit(small), textures.origin))
    return _grid(tiles, columns=3)


def _versions_sheet(
    results: Results, template: HeadTemplate, chosen: IntArray
) -> NDArray[np.uint8]:
    """One row a frame: filmed, then each texture version unlit through the same camera."""
    tiles: list[NDArray[np.uint8]] = []
    for k in map(int, chosen):
        posed = pose_head(results.fit, k, template)
        frame = pixels_8bit(load_frame_srgb(results.capture, k))
        inside = posed.raster.covered
        tiles.append(draw_label(_crop_to_head(frame, inside), "filmed"))
        for textures in results.textures:
            view = pixels_8bit(render_texture(posed, template, textures.base_color_srgb))
            tiles.append(draw_label(_crop_to_head(view, inside), textures.origin))
    return _grid(tiles, columns=1 + len(results.textures))


def _frame(results: Results, k: int, height: int) -> NDArray[np.uint8]:
    return _resize_to_height(pixels_8bit(load_frame_srgb(results.capture, k)), height)


def _resize_to_height(picture: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _crop_to_head(picture: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The square round the head, with some air, as a tile."""
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    if not len(rows):
        return _resize_to_height(picture, PICTURE_HEIGHT)
    centre = np.array([rows[0] + rows[-1], columns[0] + columns[-1]]) / 2
    half = 0.55 * max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    size = (round(2 * half), round(2 * half))
    shift = np.array([[1, 0, half - centre[1]], [0, 1, half - centre[0]]])
    square = cv2.warpAffine(picture, shift, size, borderValue=BEYOND_COLOUR)
    return _resize_to_height(square.astype(np.uint8), PICTURE_HEIGHT)


def _to_pixel(point: FloatArray) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def draw_label(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with a line of text in its corner."""
    picture = np.ascontiguousarray(picture)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            picture, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA
        )
    return picture


def _grid(tiles: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * height, min(columns, len(tiles)) * width, 3), 32, np.uint8)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = tile
    return sheet
