"""The rasteriser against triangles whose pixels, weights and depths are known."""

from __future__ import annotations

import numpy as np

from backend.geometry.raster import (
    EMPTY,
    interpolate_corners,
    interpolate_vertices,
    rasterize,
    rasterize_uv,
)

SQUARE = np.array([[0, 1, 2], [0, 2, 3]])


def test_square_covers_exactly_its_pixel_centres() -> None:
    points = np.array([[2.0, 1.0], [6.0, 1.0], [6.0, 4.0], [2.0, 4.0]])
    seen = rasterize(points, np.full(4, 2.0), SQUARE, (8, 6)).covered
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:6] = True
    np.testing.assert_array_equal(seen, expected)


def test_nearer_triangle_hides_the_other_whatever_the_order() -> None:
    points = np.tile([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]], (2, 1))
    depth = np.array([3.0, 3.0, 3.0, 2.0, 2.0, 2.0])
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        raster = rasterize(points, depth, np.array(order), (8, 8))
        assert raster.depth[2, 2] == 2.0
        assert order[raster.triangle[2, 2]] == [3, 4, 5]
        assert raster.triangle[7, 7] == EMPTY and np.isinf(raster.depth[7, 7])


def test_weights_are_perspective_correct() -> None:
    camera = np.array([[-1.0, -1.0, 2.0], [1.0, -1.0, 6.0], [0.0, 1.0, 3.0]])
    points = camera[:, :2] / camera[:, 2:] * 100.0 + 50.0
    raster = rasterize(points, camera[:, 2], np.array([[0, 1, 2]]), (100, 100))
    back = interpolate_vertices(raster, np.array([[0, 1, 2]]), camera)
    rows, columns = np.nonzero(raster.covered)
    seen = back[rows, columns]
    pixels = seen[:, :2] / seen[:, 2:] * 100.0 + 50.0
    np.testing.assert_allclose(pixels, np.stack([columns, rows], 1) + 0.5, atol=2e-4)
    np.testing.assert_allclose(seen[:, 2], raster.depth[rows, columns], rtol=1e-5)


def test_faces_behind_the_camera_and_seen_from_behind_are_left_out() -> None:
    points = np.array([[0.0, 0.0], [0.0, 8.0], [8.0, 0.0]])
    outside = np.array([[0, 1, 2]])
    assert not rasterize(points, np.array([1.0, -1.0, 1.0]), outside, (8, 8)).covered.any()
    assert rasterize(points, np.ones(3), outside, (8, 8), cull_back=True).covered.any()
    assert not rasterize(points, np.ones(3), outside[:, ::-1], (8, 8), cull_back=True).covered.any()


def test_atlas_starts_at_the_bottom_left() -> None:
    corner = np.array([[[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]])
    raster = rasterize_uv(corner, 16)
    assert raster.triangle[15, 0] == 0 and raster.triangle[0, 0] == EMPTY
    uv = interpolate_corners(raster, corner)
    np.testing.assert_allclose(uv[15, 0], [0.5 / 16, 0.5 / 16], atol=1e-6)
