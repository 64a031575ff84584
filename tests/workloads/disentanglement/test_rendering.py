"""The renderer of stand-in images, against geometry that is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.colors import hsv_to_rgb

from workloads.disentanglement.rendering.camera import Camera
from workloads.disentanglement.rendering.mesh import Floats, Mesh, curve_through, ellipsoid, join_meshes, revolve
from workloads.disentanglement.rendering.outlines import cover_pixels, in_disc, in_heart, in_polygon, in_square
from workloads.disentanglement.rendering.rasteriser import fragments_of, render_mesh
from workloads.disentanglement.rendering.rays import Hits, hit_box, hit_disc, hit_plane, hit_sphere, hit_tube
from workloads.disentanglement.rendering.shading import (
    average_samples,
    blend_layers,
    shade_diffuse,
    shade_highlight,
    tinted,
)

CAMERA = Camera(0.4, 0.3, 4.0, 0.7)
AHEAD = Camera(0.0, 0.0, 4.0, 0.7)
"""Looks along y from four before the origin."""


def quad(distance: float, half: float = 1.0, paint: float = 1.0, slope: float = 0.0) -> Mesh:
    """A square of two triangles that faces the camera AHEAD, so far behind the origin, its right side further away."""
    corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
    vertices = np.array([(half * x, distance + slope * half * x, half * z) for x, z in corners])
    return Mesh.of(vertices, np.array([[0, 1, 2], [0, 2, 3]]), paint)


def test_a_triangle_covers_the_pixels_whose_centres_lie_in_it() -> None:
    columns, rows = np.array([[0.0, 0.0, 8.0]]), np.array([[0.0, 8.0, 8.0]])
    found = fragments_of(columns, rows, 10)
    row, column = np.divmod(found.pixel, 10)
    expected = {(r, c) for r in range(8) for c in range(8) if c + 0.5 <= r + 0.5}
    assert set(zip(row.tolist(), column.tolist(), strict=True)) == expected and len(found.pixel) == len(expected)
    # At a pixel's centre the corners' weights give back where it is.
    np.testing.assert_allclose(found.weights.T @ columns[0], column + 0.5)
    np.testing.assert_allclose(found.weights.T @ rows[0], row + 0.5)


def test_a_triangle_is_not_seen_from_behind_nor_one_without_an_area_nor_one_off_the_image() -> None:
    behind = ([0.0, 8.0, 0.0], [0.0, 8.0, 8.0])
    thin = ([0.0, 4.0, 8.0], [0.0, 4.0, 8.0])
    outside = ([-9.0, -9.0, -1.0], [0.0, 8.0, 8.0])
    columns, rows = (np.array(values) for values in zip(behind, thin, outside, strict=True))
    assert len(fragments_of(columns, rows, 10).pixel) == 0


def test_triangles_that_share_edges_leave_no_gap_between_them() -> None:
    turns = 2 * np.pi * np.arange(48) / 48
    rim = np.stack([np.cos(turns), 0 * turns, np.sin(turns)], -1)
    fan = np.stack([np.zeros(48, np.int64), 1 + np.arange(48), 1 + (np.arange(48) + 1) % 48], -1)
    seen = render_mesh(Mesh.of(np.concatenate([np.zeros((1, 3)), rim]), fan), AHEAD, 200)
    radius = 100 / np.tan(0.35) / 4
    assert seen.mask.sum() == pytest.approx(24 * np.sin(2 * np.pi / 48) * radius**2, rel=0.002)
    filled = [row[row.argmax() : len(row) - row[::-1].argmax()].all() for row in seen.mask if row.any()]
    assert all(filled)


def test_what_is_nearer_hides_what_is_further_whichever_comes_first() -> None:
    near, far = quad(-0.5, 0.5, paint=0.25), quad(0.5, 1.0, paint=0.75)
    one, other = (render_mesh(join_meshes(order), AHEAD, 256) for order in ([near, far], [far, near]))
    np.testing.assert_array_equal(one.paint, other.paint)
    image = np.zeros((256, 256))
    image[one.mask] = one.paint.round(9)
    assert image[128, 128] == 0.25 and sorted(np.unique(image)) == [0, 0.25, 0.75]
    # As seen from the pinhole, half a unit at 3.5 and one at 4.5.
    scale = 128 / np.tan(0.35)
    assert (image == 0.25).sum() == pytest.approx((2 * 0.5 * scale / 3.5) ** 2, rel=0.02)
    assert (image > 0).sum() == pytest.approx((2 * 1.0 * scale / 4.5) ** 2, rel=0.02)


def test_surfaces_that_cross_part_where_they_are_equally_far() -> None:
    seen = render_mesh(join_meshes([quad(0.0, 2.0, 0.0, slope=0.5), quad(0.0, 2.0, 1.0, slope=-0.5)]), AHEAD, 100)
    image = np.full((100, 100), np.nan)
    image[seen.mask] = seen.paint.round(9)
    assert (image[:, :50] == 0).all() and (image[:, 50:] == 1).all()


def test_depth_on_a_slanted_surface_is_that_of_the_ray_through_the_pixel() -> None:
    seen = render_mesh(quad(0.3, 1.0, slope=0.8), AHEAD, 60)
    rays = AHEAD.rays(60)[seen.mask]
    hits = hit_plane(AHEAD.position, rays, np.array([0, 0.3, 0]), np.array([0.8, -1, 0]) / np.sqrt(1.64))
    np.testing.assert_allclose(seen.depth, hits.distance * -(rays * AHEAD.axes[2]).sum(-1), rtol=1e-12)


def test_triangles_and_rays_see_the_same_ball() -> None:
    seen = render_mesh(ellipsoid((1, 1, 1), 96), CAMERA, 120)
    hits = hit_sphere(CAMERA.position, CAMERA.rays(120), np.zeros(3), 1.0)
    assert (seen.mask != np.isfinite(hits.distance)).mean() < 0.005
    normals = np.zeros((120, 120, 3))
    normals[seen.mask] = seen.normals
    both = seen.mask & np.isfinite(hits.distance)
    # Degrees between the normals: a triangle is flat, so that near the rim they differ.
    angles = np.degrees(np.arccos(np.clip((normals * hits.normal).sum(-1)[both], -1, 1)))
    assert np.median(angles) < 0.2 and np.quantile(angles, 0.99) < 3


def test_a_camera_projects_a_point_to_the_pixel_whose_ray_meets_it() -> None:
    rays = CAMERA.rays(8).reshape(-1, 3)
    columns, rows, distances = CAMERA.project(CAMERA.position + 3.0 * rays, 8)
    row, column = np.divmod(np.arange(64), 8)
    np.testing.assert_allclose(columns, column + 0.5, rtol=1e-12)
    np.testing.assert_allclose(rows, row + 0.5, rtol=1e-12)
    assert (distances <= 3.0).all()


def test_rays_meet_bodies_where_geometry_says_and_miss_what_is_beside_or_behind() -> None:
    origin, ahead = np.array([0.0, -5.0, 0.5]), np.array([[0.0, 1.0, 0.0]])
    down, away = np.array([0.0, 0.0, -1.0]), np.array([[0.0, -1.0, 0.0]])
    bodies: dict[Callable[[Floats, Floats], Hits], float] = {
        lambda o, d: hit_box(o, d, np.full(3, 0.5), np.array([0, 0, 0.5])): 4.5,
        lambda o, d: hit_tube(o, d, 0.75, 0.0, 1.0): 4.25,
        lambda o, d: hit_sphere(o, d, np.array([0, 0, 0.5]), 1.0): 4.0,
        lambda o, d: hit_plane(o, d, np.array([0, 2.0, 0]), np.array([0, -1.0, 0])): 7.0,
    }
    for hit, distance in bodies.items():
        found = hit(origin, ahead)
        assert found.distance == pytest.approx([distance])
        np.testing.assert_allclose(found.normal, [[0, -1, 0]], atol=1e-12)
        assert np.isinf(hit(origin, away).distance).all()
    above = np.array([[0.5, 0.0, 3.0], [1.5, 0.0, 3.0]])
    assert hit_disc(above, down, 1.0, 1.0).distance.tolist() == [2.0, np.inf]
    assert np.isinf(hit_tube(origin + np.array([0, 0, 1.0]), ahead, 0.75, 0.0, 1.0).distance).all()


def test_a_matt_surface_is_full_bright_towards_the_lamp_and_ambient_away_from_it() -> None:
    lamp = np.array([0.0, 0.0, 1.0])
    normals = np.array([(0, 0, 1.0), (1.0, 0, 0), (0, 0, -1.0), (np.sqrt(0.75), 0, 0.5)])
    np.testing.assert_allclose(shade_diffuse(normals, lamp, 0.2), [1, 0.2, 0.2, 0.6])


def test_a_highlight_is_where_the_surface_mirrors_the_lamp_to_the_viewer() -> None:
    lamp, viewer = np.array([0.6, 0.0, 0.8]), np.array([-0.6, 0.0, 0.8])
    bright = shade_highlight(np.array([(0, 0, 1.0), (1.0, 0, 0), (0, 0, -1.0)]), lamp, viewer, 20.0)
    np.testing.assert_allclose(bright, [1, 0, 0], atol=1e-12)


def test_hues_are_those_of_everybody() -> None:
    hues = np.linspace(0, 1, 37)
    everybody = hsv_to_rgb(np.stack([hues, 0 * hues + 0.7, 0 * hues + 0.9], -1))
    np.testing.assert_allclose(tinted(hues, 0.7, 0.9), everybody, atol=1e-12)


def test_layers_are_blended_by_their_weights_and_stay_within_a_byte() -> None:
    layers = np.array([[[1.0, 0.5, 0.0, 1.0]], [[0.0, 0.5, 1.0, 1.0]]])
    image = blend_layers(layers, np.array([[1.0, 0.0, 0.0], [0.4, 0.0, 1.0]]))
    np.testing.assert_array_equal(image, [[[255, 0, 0], [178, 0, 128], [102, 0, 255], [255, 0, 255]]])


@pytest.mark.parametrize("centre", [(16.0, 16.0), (15.3, 17.8)])
def test_a_disc_covers_its_area_wherever_it_lies(centre: tuple[float, float]) -> None:
    cover = cover_pixels(in_disc, centre, 0.0, 9.7, 32, 8)
    assert cover.sum() == pytest.approx(np.pi * 9.7**2, rel=2e-3)
    rim = (cover > 0) & (cover < 1)
    assert rim.sum() == pytest.approx(8 * 9.7, rel=0.15) and cover.max() == 1


def test_a_figure_turned_by_a_quarter_is_the_turned_image() -> None:
    upright, turned = (cover_pixels(in_heart, (16, 16), angle, 10.0, 32, 4) for angle in (0.0, np.pi / 2))
    assert (np.abs(turned - np.rot90(upright)) > 1e-9).mean() < 0.01
    # A heart is wide above and ends in a point below.
    widths = (upright > 0.5).sum(1)
    assert widths[9] > 15 and widths[24] < 6


def test_a_polygon_is_inside_its_corners() -> None:
    square = in_polygon(np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]))
    one, other = (cover_pixels(inside, (8, 8), 0.3, 5.0, 16, 4) for inside in (square, in_square))
    np.testing.assert_array_equal(one, other)


def test_surfaces_turn_their_outside_outwards() -> None:
    bottle = revolve(curve_through([(0, 0), (1, 0.2), (0.8, 1), (0, 1.5)], 20))
    a, b, c = (bottle.vertices[bottle.triangles[:, corner]] for corner in range(3))
    # By the divergence theorem the volume that triangles enclose is positive if they face outwards.
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 > 1
    ball = ellipsoid((2, 1, 0.5), 24)
    assert ((ball.vertices * ball.normals).sum(1) > 0).all()


def test_samples_are_averaged_square_by_square() -> None:
    np.testing.assert_array_equal(average_samples(np.arange(16.0).reshape(4, 4), 2), [[2.5, 4.5], [10.5, 12.5]])
