"""Synthetic training scenes: plan, form, voxels, colours."""
from __future__ import annotations

import numpy as np

from ...errors import BadInput
from ...scene import classes as c
from ...scene.voxels import GROUND_INDEX, index_to_height, tangent_frame
from ..shell import MAX_INDEX, Shell, build_shell
from ..training_scene import OFFSET_UNIT, SUBSAMPLES, TrainingScene
from . import colour, ground
from .canvas import Canvas
from .form import Solid, build_solid, roof_slope
from .relief import relief
from .style import draw_style
from .themes import THEMES

LICENCE = "GPL-3.0-or-later (generated)"


def make_scene(seed: int, size: int = 256, theme: str | None = None) -> TrainingScene:
    """A synthetic scene of size x size metres at 1 m voxels; the same for the same arguments.

    Args:
        seed: any whole number from 0.
        size: metres a side, a multiple of 8, at least 64.
        theme: one of THEMES, or None: drawn by the seed.

    Raises:
        BadInput: an unknown theme or a size that is no multiple of 8.

    Example:
        >>> make_scene(3, 64, "village").layout.shape
        (64, 64)
    """
    if size % 8 or size < 64:
        raise BadInput(f"A synthetic scene of {size} m cannot be made.", "Give a multiple of 8 from 64.")
    if theme is not None and theme not in THEMES:
        raise BadInput(f"There is no theme '{theme}'.", f"Choose one of: {', '.join(THEMES)}.")
    rng = np.random.default_rng(seed)
    drawn = _draw_theme(rng)
    theme = theme or drawn
    canvas = Canvas(rng, size, draw_style(rng))
    THEMES[theme].plan(canvas)
    canvas.ground += np.clip(0.07 * canvas.noise.plane(canvas.n, canvas.n, 16.0, 7), -0.15, 0.15) * \
        ~c.is_in(canvas.cover, np.array([c.WATER, c.POOL, c.ROAD, c.PARKING, c.SPORTS]))
    solid = build_solid(canvas)
    shell = build_shell(solid.surfaces)
    _add_trunks(canvas, solid, shell)
    tree, wall = _refine(canvas, solid, shell)
    rgb = _colours(canvas, solid, shell, tree, wall)
    return _assemble(shell, rgb, solid, relief(rng, size, THEMES[theme].hills, canvas),
                     {"name": f"synthetic_{seed:07d}", "theme": theme, "seed": seed, "source": "synthetic",
                      "licence": LICENCE})


def _draw_theme(rng: np.random.Generator) -> str:
    names = list(THEMES)
    share = np.array([THEMES[name].share for name in names])
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def _add_trunks(canvas: Canvas, solid: Solid, shell: Shell) -> None:
    """Thin trunks from the ground to the crown at the middle of trees whose crown hangs clear."""
    size = canvas.size
    key = set()
    parts: list[tuple[int, int, int]] = []
    zg = np.floor(solid.surfaces.ground + 0.5).astype(int) + GROUND_INDEX
    for k, (x, y, height, _, class_id) in enumerate(canvas.trees):
        row, col = int(size - y), int(x)
        if not (0 <= row < size and 0 <= col < size) or solid.tree[row, col] != k:
            continue
        low = zg[row, col] + 1
        top = low + max(1, int(0.4 * height))
        if class_id == c.ORCHARD or (row, col) in key or top >= GROUND_INDEX + int(solid.surfaces.top[row, col]):
            continue
        key.add((row, col))
        parts += [(row, col, z) for z in range(low, top)]
    if not parts:
        return
    new = np.array(parts)
    shell.row = np.concatenate([shell.row, new[:, 0]])
    shell.col = np.concatenate([shell.col, new[:, 1]])
    shell.z = np.concatenate([shell.z, new[:, 2]])
    m = len(new)
    shell.class_id = np.concatenate([shell.class_id, solid.surfaces.layout[new[:, 0], new[:, 1]]])
    south = np.tile(np.array([[0.0, -1.0, 0.0]], np.float32), (m, 1))
    shell.normal = np.concatenate([shell.normal, south])
    shell.offset = np.concatenate([shell.offset, np.zeros((m, 3), np.float32)])
    shell.side = np.concatenate([shell.side, np.ones(m, bool)])
    shell.depth = np.concatenate([shell.depth, np.full(m, 99, np.float32)])
    keys = (shell.row * size + shell.col) * (MAX_INDEX + 1) + shell.z
    _, first = np.unique(keys, return_index=True)
    for name in Shell.__dataclass_fields__:
        setattr(shell, name, getattr(shell, name)[first])


def _refine(canvas: Canvas, solid: Solid, shell: Shell) -> tuple[np.ndarray, np.ndarray]:
    """Exact normals and offsets of walls, roofs and crowns; masks of crown voxels and walls."""
    size = canvas.size
    row, col = shell.row, shell.col
    x, y = col + 0.5, size - 0.5 - row
    height = index_to_height(shell.z)
    wing = solid.wing[row, col]
    table = colour.wing_table(solid, canvas)
    house = wing >= 0
    wall = house & shell.side
    if wall.any():
        nx, ny, distance, _ = colour.wall_faces(table, wing[wall], x[wall], y[wall])
        shell.normal[wall] = np.stack([nx, ny, np.zeros_like(nx)], 1)
        reach = 0.49 / np.maximum(np.maximum(np.abs(nx), np.abs(ny)), 1e-6)
        step = np.clip(distance, -reach, reach)
        shell.offset[wall] = np.stack([nx * step, ny * step, np.zeros_like(nx)], 1)
    roof = house & ~shell.side
    for k in np.unique(wing[roof]) if roof.any() else ():
        part = solid.wings[k][1]
        if part.roof == "flat":
            shell.normal[roof & (wing == k)] = (0, 0, 1)
    _roof_normals(solid, shell, roof, wing, x, y)
    raised = shell.z > np.floor(solid.surfaces.ground[row, col] + 0.5) + GROUND_INDEX
    tree = raised & (solid.tree[row, col] >= 0) & ~house & (shell.depth < 90)
    if tree.any():
        trees = np.array(canvas.trees, np.float32).reshape(-1, 5)[solid.tree[row[tree], col[tree]]]
        dx, dy = x[tree] - trees[:, 0], y[tree] - trees[:, 1]
        cone = trees[:, 4] == c.CONIFER
        lift = np.where(cone, 0.35 * np.hypot(dx, dy) + 0.3,
                        (height[tree] - 0.44 * trees[:, 2]) * (trees[:, 3] / (0.56 * trees[:, 2])) ** 2)
        lump = canvas.noise.at(x[tree], y[tree] + height[tree], 2.0, 5) * 0.25
        n = np.stack([dx + lump * trees[:, 3], dy - lump * trees[:, 3], np.maximum(lift, 0.05 * trees[:, 3])], 1)
        shell.normal[tree] = n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-6)
        flank = shell.side[tree]
        shell.offset[np.flatnonzero(tree)[flank]] = 0
    return tree, wall


def _roof_normals(solid: Solid, shell: Shell, roof: np.ndarray, wing: np.ndarray, x: np.ndarray,
                  y: np.ndarray) -> None:
    order = np.flatnonzero(roof)
    order = order[np.argsort(wing[order], kind="stable")]
    if not len(order):
        return
    numbers, start = np.unique(wing[order], return_index=True)
    for k, rows in zip(numbers, np.split(order, start[1:]), strict=True):
        part = solid.wings[k][1]
        su, sv = roof_slope(part, *part.local(x[rows], y[rows]))
        cos, sin = np.cos(part.angle), np.sin(part.angle)
        n = np.stack([-(su * cos - sv * sin), -(su * sin + sv * cos), np.ones(len(rows))], 1)
        shell.normal[rows] = n / np.linalg.norm(n, axis=1, keepdims=True)


def _colours(canvas: Canvas, solid: Solid, shell: Shell, tree: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """sRGB of the four samples of each voxel, uint8 [N, 4, 3]."""
    size, n = canvas.size, canvas.n
    row, col = shell.row, shell.col
    points = _samples(shell, size)  # [N, 4, 3], z above ground
    albedo = ground.ground_colours(canvas)
    i = np.clip(((size - points[..., 1]) * 2).astype(np.int64), 0, n - 1)
    j = np.clip((points[..., 0] * 2).astype(np.int64), 0, n - 1)
    rgb = albedo[i, j]
    wing = solid.wing[row, col]
    table = colour.wing_table(solid, canvas)
    roof = (wing >= 0) & ~wall
    if roof.any():
        rgb[roof] = colour.roofs(table, wing[roof], points[roof], canvas)
    if wall.any():
        face = colour.wall_faces(table, wing[wall], col[wall] + 0.5, size - 0.5 - row[wall])[3]
        rgb[wall] = colour.facade(table, wing[wall], points[wall], face, canvas)
    deck = (shell.class_id == c.BRIDGE) & (solid.deck[row, col] >= 0)
    if deck.any():
        rgb[deck] = colour.decks(canvas, solid.deck[row[deck], col[deck]], points[deck], shell.side[deck])
    if tree.any():
        number = solid.tree[row[tree], col[tree]]
        tall = np.array([t[2] for t in canvas.trees], np.float32)[number][:, None]
        rgb[tree] = colour.crowns(canvas, number, points[tree], points[tree][..., 2] / tall)
    rgb[shell.depth >= 90] = (92, 78, 64)
    top = solid.surfaces.top
    dark = np.clip(colour.SHADOW * ground.shadow(top, canvas.style.sun), 0, 1)
    open_sky = ground.occlusion(top)
    light = np.where(shell.side, 1.0, 1 - dark[row, col]) * np.where(shell.side, 0.95, open_sky[row, col])
    under = ~shell.side & (shell.depth > 1.5) & (shell.depth < 90)  # ground below crowns and decks
    light = np.where(under, 0.62, light)
    soft = np.where(tree, 0.75, 1.0)
    light = light * (1 + soft * (colour.sunlight(shell.normal, canvas.style.sun) - 1))
    rgb = rgb * (light[:, None, None] * canvas.style.exposure)
    grey = rgb.mean(2, keepdims=True)
    rgb = rgb + (grey * 0.6 + 128 * 0.4 - rgb) * canvas.style.haze
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)


def _samples(shell: Shell, size: int) -> np.ndarray:
    u, v = tangent_frame(shell.normal)
    centre = np.stack([shell.col + 0.5, size - 0.5 - shell.row, index_to_height(shell.z)], 1) + shell.offset
    return (centre[:, None] + SUBSAMPLES[None, :, :1] * u[:, None] + SUBSAMPLES[None, :, 1:] * v[:, None])


def _assemble(shell: Shell, rgb: np.ndarray, solid: Solid, elevation: np.ndarray, meta: dict) -> TrainingScene:
    size = solid.surfaces.layout.shape[0]
    coords = np.stack([shell.col, size - 1 - shell.row, shell.z], 1)
    order = np.lexsort((coords[:, 2], coords[:, 1], coords[:, 0]))
    normal = shell.normal / np.maximum(np.linalg.norm(shell.normal, axis=1, keepdims=True), 1e-6)
    return TrainingScene(
        coords[order].astype(np.int16), shell.class_id[order].astype(np.uint8),
        np.round(normal[order] * 127).astype(np.int8),
        np.clip(np.round(shell.offset[order] * OFFSET_UNIT), -50, 50).astype(np.int8), rgb[order],
        np.ones(len(order), bool), solid.surfaces.layout.astype(np.uint8), solid.surfaces.top.astype(np.float16),
        elevation.astype(np.float32), 1.0, meta)
