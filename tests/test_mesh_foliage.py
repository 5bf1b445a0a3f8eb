"""The plants' texture: leaves in the plants' own colours, on sheets that all levels of detail share."""
from __future__ import annotations

import numpy as np
import pytest

import small_scene
from earthcrafter_core.mesh.planting import leaves, unfold
from earthcrafter_core.mesh.build import build_place
from earthcrafter_core.mesh.planting.crowns import crown_parts
from earthcrafter_core.mesh.planting.foliage import plant_texture
from earthcrafter_core.mesh.reduction.lod import levels
from earthcrafter_core.mesh.options import MeshOptions
from earthcrafter_core.mesh.place import CROWN, Instances, Part, PlaceMesh, Texture
from earthcrafter_core.scene import classes as sem
from earthcrafter_core.scene.colour import srgb_to_linear


def many_plants() -> Instances:
    """Some of each class, in greens around the class's own."""
    rng = np.random.default_rng(3)
    class_id = np.repeat(np.array([sem.BROADLEAF, sem.CONIFER, sem.ORCHARD, sem.SHRUB], np.uint8), 30)
    mean = np.repeat([(74, 95, 59), (42, 55, 35), (88, 104, 56), (79, 100, 61)], 30, axis=0)
    height = np.repeat([8.0, 14.0, 2.4, 0.9], 30)
    return Instances(np.column_stack([rng.uniform(0, 96, (120, 2)), np.zeros(120)]), height.astype(np.float32),
                     np.repeat([7.0, 7.0, 4.4, 2.2], 30).astype(np.float32), rng.uniform(0, 6, 120).astype(np.float32),
                     class_id,
                     np.clip(mean + rng.normal(0, 12, (120, 3)), 20, 160).astype(np.uint8))


def spots(part: Part, rows: np.ndarray, texture: Texture) -> tuple[np.ndarray, np.ndarray]:
    """Mean linear colours of some faces by area, from the texture and from the corner colours."""
    rng = np.random.default_rng(0)
    a, b, c = part.vertices[part.faces[rows]].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    face, share = rows[rng.choice(len(rows), 40_000, p=area / area.sum())], rng.dirichlet([1, 1, 1], 40_000)[:, :, None]
    h, w = texture.color.shape[:2]
    u, v = ((part.uv[face] * share).sum(1) * [w, -h] + [0, h]).astype(int).T
    return (srgb_to_linear(texture.color[v, u]).mean(0), (srgb_to_linear(part.corner_color[face]) * share).sum(1).mean(0))


def test_the_texture_has_leaves_in_the_mean_colours_of_the_corners():
    plan = plant_texture(plants := many_plants())
    texture = plan.paint()
    for part in crown_parts(plants, None, None, texture=plan):
        assert part.texture == "plants" and part.uv.shape == (*part.faces.shape, 2)
        assert part.uv.min() >= 0 and part.uv.max() <= 1 and part.uv.dtype == np.float32
        rgb = part.corner_color.astype(int)
        leafy = np.flatnonzero((rgb[..., 1] > rgb[..., 0]).all(1))
        seen, meant = spots(part, leafy, texture)
        np.testing.assert_allclose(seen, meant, rtol=0.1)
        h, w = texture.color.shape[:2]
        u, v = (part.uv[leafy].mean(1) * [w, -h] + [0, h]).astype(int).T
        assert np.std(texture.color[v, u].astype(float).sum(1)) > 30, "light and shadow between the leaves"


def test_every_plant_has_the_tint_that_is_nearest_to_its_colour():
    plan = plant_texture(plants := many_plants())
    for class_id, tints in plan.tints.items():
        rgb = plants.rgb[plants.class_id == class_id].astype(float)
        tint = plan.tint_of(class_id, rgb)
        assert 2 <= len(tints) <= 4 and set(tint) == set(range(len(tints)))
        assert np.linalg.norm(tints[tint] - rgb, axis=1).mean() < 0.8 * np.linalg.norm(rgb.mean(0) - rgb, axis=1).mean()
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in plan.tiles.values()])
    low, high = np.maximum(boxes[:, None, :2], boxes[:, :2]), np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    assert ((low < high).all(2) == np.eye(len(boxes), dtype=bool)).all(), "tiles do not overlap"
    assert (boxes[:, 2:] <= plan.size).all()


def test_strips_of_leaves_come_again_around_the_crown():
    period = 200  # texels
    for class_id, number, factor in ((sem.BROADLEAF, unfold.SIDE, unfold.OVER), (sem.CONIFER, unfold.LOW, unfold.CONE_OVER)):
        width = round(period * factor) + 2 * leaves.BORDER
        sheet = leaves.sheet_of(class_id, number, width, 160).factor
        np.testing.assert_allclose(sheet[:, leaves.BORDER:40], sheet[:, leaves.BORDER + period:40 + period], rtol=0.02)
        assert np.abs(sheet[:, leaves.BORDER:40] - sheet[:, leaves.BORDER + 60:100]).mean() > 0.05


def test_the_texture_is_the_same_again_and_smaller_for_fewer_texels():
    plants = many_plants()
    plan = plant_texture(plants)
    assert plan.paint().color.tobytes() == plant_texture(plants).paint().color.tobytes()
    small = plant_texture(plants, 4.0)
    assert np.prod(small.size) < 0.35 * np.prod(plan.size) and small.paint().color.any(2).mean() > 0.5


def test_levels_of_detail_keep_the_texture():
    plan = plant_texture(plants := many_plants())
    place = PlaceMesh(crown_parts(plants, None, None, texture=plan), {"plants": plan.paint()}, plants, leaves=plan)
    for level in levels(place, 3)[1:]:
        for part in level.parts:
            assert part.texture == "plants" and part.uv is not None and 0 <= part.uv.min() <= part.uv.max() <= 1
            rgb = part.corner_color.astype(int)
            seen, meant = spots(part, np.flatnonzero((rgb[..., 1] > rgb[..., 0]).all(1)), place.textures["plants"])
            np.testing.assert_allclose(seen, meant, rtol=0.35)  # the same tint


@pytest.mark.parametrize("colours", ["texture", "vertex"])
def test_a_place_has_the_texture_where_textures_are_asked_for(colours):
    voxels, splats, _ = small_scene.scene()
    place = build_place(voxels, splats, MeshOptions(colours=colours, texels=2.0))
    crown, = (part for part in place.parts if part.kind == CROWN)
    assert (crown.uv is not None) == ("plants" in place.textures) == (crown.texture == "plants") == (colours == "texture")


def test_painting_leaves_can_be_ended():
    def stop() -> None:
        raise InterruptedError
    with pytest.raises(InterruptedError):
        plant_texture(many_plants()).paint(stop)
